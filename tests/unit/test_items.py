"""How large an item gets, by DynamoDB's own rules, when it expires (rule 7), what comes back, and when (rule 10)."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from testmo_notifier.adapters import items
from testmo_notifier.adapters.outbox import pack_outbox, unpack_outbox
from testmo_notifier.model import (
    CaseProgress,
    Checkpoint,
    Control,
    Counters,
    Outgoing,
    ProjectState,
    Resume,
    Superseded,
)
from testmo_notifier.sources.testmo_runs.known import MAX_SUPERSEDED
from tests.support.factories import START, at, make_builder, make_checkpoint, make_expands, make_result, make_run
from tests.support.stored import CHECKPOINT, CONTROL, PROGRESS, PROJECT

MAX_ITEM_BYTES = 400 * 1024
ROOM_BYTES = 350_000  # what an item may take at the very most
TESTS = 50_000


def size_in_dynamodb(value: dict[str, Any]) -> int:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(str(content).encode())
        case "B":
            return len(bytes(content))
        case "N":
            return (len(str(content).lstrip("-")) + 1) // 2 + 1 + str(content).startswith("-")
        case "M":
            return 3 + sum(1 + len(name.encode()) + size_in_dynamodb(inner) for name, inner in content.items())
    raise AssertionError(f"a kind of attribute that nobody measured: {kind}")


def item_bytes(checkpoint: Checkpoint) -> int:
    item: dict[str, Any] = dict(items.checkpoint_item(checkpoint))
    return sum(len(name.encode()) + size_in_dynamodb(value) for name, value in item.items())


def hostile_text(rnd: random.Random, length: int) -> str:
    """Text that does not compress."""
    return "".join(chr(rnd.choice((rnd.randint(33, 126), rnd.randint(0x4E00, 0x9FFF)))) for _ in range(length))


def full_outbox(keys: Iterable[int] = ()) -> tuple[Outgoing, ...]:
    """A digest as large as digests get, for twenty webhooks, a mailbox and the event."""
    rnd = random.Random(1)
    users = {n: hostile_text(rnd, 250) for n in range(60)}
    issues = {n: hostile_text(rnd, 100) for n in range(600)}
    names: dict[str, Any] = {name: hostile_text(rnd, 250) for name in ("name", "milestone", "configuration")}
    counters = Counters(dict.fromkeys(range(1, 26), 99_999), 99_999, 99_999, 99_999, 99_999)
    builder = make_builder(make_run(counters=counters, **names), hostile_text(rnd, 250))
    builder.add(
        [
            make_result(
                rnd.getrandbits(40),
                test_id=rnd.getrandbits(40),
                case_id=rnd.getrandbits(40),
                note=f"<p>{hostile_text(rnd, 3_000)}</p>",
                elapsed_us=rnd.getrandbits(40),
                assignee_id=n,
                issue_ids=tuple(range(10 * n, 10 * n + 10)),
                created_by=n,
                updated_at=START,
                updated_by=n,
            )
            for n in range(60)
        ],
        make_expands(users, issues, {3: hostile_text(rnd, 60)}),
    )
    digest = replace(builder.build(), keys=frozenset(keys))
    destinations = [*(f"slack:{n:x<64}" for n in range(20)), "email:default", "event"]
    return tuple(Outgoing(f"{n:032x}", name, digest) for n, name in enumerate(destinations))


def full_checkpoint(result_ids: list[int], test_ids: list[int], times: list[datetime]) -> Checkpoint:
    return make_checkpoint(
        seen=dict(zip(result_ids, times, strict=True)),
        failing={test: (result, 3) for test, result in zip(test_ids, result_ids, strict=True)},
        superseded=dict.fromkeys((number + 1 for number in result_ids[:MAX_SUPERSEDED]), Superseded(3)),
        counters=dict.fromkeys(range(1, 26), 99_999),
        resume=Resume(START, 500, TESTS, at(1)),
        sweep=Resume(None, 500, TESTS, at(1)),
        outbox=full_outbox(result_ids),
        read_at=START,
        closed_at=START,
        gone_at=START,
        silent_before=START,
    )


def growing(least: int, most: int) -> list[int]:
    """Ids as a busy instance gives them: ever higher, with gaps for other people's."""
    rnd = random.Random(2)
    number, ids = 10**9, []
    for _ in range(TESTS):
        number += rnd.randint(least, most)
        ids.append(number)
    return ids


def shuffled(ids: list[int]) -> list[int]:
    return random.Random(3).sample(ids, len(ids))


AT_ONCE = [START] * TESTS
IN_A_DAY = [START + timedelta(milliseconds=n * 86_400_000 // TESTS) for n in range(TESTS)]


@pytest.mark.parametrize(
    ("result_ids", "test_ids", "times"),
    [
        pytest.param(growing(1, 1), growing(1, 1), AT_ONCE, id="neighbours-on-one-millisecond"),
        pytest.param(growing(1, 1), growing(1, 1), IN_A_DAY, id="neighbours-in-a-day"),
        pytest.param(growing(1, 40), growing(1, 1), AT_ONCE, id="gaps-on-one-millisecond"),
        pytest.param(growing(1, 40), shuffled(growing(1, 1)), IN_A_DAY, id="gaps-in-any-order-in-a-day"),
        pytest.param(growing(1, 40), shuffled(growing(1, 9)), IN_A_DAY, id="all-gaps-in-any-order-in-a-day"),
    ],
)
def test_fifty_thousand_failing_tests_with_a_full_outbox_fit_one_item(
    result_ids: list[int], test_ids: list[int], times: list[datetime]
) -> None:
    size = item_bytes(full_checkpoint(result_ids, test_ids, times))

    assert size < ROOM_BYTES < MAX_ITEM_BYTES


def test_ids_drawn_from_a_trillion_fit_for_ten_thousand_tests() -> None:
    """No instance numbers like this; fifty thousand pairs of such ids hold 411 KB of pure chance."""
    rnd = random.Random(4)
    ids = rnd.sample(range(2**40), 20_000)

    assert item_bytes(full_checkpoint(ids[:10_000], ids[10_000:], AT_ONCE[:10_000])) < ROOM_BYTES


@pytest.mark.parametrize("checkpoint", [CHECKPOINT, make_checkpoint(version=1)], ids=["full", "empty"])
def test_a_checkpoint_comes_back_as_it_was(checkpoint: Checkpoint) -> None:
    assert items.checkpoint_from(items.checkpoint_item(checkpoint)) == checkpoint


@pytest.mark.parametrize("state", [PROJECT, ProjectState(3, START, version=1)], ids=["full", "empty"])
def test_a_project_comes_back_as_it_was(state: ProjectState) -> None:
    assert items.project_from(items.project_item(state)) == state


@pytest.mark.parametrize("control", [CONTROL, Control()], ids=["full", "empty"])
def test_the_control_comes_back_as_it_was(control: Control) -> None:
    assert items.control_from(items.control_values(control)) == control
    assert items.control_from({"pk": {"S": "CONTROL"}, "sk": {"S": "POLLER"}}) == Control()


@pytest.mark.parametrize("progress", [PROGRESS, CaseProgress()], ids=["full", "empty"])
def test_the_progress_of_case_names_comes_back_as_it_was(progress: CaseProgress) -> None:
    assert items.progress_from(items.progress_item(3, progress)) == progress


def test_names_of_cases_come_back_as_they_were() -> None:
    names = {120: "Login", 121: "登录 ✖", 249: ""}

    assert items.bucket_from(items.bucket_item(3, 0, names)) == names


def test_destinations_share_their_digest() -> None:
    outbox = full_outbox()

    assert len(pack_outbox(outbox)) < 1.1 * len(pack_outbox(outbox[:1])) + 1_000
    assert unpack_outbox(pack_outbox(outbox)) == outbox


def test_where_nothing_was_held_an_outbox_is_what_older_versions_wrote_and_theirs_is_read() -> None:
    outbox = full_outbox()
    content = json.loads(zlib.decompress(pack_outbox(outbox)))

    assert {"held_since", "passed_since", "parts", "silenced"} & content["digests"][0].keys() == set()
    assert {"folder", "folder_id"} & content["digests"][0]["results"][0].keys() == set()
    assert unpack_outbox(zlib.compress(json.dumps(content).encode())) == outbox


def test_what_a_newer_version_wrote_into_an_outbox_is_left_aside() -> None:
    outbox = full_outbox()[:1]
    content = json.loads(zlib.decompress(pack_outbox(outbox)))
    for part in (
        digest := content["digests"][0],
        digest["counters"],
        result := digest["results"][0],
        result["issues"][0],
    ):
        part["invented_in_1_1"] = {"a": 1}
    content["invented_in_1_1"] = []

    assert unpack_outbox(zlib.compress(json.dumps(content).encode())) == outbox


def test_a_checkpoint_of_a_closed_run_expires_but_not_while_its_messages_wait() -> None:
    item = items.checkpoint_item(make_checkpoint(closed_at=START))
    waiting = items.checkpoint_item(make_checkpoint(closed_at=START, outbox=full_outbox()[:1]))

    assert item["expires_at"] == {"N": str(int((START + timedelta(days=180)).timestamp()))}
    assert "expires_at" not in waiting
    assert waiting["pending"] == {"S": "1"}


def test_what_is_packed_for_one_version_serves_the_next_one_unless_its_sets_are_others() -> None:
    first = make_checkpoint(seen={1: at(0)}, failing={7: (1, 3)})
    others = replace(first, seen={2: at(1)})
    once = items.Once()
    checkpoint_item = items.checkpoint_item

    assert checkpoint_item(first, once) == checkpoint_item(first)
    assert checkpoint_item(replace(first, version=9), once) == checkpoint_item(replace(first, version=9))
    assert checkpoint_item(others, once) == checkpoint_item(others)
