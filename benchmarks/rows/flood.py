"""Very many failing results at once in one run: is all of it told, with exact totals, and in how much memory?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bench import MIB, Bench, Outcome, at_most
from benchmarks.bundles import Bundle
from benchmarks.stack import stack

LIMIT_MIB = 256
FAR = 1_000  # ids of other runs lie between


def measure(bench: Bench) -> Iterator[Outcome]:
    """One after the other and far apart."""
    for count, stride in ((300, FAR),) if bench.quick else ((100_000, 1), (100_000, FAR), (200_000, 1), (200_000, FAR)):
        case = f"{count:,} results" + (", ids far apart" if stride > 1 else "")
        old = _flood(bench, bench.old, count, stride) if count <= 100_000 else None
        now = _flood(bench, bench.now, count, stride)
        yield Outcome(
            case,
            "not measured" if old is None else f"1.0.0: {old}",
            str(now),
            f"all told, ≤ {LIMIT_MIB} MiB",
            now.told == count and not now.failed and at_most(now.peak / MIB, LIMIT_MIB),
        )


@dataclass
class _Flood:
    """What became of it."""

    count: int
    told: int = 0
    polls: int = 0
    peak: int = 0
    failed: str = ""

    def __str__(self) -> str:
        told = "all told" if self.told == self.count else f"{self.told:,} told"
        return f"{told} in {self.polls} polls, {self.peak / MIB:.0f} MiB" + (f", {self.failed}" if self.failed else "")


def _flood(bench: Bench, bundle: Bundle, count: int, stride: int) -> _Flood:
    """Poll until everything is told and nothing is left, or for twice as long as the pages take."""
    bench.say(f"{bundle.name}: {count:,} results, ids {stride:,} apart")
    flood = _Flood(count)
    with stack(bundle, bench.python, stride=stride) as up:
        run = up.testmo.add_project(1)[0]
        up.settle()
        up.restart()  # what setting up took is no part of it
        up.testmo.save(run, count, apart_ms=1)
        for _ in range(10 + 2 * count // 100 // 100):
            polled = up.poll(fails=True)
            flood.polls += 1
            flood.peak = max(flood.peak, polled.run.peak)
            if isinstance(polled.run.result, str):  # what it raised
                flood.failed = polled.run.result.partition(":")[0]
                continue
            problems = " ".join(polled.report["problems"])
            flood.failed = "too large" if "larger than DynamoDB takes" in problems else ""
            flood.told += sum(one.total for one in polled.published if one.channel == "event")
            if flood.told >= count and not polled.report["runs_left"]:
                break
    return flood
