"""What lists may take of the budget, so that enough is left to read runs with (rule 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.model import Checkpoint, WatchedRun
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.ports import Store

FOR_TURNS: Final = 10  # one in so many requests is never spent on lists
REQUESTS_A_RUN: Final = 3  # what a run with news takes: a read, mostly a page or a sweep more
LATE: Final = timedelta(minutes=10)  # two thirds of what LagAlarm waits for


class ListShare:
    """Lists may take nine tenths; but up to a half they leave to runs that have news, or have long been left undone.

    `undone_since` says since when (our clock) the latter wait.
    """

    def __init__(
        self,
        requests_per_minute: int,
        rate_limit: RateLimit,
        store: Store,
        undone_since: Mapping[int, datetime],
        now: datetime,
    ) -> None:
        self._limit = requests_per_minute
        self._late = {run_id for run_id, since in undone_since.items() if now - since >= LATE}
        self._rate_limit = rate_limit
        self._store = store
        self._compared = self._wanted = 0

    def has_room(self, requests: int, runs: Sequence[WatchedRun]) -> bool:
        """Whether so many requests more may go to lists, after those that listed these runs."""
        left = self._limit - self._rate_limit.requests - requests
        half = self._limit // 2
        if left >= half:
            return True  # nobody has to know yet which runs have news
        return left >= max(self._limit // FOR_TURNS, min(half, self._requests_wanted(runs)))

    def _requests_wanted(self, runs: Sequence[WatchedRun]) -> int:
        new = [watched.run for watched in runs[self._compared :]]
        known = self._store.checkpoints([run.id for run in new]) if new else {}
        for run in new:
            if has_news(known.get(run.id), run.counters.by_status):
                self._wanted += REQUESTS_A_RUN
            elif run.id in self._late:
                self._wanted += 1
        self._compared = len(runs)
        return self._wanted


def has_news(checkpoint: Checkpoint | None, counters: Mapping[int, int]) -> bool:
    """Whether a run is new or its counters moved, and it can be read."""
    return checkpoint is None or (checkpoint.counters != counters and not (checkpoint.outbox or checkpoint.gone_at))
