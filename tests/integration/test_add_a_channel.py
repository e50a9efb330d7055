"""The commands know a new channel (CONTRIBUTING.md, "Add a channel"): each is run, on a stack that has the toy.

A small stack on the embedded AWS, with what the commands look for; the function that delivers runs in this process.
"""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import boto3
import pytest
from click.testing import CliRunner

from functions.slack import app
from testmo_notifier.adapters.machine import Machine, client_config
from testmo_notifier.adapters.store import Store
from testmo_notifier.adapters.topic import Topic
from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.render import Renderer
from tests.integration.slack_stack import to_record
from tests.support.factories import make_checkpoint, make_digest, make_named, make_outgoing
from tests.support.fakes import FakeLambdaContext, FakeSlack, SlackAnswer
from tests.support.template import properties
from tools.cli import main

pytestmark = pytest.mark.aws
NAME: Final = "with-a-toy"
GONE: Final = SlackAnswer(404, b"")


def template(secret: str) -> dict[str, Any]:
    """What the commands look for in a stack that has the toy and no other channel of the queue."""

    def function(**variables: object) -> dict[str, Any]:
        code = {"ZipFile": "def handler(*_): pass"}
        given = {"Runtime": "python3.13", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/r"}
        return {
            "Type": "AWS::Lambda::Function",
            "Properties": {**given, "Code": code, "Environment": {"Variables": variables}},
        }

    table = copy.deepcopy(properties("StateTable"))
    kept = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    names = ("Table", "Topic", "Ops", "Queue", "Dead", "Subscription", "Poll", "Deliver")
    ref = {name: {"Ref": name} for name in names}
    queue_arn = {"Fn::GetAtt": ["Queue", "Arn"]}
    return {
        "Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {name: table[name] for name in kept}},
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Ops": {"Type": "AWS::SNS::Topic"},
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Dead": {"Type": "AWS::SQS::Queue"},
            "Subscription": {"Type": "AWS::SQS::Queue"},
            "ToQueue": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {
                    **properties("SlackSubscription"),
                    "TopicArn": ref["Topic"],
                    "Endpoint": queue_arn,
                    "FilterPolicy": {"channel": ["toy"]},
                    "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Subscription", "Arn"]}},
                },
            },
            "Poll": function(
                TESTMO_URL="http://127.0.0.1:1",
                TESTMO_SECRET_ARN="arn:none",
                TABLE_NAME=ref["Table"],
                TOPIC_ARN=ref["Topic"],
                CHANNELS="toy,event",
            ),
            "Deliver": function(
                TABLE_NAME=ref["Table"],
                QUEUE_URL=ref["Queue"],
                DEAD_LETTER_QUEUE_URL=ref["Dead"],
                TOY_SECRET_ARN=secret,
            ),
        },
        "Outputs": {
            name: {"Value": value}
            for name, value in {
                "NotificationTopicArn": ref["Topic"],
                "OpsTopicArn": ref["Ops"],
                "StateTableName": ref["Table"],
                "PollerFunctionName": ref["Poll"],
                "SlackFunctionName": ref["Deliver"],
                "SlackQueueUrl": ref["Queue"],
                "SlackDeadLetterQueueUrl": ref["Dead"],
                "SubscriptionDeadLetterQueueUrl": ref["Subscription"],
            }.items()
        },
    }


@dataclass(frozen=True)
class Toys:
    """A stack with the toy, the server that the toy posts to, and somebody who operates it."""

    server: FakeSlack
    outputs: dict[str, str]
    settings: Path

    def command(self, *words: str) -> tuple[int, str]:
        """Run `testmo-notifier` with these words: its exit status, and what it said."""
        done = CliRunner().invoke(main, [*words, "--stack-name", NAME], env={"SETTINGS_DIR": str(self.settings)})
        assert done.exception is None or isinstance(done.exception, SystemExit), (done.exception, done.output)
        assert FakeSlack.SECRET not in done.output
        return done.exit_code, " ".join(done.output.split())

    def deliver(self, *_: object) -> None:
        """Do what the event source mapping does, once: receive, invoke, delete what was not reported."""
        sqs, queue = boto3.client("sqs", config=client_config()), self.outputs["SlackQueueUrl"]
        received = sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        answer = app.handler({"Records": [to_record(dict(one)) for one in received]}, FakeLambdaContext())  # type: ignore[arg-type]
        left = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for one in received:
            if one["MessageId"] not in left:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])

    def pass_time(self) -> None:
        """Let the address's pace be long ago."""
        dynamodb, table = boto3.client("dynamodb", config=client_config()), self.outputs["StateTableName"]
        for item in dynamodb.scan(TableName=table)["Items"]:
            if item["sk"]["S"] == "SLOT":
                dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})

    def publish(self) -> None:
        """What a poll does of a run with one failure: checkpoint and outbox, publish, clear."""
        store = Store(boto3.client("dynamodb", config=client_config()), self.outputs["StateTableName"], holder="poller")
        outgoing = make_outgoing(make_digest([make_named()], run_name="Smoke", total=1), "toy:default")
        committed = store.commit(make_checkpoint(12, outbox=(outgoing,), waiting_since=datetime.now(UTC)))
        topic = Topic(boto3.client("sns", config=client_config()), self.outputs["NotificationTopicArn"])
        topic.publish(Renderer(ZoneInfo("UTC")).notification(outgoing))
        store.clear(committed, [outgoing], at=datetime.now(UTC))

    @property
    def got(self) -> list[str]:
        """What the toy was sent."""
        return [json.loads(post.body)["words"] for post in self.server.posts if post.body]


@pytest.fixture
def toys(
    clean_aws: str, slack: FakeSlack, toy: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Toys]:
    assert toy.is_queued
    assert clean_aws.startswith("http://127.0.0.1:")
    (tmp_path / "routes.toml").write_text('[[routes]]\nto = ["toy:default"]\n')
    secrets = boto3.client("secretsmanager", config=client_config())
    stacks = boto3.client("cloudformation", config=client_config())
    arn = secrets.create_secret(Name="toys", SecretString=json.dumps({"default": slack.webhook()}))["ARN"]
    stacks.create_stack(StackName=NAME, TemplateBody=json.dumps(template(arn)))
    stacks.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    [found] = stacks.describe_stacks(StackName=NAME)["Stacks"]
    made = Toys(slack, {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}, tmp_path)
    for name, value in {
        "TABLE_NAME": made.outputs["StateTableName"],
        "QUEUE_URL": made.outputs["SlackQueueUrl"],
        "DEAD_LETTER_QUEUE_URL": made.outputs["SlackDeadLetterQueueUrl"],
        "TOY_SECRET_ARN": arn,
        "POWERTOOLS_SERVICE_NAME": f"toy-{uuid.uuid4()}",
        "POWERTOOLS_METRICS_NAMESPACE": "TestmoNotifier",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(app, "Machine", partial(Machine, sleep=lambda _seconds: None))
    monkeypatch.setattr("tools.ops.send_test.time.sleep", made.deliver)  # while it waits, the function is at work
    app._service.cache_clear()
    yield made
    if app._service.cache_info().currsize:
        app._service().deliverer.pool.clear()
    app._service.cache_clear()


def test_preview_and_check_know_its_template_its_destinations_and_its_secret(
    toy: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "routes.toml").write_text(f'[[routes]]\nto = ["{toy.default}", "toys:default"]\n')
    (tmp_path / "templates").mkdir()
    own = tmp_path / "templates" / "toy_message.j2"
    own.write_text("{{ message.totl }} new\n")
    checked = CliRunner().invoke(main, ["check", "--settings", str(tmp_path)])
    assert checked.exit_code == 1
    assert "toy_message.j2:1: " in checked.output
    assert "toys:default" in checked.output

    (tmp_path / "routes.toml").write_text(f'[[routes]]\nto = ["{toy.default}"]\n')
    own.write_text('{% extends "built_in/toy_message.j2" %}{% block words %}! {{ super() }}{% endblock %}')
    checked = CliRunner().invoke(main, ["check", "--settings", str(tmp_path)])
    assert checked.exit_code == 0, checked.output
    monkeypatch.setenv("TOY_SECRET", '{"payments": "http://127.0.0.1:1/"}')
    checked = CliRunner().invoke(main, ["check", "--settings", str(tmp_path)])
    assert "leads to toy:default, which is not in TOY_SECRET" in " ".join(checked.output.split())
    shown = CliRunner().invoke(main, ["preview", "--channel", "toy", "--settings", str(tmp_path)])
    assert shown.exit_code == 0, shown.output
    assert "Toy" in shown.output
    assert "! " in shown.output


def test_doctor_looks_at_its_routes_addresses_and_queue(toys: Toys) -> None:
    said = toys.command("doctor")[1]

    assert "Routes: digests go to toy:default" in said
    assert "Toy: the address of toy:default is alive" in said
    assert "Queues: 0 messages on the way to Toy" in said
    assert toys.got == [], "it shows nothing there"

    toys.server.always(GONE)
    assert "Toy: the address of toy:default: Toy answered 404" in toys.command("doctor")[1]


@pytest.mark.parametrize("how", [[], ["--direct"]])
def test_send_test_says_that_it_took_the_message(toys: Toys, how: list[str]) -> None:
    status, said = toys.command("send-test", *how)

    assert (status, "toy:default: Toy took it (200 ok)" in said) == (0, True), said
    assert [words[:6] for words in toys.got] == ["[TEST]"]


def test_send_test_says_why_a_message_was_parked(toys: Toys) -> None:
    toys.server.always(GONE)
    status, said = toys.command("send-test")

    assert (status, "toy:default: parked in the dead-letter queue (http_404)" in said) == (1, True), said


def test_deliveries_says_when_it_took_a_message(toys: Toys) -> None:
    toys.publish()
    status, said = toys.command("deliveries", "--run", "12")
    assert (status, "published, not taken by Toy yet" in said) == (1, True), said

    toys.deliver()
    status, said = toys.command("deliveries", "--run", "12")
    assert (status, "toy:default 1 result: Toy took it at 20" in said) == (0, True), said


def test_redrive_sends_its_dead_letters_again(toys: Toys) -> None:
    toys.server.always(GONE)
    toys.publish()
    toys.deliver()
    assert "1 for toy:default: http_404" in toys.command("redrive")[1]

    toys.server.recover()
    before = len(toys.got)
    status, said = toys.command("redrive", "--yes")
    assert (status, "slack: 1 dead letter back to work" in said) == (0, True), said
    toys.pass_time()
    toys.deliver()
    assert toys.got[before:] == ["1 new in Smoke"]
