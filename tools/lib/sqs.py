"""What lies in a queue of SQS: how much, and the messages, looked at and put back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BATCH: Final = 10  # the most SQS hands out at once
HOLD_SECONDS: Final = 60  # how long a message is ours alone; after a crash it is back by then
EMPTY_ANSWERS: Final = 3  # SQS asks a few of its servers only: one empty answer does not mean an empty queue


def depth(client: SQSClient, url: str) -> int:
    """How many messages there are, also those that somebody has in hand and those that come later."""
    names: Any = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]
    return sum(map(int, client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def taken(client: SQSClient, url: str, *, limit: int) -> Iterator[MessageTypeDef]:
    """Messages one by one, each once; nobody else has them for `HOLD_SECONDS`."""
    seen: set[str] = set()
    empty = 0
    while empty < EMPTY_ANSWERS and len(seen) < limit:
        messages = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(BATCH, limit - len(seen)),
            VisibilityTimeout=HOLD_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        fresh = [message for message in messages if message["MessageId"] not in seen]
        empty = 0 if fresh else empty + 1
        for message in fresh:
            seen.add(message["MessageId"])
            yield message


def looked_at(client: SQSClient, url: str, *, limit: int) -> list[MessageTypeDef]:
    """Messages as they lie there; afterwards everybody can have them again."""
    found: list[MessageTypeDef] = []
    try:
        found.extend(taken(client, url, limit=limit))
    finally:
        for one in found:
            put_back(client, url, one["ReceiptHandle"])
    return found


def put_back(client: SQSClient, url: str, handle: str) -> None:
    """Let others have a message at once."""
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
