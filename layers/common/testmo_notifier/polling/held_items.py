"""What is held, as a poll reads and writes it: each write is refused where somebody else wrote since.

What nobody gets is given to those that are told instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from testmo_notifier.errors import LostRace, OutOfTime, TooLarge
from testmo_notifier.lean import dataclass
from testmo_notifier.model import OUTBOX, SILENCE, UNREACHABLE, Change, Envelope, Held, HeldKey, Hold
from testmo_notifier.notices import merge
from testmo_notifier.polling.handover import MIN_SECONDS_LEFT, order_of
from testmo_notifier.polling.outboxes import Outboxes

if TYPE_CHECKING:
    from testmo_notifier.polling.setup import Setup
    from testmo_notifier.ports import Store


class Written(Enum):
    """What came of a write."""

    WELL = "well"
    NOT_NOW = "not now"  # another poller was faster, or the table takes no more writes
    FULL = "full"  # an item has no room for it


@dataclass(frozen=True, slots=True)
class HeldItems:
    """The held items of one poll. What stays though it is due is said in `problems`, and counts as late.

    With fewer than `least` seconds left it raises `OutOfTime` before it reads or releases anything. `go_on` keeps the
    lease.
    """

    setup: Setup
    outboxes: Outboxes
    now: datetime
    go_on: Callable[[], None]
    least: float = MIN_SECONDS_LEFT
    problems: list[str] = field(default_factory=list)
    _written: set[tuple[int, str, str]] = field(default_factory=set)  # what is not as it was when this poll found it

    def check_time(self) -> None:
        """Go on with the poll, unless its time is over."""
        if self.setup.seconds_left() < self.least:
            raise OutOfTime
        self.go_on()

    def read(self, keys: Sequence[HeldKey]) -> list[Held]:
        """What is held under these keys.

        What waited for the outbox of its run comes after all that left that, however late: each try has a later order.
        """
        self.check_time()
        found = self.setup.store.held(keys)
        behind = [held.run_id for held in found if held.cause == OUTBOX]
        checkpoints = self.setup.store.checkpoints(behind) if behind else {}
        return [
            replace(held, order=max(held.order, order_of(checkpoints[held.run_id].version)))
            if held.cause == OUTBOX and held.run_id in checkpoints
            else held
            for held in found
        ]

    def is_as_found(self, key: HeldKey) -> bool:
        """Whether this poll has written nothing there."""
        return key[:-1] not in self._written

    def there(self, held: Held, cause: str) -> Held | None:
        """What is held of the same run, for the same destination and this cause."""
        found = self.setup.store.held([HeldKey(held.run_id, held.destination, cause, held.due)])
        return found[0] if found else None

    def joined(self, held: Held, hold: Hold) -> tuple[Held | None, Held]:
        """What is held for another cause, as it is and with this in it."""
        there = self.there(held, hold.cause)
        to = there or Held(held.run_id, held.destination, hold.cause, hold.due, held.since, held.frame)
        due = min(to.due, hold.due) if hold.cause in (OUTBOX, UNREACHABLE) else hold.due
        return there, merge.joined(replace(to, due=due), held)

    def write(self, changes: Sequence[Change], envelope: Envelope | None = None) -> Written:
        """Write it all if it is as it was; else the next poll tries again."""
        end = Written.WELL
        try:
            self.setup.store.release(changes, envelope)
        except TooLarge:
            return Written.FULL
        except LostRace as exc:
            end = Written.NOT_NOW
            there = [one.before.key for one in changes if one.before and not one.before.is_empty]
            self.left([key for key in there if envelope or key.due <= self.now], str(exc))
        self._written.update(one.key[:-1] for change in changes for one in change if one)
        return end

    def left(self, keys: Iterable[HeldKey], why: str) -> None:
        """It stays where it is, and somebody is told so: until it can be told, it is late."""
        self.problems.append(why)
        self.outboxes.stuck |= {(key.run_id, key.destination): key.due for key in keys}


def pass_on(items: HeldItems, keys: Sequence[HeldKey], instead: Sequence[str]) -> Iterator[HeldKey]:
    """Hold it for those who are told `instead`, until they want to be told; gives the keys of that.

    They are not told again of what they were told when it was found.
    """
    tests: defaultdict[int, list[tuple[str, Collection[int]]]] = defaultdict(list)
    try:
        for held in items.read(keys):
            hold = Hold(held.cause if held.cause.startswith(SILENCE) else UNREACHABLE, items.now)
            rest = [merge.untold(replace(held, destination=other), other) for other in instead]
            given = [items.joined(one, hold) for one in rest if not one.is_empty]
            changes = [*(Change(there, after) for there, after in given), Change(held, None)]
            written = Written.FULL if any(merge.is_full(after) for _, after in given) else items.write(changes)
            if written is Written.FULL:
                what = f"what is held of run {held.run_id} for {held.destination}"
                items.left([held.key], f"{what} has no room with what is held for others: it waits for that")
            elif written is Written.WELL:
                tests[held.run_id] += [(one.destination, merge.failing_in(one)) for one in rest]
            yield from (after.key for _, after in given)
    finally:
        items.problems.extend(count_as_told(items.setup.store, tests))


def count_as_told(store: Store, tests: Mapping[int, Sequence[tuple[str, Collection[int]]]]) -> Iterator[str]:
    """Keep who is told of failing tests in the place of others: their next failure is no new one there.

    Gives what could not be written.
    """
    for checkpoint in store.checkpoints([*tests]).values() if tests else ():
        told = {
            test: replace(
                one,
                destinations=one.destinations.union(to for to, some in tests[checkpoint.run_id] if test in some),
            )
            for test, one in checkpoint.told.items()
        }
        if told == checkpoint.told:
            continue
        try:
            store.commit(replace(checkpoint, told=told))
        except (LostRace, TooLarge) as exc:
            yield str(exc)
