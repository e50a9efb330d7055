"""What went out by mail and as events: queues of our own on the topic, because an emulator delivers no mail.

Mail is captured with the very filter of the email subscription, so what arrives here is what the mailbox would get.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final, Literal

from testmo_notifier.channels import registry
from testmo_notifier.channels.email import EMAIL
from testmo_notifier.model import ASIDE
from testmo_notifier.model.queue import SILENT
from tools.lib.addresses import SENDER, address_of
from tools.lib.aws import Aws
from tools.lib.stamps import parse
from tools.local.stack import Stack
from tools.ops.subscriptions import listed

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

Channel = Literal["email", "event", "slack"]
CHANNELS: Final[tuple[Channel, ...]] = ("email", "event", "slack")
BATCH: Final = 10  # the most SQS hands out at once


class NoEmailSubscription(Exception):
    """The stack sends no mail, so there is no filter to copy."""


@dataclass(frozen=True, slots=True)
class Captured:
    """One message as its subscriber would get it. `subject` is of mail alone; nobody reads one that `is_silent`."""

    channel: Channel
    destination: str
    subject: str
    body: str
    sent: str
    id: str
    is_silent: bool = False

    def as_mail(self, to: str) -> str:
        """The mail with the headers a reader looks for, a blank line, the body."""
        headers = {
            "From": SENDER,
            "To": to,
            "Subject": self.subject,
            "Date": format_datetime(parse(self.sent)),
            "Message-ID": f"<{self.id}@sns.amazonaws.com>",
        }
        return "".join(f"{name}: {value}\n" for name, value in headers.items()) + f"\n{self.body}\n"


class Captures:
    """The capture queues of one stack, made and subscribed once."""

    def __init__(self, aws: Aws, stack: Stack) -> None:
        self._aws = aws
        self._stack = stack
        self._urls: dict[Channel, str] = {}

    def prepare(self, mail: Iterable[str] = ()) -> None:
        """Make and subscribe what is not there yet. Mail keeps SNS's envelope, for the subject is only in there.

        `mail` names the destinations that routes lead to: each gets a mailbox, as `subscribe` would make it.
        """
        found = listed(self._aws, self._stack.topic_arn)
        subscriptions = {one.endpoint: one.arn for one in found}
        policies = (one.policy or {} for one in found if one.protocol == "email")
        default = next((one for one in policies if EMAIL.default in one.get("destination", ())), None)
        if default is None:  # the template's own mailbox has it
            raise NoEmailSubscription(self._stack.topic_arn)
        destinations = list(dict.fromkeys([*default["destination"], *mail]))
        for destination in destinations:
            if destination != EMAIL.default and address_of(destination) not in subscriptions:
                policy = json.dumps({**default, "destination": [destination]})
                self._aws.sns.subscribe(
                    TopicArn=self._stack.topic_arn,
                    Protocol="email",
                    Endpoint=address_of(destination),
                    Attributes={"FilterPolicy": policy},
                )
        filters: dict[str, object] = {"email": {**default, "destination": destinations}}
        for channel in CHANNELS:
            queue = f"{self._stack.name}-capture-{channel}"
            url = self._urls[channel] = self._aws.sqs.create_queue(QueueName=queue)["QueueUrl"]
            asked = self._aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "Policy"])
            arn = asked["Attributes"]["QueueArn"]
            if "Policy" not in asked["Attributes"]:
                policy = json.dumps(_policy(arn, self._stack.topic_arn))
                self._aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
            also = registry.CHANNELS[channel].others.values()  # recoveries and ends, of events
            policy = json.dumps(filters.get(channel, {"channel": [channel, *also]}))
            if arn in subscriptions:
                self._aws.sns.set_subscription_attributes(
                    SubscriptionArn=subscriptions[arn], AttributeName="FilterPolicy", AttributeValue=policy
                )
            else:
                attributes = {"FilterPolicy": policy}
                attributes["RawMessageDelivery"] = "false" if channel == "email" else "true"
                self._aws.sns.subscribe(
                    TopicArn=self._stack.topic_arn, Protocol="sqs", Endpoint=arn, Attributes=attributes
                )

    def drain(self, channel: Channel, handle: Callable[[Captured], None]) -> int:
        """Handle everything captured so far, oldest first as far as SQS knows; returns how many there were.

        A message is deleted after it was handled: whatever interrupts us, it is handled at least once.
        """
        count = 0
        for message in self._receive(self._urls[channel]):
            handle(_captured(channel, message))
            self._aws.sqs.delete_message(QueueUrl=self._urls[channel], ReceiptHandle=message["ReceiptHandle"])
            count += 1
        return count

    def _receive(self, url: str) -> Iterator[MessageTypeDef]:
        while messages := self._aws.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=BATCH,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", []):
            yield from messages


def _captured(channel: Channel, message: MessageTypeDef) -> Captured:
    if channel == "email":
        envelope = json.loads(message["Body"])
        attributes = {name: value["Value"] for name, value in envelope.get("MessageAttributes", {}).items()}
        destination = attributes.get("destination", EMAIL.default)
        subject, body, sent = envelope.get("Subject", ""), envelope["Message"], envelope["Timestamp"]
        return Captured(channel, destination, subject, body, sent, envelope["MessageId"])
    attributes = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    destination, is_silent = attributes.get("destination", channel), SILENT in attributes.get(ASIDE, "")
    return Captured(channel, destination, "", message["Body"], "", message["MessageId"], is_silent)


def _policy(queue_arn: str, topic_arn: str) -> dict[str, object]:
    """The topic may send to the queue."""
    may = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    where = {"Resource": queue_arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}}}
    return {"Version": "2012-10-17", "Statement": [{**may, **where}]}
