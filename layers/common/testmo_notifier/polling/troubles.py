"""Which troubles have an alarm that stays through a pause, and when it may end. Pure.

A metric that is written only while there is trouble costs nothing in calm times, but its end looks like a night without
polls. So these alarms keep their state where nothing is said, and polls say zero for a while when a trouble is over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.model import Trouble

TOKEN: Final = "PollFailed"  # noqa: S105 - a metric; its reason is `token`
# What is invisible, or set wrongly, is asked for once an hour: in between it is not gone.
LASTS: Final = {"Invisible": timedelta(minutes=70), "SettingsProblems": timedelta(minutes=70)}
REPEATED: Final = timedelta(hours=1)  # a poll that was cut off before it could say zero is not the last to say it


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
