"""How a run with 50,000 new failing results compares with one of 5,000: time, memory and the size of its item.

    .venv/bin/python benchmarks/large_run.py

Both are measured side by side in one process; read the ratios, not the seconds. A ratio of ten is linear; memory below
ten means that details are capped, and the item has to stay far below DynamoDB's 400 KB.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from testmo_notifier.adapters.items import checkpoint_item
from testmo_notifier.model import Counters, Expands, Result, ResultsPage, ResultsQuery, Run
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.sources.testmo_runs.reading import first_checkpoint, read_run
from testmo_notifier.sources.testmo_runs.watch import Watch

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PER_PAGE = 100
NOTE = "<p>" + "It does not work at all. " * 200 + "</p>"


class ManyResults:
    """A Testmo with one run in which every test failed in the same millisecond."""

    def __init__(self, count: int) -> None:
        self.count = count

    def results(self, run_id: int, query: ResultsQuery) -> ResultsPage:
        """One page."""
        page = query.page or 1
        keys = range((page - 1) * PER_PAGE + 1, min(page * PER_PAGE, self.count) + 1)
        rows = tuple(
            Result(key=k, id=k, test_id=k + 7 * run_id, case_id=k, status_id=3, note=NOTE, created_at=START)
            for k in keys
        )
        more = page * PER_PAGE < self.count
        return ResultsPage(rows, Expands(), page + 1 if more else None, self.count, START + timedelta(minutes=1))


def measure(work: Callable[[], int]) -> tuple[float, float, int]:
    """Seconds, peak megabytes, and what the work returns."""
    started = time.perf_counter()
    size = work()
    seconds = time.perf_counter() - started
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return seconds, peak, size


def read(count: int) -> int:
    """Read a whole run; the size of its item in bytes, without names and numbers."""
    run = Run(
        1, 1, "Release 4.2", False, START, None, Counters({3: count}, failure=count, completed=count, total=count)
    )
    watch = Watch((3, 5))
    news = DigestBuilder("https://example.testmo.net", run, "Shop")
    reading = read_run(
        ManyResults(count),  # type: ignore[arg-type]  # it answers the one call that reading makes
        run,
        first_checkpoint(1, 1, START, watch),
        watch,
        news,
        overlap=timedelta(minutes=5),
        sweep=False,
        now=lambda: START,
    )
    item = checkpoint_item(reading.checkpoint)
    return sum(len(value["B"]) for value in item.values() if "B" in value)


def main() -> None:
    """Print both and their ratios."""
    small, large = measure(lambda: read(5_000)), measure(lambda: read(50_000))
    for name, unit, one, ten in zip(("time", "memory", "item"), ("s", "MB", "B"), small, large, strict=True):
        print(f"{name:7} 5,000: {one:>10.1f} {unit:3} 50,000: {ten:>10.1f} {unit:3} ratio {ten / one:.1f}")  # noqa: T201


if __name__ == "__main__":
    main()
