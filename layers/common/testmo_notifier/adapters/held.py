"""What is held, and envelopes, as items: as few bytes as outboxes and sets (docs/state.md).

Each held item has another beside it that the index knows, under its due time: so what is not due yet is not read. The
two change in one transaction. Versions that knew nothing of it look for outboxes alone in that index.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from testmo_notifier.adapters import items
from testmo_notifier.adapters.outbox import digest_from, known, mentions_from, whole_digest
from testmo_notifier.adapters.transaction import unchanged
from testmo_notifier.model import Change, Envelope, Held, HeldKey, Kind, Outgoing

if TYPE_CHECKING:
    from testmo_notifier.adapters.items import Item
    from testmo_notifier.adapters.transaction import Action

HELD: Final = "HELD#"
ENVELOPE: Final = "ENVELOPE#"  # before HELD#: one query of the index finds both
FORMS: Final[Mapping[str, items.Form]] = {
    **dict.fromkeys(("due", "since"), items.TIME),
    **dict.fromkeys(("order", "version"), items.NUMBER),
    **dict.fromkeys(("passed", "between"), items.IDS),
    "rows": items.PAIRS,
}
ENVELOPE_FORMS: Final[Mapping[str, items.Form]] = {
    "since": items.TIME,
    **dict.fromkeys(("order", "version"), items.NUMBER),
    "outbox": items.OUTBOX,
}
PENDING: Final = "2"  # the key of the sparse index for what is held; outboxes of runs have another


def held_key(key: HeldKey) -> Item:
    """The key of a held item: one for each run, destination and cause, whenever it is due."""
    return {**items.run_key(key.run_id), "sk": {"S": f"{HELD}{key.destination}#{key.cause}"}}


def held_item(held: Held) -> Item:
    """What is held, as an item."""
    news: dict[str, object] = {"frame": whole_digest(held.frame), "kinds": [asdict(kind) for kind in held.kinds]}
    if held.end:
        news |= {"end": whole_digest(held.end), "also": held.also}
    packed_news = zlib.compress(json.dumps(news, default=datetime.isoformat, ensure_ascii=False).encode())
    return {**held_key(held.key), **items.packed(held, FORMS), "news": {"B": packed_news}}


def held_from(item: Mapping[str, Any]) -> Held:
    """The inverse of `held_item`; rows come back in the order of their keys."""
    destination, _, cause = item["sk"]["S"].removeprefix(HELD).rpartition("#")
    news = json.loads(zlib.decompress(item["news"]["B"]))
    return Held(
        run_id=int(item["pk"]["S"].removeprefix("RUN#")),
        destination=destination,
        cause=cause,
        frame=digest_from(news["frame"]),
        kinds=tuple(kind_from(raw) for raw in news["kinds"]),
        end=digest_from(news["end"]) if "end" in news else None,
        also=tuple(news.get("also", ())),
        **items.unpacked(item, FORMS),
    )


def kind_from(raw: Mapping[str, Any]) -> Kind:
    """A kind out of its JSON."""
    lists = {name: tuple(raw.get(name, ())) for name in ("routes", "also")}
    return Kind(**known(Kind, {**raw, **lists, "mentions": mentions_from(raw["mentions"])}))


def due_item(key: HeldKey) -> Item:
    """What the index knows of a held item: when it is due, and which one."""
    return {
        "pk": {"S": HELD + due_text(key.due)},
        "sk": {"S": f"{key.run_id}#{key.destination}#{key.cause}"},
        "pending": {"S": PENDING},
    }


def due_from(item: Mapping[str, Any]) -> HeldKey:
    """The inverse of `due_item`."""
    run_id, _, rest = item["sk"]["S"].partition("#")
    destination, _, cause = rest.rpartition("#")
    return HeldKey(int(run_id), destination, cause, datetime.fromisoformat(item["pk"]["S"].removeprefix(HELD)))


def due_text(moment: datetime) -> str:
    """A moment as text of one fixed width, so that texts compare as moments do, and nothing of it is lost."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def until(moment: datetime | None) -> dict[str, Any]:
    """What to ask the index for what is due at a moment (None: for everything), and for envelopes."""
    condition, values = "pending = :pending", {":pending": {"S": PENDING}}
    if moment is not None:
        condition, values = f"{condition} AND pk <= :last", {**values, ":last": {"S": HELD + due_text(moment)}}
    return {"KeyConditionExpression": condition, "ExpressionAttributeValues": values}


def sorted_out(found: Sequence[Mapping[str, Any]]) -> tuple[list[HeldKey], list[Item]]:
    """Keys that the index has: what is due, oldest first, and the keys of envelopes."""
    due = map(due_from, (key for key in found if key["pk"]["S"].startswith(HELD)))
    envelopes = [dict(key) for key in found if key["pk"]["S"].startswith(ENVELOPE)]
    return sorted(due, key=lambda key: (key.due, key)), envelopes


def envelope_key(name: str) -> Item:
    """The key of an envelope."""
    return {"pk": {"S": ENVELOPE + name}, "sk": {"S": "OUTBOX"}}


def envelope_item(envelope: Envelope) -> Item:
    """An envelope as an item."""
    return {**envelope_key(envelope.id), **items.packed(envelope, ENVELOPE_FORMS), "pending": {"S": PENDING}}


def cause_of(item: Mapping[str, Any]) -> str:
    """Why an item is held, by its key alone: what it holds may be for a later version to read."""
    return str(item["sk"]["S"].rpartition("#")[2])


def readable_envelope(item: Mapping[str, Any]) -> Envelope | None:
    """An envelope, or None for one that a later version sealed in another way: it waits for that."""
    try:
        return envelope_from(item)
    except (LookupError, TypeError, ValueError, zlib.error):
        return None


def envelope_from(item: Mapping[str, Any]) -> Envelope:
    """The inverse of `envelope_item`."""
    return Envelope(id=item["pk"]["S"].removeprefix(ENVELOPE), **items.unpacked(item, ENVELOPE_FORMS))


# The writes, as actions of a transaction. Each is refused if somebody wrote since the noun was read.


def writes_of(changes: Iterable[Change]) -> list[Action]:
    """What is held, as it is to be: one action for each whose due time stays, two if it comes or goes, else three."""
    return [action for before, after in changes for action in writes(before, after)]


def writes(before: Held | None, after: Held | None) -> Iterator[Action]:
    """One held item, with the version after `before`'s, and what the index knows of it; None is one not there."""
    if before and after and held_key(before.key) != held_key(after.key):
        raise ValueError(f"{before.key} does not become {after.key}: that is two changes")
    if after:
        version = before.version if before else 0
        yield {"Put": {"Item": held_item(replace(after, version=version + 1)), **unchanged(before)}}
    elif before:
        yield {"Delete": {"Key": held_key(before.key), **unchanged(before)}}
    old, new = (due_item(one.key) if one else None for one in (before, after))
    if old and old != new:
        yield {"Delete": {"Key": {name: old[name] for name in ("pk", "sk")}}}
    if new and old != new:
        yield {"Put": {"Item": new}}


def new_envelope(envelope: Envelope) -> Action:
    """An envelope, as it is first written."""
    return {"Put": {"Item": envelope_item(replace(envelope, version=1)), **unchanged(None)}}


def cleared(before: Envelope, handed_over: Sequence[Outgoing], at: datetime) -> tuple[Envelope, list[Action]]:
    """An envelope without what was handed over, gone if nothing is left; and what was sent of each of its runs.

    The names of these records are others than those of what a checkpoint's outbox held.
    """
    rest = tuple(outgoing for outgoing in before.outbox if outgoing not in handed_over)
    after = replace(before, outbox=rest, version=before.version + 1)
    condition = unchanged(before)
    item = {"Item": envelope_item(after)} if rest else {"Key": envelope_key(before.id)}
    told: dict[int, list[Outgoing]] = {}
    for outgoing in handed_over:
        for digest in outgoing.digest.by_run:
            told.setdefault(digest.run_id, []).append(replace(outgoing, digest=digest))
    name = f"{before.id}#{after.version:08d}"
    sent = [items.sent_item(items.sent_of(run_id, of_run, at), name) for run_id, of_run in told.items()]
    return after, [{"Put" if rest else "Delete": {**item, **condition}}, *({"Put": {"Item": one}} for one in sent)]
