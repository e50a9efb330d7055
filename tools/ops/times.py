"""Moments and numbers as people type and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from tools.lib.stamps import parse

UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType):  # type: ignore[type-arg]  # only newer versions of click know one
    """`2026-11-23T09:00:00Z`, `2026-11-23 10:00+01:00` or `2h` (ago). Without a zone it is UTC."""

    name = "WHEN"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse it, or say what would be right."""
        if isinstance(value, datetime):
            return value
        raw = str(value).strip()
        ago = re.fullmatch(r"([0-9]{1,5})([mhd])", raw)
        if ago:
            return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        try:
            return parse(raw)
        except ValueError:
            self.fail(
                f"{raw!r} is no moment: give one like 2026-11-23T09:00Z, or 30m, 2h, 1d for so long ago", param, ctx
            )


def age(span: timedelta) -> str:
    """A stretch of time in its largest unit."""
    seconds = span.total_seconds()
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"


def iso(moment: datetime | None) -> str | None:
    """A moment for machines."""
    return moment.isoformat(timespec="seconds") if moment else None


def quoted(value: int | str) -> str:
    """A name as it stands in a file; an id stands alone."""
    return str(value) if isinstance(value, int) else f'"{value}"'


def counted(number: int, thing: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
