"""How outboxes are stored: deflated JSON, in which destinations share what they are told."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from testmo_notifier.adapters.compact import deltas, pack, pack_ids, unpack, unpack_ids
from testmo_notifier.model import Counters, Digest, Issue, Mention, NamedResult, Outgoing, Silenced, Standing, plain

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TIMES: Final = ("created_at", "updated_at", "since")
# Absent where nothing of it was held, and where somebody is to hear of it.
OPTIONAL: Final = ("held_since", "passed_since", "parts", "silenced", "is_silent", "standings", "order", "status_names")


def pack_outbox(outbox: tuple[Outgoing, ...]) -> bytes:
    """An outbox as deflated JSON. A reader that does not know `keys` or `ways` leaves them aside."""
    digests: list[Digest] = []
    for outgoing in outbox:
        if shared(outgoing.digest) not in digests:
            digests.append(shared(outgoing.digest))
    content = {
        "digests": [without_keys(digest) for digest in digests],
        **packed_keys([digest.keys for digest in digests]),
        "outgoing": [[one.id, one.destination, digests.index(shared(one.digest))] for one in outbox],
    }
    if any(one.digest.routes or one.digest.mentions for one in outbox):
        content["ways"] = [[one.digest.routes, [asdict(m) for m in one.digest.mentions]] for one in outbox]
    return zlib.compress(json.dumps(content, default=datetime.isoformat, ensure_ascii=False).encode())


def unpack_outbox(packed: bytes) -> tuple[Outgoing, ...]:
    """The inverse of `pack_outbox`."""
    content = json.loads(zlib.decompress(packed))
    digests = [digest_from(raw) for raw in content["digests"]]
    keys = unpacked_keys(content, len(digests)) or [frozenset()] * len(digests)
    digests = [replace(digest, keys=some) for digest, some in zip(digests, keys, strict=True)]
    outbox = [Outgoing(key, destination, digests[index]) for key, destination, index in content["outgoing"]]
    for index, (routes, mentions) in enumerate(content.get("ways", ())):
        one = outbox[index]
        digest = replace(one.digest, routes=tuple(routes), mentions=mentions_from(mentions))
        outbox[index] = replace(one, digest=digest)
    return tuple(outbox)


def packed_keys(sets: list[frozenset[int]]) -> dict[str, Any]:
    """The keys of digests. Where they overlap, each key once, with a bit for every digest that has it."""
    every = sorted(frozenset[int]().union(*sets))
    if len(every) == sum(map(len, sets)):
        return {"keys": [packed(keys) for keys in sets]}
    bits = [sum(1 << index for index, keys in enumerate(sets) if key in keys) for key in every]
    return {"all_keys": base64.b64encode(pack(deltas(every))).decode(), "bits": base64.b64encode(pack(bits)).decode()}


def unpacked_keys(content: Mapping[str, Any], sets: int) -> list[frozenset[int]]:
    """The inverse of `packed_keys`, of so many sets; nothing where an older version wrote the outbox."""
    if "bits" not in content:
        return [unpacked(keys) for keys in content.get("keys", ())]
    every = list(accumulate(unpack(base64.b64decode(content["all_keys"]))))
    bits = list(unpack(base64.b64decode(content["bits"])))
    has = list(zip(every, bits, strict=True))
    return [frozenset(key for key, bit in has if bit >> index & 1) for index in range(sets)]


def packed(ids: frozenset[int]) -> str:
    """Ids as text that JSON takes."""
    return base64.b64encode(pack_ids(ids)).decode()


def unpacked(ids: str) -> frozenset[int]:
    """The inverse of `packed`."""
    return unpack_ids(base64.b64decode(ids))


def shared(digest: Digest) -> Digest:
    """What destinations that are told the same have in common."""
    return replace(digest, routes=(), mentions=()) if digest.routes or digest.mentions else digest


def without_keys(digest: Digest) -> dict[str, Any]:
    """A digest as JSON knows it; its keys are kept apart, as bytes, and so is what differs from one to another."""
    raw = asdict(replace(digest, keys=frozenset(), results=(), parts=(), standings=()))
    for elsewhere in ("keys", "routes", "mentions", *(name for name in OPTIONAL if not raw[name])):
        del raw[elsewhere]
    parts = {"parts": [whole_digest(part) for part in digest.parts]} if digest.parts else {}
    tests = [[one.status_id, one.status, packed(one.tests)] for one in digest.standings]
    standings = {"standings": tests} if tests else {}
    return raw | {"results": [plain(result) for result in digest.results]} | parts | standings


def whole_digest(digest: Digest) -> dict[str, Any]:
    """A digest that stands alone as JSON, its keys, routes and mentions with it."""
    beside = {
        "keys": packed(digest.keys) if digest.keys else "",
        "routes": digest.routes,
        "mentions": [asdict(mention) for mention in digest.mentions],
    }
    return without_keys(digest) | {name: value for name, value in beside.items() if value}


def digest_from(raw: dict[str, Any]) -> Digest:
    """A digest out of its JSON, one that stands alone or one without its keys.

    What a newer version added is left aside: a rollback may find it in an outbox.
    """
    counters = {**raw["counters"], "by_status": {int(key): n for key, n in raw["counters"]["by_status"].items()}}
    results = tuple(named_result_from(result) for result in raw["results"])
    since = raw.get("held_since")
    ours = {
        "counters": Counters(**known(Counters, counters)),
        "results": results,
        "reasons": tuple(raw.get("reasons", ())),
        "held_since": datetime.fromisoformat(since) if since else None,
        "parts": tuple(digest_from(part) for part in raw.get("parts", ())),
        "silenced": tuple(
            Silenced(**known(Silenced, {**one, "until": datetime.fromisoformat(one["until"])}))
            for one in raw.get("silenced", ())
        ),
        "keys": unpacked(raw["keys"]) if "keys" in raw else frozenset(),
        "standings": tuple(
            Standing(status_id, status, unpacked(tests)) for status_id, status, tests, *_ in raw.get("standings", ())
        ),
        "status_names": tuple((key, name) for key, name in raw.get("status_names", ())),
        "routes": tuple(raw.get("routes", ())),
        "mentions": mentions_from(raw.get("mentions", ())),
    }
    return Digest(**known(Digest, {**raw, **ours}))


def mentions_from(raw: Iterable[Mapping[str, Any]]) -> tuple[Mention, ...]:
    """Mentions out of their JSON."""
    return tuple(Mention(**known(Mention, one)) for one in raw)


def named_result_from(raw: dict[str, Any]) -> NamedResult:
    """One result of a digest out of its JSON."""
    times = {name: datetime.fromisoformat(raw[name]) for name in TIMES if raw.get(name)}
    issues = tuple(Issue(**known(Issue, issue)) for issue in raw["issues"])
    return NamedResult(**known(NamedResult, {**raw, **times, "issues": issues}))


def known(noun: type[DataclassInstance], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values for which a noun has a field."""
    names = {field.name for field in fields(noun)}
    return {name: value for name, value in raw.items() if name in names}
