"""Rules 10 and 13, from an outbox to SNS: how many, how fast, and what stays."""
# ruff: noqa: ANN401 - what a test gives is handed on

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from testmo_notifier.handover import HandOver
from testmo_notifier.model import Checkpoint
from testmo_notifier.render import Renderer
from tests.factories import START, make_checkpoint, make_outgoing
from tests.memory import MemoryStore, MemoryTopic


class Desk:
    """A hand-over with everything in memory and a clock that moves by sleeping."""

    def __init__(self, **given: Any) -> None:
        self.now = START
        self.sleeps: list[float] = []
        self.store, self.topic = MemoryStore(), MemoryTopic()
        values: dict[str, Any] = {"seconds_left": lambda: 60.0}
        self.hand_over = HandOver(
            store=self.store,
            topic=self.topic,
            renderer=Renderer(ZoneInfo("UTC")),
            now=lambda: self.now,
            sleep=self.sleep,
            **{**values, **given},
        )

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(round(seconds, 3))
        self.now += timedelta(seconds=seconds)

    def commit(self, run_id: int, *destinations: str) -> Checkpoint:
        outbox = tuple(make_outgoing(destination=name, id=f"{run_id}-{name}") for name in destinations)
        return self.store.commit(make_checkpoint(run_id, outbox=outbox))

    @property
    def sent(self) -> list[str]:
        return [notification.id for notification in self.topic.notifications]


def test_what_is_published_leaves_the_outbox() -> None:
    desk = Desk()

    rest = desk.hand_over(desk.commit(1, "slack:default", "event"))

    assert desk.sent == ["1-slack:default", "1-event"]
    assert (rest.outbox, desk.store.pending(), desk.hand_over.published) == ((), [], 2)


def test_a_destination_gets_twenty_messages_a_poll_and_the_rest_waits() -> None:
    desk = Desk()

    for run_id in range(1, 23):
        desk.hand_over(desk.commit(run_id, "slack:default", "event"))

    assert len([key for key in desk.sent if key.endswith("slack:default")]) == 20
    assert [checkpoint.run_id for checkpoint in desk.store.pending()] == [21, 22]


def test_mails_keep_a_distance_from_each_other_and_nothing_else_waits() -> None:
    desk = Desk()

    for run_id in (1, 2, 3):
        desk.hand_over(desk.commit(run_id, "slack:default", "email:default", "event"))

    assert desk.sleeps == [0.2, 0.2]


def test_what_sns_does_not_take_stays_and_holds_up_nothing_else() -> None:
    desk = Desk()
    desk.topic.refused.add("email:default")

    rest = desk.hand_over(desk.commit(1, "slack:default", "email:default", "event"))

    assert desk.sent == ["1-slack:default", "1-event"]
    assert [outgoing.id for outgoing in rest.outbox] == ["1-email:default"]
    assert desk.hand_over.problems == ["SNS did not take a message for email:default: it stays in the outbox of run 12"]


def test_nothing_is_begun_when_time_runs_out() -> None:
    desk = Desk(seconds_left=lambda: 4.9)
    committed = desk.commit(1, "slack:default")

    assert desk.hand_over(committed) == committed
    assert desk.sent == []


def test_an_outbox_that_somebody_else_cleared_meanwhile_is_left_as_it_is() -> None:
    desk = Desk()
    committed = desk.commit(1, "slack:default")
    newer = desk.store.commit(replace(committed, watching="theirs"))

    desk.hand_over(committed)

    assert desk.store.checkpoints([1]) == {1: newer}
    assert "may go out twice" in desk.hand_over.problems[0]
