"""What was held, told when it is due: first thing in a poll, before Testmo is asked, and at its end what is folded.

What several causes hold moves on to the next when one ends. What is told leaves in an envelope, written in the
transaction that takes it out of what is held: a crash before it repeats the release, one after it the hand-over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum
from functools import reduce
from typing import TYPE_CHECKING, Final

from testmo_notifier.errors import LeaseTaken, LostRace, OutOfTime, TooLarge, unexpected
from testmo_notifier.lean import dataclass
from testmo_notifier.model import (
    MAILED,
    OUTBOX,
    RATE,
    SILENCE,
    TIMES,
    UNREACHABLE,
    Change,
    Envelope,
    Held,
    HeldKey,
    Hold,
    MailCheck,
    is_known,
)
from testmo_notifier.notices import merge
from testmo_notifier.notices.calm import ALWAYS
from testmo_notifier.notices.digest import hash_of
from testmo_notifier.notices.fold import folded
from testmo_notifier.notices.holding import Holding
from testmo_notifier.notices.story import numbered
from testmo_notifier.polling.handover import MIN_SECONDS_LEFT, Outboxes, order_of
from testmo_notifier.polling.hold_or_tell import Circumstances

if TYPE_CHECKING:
    from testmo_notifier.polling.parts import Parts

MOST: Final = 45  # runs of one message, and of one transaction: that ends at 100 actions
MAX_WRITES: Final = 99  # of these, beside the envelope: two take an item out, a gate is three at most


class Written(Enum):
    """What came of a write."""

    WELL = "well"
    NOT_NOW = "not now"  # another poller was faster, or the table takes no more writes
    FULL = "full"  # an item has no room for it


@dataclass(frozen=True, slots=True)
class Release:
    """Tells what is due. `instead` are the destinations that are told what nobody gets.

    `check` is what the last look at the mailboxes found. With fewer than `least` seconds left it stops: each step is
    whole, and the next poll goes on.
    """

    parts: Parts
    outboxes: Outboxes
    around: Circumstances
    instead: Sequence[str]
    check: MailCheck | None
    go_on: Callable[[], None]
    least: float = MIN_SECONDS_LEFT
    problems: list[str] = field(default_factory=list)
    found: set[int] = field(default_factory=set)  # the runs of which something was due
    written: set[tuple[int, str, str]] = field(default_factory=set)  # what is not as it was when this poll found it

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
        where = [sorted(self.parts.destinations), list(self.instead), unreachable]
        return hash_of(map(repr, (calm, silences, where, holding.is_over)))

    def may_hold(self, run_id: int) -> bool:
        """Whether anything may be held of a run, by now or soon: if not, nobody has to look."""
        around, outboxes = self.around, self.outboxes
        late = {run for run, _ in (*outboxes.waiting, *outboxes.stuck, *outboxes.late)}
        return bool(self.decides or around.copied) or run_id in self.found | late

    def due(self, *, everything: bool) -> None:
        """What is due by now; `everything` is judged anew where what decides about it has changed.

        Half of the time is for what Testmo has to tell, unless nothing is read.
        """
        keys, envelopes = self.parts.store.held_until(None if everything else self.holding.now)
        self.found.update(key.run_id for key in keys)
        for envelope in envelopes:
            self.go_on()
            self.outboxes.publish_envelope(envelope)
        half = self.parts.seconds_left() / 2 if keys and not self.holding.is_over else 0.0
        replace(self, least=max(self.least, half)).tell(keys)

    def tell(self, keys: Iterable[HeldKey]) -> None:
        """Tell what is held under these keys, or say for what it is held now; what a later version holds is its own."""
        ours = [key for key in keys if is_known(key.cause)]
        lost = dict.fromkeys(key for key in ours if self.instead and self._is_lost(key))
        moved: list[HeldKey] = []
        try:
            self._at_each(lost, lambda some: moved.extend(self._passed_on(some)))
            self._at_each([*(key for key in ours if key not in lost), *moved], self._tell_at)
        except OutOfTime:
            left = [key for key in ours if key.due <= self.holding.now and key[:-1] not in self.written]
            runs = numbered(len({key.run_id for key in left}), "run")
            self._left(left, f"no time was left to go through all that is held ({runs} due): the next poll goes on")

    def _at_each(self, keys: Iterable[HeldKey], do: Callable[[Sequence[HeldKey]], None]) -> None:
        """Do it with what is held for each destination."""
        by_destination: defaultdict[str, list[HeldKey]] = defaultdict(list)
        for key in keys:
            by_destination[key.destination].append(key)
        for destination, some in by_destination.items():
            try:
                do(some)
            except (LeaseTaken, OutOfTime):
                raise
            except Exception as exc:  # noqa: BLE001 - what cannot be told must not end this poll and every other
                self._left(some, f"what is held for {destination}: {unexpected(exc)}")

    def _passed_on(self, keys: Sequence[HeldKey]) -> Iterator[HeldKey]:
        """Give what nobody gets to those that are told instead: held there, until they want to be told.

        They are not told again of what they were told when it was found.
        """
        for chunk in chunks(keys):
            tests: defaultdict[int, list[tuple[str, Collection[int]]]] = defaultdict(list)
            try:
                for held in self._read(chunk):
                    hold = Hold(held.cause if held.cause.startswith(SILENCE) else UNREACHABLE, self.holding.now)
                    rest = [merge.untold(replace(held, destination=other), other) for other in self.instead]
                    given = [self._joined(one, hold) for one in rest if not one.is_empty]
                    changes = [*(Change(there, after) for there, after in given), Change(held, None)]
                    written = Written.FULL if any(merge.is_full(after) for _, after in given) else self._write(changes)
                    if written is Written.FULL:
                        what = f"what is held of run {held.run_id} for {held.destination}"
                        self._left([held.key], f"{what} has no room with what is held for others: it waits for that")
                    elif written is Written.WELL:
                        tests[held.run_id] += [(one.destination, merge.failing_in(one)) for one in rest]
                    yield from (after.key for _, after in given)
            finally:
                self._count_as_told(tests)

    def _count_as_told(self, tests: Mapping[int, Sequence[tuple[str, Collection[int]]]]) -> None:
        """Keep who is told of failing tests in the place of others: their next failure is no new one there."""
        for checkpoint in self.parts.store.checkpoints([*tests]).values() if tests else ():
            told = {
                slot: replace(
                    one,
                    destinations=one.destinations.union(to for to, some in tests[checkpoint.run_id] if slot in some),
                )
                for slot, one in checkpoint.told.items()
            }
            if told == checkpoint.told:
                continue
            try:
                self.parts.store.commit(replace(checkpoint, told=told))
            except (LostRace, TooLarge) as exc:
                self.problems.append(str(exc))

    def _tell_at(self, keys: Sequence[HeldKey]) -> None:
        """Tell it at one destination: in a message for each run, or in one for all."""
        is_for_all = any(self.holding.is_for_all_runs(key.cause) for key in keys)
        most = 1 if is_for_all else self.holding.calm(keys[0].destination).fold
        going = [key for chunk in chunks(keys) for key in self._going(chunk)]
        is_many = most is not None and len({key.run_id for key in going}) > most
        for chunk in chunks(going):
            some = self._with_silenced(self._read(chunk))
            self._tell_together(some) if is_many else self._tell_each(some)

    def _going(self, chunk: Sequence[HeldKey]) -> Iterator[HeldKey]:
        """What of this is to be told now."""
        calm = self.holding.calm(chunk[0].destination)
        rates = [key._replace(cause=RATE) for key in chunk if key.cause not in (RATE, TIMES)]
        gates = {gate.run_id: gate for gate in self._read(rates)} if calm.at_most_every else {}
        for found in self._read(chunk):
            # What another one has moved into is read again.
            for held in self._read([found.key]) if found.key[:-1] in self.written else [found]:
                if self._goes(held, gates.get(held.run_id)):
                    yield held.key

    def _read(self, keys: Sequence[HeldKey]) -> list[Held]:
        """What is held under these keys.

        What waited for the outbox of its run comes after all that left that, however late: each try has a later order.
        """
        self._go_on()
        found = self.parts.store.held(keys)
        behind = [held.run_id for held in found if held.cause == OUTBOX]
        checkpoints = self.parts.store.checkpoints(behind) if behind else {}
        return [
            replace(held, order=max(held.order, order_of(checkpoints[held.run_id].version)))
            if held.cause == OUTBOX and held.run_id in checkpoints
            else held
            for held in found
        ]

    def _go_on(self) -> None:
        if self.parts.seconds_left() < self.least:
            raise OutOfTime
        self.go_on()

    def _with_silenced(self, going: Sequence[Held]) -> Sequence[Held]:
        """The same, with what is silenced now of these runs."""
        silences = self.holding.silences_now
        keys = {HeldKey(held.run_id, held.destination, one.cause, held.due) for held in going for one in silences}
        there = by_run(self._read([*keys])) if keys else {}
        silenced = {run: merge.silenced_in(some, silences) for run, some in there.items()}
        return [replace(one, frame=replace(one.frame, silenced=silenced.get(one.run_id, ()))) for one in going]

    def _left(self, keys: Iterable[HeldKey], why: str) -> None:
        """It stays where it is, and somebody is told so: until it can be told, it is late."""
        self.problems.append(why)
        self.outboxes.stuck |= {(key.run_id, key.destination): key.due for key in keys}

    def _goes(self, held: Held, gate: Held | None) -> bool:
        """Whether it is to be told now. If not, it is held for what holds it now, or it is dropped."""
        hold = self._hold(held, gate)
        if self._is_heard(held) or (held.is_empty and (hold is None or hold.cause != held.cause)):
            self._write([Change(held, None)])
            return False
        if hold is None:
            return True
        if hold.cause == held.cause:
            self._write([Change(held, replace(held, due=hold.due))] if hold.due != held.due else [])
        else:
            there, after = self._joined(held, hold)
            if merge.is_full(after) or self._write([Change(held, None), Change(there, after)]) is Written.FULL:
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

    def _hold(self, held: Held, gate: Held | None) -> Hold | None:
        """What holds it now; `gate` says until when its destination, told of the run a moment ago, hears no more."""
        now, to = self.holding.now, (held.run_id, held.destination)
        if self._is_lost(held):  # and nobody is told instead; an older version must not find it in an envelope, either
            return Hold(UNREACHABLE, held.due if held.cause == UNREACHABLE else now)
        if held.cause == MAILED:
            return Hold(MAILED, self.around.copies_due if to in self.outboxes.late else held.due)
        hold = self.holding.hold_on(held)
        if hold is None and gate is not None and gate.due > now and held.cause not in (RATE, TIMES):
            hold = Hold(RATE, gate.due)
        if hold is None and to in self.outboxes.waiting:
            hold = Hold(OUTBOX, held.due if held.cause == OUTBOX else now)
        return hold

    def _is_lost(self, held: Held | HeldKey) -> bool:
        """Whether nobody gets it, or, unless it is a copy of mail, no route names its destination any more."""
        is_unreachable = held.destination in self.around.unreachable
        return is_unreachable or (held.cause != MAILED and held.destination not in self.parts.destinations)

    def _joined(self, held: Held, hold: Hold) -> tuple[Held | None, Held]:
        """What is held for another cause, as it is and with this in it."""
        there = self._there(held, hold.cause)
        to = there or Held(held.run_id, held.destination, hold.cause, hold.due, held.since, held.frame)
        due = min(to.due, hold.due) if hold.cause in (OUTBOX, UNREACHABLE) else hold.due
        return there, merge.joined(replace(to, due=due), held)

    def _there(self, held: Held, cause: str) -> Held | None:
        found = self.parts.store.held([HeldKey(held.run_id, held.destination, cause, held.due)])
        return found[0] if found else None

    def _tell_each(self, going: Iterable[Held]) -> None:
        """A message for each run."""
        for some in by_run(going).values():
            if not self._send(some):
                for held in some:
                    self._send([held])

    def _tell_together(self, going: Sequence[Held]) -> None:
        """One message for all of them; in several where one would be too large."""
        if len({held.run_id for held in going}) < 2:  # noqa: PLR2004 - one run is told as one run
            self._tell_each(going)
        elif not self._send(going):
            half = len(going) // 2
            self._tell_together(going[:half])
            self._tell_together(going[half:])

    def _send(self, going: Sequence[Held]) -> bool:
        """Take out what is told and put it into an envelope, then hand that over; False if one has no room for it."""
        self._go_on()
        is_one_run = len({held.run_id for held in going}) == 1
        told = merge.told_of(reduce(merge.joined, going)) if is_one_run else (folded(going[0].destination, going),)
        since, order = min(held.due for held in going), max(held.order for held in going)
        envelope = Envelope(told[0].id, told, min(since, self.holding.now), order) if told else None
        if going[0].destination in self.around.copied:
            self._keep_copies(going)
        changes = {held.key[:-1]: Change(held, None) for held in going}
        gates = self._gates(going)
        has_room = 2 * len(changes) + 3 * len(gates) <= MAX_WRITES  # not for those of very many runs: these come after
        changes |= gates if has_room else {}
        try:
            self.parts.store.release([*changes.values()], envelope)
        except TooLarge as exc:
            if len(going) == 1:
                self._left([going[0].key], str(exc))
            return len(going) == 1
        except LostRace as exc:
            self._left([held.key for held in going], str(exc))
            return True
        self.written.update(changes)
        if envelope is not None:
            self.outboxes.publish_envelope(replace(envelope, version=1))
        for key, gate in gates.items() if not has_room else ():
            self._write([gate._replace(before=None) if key in changes else gate])
        return True

    def _keep_copies(self, going: Iterable[Held]) -> None:
        """What goes to a mailbox is kept until it is known that somebody got it, see `MAILED`."""
        hold = Hold(MAILED, self.around.copies_due)
        for some in by_run(going).values():
            there, copy = self._joined(reduce(merge.joined, some), hold)
            if not merge.is_full(copy):
                self._write([Change(there, copy)])

    def _gates(self, told: Sequence[Held]) -> dict[tuple[int, str, str], Change]:
        """Who hears of a run so often at most is told of it now; what else is held for that is told when it is due.

        A gate takes the place of what is told out of it as that was read: what came into it since is not lost.
        """
        now, gates = self.holding.now, {}
        every = self.holding.calm(told[0].destination).at_most_every
        for some in by_run(told).values() if every else ():
            held, taken = some[0], next((one for one in some if one.cause == RATE), None)
            there = taken or self._there(held, RATE)
            if every and (taken or there is None or there.is_empty):
                gate = Held(held.run_id, held.destination, RATE, now + every, now, merge.frame_of(held.frame, ()))
                gates[gate.key[:-1]] = Change(there, gate)
        return gates

    def _write(self, changes: Sequence[Change]) -> Written:
        """Write it if it is as it was; else the next poll tries again."""
        end = Written.WELL
        try:
            self.parts.store.release(changes)
        except TooLarge:
            return Written.FULL
        except LostRace as exc:
            end = Written.NOT_NOW
            there = [one.before.key for one in changes if one.before]
            self._left([key for key in there if key.due <= self.holding.now], str(exc))
        self.written.update(one.key[:-1] for change in changes for one in change if one)
        return end


def by_run(held: Iterable[Held]) -> dict[int, list[Held]]:
    """What is held, run by run."""
    runs: defaultdict[int, list[Held]] = defaultdict(list)
    for one in merge.this_poll_last(held):
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
