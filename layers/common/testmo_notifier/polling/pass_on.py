"""What nobody gets, given to those that are told instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from testmo_notifier.errors import LostRace, TooLarge
from testmo_notifier.model import SILENCE, UNREACHABLE, Change, HeldKey, Hold
from testmo_notifier.notices import merge
from testmo_notifier.polling.held_items import HeldItems, Written

if TYPE_CHECKING:
    from testmo_notifier.ports import Store


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
        items.problems.extend(count_as_told(items.parts.store, tests))


def count_as_told(store: Store, tests: Mapping[int, Sequence[tuple[str, Collection[int]]]]) -> Iterator[str]:
    """Keep who is told of failing tests in the place of others: their next failure is no new one there.

    Gives what could not be written.
    """
    for checkpoint in store.checkpoints([*tests]).values() if tests else ():
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
            store.commit(replace(checkpoint, told=told))
        except (LostRace, TooLarge) as exc:
            yield str(exc)
