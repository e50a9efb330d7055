"""What was held, told when it is due: first thing in a poll, before Testmo is asked, and at its end what is folded.

What several causes hold moves on to the next when one ends. What is told leaves in an envelope, written in the
transaction that takes it out of what is held: a crash before it repeats the release, one after it the hand-over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from testmo_notifier.errors import LostRace, TooLarge
from testmo_notifier.model import (
    MAILED,
    OUTBOX,
    RATE,
    UNREACHABLE,
    Change,
    Envelope,
    Held,
    HeldKey,
    Hold,
    MailCheck,
    Outgoing,
)
from testmo_notifier.notices.calm import ALWAYS
from testmo_notifier.notices.digest import hash_of
from testmo_notifier.notices.fold import folded
from testmo_notifier.notices.holding import Holding
from testmo_notifier.notices.merge import joined, told_of
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

    @property
    def holding(self) -> Holding:
        """What holds now."""
        return self.around.holding

    @property
    def decides(self) -> str:
        """What decides about what is held, as a hash; empty where nothing holds anything back."""
        holding, unreachable = self.holding, sorted(self.around.unreachable)
        calm = sorted((name, repr(holding.calm(name)), str(holding.zone_of(name))) for name in holding.options)
        calm = [one for one in calm if one[1] != repr(ALWAYS)]
        silences = sorted(one.cause for one in holding.silences_now)
        if not (calm or silences or unreachable or holding.is_over):
            return ""
        where = [sorted(self.destinations), list(self.instead), unreachable]
        return hash_of(map(repr, (calm, silences, where, holding.is_over)))

    def due(self, *, everything: bool) -> None:
        """What is due by now; `everything` is judged anew where what decides about it has changed."""
        keys, envelopes = self.store.held_until(None if everything else self.holding.now)
        for envelope in envelopes:
            self.go_on()
            self.outboxes.publish_envelope(envelope)
        self.tell(keys)

    def tell(self, keys: Iterable[HeldKey]) -> None:
        """Tell what is held under these keys, or say for what it is held now."""
        by_destination: defaultdict[str, list[HeldKey]] = defaultdict(list)
        for key in keys:
            by_destination[key.destination].append(key)
        for destination, some in by_destination.items():
            most = self.holding.calm(destination).fold if not any(self._is_for_all(key) for key in some) else 1
            is_many = most is not None and len({key.run_id for key in some}) > most
            for chunk in chunks(sorted(some, key=lambda key: key.run_id)):
                self.go_on()
                going = [held for held in self.store.held(chunk) if self._goes(held)]
                self._tell_together(going) if is_many else self._tell_each(going)

    def _is_for_all(self, key: HeldKey) -> bool:
        return self.holding.is_for_all_runs(key.cause)

    def _goes(self, held: Held) -> bool:
        """Whether it is to be told now. If not, it is held for what holds it now, or it is dropped."""
        if held.cause == MAILED and self._is_heard(held):
            self._write([Change(held, None)])
            return False
        hold = self._hold(held)
        if hold is None and not held.is_empty:
            return True
        if hold is not None:
            self.outboxes.note_held(replace(held, cause=hold.cause))
        if hold is None:
            self._write([Change(held, None)])
        elif hold.cause == held.cause:
            self._write([Change(held, replace(held, due=hold.due))] if hold.due != held.due else [])
        else:
            self._write([Change(held, None), self._joined(held, hold)])
        return False

    def _is_heard(self, copy: Held) -> bool:
        """Whether the look after it found that the mailbox is subscribed."""
        check = self.check
        is_looked_at = check is not None and not check.problem and check.at >= copy.due
        return self.holding.is_over or (is_looked_at and copy.destination not in self.around.unreachable)

    def _hold(self, held: Held) -> Hold | None:
        """What holds it now."""
        if self.holding.is_over:
            return None
        is_lost = held.destination in self.around.unreachable
        if held.cause == MAILED:
            return None if is_lost and self.instead else Hold(MAILED, held.due)
        if held.cause == OUTBOX and (held.run_id, held.destination) in self.outboxes.waiting:
            return Hold(OUTBOX, held.due)
        hold = self.holding.hold_on(held)
        if hold is None and is_lost and not self.instead:
            return Hold(UNREACHABLE, held.due if held.cause == UNREACHABLE else self.holding.now)
        return hold

    def _joined(self, held: Held, hold: Hold) -> Change:
        """What is held for another cause, with this in it."""
        there = self._there(held, hold.cause)
        to = there or Held(held.run_id, held.destination, hold.cause, hold.due, held.since, held.shell)
        return Change(there, joined(replace(to, due=hold.due), held))

    def _there(self, held: Held, cause: str) -> Held | None:
        found = self.store.held([HeldKey(held.run_id, held.destination, cause, held.due)])
        return found[0] if found else None

    def _tell_each(self, going: Iterable[Held]) -> None:
        """A message for each run."""
        runs: defaultdict[int, list[Held]] = defaultdict(list)
        for held in going:
            runs[held.run_id].append(held)
        for some in runs.values():
            whole = some[0]
            for other in some[1:]:
                whole = joined(whole, other)
            self._send(some, told_of(whole))

    def _tell_together(self, going: Sequence[Held]) -> None:
        """One message for all of them; in several where one would be too large."""
        if len({held.run_id for held in going}) < 2:  # noqa: PLR2004 - one run is told as one run
            self._tell_each(going)
        elif not self._send(going, [folded(going[0].destination, going)]):
            half = len(going) // 2
            self._tell_together(going[:half])
            self._tell_together(going[half:])

    def _send(self, going: Sequence[Held], told: Iterable[Outgoing]) -> bool:
        """Take out what is told and put it into an envelope, then hand that over; False if one has no room for it."""
        destination, now = going[0].destination, self.holding.now
        told = [other for one in told for other in self._addressed(one)]
        since, order = min(held.due for held in going), max(held.order for held in going)
        envelope = Envelope(told[0].id, tuple(told), min(since, now), order) if told else None
        if destination in self.around.copied and all(held.cause != MAILED for held in going):
            copies = Hold(MAILED, self.around.copies_due)
            self._write([self._joined(held, copies) for held in one_a_run(going)])
        try:
            self.store.release([Change(held, None) for held in going], envelope)
        except TooLarge as exc:
            if len(going) > 1:
                return False
            self.problems.append(str(exc))
            return True
        except LostRace as exc:
            self.problems.append(str(exc))
            return True
        if envelope is not None:
            self.outboxes.publish_envelope(replace(envelope, version=1))
        self._close_gates(going)
        return True

    def _addressed(self, one: Outgoing) -> Iterator[Outgoing]:
        """To where it goes: to others, where nobody gets it, or no route names its destination any more."""
        is_gone = one.destination in self.around.unreachable or one.destination not in self.destinations
        others = [other for other in self.instead if other != one.destination] if is_gone else []
        for other in others:
            yield replace(one, id=hash_of([one.id, other]), destination=other)
        if not others:
            yield one

    def _close_gates(self, told: Sequence[Held]) -> None:
        """Who hears of a run so often at most was told of it now."""
        every = self.holding.calm(told[0].destination).at_most_every
        if not every:
            return
        now = self.holding.now
        gates = []
        for held in one_a_run(told):
            there = self._there(held, RATE)
            gate = Held(held.run_id, held.destination, RATE, now + every, now, replace(held.shell, results=()))
            gates += [Change(there, gate)] if there is None or there.is_empty else []
        self._write(gates)

    def _write(self, changes: Sequence[Change]) -> None:
        if changes:
            try:
                self.store.release(changes)
            except LostRace as exc:
                self.problems.append(str(exc))  # it is as it was, and tried again by the next poll


def one_a_run(held: Iterable[Held]) -> list[Held]:
    """One for each run."""
    return list({one.run_id: one for one in held}.values())


def chunks(keys: Sequence[HeldKey]) -> Iterator[Sequence[HeldKey]]:
    """So many runs at a time as one message may be about; what is held of a run stays together."""
    chunk: list[HeldKey] = []
    for key in keys:
        if len(chunk) >= MOST and key.run_id != chunk[-1].run_id:
            yield chunk
            chunk = []
        chunk.append(key)
    if chunk:
        yield chunk
