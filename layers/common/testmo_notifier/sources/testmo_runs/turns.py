"""Turns that come once a period, spread over all that have one, and nothing is stored for it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

GOLDEN: Final = 0x9E3779B1  # Knuth's multiplier: neighbouring ids land far apart


def is_turn(key: int, period: timedelta, last: datetime | None, now: datetime) -> bool:
    """Whether the turn of a run, or a project, came since the last time.

    Turns are spread over the period by id; both times and the id decide, so nothing is stored for a quiet run.
    """
    if last is None or period <= timedelta(0):
        return True
    seconds = period.total_seconds()
    phase = (key * GOLDEN % 2**32) / 2**32 * seconds
    return (now.timestamp() - phase) // seconds > (last.timestamp() - phase) // seconds
