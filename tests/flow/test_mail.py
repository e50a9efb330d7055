"""Addresses that SNS unsubscribed silently: looked for hourly, told where somebody hears (docs/runbook.md)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from testmo_notifier.adapters import items
from testmo_notifier.errors import Unlisted
from tests.support.alarms import Operation
from tests.support.fakes import FakeMailboxes
from tests.support.story import Story

RUNBOOK = 'see docs/runbook.md, "An address gets no mail"'


@pytest.fixture
def watched(story: Story) -> Story:
    story.add_run()
    story.wait_and_poll()
    return story


def mails(story: Story) -> list[str]:
    return [n.subject for n in story.topic.notifications if n.destination == "email:default"]


def test_an_address_that_is_no_more_subscribed_is_named_by_its_parameter_in_every_poll(watched: Story) -> None:
    boxes = FakeMailboxes(lost={"EmailAddress"})
    for _ in range(3):
        watched.wait()
        summary = watched.poll(mailboxes=boxes)
        assert summary.unsubscribed == 1
        assert summary.problems == [
            (
                "EmailAddress has no confirmed subscription since the look at 2026-11-23 09:02 UTC"
                f" and gets no notifications: {RUNBOOK}"
            ),
        ]
        assert "qa@example.com" not in json.dumps(summary.to_json()), "logs are read by many"
        assert summary.status == "ok"
    assert boxes.looks == 1


def test_it_is_looked_for_once_an_hour_by_whatever_process(watched: Story) -> None:
    boxes = FakeMailboxes()
    for _ in range(121):
        watched.wait()
        watched.poll(mailboxes=boxes)
        watched.next_process()
    assert boxes.looks == 3


def test_who_is_subscribed_again_is_no_trouble_after_the_next_look(watched: Story) -> None:
    boxes = FakeMailboxes(lost={"EmailAddress", "OpsEmailAddress"})
    assert watched.poll(mailboxes=boxes).unsubscribed == 2
    boxes.now_lost.clear()
    watched.wait(3_600)
    summary = watched.poll(mailboxes=boxes)
    assert (summary.unsubscribed, summary.problems, summary.over) == (0, [], ("Unsubscribed",))


def test_it_is_said_since_which_look_a_subscription_is_gone(watched: Story) -> None:
    """What went there since is told to those that catch all; what went there before, somebody got."""
    boxes = FakeMailboxes(routed=["email:qa"])
    watched.settings["mailboxes"] = boxes
    watched.poll()
    boxes.now_lost = {"EmailAddress", "email:qa"}
    for _ in range(3):
        watched.wait(3_600)
        told = " ".join(watched.poll().problems)
        assert "EmailAddress has no confirmed subscription since the look at 2026-11-23 10:01 UTC and gets" in told
        assert "email:qa has no confirmed subscription since the look at 2026-11-23 10:01 UTC: what it" in told
    boxes.now_lost = set()
    watched.wait(3_600)
    watched.poll()
    boxes.now_lost = {"EmailAddress"}
    watched.wait(3_600)
    assert "since the look at 2026-11-23 14:01 UTC and gets" in " ".join(watched.poll().problems)


def test_a_loss_that_an_older_version_found_is_as_old_as_its_last_look(watched: Story) -> None:
    watched.poll(mailboxes=FakeMailboxes(lost={"EmailAddress"}))
    item = watched.store.items["CONTROL"]
    mail = {name: value for name, value in json.loads(item["mail"]["S"]).items() if name != "since"}
    watched.store.items["CONTROL"] = {**item, "mail": {"S": json.dumps(mail)}}
    watched.wait(3_600)

    (said,) = watched.poll(mailboxes=FakeMailboxes(lost={"EmailAddress"})).problems
    assert "since the look at 2026-11-23 09:01 UTC" in said


def test_where_the_alarms_own_address_is_lost_the_other_one_gets_a_mail_once(watched: Story) -> None:
    """OpsTopic reaches nobody by mail then, and the alarm that says so neither."""
    boxes = FakeMailboxes(lost={"OpsEmailAddress"})
    for _ in range(3):
        watched.poll(mailboxes=boxes)
        watched.wait(3_600)
    assert mails(watched) == ["Testmo Notifier: alarms reach nobody by mail"]
    (told,) = [n for n in watched.topic.notifications if n.destination == "email:default"]
    assert "OpsEmailAddress gets no alarms" in told.message
    assert (told.channel, told.run_id) == ("email", 0)


def test_a_second_loss_is_told_anew(watched: Story) -> None:
    boxes = FakeMailboxes(lost={"OpsEmailAddress"})
    for lost in (True, False, True):
        boxes.now_lost = {"OpsEmailAddress"} if lost else set()
        watched.poll(mailboxes=boxes)
        watched.wait(3_600)
    assert len(mails(watched)) == 2


def test_where_both_are_lost_or_the_alarms_reach_somebody_no_mail_is_sent(watched: Story) -> None:
    watched.poll(mailboxes=FakeMailboxes(lost={"OpsEmailAddress", "EmailAddress"}))
    watched.wait(3_600)
    watched.poll(mailboxes=FakeMailboxes(lost={"EmailAddress"}))
    assert mails(watched) == []


def test_a_mail_that_sns_does_not_take_is_tried_again_at_the_next_look(watched: Story) -> None:
    boxes = FakeMailboxes(lost={"OpsEmailAddress"})
    watched.topic.refused = {"email:default"}
    assert "SNS did not take a message" in " ".join(watched.poll(mailboxes=boxes).problems)
    watched.topic.refused = set()
    watched.wait(3_600)
    watched.poll(mailboxes=boxes)
    assert len(mails(watched)) == 1


def test_the_mail_about_a_mailbox_belongs_to_no_run_and_no_project(watched: Story) -> None:
    watched.poll(mailboxes=FakeMailboxes(lost={"OpsEmailAddress"}))
    (mail,) = [n for n in watched.topic.notifications if n.destination == "email:default"]
    assert (mail.channel, mail.run_id, mail.project_id, mail.statuses) == ("email", 0, 0, ("Alarm",))


@pytest.mark.parametrize(
    "error", [Unlisted("AWS does not tell who is subscribed: throttled"), KeyError("Subscriptions")]
)
def test_where_aws_does_not_answer_the_poll_goes_on_says_so_and_believes_what_it_knew(
    watched: Story, error: Exception
) -> None:
    boxes = FakeMailboxes(lost={"EmailAddress"})
    watched.poll(mailboxes=boxes)
    boxes.error = error
    watched.save(next(iter(watched.world.runs.values())))
    watched.wait(3_600)
    summary = watched.poll(mailboxes=boxes)
    assert (summary.looked, summary.new_failing, summary.unsubscribed) == (True, 1, 1)
    assert any(problem.endswith("it is asked again in an hour") for problem in summary.problems)
    watched.wait()
    watched.poll(mailboxes=boxes)
    assert boxes.looks == 2, "hourly at most, also where it failed"


def test_where_aws_does_not_tell_the_alarm_rings_until_it_tells_again(watched: Story, tmp_path: Path) -> None:
    """Nobody knows then whether anybody gets mail."""
    boxes = FakeMailboxes(error=Unlisted("AWS does not tell who is subscribed: AuthorizationError"))
    operation = Operation(watched, tmp_path)
    operation.polls(10, mailboxes=boxes)
    assert operation.alarms() == {"UnsubscribedAlarm"}
    boxes.error = None
    operation.polls(70, mailboxes=boxes)
    assert operation.alarms() == set()


def test_a_poll_that_is_short_of_time_leaves_the_look_to_the_next(watched: Story) -> None:
    boxes = FakeMailboxes(lost={"EmailAddress"})
    assert watched.poll(mailboxes=boxes, seconds_left=lambda: 29.0).unsubscribed == 0
    assert boxes.looks == 0
    assert watched.poll(mailboxes=boxes).unsubscribed == 1


def test_an_older_version_leaves_the_look_alone(watched: Story) -> None:
    """One attribute more: what it does not know it neither reads nor writes."""
    watched.poll(mailboxes=FakeMailboxes(lost={"EmailAddress"}))
    item = watched.store.items["CONTROL"]
    known = items.control_from({name: item[name] for name in item if name not in ("mail", "pauses", "troubles")})
    assert (known.health.mail, known.health.pauses) == (None, ())
    assert known.looked.polled_at == watched.time
    kept = items.control_from(item)
    assert kept.health.mail is not None
    assert items.control_from(items.control_values(kept)) == kept


def test_the_alarm_is_off_after_the_look_that_finds_them_again(watched: Story, tmp_path: Path) -> None:
    boxes = FakeMailboxes(lost={"EmailAddress"})
    operation = Operation(watched, tmp_path)
    operation.polls(65, mailboxes=boxes)
    assert "UnsubscribedAlarm" in operation.alarms()
    boxes.now_lost.clear()
    operation.polls(70, mailboxes=boxes)
    assert operation.alarms() == set()


def test_addresses_that_are_one_are_told_apart_by_what_they_get(watched: Story) -> None:
    boxes = FakeMailboxes(ops="qa@example.com", lost={"EmailAddress (for alarms)"})
    summary = watched.poll(mailboxes=boxes)
    assert summary.problems == [
        (
            "EmailAddress (for alarms) has no confirmed subscription since the look at 2026-11-23 09:01 UTC"
            f" and gets no alarms: {RUNBOOK}"
        )
    ]
    assert len(mails(watched)) == 1


def test_a_long_time_between_two_polls_is_kept_as_a_pause(watched: Story) -> None:
    watched.wait(3_600)
    watched.poll()
    (pause,) = items.control_from(watched.store.items["CONTROL"]).health.pauses
    assert pause.ended_at - pause.began_at == timedelta(hours=1)
