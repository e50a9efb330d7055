"""A rate limit over a sliding window."""

from __future__ import annotations

import math
from collections import deque
from datetime import datetime, timedelta


class Limiter:
    """Lets so many requests through in any window of that many seconds. What it refuses does not count."""

    def __init__(self, requests: int, per_seconds: int) -> None:
        if requests < 1:
            raise ValueError("a limit lets at least one request through")
        self._requests = requests
        self._window = timedelta(seconds=per_seconds)
        self._let_through: deque[datetime] = deque()

    def wait_for(self, now: datetime) -> int | None:
        """None if the request may pass now, else in how many whole seconds (at least 1) the next one may."""
        while self._let_through and self._let_through[0] <= now - self._window:
            self._let_through.popleft()
        if len(self._let_through) < self._requests:
            self._let_through.append(now)
            return None
        return max(1, math.ceil((self._let_through[0] + self._window - now).total_seconds()))
