"""SNS: one plain publish per notification, with attributes that filter policies can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.errors import Unpublished
from testmo_notifier.model import ASIDE, Notification

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef


class Topic:
    """The topic that every notification goes through. `published` hears of each that SNS took."""

    def __init__(
        self, client: SNSClient, topic_arn: str, *, published: Callable[[Notification], None] = lambda _: None
    ) -> None:
        self._client = client
        self._arn = topic_arn
        self._published = published

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
    """What filter policies read, and last what only the function of the queue does; an older one leaves that aside.

    SQS with raw delivery takes ten attributes at most, and these are nine. In ASCII alone: SNS refuses a message with
    an emoji in an attribute, and with some other characters takes it and delivers it to nobody
    (https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html). Filters read JSON.
    """
    aside = json.dumps({"order": notification.order, **notification.aside})
    lists = {"status": notification.statuses, "reason": notification.reasons, "route": notification.routes}
    return {
        "channel": {"DataType": "String", "StringValue": notification.channel},
        "destination": {"DataType": "String", "StringValue": notification.destination},
        "id": {"DataType": "String", "StringValue": notification.id},
        "run_id": {"DataType": "Number", "StringValue": str(notification.run_id)},
        "project_id": {"DataType": "Number", "StringValue": str(notification.project_id)},
        **{
            name: {"DataType": "String.Array", "StringValue": json.dumps(list(values))}
            for name, values in lists.items()
            if values or name == "status"  # an outbox that an older version wrote knows of no others
        },
        **({ASIDE: {"DataType": "String", "StringValue": aside}} if notification.aside else {}),
    }
