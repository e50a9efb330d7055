"""A working day of polls against a script that reads everything every minute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from statistics import mean

from benchmarks.bench import BASELINES, Bench, Outcome
from benchmarks.bundles import Bundle
from benchmarks.fakes.testmo import PASSED
from benchmarks.stack import Child, stack


def measure(bench: Bench) -> Iterator[Outcome]:
    """Twenty runs of 1,700 results; a failure every six minutes. The script's polls are alike: some stand for all."""
    runs, results, polls, every = (2, 120, 6, 3) if bench.quick else (20, 1_700, 480, 20)
    (old_requests, old_cpu), (requests, cpu) = (
        _day(bench, bundle, runs, results, polls, every) for bundle in bench.both
    )
    case = f"{runs} runs of {results:,} results, {polls} polls"
    yield Outcome(
        f"{case}: requests",
        f"naive; 1.0.0: {old_requests:.0f} × fewer",
        f"{requests:.0f} × fewer",
        "≥ 57 ×",
        requests >= 57,
    )
    yield Outcome(
        f"{case}: processor time", f"naive; 1.0.0: {old_cpu:.1f} × less", f"{cpu:.1f} × less", "≥ 15 ×", cpu >= 15
    )


def _day(bench: Bench, bundle: Bundle, runs: int, results: int, polls: int, every: int) -> tuple[float, float]:
    bench.say(f"{bundle.name}: {polls} polls")
    script = replace(bench.now, functions={"PollerFunction": BASELINES / "naive"})
    theirs: list[tuple[int, float]] = []
    ours: list[tuple[int, float]] = []
    with stack(bundle, bench.python) as up:
        watched = up.testmo.add_project(runs)
        for run in watched:
            up.testmo.save(run, results, PASSED, at=up.now - timedelta(days=1), apart_ms=10)
        up.settle()
        with Child(bench.python, script, "PollerFunction", {"TESTMO_URL": up.testmo_url}, clock=False) as naive:
            naive.call({}, up.now)  # its import, and the first time the pages are made
            for number in range(polls):
                if number % 6 == 0:
                    up.testmo.save(watched[number // 6 % runs])
                polled = up.poll()
                ours.append((len(polled.requests), polled.run.cpu))
                if number % every == 0:
                    up.testmo.taken()
                    cpu = naive.call({}, up.now).cpu
                    theirs.append((len(up.testmo.taken()), cpu))
    return (
        mean(count for count, _ in theirs) / mean(count for count, _ in ours),
        mean(cpu for _, cpu in theirs) / mean(cpu for _, cpu in ours),
    )
