"""From the topic to each channel: filters, raw delivery, captures."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tools.inbox.receiver import Inbox
from tools.lib.aws import Aws
from tools.local.captures import Captured, Captures
from tools.local.stack import Stack

from .waiting import depth, until

Publish = Callable[..., str]


@pytest.fixture
def captures(aws: Aws, deployed: Stack) -> Captures:
    captures = Captures(aws, deployed)
    captures.prepare()
    for channel in ("email", "event", "slack"):
        captures.drain(channel, lambda _: None)
    return captures


@pytest.fixture
def publish(aws: Aws, deployed: Stack) -> Publish:
    """Publishes as the poller does, with the attributes that filters look at."""

    def publish(
        message: str, *, channel: str, destination: str, subject: str = "A subject", key: str = "k1", **others: str
    ) -> str:
        attributes = {"channel": channel, "destination": destination, "id": key, "run_id": "1", **others}
        return aws.sns.publish(
            TopicArn=deployed.topic_arn,
            Subject=subject,
            Message=message,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )["MessageId"]

    return publish


def drained(captures: Captures, channel: str) -> list[Captured]:
    found: list[Captured] = []
    captures.drain(channel, found.append)  # type: ignore[arg-type]  # one of the three channels
    return found


def test_each_channel_gets_its_own_messages_only(captures: Captures, publish: Publish) -> None:
    publish("by mail", channel="email", destination="email:default")
    publish('{"schema": 1}', channel="event", destination="event")
    assert [mail.body for mail in drained(captures, "email")] == ["by mail"]
    assert [event.body for event in drained(captures, "event")] == ['{"schema": 1}']
    assert drained(captures, "slack") == []


def test_what_only_changes_a_bots_message_is_known_as_silent(captures: Captures, publish: Publish) -> None:
    publish("an edit", channel="slack", destination="slack:default", aside='{"order": 1, "silent": true}')
    publish("a reply", channel="slack", destination="slack:default", aside='{"order": 2}')
    assert {slack.body: slack.is_silent for slack in drained(captures, "slack")} == {"an edit": True, "a reply": False}


def test_mail_to_another_list_does_not_reach_the_default_one(captures: Captures, publish: Publish) -> None:
    publish("for payments", channel="email", destination="email:payments")
    assert drained(captures, "email") == []


def test_a_captured_mail_has_its_subject_and_date(captures: Captures, publish: Publish) -> None:
    publish("the body", channel="email", destination="email:default", subject="[Testmo] 1 failed: Nightly")
    (mail,) = drained(captures, "email")
    head, _, body = mail.as_mail("qa@example.com").partition("\n\n")
    assert "Subject: [Testmo] 1 failed: Nightly" in head.splitlines()
    assert "To: qa@example.com" in head.splitlines()
    assert [line for line in head.splitlines() if line.startswith("Date: ")]
    assert body == "the body\n"


def test_a_capture_that_was_not_handled_comes_back(
    aws: Aws, deployed: Stack, captures: Captures, publish: Publish
) -> None:
    """Whatever interrupts us between reading and writing, the mail is written at least once."""
    publish("precious", channel="email", destination="email:default")
    url = aws.sqs.get_queue_url(QueueName=f"{deployed.name}-capture-email")["QueueUrl"]
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "0"})

    def fail(captured: Captured) -> None:
        raise OSError(captured.body)

    with pytest.raises(OSError, match="precious"):
        captures.drain("email", fail)
    assert [mail.body for mail in drained(captures, "email")] == ["precious"]
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "30"})


def test_preparing_twice_subscribes_once(aws: Aws, deployed: Stack, captures: Captures) -> None:
    def endpoints() -> list[str]:
        found = aws.sns.list_subscriptions_by_topic(TopicArn=deployed.topic_arn)["Subscriptions"]
        return sorted(subscription["Endpoint"] for subscription in found)

    before = endpoints()
    captures.prepare()
    assert endpoints() == before
    assert len(before) == len(set(before)) == 5  # the mailbox, the Slack queue, three captures


def test_a_slack_message_goes_through_queue_and_function_to_the_webhook(
    aws: Aws, deployed: Stack, publish: Publish, inbox: Inbox
) -> None:
    """With the function's own role: what it may not do would fail here. Other tests have messages in the inbox, too."""
    payload: dict[str, object] = {"text": "1 failed: Through queue and function", "blocks": []}
    publish(json.dumps(payload), channel="slack", destination="slack:default", key="through")
    until(lambda: depth(aws, deployed.slack_queue) == 0, "an empty queue")
    assert [message.payload for message in inbox.messages].count(payload) == 1
