"""Waiting for other processes: for what is the case, not for time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 180.0  # a webhook in trouble pauses a minute, and the machine may be slow


def until(is_so: Callable[[], object], what: str) -> None:
    """Come back when something is the case; fails with its name when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}"
        time.sleep(0.05)
