"""No item comes near DynamoDB's 400 KB, however much is new at once."""

from __future__ import annotations

import random
from typing import Any

from testmo_notifier.adapters import items
from tests.factories import START, make_builder, make_checkpoint, make_expands, make_outgoing, make_result

MAX_ITEM_BYTES = 300_000  # of 409,600: room for what nobody thought of
TESTS = 50_000


def scattered(seed: int) -> list[int]:
    """Ids as they come when the whole instance is busy: each a little after the one before, never predictable."""
    dice = random.Random(seed)  # noqa: S311 - test data
    ids, last = [], 10_000_000
    for _ in range(TESTS):
        last += dice.randint(1, 20)
        ids.append(last)
    return ids


def test_fifty_thousand_failing_tests_in_one_millisecond_fit_one_item_with_all_their_keys() -> None:
    results, tests = scattered(1), scattered(2)
    builder = make_builder()
    for result_id, test_id in zip(results, tests, strict=True):
        builder.add([make_result(result_id, test_id=test_id, note="A note of some length. " * 20)], make_expands())
    digest = builder.build()
    outbox = tuple(make_outgoing(digest, name, id="0" * 32) for name in ("slack:default", "email:default", "event"))
    checkpoint = make_checkpoint(
        seen=dict.fromkeys(results, START),
        failing={test: (result, 3) for test, result in zip(tests, results, strict=True)},
        outbox=outbox,
        version=1,
    )

    item = items.checkpoint_item(checkpoint)
    sent = items.sent_of(checkpoint.run_id, outbox, START)

    assert size(item) < MAX_ITEM_BYTES
    assert size(items.sent_item(sent, 2)) < MAX_ITEM_BYTES
    assert items.checkpoint_from(item) == checkpoint
    assert sent.keys == frozenset(results)


def size(item: dict[str, Any]) -> int:
    return sum(len(value.get("B", b"")) or len(repr(value)) for value in item.values())
