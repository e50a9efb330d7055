"""What is told later on purpose: held for one destination, of one run, for one cause (rule 20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Final, NamedTuple

from testmo_notifier.lean import dataclass
from testmo_notifier.model.digests import Digest, Kind, Outgoing

# Why something is held. A silence's own cause is this and its id.
RATE, TIMES, QUIET, FOLD = "rate", "times", "quiet", "fold"
OUTBOX, UNREACHABLE, MAILED = "outbox", "unreachable", "mailed"
SILENCE: Final = "silence:"
CAUSES: Final = (RATE, TIMES, QUIET, FOLD, OUTBOX, UNREACHABLE, MAILED)


def is_known(cause: str) -> bool:
    """Whether it is a cause of ours: what a later version holds for others is left to it."""
    return cause in CAUSES or cause.startswith(SILENCE)


class HeldKey(NamedTuple):
    """Which held item, and when it is due, by our clock."""

    run_id: int
    destination: str
    cause: str
    due: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that one destination is to be told of one run when one cause ends, merged into one.

    `frame` has the facts of the run as they were last, and in `results` the first of the results by name. `rows` are
    all of them: the key of a result to its test and to the number of its kind. `passed` are tests of failing rows that
    passed since, `between` those that passed and failed again. `end` says that the run is over, which the destinations
    `also` are told, too. It was `due` and held `since` by our clock. `order` is that of a message, `version` counts the
    writes.

    Without rows and end it says only that the destination was told of the run at `since`: see `RATE`.
    """

    run_id: int
    destination: str
    cause: str
    due: datetime
    since: datetime
    frame: Digest
    rows: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    kinds: tuple[Kind, ...] = ()
    passed: frozenset[int] = frozenset()
    between: frozenset[int] = frozenset()
    end: Digest | None = None
    also: tuple[str, ...] = ()
    order: int = 0
    version: int = 0

    @property
    def key(self) -> HeldKey:
        """Which one it is."""
        return HeldKey(self.run_id, self.destination, self.cause, self.due)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not self.rows and self.end is None


class Change(NamedTuple):
    """A held item as it was read, and as it is to be; None is one that is not there."""

    before: Held | None
    after: Held | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """Messages that were held, on their way out: an outbox of its own, whether or not its runs still exist.

    `since` is our clock when the oldest of what is in it was due, `order` that of its messages.
    """

    id: str
    outbox: tuple[Outgoing, ...]
    since: datetime
    order: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """What somebody wants to hear nothing of for a while: it is held until then, and told once.

    `match` and `exclude` are those of routes: keys, and what each may be.
    """

    id: str
    until: datetime
    author: str
    reason: str
    created_at: datetime
    match: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    exclude: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)

    @property
    def cause(self) -> str:
        """What holds what it matches."""
        return SILENCE + self.id
