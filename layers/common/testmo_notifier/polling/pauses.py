"""How long something has been waiting, when nobody polls at night: a wanted pause is not lateness. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.model import Pause

# What counts of the time between two polls, at most. A third of what LagAlarm waits for: whatever the schedule is,
# several polls in a row have to leave a thing undone before it rings.
COUNTED: Final = timedelta(minutes=5)
MAX_PAUSES: Final = 12  # as many as count for an hour together; what waits longer than these is late in any case


def with_pause(pauses: tuple[Pause, ...], before: datetime | None, now: datetime) -> tuple[Pause, ...]:
    """The pauses, and the one that a poll at this moment ends."""
    if before is None or now - before <= COUNTED:
        return pauses
    return (*pauses, Pause(before, now))[-MAX_PAUSES:]


def waited(since: datetime, now: datetime, pauses: tuple[Pause, ...]) -> timedelta:
    """For how long, each pause counting as `COUNTED`."""
    left_out = (pause.ended_at - max(pause.began_at, since) - COUNTED for pause in pauses)
    return now - since - sum((one for one in left_out if one > timedelta(0)), timedelta(0))
