"""When a destination is told, in words: its options as `route` shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time, timedelta
from typing import Final

from testmo_notifier.notices.calm import Calm, Window
from testmo_notifier.notices.routes import Options
from tools.ops.times import counted

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def calm_words(options: Options) -> str:
    """`quiet 18:00 to 08:00, and sat, sun, but for Blocked (Europe/Berlin)`; empty where everything goes at once."""
    return "; ".join(pieces(options.calm, f" ({options.time_zone})" if options.time_zone else ""))


def pieces(calm: Calm, zone: str) -> Iterator[str]:
    """An option each."""
    if calm.at_most_every:
        yield f"at most every {period(calm.at_most_every)} for each run"
    if calm.digest_at:
        yield f"collected, and told at {', '.join(map(shown, calm.digest_at))}{zone}"
    if calm.quiet:
        but = f", but for {', '.join(map(str, calm.quiet_except))}" if calm.quiet_except else ""
        yield f"quiet {', and '.join(map(window, calm.quiet))}{but}{zone}"
    if calm.fold:
        yield f"folded when more than {counted(calm.fold, 'run')} {'has' if calm.fold == 1 else 'have'} news at once"


def window(one: Window) -> str:
    """A stretch of quiet."""
    days = ", ".join(DAYS[day] for day in sorted(one.days)) or "every day"
    if one.begins is None or one.ends is None:
        return days
    stretch = f"{shown(one.begins)} to {shown(one.ends)}"
    return f"{stretch} on {days}" if one.days else stretch


def shown(at: time) -> str:
    """`09:00`."""
    return f"{at:%H:%M}"


def period(length: timedelta) -> str:
    """As the file has it: `2h30m`."""
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    return f"{f'{hours}h' if hours else ''}{f'{minutes}m' if minutes else ''}"
