"""How often Testmo is asked (rule 9): every request of a poll passes here, whichever worker sends it.

`RequestsPerMinute` holds for every minute, not for an average: the moments of the last 60 seconds' requests outlive the
invocation in the control item. By whole seconds they would not do: where every poll spends all of its minute, each
would begin to ask up to a second later than the one before it, and every fifteenth not at all.
"""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final

from testmo_notifier.errors import OutOfBudget, OutOfTime, StopReading, Throttled, TokenRefused
from testmo_notifier.polling.lanes import Lanes, lanes_for

MINUTE_MS: Final = 60_000  # in which requests are counted
# A poll that spends all of its minute makes the next one wait if that begins a little early; this is cheaper than a
# poll that may ask for nothing. Waiting longer is the next poll's job.
MAX_WAIT_SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 3.0  # as in adapters/http.py
READ_SECONDS: Final = 10.0  # the same
# After the last answer: some mails a fifth of a second apart (4 s), a hundred writes of projects (1 s), and the 5 s
# that `handover` keeps for a publish of which SNS is slow to answer.
FINISH_SECONDS: Final = 10.0
SLOWER: Final = 3  # an answer may take so many times as long as the slowest of this poll so far
LEAST_READ_SECONDS: Final = 2.0  # that an answer may take, however little time is left


class RateLimit:
    """Lets a request through, makes it wait a little, or stops the reading of this poll.

    `seconds_left` is the time until this invocation is cut off, `now` our clock in epoch seconds. `spent` are the
    requests of the last minute by epoch second as the last poll left them, `sent` the milliseconds of those of which
    it kept as much. `careful`: the last poll was throttled.
    """

    def __init__(
        self,
        requests_per_minute: int,
        *,
        spent: Mapping[int, int],
        sent: Collection[int] = (),
        now: Callable[[], float],
        sleep: Callable[[float], None],
        seconds_left: Callable[[], float],
        careful: bool = False,
    ) -> None:
        self._limit = requests_per_minute
        self._lanes = Lanes(lanes_for(requests_per_minute), careful=careful, now=now)
        self.workers = self._lanes.most  # threads, to have as many requests under way as there may ever be
        self._moments = moments(spent, sent)
        self._now = now
        self._sleep = sleep
        self._seconds_left = seconds_left
        self._lock = threading.Lock()
        self.closed_by: StopReading | None = None  # why nothing more may be asked in this poll
        self.requests = 0

    def request(self) -> AbstractContextManager[float]:
        """Around one request: waits until it may be sent; gives the seconds that its answer may take.

        An `Unreadable` that passes here lets fewer requests be under way at a time.
        """
        return self._lanes.one(self.enter)

    def answered(self, *, well: bool) -> None:
        """Let more or fewer requests be under way at a time."""
        if well:
            self._lanes.open_more()
        else:
            self._lanes.close_half()

    @property
    def spent(self) -> dict[int, int]:
        """The requests of the last minute by epoch second."""
        return dict(Counter(moment // 1000 for moment in self._recent()))

    @property
    def sent(self) -> tuple[int, ...] | None:
        """The same by epoch millisecond, where so many were sent that the next poll may have to wait for them."""
        recent = self._recent()
        return tuple(recent) if len(recent) >= self._limit / 2 else None

    @property
    def used_up(self) -> OutOfBudget:
        """What is said when nothing more may be asked in this minute."""
        return OutOfBudget(f"the {self._limit} requests that a minute may take are used up")

    @property
    def frees_at(self) -> datetime:
        """When the oldest of the counted requests is a minute old."""
        oldest = min(self._recent(), default=last_of(int(self._now())))
        return datetime.fromtimestamp(free_at(oldest) / 1000, UTC)

    def has_room(self) -> bool:
        """Whether less than half of the budget is spent, so that a courtesy takes nothing from the results."""
        return self.closed_by is None and len(self._recent()) < self._limit // 2

    @property
    def left(self) -> int:
        """How many requests may still be sent without waiting for any, and will be answered in time."""
        if self.closed_by is not None:
            return 0
        left, slowest = self._limit - sum(self.spent.values()), self._lanes.slowest
        if not slowest:
            return left
        seconds = self._seconds_left() - CONNECT_SECONDS - FINISH_SECONDS
        return min(left, int(seconds / slowest) * self._lanes.open)

    def enter(self) -> float:
        """Called before every request; the seconds to read its answer, or `StopReading` when it must not be sent."""
        while True:
            with self._lock:
                if self.closed_by is not None:
                    raise again(self.closed_by)
                left = self._seconds_left() - CONNECT_SECONDS - FINISH_SECONDS
                wait = self._wait_seconds(left)
                if wait <= 0:
                    insort(self._moments, int(self._now() * 1000))
                    self.requests += 1
                    return min(left, READ_SECONDS)
            self._sleep(wait)

    def close(self, reason: StopReading) -> None:
        """Let nothing more through in this poll."""
        with self._lock:
            if self.closed_by is None or isinstance(reason, Throttled | TokenRefused):
                self.closed_by = again(reason)

    def _wait_seconds(self, left: float) -> float:
        now = self._now()
        if left < self._expected_seconds():
            self.closed_by = OutOfTime("this invocation has too little time left for another request")
            raise again(self.closed_by)
        self._forget(now)
        if len(self._moments) < self._limit:
            return 0.0
        wait = max(free_at(self._moments[0]) / 1000 - now, 0.001)
        if wait > MAX_WAIT_SECONDS:
            self.closed_by = self.used_up
            raise again(self.closed_by)
        return wait

    def _expected_seconds(self) -> float:
        """What the next answer may take, judged by those so far: 10 s before the first one, then 2 s or more."""
        slowest = self._lanes.slowest
        return READ_SECONDS if slowest is None else min(READ_SECONDS, max(LEAST_READ_SECONDS, SLOWER * slowest))

    def _recent(self) -> list[int]:
        with self._lock:
            self._forget(self._now())
            return self._moments.copy()

    def _forget(self, now: float) -> None:
        del self._moments[: bisect_right(self._moments, now * 1000, key=free_at)]
        while self._moments and self._moments[-1] // 1000 > now + 1:
            self._moments.pop()  # a clock that was set back must not block for ever


def moments(spent: Mapping[int, int], sent: Collection[int]) -> list[int]:
    """The millisecond of each request, in order: of a second of which not all are known, the last one for each.

    An older version knows nothing of milliseconds and counts on by the second.
    """
    known = Counter(moment // 1000 for moment in sent)
    found = [moment for moment in sent if spent.get(moment // 1000) == known[moment // 1000]]
    found += [last_of(second) for second, count in spent.items() if known[second] != count for _ in range(count)]
    return sorted(found)


def last_of(second: int) -> int:
    """The last millisecond of a second."""
    return second * 1000 + 999


def free_at(moment: int) -> int:
    """The millisecond from which on another request may be sent in place of one sent in the course of `moment`."""
    return moment + MINUTE_MS + 1


def again(reason: StopReading) -> StopReading:
    """The same error as a new object: one that is raised over and over keeps alive what each worker held then."""
    fresh = reason.__class__.__new__(reason.__class__, *reason.args)
    vars(fresh).update(vars(reason))
    return fresh
