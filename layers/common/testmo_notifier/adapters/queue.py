"""The queue: its records as messages, putting one back until later, parking one in the dead-letter queue."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.model import Attribute, QueuedMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

MAX_HIDE_SECONDS: Final = 42_000  # SQS allows 12 hours, counted from when the message was received
MAX_ATTRIBUTES: Final = 10  # of a message, https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
PARKED_BECAUSE: Final = "parked_because"  # `reason` is why its results are told


class SqsAttribute(TypedDict, total=False):
    """A message attribute in a Lambda event."""

    dataType: str
    stringValue: str
    binaryValue: str  # base64


class SqsRecord(TypedDict):
    """A record of https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, as far as we read it."""

    messageId: str
    receiptHandle: str
    body: str
    attributes: Mapping[str, str]
    messageAttributes: Mapping[str, SqsAttribute]


class SqsEvent(TypedDict):
    """What the event source mapping hands to the function."""

    Records: list[SqsRecord]


class BatchResponse(TypedDict):
    """The messages that stay in the queue; Lambda deletes all others."""

    batchItemFailures: list[dict[str, str]]


def read_record(record: SqsRecord) -> QueuedMessage:
    """A record as a message; whose it is, `delivery.inbound` says."""
    attributes = tuple(attribute(name, raw) for name, raw in record["messageAttributes"].items())
    texts = {a.name: a.value for a in attributes if isinstance(a.value, str)}
    return QueuedMessage(
        queue_id=record["messageId"],
        handle=record["receiptHandle"],
        receives=int(record["attributes"].get("ApproximateReceiveCount", "1")),
        body=record["body"],
        attributes=attributes,
        id=texts.get("id", ""),
        destination=texts.get("destination", ""),
        run_id=texts.get("run_id", ""),
        sent_at=sent_at(record["attributes"].get("SentTimestamp", "")),
    )


def attribute(name: str, raw: SqsAttribute) -> Attribute:
    """A message attribute out of a Lambda event."""
    if "binaryValue" in raw and raw["binaryValue"] is not None:
        return Attribute(name, raw["dataType"], base64.b64decode(raw["binaryValue"]))
    return Attribute(name, raw["dataType"], raw.get("stringValue") or "")


def sent_at(raw: str) -> datetime | None:
    """SQS's epoch milliseconds as a moment, None without them."""
    return datetime.fromtimestamp(int(raw) / 1000, UTC) if raw.isdecimal() else None


class Queue:
    """The two queues, as far as the function acts on them itself."""

    def __init__(self, client: SQSClient, queue_url: str, dead_letter_queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url

    def hide(self, message: QueuedMessage, seconds: float) -> None:
        """Let a message come back in so many seconds, rounded up; else after the queue's own visibility time-out."""
        with suppress(BotoCoreError, ClientError):
            self._client.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=message.handle,
                VisibilityTimeout=min(math.ceil(max(seconds, 0)), MAX_HIDE_SECONDS),
            )

    def park(self, message: QueuedMessage, reason: str) -> None:
        """Copy a message to the dead-letter queue with the reason. The caller acknowledges it afterwards."""
        kept = [a for a in message.attributes if a.name != PARKED_BECAUSE and a.value][: MAX_ATTRIBUTES - 1]
        self._client.send_message(
            QueueUrl=self._dead_letter_queue_url,
            MessageBody=message.body,
            MessageAttributes={a.name: to_sqs(a) for a in [*kept, Attribute(PARKED_BECAUSE, "String", reason)]},
        )


def to_sqs(attribute: Attribute) -> MessageAttributeValueTypeDef:
    """A message attribute as SQS takes it."""
    if isinstance(attribute.value, bytes):
        return {"DataType": attribute.type, "BinaryValue": attribute.value}
    return {"DataType": attribute.type, "StringValue": attribute.value}
