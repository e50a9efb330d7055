"""How often Testmo is asked (rule 9): every request of a poll passes here, whichever worker sends it.

`RequestsPerMinute` holds for every minute, not for an average: it counts the requests of the last 60 seconds
by the second, and that count outlives the invocation in the control item.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from testmo_notifier.errors import OutOfBudget, OutOfTime, StopReading, Throttled, TokenRefused

WINDOW_SECONDS: Final = 60
MAX_WAIT_SECONDS: Final = 5.0  # waiting out the tail of a minute is cheap; waiting longer is the next poll's job
REQUEST_SECONDS: Final = 13.0  # the connect and read time-outs of one request, see adapters/http.py
FINISH_SECONDS: Final = 10.0  # what committing and handing over may take after the last request


class RateLimit:
    """Lets a request through, makes it wait a little, or stops the reading of this poll.

    `seconds_left` is the time until this invocation is cut off, `now` our clock in epoch seconds, `spent` the
    requests of the last minute by epoch second as the last poll left them.
    """

    def __init__(
        self,
        requests_per_minute: int,
        *,
        spent: Mapping[int, int],
        now: Callable[[], float],
        sleep: Callable[[float], None],
        seconds_left: Callable[[], float],
    ) -> None:
        self._limit = requests_per_minute
        self._spent = dict(spent)
        self._now = now
        self._sleep = sleep
        self._seconds_left = seconds_left
        self._lock = threading.Lock()
        self._closed_by: StopReading | None = None
        self.requests = 0

    @property
    def spent(self) -> dict[int, int]:
        """The requests of the last minute by epoch second."""
        with self._lock:
            return self._recent(self._now())

    @property
    def used_up(self) -> OutOfBudget:
        """What is said when nothing more may be asked in this minute."""
        return OutOfBudget(f"the {self._limit} requests that a minute may take are used up")

    @property
    def frees_at(self) -> datetime:
        """When the oldest of the counted requests is a minute old."""
        return datetime.fromtimestamp(min(self.spent, default=int(self._now())) + WINDOW_SECONDS + 1, UTC)

    def has_room(self) -> bool:
        """Whether less than half of the budget is spent, so that a courtesy takes nothing from the results."""
        return self._closed_by is None and sum(self.spent.values()) < self._limit // 2

    @property
    def closed_by(self) -> StopReading | None:
        """Why nothing more may be asked in this poll, None while it may."""
        return self._closed_by

    def enter(self) -> None:
        """Called before every request; raises `StopReading` when it must not be sent."""
        while True:
            with self._lock:
                if self._closed_by is not None:
                    raise self._closed_by
                wait = self._wait_seconds()
                if wait <= 0:
                    second = int(self._now())
                    self._spent[second] = self._spent.get(second, 0) + 1
                    self.requests += 1
                    return
            self._sleep(wait)

    def close(self, reason: StopReading) -> None:
        """Let nothing more through in this poll."""
        with self._lock:
            if self._closed_by is None or isinstance(reason, Throttled | TokenRefused):
                self._closed_by = reason

    def _wait_seconds(self) -> float:
        now = self._now()
        if self._seconds_left() < REQUEST_SECONDS + FINISH_SECONDS:
            self._closed_by = OutOfTime("this invocation has too little time left for another request")
            raise self._closed_by
        self._spent = self._recent(now)
        if sum(self._spent.values()) < self._limit:
            return 0.0
        wait = max(min(self._spent) + WINDOW_SECONDS + 1 - now, 0.05)
        if wait > MAX_WAIT_SECONDS:
            self._closed_by = self.used_up
            raise self._closed_by
        return wait

    def _recent(self, now: float) -> dict[int, int]:
        # A second counts until its last moment is a minute old, and a clock set back must not block for ever.
        oldest = now - WINDOW_SECONDS - 1
        return {second: n for second, n in self._spent.items() if oldest < second <= now + 1}
