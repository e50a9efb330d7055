"""What was held, told when it is due: first thing in a poll, before Testmo is asked, and at its end what is folded.

What several causes hold moves on to the next when one ends. What is told leaves in an envelope, written in the
transaction that takes it out of what is held: a crash before it repeats the release, one after it the hand-over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Final

from testmo_notifier.errors import LeaseTaken, LostRace, TooLarge, unexpected
from testmo_notifier.model import (
    MAILED,
    OUTBOX,
    RATE,
    TIMES,
    UNREACHABLE,
    Change,
    Envelope,
    Held,
    HeldKey,
    Hold,
    MailCheck,
    Outgoing,
    is_known,
)
from testmo_notifier.notices.calm import ALWAYS
from testmo_notifier.notices.digest import hash_of
from testmo_notifier.notices.fold import folded
from testmo_notifier.notices.holding import Holding
from testmo_notifier.notices.merge import is_full, joined, silenced_in, this_poll_last, told_of, untold
from testmo_notifier.polling.handover import Outboxes
from testmo_notifier.polling.keep import Circumstances
from testmo_notifier.ports import Store

MOST: Final = 45  # runs of one message, and of one transaction: that ends at 100 actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Tells what is due. `destinations` are those of the routes, `instead` those that are told what nobody gets.

    `check` is what the last look at the mailboxes found.
    """

    store: Store
    outboxes: Outboxes
    around: Circumstances
    destinations: Collection[str]
    instead: Sequence[str]
    check: MailCheck | None
    go_on: Callable[[], None]
    problems: list[str] = field(default_factory=list)
    found: set[int] = field(default_factory=set)  # the runs of which something was due

    @property
    def holding(self) -> Holding:
        """What holds now."""
        return self.around.holding

    @property
    def decides(self) -> str | None:
        """What decides about what is held, as a hash; None where nothing holds anything back."""
        holding, unreachable = self.holding, sorted(self.around.unreachable)
        calm = sorted((name, repr(holding.calm(name)), str(holding.zone_of(name))) for name in holding.options)
        calm = [one for one in calm if one[1] != repr(ALWAYS)]
        silences = sorted(one.cause for one in holding.silences_now)
        if not (calm or silences or unreachable or holding.is_over):
            return None
        where = [sorted(self.destinations), list(self.instead), unreachable]
        return hash_of(map(repr, (calm, silences, where, holding.is_over)))

    def may_hold(self, run_id: int) -> bool:
        """Whether anything may be held of a run, by now or soon: if not, nobody has to look."""
        around, outboxes = self.around, self.outboxes
        late = {run for run, _ in (*outboxes.waiting, *outboxes.stuck, *outboxes.late)}
        return bool(self.decides or around.copied) or run_id in self.found | late

    def due(self, *, everything: bool) -> None:
        """What is due by now; `everything` is judged anew where what decides about it has changed."""
        keys, envelopes = self.store.held_until(None if everything else self.holding.now)
        self.found.update(key.run_id for key in keys)
        for envelope in envelopes:
            self.go_on()
            self.outboxes.publish_envelope(envelope)
        self.tell(keys)

    def tell(self, keys: Iterable[HeldKey]) -> None:
        """Tell what is held under these keys, or say for what it is held now; what a later version holds is its own."""
        by_destination: defaultdict[str, list[HeldKey]] = defaultdict(list)
        for key in keys:
            if is_known(key.cause):
                by_destination[key.destination].append(key)
        for destination, some in by_destination.items():
            try:
                self._tell_at(destination, some)
            except LeaseTaken:
                raise
            except Exception as exc:  # noqa: BLE001 - what cannot be told must not end this poll and every other
                self._left(some, f"what is held for {destination}: {unexpected(exc)}")

    def _tell_at(self, destination: str, keys: Sequence[HeldKey]) -> None:
        """The same at one destination: in a message for each run, or in one for all."""
        most = 1 if any(map(self._is_for_all, keys)) else self.holding.calm(destination).fold
        going = [held.key for chunk in chunks(keys) for held in self._read(chunk) if self._goes(held)]
        is_many = most is not None and len({key.run_id for key in going}) > most
        for chunk in chunks(going):
            some = self._with_silenced(self._read(chunk))
            self._tell_together(some) if is_many else self._tell_each(some)

    def _is_for_all(self, key: HeldKey) -> bool:
        return self.holding.is_for_all_runs(key.cause)

    def _read(self, keys: Sequence[HeldKey]) -> list[Held]:
        self.go_on()
        return self.store.held(keys)

    def _with_silenced(self, going: Sequence[Held]) -> Sequence[Held]:
        """The same, with what is silenced now of these runs."""
        silences = self.holding.silences_now
        keys = {HeldKey(held.run_id, held.destination, one.cause, held.due) for held in going for one in silences}
        there = by_run(self._read([*keys])) if keys else {}
        silenced = {run: silenced_in(some, silences) for run, some in there.items()}
        return [replace(one, frame=replace(one.frame, silenced=silenced.get(one.run_id, ()))) for one in going]

    def _left(self, keys: Iterable[HeldKey], why: str) -> None:
        """It stays where it is, and somebody is told so: until it can be told, it is late."""
        self.problems.append(why)
        self.outboxes.stuck |= {(key.run_id, key.destination): key.due for key in keys}

    def _goes(self, held: Held) -> bool:
        """Whether it is to be told now. If not, it is held for what holds it now, or it is dropped."""
        hold = self._hold(held)
        if self._is_heard(held) or (held.is_empty and (hold is None or hold.cause != held.cause)):
            self._write([Change(held, None)])
            return False
        if hold is None:
            return True
        if hold.cause == held.cause:
            self._write([Change(held, replace(held, due=hold.due))] if hold.due != held.due else [])
        else:
            there, after = self._joined(held, hold)
            if is_full(after) or not self._write([Change(held, None), Change(there, after)]):
                return True  # nothing has room for both
        self.outboxes.note_held(replace(held, cause=hold.cause, due=hold.due))
        return False

    def _is_heard(self, copy: Held) -> bool:
        """Whether it is a copy, and the look after the message found that the mailbox is subscribed."""
        if copy.cause != MAILED or self._is_lost(copy):
            return False
        check = self.check
        is_looked_at = check is not None and not check.problem and check.at >= copy.due
        return self.holding.is_over or (is_looked_at and (copy.run_id, copy.destination) not in self.outboxes.late)

    def _hold(self, held: Held) -> Hold | None:
        """What holds it now."""
        is_lost = self._is_lost(held)
        to = (held.run_id, held.destination)
        nobody = Hold(UNREACHABLE, held.due if held.cause == UNREACHABLE else self.holding.now)
        if held.cause == MAILED and not is_lost:
            return Hold(MAILED, self.around.copies_due if to in self.outboxes.late else held.due)
        if is_lost and not self.instead:
            return nobody  # an older version must not find it in an envelope, either
        if held.cause == MAILED or self.holding.is_over:
            return None
        hold = self.holding.hold_on(held) or self._gate(held)
        if hold is None and not is_lost and to in self.outboxes.waiting:
            return Hold(OUTBOX, held.due if held.cause == OUTBOX else self.holding.now)
        return hold

    def _is_lost(self, held: Held) -> bool:
        """Whether somebody else has to be told; of what went to a mailbox only if nobody got it."""
        return held.destination in self.around.unreachable if held.cause == MAILED else self._is_gone(held.destination)

    def _is_gone(self, destination: str) -> bool:
        """Whether nobody gets what goes there, or no route names it any more."""
        return destination in self.around.unreachable or destination not in self.destinations

    def _gate(self, held: Held) -> Hold | None:
        """What keeps back news of a run that its destination was told of a moment ago."""
        if held.cause in (RATE, TIMES) or not self.holding.calm(held.destination).at_most_every:
            return None
        gate = self._there(held, RATE)
        return Hold(RATE, gate.due) if gate and gate.due > self.holding.now else None

    def _joined(self, held: Held, hold: Hold) -> tuple[Held | None, Held]:
        """What is held for another cause, as it is and with this in it."""
        there = self._there(held, hold.cause)
        to = there or Held(held.run_id, held.destination, hold.cause, hold.due, held.since, held.frame)
        due = min(to.due, hold.due) if hold.cause in (OUTBOX, UNREACHABLE) else hold.due
        return there, joined(replace(to, due=due), held)

    def _there(self, held: Held, cause: str) -> Held | None:
        found = self.store.held([HeldKey(held.run_id, held.destination, cause, held.due)])
        return found[0] if found else None

    def _tell_each(self, going: Iterable[Held]) -> None:
        """A message for each run."""
        for some in by_run(going).values():
            if not self._send(some, as_one):
                for held in some:
                    self._send([held], as_one)

    def _tell_together(self, going: Sequence[Held]) -> None:
        """One message for all of them; in several where one would be too large."""
        if len({held.run_id for held in going}) < 2:  # noqa: PLR2004 - one run is told as one run
            self._tell_each(going)
        elif not self._send(going, as_several):
            half = len(going) // 2
            self._tell_together(going[:half])
            self._tell_together(going[half:])

    def _send(self, going: Sequence[Held], tell: Callable[[Sequence[Held]], Iterable[Outgoing]]) -> bool:
        """Take out what is told and put it into an envelope, then hand that over; False if one has no room for it."""
        destination, now = going[0].destination, self.holding.now
        told = list(self._addressed(going, tell))
        since, order = min(held.due for held in going), max(held.order for held in going)
        envelope = Envelope(told[0].id, tuple(told), min(since, now), order) if told else None
        if destination in self.around.copied and all(held.cause != MAILED for held in going):
            self._keep_copies(going)
        try:
            self.store.release([Change(held, None) for held in going], envelope)
        except TooLarge as exc:
            if len(going) == 1:
                self._left([going[0].key], str(exc))
            return len(going) == 1
        except LostRace as exc:
            self.problems.append(str(exc))
            return True
        if envelope is not None:
            self.outboxes.publish_envelope(replace(envelope, version=1))
        self._close_gates(going)
        return True

    def _addressed(
        self, going: Sequence[Held], tell: Callable[[Sequence[Held]], Iterable[Outgoing]]
    ) -> Iterator[Outgoing]:
        """What is told where it goes: to others, where nobody gets it, or no route names its destination any more.

        They are not told again of what they were told when it was found.
        """
        destination = going[0].destination
        others = [other for other in self.instead if other != destination] if self._is_gone(destination) else []
        for other in others:
            rest = [one for one in (untold(held, other) for held in going) if not one.is_empty]
            for one in tell(rest) if rest else ():
                yield replace(one, id=hash_of([one.id, other]), destination=other)
        if not others:
            yield from tell(going)

    def _keep_copies(self, going: Iterable[Held]) -> None:
        """What goes to a mailbox is kept until it is known that somebody got it, see `MAILED`."""
        hold = Hold(MAILED, self.around.copies_due)
        for some in by_run(going).values():
            there, copy = self._joined(reduce(joined, some), hold)
            if not is_full(copy):
                self._write([Change(there, copy)])

    def _close_gates(self, told: Iterable[Held]) -> None:
        """Who hears of a run so often at most was told of it now."""
        now = self.holding.now
        for held, *_ in by_run(told).values():
            every = self.holding.calm(held.destination).at_most_every
            there = self._there(held, RATE) if every else None
            if every and (there is None or there.is_empty):
                frame = replace(held.frame, results=())
                self._write([Change(there, Held(held.run_id, held.destination, RATE, now + every, now, frame))])

    def _write(self, changes: Sequence[Change]) -> bool:
        """Write it if it is as it was; else the next poll tries again. False if an item has no room for it."""
        try:
            self.store.release(changes)
        except TooLarge:
            return False
        except LostRace as exc:
            self.problems.append(str(exc))
        return True


def as_one(held: Sequence[Held]) -> tuple[Outgoing, ...]:
    """What is held of one run, told."""
    return told_of(reduce(joined, held))


def as_several(held: Sequence[Held]) -> tuple[Outgoing, ...]:
    """The same of several, in one message; there may be one left."""
    is_one = len({one.run_id for one in held}) == 1
    return as_one(held) if is_one else (folded(held[0].destination, held),)


def by_run(held: Iterable[Held]) -> dict[int, list[Held]]:
    """What is held, run by run."""
    runs: defaultdict[int, list[Held]] = defaultdict(list)
    for one in this_poll_last(held):
        runs[one.run_id].append(one)
    return runs


def chunks(keys: Iterable[HeldKey]) -> Iterator[Sequence[HeldKey]]:
    """So many runs at a time as one message may be about; what is held of a run stays together."""
    chunk: list[HeldKey] = []
    for key in sorted(keys, key=lambda key: key.run_id):
        if len(chunk) >= MOST and key.run_id != chunk[-1].run_id:
            yield chunk
            chunk = []
        chunk.append(key)
    if chunk:
        yield chunk
