"""`send-test`, `subscribe`, `redrive`: the ways out."""

from __future__ import annotations

import json

from tests.stack.waiting import until
from tests.support.fakes import SlackAnswer

from .conftest import GONE, Operated


def test_a_test_message_takes_the_way_that_real_ones_take(operated: Operated) -> None:
    said = operated.command("send-test")

    assert said.status == 0, said
    assert "slack:default: Slack took it (200 ok)" in said.out
    assert "email:default: accepted by SNS for qa@example.com: that is all that can be known" in said.out
    assert [post.payload["text"][:6] for post in operated.slack.posts] == ["[TEST]"]


def test_a_test_message_to_a_dead_webhook_says_what_to_do(operated: Operated) -> None:
    operated.slack.always(GONE, webhook="payments")

    said = operated.command("send-test", "--destination", "slack:payments", "--json")

    assert said.status == 1
    (sent,) = said.json["sent"]
    assert "parked in the dead-letter queue (no_service)" in sent["words"]
    assert "make a new incoming webhook" in sent["next_step"]
    assert operated.depth(operated.dead("Slack")) == 0, "a test is nothing to re-drive"


def test_a_test_message_that_slack_does_not_take_now_stays_in_the_queue(operated: Operated) -> None:
    operated.slack.always(SlackAnswer(500, b"server_error"))

    said = operated.command("send-test", "--destination", "slack:default", "--wait", "3")

    assert said.status == 1
    assert "not delivered after 3 s; it stays in the queue" in said.out


def test_a_direct_test_message_is_posted_from_here(operated: Operated) -> None:
    assert operated.command("send-test", "--direct").status == 0
    operated.slack.always(GONE)
    said = operated.command("send-test", "--direct", "--destination", "slack:default")
    assert said.status == 1
    assert "Slack answered 404 (no_service)" in said.out


def test_a_test_message_to_nowhere_is_refused(operated: Operated) -> None:
    for words in (["--destination", "sms:me"], ["--direct", "--destination", "email:default"]):
        assert operated.command("send-test", *words).status == 2
    there = "there are slack:default, email:default, slack:payments"
    for words in (["--destination", "slack:unknown"], ["--direct", "--destination", "slack:unknown"]):
        said = operated.command("send-test", *words)
        assert said.status == 2
        assert f"nothing in the stack is called slack:unknown: {there}" in said.err
    said = operated.command("send-test", "--destination", "email:unknown", "--destination", "slack:default")
    assert said.status == 2
    assert f"nothing in the stack is called email:unknown: {there}" in said.err
    assert operated.slack.posts == [], "not even to the one that there is"


def test_a_test_message_goes_by_the_address_that_was_stored_a_moment_ago(operated: Operated) -> None:
    assert operated.command("send-test", "--destination", "slack:default").status == 0, "the function keeps the secret"
    operated.store("SlackSecretArn", json.dumps({"default": operated.slack.webhook("renewed")}))

    said = operated.command("send-test", "--destination", "slack:default")

    assert said.status == 0, said
    assert len(operated.slack.texts("renewed")) == 1
    assert len(operated.slack.texts("default")) == 1, "the one before"


def test_a_mailbox_is_subscribed_once_however_often_one_asks(operated: Operated) -> None:
    for name in ("payments", "payments", "checkout"):
        assert operated.command("subscribe", f"email:{name}", "ada@example.com").status == 0

    said = operated.command("subscribe", "--list", "--json")

    assert said.status == 0
    (ada,) = [one for one in said.json["mail"] if one["address"] == "ada@example.com"]
    assert ada == {
        "address": "ada@example.com",
        "destinations": ["email:payments", "email:checkout"],
        "confirmed": True,
    }
    assert "qa@example.com" in operated.command("subscribe", "--list").out
    assert operated.command("send-test", "--destination", "email:checkout").status == 0


def test_what_cannot_be_subscribed_is_refused(operated: Operated) -> None:
    for words in (["slack:default", "ada@example.com"], ["email:default", "ada"], ["email:default"], []):
        assert operated.command("subscribe", *words).status == 2


def test_dead_letters_go_back_to_work_when_the_webhook_is_fixed(operated: Operated) -> None:
    operated.park_one()

    shown = operated.command("redrive")
    assert shown.status == 0
    assert "slack: 1 dead letter" in shown.out
    assert "1 for slack:default: no_service" in shown.out
    assert operated.depth(operated.dead("Slack")) == 1, "a dry run moves nothing"

    operated.slack.always(SlackAnswer())
    operated.slack.posts.clear()
    done = operated.command("redrive", "--yes", "--json")
    assert (done.status, done.json["queues"]["slack"]) == (0, {"moved": 1, "left": 0, "came_back": 0})
    until(lambda: operated.slack.posts, "the message that was missed")
    operated.settle()
    assert operated.depth(operated.dead("Slack")) == 0
    assert operated.command("redrive", "--yes").status == 0, "nothing to do is fine"


def test_what_sns_could_not_hand_over_goes_back_to_where_it_belongs(operated: Operated) -> None:
    url = operated.dead("SNS")
    slack = {"channel": "slack", "destination": "slack:payments", "id": "redriven", "run_id": "1"}
    raw = {name: {"DataType": "String", "StringValue": value} for name, value in slack.items()}
    operated.aws.sqs.send_message(
        QueueUrl=url,
        MessageBody='{"text": "missed"}',
        MessageAttributes=raw,  # type: ignore[arg-type]  # the values are
    )
    mail = {"channel": {"Type": "String", "Value": "email"}, "destination": {"Type": "String", "Value": "email:x"}}
    envelope = {"Type": "Notification", "Message": "body", "Subject": "subject", "MessageAttributes": mail}
    operated.aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(envelope))
    operated.aws.sqs.send_message(QueueUrl=url, MessageBody="somebody else's")

    done = operated.command("redrive", "--queue", "subscription", "--yes", "--json")

    assert done.status == 1, "something is left"
    assert done.json["queues"] == {"subscription": {"moved": 2, "left": 1, "came_back": 0}}
    until(lambda: operated.slack.texts("payments") == ["missed"], "the message that was missed")
    assert operated.depth(url) == 1
