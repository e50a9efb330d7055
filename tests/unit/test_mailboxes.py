"""What counts as a subscription (docs/runbook.md), by stubbed answers of SNS: an emulator confirms by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from testmo_notifier.adapters.mailboxes import Mailboxes
from testmo_notifier.errors import Unlisted
from testmo_notifier.model import Mailbox
from testmo_notifier.notices.matching import Matcher
from testmo_notifier.notices.routes import Route, Routes
from testmo_notifier.polling.mail import copied, is_anybody_told, mailboxes
from tests.support.fakes import FakeMailboxes

TOPIC, OPS = "arn:aws:sns:us-east-1:000000000000:topic", "arn:aws:sns:us-east-1:000000000000:ops"
ARN = f"{TOPIC}:11111111-2222-3333-4444-555555555555"
ADA = Mailbox("EmailAddress", "Ada@Example.com", TOPIC, "notifications")


@pytest.fixture
def sns() -> Any:  # noqa: ANN401 - boto3's client
    return boto3.client(
        "sns",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def stub(sns: Any) -> Iterator[Stubber]:  # noqa: ANN401 - the same
    with Stubber(sns) as stub:
        yield stub
        stub.assert_no_pending_responses()


def page(*subscribed: tuple[str, str, str], more: str = "") -> dict[str, Any]:
    found = [{"SubscriptionArn": arn, "Protocol": protocol, "Endpoint": at} for arn, protocol, at in subscribed]
    return {"Subscriptions": found, **({"NextToken": more} if more else {})}


@pytest.mark.parametrize(
    ("listed", "attributes", "is_lost"),
    [
        ([(ARN, "email", "ada@example.com")], {"PendingConfirmation": "false"}, False),  # however it is written
        ([(ARN, "email-json", "Ada@Example.com")], {}, False),
        ([(ARN, "email", "Ada@Example.com")], {"PendingConfirmation": "true"}, True),
        ([("PendingConfirmation", "email", "Ada@Example.com")], None, True),
        ([("Deleted", "email", "Ada@Example.com")], None, True),
        ([], None, True),
        ([(ARN, "email", "somebody.else@example.com")], None, True),
        ([(ARN, "sqs", "arn:aws:sqs:us-east-1:000000000000:slack")], None, True),
    ],
)
def test_only_a_confirmed_subscription_of_that_address_counts(
    sns: Any,  # noqa: ANN401 - boto3's client
    stub: Stubber,
    listed: list[tuple[str, str, str]],
    attributes: dict[str, str] | None,
    is_lost: bool,  # noqa: FBT001 - a column
) -> None:
    stub.add_response("list_subscriptions_by_topic", page(*listed), {"TopicArn": TOPIC})
    if attributes is not None:
        stub.add_response("get_subscription_attributes", {"Attributes": attributes}, {"SubscriptionArn": ARN})
    assert Mailboxes(sns, [ADA]).lost([]) == ({"EmailAddress"} if is_lost else set())


def test_a_topic_with_many_subscribers_is_read_to_its_end(sns: Any, stub: Stubber) -> None:  # noqa: ANN401 - the same
    others = [(f"{ARN}{n}", "email", f"{n}@example.com") for n in range(100)]
    stub.add_response("list_subscriptions_by_topic", page(*others, more="2"), {"TopicArn": TOPIC})
    stub.add_response(
        "list_subscriptions_by_topic", page((ARN, "email", ADA.address)), {"TopicArn": TOPIC, "NextToken": "2"}
    )
    stub.add_response("get_subscription_attributes", {"Attributes": {}}, {"SubscriptionArn": ARN})
    assert Mailboxes(sns, [ADA]).lost([]) == set()


def test_one_that_ends_between_the_two_questions_is_lost(sns: Any, stub: Stubber) -> None:  # noqa: ANN401 - the same
    stub.add_response("list_subscriptions_by_topic", page((ARN, "email", ADA.address)))
    stub.add_client_error("get_subscription_attributes", "NotFound")
    assert Mailboxes(sns, [ADA]).lost([]) == {"EmailAddress"}


def test_who_was_subscribed_to_a_topic_that_was_deleted_is_lost(sns: Any, stub: Stubber) -> None:  # noqa: ANN401 - the same
    """That of the alarms, say: it is then for the other address to tell somebody."""
    stub.add_client_error("list_subscriptions_by_topic", "NotFound", expected_params={"TopicArn": OPS})
    stub.add_response("list_subscriptions_by_topic", page((ARN, "email", ADA.address)), {"TopicArn": TOPIC})
    stub.add_response("get_subscription_attributes", {"Attributes": {}}, {"SubscriptionArn": ARN})
    of_alarms = Mailbox("OpsEmailAddress", "ops@example.com", OPS, "alarms")
    assert Mailboxes(sns, [of_alarms, ADA]).lost([]) == {"OpsEmailAddress"}


@pytest.mark.parametrize("code", ["AuthorizationError", "Throttled", "InternalError"])
def test_what_aws_does_not_tell_is_no_loss(sns: Any, stub: Stubber, code: str) -> None:  # noqa: ANN401 - the same
    stub.add_client_error("list_subscriptions_by_topic", code)
    with pytest.raises(Unlisted, match=f"AWS does not tell who is subscribed.*{code}"):
        Mailboxes(sns, [ADA]).lost([])


@pytest.mark.parametrize(
    ("email", "ops_email", "names"),
    [
        ("qa@example.com", "ops@example.com", [("EmailAddress", TOPIC), ("OpsEmailAddress", OPS)]),
        ("qa@example.com", "qa@example.com", [("EmailAddress", TOPIC), ("EmailAddress (for alarms)", OPS)]),
        ("", "ops@example.com", [("OpsEmailAddress", OPS)]),  # Slack, and mail for alarms
        ("", "", []),  # Slack alone
    ],
)
def test_each_address_belongs_to_the_topic_that_the_template_subscribes_it_to(
    email: str, ops_email: str, names: list[tuple[str, str]]
) -> None:
    found = mailboxes(email, ops_email, topic_arn=TOPIC, ops_topic_arn=OPS)
    assert [(box.name, box.topic_arn) for box in found] == names


@pytest.mark.parametrize(
    ("ops_email", "unsubscribed", "channels", "is_told"),
    [
        ("ops@example.com", 0, ("email", "event"), True),
        ("ops@example.com", 1, ("email", "event"), True),
        ("ops@example.com", 2, ("email", "event"), False),
        ("ops@example.com", 2, ("slack", "email", "event"), True),  # OpsTopic has Slack, too
        ("", 1, ("email", "event"), False),
    ],
)
def test_the_heartbeat_is_held_back_where_an_alarm_would_reach_nobody(
    ops_email: str,
    unsubscribed: int,
    channels: tuple[str, ...],
    is_told: bool,  # noqa: FBT001 - a column
) -> None:
    """The outside watch is then the last that can call somebody."""
    found = mailboxes("qa@example.com", ops_email, topic_arn=TOPIC, ops_topic_arn=OPS)
    assert is_anybody_told(found, unsubscribed, channels) is is_told


def test_a_function_that_was_told_no_addresses_keeps_its_heartbeat() -> None:
    assert is_anybody_told((), 0, ("email", "event"))


@pytest.mark.parametrize(
    ("protocol", "attributes", "is_heard"),
    [
        ("email", {}, True),  # of everything
        ("email", {"FilterPolicy": '{"channel": ["email"], "destination": ["email:qa", "email:default"]}'}, True),
        ("email", {"FilterPolicy": '{"channel": ["email"], "destination": ["email:default"]}'}, False),
        ("email", {"FilterPolicy": '{"channel": ["slack"]}'}, False),
        ("email", {"FilterPolicy": '{"destination": [{"prefix": "email:"}]}'}, True),  # nobody can say no
        ("email", {"FilterPolicy": "[]"}, True),
        ("email", {"PendingConfirmation": "true"}, False),
        ("https", {"FilterPolicy": '{"destination": ["email:qa"]}'}, True),  # somebody wants it by name
        ("sqs", {"FilterPolicy": '{"channel": ["email"]}'}, False),
        ("lambda", {}, False),
    ],
)
def test_a_routed_destination_is_heard_if_a_confirmed_subscription_takes_it(
    sns: Any,  # noqa: ANN401 - boto3's client
    stub: Stubber,
    protocol: str,
    attributes: dict[str, str],
    is_heard: bool,  # noqa: FBT001 - a column
) -> None:
    stub.add_response("list_subscriptions_by_topic", page((ARN, protocol, "somewhere")), {"TopicArn": TOPIC})
    stub.add_response("get_subscription_attributes", {"Attributes": attributes}, {"SubscriptionArn": ARN})

    lost = Mailboxes(sns, [], topic_arn=TOPIC).lost(["email:qa"])

    assert lost == (set() if is_heard else {"email:qa"})


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ((Route(("email:qa",), "qa", Matcher({"project": ("Shop",)})),), ("email:qa",)),
        ((Route(("email:qa",), "qa", Matcher({"project": ("Shop",)})), Route(("slack:all",), "all")), ()),
    ],
)
def test_nothing_is_kept_for_others_where_these_are_told_of_everything_anyway(
    routes: tuple[Route, ...], expected: tuple[str, ...]
) -> None:
    boxes = FakeMailboxes(routed=["email:qa"])

    assert copied(boxes, ("slack:all",), Routes(routes)) == expected
