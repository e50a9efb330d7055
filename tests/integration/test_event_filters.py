"""docs/events.md: its filter policies let the right events through, and its snippets are what they claim to be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest
import yaml

from testmo_notifier.adapters.topic import Topic, attributes
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import AGAIN, CHANGED, FAILING, FINISHED, NEW, RECOVERED, Notification
from tests.support.factories import make_digest, make_named, make_outgoing
from tests.support.template import Loader
from tools.lib.processes import ROOT

PAGE = (ROOT / "docs" / "events.md").read_text("utf-8")
POLICIES: list[dict[str, Any]] = [json.loads(text) for text in re.findall(r"```json filter\n(.*?)```", PAGE, re.DOTALL)]
TEMPLATES: list[dict[str, Any]] = [
    yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]
QUEUE_POLICY = TEMPLATES[0]["Resources"]["EventSubscription"]["Properties"]["FilterPolicy"]
FUNCTION_POLICY = TEMPLATES[1]["EventFunction"]["Properties"]["Events"]["Digest"]["Properties"]["FilterPolicy"]


def notification(
    destination: str, project_id: int, *statuses: str, reasons: tuple[str, ...] = (NEW,), about: str = FAILING
) -> Notification:
    rows = [
        make_named(n, status=status, reason=reasons[n % len(reasons)]) for n, status in enumerate(statuses, start=1)
    ]
    routes = ("payments", "the rest") if project_id == 3 else ("the rest",)
    digest = make_digest(rows, project_id=project_id, routes=routes, about=about)
    words = f"{destination} {project_id} {'+'.join(statuses)}"
    return Renderer(ZoneInfo("UTC")).notification(make_outgoing(digest, destination, words))


SENT = (
    notification("event", 3, "Failed"),
    notification("event", 7, "Blocked"),
    notification("event", 7, "Failed", "Needs info", reasons=(AGAIN, CHANGED)),
    notification("event", 70, "Failed", "Blocked"),
    notification("slack:default", 7, "Failed"),
    notification("email:default", 7, "Failed"),
    notification("event:news", 3, "Passed", about=RECOVERED),
    notification("event:news", 7, "Failed", about=FINISHED),
)
ALL = {"event 3 Failed", "event 7 Blocked", "event 7 Failed+Needs info", "event 70 Failed+Blocked"}


@pytest.mark.aws
@pytest.mark.usefixtures("clean_aws")
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (POLICIES[0], ALL),
        (POLICIES[1], {"event 3 Failed", "event 7 Blocked", "event 7 Failed+Needs info"}),
        (POLICIES[2], {"event 3 Failed", "event 7 Failed+Needs info", "event 70 Failed+Blocked"}),
        (POLICIES[3], {"event 3 Failed", "event 7 Blocked", "event 70 Failed+Blocked"}),
        (POLICIES[4], {"event 3 Failed"}),
        (POLICIES[5], {"event:news 3 Passed"}),
        (QUEUE_POLICY, {"event 7 Blocked", "event 7 Failed+Needs info"}),
        (FUNCTION_POLICY, {"event 3 Failed", "event 7 Failed+Needs info", "event 70 Failed+Blocked"}),
    ],
)
def test_a_filter_policy_of_the_page_lets_the_right_events_through(
    policy: Mapping[str, object], expected: set[str]
) -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="notifications")["TopicArn"]
    queue = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps(policy)},
    )

    for sent in SENT:
        Topic(sns, topic).publish(sent)

    received: set[str] = set()
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        received |= {json.loads(message["Body"])["id"] for message in messages}
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert received == expected


def test_the_attributes_of_the_page_are_those_we_publish() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| ([\w.]+) \|", PAGE, re.MULTILINE))
    assert told == {name: value["DataType"] for name, value in attributes(SENT[0]).items()}


def test_the_snippets_share_one_topic_that_the_stack_names() -> None:
    outputs = yaml.load((ROOT / "template.yaml").read_text("utf-8"), Loader)["Outputs"]  # noqa: S506 - a SafeLoader
    assert "NotificationTopicArn" in outputs
    assert "NotificationTopicArn" in TEMPLATES[0]["Parameters"]
    assert TEMPLATES[1]["EventFunction"]["Properties"]["Events"]["Digest"]["Properties"]["Topic"] == {
        "Ref": "NotificationTopicArn"
    }


def test_the_cli_snippet_has_a_policy_that_is_json() -> None:
    (raw,) = re.findall(r"--attributes '(.*)'", PAGE)
    assert json.loads(json.loads(raw)["FilterPolicy"]) == POLICIES[0]
