"""What was held, told when it is due: first thing in a poll, before Testmo is asked, and at its end what is folded.

What several causes hold moves on to the next when one ends. What is told leaves in an envelope, written in the
transaction that takes it out of what is held: a crash before it repeats the release, one after it the hand-over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from functools import reduce
from typing import Final

from testmo_notifier.errors import LeaseTaken, OutOfTime, unexpected
from testmo_notifier.lean import dataclass
from testmo_notifier.model import MAILED, RATE, TIMES, Change, Envelope, Held, HeldKey, Hold, is_known
from testmo_notifier.notices import merge
from testmo_notifier.notices.fold import folded
from testmo_notifier.notices.story import numbered
from testmo_notifier.polling.circumstances import Circumstances
from testmo_notifier.polling.held_items import HeldItems, Written, pass_on
from testmo_notifier.polling.outboxes import Outboxes

MOST: Final = 45  # runs of one message, and of one transaction: that ends at 100 actions
MAX_WRITES: Final = 99  # of these, beside the envelope: two take an item out, an interval is three at most


@dataclass(frozen=True, slots=True)
class Release:
    """Tells what is due. Each step is whole: where no time is left for the next, the next poll goes on."""

    items: HeldItems
    outboxes: Outboxes
    around: Circumstances
    found: set[int] = field(default_factory=set)  # the runs of which something was due

    def may_hold(self, run_id: int) -> bool:
        """Whether anything may be held of a run, by now or soon: if not, nobody has to look."""
        around, outboxes = self.around, self.outboxes
        late = {run for run, _ in (*outboxes.waiting, *outboxes.stuck, *outboxes.late)}
        return bool(around.decides or around.copied) or run_id in self.found | late

    def tell_due(self, *, everything: bool) -> None:
        """What is due by now; `everything` is judged anew where what decides about it has changed.

        Half of the time is for what Testmo has to tell, unless nothing is read.
        """
        items, holding = self.items, self.around.holding
        keys, envelopes = items.setup.store.held_until(None if everything else holding.now)
        self.found.update(key.run_id for key in keys)
        for envelope in envelopes:
            items.go_on()
            self.outboxes.publish_envelope(envelope)
        half = items.setup.seconds_left() / 2 if keys and not holding.is_draining else 0.0
        replace(self, items=replace(items, least=max(items.least, half))).tell(keys)

    def tell(self, keys: Iterable[HeldKey]) -> None:
        """Tell what is held under these keys, or say for what it is held now; what a later version holds is its own."""
        items = self.items
        ours = [key for key in keys if is_known(key.cause)]
        lost = dict.fromkeys(key for key in ours if self.around.instead and self.around.is_lost(key))
        moved: list[HeldKey] = []
        try:
            self._at_each(lost, lambda some: moved.extend(self._passed_on(some)))
            self._at_each([*(key for key in ours if key not in lost), *moved], self._tell_at)
        except OutOfTime:
            left = [key for key in ours if key.due <= self.around.holding.now and items.is_as_found(key)]
            runs = numbered(len({key.run_id for key in left}), "run")
            items.left(left, f"no time was left to go through all that is held ({runs} due): the next poll goes on")

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
                self.items.left(some, f"what is held for {destination}: {unexpected(exc)}")

    def _passed_on(self, keys: Sequence[HeldKey]) -> Iterator[HeldKey]:
        """What is held for others now, who are told instead."""
        for chunk in chunks(keys):
            yield from pass_on(self.items, chunk, self.around.instead)

    def _tell_at(self, keys: Sequence[HeldKey]) -> None:
        """Tell it at one destination: in a message for each run, or in one for all."""
        is_for_all = any(self.around.holding.is_for_all_runs(key.cause) for key in keys)
        most = 1 if is_for_all else self.around.holding.calm(keys[0].destination).fold
        going = [key for chunk in chunks(keys) for key in self._going(chunk)]
        is_many = most is not None and len({key.run_id for key in going}) > most
        for chunk in chunks(going):
            some = self._with_silenced(self.items.read(chunk))
            self._tell_together(some) if is_many else self._tell_each(some)

    def _going(self, chunk: Sequence[HeldKey]) -> Iterator[HeldKey]:
        """What of this is to be told now."""
        calm = self.around.holding.calm(chunk[0].destination)
        rates = [key._replace(cause=RATE) for key in chunk if key.cause not in (RATE, TIMES)]
        intervals = {one.run_id: one for one in self.items.read(rates)} if calm.at_most_every else {}
        for found in self.items.read(chunk):
            # What another one has moved into is read again.
            for held in [found] if self.items.is_as_found(found.key) else self.items.read([found.key]):
                if self._goes(held, intervals.get(held.run_id)):
                    yield held.key

    def _with_silenced(self, going: Sequence[Held]) -> Sequence[Held]:
        """The same, with what is silenced now of these runs."""
        silences = self.around.holding.silences_now
        keys = {HeldKey(held.run_id, held.destination, one.cause, held.due) for held in going for one in silences}
        there = by_run(self.items.read([*keys])) if keys else {}
        silenced = {run: merge.silenced_in(some, silences) for run, some in there.items()}
        return [replace(one, frame=replace(one.frame, silenced=silenced.get(one.run_id, ()))) for one in going]

    def _goes(self, held: Held, interval: Held | None) -> bool:
        """Whether it is to be told now. If not, it is held for what holds it now, or it is dropped."""
        hold = self.around.hold_longer(held, interval)
        if self.around.is_heard(held) or (held.is_empty and (hold is None or hold.cause != held.cause)):
            self.items.write([Change(held, None)])
            return False
        if hold is None:
            return True
        if hold.cause == held.cause:
            self.items.write([Change(held, replace(held, due=hold.due))] if hold.due != held.due else [])
        else:
            there, after = self.items.joined(held, hold)
            if merge.is_full(after) or self.items.write([Change(held, None), Change(there, after)]) is Written.FULL:
                return True  # nothing has room for both
        self.outboxes.note_held(replace(held, cause=hold.cause, due=hold.due))
        return False

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
        self.items.check_time()
        is_one_run = len({held.run_id for held in going}) == 1
        told = merge.told_of(reduce(merge.joined, going)) if is_one_run else (folded(going[0].destination, going),)
        since, order = min(held.due for held in going), max(held.order for held in going)
        envelope = Envelope(told[0].id, told, min(since, self.around.holding.now), order) if told else None
        if going[0].destination in self.around.copied:
            self._keep_copies(going)
        changes = {held.key[:-1]: Change(held, None) for held in going}
        intervals = self._intervals(going)
        # Those of very many runs come after.
        has_room = 2 * len(changes) + 3 * len(intervals) <= MAX_WRITES
        changes |= intervals if has_room else {}
        written = self.items.write([*changes.values()], envelope)
        if written is Written.FULL and len(going) == 1:
            self.items.left([going[0].key], f"what is held of run {going[0].run_id} cannot be put into a message")
        if written is not Written.WELL:
            return written is Written.NOT_NOW or len(going) == 1
        if envelope is not None:
            self.outboxes.publish_envelope(replace(envelope, version=1))
        for key, interval in intervals.items() if not has_room else ():
            self.items.write([interval._replace(before=None) if key in changes else interval])
        return True

    def _keep_copies(self, going: Iterable[Held]) -> None:
        """What goes to a mailbox is kept until it is known that somebody got it, see `MAILED`."""
        hold = Hold(MAILED, self.around.copies_due)
        for some in by_run(going).values():
            there, copy = self.items.joined(reduce(merge.joined, some), hold)
            if not merge.is_full(copy):
                self.items.write([Change(there, copy)])

    def _intervals(self, told: Sequence[Held]) -> dict[tuple[int, str, str], Change]:
        """Who hears of a run so often at most is told of it now; what else is held for that is told when it is due.

        An interval takes the place of what is told out of it as that was read: what came into it since is not lost.
        """
        now, intervals = self.around.holding.now, {}
        every = self.around.holding.calm(told[0].destination).at_most_every
        for some in by_run(told).values() if every else ():
            held, taken = some[0], next((one for one in some if one.cause == RATE), None)
            there = taken or self.items.there(held, RATE)
            if every and (taken or there is None or there.is_empty):
                interval = Held(held.run_id, held.destination, RATE, now + every, now, merge.frame_of(held.frame, ()))
                intervals[interval.key[:-1]] = Change(there, interval)
        return intervals


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
