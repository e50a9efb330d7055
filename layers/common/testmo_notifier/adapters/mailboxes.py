"""SNS's subscriptions: whoever follows the link at the end of a mail ends one without a word."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.errors import Unlisted
from testmo_notifier.model import Mailbox

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import SubscriptionTypeDef

PROTOCOLS = ("email", "email-json")


class Mailboxes:
    """Mailboxes that should be subscribed, each to its topic, and `routed` destinations that somebody should get."""

    def __init__(
        self, client: SNSClient, expected: Sequence[Mailbox], routed: Sequence[str] = (), *, topic_arn: str = ""
    ) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self.expected: Sequence[Mailbox] = tuple(expected)
        self.routed: Sequence[str] = tuple(routed)

    def lost(self, destinations: Collection[str]) -> frozenset[str]:
        """The names of those without a confirmed subscription, and of these destinations; raises `Unlisted`."""
        try:
            lost = [box.name for box in self.expected if not self._is_confirmed(box)]
            return frozenset((*lost, *self._unheard(destinations)))
        except (BotoCoreError, ClientError) as exc:
            raise Unlisted(f"AWS does not tell who is subscribed: {exc}") from exc

    def _is_confirmed(self, box: Mailbox) -> bool:
        mail = [one for one in self._subscriptions(box.topic_arn) if one["Protocol"] in PROTOCOLS]
        mine = [one["SubscriptionArn"] for one in mail if one["Endpoint"].casefold() == box.address.casefold()]
        return any(self._filter(arn) is not None for arn in mine)

    def _unheard(self, destinations: Collection[str]) -> list[str]:
        """The destinations that no confirmed subscription takes."""
        found = self._subscriptions(self._topic_arn) if destinations else []
        filters = [(one["Protocol"] in PROTOCOLS, self._filter(one["SubscriptionArn"])) for one in found]
        return [name for name in destinations if not any(takes(name, policy, is_mail=mail) for mail, policy in filters)]

    def _subscriptions(self, topic_arn: str) -> list[SubscriptionTypeDef]:
        pages = self._client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        try:
            return [one for page in pages for one in page["Subscriptions"]]
        except self._client.exceptions.NotFoundException:  # somebody deleted the topic, and its subscriptions with it
            return []

    def _filter(self, arn: str) -> dict[str, Any] | None:
        """Its filter, if it is confirmed. What waits for its click may have an ARN: attributes have the last word."""
        if not arn.startswith("arn:"):
            return None
        try:
            found = self._client.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        except self._client.exceptions.NotFoundException:  # it ended between the two questions
            return None
        if found.get("PendingConfirmation", "false") != "false":
            return None
        policy = json.loads(found.get("FilterPolicy") or "{}")
        return policy if isinstance(policy, dict) else {}


def takes(destination: str, policy: Mapping[str, Any] | None, *, is_mail: bool) -> bool:
    """Whether a subscription gets what is published for a destination. What is no mail has to name it itself."""
    if policy is None or not (is_mail or "destination" in policy):
        return False
    wanted = {"channel": destination.partition(":")[0], "destination": destination}
    return all(may_be(value, policy[name]) for name, value in wanted.items() if name in policy)


def may_be(value: str, allowed: object) -> bool:
    """Whether a filter lets a value through; of one that is no plain list (a prefix, say) nobody can say no."""
    return not isinstance(allowed, list) or value in allowed or not all(isinstance(one, str) for one in allowed)
