"""Least privilege, both ways: what a role allows is used, and what the code calls is allowed.

The calls are recorded where boto3 sends them, while the real functions do everything they can come to do. That the
roles suffice is seen once more in the stack lane, where the embedded AWS enforces them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import botocore.client
import pytest

from functions.poller import app as poller
from functions.slack import app as slack_function
from testmo_notifier.adapters.store import Store
from testmo_notifier.model import Change, Envelope
from tests.integration.slack_stack import TABLE, Stack, to_record
from tests.integration.test_slack_function import send, stack  # noqa: F401 - one is the fixture
from tests.support.bots import make_message
from tests.support.factories import START, make_digest, make_held, make_named, make_outgoing
from tests.support.fakes import FakeLambdaContext, SlackAnswer
from tests.support.template import actions, make_table, statements
from tools.simulator import Simulator, World

pytestmark = pytest.mark.aws

# What an action of a transaction needs: IAM knows none for the call. A condition on it needs nothing else.
NEEDS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
NEEDS |= {"PublishBatch": "Publish"}  # https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html

# Lambda's own part: the mapping of the queue (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html), and logs.
LAMBDA = {
    "PollerRole": {("OwnLogs", "logs:CreateLogStream"), ("OwnLogs", "logs:PutLogEvents")},
    "SlackRole": {
        ("OwnLogs", "logs:CreateLogStream"),
        ("OwnLogs", "logs:PutLogEvents"),
        ("Receive", "sqs:ReceiveMessage"),
        ("Receive", "sqs:DeleteMessage"),
        ("Receive", "sqs:GetQueueAttributes"),
    },
}

Calls = set[tuple[str, str]]


def allowed(role: str) -> Calls:
    """What a role allows, by statement; the customer's key is used by AWS on our behalf, never by a call."""
    return {(sid, action) for sid, found in statements(role).items() if sid != "Key" for action in actions(found)}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any]]]:
    """Every call to AWS that is made from here on: service, operation, parameters."""
    made: list[tuple[str, str, dict[str, Any]]] = []
    send: Callable[..., Any] = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # no stub

    def record(client: Any, operation: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - any call
        made.append((client.meta.service_model.service_name, operation, parameters))
        return send(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", record)
    return made


@pytest.fixture
def testmo() -> Iterator[Simulator]:
    with Simulator(World()) as simulator:
        yield simulator


def test_the_poller_calls_what_its_role_allows_and_nothing_else(
    clean_aws: str, testmo: Simulator, monkeypatch: pytest.MonkeyPatch, calls: list[tuple[str, str, dict[str, Any]]]
) -> None:
    assert clean_aws
    secrets = boto3.client("secretsmanager")
    token = secrets.create_secret(Name="testmo", SecretString=testmo.token)["ARN"]
    heartbeat = secrets.create_secret(Name="heartbeat", SecretString=f"{testmo.url}/ping")["ARN"]
    make_table(boto3.client("dynamodb"), TABLE)
    sns = boto3.client("sns")
    environment = {
        "TESTMO_URL": testmo.url,
        "TESTMO_SECRET_ARN": token,
        "HEARTBEAT_SECRET_ARN": heartbeat,
        "TABLE_NAME": TABLE,
        "TOPIC_ARN": sns.create_topic(Name="notifications")["TopicArn"],
        "OPS_TOPIC_ARN": sns.create_topic(Name="ops")["TopicArn"],
        "EMAIL_ADDRESS": "qa@example.com",
        "OPS_EMAIL_ADDRESS": "ops@example.com",
        "CHANNELS": "slack,email,event",
        "POWERTOOLS_SERVICE_NAME": "poller",
        "POWERTOOLS_METRICS_NAMESPACE": "TestmoNotifier",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    sns.subscribe(TopicArn=environment["TOPIC_ARN"], Protocol="email", Endpoint="qa@example.com")
    project = testmo.world.add_project("Shop")
    run = testmo.world.add_run(project, "Release", cases=[testmo.world.add_case(project, "Log in")])
    calls.clear()
    poller._service.cache_clear()
    poller.handler({}, FakeLambdaContext())  # type: ignore[arg-type]  # the part of it that is used
    testmo.world.save_result(testmo.world.tests_of(run)[0], 3)
    poller.handler({}, FakeLambdaContext(aws_request_id="the next"))  # type: ignore[arg-type]  # the same
    hold_and_tell(Store(boto3.client("dynamodb"), TABLE, holder="the poller"))
    poller._service().poller.pool.clear()
    poller._service.cache_clear()

    def statement(service: str, parameters: dict[str, Any]) -> str:
        if service == "dynamodb":
            return "PendingOutboxes" if "IndexName" in parameters else "State"
        if service == "secretsmanager":
            return {token: "TestmoToken", heartbeat: "Heartbeat"}[parameters["SecretId"]]
        assert service == "sns"
        if parameters.keys() & {"Message", "PublishBatchRequestEntries"}:
            return "Announce"
        return "Confirmed" if "SubscriptionArn" in parameters else "Subscribers"

    assert used(calls, statement) | LAMBDA["PollerRole"] == allowed("PollerRole")


def test_the_slack_function_calls_what_its_role_allows_and_nothing_else(
    stack: Stack,  # noqa: F811 - the fixture
    calls: list[tuple[str, str, dict[str, Any]]],
) -> None:
    """Delivered, twice, refused for now, gone for good: everything that can become of a message."""
    stack.put("n1")
    stack.put("n1")
    stack.put("n2", destination="slack:payments")
    stack.slack.answer(SlackAnswer(503, b"oops"), webhook="payments")
    stack.put("n3", destination="slack:nowhere")
    bot = {"token": "xoxb-1", "channel": "C012AB3CD", "api_url": "http://127.0.0.1:9/api/"}
    secret = {name: stack.slack.webhook(name) for name in ("default", "payments")} | {"lead": bot}
    stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=json.dumps(secret))
    send(stack, make_message(make_digest([make_named(1)]), "n4", 1, "slack:lead"))
    messages = stack.receive()
    calls.clear()
    records = json.loads(json.dumps([to_record(message) for message in messages]))
    slack_function.handler({"Records": records}, FakeLambdaContext())  # type: ignore[arg-type]  # the part that is used

    def statement(service: str, parameters: dict[str, Any]) -> str:
        if service == "sqs":
            return "Receive" if parameters["QueueUrl"] == stack.queue_url else "Park"
        if service == "dynamodb" and key(parameters) == "CONTROL":
            return "Bots"
        return {"dynamodb": "Deliveries", "secretsmanager": "Webhooks"}[service]

    assert used(calls, statement) | LAMBDA["SlackRole"] == allowed("SlackRole")
    touched = {key(parameters) for service, _, parameters in calls if service == "dynamodb"}
    assert {name.partition("#")[0] for name in touched} == {"DELIVERY", "DESTINATION", "CONTROL"}


def used(calls: list[tuple[str, str, dict[str, Any]]], statement: Callable[[str, dict[str, Any]], str]) -> Calls:
    return {
        (statement(service, parameters), f"{service}:{needed}")
        for service, operation, parameters in calls
        for needed in (
            [NEEDS[kind] for one in parameters["TransactItems"] for kind in one]
            if operation == "TransactWriteItems"
            else [NEEDS.get(operation, operation)]
        )
    }


def hold_and_tell(store: Store) -> None:
    """Whatever is done with what is held."""
    envelope = Envelope("e-1", (make_outgoing(),), START)
    store.release([Change(None, make_held())])
    for key in store.held_until(None)[0]:
        store.release([Change(held, None) for held in store.held([key])], envelope)
    store.clear_envelope(replace(envelope, version=1), envelope.outbox, at=START)
    assert store.held_of(12) == []


def key(parameters: dict[str, Any]) -> str:
    """The partition that a call to the table is about."""
    return str((parameters.get("Key") or parameters["Item"])["pk"]["S"])
