"""Those who list runs, a few at a time, and the one who waits for them and keeps the lease meanwhile (rule 12)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from typing import Final, TypeVar

from testmo_notifier.lean import dataclass

T = TypeVar("T")

PATIENCE_SECONDS: Final = 5.0  # half of what the lease is renewed after


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """`workers` of the `executor` work at a time; `renew_lease` keeps the lease."""

    executor: Executor
    workers: int
    renew_lease: Callable[[], None]

    def wait_for(self, future: Future[T]) -> T:
        """What came of a job, however long it takes."""
        self.renew_lease()
        while not future.done():
            wait([future], PATIENCE_SECONDS)
            self.renew_lease()
        return future.result()
