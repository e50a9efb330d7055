"""What reading costs, against a script that parses the same pages and keeps nothing.

Each figure comes from a stack of its own: what was saved a moment ago is read again within the overlap, and a sweep
reads everything; both would fall into the next measurement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from statistics import median

from benchmarks.bench import BASELINES, Bench, Outcome, Pairs, at_most
from benchmarks.bundles import Bundle
from benchmarks.stack import PLENTY, Child, Polled, Stack, stack
from testmo_notifier.model import MAX_PER_PAGE


def measure(bench: Bench) -> Iterator[Outcome]:
    """Silently (the first sight of a project), with telling, and in ten small runs."""
    many, rounds = (200, 2) if bench.quick else (10_000, 7)
    for case, runs, results, is_told, goal in (
        (f"{many:,} results of one run, read silently", 1, many, False, 3.0),
        (f"{many:,} results of one run, read and told", 1, many, True, 3.5),
        ("10 runs of 100 results, read and told", 10, 100, True, 12.0),
    ):
        bench.say(case)
        old, now = (
            Pairs(*zip(*(_reading(bench, bundle, runs, results, is_told=is_told) for _ in range(rounds)), strict=True))
            for bundle in bench.both
        )
        base, ratio = now.told()
        yield Outcome(case, f"bare: {base}; 1.0.0: {old.ratio:.1f} ×", ratio, f"≤ {goal:g} ×", at_most(now.ratio, goal))


def _reading(bench: Bench, bundle: Bundle, runs: int, results: int, *, is_told: bool) -> tuple[float, float]:
    """Seconds of the bare reader, and of a poll beyond a quiet one. What a project had at first sight is not told."""
    reader = replace(bench.now, functions={"PollerFunction": BASELINES / "reader"})
    with stack(bundle, bench.python, variables={"REQUESTS_PER_MINUTE": str(PLENTY)}) as up:
        known = up.testmo.add_project(10 + runs)
        up.settle(budget=str(PLENTY))
        up.testmo.save(known[-2])
        _poll(up)  # it has told once
        quiet = median(_poll(up).run.cpu for _ in range(5))
        read = known[:runs] if is_told else up.testmo.add_project(runs)
        for run in read:
            up.testmo.save(run, results, at=None if is_told else up.now - timedelta(hours=2))
        polled, expected = _poll(up), runs * results
        pages = sum(path in {f"/runs/{run.id}/results" for run in read} for path in polled.requests)
        if not pages or (is_told and polled.report["new_failing"] != expected):
            raise AssertionError(f"{expected} expected: {polled.report}")
        with Child(bench.python, reader, "PollerFunction", {"TESTMO_URL": up.testmo_url}, clock=False) as bare:
            bare.call({"runs": [known[-1].id]}, up.now)  # it has none; the connection is made
            base = median(bare.call({"runs": [run.id for run in read]}, up.now).cpu for _ in range(3))
        share = min(1.0, pages * MAX_PER_PAGE / expected)  # a first sight may leave a part for later
        return base * share, polled.run.cpu - quiet


def _poll(up: Stack) -> Polled:
    return up.poll(after=timedelta(minutes=2))
