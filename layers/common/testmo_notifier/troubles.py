"""Which troubles have an alarm that stays through a pause, and when it may end. Pure.

A metric that is written only while there is trouble costs nothing in calm times, but its end looks like a night without
polls. So these alarms keep their state where nothing is said, and polls say zero for a while when a trouble is over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from testmo_notifier.model import Trouble

TOKEN: Final = "PollFailed"  # noqa: S105 - a metric; its reason is `token`
# What is invisible, or set wrongly, is asked for once an hour: in between it is not gone.
LASTS: Final = {"Invisible": timedelta(minutes=70), "SettingsProblems": timedelta(minutes=70)}
# Version 1.0 kept no troubles, and had these alarms: whether one was on when it was upgraded, nobody knows.
OF_1_0: Final = (TOKEN, "Invisible", "SettingsProblems")
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
REPEATED: Final = timedelta(hours=1)  # a poll that was cut off before it could say zero is not the last to say it


def unknown(polled_at: datetime | None) -> Mapping[str, Trouble]:
    """What version 1.0 may have left: as if its last poll had met each trouble, so that the end of each is said."""
    return {name: Trouble(polled_at or LONG_AGO) for name in OF_1_0}


def after(
    before: Mapping[str, Trouble], present: Collection[str], now: datetime, *, looked: bool
) -> Mapping[str, Trouble]:
    """The troubles after a poll. One that saw nothing of Testmo knows of no end."""
    found = {name: Trouble(now) for name in present}
    for name, trouble in before.items():
        if name in present:
            continue
        if not looked or now - trouble.seen_at < LASTS.get(name, timedelta(0)):
            found[name] = trouble
        elif trouble.over_at is None or now - trouble.over_at <= REPEATED:
            found[name] = Trouble(trouble.seen_at, trouble.over_at or now)
    return found


def over(found: Mapping[str, Trouble]) -> tuple[str, ...]:
    """Those of which zero is to be said."""
    return tuple(sorted(name for name, trouble in found.items() if trouble.over_at is not None))
