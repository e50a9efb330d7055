"""Records of the queue as messages, and what is asked of SQS."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from testmo_notifier.adapters.queue import Queue, read_record
from testmo_notifier.channels.slack.transport import TRANSPORT
from testmo_notifier.delivery.inbound import recognised
from testmo_notifier.model import Attribute, QueuedMessage

if TYPE_CHECKING:
    from testmo_notifier.adapters.queue import SqsRecord

EVENT = json.loads((Path(__file__).parents[2] / "events" / "slack_queue.json").read_text())
MESSAGE = QueuedMessage("sqs-1", "handle", 1, "{}", attributes=(Attribute("blob", "Binary", b"\x00"),))


class FakeSqs:
    """Remembers what it was asked, or refuses it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self._error = error

    def change_message_visibility(self, **call: object) -> None:
        self.calls.append(call)
        if self._error is not None:
            raise self._error

    send_message = change_message_visibility


def queue(fake: FakeSqs) -> Queue:
    return Queue(fake, "queue", "dead")  # type: ignore[arg-type]  # the part of a client that is used


def record(**changed: object) -> SqsRecord:
    changed_record: SqsRecord = copy.deepcopy(EVENT["Records"][0]) | changed
    return changed_record


def test_a_record_of_ours_is_read_with_its_exact_body() -> None:
    message = recognised(read_record(record()), {"slack": TRANSPORT})

    assert message.problem is None
    assert message.body == EVENT["Records"][0]["body"]
    assert (message.id, message.destination) == ("6f1d2c3b4a5968778695a4b3c2d1e0f0", "slack:default")
    assert (message.run_id, message.receives) == ("42", 1)
    assert Attribute("status", "String.Array", '["Failed"]') in message.attributes


@pytest.mark.parametrize(
    ("told", "moment"),
    [("1795435200123", datetime(2026, 11, 23, 12, 0, 0, 123_000, tzinfo=UTC)), ("", None), ("yesterday", None)],
)
def test_a_message_waits_since_sqs_took_it_to_the_millisecond(told: str, moment: datetime | None) -> None:
    assert read_record(record(attributes={"SentTimestamp": told})).sent_at == moment


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"body": "hello"}, "the body is not a Slack payload"),
        ({"body": "[]"}, "the body is not a Slack payload"),
        ({"body": '{"blocks": []}'}, "the body is not a Slack payload"),
        ({"body": '{"text": ["x"]}'}, "the body is not a Slack payload"),
        ({"body": "[" * 100_000}, "the body is not a Slack payload"),
        ({"messageAttributes": {}}, "`destination` is missing"),
        ({"messageAttributes": {"destination": {"dataType": "String", "stringValue": "x"}}}, "`destination`"),
        ({"messageAttributes": {"destination": {"dataType": "String", "stringValue": "slack:x"}}}, "`id` is missing"),
    ],
)
def test_a_record_that_is_none_of_ours_says_why(changed: dict[str, object], problem: str) -> None:
    assert problem in str(recognised(read_record(record(**changed)), {"slack": TRANSPORT}).problem)


def test_a_binary_attribute_survives_the_way_to_the_dead_letter_queue() -> None:
    blob: dict[str, object] = {"messageAttributes": {"blob": {"dataType": "Binary", "binaryValue": "AAE="}}}
    fake = FakeSqs()

    queue(fake).park(read_record(record(**blob)), "not_ours")

    assert fake.calls[0]["MessageAttributes"]["blob"] == {"DataType": "Binary", "BinaryValue": b"\x00\x01"}


@pytest.mark.parametrize(("seconds", "asked"), [(0, 0), (-3, 0), (4.001, 5), (900, 900), (1_000_000, 42_000)])
def test_a_message_is_hidden_for_whole_seconds_and_never_longer_than_sqs_allows(seconds: float, asked: int) -> None:
    fake = FakeSqs()

    queue(fake).hide(MESSAGE, seconds)

    assert fake.calls == [{"QueueUrl": "queue", "ReceiptHandle": "handle", "VisibilityTimeout": asked}]


def test_a_message_that_cannot_be_hidden_is_no_error_because_it_comes_back_by_itself() -> None:
    expired = ClientError({"Error": {"Code": "ReceiptHandleIsInvalid"}}, "ChangeMessageVisibility")

    queue(FakeSqs(expired)).hide(MESSAGE, 5)


def test_a_message_that_cannot_be_parked_is_an_error_because_it_would_be_lost() -> None:
    away = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")

    with pytest.raises(ClientError):
        queue(FakeSqs(away)).park(MESSAGE, "no_service")


def test_a_parked_message_keeps_as_many_of_its_attributes_as_sqs_takes_beside_the_reason() -> None:
    """SQS takes ten in all."""
    sqs = FakeSqs()
    attributes = tuple(Attribute(f"a{n}", "String", "x") for n in range(10))

    queue(sqs).park(QueuedMessage("sqs-1", "handle", 1, "{}", attributes=attributes), "no_service")

    (call,) = sqs.calls
    assert list(call["MessageAttributes"]) == ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "parked_because"]
