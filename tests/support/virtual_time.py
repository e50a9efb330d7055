"""Threads on a clock of their own: one runs at a time, `sleep` hands over, and half a day passes in a second."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class TimeIsUp(BaseException):
    """Raised in every thread that still sleeps when the clock stops."""


class VirtualTime:
    """A clock that jumps to the next moment when somebody wakes up; deterministic, whatever the machine does."""

    def __init__(self) -> None:
        self.now = START
        self._sleepers: list[tuple[datetime, int, threading.Semaphore]] = []
        self._order = itertools.count()
        self._handed_back = threading.Semaphore(0)
        self._running = threading.Semaphore(0)
        self._is_up = False

    def seconds(self) -> float:
        """Seconds since the start."""
        return (self.now - START).total_seconds()

    def spawn(self, work: Callable[[], None], *, after: float = 0) -> None:
        """Let a thread start that many seconds from now."""
        turn = threading.Semaphore(0)

        def run() -> None:
            turn.acquire()
            try:
                if not self._is_up:
                    work()
            except TimeIsUp:
                pass
            finally:
                self._handed_back.release()

        threading.Thread(target=run, daemon=True).start()
        self._enlist(after, turn)

    def sleep(self, seconds: float) -> None:
        """Let others run until that much time has passed."""
        turn = self._running
        self._enlist(seconds, turn)
        self._handed_back.release()
        turn.acquire()
        if self._is_up:
            raise TimeIsUp

    def run(self, seconds: float) -> None:
        """Let that much time pass, or less if nobody is left; whoever still sleeps then is ended."""
        end = self.now + timedelta(seconds=seconds)
        while self._sleepers:
            moment, _, self._running = heapq.heappop(self._sleepers)
            self._is_up = self._is_up or moment > end
            self.now = self.now if self._is_up else moment
            self._running.release()
            self._handed_back.acquire()

    def _enlist(self, seconds: float, turn: threading.Semaphore) -> None:
        heapq.heappush(self._sleepers, (self.now + timedelta(seconds=seconds), next(self._order), turn))
