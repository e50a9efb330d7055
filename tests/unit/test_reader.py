"""Rule 8, the runs that are due: how many are read ahead, and in which order they come back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import pytest

from testmo_notifier.model import WatchedRun
from testmo_notifier.polling.lease import Lease
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.polling.reader import Reader
from testmo_notifier.polling.setup import Poll, Setup
from testmo_notifier.sources.testmo_runs.reading import Reading
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.executors import AtOnce
from tests.support.factories import START, make_run
from tests.support.memory import MemoryStore

asked: list[int] = []


class Noting(Reader):
    """Reads nothing, and notes what it should have read."""

    def read_one(self, watched: WatchedRun) -> Reading:
        asked.append(watched.run.id)
        return cast("Reading", watched.run.id)


def read(count: int, executor: Callable[[int], Executor]) -> list[tuple[int, int]]:
    """Each run that came back, and how many had been begun by then."""
    asked.clear()
    due = [WatchedRun(make_run(run_id), "Shop", START) for run_id in range(1, count + 1)]
    rate_limit = RateLimit(9, spent={}, now=lambda: 0.0, sleep=lambda _: None, seconds_left=lambda: 60.0)
    lease = Lease(MemoryStore(), now=lambda: START)
    parts, this = SimpleNamespace(executor=executor), SimpleNamespace(rate_limit=rate_limit, lease=lease)
    readings = Noting(cast("Setup", parts), cast("Poll", this), Watch((3,)), checkpoints={}).read(due)
    return [(watched.run.id, len(asked)) for watched, reading in readings if cast("int", reading.result())]


@pytest.mark.parametrize("executor", [AtOnce, ThreadPoolExecutor])
def test_every_run_that_is_due_comes_back_once(executor: Callable[[int], Executor]) -> None:
    assert sorted(run_id for run_id, _ in read(100, executor)) == list(range(1, 101))


def test_runs_that_are_read_by_now_come_back_in_the_order_in_which_they_were_due() -> None:
    assert [run_id for run_id, _ in read(70, AtOnce)] == list(range(1, 71))


def test_no_more_runs_are_read_ahead_than_memory_has_room_for() -> None:
    assert max(begun - run_id for run_id, begun in read(100, AtOnce)) == 32
