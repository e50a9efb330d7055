"""What is held, merged into one, and what is told of it in the end. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from testmo_notifier.model import Held, Hold, Outgoing


def with_news(before: Held | None, outgoing: Outgoing, hold: Hold, *, now: datetime, order: int) -> Held:
    """What is held, with a digest more: of failing results, of recoveries, or that the run is over.

    `before` may be empty (see `RATE`), or None.
    """
    raise NotImplementedError


def failing_in(held: Held) -> frozenset[int]:
    """The tests of which it holds that they fail, and not that they have passed since."""
    raise NotImplementedError


def with_passed(held: Held, tests: Collection[int]) -> Held:
    """The same, when these tests have passed; those of which it does not hold that they fail are left aside."""
    raise NotImplementedError


def joined(one: Held, other: Held) -> Held:
    """What is held for another cause, and what moves on to it; it stays `one` by cause and due time."""
    raise NotImplementedError


def told_of(held: Held) -> tuple[Outgoing, ...]:
    """The messages when it is told: what is failing, what is well again, that the run is over; none for nothing.

    Their ids are fixed: a hash of all that they tell, and of the version.
    """
    raise NotImplementedError


def is_full(held: Held) -> bool:
    """Whether it has no room for more, and has to be told now."""
    raise NotImplementedError
