"""Which silence holds a finding back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from testmo_notifier.model import Silence
from testmo_notifier.notices.matching import KEYS, Facts, Matcher


def matcher(silence: Silence) -> Matcher:
    """What it selects, as a route does."""
    return Matcher(silence.match, silence.exclude)


def is_understood(silence: Silence) -> bool:
    """Whether it asks for nothing but what this version knows. Of another, nobody can say what it leaves out."""
    return matcher(silence).keys <= frozenset(KEYS)


def silencing(silences: Iterable[Silence], facts: Facts, now: datetime) -> Silence | None:
    """The one that lasts longest of those that are not over and select a finding; None where nothing holds it back."""
    found = [one for one in silences if now < one.until and is_understood(one) and matcher(one).refusal(facts) is None]
    return max(found, key=lambda one: (one.until, one.id), default=None)
