"""Rules 10 and 13: which outboxes wait, since when, and for whose case's name."""

from __future__ import annotations

import json
from dataclasses import replace

from testmo_notifier.model import Digest
from testmo_notifier.polling.outboxes import Outboxes
from tests.support.desk import Desk
from tests.support.factories import START, at, make_checkpoint, make_digest, make_named, make_outgoing


class Names:
    """Case names, all known; counts how often it was asked."""

    def __init__(self, name: str | None = "Login") -> None:
        self.given = name
        self.named: list[int] = []
        self.problems = ["case names are not complete yet"]

    def name(self, digest: Digest) -> Digest:
        self.named.append(digest.run_id)
        return replace(digest, results=tuple(replace(result, case_name=self.given) for result in digest.results))


def outboxes(desk: Desk, names: Names) -> Outboxes:
    return Outboxes(desk.hand_over, names)  # type: ignore[arg-type]


def test_a_digest_is_named_once_however_many_destinations_it_goes_to() -> None:
    desk, names = Desk(), Names("Log in")

    outboxes(desk, names).publish(desk.commit(1, "slack:default", "email:default", "event"))

    assert names.named == [12]
    assert all("Log in" in notification.message for notification in desk.topic.notifications)


def test_no_name_is_looked_up_for_a_message_that_has_to_wait() -> None:
    desk, names = Desk(), Names("Log in")
    boxes = outboxes(desk, names)
    for run_id in range(1, 121):
        boxes.publish(desk.commit(run_id, "email:default"))

    assert (len(desk.sent), len(names.named), len(desk.store.pending())) == (100, 100, 20)
    waiting = desk.store.pending()[0]
    assert {outgoing.digest.results[0].case_name for outgoing in waiting.outbox} == {"Login with an expired password"}


def test_a_message_that_has_to_wait_anyway_does_not_wait_for_a_name() -> None:
    desk, names = Desk(), Names(None)
    boxes = outboxes(desk, names)
    for run_id in range(1, 101):
        boxes.publish(desk.commit(run_id, "email:default"))

    boxes.publish_if_named(desk.commit(101, "email:default"))

    assert (boxes.unnamed, boxes.pending, len(names.named)) == ([], {101}, 100)


def test_digests_that_differ_are_named_each() -> None:
    desk, names = Desk(), Names("Log in")
    digests = [make_digest([make_named(n)]) for n in (1, 2)]
    outbox = tuple(make_outgoing(digest, "event", f"n-{n}") for n, digest in enumerate(digests))

    outboxes(desk, names).publish(desk.store.commit(make_checkpoint(1, outbox=outbox)))

    assert names.named == [12, 12]
    assert [json.loads(sent.message)["results"][0]["id"] for sent in desk.topic.notifications] == [1, 2]


def test_a_message_waits_for_the_name_of_a_case_until_the_end_of_its_poll() -> None:
    desk, names = Desk(), Names(None)
    boxes = outboxes(desk, names)
    committed = desk.commit(1, "slack:default")

    assert boxes.publish_if_named(committed) == committed
    assert (desk.sent, boxes.pending, boxes.unnamed) == ([], {1}, [committed])

    boxes.publish(committed)
    assert (desk.sent, boxes.pending, boxes.published) == (["1-slack:default"], set(), 1)


def test_a_message_whose_cases_have_names_does_not_wait() -> None:
    desk = Desk()
    boxes = outboxes(desk, Names())

    assert boxes.publish_if_named(desk.commit(1, "slack:default")).outbox == ()
    assert (desk.sent, boxes.pending, boxes.unnamed) == (["1-slack:default"], set(), [])


def test_what_stays_in_an_outbox_is_pending_since_the_read_that_found_it() -> None:
    desk = Desk()
    desk.topic.refused.add("event")
    boxes = outboxes(desk, Names())
    checkpoint = make_checkpoint(1, outbox=(make_outgoing(destination="event"),), read_at=at(-90))
    never_read = make_checkpoint(2, outbox=(make_outgoing(destination="event"),))

    for one in (checkpoint, never_read):
        boxes.publish(desk.store.commit(one))
    assert (boxes.pending, boxes.unpublished_since) == ({1, 2}, {1: at(-90), 2: START})

    desk.topic.refused.clear()
    boxes.publish(desk.store.pending()[0])
    assert (boxes.pending, boxes.unpublished_since) == ({2}, {2: START})


def test_what_waits_longest_since_its_read_goes_out_first_however_old_its_run_is() -> None:
    desk = Desk()
    moments = {1: (at(0), at(90)), 2: (at(30), at(60)), 3: (at(75), None)}  # since when watched, when read
    for run_id, (floor, read_at) in moments.items():
        outbox = (make_outgoing(destination="event", id=f"run {run_id}"),)
        desk.store.commit(make_checkpoint(run_id, outbox=outbox, floor=floor, read_at=read_at))

    outboxes(desk, Names()).publish_waiting(desk.store.pending(), lambda: None)

    assert desk.sent == ["run 2", "run 3", "run 1"]


def test_what_went_wrong_with_publishing_and_with_names_is_said_together() -> None:
    desk = Desk()
    desk.topic.refused.add("event")
    boxes = outboxes(desk, Names())

    boxes.publish(desk.commit(1, "event"))

    assert [problem.split(":")[0] for problem in boxes.problems] == [
        "SNS did not take a message for event",
        "case names are not complete yet",
    ]
