"""Rule 12: an event that Lambda delivers to two instances at once, under one request id."""

from __future__ import annotations

import json
from typing import Any, cast

import boto3
from botocore.awsrequest import AWSResponse

from testmo_notifier.adapters.machine import Machine
from testmo_notifier.config import PollerSettings
from testmo_notifier.wiring.poller import Poller
from tests.support.factories import START, at
from tests.support.stored import Raw

ENVIRON = {
    "TESTMO_URL": "https://example.testmo.net",
    "TESTMO_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:testmo",
    "TABLE_NAME": "state",
    "TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:notifications",
    "CHANNELS": "slack,event",
}


def lease_asked_for(instance: str) -> dict[str, Any]:
    """With which values an instance of the poller asks for the lease."""
    asked: list[dict[str, Any]] = []

    def answer(request: Any, **_: object) -> Any:  # noqa: ANN401 - botocore's events have no types
        asked.append(json.loads(request.body))
        return AWSResponse(request.url, 200, cast("Any", {}), Raw(b'{"Attributes": {}}'))

    def client(service: str) -> Any:  # noqa: ANN401 - each service has its own
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        one = boto3.client(service, region_name="us-east-1", **keys)  # type: ignore[call-overload]  # any of them
        one.meta.events.register("before-send.dynamodb.*", answer)
        return one

    machine = Machine(environ={**ENVIRON, "AWS_LAMBDA_LOG_STREAM_NAME": instance}, client=client)
    poller = Poller(PollerSettings.from_env(machine.environ), machine, published=lambda _: None)
    poller.setup("an event", lambda: 60).store.take_lease(START, at(30) - START)
    return dict(asked[0]["ExpressionAttributeValues"])


def test_one_event_in_two_instances_is_two_pollers() -> None:
    first, second = (lease_asked_for(f"2026/11/23/[$LATEST]{instance}") for instance in ("3f9a", "b07c"))

    assert first[":now"] == second[":now"]
    assert first[":me"] != second[":me"]


def test_an_event_that_comes_back_to_its_instance_is_the_same_poller() -> None:
    assert lease_asked_for("2026/11/23/[$LATEST]3f9a") == lease_asked_for("2026/11/23/[$LATEST]3f9a")
