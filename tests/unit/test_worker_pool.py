"""Rule 12: the lease is kept while lists are read, however long one takes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from testmo_notifier.adapters.testmo import together
from testmo_notifier.sources.testmo_runs import worker_pool
from testmo_notifier.sources.testmo_runs.worker_pool import WorkerPool
from tests.support.executors import AtOnce


def test_who_waits_for_a_list_keeps_the_lease_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "PATIENCE_SECONDS", 0.0)
    future: Future[str] = Future()
    kept: list[int] = []

    def renew_lease() -> None:
        kept.append(1)
        if len(kept) == 4:
            future.set_result("the list")

    assert WorkerPool(AtOnce(), 1, renew_lease).wait_for(future) == "the list"
    assert len(kept) == 4


def test_a_worker_who_shares_its_work_never_waits_for_itself() -> None:
    """One place in the pool, and whoever has it hands in jobs: it does them itself."""
    with ThreadPoolExecutor(1) as pool:
        shared = pool.submit(lambda: list(together(pool, [partial(pow, n, 2) for n in range(9)])))

        assert shared.result(timeout=10) == [0, 1, 4, 9, 16, 25, 36, 49, 64]


def test_after_a_job_that_failed_none_is_begun() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return 1 // (2 - number)

    with ThreadPoolExecutor(1) as pool:
        shared = pool.submit(lambda: list(together(pool, [partial(work, n) for n in range(9)])))

        with pytest.raises(ZeroDivisionError):
            shared.result(timeout=10)

    assert begun == [0, 1, 2]
