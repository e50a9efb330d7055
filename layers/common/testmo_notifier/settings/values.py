"""What a team's file may give for a key: numbers, ids and names, times, days. Pure.

Each reads one value, and says by `wrong` what is wrong with it: where the value stands if that helps, what is wrong,
and the next step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Final, TypeAlias

from testmo_notifier.config import shorten

Wrong: TypeAlias = Callable[[object, str, str], None]

WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS_LIKE: Final = 'give days like "sat,sun" or "mon-fri"'
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=24)  # of a time like `at_most_every`


def quoted(value: object) -> str:
    """Something that stands in the file, as it is written there, short enough for an error."""
    if isinstance(value, bool | date | time):
        return str(value).lower() if isinstance(value, bool) else value.isoformat()
    return repr(shorten(value)) if isinstance(value, str) else shorten(repr(value))


def under(wrong: Wrong, key: str, head: str) -> Wrong:
    """The same for the value of a key: the words begin with `head`, the line is that of a text, else of the key."""
    return lambda at, text, next_step: wrong(at if at and isinstance(at, str) else key, f"{head} {text}", next_step)


def values(raw: object, wrong: Wrong, *, may_be_empty: bool = True) -> tuple[int | str, ...]:
    """Ids and names. Both may stand in one list."""
    if not isinstance(raw, list):
        wrong("", "is no list", 'give one like ["Blocked", 12]')
        return ()
    if not raw and not may_be_empty:
        wrong("", "is empty, which matches nothing", "give an id or a name, or leave it out")
    for one in raw:
        is_id = isinstance(one, int) and not isinstance(one, bool) and one >= 0
        if not is_id and not (isinstance(one, str) and one.strip()):
            wrong("", f"names {quoted(one)}", "give an id (a whole number) or a name in quotes")
    return tuple(one for one in raw if isinstance(one, int | str) and not isinstance(one, bool))


def whole_number(raw: object, most: int, wrong: Wrong) -> int | None:
    """A number from 1 to as many."""
    if isinstance(raw, int) and not isinstance(raw, bool) and 1 <= raw <= most:
        return raw
    wrong("", f"= {quoted(raw)}", f"give a whole number from 1 to {most}")
    return None


def period(raw: object, wrong: Wrong) -> timedelta | None:
    """Hours and minutes: `15m`, `1h`, `2h30m`."""
    found = re.fullmatch(r"(?:([0-9]{1,4})h)?(?:([0-9]{1,4})m)?", raw) if isinstance(raw, str) else None
    given = timedelta(hours=int(found[1] or 0), minutes=int(found[2] or 0)) if found else timedelta()
    if SHORTEST <= given <= LONGEST:
        return given
    wrong("", f"= {quoted(raw)}", 'give minutes and hours from "1m" to "24h", like "15m" or "2h30m"')
    return None


def clock_time(raw: object, wrong: Wrong) -> time | None:
    """A time of the day, to the minute: `"09:00"`, or TOML's own `09:00:00`."""
    if isinstance(raw, time) and raw.replace(second=0, microsecond=0) == raw:
        return raw
    found = re.fullmatch("([01]?[0-9]|2[0-3]):([0-5][0-9])", raw) if isinstance(raw, str) else None
    if found:
        return time(int(found[1]), int(found[2]))
    shown = raw.isoformat() if isinstance(raw, time) else raw
    wrong(shown, f"names {quoted(shown)}", 'give a time from "00:00" to "23:59", to the minute')
    return None


def weekdays(raw: object, wrong: Wrong) -> frozenset[int]:
    """Days of the week, Monday is 0: `"sat,sun"`, `"mon-fri"`, or a list of such."""
    found: set[int] = set()
    for one in raw if isinstance(raw, list) else [raw]:
        for part in one.split(",") if isinstance(one, str) else [""]:
            ends = [weekday(name.strip()) for name in part.split("-")]
            first, last = ends[0], ends[-1]
            if first is None or last is None or len(ends) > 2:  # noqa: PLR2004 - from and to
                wrong(one, f"has days = {quoted(one)}", DAYS_LIKE)
                break
            found.update((first + days) % 7 for days in range((last - first) % 7 + 1))
    if raw == []:
        wrong("", "has days = []", f"{DAYS_LIKE}, or leave it out for every day")
    return frozenset(found)


def weekday(name: str) -> int | None:
    """A day by its English name, or by at least three letters of it."""
    if len(name) < 3:  # noqa: PLR2004 - as the docstring says
        return None
    return next((number for number, day in enumerate(WEEK) if day.startswith(name.casefold())), None)
