"""What known failing tests cost in quiet polls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from benchmarks.bench import MIB, Bench, Outcome, Pairs, at_most, pairs
from benchmarks.bundles import Bundle
from benchmarks.stack import Stack, stack

IDLE = timedelta(hours=25)
HOUR = 60  # polls in which each run has its turn once; a quarter of them has more turns at one time than at another


def measure(bench: Bench) -> Iterator[Outcome]:
    """A thousand runs with two hundred each, beside a thousand with none."""
    runs, tests = (5, 3) if bench.quick else (1_000, 200)
    (old, old_peak), (now, now_peak) = (_known(bench, bundle, runs, tests) for bundle in bench.both)
    case = f"{runs:,} runs with {tests} each"
    yield Outcome(
        f"{case}: the most memory",
        f"1.0.0: {old_peak:.0f} MiB",
        f"{now_peak:.0f} MiB",
        "≤ 100 MiB",
        at_most(now_peak, 100),
    )
    yield Outcome(
        f"{case}: processor time against none known",
        f"1.0.0: {old.ratio:.2f} ×",
        f"{now.ratio:.2f} × ({now.told()[1].partition(',')[0]})",
        "≤ 1.5 ×",
        at_most(now.ratio, 1.5),
    )


def _known(bench: Bench, bundle: Bundle, runs: int, tests: int) -> tuple[Pairs, float]:
    bench.say(f"{bundle.name}: {runs:,} runs with {tests} known failing tests each")
    peaks = []
    with stack(bundle, bench.python) as none, stack(bundle, bench.python) as many:
        for up, known in ((none, 0), (many, tests)):
            for run in up.testmo.add_project(runs):
                if known:
                    up.testmo.save(run, known, at=up.now - timedelta(days=1), apart_ms=1)
            up.settle(idle=IDLE, polls=80)
            up.restart()
            up.poll()

        def cpu(up: Stack) -> float:
            polled = up.poll()
            if up is many:
                peaks.append(polled.run.peak / MIB)
            return polled.run.cpu

        measured = pairs(lambda: cpu(none), lambda: cpu(many), 2 if bench.quick else HOUR)
    return measured, max(peaks)
