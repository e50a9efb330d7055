"""When a schedule wants a poll: EventBridge Scheduler's expressions, as far as the tests use them.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

MINUTES = {"minute": 1, "hour": 60, "day": 1_440}
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # 1 is Sunday
MINUTE = timedelta(minutes=1)


def wanted(expression: str, zone: str, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The moments in UTC. A time of day that summer time leaves out is left out; one that comes twice counts once."""
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        step = timedelta(minutes=int(rate[1]) * MINUTES[rate[2]])
        yield from (begin + number * step for number in range(int((end - begin) / step) + 1))
        return
    cron = re.fullmatch(r"cron\((.+)\)", expression)
    assert cron, expression
    minutes, hours, _, _, days, _ = cron[1].split()
    for number in range(int((end - begin) / MINUTE) + 1):
        at = begin + number * MINUTE
        local = at.astimezone(ZoneInfo(zone))
        is_time = fits(minutes, local.minute) and fits(hours, local.hour) and not local.fold
        if is_time and fits(days, local.isoweekday() % 7 + 1):
            yield at


def fits(field: str, value: int) -> bool:
    """Whether a value is one of those a field of cron(…) names."""
    return field in ("*", "?") or any(part_fits(part, value) for part in field.split(","))


def part_fits(part: str, value: int) -> bool:
    span, _, step = part.partition("/")
    first, _, last = span.partition("-")
    low = 0 if first == "*" else number(first)
    high = 10_000 if span == "*" or (step and not last) else number(last or first)
    return low <= value <= high and (value - low) % int(step or 1) == 0


def number(name: str) -> int:
    return DAYS.index(name) + 1 if name in DAYS else int(name)
