"""How many requests are under way at a time, by what Testmo answers (rule 9)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from testmo_notifier.errors import Unreadable

FEWEST: Final = 4  # requests at a time, however few a minute may have
MOST: Final = 16  # requests at a time, however many a minute may have
REQUESTS_A_LANE: Final = 30  # in a minute: a lane whose answers take two seconds


def lanes_for(requests_per_minute: int) -> int:
    """As many as it takes to spend a budget, but no more than an instance bears from one client."""
    return max(FEWEST, min(MOST, requests_per_minute // REQUESTS_A_LANE))


class Lanes:
    """Half of them close when an answer fails or does not come in time, and open again one by one with good answers.

    `careful` begins with one: Testmo asked the poll before for a pause. `slowest` is the longest that an answer took.
    """

    def __init__(self, most: int, *, careful: bool, now: Callable[[], float]) -> None:
        self.most = most
        self.slowest: float | None = None
        self._open = 1.0 if careful else float(most)
        self._now = now
        self._used = 0
        self._changed = threading.Condition()

    @property
    def open(self) -> int:
        """How many requests may be under way now."""
        return int(self._open)

    @contextmanager
    def one(self, enter: Callable[[], float]) -> Iterator[float]:
        """Wait for a lane and keep it for one request; an answer that cannot be read is a failure.

        `enter` waits until the request may be sent, which is not the answer's time; what it gives is passed on.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._used < self.open)
            self._used += 1
        began = None
        try:
            seconds = enter()
            began = self._now()
            yield seconds
        except Unreadable:
            self.close_half()
            raise
        finally:
            self._leave(None if began is None else self._now() - began)

    def close_half(self) -> None:
        """Testmo has enough, or cannot keep up."""
        with self._changed:
            self._open = max(1.0, self._open / 2)

    def open_more(self) -> None:
        """Testmo answered well: when every lane has seen that, there is one more."""
        with self._changed:
            self._open = min(float(self.most), self._open + 1 / self._open)
            self._changed.notify_all()

    def _leave(self, seconds: float | None) -> None:
        with self._changed:
            self._used -= 1
            if seconds is not None:
                self.slowest = max(seconds, self.slowest or 0.0)
            self._changed.notify_all()
