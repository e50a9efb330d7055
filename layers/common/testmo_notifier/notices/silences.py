"""Which silence keeps a finding back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from testmo_notifier.model import Silence
from testmo_notifier.notices.matching import Facts, Matcher


def silencing(silences: Iterable[Silence], facts: Facts, now: datetime) -> Silence | None:
    """The one that lasts longest of those that match; None where none does."""
    matching = [one for one in silences if one.until > now and Matcher(one.match, one.exclude).refusal(facts) is None]
    return max(matching, key=lambda one: one.until, default=None)
