"""Rules 10, 13 and 20 and Slack delivery, from an outbox to SNS: how many, how fast, and what stays."""
# ruff: noqa: ANN401 - what a test gives is handed on

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import EndpointConnectionError

from testmo_notifier.adapters.topic import attributes
from testmo_notifier.errors import LostRace
from testmo_notifier.model import FOLDED, RECOVERED, Checkpoint, Envelope
from tests.support.desk import Desk
from tests.support.factories import START, make_checkpoint, make_digest, make_named, make_outgoing
from tests.support.memory import MemoryStore


def test_what_is_published_leaves_the_outbox() -> None:
    desk = Desk()

    rest = desk.hand_over.publish(desk.commit(1, "slack:default", "event"))

    assert desk.sent == ["1-slack:default", "1-event"]
    assert (rest.outbox, desk.store.pending(), desk.hand_over.published) == ((), [], 2)


def test_a_hundred_mails_go_out_in_a_poll_and_the_rest_waits_while_all_else_goes_out() -> None:
    desk = Desk()

    for run_id in range(1, 103):
        desk.hand_over.publish(desk.commit(run_id, "slack:default", "email:default", "event"))

    assert len([key for key in desk.sent if key.endswith("email:default")]) == 100
    assert len([key for key in desk.sent if key.endswith("slack:default")]) == 102
    assert len([key for key in desk.sent if key.endswith("event")]) == 102
    assert [one.destination for waiting in desk.store.pending() for one in waiting.outbox] == ["email:default"] * 2


def test_a_destination_of_slack_gets_five_minutes_worth_in_a_poll_each_and_events_are_never_held_up() -> None:
    desk = Desk()

    for run_id in range(1, 303):
        desk.hand_over.publish(desk.commit(run_id, "slack:default", "slack:payments", "event"))

    assert len([key for key in desk.sent if key.endswith("slack:default")]) == 300
    assert len([key for key in desk.sent if key.endswith("slack:payments")]) == 300
    assert len([key for key in desk.sent if key.endswith("event")]) == 302
    assert [checkpoint.run_id for checkpoint in desk.store.pending()] == [301, 302]


def test_mails_keep_a_distance_from_each_other_and_nothing_else_waits() -> None:
    desk = Desk()

    for run_id in (1, 2, 3):
        desk.hand_over.publish(desk.commit(run_id, "slack:default", "email:default", "event"))

    assert desk.sleeps == [0.2, 0.2]


def test_what_one_run_tells_is_one_call_but_for_mails_that_keep_a_distance() -> None:
    desk = Desk()

    desk.hand_over.publish(desk.commit(1, "slack:default", "email:default", "slack:payments", "email:qa", "event"))

    assert desk.sent == ["1-slack:default", "1-email:default", "1-slack:payments", "1-email:qa", "1-event"]
    assert (desk.topic.calls, desk.sleeps) == ([3, 2], [0.2])


def test_a_call_takes_ten_messages_and_is_not_begun_when_time_runs_out() -> None:
    left = [60.0] * 10 + [4.0] * 10
    desk = Desk(seconds_left=lambda: left.pop(0))

    rest = desk.hand_over.publish(desk.commit(1, *(f"slack:team-{number}" for number in range(20))))

    assert desk.topic.calls == [10]
    assert len(rest.outbox) == 10


def test_a_recovery_is_not_in_one_call_with_its_failure() -> None:
    desk = Desk()
    digests = [make_digest([make_named(1)]), make_digest([make_named(2)], about=RECOVERED)]
    outbox = tuple(make_outgoing(digest, destination="slack:qa", id=digest.about) for digest in digests)

    desk.hand_over.publish(desk.store.commit(make_checkpoint(1, outbox=outbox)))

    assert (desk.sent, desk.topic.calls) == (["failing", "recovered"], [1, 1])


def test_what_sns_does_not_take_stays_and_holds_up_nothing_else() -> None:
    desk = Desk()
    desk.topic.refused.add("email:default")

    rest = desk.hand_over.publish(desk.commit(1, "slack:default", "email:default", "event"))

    assert desk.sent == ["1-slack:default", "1-event"]
    assert [outgoing.id for outgoing in rest.outbox] == ["1-email:default"]
    assert desk.hand_over.problems == ["SNS did not take a message for email:default: it stays in the outbox of run 12"]


def test_that_a_test_is_well_waits_for_its_failure_where_that_has_to_wait_and_nowhere_else() -> None:
    desk = Desk()
    digests = [
        make_digest([make_named(1)]),
        make_digest([make_named(2)], about=RECOVERED),
        make_digest([make_named(3)]),
    ]
    outbox = tuple(
        make_outgoing(digest, destination=f"slack:{name}", id=f"{name}-{number}")
        for number, digest in enumerate(digests, 1)
        for name in ("qa", "lead")
    )
    desk.topic.refused.add("qa-1")

    rest = desk.hand_over.publish(desk.store.commit(make_checkpoint(1, outbox=outbox)))

    assert desk.sent == ["lead-1", "lead-2", "qa-3", "lead-3"]
    assert [one.id for one in rest.outbox] == ["qa-1", "qa-2"]


def test_nothing_is_begun_when_time_runs_out() -> None:
    desk = Desk(seconds_left=lambda: 4.9)
    committed = desk.commit(1, "slack:default")

    assert desk.hand_over.publish(committed) == committed
    assert desk.sent == []


def test_an_outbox_that_somebody_else_cleared_meanwhile_is_left_as_it_is() -> None:
    desk = Desk()
    committed = desk.commit(1, "slack:default")
    newer = desk.store.commit(replace(committed, watching="theirs"))

    desk.hand_over.publish(committed)

    assert desk.store.checkpoints([1]) == {1: newer}
    assert "may go out twice" in desk.hand_over.problems[0]


def test_what_went_out_and_could_not_be_cleared_goes_out_once_however_long_the_table_takes_no_writes() -> None:
    """Nobody tells two mails apart as the same one, and a poll comes every minute."""
    store, gone_out = CrowdedStore(), set[str]()
    desks = [Desk(store=store, gone_out=gone_out) for _ in range(3)]  # a poll each, in one process
    committed = desks[0].commit(1, "email:default")
    envelope = Envelope("5f3a", (make_outgoing(destination="email:qa", id="night"),), START)
    store.release([], envelope)

    for desk in desks:
        rest, there = desk.hand_over.publish(committed), desk.hand_over.publish_envelope(replace(envelope, version=1))
        assert (rest, there.outbox) == (committed, envelope.outbox), "it waits on, so that it counts as late"
        assert len(desk.hand_over.problems) == 2

    assert [desk.sent for desk in desks] == [["1-email:default", "night"], [], []]

    store.is_crowded = False
    rest, there = desk.hand_over.publish(committed), desk.hand_over.publish_envelope(replace(envelope, version=1))
    assert (rest.outbox, there.outbox, desk.sent, gone_out) == ((), (), [], set())
    assert store.pending() == []


def test_what_went_out_before_aws_could_not_be_asked_goes_out_once_too() -> None:
    """A time-out, a right that is missing: this ends the poll, and the next one comes in a minute."""
    gone_out = set[str]()
    desks = [Desk(gone_out=gone_out) for _ in range(2)]
    committed = desks[0].commit(1, "email:default")

    for desk in desks:
        away = patch.object(desk.store, "clear", side_effect=EndpointConnectionError(endpoint_url="dynamodb"))
        with away, pytest.raises(EndpointConnectionError):
            desk.hand_over.publish(committed)

    assert [desk.sent for desk in desks] == [["1-email:default"], []]


def test_what_goes_out_after_what_had_gone_has_the_number_that_it_would_have_had() -> None:
    """A bot leaves aside what has no higher number than what it shows."""
    gone_out = set[str]()
    first, second = Desk(gone_out=gone_out), Desk(gone_out=gone_out)
    committed = first.commit(1, "email:default", "slack:default")
    first.topic.refused = {"slack:default"}

    with patch.object(first.store, "clear", side_effect=LostRace("not now")):
        first.hand_over.publish(committed)
    second.hand_over.publish(committed)

    assert [one.order for one in (*first.topic.notifications, *second.topic.notifications)] == [1_000, 1_001]


class CrowdedStore(MemoryStore):
    """A table that takes checkpoints, and not that something was handed over."""

    is_crowded = True

    def clear(self, checkpoint: Checkpoint, *given: Any, **names: Any) -> Checkpoint:
        self._look()
        return super().clear(checkpoint, *given, **names)

    def clear_envelope(self, envelope: Envelope, *given: Any, **names: Any) -> Envelope:
        self._look()
        return super().clear_envelope(envelope, *given, **names)

    def _look(self) -> None:
        if self.is_crowded:
            raise LostRace("it was not written: DynamoDB takes no more writes just now")


def test_mails_that_are_apart_by_themselves_are_not_held_up() -> None:
    desk = Desk()
    desk.hand_over.publish(desk.commit(1, "email:default"))
    desk.now += timedelta(seconds=0.2)
    desk.hand_over.publish(desk.commit(2, "email:default"))
    desk.now += timedelta(seconds=0.15)
    desk.hand_over.publish(desk.commit(3, "email:default"))

    assert desk.sleeps == [0.05]


def test_a_clock_that_is_set_back_between_two_mails_holds_up_nothing() -> None:
    desk = Desk()
    desk.hand_over.publish(desk.commit(1, "email:default"))
    desk.now -= timedelta(hours=1)
    desk.hand_over.publish(desk.commit(2, "email:default"))

    assert desk.sleeps == [0.2]


def test_of_two_messages_about_a_run_the_later_one_has_the_higher_order() -> None:
    desk = Desk()
    first = desk.hand_over.publish(desk.commit(1, "slack:default", "slack:payments"))
    outbox = (make_outgoing(id="later"),)
    desk.hand_over.publish(desk.store.commit(replace(first, outbox=outbox)))

    orders = [notification.order for notification in desk.topic.notifications]
    assert orders == sorted(set(orders))


def test_what_a_bot_needs_is_said_in_one_attribute_and_of_slack_alone() -> None:
    desk = Desk()
    desk.hand_over.publish(desk.commit(1, "slack:default", "email:default", "event"))

    slack, mail, event = map(attributes, desk.topic.notifications)
    assert "aside" not in mail.keys() | event.keys()
    assert json.loads(slack["aside"]["StringValue"])["order"] == desk.topic.notifications[0].order
    assert len(slack) <= 9, "SQS takes ten with raw delivery, and a parked message gets one more"


def test_what_is_told_of_a_run_with_others_is_behind_all_that_was_told_of_it_alone_and_before_what_comes_next() -> None:
    desk = Desk(showing=["slack:default"])
    parts = tuple(make_digest(run_id=run, order=order) for run, order in ((12, 41_000), (13, 2_000)))
    folded = make_outgoing(make_digest(about=FOLDED, run_id=0, parts=parts), id="f")

    desk.seal("e", folded)

    assert [(one.run_id, one.order) for one in desk.topic.notifications] == [(0, 41_000), (12, 41_999), (13, 2_999)]


def test_what_nobody_hears_takes_no_room_of_what_somebody_is_to_hear() -> None:
    """A storm of 300 runs is seven messages, and an edit for each run."""
    desk = Desk(showing=["slack:default"])
    for number in range(7):
        parts = tuple(make_digest(run_id=50 * number + n, order=1_000) for n in range(45))
        folded = make_outgoing(make_digest(about=FOLDED, run_id=0, parts=parts), id=f"f{number}")
        desk.seal(f"e{number}", folded)

    desk.hand_over.publish(desk.commit(999, "slack:default"))

    assert desk.sent[-1] == "999-slack:default"
    assert desk.hand_over.published == 7 + 7 * 45 + 1
