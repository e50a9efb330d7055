"""What a poll costs in which nothing is new: requests, reads, writes, processor time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from statistics import mean

from benchmarks.bench import Bench, Outcome, at_most, pairs
from benchmarks.bundles import Bundle
from benchmarks.stack import PLENTY, Stack, stack

IDLE = timedelta(hours=25)


def counts(bench: Bench) -> Iterator[Outcome]:
    """An hour without news after a day without any."""
    polls = 3 if bench.quick else 60
    for count in (10,) if bench.quick else (100, 1_000):
        old, now = (_hour(bench, bundle, count, polls) for bundle in bench.both)
        case = f"{count:,} runs"
        yield Outcome(
            f"{case}: requests beyond the lists, per run",
            f"1.0.0: {old['beyond']:.3f}",
            f"{now['beyond']:.3f}",
            "≤ 0.02",
            at_most(now["beyond"], 0.02),
        )
        yield Outcome(
            f"{case}: read units a poll",
            f"1.0.0: {old['reads']:,.1f}",
            f"{now['reads']:,.1f}",
            "not per run (≤ 10 + 0.02 × runs)",
            at_most(now["reads"], 10 + 0.02 * count),
        )
        yield Outcome(
            f"{case}: writes a poll",
            f"1.0.0: {old['writes']:.1f}",
            f"{now['writes']:.1f}",
            "2, and one per 10 s",
            at_most(now["writes"], 2 + now["seconds"] / 10),
        )


def cpu(bench: Bench) -> Iterator[Outcome]:
    """A hundred runs, over HTTPS."""
    count = 5 if bench.quick else 100
    with stack(bench.old, bench.python, tls=True) as old, stack(bench.now, bench.python, tls=True) as now:
        for up in (old, now):
            up.testmo.add_project(count)
            up.settle(idle=IDLE)
        measured = pairs(lambda: _cpu(old), lambda: _cpu(now), 2 if bench.quick else 60)
    base, told = measured.told()
    yield Outcome(f"{count} runs", f"1.0.0: {base}", told, "≤ 0.30 ×", at_most(measured.ratio, 0.30))


def growth(bench: Bench) -> Iterator[Outcome]:
    """Ten times as many runs, with a budget that lists them all."""
    few, many = (5, 50) if bench.quick else (1_000, 10_000)
    ratios = {}
    for bundle in bench.both:
        bench.say(f"{bundle.name}: {few:,} and {many:,} runs")
        variables = {"REQUESTS_PER_MINUTE": str(PLENTY)}
        with (
            stack(bundle, bench.python, variables=variables) as small,
            stack(bundle, bench.python, variables=variables) as large,
        ):
            for up, count in ((small, few), (large, many)):
                up.testmo.add_project(count)
                up.settle(idle=IDLE, budget=str(PLENTY))
            ratios[bundle.name] = pairs(lambda: _cpu(small), lambda: _cpu(large), 2 if bench.quick else 15)
    old, now = ratios[bench.old.name], ratios[bench.now.name]
    yield Outcome(
        f"from {few:,} to {many:,} runs",
        f"1.0.0: {old.ratio:.1f} ×",
        f"{now.ratio:.1f} × ({now.told()[0]} to {now.told()[1].partition(',')[0]})",
        "≤ 10 ×",
        at_most(now.ratio, 10),
    )


def _cpu(up: Stack) -> float:
    return up.poll().run.cpu


def _hour(bench: Bench, bundle: Bundle, count: int, polls: int) -> dict[str, float]:
    bench.say(f"{bundle.name}: {count:,} quiet runs")
    with stack(bundle, bench.python) as up:
        up.testmo.add_project(count)
        up.settle(idle=IDLE)
        polled = [up.poll() for _ in range(polls)]
    return {
        "beyond": mean((len(one.requests) - one.lists) / count for one in polled),
        "reads": mean(one.usage.read_units for one in polled),
        "writes": mean(one.usage.writes for one in polled),
        "seconds": mean(one.run.seconds for one in polled),
    }
