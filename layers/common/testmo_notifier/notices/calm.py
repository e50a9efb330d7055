"""When a destination wants to be told: now, or at which time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of quiet. It belongs to the days it begins on (Monday is 0; all of them if empty).

    Without times it is the whole day; one that ends before it begins ends on the next day.
    """

    begins: time | None = None
    ends: time | None = None
    days: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Calm:
    """The options of a destination about when; `quiet_except` are names or ids of statuses that go at once."""

    at_most_every: timedelta | None = None
    digest_at: tuple[time, ...] = ()
    quiet: tuple[Window, ...] = ()
    quiet_except: tuple[int | str, ...] = ()
    fold: int | None = None


ALWAYS: Final = Calm()  # everything at once


def quiet_until(calm: Calm, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the quiet ends that there is now; None where there is none. Windows that touch or overlap are one."""
    raise NotImplementedError


def next_time(calm: Calm, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The next of the times of `digest_at` after a moment; None where there are none."""
    raise NotImplementedError
