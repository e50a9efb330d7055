"""Rule 10, sets that have no room in their checkpoint's item: what is stored, and what each version makes of it."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from testmo_notifier.adapters import items
from testmo_notifier.adapters.overflow import left_over, overflow_keys, parted, whole
from testmo_notifier.model import Checkpoint, Resume, Superseded, Told
from tests.support.factories import START, at, make_checkpoint, make_outgoing
from tests.support.memory import MemoryStore
from tests.unit.test_items import item_bytes

chance = random.Random(1)  # rising ids would be packed into a few bytes
SCATTERED = {chance.randrange(2**60): (chance.randrange(2**60), 3) for _ in range(60_000)}
LARGE = make_checkpoint(
    failing=SCATTERED,
    seen={key: START for key, _ in SCATTERED.values()},
    superseded={key + 1: Superseded(3) for key, _ in list(SCATTERED.values())[:20_000]},
    unconfirmed=frozenset(SCATTERED),
    cursor=at(60),
    floor=at(-240),
    silent_before=at(-3600),
    sweep=Resume(None, 7, 60_000, at(5), "3,5//"),
    swept_for="3,5//",
    outbox=(make_outgoing(),),
)


def stored(checkpoint: Checkpoint) -> tuple[Mapping[str, Any], dict[str, bytes]]:
    item, parts, _ = parted(checkpoint, items.checkpoint_item(checkpoint))
    found: list[Any] = list(parts)
    return item, {part["sk"]["S"]: part["content"]["B"] for part in found}


def test_what_is_too_large_for_one_item_comes_back_as_it_was() -> None:
    store = MemoryStore()

    written = store.commit(LARGE)

    assert store.checkpoints([LARGE.run_id]) == {LARGE.run_id: written}
    assert store.pending() == [written]
    assert replace(written, version=0, overflow={}) == LARGE


def test_no_item_comes_near_the_limit_of_dynamodb() -> None:
    item, parts = stored(LARGE)

    assert max(map(len, parts.values())) <= 380_000
    assert len(parts) >= 6
    assert sum(len(str(value)) for value in item.values()) < 10_000


def test_sets_that_have_room_stay_in_their_item() -> None:
    small = make_checkpoint(failing=dict(list(SCATTERED.items())[:5_000]))

    assert stored(small) == (items.checkpoint_item(small), {})
    assert item_bytes(small) < 180_000


def test_an_outbox_that_takes_the_room_of_the_sets_drives_them_out() -> None:
    most = dict(list(SCATTERED.items())[:10_000])
    outbox = (make_outgoing(id=chance.randbytes(250_000).hex()),)

    assert stored(make_checkpoint(failing=most))[1] == {}
    assert len(stored(make_checkpoint(failing=most, outbox=outbox))[1]) == 1


def test_a_set_that_did_not_change_is_not_written_again_and_what_is_named_no_longer_expires() -> None:
    store = MemoryStore()
    first = store.commit(LARGE)
    before = set(store.items)

    told = store.clear(first, first.outbox, at=START)
    assert set(store.items) == before

    more = store.commit(replace(told, seen={**told.seen, 1: START}))
    assert {key.split("#")[3] for key in before - set(store.items)} == {"seen"}
    assert {name: one.version for name, one in more.overflow.items()} == {
        "seen": 3,
        "failing": 1,
        "older": 1,
        "unconfirmed": 1,
    }

    small = store.commit(replace(more, seen={}, failing={}, superseded={}, unconfirmed=None))
    assert [key for key in store.items if not key.startswith("MARKS#")] == [f"RUN#{LARGE.run_id}"]
    assert small.overflow == {}


def test_two_pollers_at_once_never_write_under_one_name() -> None:
    one = parted(LARGE, items.checkpoint_item(LARGE))[2]
    other_one = replace(LARGE, failing={**SCATTERED, 1: (2, 3)})
    other = parted(other_one, items.checkpoint_item(other_one))[2]

    assert one.version == other.version
    assert one.overflow["failing"] != other.overflow["failing"]
    assert left_over(one, other) == overflow_keys({**items.run_key(12), "apart": shown(failing=one)})


def shown(**of: Checkpoint) -> dict[str, str]:
    sets = {name: checkpoint.overflow[name] for name, checkpoint in of.items()}
    raw = {name: {"version": one.version, "items": one.items, "hash": one.hash} for name, one in sets.items()}
    return {"S": json.dumps({"sets": raw, "instead": {}})}


def test_the_sets_of_a_closed_run_expire_with_it_and_stay_when_it_is_reopened() -> None:
    closed = replace(LARGE, outbox=(), closed_at=START)
    item, parts, _ = parted(closed, items.checkpoint_item(closed))
    found: list[Any] = list(parts)

    assert {part["expires_at"]["N"] for part in found} == {str(int((START + timedelta(days=180)).timestamp()))}
    assert item["expires_at"] == found[0]["expires_at"]

    store = MemoryStore()
    reopened = store.commit(replace(store.commit(closed), closed_at=None))
    assert all("expires_at" not in one for one in store.items.values())
    assert {one.version for one in reopened.overflow.values()} == {2}


@pytest.mark.parametrize("resume", [None, Resume(at(-241), 7, 640, at(58), "3,5//")])
def test_another_version_sees_a_first_sight_at_the_cursor(resume: Resume | None) -> None:
    item, _ = stored(replace(LARGE, resume=resume, seen={**LARGE.seen, 7: at(60), 8: at(61)}))
    other = items.checkpoint_from({name: value for name, value in item.items() if name != "apart"})

    assert (other.cursor, other.floor, other.silent_before, other.resume) == (at(60), at(60), at(60), resume)
    assert (other.sweep, other.swept_for, other.unconfirmed) == (Resume(None, 1, None), "", None)
    assert (other.failing, other.superseded) == ({}, {})
    assert other.seen == {7: at(60), 8: at(61)}, "of what it reads again, these were told"
    assert other.outbox == LARGE.outbox


def test_where_somebody_deleted_a_set_the_run_is_a_first_sight_again() -> None:
    item, parts = stored(LARGE)
    del parts[min(parts)]

    assert "apart" not in whole(item, parts)
    assert items.checkpoint_from(whole(item, parts)).silent_before == at(60)
    assert items.checkpoint_from(whole(item, {})).floor == at(60)


def test_a_version_that_knows_some_of_the_sets_finds_all_of_them_apart_or_none() -> None:
    """Version 1.1 takes none of its own four, nor the floor, from an item that names any set."""
    told = {test: Told(1, at(test), at(test), frozenset({"slack:default"})) for test in range(60_000)}
    moments = {test: replace(one, since=at(chance.randrange(10**7))) for test, one in told.items()}
    checkpoint = make_checkpoint(failing={1: (2, 3)}, seen={2: START}, told=moments)
    item, parts = stored(checkpoint)

    assert set(json.loads(item["apart"]["S"])["sets"]) == {"seen", "failing", "told"}
    assert "floor" in json.loads(item["apart"]["S"])["instead"]
    assert items.checkpoint_from(whole(item, parts)).told == moments
