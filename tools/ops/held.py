"""What is held on purpose, and by whom or what, for `status`, `doctor`, `deliveries` and `silence`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from testmo_notifier.config import time_zone
from testmo_notifier.model import (
    FOLD,
    MAILED,
    OUTBOX,
    QUIET,
    RATE,
    SILENCE,
    TIMES,
    UNREACHABLE,
    Control,
    Envelope,
    Held,
    Silence,
)
from testmo_notifier.ports import Store
from tools.ops import records
from tools.ops.account import Account, Stack
from tools.ops.times import counted, iso, quoted

TIMED: Final[Mapping[str, str]] = {QUIET: "quiet", TIMES: "digest_at", RATE: "at_most_every"}
OVER: Final = "by a silence that is over: the next poll tells it"
UNTIMED: Final[Mapping[str, str]] = {
    FOLD: "fold: told with those of other runs by the next poll",
    OUTBOX: "an earlier message of that run has to go out first",
    UNREACHABLE: "nobody has confirmed that address",
}


@dataclass(frozen=True, slots=True)
class Keeping:
    """Who silenced what, what is held, and what was held and is on its way out. `zone` is the stack's."""

    zone: tzinfo
    silences: tuple[Silence, ...] = ()
    unread: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()
    envelopes: tuple[Envelope, ...] = ()

    @property
    def summary(self) -> str:
        """How much there is of it, in a few words."""
        leaving = sum(len(envelope.outbox) for envelope in self.envelopes)
        much = volume(self.held).removesuffix(" held")
        return f"{much}; {counted(leaving, 'message')} on the way out" if leaving else much

    def of(self, silence: str) -> list[Held]:
        """What one silence holds."""
        return [one for one in self.held if one.cause == SILENCE + silence]

    def open(self, now: datetime) -> list[Silence]:
        """The silences that are on, and those that are over and still hold something."""
        return [one for one in self.silences if one.until > now or self.of(one.id)]

    def lost(self) -> list[str]:
        """The ids of silences that hold something and are there no more: the next poll tells it."""
        known = {*(one.id for one in self.silences), *self.unread}
        found = {one.cause.removeprefix(SILENCE) for one in self.held if one.cause.startswith(SILENCE)}
        return sorted(found - known)

    def due(self, one: Held) -> datetime:
        """When something is to be told; a silence may have been ended before its time."""
        return min([one.due, *(silence.until for silence in self.silences if silence.cause == one.cause)])

    def words(self, one: Held) -> str:
        """Until when something is held, and why."""
        if one.cause.startswith(SILENCE):
            by = {silence.cause: silence for silence in self.silences}.get(one.cause)
            return f"held (silenced by {by.author} until {self.time(by.until)})" if by else f"held ({OVER})"
        if one.cause in TIMED:
            return f"held until {self.time(one.due)} ({TIMED[one.cause]})"
        return f"held ({UNTIMED.get(one.cause, one.cause)})"

    def time(self, moment: datetime) -> str:
        """A moment in the zone of the stack, to the minute."""
        return moment.astimezone(self.zone).isoformat(timespec="minutes")


@dataclass(frozen=True, slots=True)
class Group:
    """What one destination is told later for one cause: of how many runs, since when the oldest."""

    destination: str
    cause: str
    runs: int
    results: int
    first: Held
    since: datetime

    @property
    def is_timed(self) -> bool:
        """Whether it is due at a moment, and not when something else is over."""
        return self.cause in TIMED or self.cause.startswith(SILENCE)

    def words(self, keeping: Keeping) -> str:
        """How much of it there is, until when, and why."""
        much = f"{counted(self.runs, 'run')}, {counted(self.results, 'result')}"
        return f"{much}  {keeping.words(self.first)}"


def read(account: Account, control: Control) -> Keeping:
    """All of it, as it is now. What only says when something was told, and copies of what was told, are left out."""
    later, envelopes = in_store(records.store(account))
    return Keeping(zone_of(account.stack), control.silences, control.unread_silences, later, envelopes)


def in_store(store: Store) -> tuple[tuple[Held, ...], tuple[Envelope, ...]]:
    """What is told later, and what is on its way out."""
    keys, envelopes = store.held_until(None)
    held = store.held([key for key in keys if key.cause != MAILED])
    return tuple(one for one in held if not one.is_empty), tuple(envelopes)


def zone_of(stack: Stack) -> tzinfo:
    """The time zone that the stack was deployed with."""
    return time_zone(stack.parameters.get("TimeZone") or "UTC")


def groups(held: Iterable[Held]) -> list[Group]:
    """By destination and cause, those that are due first at the beginning."""
    found: dict[tuple[str, str], list[Held]] = {}
    for one in held:
        found.setdefault((one.destination, one.cause), []).append(one)
    return [
        Group(
            destination,
            cause,
            runs=len({one.run_id for one in those}),
            results=sum(len(one.rows) for one in those),
            first=min(those, key=lambda one: one.due),
            since=min(one.since for one in those),
        )
        for (destination, cause), those in sorted(found.items())
    ]


def volume(held: Sequence[Held]) -> str:
    """How much is held."""
    if not held:
        return "nothing held"
    keys = {key for one in held for key in one.rows}
    runs = counted(len({one.run_id for one in held}), "run")
    return f"{counted(len(keys), 'result')} of {runs} held" if keys else f"the end of {runs} held"


def selects(silence: Silence) -> str:
    """What a silence matches, as it would be asked for."""
    tables = (("", silence.match), ("not ", silence.exclude))
    found = [
        f"{prefix}{key}={' or '.join(map(quoted, values))}" for prefix, table in tables for key, values in table.items()
    ]
    return ", ".join(found) if silence.match else ", ".join(["everything", *found])


def silence_json(silence: Silence, held: Sequence[Held]) -> dict[str, object]:
    """One for machines, with how much it holds."""
    return {
        "id": silence.id,
        "author": silence.author,
        "reason": silence.reason,
        "created_at": iso(silence.created_at),
        "until": iso(silence.until),
        "match": {key: list(values) for key, values in silence.match.items()},
        "exclude": {key: list(values) for key, values in silence.exclude.items()},
        "held": {"results": len({key for one in held for key in one.rows}), "runs": len({one.run_id for one in held})},
    }


def as_json(keeping: Keeping, now: datetime) -> dict[str, object]:
    """All of it for machines."""
    return {
        "silences": [silence_json(one, keeping.of(one.id)) for one in keeping.open(now)],
        "silences_unread": list(keeping.unread),
        "held": [
            {
                "destination": group.destination,
                "cause": group.cause,
                "runs": group.runs,
                "results": group.results,
                "due": iso(group.first.due),
                "since": iso(group.since),
            }
            for group in groups(keeping.held)
        ],
    }
