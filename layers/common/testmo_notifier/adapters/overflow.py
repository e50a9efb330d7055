"""Sets that have no room in their checkpoint's item, in items of their own.

DynamoDB takes no item above 400 KB, and 200,000 failing results are megabytes. These items are written first, under
names that no other write has; then the checkpoint that names them, under its condition; what it names no longer
expires. So whoever reads a checkpoint finds what belongs to it, and a crash in between leaves but an item too many.

A version that knows nothing of them reads such a checkpoint as a first sight without news (rule 6): what is older
than the cursor is not told again, what is newer is told.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, cast

from testmo_notifier.adapters.compact import pack_times
from testmo_notifier.model import Checkpoint, Overflow, Resume

if TYPE_CHECKING:
    from testmo_notifier.adapters.items import Item

MAX_SETS_BYTES: Final = 180_000  # in the item itself, where an outbox takes up to 200 KB more
MAX_TOGETHER_BYTES: Final = 350_000  # of sets and outbox in the item itself, which DynamoDB lets have 400 KB
MAX_PART_BYTES: Final = 380_000  # of a set in an item of its own; one that is larger has several
MAX_TIES_BYTES: Final = 60_000  # of what ties with the cursor, shown to versions that know no such items
# All of them or none: version 1.1 takes an item that names any of them for one that holds none of the first four.
SETS: Final = ("seen", "failing", "older", "unconfirmed", "told", "awaited", "looking", "passed")
INSTEAD: Final = ("floor", "silent_before", "sweep", "swept")  # what another version gets to see differs


def parted(checkpoint: Checkpoint, item: Item) -> tuple[Item, list[Item], Checkpoint]:
    """A checkpoint's item as it is stored, the items to write before it, and the checkpoint that knows of them."""
    packed: dict[str, bytes] = {name: cast("bytes", item[name].get("B")) for name in SETS if name in item}
    size = sum(map(len, packed.values()))
    if size <= MAX_SETS_BYTES and size + len(item.get("outbox", {}).get("B", b"")) <= MAX_TOGETHER_BYTES:
        return item, [], replace(checkpoint, overflow={}) if checkpoint.overflow else checkpoint
    overflow: dict[str, Overflow] = {}
    parts: list[Item] = []
    expiry = {name: value for name, value in item.items() if name == "expires_at"}
    for name, content in packed.items():
        words = hashlib.sha256(zlib.decompress(content[1:]) + repr(expiry).encode()).hexdigest()[:16]
        known = checkpoint.overflow.get(name)
        if known is not None and known.hash == words:  # it stands already
            overflow[name] = known
            continue
        pieces = [content[at : at + MAX_PART_BYTES] for at in range(0, len(content), MAX_PART_BYTES)]
        overflow[name] = Overflow(checkpoint.version, len(pieces), words)
        keys = keys_of(checkpoint.run_id, name, overflow[name])
        parts += [{**key, "content": {"B": piece}, **expiry} for key, piece in zip(keys, pieces, strict=True)]
    return as_first_sight(checkpoint, item, overflow), parts, replace(checkpoint, overflow=overflow)


def as_first_sight(checkpoint: Checkpoint, item: Item, overflow: Mapping[str, Overflow]) -> Item:
    """An item without its sets, which says what it hides in a way that only this version understands."""
    hidden = {name: item[name] for name in INSTEAD if name in item}
    shown = {name: value for name, value in item.items() if name not in (*SETS, *INSTEAD)}
    cursor = item["cursor"]
    shown |= {"floor": cursor, "silent_before": cursor, "sweep": {"S": json.dumps(asdict(Resume(None, 1, None)))}}
    ties = pack_times({key: time for key, time in checkpoint.seen.items() if time >= checkpoint.cursor})
    if len(ties) <= MAX_TIES_BYTES:
        shown["seen"] = {"B": ties}
    sets = {name: asdict(one) for name, one in overflow.items()}
    return {**shown, "apart": {"S": json.dumps({"sets": sets, "instead": hidden})}}


def overflow_of(item: Mapping[str, Any]) -> dict[str, Overflow]:
    """Which sets of a stored item have items of their own."""
    content = json.loads(item["apart"]["S"]) if "apart" in item else {"sets": {}}
    return {name: Overflow(**raw) for name, raw in content["sets"].items()}


def keys_of(run_id: int, name: str, one: Overflow) -> Iterator[Item]:
    """The keys of the items of one set, in their order."""
    for number in range(one.items):
        yield {"pk": {"S": f"RUN#{run_id}"}, "sk": {"S": f"SET#{one.version:08d}#{name}#{one.hash}#{number}"}}


def overflow_keys(item: Mapping[str, Any]) -> list[Item]:
    """The keys of all items that belong to a stored one."""
    run_id = int(item["pk"]["S"].removeprefix("RUN#"))
    return [key for name, one in overflow_of(item).items() for key in keys_of(run_id, name, one)]


def left_over(before: Checkpoint, after: Checkpoint) -> list[Item]:
    """The keys of what a checkpoint names no longer."""
    gone = {name: one for name, one in before.overflow.items() if after.overflow.get(name) != one}
    return [key for name, one in gone.items() for key in keys_of(before.run_id, name, one)]


def whole(item: Mapping[str, Any], parts: Mapping[str, bytes]) -> Mapping[str, Any]:
    """A checkpoint's item with its sets, out of `parts` by their sort key.

    Where somebody deleted one of them, it is a first sight.
    """
    if "apart" not in item:
        return item
    run_id, sets = int(item["pk"]["S"].removeprefix("RUN#")), overflow_of(item)
    keys = {name: [key["sk"].get("S", "") for key in keys_of(run_id, name, one)] for name, one in sets.items()}
    if not parts.keys() >= set(chain.from_iterable(keys.values())):
        return {name: value for name, value in item.items() if name != "apart"}
    shown = {name: value for name, value in item.items() if name not in (*SETS, *INSTEAD)}
    packed = {name: {"B": b"".join(parts[key] for key in names)} for name, names in keys.items()}
    return {**shown, **json.loads(item["apart"]["S"])["instead"], **packed}
