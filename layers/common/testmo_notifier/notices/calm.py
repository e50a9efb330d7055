"""When a destination wants to be told: now, or at which time. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from testmo_notifier.lean import dataclass

DAY: Final = timedelta(days=1)  # the unit of windows of quiet
MIDNIGHT: Final = time.min
# No quiet that ends lasts longer: one that is broken once a week lasts two where the clocks jump over the break.
LONGEST_DAYS: Final = 28


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


def quiet_until(calm: Calm, zone: tzinfo, now: datetime) -> datetime | None:
    """When the quiet ends that there is now; None where there is none. Windows that touch or overlap are one."""
    until = now
    for begins, ends in stretches(calm.quiet, zone, now):
        if begins > until:
            break
        until = max(until, ends)
    return until if until > now else None


def next_time(calm: Calm, zone: tzinfo, after: datetime) -> datetime | None:
    """The next of the times of `digest_at` after a moment; None where there are none."""
    today = after.astimezone(zone).date()
    coming = (moment(today + days * DAY, at, zone) for days in range(3) for at in calm.digest_at)
    return min((one for one in coming if one > after), default=None)


def never_ends(quiet: Iterable[Window]) -> bool:
    """Whether it is quiet all week, so that nothing would ever be told."""
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    until = quiet_until(Calm(quiet=tuple(quiet)), UTC, monday)
    return until is not None and until > monday + 7 * DAY


def stretches(quiet: tuple[Window, ...], zone: tzinfo, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when it is quiet, in the order of the beginnings, from any that may go on now."""
    first = now.astimezone(zone).date() - 2 * DAY
    for day in (first + days * DAY for days in range(LONGEST_DAYS)):
        yield from sorted(
            (moment(day, window.begins or MIDNIGHT, zone), end(window, day, zone))
            for window in quiet
            if not window.days or day.weekday() in window.days
        )


def end(window: Window, day: date, zone: tzinfo) -> datetime:
    """When the window ends that begins on a day."""
    ends = window.ends or MIDNIGHT
    is_next_day = ends <= (window.begins or MIDNIGHT)
    return moment(day + DAY if is_next_day else day, ends, zone)


def moment(day: date, at: time, zone: tzinfo) -> datetime:
    """When the clocks of a zone show a time: the first time if twice, and if never, when they jump over it."""
    shown = datetime.combine(day, at, zone)
    found = shown.astimezone(UTC)
    jumped = found.astimezone(zone)
    if jumped.replace(tzinfo=None) == shown.replace(tzinfo=None):
        return found
    # Read with the offset before the jump, it is a moment after it, and the other way round.
    before = shown.replace(fold=1).astimezone(UTC)

    def is_after(seconds: int) -> bool:
        return (before + timedelta(seconds=seconds)).astimezone(zone).utcoffset() == jumped.utcoffset()

    return before + timedelta(seconds=bisect_left(range(int((found - before).total_seconds())), True, key=is_after))
