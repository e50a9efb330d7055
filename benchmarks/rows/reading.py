"""What reading costs, against a script that parses the same pages and keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from statistics import median

from benchmarks.bench import BASELINES, Bench, Outcome, Pairs, at_most
from benchmarks.bundles import Bundle
from benchmarks.fakes.testmo import Run
from benchmarks.stack import PLENTY, Child, Polled, Stack, stack


def measure(bench: Bench) -> Iterator[Outcome]:
    """Silently (the first sight of a project), with telling, and in ten small runs."""
    many, rounds = (200, 2) if bench.quick else (10_000, 7)
    results = {bundle.name: _Reading(bench, bundle, many, rounds) for bundle in bench.both}
    old, now = results[bench.old.name], results[bench.now.name]
    for name, case, goal in (
        ("silent", f"{many:,} results of one run, read silently", 3.0),
        ("told", f"{many:,} results of one run, read and told", 3.5),
        ("small", "10 runs of 100 results, read and told", 12.0),
    ):
        base, ratio = now.pairs[name].told()
        yield Outcome(
            case,
            f"bare: {base}; 1.0.0: {old.pairs[name].ratio:.1f} ×",
            ratio,
            f"≤ {goal:g} ×",
            at_most(now.pairs[name].ratio, goal),
        )


class _Reading:
    """One version beside the bare reader."""

    def __init__(self, bench: Bench, bundle: Bundle, many: int, rounds: int) -> None:
        bench.say(f"{bundle.name}: {rounds} rounds")
        found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in ("silent", "told", "small")}
        reader = replace(bench.now, functions={"PollerFunction": BASELINES / "reader"})
        with stack(bundle, bench.python, variables={"REQUESTS_PER_MINUTE": str(PLENTY)}) as up:
            up.testmo.add_project(10)
            up.settle(budget=str(PLENTY))
            with Child(bench.python, reader, "PollerFunction", {"TESTMO_URL": up.testmo_url}, clock=False) as bare:
                for _ in range(rounds):
                    quiet = median(_poll(up).run.cpu for _ in range(5))
                    for name, runs in self._saved(up, many):
                        polled = _poll(up)
                        read = polled.report["results"]
                        expected = sum(len(run.rows[3]) for run in runs)
                        if name != "silent" and polled.report["new_failing"] != expected:
                            raise AssertionError(f"{expected} expected: {polled.report}")
                        base = bare.call({"runs": [run.id for run in runs]}, up.now).cpu
                        share = read / expected  # a first sight may leave a part for later
                        if share:
                            found[name][0].append(base * share)
                            found[name][1].append(polled.run.cpu - quiet)
        self.pairs = {name: Pairs(base, mine) for name, (base, mine) in found.items() if base}

    def _saved(self, up: Stack, many: int) -> Iterator[tuple[str, list[Run]]]:
        """What to read next. Runs are new each time; those of a project that is known are announced."""
        silent = up.testmo.add_project(1)
        up.testmo.save(silent[0], many, at=up.now - timedelta(hours=2))
        yield "silent", silent
        for _ in range(3):
            _poll(up)
        told = [up.testmo.add_run(1)]
        _poll(up)
        up.testmo.save(told[0], many)
        yield "told", told
        small = [up.testmo.add_run(1) for _ in range(10)]
        _poll(up)
        for run in small:
            up.testmo.save(run, 100)
        yield "small", small


def _poll(up: Stack) -> Polled:
    return up.poll(after=timedelta(minutes=2))
