"""What is told later, and why: what a silence matches, what the options of a destination keep back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from testmo_notifier import model
from testmo_notifier.lean import dataclass
from testmo_notifier.notices.calm import ALWAYS, LONGEST_DAYS, Calm, next_time, quiet_until
from testmo_notifier.notices.matching import KEYS, RUN_KEYS, Fact, Facts, Matcher, holds
from testmo_notifier.notices.routes import Options, is_for_people

BY_NAME: Final = ("milestone", "configuration")  # of a run, by its frame; their ids are not in it
OF_FRAME: Final = frozenset({"project", "run", *BY_NAME})
JUST_BEFORE: Final = timedelta(microseconds=1)  # a silence that ends at a moment holds nothing then
FOR_ALL_RUNS: Final = (model.QUIET, model.TIMES, model.UNREACHABLE)  # and silences: told in one message


@dataclass(frozen=True, slots=True)
class Holding:
    """What holds at one moment, by our clock. `zone` is the stack's, for destinations that have none of their own.

    With `is_draining` nothing is held any more: somebody is preparing a rollback. `bots` are destinations that show how
    a run is, `lost` those that nobody gets, nor anybody in their place: their news may wait for days. Of what was told
    to one of `copied` somebody else may have been told in its place.
    """

    now: datetime = datetime(1, 1, 1, tzinfo=UTC)
    options: Mapping[str, Options] = field(default_factory=dict)
    zone: tzinfo = UTC
    silences: tuple[model.Silence, ...] = ()
    is_draining: bool = False
    bots: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    copied: frozenset[str] = frozenset()

    @property
    def silences_now(self) -> tuple[model.Silence, ...]:
        """Those that are on."""
        return () if self.is_draining else tuple(one for one in self.silences if one.until > self.now)

    @property
    def asked(self) -> frozenset[str]:
        """The facts that silences ask about, and options."""
        tables = [table for one in self.silences_now for table in (one.match, one.exclude)]
        exceptions = any(one.calm.quiet_except for one in self.options.values())
        return frozenset(key for table in tables for key in table) | ({"status"} if exceptions else set())

    @property
    def tells_of_many(self) -> bool:
        """Whether options of a destination make one message of several runs, which is told by cause.

        `at_most_every` alone never does. A silence does once, at its end, which is not worth reading all cases for.
        """
        calms = [one.calm for one in self.options.values()]
        return any(calm.fold is not None or calm.quiet or calm.digest_at for calm in calms)

    def calm(self, destination: str) -> Calm:
        """When a destination wants to be told; a program always."""
        options = self.options.get(destination)
        return options.calm if options and is_for_people(destination) and not self.is_draining else ALWAYS

    def may_hold(self, destination: str) -> bool:
        """Whether anything is told there so late that it may be well by then, or goes on standing there."""
        calm = self.calm(destination)
        waits = destination in self.lost or calm.quiet or calm.digest_at or calm.at_most_every or self.silences_now
        return destination in self.bots or (bool(waits) and is_for_people(destination))

    def silence(self, facts: Facts, *, of_run: bool = False) -> model.Hold | None:
        """What silences a failing result with these facts; or all `of_run`, with those of the run."""
        silences = [one for one in self.silences_now if not of_run or matcher(one).keys.issubset(RUN_KEYS)]
        found = silencing(silences, facts, self.now)
        return model.Hold(found.cause, found.until) if found else None

    def at_once(self, status: Collection[Fact]) -> frozenset[str]:
        """The destinations that hear of a status whether it is quiet or not."""
        return frozenset(name for name in self.options if holds(self.calm(name).quiet_except, status))

    def hold(self, destination: str, *, at_once: bool = False) -> model.Hold | None:
        """What the options of a destination do with news: nothing, or keep it until some time.

        How often a destination hears of a run at most is not known here.
        """
        calm = self.calm(destination)
        if calm == ALWAYS:
            return None
        until = None if at_once else quiet_until(calm, self.zone_of(destination), self.now)
        if until is not None:
            return model.Hold(model.QUIET, until)
        time = next_time(calm, self.zone_of(destination), self.now)
        if time is not None:
            return model.Hold(model.TIMES, time)
        return model.Hold(model.FOLD, self.now) if calm.fold is not None else None

    def hold_on(self, held: model.Held) -> model.Hold | None:
        """Why something that is held goes on being held, for the same cause or for the next one; None if it is due.

        `OUTBOX`, `UNREACHABLE` and `MAILED` end elsewhere: here they are over.
        """
        silence = self._silence_on(held)
        if silence is not None:
            return model.Hold(silence.cause, silence.until)
        calm, zone = self.calm(held.destination), self.zone_of(held.destination)
        if held.cause == model.RATE and calm.at_most_every and held.due > self.now:
            return model.Hold(model.RATE, min(held.due, self.now + calm.at_most_every))
        until = None if self._is_urgent(held) else quiet_until(calm, zone, self.now)
        if until is not None:
            return model.Hold(model.QUIET, until)
        # What was found before a time that is over by now waits for no other one.
        begins = held.since if held.cause in (model.TIMES, model.QUIET) else min(held.due, self.now) - JUST_BEFORE
        waits = held.cause not in (model.FOLD, model.OUTBOX, model.MAILED)
        time = time_out_of_quiet(calm, zone, begins) if waits else None
        return model.Hold(model.TIMES, time) if time is not None and time > self.now else None

    def _silence_on(self, held: model.Held) -> model.Silence | None:
        """The silence that holds it: its own while that is on, else a later one that holds all of it for longer.

        That is one that selects the same, or the whole run. What else it may select nobody knows of rows that are held.
        """
        mine = next((one for one in self.silences if one.cause == held.cause), None)
        if mine in self.silences_now:
            return mine
        longer = [] if held.is_empty else [one for one in self.silences_now if one.until > held.due]
        same = [one for one in longer if mine is not None and matcher(one) == matcher(mine)]
        return longest([*same, *(one for one in longer if selects_run(one, held.frame))])

    def is_for_all_runs(self, cause: str) -> bool:
        """Whether what was held for this is told in one message, of however many runs."""
        return cause in FOR_ALL_RUNS or cause.startswith(model.SILENCE)

    def _is_urgent(self, held: model.Held) -> bool:
        wanted = self.calm(held.destination).quiet_except
        failing = {number for test, number in held.rows.values() if test not in held.passed}
        kinds = [held.kinds[number] for number in failing]
        statuses = [Fact(kind.status_id, kind.status) for kind in kinds if kind.about == model.FAILING]
        return bool(wanted) and holds(wanted, statuses)

    def zone_of(self, destination: str) -> tzinfo:
        """By which clocks it is told."""
        options = self.options.get(destination)
        return (options.time_zone if options else None) or self.zone


def time_out_of_quiet(calm: Calm, zone: tzinfo, after: datetime) -> datetime | None:
    """The next of the times of a destination at which it is not quiet; None where it is at all of them.

    What a time in the quiet would have told is told when the quiet ends, and does not wait for the next of these.
    """
    time = next_time(calm, zone, after)
    for _ in range(LONGEST_DAYS * len(calm.digest_at)):
        if time is None or quiet_until(calm, zone, time) is None:
            return time
        time = next_time(calm, zone, time)
    return None


def matcher(silence: model.Silence) -> Matcher:
    """What it selects, as a route does."""
    return Matcher(silence.match, silence.exclude)


def is_understood(silence: model.Silence) -> bool:
    """Whether it asks for nothing but what this version knows. Of another, nobody can say what it leaves out."""
    return matcher(silence).keys <= frozenset(KEYS)


def silencing(silences: Iterable[model.Silence], facts: Facts, now: datetime) -> model.Silence | None:
    """The one that lasts longest of those that are not over and select a finding; None where nothing holds it back."""
    found = [one for one in silences if now < one.until and is_understood(one) and matcher(one).refusal(facts) is None]
    return longest(found)


def longest(silences: Iterable[model.Silence]) -> model.Silence | None:
    """The one that lasts longest."""
    return max(silences, key=lambda one: (one.until, one.id), default=None)


def selects_run(silence: model.Silence, frame: model.Digest) -> bool:
    """Whether it selects all results of a run, by what is still known of that when they are held."""
    asks = matcher(silence)
    if any(isinstance(one, int) for key in BY_NAME for one in asks.exclude.get(key, ())):
        return False  # nobody knows whether it leaves this run out
    return asks.keys <= OF_FRAME and asks.refusal(facts_of(frame)) is None


def facts_of(frame: model.Digest) -> Facts:
    """What is known of the run of what is held."""
    named = {key: getattr(frame, key) for key in BY_NAME}
    return {
        "project": (Fact(frame.project_id, frame.project_name),),
        "run": (Fact(frame.run_id, frame.run_name),),
        **{key: (Fact(None, name),) for key, name in named.items() if name},
    }


NEVER: Final = Holding()
