"""SNS's subscriptions of our own addresses: whoever follows the link at the end of a mail ends one without a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.errors import Unlisted
from testmo_notifier.model import Mailbox

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

PROTOCOLS = ("email", "email-json")


class Mailboxes:
    """Mailboxes that should be subscribed, each to its topic."""

    def __init__(self, client: SNSClient, expected: Sequence[Mailbox]) -> None:
        self._client = client
        self.expected: Sequence[Mailbox] = tuple(expected)

    def lost(self) -> frozenset[str]:
        """The names of those without a confirmed subscription; raises `Unlisted`."""
        try:
            return frozenset(box.name for box in self.expected if not self._is_confirmed(box))
        except (BotoCoreError, ClientError) as exc:
            raise Unlisted(f"AWS does not tell who is subscribed: {exc}") from exc

    def _is_confirmed(self, box: Mailbox) -> bool:
        """A subscription that waits for its click may have an ARN already: its attributes have the last word."""
        pages = self._client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=box.topic_arn)
        arns = [
            one["SubscriptionArn"]
            for page in pages
            for one in page["Subscriptions"]
            if one["Protocol"] in PROTOCOLS and one["Endpoint"].casefold() == box.address.casefold()
        ]
        return any(arn.startswith("arn:") and self._attributes_say_so(arn) for arn in arns)

    def _attributes_say_so(self, arn: str) -> bool:
        try:
            found = self._client.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        except self._client.exceptions.NotFoundException:  # it ended between the two questions
            return False
        return found.get("PendingConfirmation", "false") == "false"
