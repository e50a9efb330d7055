"""How many runs one invocation can follow when Testmo takes its time to answer.

Followed means: three quiet polls in a row in which every project was listed to its end and no run was left for the next
poll. The function's clock runs `SPEED` times as fast as ours, and answers take as much less: that saves time, and
512 MB buy about that share of a processor.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from benchmarks.bench import Bench, Outcome
from benchmarks.bundles import Bundle
from benchmarks.stack import MINUTE, PLENTY, BenchFailed, stack

SPEED = 4.0
IDLE = timedelta(hours=25)
LADDERS = {80: (20_000, (5_000, 10_000, 20_000)), 300: (5_000, (1_250, 2_500, 5_000))}
QUICK = {80: (20, (20,))}


def measure(bench: Bench) -> Iterator[Outcome]:
    """Up the ladder until it is too many."""
    for answer_ms, (goal, ladder) in (QUICK if bench.quick else LADDERS).items():
        old, now = (_most(bench, bundle, answer_ms, ladder) for bundle in bench.both)
        yield Outcome(
            f"answers in {answer_ms} ms (tried: {', '.join(f'{one:,}' for one in ladder)})",
            f"1.0.0: {_words(old, ladder)}",
            _words(now, ladder),
            f"≥ {goal:,}",
            now >= goal,
        )


def _words(most: int, ladder: tuple[int, ...]) -> str:
    return f"{most:,}" if most else f"fewer than {ladder[0]:,}"


def _most(bench: Bench, bundle: Bundle, answer_ms: int, ladder: tuple[int, ...]) -> int:
    most = 0
    for count in ladder:
        bench.say(f"{bundle.name}: {count:,} runs, answers in {answer_ms} ms")
        if not _follows(bench, bundle, answer_ms, count):
            break
        most = count
    return most


def _follows(bench: Bench, bundle: Bundle, answer_ms: int, count: int) -> bool:
    with stack(bundle, bench.python, variables={"REQUESTS_PER_MINUTE": str(PLENTY)}) as up:
        up.testmo.add_project(count)
        try:
            up.settle(idle=IDLE, budget=str(PLENTY), every=MINUTE)  # new runs have their turn every five
        except BenchFailed:  # it cannot keep up even with answers that take no time
            return False
        up.scale = SPEED
        up.restart()
        up.testmo.latency_seconds = answer_ms / 1000 / SPEED
        up.poll(after=timedelta(minutes=2))  # a new process
        for _ in range(3):
            report = up.poll().report
            if report["status"] != "ok" or report["runs_left"] or report["runs_open"] < count:
                return False
    return True
