"""Why a failing result is told: whether its test is failing anew, again, or in another way (rule 17). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from testmo_notifier.lean import dataclass
from testmo_notifier.model import AGAIN, NEW, Passes, Told
from testmo_notifier.notices.named import LONG_AGO

MAX_KEPT: Final = 100_000  # tests of one run; of what falls out nobody knows who was told, so all were


@dataclass(frozen=True, slots=True)
class Judged:
    """What the results of one test in one reading mean. `sure`: it is known whether the test passed in between.

    `streak` is how many failures in a row there are by now, 0 where that is not known, and `since` when the first of
    them was saved. `before` is what was known of the test, None where it was not failing, or nothing was known.
    """

    reason: str
    sure: bool
    streak: int = 0
    since: datetime | None = None
    last: datetime | None = None
    before: Told | None = None


def judged(test: int, times: Iterable[datetime], *, was_failing: bool, before: Told | None, passes: Passes) -> Judged:
    """What results of a test mean that were saved at these times; several rows of one moment are one failure."""
    moments = sorted(set(times))
    last = moments[-1] if moments else None
    passed_at = last_pass(test, before, passes, last)
    if before is not None and passed_at is not None and before.last is not None and passed_at > before.last:
        # It passed since the failure that was told: what is failing now is another one.
        was_failing = False
    if not was_failing and before is not None and before.last is None and passed_at is None:
        # Somebody rewound it: its failures were counted when they were told first.
        return Judged(NEW, True, before.streak, before.since, last)
    if not was_failing:
        since_pass = [moment for moment in moments if passed_at is None or moment > passed_at]
        is_known = passes.complete or len(since_pass) <= 1
        return Judged(NEW, True, len(since_pass) or 1 if is_known else 0, min(since_pass, default=None), last)
    sure = passes.complete and before is not None
    if before is None or not sure or not before.streak:
        return Judged(AGAIN, sure, last=last, before=before)
    # A row that was told and edited since is no further failure.
    further = [moment for moment in moments if before.last is None or moment > before.last]
    latest = max(filter(None, (last, before.last)), default=None)
    return Judged(AGAIN, sure, before.streak + len(further), before.since, latest, before)


def last_pass(test: int, before: Told | None, passes: Passes, until: datetime | None) -> datetime | None:
    """When a test passed last before a moment."""
    known = [*passes.times.get(test, ()), *([before.passed_at] if before and before.passed_at else [])]
    return max((moment for moment in known if until is None or moment < until), default=None)


def told_after(judgement: Judged, everybody: frozenset[str], told: frozenset[str], *, was_failing: bool) -> Told:
    """What is known of a test once its results are told to these destinations.

    If nothing is known of a test that was failing, everybody counts as told of it.
    """
    before = judgement.before
    earlier = before.destinations if before else everybody if was_failing and judgement.reason != NEW else frozenset()
    told = earlier | told if earlier - told else told
    return Told(judgement.streak, judgement.since, judgement.last, told)


def pruned(told: Mapping[int, Told], failing: Mapping[int, object], *, recovers: bool) -> dict[int, Told]:
    """What is still worth knowing: of tests that are failing, and of those whose recovery may still be told."""
    known = {test: one for test, one in told.items() if recovers or test in failing}
    if len(known) <= MAX_KEPT:
        return known
    return {test: known[test] for test in sorted(known, key=lambda test: known[test].last or LONG_AGO)[-MAX_KEPT:]}
