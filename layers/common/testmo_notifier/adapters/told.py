"""What is known of failing tests (`Told`) as few bytes: 50,000 of them are about 300 KB."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import accumulate, chain, islice
from typing import Any, Final

from testmo_notifier.adapters.compact import EPOCH, MICROSECOND, deltas, pack, unpack
from testmo_notifier.model import Told

MILLISECOND: Final = 1000  # microseconds: Testmo's results have whole ones


def pack_told(told: Mapping[int, Told]) -> dict[str, Any]:
    """The attributes `told` and `told_to`: numbers of each test, and the sets of destinations that these point to."""
    if not told:
        return {}
    tests = sorted(told)
    known = [told[test] for test in tests]
    sets = {names: index for index, names in enumerate(dict.fromkeys(one.destinations for one in known))}
    moments = (moment for one in known for moment in (one.since, one.last, one.passed_at) if moment)
    unit = 1 if any(moment.microsecond % MILLISECOND for moment in moments) else MILLISECOND
    lasts = [units(one.last or EPOCH, unit) for one in known]
    numbers = chain(
        [len(tests), unit],
        deltas(tests),
        [one.streak for one in known],
        [sets[one.destinations] for one in known],
        deltas(lasts),
        # The other two are near the last, or there is none: most tests failed once, and did not pass since.
        [beside(one.since, last, unit) for one, last in zip(known, lasts, strict=True)],
        [beside(one.passed_at, last, unit) for one, last in zip(known, lasts, strict=True)],
    )
    return {"told": {"B": pack(numbers)}, "told_to": {"S": json.dumps([sorted(names) for names in sets])}}


def unpack_told(item: Mapping[str, Any]) -> dict[int, Told]:
    """The inverse of `pack_told`; nothing where an older version wrote the item, or part of it is gone."""
    if "told" not in item or "told_to" not in item:
        return {}
    sets = [frozenset(names) for names in json.loads(item["told_to"]["S"])]
    numbers = unpack(item["told"]["B"])
    count, unit = next(numbers), next(numbers)
    tests, streaks, to, lasts, since, passed = (list(islice(numbers, count)) for _ in range(6))
    rows = zip(accumulate(tests), streaks, to, accumulate(lasts), since, passed, strict=True)
    return {
        test: Told(
            streak,
            moment(since, last, unit),
            EPOCH + last * unit * MICROSECOND if last else None,
            sets[to],
            moment(passed, last, unit),
        )
        for test, streak, to, last, since, passed in rows
    }


def units(moment: datetime, unit: int) -> int:
    """A moment as so many microseconds each."""
    return (moment - EPOCH) // MICROSECOND // unit


def beside(moment: datetime | None, other: int, unit: int) -> int:
    """A moment that may be absent (0), as an odd number by its distance from another."""
    return 2 * (units(moment, unit) - other) + 1 if moment else 0


def moment(number: int, other: int, unit: int) -> datetime | None:
    """The inverse of `beside`."""
    return EPOCH + (other + (number - 1) // 2) * unit * MICROSECOND if number else None
