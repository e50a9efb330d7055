"""Dead letters: looking at them without taking them, and bringing them back to where they belong."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from testmo_notifier.adapters.queue import PARKED_BECAUSE
from testmo_notifier.channels.registry import CHANNELS, channel_of, queued
from testmo_notifier.model import QueuedMessage
from tools.lib import sqs
from tools.ops.account import Account

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from testmo_notifier.channels.channel import Channel

NOT_ITS_OWN: Final = (PARKED_BECAUSE, "RequestID", "ErrorCode", "ErrorMessage")  # of who parked it, and of SNS
PARKED_BY_1_6: Final = ("reason", "String")  # where versions before 1.7 wrote why; as a list it is the notification's
NO_REASON: Final[Mapping[str, str]] = {
    "slack": "received too often (maxReceiveCount)",
    "subscription": "SNS could not hand it over",
}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter. `attributes` are the notification's own, `reason` is why it is dead, as far as it says so."""

    id: str
    handle: str
    body: str
    subject: str
    reason: str
    sent_at: datetime
    attributes: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """An attribute's value; empty where it is missing."""
        return self.attributes.get(name, ("", ""))[1]

    @property
    def is_alarm(self) -> bool:
        """Whether it is an alarm as it came from OpsTopic; SQS itself moved it here."""
        return not self.attributes and self._alarm_channel is not None

    @property
    def _alarm_channel(self) -> Channel | None:
        """The channel that can post it as an alarm."""
        message = QueuedMessage(self.id, self.handle, 1, self.body)
        return next((channel for channel in queued() if channel.transport().alarm(message)), None)

    @property
    def addressee(self) -> str:
        """For whom it is; empty where nobody can say."""
        if self.value("destination"):
            return self.value("destination")
        return f"alarms in {self._alarm_channel.title}" if self.is_alarm and self._alarm_channel else ""

    @property
    def channel(self) -> str:
        """A channel's name; empty where nobody could say where it belongs."""
        if self.is_alarm and self._alarm_channel:
            return self._alarm_channel.name
        channel = channel_of(self.value("destination"))
        if channel and channel.is_queued:
            return channel.name if self.value("id") and not channel.transport().problem(self.body) else ""
        named = CHANNELS.get(self.value("channel"))
        is_mail = named is not None and named.is_for_people and not named.is_queued
        return named.name if named and is_mail and self.value("destination") else ""

    @property
    def is_queued(self) -> bool:
        """Whether it belongs into the queue, and not to the topic."""
        return self.channel in [channel.name for channel in queued()]


def take(account: Account, queue: str, url: str, *, limit: int) -> Iterator[DeadLetter]:
    """Receive letters one by one; nobody else has them for a while."""
    return (dead_letter(queue, message) for message in sqs.taken(account.sqs, url, limit=limit))


def look(account: Account, queue: str, *, limit: int) -> list[DeadLetter]:
    """Letters as they lie there."""
    url = account.stack.dead_letter_queues[queue]
    return [dead_letter(queue, message) for message in sqs.looked_at(account.sqs, url, limit=limit)]


def dead_letter(queue: str, message: MessageTypeDef) -> DeadLetter:
    """A message of a dead-letter queue: what our function parked, what SQS moved, or what SNS could not hand over."""
    raw = message.get("MessageAttributes", {})
    texts = {name: (value["DataType"], value.get("StringValue", "")) for name, value in raw.items()}
    body, subject = message["Body"], ""
    envelope = sns_envelope(body)
    if envelope is not None:
        given = envelope.get("MessageAttributes") or {}
        texts |= {name: (str(value["Type"]), str(value["Value"])) for name, value in given.items()}
        body, subject = str(envelope["Message"]), str(envelope.get("Subject") or "")
    before = {name: text for name, (kind, text) in texts.items() if (name, kind) == PARKED_BY_1_6}
    said = (texts.get(PARKED_BECAUSE, ("", ""))[1], before.get("reason"), texts.get("ErrorMessage", ("", ""))[1])
    stamp = int(message.get("Attributes", {}).get("SentTimestamp", time.time() * 1000))
    return DeadLetter(
        id=message["MessageId"],
        handle=message["ReceiptHandle"],
        body=body,
        subject=subject,
        reason=next(filter(None, said), NO_REASON[queue]),
        sent_at=datetime.fromtimestamp(stamp / 1000, UTC),
        attributes={
            name: (kind, text)
            for name, (kind, text) in texts.items()
            if text and name not in NOT_ITS_OWN and name not in before
        },
    )


def sns_envelope(body: str) -> Mapping[str, Any] | None:
    """The body as what SNS sends without raw delivery; None if it is something else."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_one = isinstance(content, dict) and content.get("Type") == "Notification" and "Message" in content
    return content if is_one else None
