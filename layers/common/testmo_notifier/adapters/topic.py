"""SNS: one plain publish per notification, with attributes that filter policies can read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.errors import Unpublished
from testmo_notifier.model import Notification

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

# What a form writes as it is, https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set
PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Topic:
    """The topic that every notification goes through. `published` hears of each that SNS took."""

    def __init__(
        self, client: SNSClient, topic_arn: str, *, published: Callable[[Notification], None] = lambda _: None
    ) -> None:
        self._client = client
        self._arn = topic_arn
        self._published = published
        client.meta.events.register("before-call.sns.Publish", write_form)

    def publish(self, notification: Notification) -> None:
        """Publish one notification; raises `Unpublished` when SNS did not take it."""
        subject = {"Subject": notification.subject} if notification.subject else {}
        try:
            self._client.publish(
                TopicArn=self._arn,
                Message=notification.message,
                MessageAttributes=attributes(notification),
                **subject,
            )
        except (BotoCoreError, ClientError) as exc:
            raise Unpublished(f"SNS did not take a message for {notification.destination}: {exc}") from exc
        self._published(notification)


def attributes(notification: Notification) -> dict[str, MessageAttributeValueTypeDef]:
    """What filter policies read. SQS with raw delivery takes ten attributes at most, and these are six."""
    return {
        "channel": {"DataType": "String", "StringValue": notification.channel},
        "destination": {"DataType": "String", "StringValue": notification.destination},
        "id": {"DataType": "String", "StringValue": notification.id},
        "run_id": {"DataType": "Number", "StringValue": str(notification.run_id)},
        "project_id": {"DataType": "Number", "StringValue": str(notification.project_id)},
        "status": {
            "DataType": "String.Array",
            "StringValue": json.dumps(list(notification.statuses), ensure_ascii=False),
        },
    }


def write_form(params: dict[str, Any], **_: object) -> None:
    """Write a request's form here: botocore does it twice for each, byte by byte, and a message has thousands."""
    if isinstance(params["body"], dict):
        params["body"] = form(params["body"])


def form(values: Mapping[str, str]) -> bytes:
    """What `urllib.parse.urlencode` gives."""
    return b"&".join(quoted(name) + b"=" + quoted(value) for name, value in values.items())


def quoted(text: str) -> bytes:
    """What `urllib.parse.quote_plus` gives."""
    written = text.encode().replace(b"%", b"%25")
    for byte in {*written} - PLAIN - {*b"% "}:
        written = written.replace(bytes([byte]), b"%%%02X" % byte)
    return written.replace(b" ", b"+")
