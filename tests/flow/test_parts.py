"""Rules 3, 5 and 10, a run with more news than one item holds: told in parts, exactly, whatever happens between them.

A message holds thirty results here, two pages, and no set has room in its checkpoint's item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from testmo_notifier.adapters import overflow
from testmo_notifier.adapters.transaction import Action
from testmo_notifier.notices import gathered
from testmo_notifier.polling import due
from tests.flow.power import Power, powered_poll
from tests.model.pages import short_pages
from tests.support.executors import AtOnce
from tests.support.memory import MemoryStore
from tests.support.story import Story, playing

COUNT = 61


class Stepwise(MemoryStore):
    """Each item that is written or dropped is an effect of its own."""

    power = Power()

    def _put_part(self, part: Mapping[str, Any]) -> None:
        self.power.effect("write a set", lambda: MemoryStore._put_part(self, part))

    def _put(self, key: str, version: int, item: dict[str, Any], others: Sequence[Action] = ()) -> None:
        self.power.effect(f"write {key}", lambda: MemoryStore._put(self, key, version, item, others))

    def _drop(self, key: Mapping[str, Any]) -> None:
        self.power.effect("drop a set", lambda: MemoryStore._drop(self, key))


@contextmanager
def crowded() -> Iterator[Story]:
    """A run in which 61 tests failed at once."""
    with (
        patch.object(gathered, "MAX_TOLD", 20),
        patch.object(overflow, "MAX_SETS_BYTES", 0),
        short_pages(),
        playing(executor=AtOnce, destinations=("event",)) as story,
    ):
        story.store = Stepwise()
        run = story.add_run_and_poll(tests=COUNT)
        story.wait()
        for number in range(1, COUNT + 1):
            story.save(run, number)
        yield story


def told(story: Story) -> Counter[int]:
    """How often each result stands in the records of what was told."""
    return Counter(key for run_id in story.store.told for sent in story.store.sent(run_id) for key in sent.keys)


def test_what_one_message_cannot_hold_is_told_by_the_next_polls_with_exact_totals() -> None:
    with crowded() as story:
        story.wait_and_poll(4)

        assert [event["total"] for event in story.events] == [30, 30, 1]
        assert (len(told(story)), set(told(story).values())) == (COUNT, {1})


def test_the_next_part_stands_behind_the_one_that_waits_and_not_where_the_item_would_be_full() -> None:
    with crowded() as story:
        story.topic.refused.add("event")
        story.wait_and_poll(2)
        (waiting,) = story.store.pending()
        assert [one.digest.total for one in waiting.outbox] == [30, 30]

        asked = len(story.reads())
        with patch.object(due, "MAX_WAITING_BYTES", 1_000):
            story.wait_and_poll(3)
        assert len(story.reads()) == asked

        story.topic.refused.clear()
        story.wait_and_poll(4)

        assert [event["total"] for event in story.events] == [30, 30, 1]


def test_a_crash_between_two_parts_or_within_one_loses_nothing_and_leaves_no_set_that_is_named() -> None:
    at = effects = 0
    while at <= effects:
        with crowded() as story:
            power = Power(at)
            for _ in range(6):
                story.store.power = power  # type: ignore[attr-defined]  # it is stepwise
                powered_poll(story, power)
                story.wait()
            effects = len(power.effects)
            where = f"before effect {at}, {power.struck}"

            assert sum({event["id"]: event["total"] for event in story.events}.values()) == COUNT, where
            assert len(told(story)) == COUNT, where
            assert len(story.events) <= 4, where
            (checkpoint,) = story.store.checkpoints([1]).values()
            assert (len(checkpoint.failing), checkpoint.silent_before, checkpoint.resume) == (COUNT, None, None), where
            at += 1


def test_two_pollers_that_read_the_same_part_at_once_leave_the_sets_of_the_one_that_was_faster() -> None:
    at = effects = 0
    while at <= effects:
        with crowded() as story:
            power = Power(at, strike=lambda: second_poll(story))
            story.store.power = power  # type: ignore[attr-defined]
            powered_poll(story, power)
            effects = len(power.effects)
            story.store.power = Power()  # type: ignore[attr-defined]
            story.wait_and_poll(5)

            assert len(told(story)) == COUNT, f"at effect {at}, {power.struck}"
            (checkpoint,) = story.store.checkpoints([1]).values()
            assert (len(checkpoint.failing), checkpoint.silent_before) == (COUNT, None), f"at {at}, {power.struck}"
            at += 1


def second_poll(story: Story) -> None:
    """Another poller does a whole poll, to which the lease of the first says nothing any more."""
    first = story.store
    story.wait(40)
    powered_poll(story, Power())
    story.store = first
