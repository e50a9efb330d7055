"""`subscribe`: mailboxes of the topic, each with a filter that says which destinations it gets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

from testmo_notifier.adapters.mailboxes import may_be
from tools.lib.aws import Services
from tools.ops.account import Account
from tools.ops.exit_status import FINE, WRONG, Desk, NotDone, WrongUsage

PENDING: Final = "PendingConfirmation"  # stands where an ARN would, until somebody clicks the link in AWS's mail
ADDRESS: Final = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+\.[^\s@,;<>]+")  # as template.yaml has it
ALARMS: Final = "alarms"  # what OpsTopic has, in the place of a destination
CONFIRM: Final = "testmo-notifier subscribe --confirm LINK"
EMAIL: Final = re.compile(r"email:[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription. `policy` is its filter: None where there is none, or where AWS does not tell it yet."""

    arn: str
    protocol: str
    endpoint: str
    is_confirmed: bool
    policy: Mapping[str, Any] | None = None
    is_protected: bool = False  # only this account can end it, not the link under a mail

    @property
    def destinations(self) -> Sequence[str] | None:
        """The destinations it gets; None is all of its channel."""
        found = (self.policy or {}).get("destination")
        return list(map(str, found)) if isinstance(found, list) else None

    def takes(self, channel: str, destination: str) -> bool:
        """Whether a message of ours reaches it."""
        policy = self.policy or {}
        wanted = {"channel": channel, "destination": destination}
        return self.is_confirmed and all(
            may_be(value, policy[name]) for name, value in wanted.items() if name in policy
        )


def listed(aws: Services, topic: str) -> list[Subscription]:
    """Every subscription of a topic."""
    found: list[Subscription] = []
    for page in aws.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
        for one in page["Subscriptions"]:
            arn = one["SubscriptionArn"]
            if not arn.startswith("arn:"):
                found.append(Subscription(arn, one["Protocol"], one["Endpoint"], is_confirmed=False))
                continue
            asked = aws.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
            policy = json.loads(asked["FilterPolicy"]) if asked.get("FilterPolicy") else None
            is_confirmed = asked.get("PendingConfirmation", "false") == "false"
            is_protected = asked.get("ConfirmationWasAuthenticated") == "true"
            found.append(Subscription(arn, one["Protocol"], one["Endpoint"], is_confirmed, policy, is_protected))
    return found


def subscribe(desk: Desk, destination: str, address: str) -> int:
    """Send a destination to a mailbox, too."""
    if destination != ALARMS and not EMAIL.fullmatch(destination):
        words = "give email:<name> as routes.toml names it, or alarms"
        raise WrongUsage(f"{destination!r} is no destination for mail: {words}")
    if not ADDRESS.fullmatch(address):
        raise WrongUsage(f"{address!r} is not one email address")
    account = desk.account
    topic = account.stack.outputs["OpsTopicArn"] if destination == ALARMS else account.stack.topic
    own = [s for s in listed(account, topic) if (s.protocol, s.endpoint) == ("email", address)]
    known = next(iter(own), None)
    if known and known.is_confirmed:
        status = "already" if destination == ALARMS else widen(account, known, destination)
        words = f"{address} gets {destination}"
        words += " already" if status == "already" else " from now on; it needs no new confirmation"
    else:
        ask(account, topic, destination, address)
        status = "pending"
        words = f"AWS has sent a mail to {address}: {destination} goes there once the link in it is confirmed"
        if account.endpoint:
            words += " (an emulator sends no mail and counts it as confirmed)"
    desk.out.verdict(words, is_ok=True)
    if status == "pending":
        desk.out.note(
            f"do not click it, copy it: {CONFIRM}; a click leaves it to anybody's mail scanner to end it again"
        )
    desk.answer({"ok": True, "status": status, "destination": destination, "address": address})
    return FINE


def confirm(desk: Desk, link: str) -> int:
    """Confirm a subscription in our own name: then only this account can end it.

    https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html
    """
    asked = parse_qs(urlsplit(link).query)
    topic, token = (asked.get(name, [""])[0] for name in ("TopicArn", "Token"))
    topics = (desk.account.stack.topic, desk.account.stack.outputs["OpsTopicArn"])
    if not topic or not token:
        raise WrongUsage("that is not the link of AWS's mail: copy the address of 'Confirm subscription', in quotes")
    if topic not in topics:
        raise WrongUsage(f"that link is about another topic ({topic}): name its stack with --stack-name")
    try:
        arn = desk.account.sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    except ClientError as exc:
        if not exc.response["Error"]["Code"].startswith(("InvalidParameter", "NotFound")):  # emulators add "Exception"
            raise
        raise NotDone(
            "AWS does not take that link (it is good for two days): subscribe again, then confirm the new mail's"
        ) from exc
    what = ALARMS if topic == topics[1] else "mail"
    desk.out.verdict(f"confirmed: {what} goes there, and only this AWS account can end it", is_ok=True)
    desk.answer({"ok": True, "status": "confirmed", "subscription": arn["SubscriptionArn"]})
    return FINE


def ask(account: Account, topic: str, destination: str, address: str) -> None:
    """Subscribe, or let AWS send its mail once more."""
    attributes = {}
    if destination != ALARMS:
        queue = account.stack.dead_letter_queues["subscription"]
        asked = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        attributes = {
            "FilterPolicyScope": "MessageAttributes",
            "FilterPolicy": json.dumps({"channel": ["email"], "destination": [destination]}),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": asked["QueueArn"]}),
        }
    try:
        account.sns.subscribe(
            TopicArn=topic, Protocol="email", Endpoint=address, Attributes=attributes, ReturnSubscriptionArn=True
        )
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "InvalidParameter" or "different attributes" not in str(exc):
            raise
        raise NotDone(
            f"{address} was asked to confirm another destination and has not: let it confirm, then run this again"
        ) from exc


def widen(account: Account, known: Subscription, destination: str) -> str:
    """Add a destination to what a mailbox gets: an address has one subscription of a topic, however many names.

    A filter of another form than ours is somebody's own, and to rewrite it could take from the mailbox what it gets.
    """
    if not is_ours(known.policy or {}):
        words = f"{known.endpoint} has a filter of somebody's own, {json.dumps(known.policy)}, which is left as it is"
        raise NotDone(f"{words}: add {destination} to it in SNS, or use another address")
    if known.takes("email", destination):
        return "already"
    policy = {**(known.policy or {}), "channel": ["email"], "destination": [*(known.destinations or []), destination]}
    account.sns.set_subscription_attributes(
        SubscriptionArn=known.arn, AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )
    return "added"


def is_ours(policy: Mapping[str, Any]) -> bool:
    """Whether a filter is one that this command makes, or none: mail alone, by the names of destinations."""
    names = policy.get("destination", [])
    plain = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return plain and policy.get("channel", ["email"]) == ["email"] and policy.keys() <= {"channel", "destination"}


def show(desk: Desk) -> int:
    """List who gets what by mail; wrong as long as somebody has not confirmed."""
    account = desk.account
    mail = [s for s in listed(account, account.stack.topic) if s.protocol == "email"]
    ops = [s for s in listed(account, account.stack.outputs["OpsTopicArn"]) if s.protocol == "email"]
    for subscription, what in [*((s, words(s)) for s in mail), *((s, "alarms of the notifier itself") for s in ops)]:
        state = "confirmed" if subscription.is_confirmed else "has not confirmed: AWS's mail may be in the spam folder"
        state += ", may be ended by a link" if subscription.is_confirmed and not subscription.is_protected else ""
        desk.out.verdict(f"{subscription.endpoint}  {what}  {state}", is_ok=subscription.is_confirmed)
    if not mail:
        desk.out.note("nobody gets mail: testmo-notifier subscribe email:default somebody@example.com")
    if not ops:
        desk.out.note("nobody gets alarms by mail: deploy with OpsEmailAddress")
    is_fine = all(subscription.is_confirmed for subscription in [*mail, *ops])
    told = [{"address": s.endpoint, "destinations": s.destinations, "confirmed": s.is_confirmed} for s in mail]
    alarms = [{"address": s.endpoint, "confirmed": s.is_confirmed} for s in ops]
    desk.answer({"ok": is_fine, "mail": told, "alarms": alarms})
    return FINE if is_fine else WRONG


def words(subscription: Subscription) -> str:
    """What a mailbox gets."""
    if subscription.policy is None and not subscription.is_confirmed:
        return "(AWS tells what it gets when it is confirmed)"
    return ", ".join(subscription.destinations or ["every mail"])
