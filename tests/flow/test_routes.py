"""Rules 16 and 17: routes, from Testmo to the topic: who is told of what, and for which reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from testmo_notifier.errors import Unlisted
from testmo_notifier.notices.routes import destinations
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.fakes import FakeMailboxes
from tests.support.story import BLOCKED, FAILED, Story
from tools.simulator.model import Run

CHANNELS = ("slack", "email", "event")
REST = '[[routes]]\nname = "rest"\ncatch_all = true\nto = ["slack:default"]\n'


def follow(story: Story, text: str) -> None:
    """Poll by these routes from now on."""
    routes = parse_routes(text)
    story.settings |= {"routes": routes, "destinations": destinations(routes, CHANNELS)}


def told(story: Story, destination: str) -> int:
    """How many messages a destination got."""
    return len([n for n in story.topic.notifications if n.destination == destination])


def outbox(story: Story, run: Run) -> dict[str, list[tuple[int | None, str]]]:
    """What would be sent where, if nothing could be: ids and reasons."""
    return {
        one.destination: [(result.id, result.reason) for result in one.digest.results]
        for one in story.checkpoint(run).outbox
    }


def test_each_finding_goes_where_a_route_leads_and_the_rest_to_those_that_catch_it(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { status = "Blocked" }\nto = ["slack:lead"]\n' + REST)
    run = story.add_run_and_poll()
    story.save(run, 1, FAILED), story.save(run, 2, BLOCKED), story.save(run, 3, FAILED)
    story.wait_and_poll()

    lead, rest, event = (
        [n.message for n in story.topic.notifications if n.destination == one]
        for one in ("slack:lead", "slack:default", "event")
    )
    assert len(lead) == len(rest) == len(event) == 1
    assert "1 blocked" in lead[0]
    assert "2 failed" in rest[0]
    assert story.total == 3


def test_a_run_that_no_route_takes_reaches_the_catch_all_alone(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { run = "*payment*" }\nto = ["slack:payments"]\n' + REST)
    payments, other = story.add_run("Payment API"), story.add_run("Release 4.2")
    story.poll()
    story.save(payments), story.save(other)
    story.wait_and_poll()

    assert (told(story, "slack:payments"), told(story, "slack:default"), told(story, "event")) == (1, 1, 2)


def test_a_destination_that_several_routes_name_gets_a_finding_once(story: Story) -> None:
    text = (
        '[[routes]]\nmatch = { status = "Failed" }\nto = ["slack:qa"]\n'
        '[[routes]]\nmatch = { project = "shop" }\nto = ["slack:qa", "email:qa"]\n'
    )
    follow(story, text + REST)
    run = story.add_run_and_poll()
    story.fail_and_poll(run)

    assert (told(story, "slack:qa"), told(story, "email:qa"), told(story, "slack:default")) == (1, 1, 0)


def test_a_further_failure_is_told_as_again_and_another_status_as_changed(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { project = "Shop" }\nto = ["slack:qa"]\n' + REST)
    run = story.add_run_and_poll()
    first = story.fail_and_poll(run, 1)
    story.topic.refused = {"slack:qa"}
    second = story.save(run, 1)
    story.wait_and_poll(6)
    assert outbox(story, run) == {"slack:qa": [(second.id, "again")]}

    story.topic.refused = set()
    story.wait_and_poll()
    story.topic.refused = {"slack:qa"}
    story.world.edit_result(second, status=BLOCKED)
    story.wait_and_poll()

    assert outbox(story, run) == {"slack:qa": [(second.id, "changed")]}
    assert story.announced == [first.id, second.id, second.id]


def test_a_failing_test_is_new_to_whom_it_was_not_told(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { assignee = "Ada L." }\nto = ["slack:ada"]\n' + REST)
    ada = story.world.add_user("Ada L.")
    run = story.add_run_and_poll()
    story.fail_and_poll(run, 1)
    story.topic.refused = {"slack:ada"}
    later = story.save(run, 1, FAILED, assignee=ada)
    story.wait_and_poll(6)

    assert told(story, "slack:default") == 1
    assert outbox(story, run) == {"slack:ada": [(later.id, "new")]}


def test_the_default_routes_tell_everybody_everything_with_its_reason(story: Story) -> None:
    run = story.add_run_and_poll()
    story.fail_and_poll(run, 1)
    story.wait()
    again, new = story.save(run, 1), story.save(run, 2)
    story.wait_and_poll()

    reasons = {result["id"]: (result["reason"], result["streak"]) for result in story.events[-1]["results"]}
    assert reasons == {again.id: ("again", 0), new.id: ("new", 0)}
    assert story.checkpoint(run).told == {}


def test_a_route_by_the_name_of_a_test_asks_for_it_before_the_commit(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { test = "* case 2" }\nto = ["slack:two"]\n' + REST)
    run = story.add_run_and_poll("Nightly")
    story.save(run, 1), story.save(run, 2)
    story.wait_and_poll()

    assert (told(story, "slack:two"), told(story, "slack:default")) == (1, 1)


def test_a_route_by_folder_knows_the_folder_of_a_case(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { folder = "Payment" }\nto = ["slack:pay"]\n' + REST)
    folder = story.world.add_folder(story.shop, "Payment")
    cases = [story.world.add_case(story.shop, "Pay", folder=folder), story.world.add_case(story.shop, "Log in")]
    run = story.world.add_run(story.shop, "Nightly", cases=cases)
    story.poll()
    story.save(run, 1), story.save(run, 2)
    story.wait_and_poll()

    assert (told(story, "slack:pay"), told(story, "slack:default")) == (1, 1)


def test_a_case_that_was_moved_to_another_folder_is_there_for_routes_within_a_day(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { folder = "Payment" }\nto = ["slack:pay"]\n' + REST)
    folder, case = story.world.add_folder(story.shop, "Payment"), story.world.add_case(story.shop, "Pay")
    run = story.world.add_run(story.shop, "Nightly", cases=[case])
    story.poll()
    story.fail_and_poll(run)
    assert (told(story, "slack:pay"), told(story, "slack:default")) == (0, 1)

    case.folder_id = folder.id
    story.wait_and_poll(every=25 * 3600)
    story.save(run)
    story.wait_and_poll(every=3600)
    assert (told(story, "slack:pay"), told(story, "slack:default")) == (1, 1)


def test_what_is_not_there_matches_nothing_and_reaches_the_catch_all(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { milestone = "*" }\nto = ["slack:pay"]\n' + REST)
    run = story.add_run_and_poll("Nightly")
    story.fail_and_poll(run, 1)

    assert (told(story, "slack:pay"), told(story, "slack:default")) == (0, 1)


@pytest.mark.parametrize("polls", [1, 3])
def test_a_route_that_waits_for_the_second_failure_takes_the_first_and_tells_nobody(story: Story, polls: int) -> None:
    follow(story, '[[routes]]\nmatch = { project = "Shop" }\nafter = 2\nto = ["slack:qa"]\n' + REST)
    run = story.add_run_and_poll()
    story.save(run, 1)
    story.wait_and_poll(polls)

    assert (told(story, "slack:qa"), told(story, "slack:default"), told(story, "event")) == (0, 0, 1)


def test_what_a_mailbox_would_get_that_nobody_confirmed_goes_to_the_catch_all_until_somebody_does(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { project = "Shop" }\nto = ["email:qa"]\n' + REST)
    boxes = FakeMailboxes(routed=["email:qa"], lost={"email:qa"})
    story.settings["mailboxes"] = boxes
    run = story.add_run()
    report = story.poll()
    assert (report.unheard, report.unsubscribed) == (1, 0)
    assert "`testmo-notifier subscribe email:qa ADDRESS`" in report.problems[0]
    story.fail_and_poll(run, 1)
    assert (told(story, "email:qa"), told(story, "slack:default")) == (0, 1)

    boxes.now_lost = set()
    story.wait_and_poll(6)
    story.save(run, 2)
    report = story.wait_and_poll()

    assert (report.unheard, report.problems) == (0, [])
    assert (told(story, "email:qa"), told(story, "slack:default"), told(story, "event")) == (1, 1, 2)


def test_a_stack_without_an_address_of_its_own_is_told_of_the_mailboxes_of_its_routes(story: Story) -> None:
    follow(story, '[[routes]]\nmatch = { project = "Shop" }\nto = ["email:qa"]\n' + REST)
    boxes = FakeMailboxes(routed=["email:qa"], lost={"email:qa"})
    boxes.expected = ()
    story.settings["mailboxes"] = boxes

    assert story.poll().unheard == 1
    assert story.wait_and_poll().unheard == 1


def test_a_stack_without_any_mail_looks_at_no_mailbox(story: Story) -> None:
    boxes = FakeMailboxes()
    boxes.expected = ()

    assert (story.poll(mailboxes=boxes).problems, boxes.looks) == ([], 0)


def test_where_nobody_is_reached_the_message_waits_for_somebody(story: Story) -> None:
    follow(story, '[[routes]]\nto = ["email:default"]\n')
    boxes = FakeMailboxes(routed=["email:default"], lost={"EmailAddress", "email:default"})
    story.settings["mailboxes"] = boxes
    run = story.add_run_and_poll()
    story.save(run, 1)
    report = story.wait_and_poll(3)
    assert (told(story, "email:default"), told(story, "event")) == (0, 1)
    assert report.pending == 1
    assert report.lag_seconds > 0

    boxes.now_lost = set()
    story.wait_and_poll(6)

    assert (told(story, "email:default"), told(story, "event")) == (1, 1)


def test_what_an_older_version_left_waiting_is_as_late_as_it_was_however_often_its_run_is_read(story: Story) -> None:
    follow(story, '[[routes]]\nto = ["slack:default"]\n')
    run = story.add_run_and_poll()
    story.topic.refused.add("slack:default")
    story.fail_and_poll(run)
    story.store.commit(replace(story.checkpoint(run), waiting_since=None))

    assert story.wait_and_poll(20).lag_seconds >= 1200


def test_a_mailbox_that_a_route_names_anew_is_looked_at_before_anything_is_sent_to_it(story: Story) -> None:
    """The look before it was about others, and holds for an hour."""
    follow(story, '[[routes]]\nto = ["slack:default", "email:default"]\n')
    boxes = FakeMailboxes(routed=["email:default"], lost={"email:qa"})
    story.settings["mailboxes"] = boxes
    run = story.add_run_and_poll()

    follow(story, '[[routes]]\nmatch = { project = "Shop" }\nto = ["email:qa"]\n' + REST)
    boxes.routed = ["email:qa"]
    story.save(run)
    report = story.wait_and_poll()

    assert (told(story, "email:qa"), told(story, "slack:default")) == (0, 1)
    assert (report.unheard, boxes.looks) == (1, 2)


def test_a_poll_that_is_short_of_time_looks_at_no_mailbox_before_it_sends(story: Story) -> None:
    boxes = FakeMailboxes(routed=["email:default"])
    story.poll(mailboxes=boxes)
    boxes.routed = ["email:default", "email:qa"]
    looks = []
    for seconds in (29.0, 30.0):
        story.wait()
        story.poll(mailboxes=boxes, seconds_left=lambda seconds=seconds: seconds)
        looks.append(boxes.looks)

    assert looks == [1, 2]


def test_where_aws_does_not_tell_of_a_mailbox_it_is_not_asked_in_every_poll(story: Story) -> None:
    boxes = FakeMailboxes(routed=["email:qa"], error=Unlisted("AWS does not tell who is subscribed"))
    story.settings["mailboxes"] = boxes
    story.wait_and_poll(5)

    assert boxes.looks == 1


def test_what_waits_for_a_mailbox_that_nobody_confirmed_goes_to_those_that_catch_all_when_no_route_names_it_any_more(
    story: Story,
) -> None:
    follow(story, '[[routes]]\nto = ["email:qa"]\n')
    boxes = FakeMailboxes(routed=["email:qa"], lost={"email:qa"})
    story.settings["mailboxes"] = boxes
    run = story.add_run_and_poll()
    story.fail_and_poll(run)

    follow(story, '[[routes]]\nto = ["slack:default"]\n')
    boxes.routed = []
    report = story.wait_and_poll(12)
    assert (told(story, "email:qa"), told(story, "slack:default"), report.pending) == (0, 1, 0)


def test_an_event_names_every_route_that_takes_what_it_holds_whoever_else_is_told(story: Story) -> None:
    payments = '[[routes]]\nname = "payments"\nmatch = { run = "Payment*" }\nto = ["slack:payments"]\n'
    late = '[[routes]]\nname = "late"\nmatch = { run = "Payment*" }\nafter = 2\nto = ["slack:lead"]\n'
    follow(story, payments + late + REST)
    run, other = story.add_run("Payment API"), story.add_run("Nightly")
    story.poll()
    story.save(run), story.save(other)
    story.wait_and_poll()

    assert {event["run"]["name"]: event["routes"] for event in story.events} == {
        "Payment API": ["payments", "late"],
        "Nightly": ["rest"],
    }


def test_every_key_of_match_must_hold_whichever_is_first(story: Story) -> None:
    first = '[[routes]]\nmatch = { project = "Shop", status = "Blocked" }\nto = ["slack:lead"]\n'
    second = '[[routes]]\nmatch = { status = "Failed", run = "Nightly" }\nto = ["slack:night"]\n'
    follow(story, first + second + REST)
    run = story.add_run_and_poll()
    story.fail_and_poll(run, 1)
    assert (told(story, "slack:lead"), told(story, "slack:night"), told(story, "slack:default")) == (0, 0, 1)


def test_of_a_route_that_leads_to_a_channel_of_this_stack_and_to_another_the_one_is_told(story: Story) -> None:
    routes = parse_routes('[[routes]]\nmatch = { status = "Failed" }\nto = ["slack:lead", "email:lead"]\n' + REST)
    story.settings |= {"routes": routes, "destinations": destinations(routes, ("slack",))}
    run = story.add_run_and_poll()
    story.save(run, 1)
    report = story.wait_and_poll()
    assert (told(story, "slack:lead"), told(story, "email:lead"), report.problems) == (1, 0, [])
