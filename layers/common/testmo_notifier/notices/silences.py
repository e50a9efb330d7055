"""Which silence holds a finding back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from testmo_notifier.model import Digest, Silence
from testmo_notifier.notices.matching import KEYS, Fact, Facts, Matcher

BY_NAME: Final = ("milestone", "configuration")  # of a run, by its frame; their ids are not in it
OF_FRAME: Final = frozenset({"project", "run", *BY_NAME})


def matcher(silence: Silence) -> Matcher:
    """What it selects, as a route does."""
    return Matcher(silence.match, silence.exclude)


def is_understood(silence: Silence) -> bool:
    """Whether it asks for nothing but what this version knows. Of another, nobody can say what it leaves out."""
    return matcher(silence).keys <= frozenset(KEYS)


def silencing(silences: Iterable[Silence], facts: Facts, now: datetime) -> Silence | None:
    """The one that lasts longest of those that are not over and select a finding; None where nothing holds it back."""
    found = [one for one in silences if now < one.until and is_understood(one) and matcher(one).refusal(facts) is None]
    return longest(found)


def longest(silences: Iterable[Silence]) -> Silence | None:
    """The one that lasts longest."""
    return max(silences, key=lambda one: (one.until, one.id), default=None)


def selects_run(silence: Silence, frame: Digest) -> bool:
    """Whether it selects all results of a run, by what is still known of that when they are held."""
    asks = matcher(silence)
    if any(isinstance(one, int) for key in BY_NAME for one in asks.exclude.get(key, ())):
        return False  # nobody knows whether it leaves this run out
    return asks.keys <= OF_FRAME and asks.refusal(facts_of(frame)) is None


def facts_of(frame: Digest) -> Facts:
    """What is known of the run of what is held."""
    named = {key: getattr(frame, key) for key in BY_NAME}
    return {
        "project": (Fact(frame.project_id, frame.project_name),),
        "run": (Fact(frame.run_id, frame.run_name),),
        **{key: (Fact(None, name),) for key, name in named.items() if name},
    }
