"""The operating commands, where no stack is needed: what the emulator cannot show, and the manual."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest
from botocore.exceptions import ClientError

from testmo_notifier.errors import ConfigurationError, DestinationGone, NotifierError
from tools.ops import check_testmo, manual, subscriptions
from tools.ops.account import Account
from tools.ops.check_work import period_of
from tools.ops.conduct import Desk, NotDone
from tools.ops.doctor import examine
from tools.ops.letters import letter
from tools.ops.moments import Moment, age
from tools.ops.subscriptions import Subscription

ROOT = Path(__file__).parents[2]
TOPIC = "arn:aws:sns:us-east-1:000000000000:topic"


def account_with(subscribed: list[dict[str, str]], *, error: Exception | None = None) -> Any:  # noqa: ANN401 - a stub
    """An account whose topic has these subscriptions. The emulator confirms by itself; AWS waits for a click."""

    def subscribe(**_: object) -> None:
        if error:
            raise error

    pages = SimpleNamespace(paginate=lambda **_: [{"Subscriptions": subscribed}])
    queue = {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:dead"}}
    return SimpleNamespace(
        endpoint=None,
        sns=SimpleNamespace(get_paginator=lambda _: pages, subscribe=subscribe),
        sqs=SimpleNamespace(get_queue_attributes=lambda **_: queue),
        stack=SimpleNamespace(topic=TOPIC, dead_letter_queues={"subscription": "url"}),
    )


def test_who_has_not_confirmed_gets_nothing() -> None:
    pending = {"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": "ada@example.com"}
    (found,) = subscriptions.listed(account_with([pending]), TOPIC)
    assert found == Subscription("PendingConfirmation", "email", "ada@example.com", is_confirmed=False)
    assert not found.takes("email", "email:default")


@pytest.mark.parametrize(
    ("policy", "takes"),
    [
        (None, True),  # no filter: everything
        ({"channel": ["email"]}, True),
        ({"channel": ["email"], "destination": ["email:default"]}, True),
        ({"channel": ["email"], "destination": ["email:payments"]}, False),
        ({"channel": ["event"]}, False),
    ],
)
def test_a_mailbox_takes_what_its_filter_lets_through(policy: dict[str, Any] | None, takes: bool) -> None:  # noqa: FBT001
    assert (
        Subscription("arn:x", "email", "a@example.com", is_confirmed=True, policy=policy).takes(
            "email", "email:default"
        )
        is takes
    )


def test_a_second_destination_waits_until_the_first_is_confirmed() -> None:
    """AWS refuses other attributes for an address that has not confirmed."""
    refused = {
        "Error": {"Code": "InvalidParameter", "Message": "Subscription already exists with different attributes"}
    }
    account = account_with([], error=ClientError(refused, "Subscribe"))  # type: ignore[arg-type]  # the part that is read
    with pytest.raises(NotDone, match="let it confirm, then run this again"):
        subscriptions.ask(account, "email:payments", "ada@example.com")


@pytest.mark.parametrize(("minutes", "ok", "words"), [(0, True, "0 s"), (5, False, "300 s ahead of ours")])
def test_clocks_are_compared_with_aws_and_not_with_this_machine(*, minutes: int, ok: bool, words: str) -> None:
    theirs = datetime(2020, 1, 1, tzinfo=UTC)  # this machine's clock is years ahead
    headers = {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(theirs, usegmt=True)}}}
    account = SimpleNamespace(
        sns=SimpleNamespace(get_topic_attributes=lambda **_: headers), stack=SimpleNamespace(topic=TOPIC)
    )
    (finding,) = check_testmo.clocks(cast("Account", account), theirs + timedelta(minutes=minutes))
    assert finding.ok is ok
    assert words in finding.words


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError(["one", "two"]),
        NotDone("no schedule"),
        DestinationGone("gone", reason="no_service"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan"),
        OSError("no network"),
    ],
)
def test_what_keeps_a_check_from_looking_is_a_finding(error: Exception) -> None:
    def check(_: Desk) -> list[Any]:
        raise error

    findings = examine("Area", check, cast("Desk", None))
    assert findings
    assert all(not finding.ok and finding.mend for finding in findings)


def test_a_bug_is_not_a_finding() -> None:
    def check(_: Desk) -> list[Any]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        examine("Area", check, cast("Desk", None))
    assert not issubclass(ZeroDivisionError, NotifierError)


def test_a_letter_keeps_the_notification_and_loses_its_reason() -> None:
    """SQS would count the reason as an eleventh attribute one day, and the next park would add its own."""
    given = {"destination": "slack:default", "id": "n-1", "status": '["Failed"]', "reason": "no_service", "other": "x"}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in given.items()}
    message: Any = {"MessageId": "m", "ReceiptHandle": "h", "Body": '{"text": "x"}', "MessageAttributes": attributes}
    one = letter("slack", message)
    assert (one.channel, one.reason) == ("slack", "no_service")
    assert list(one.attributes) == ["destination", "id", "status"]


@pytest.mark.parametrize("body", ["", "[]", "{}", json.dumps({"Type": "Notification"}), "[" * 100_000])
def test_a_letter_of_somebody_else_belongs_nowhere(body: str) -> None:
    message: Any = {"MessageId": "m", "ReceiptHandle": "h", "Body": body}
    assert letter("subscription", message).channel == ""


def test_moments_are_utc_unless_they_say_otherwise() -> None:
    parse = Moment().convert
    assert parse("2026-11-23", None, None) == datetime(2026, 11, 23, tzinfo=UTC)
    assert parse("2026-11-23 10:00+01:00", None, None) == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert timedelta(hours=1, minutes=59) < datetime.now(UTC) - parse("2h", None, None) < timedelta(hours=2, minutes=1)
    with pytest.raises(click.BadParameter, match="is no moment"):
        parse("last week", None, None)


def test_stretches_of_time_are_told_in_their_largest_unit() -> None:
    assert [age(s) for s in (-1, 59, 60, 7_200, 200_000)] == ["0 s", "59 s", "1 min", "2 h", "2 d"]


def test_only_a_rate_says_how_often() -> None:
    assert period_of("rate(1 minute)") == timedelta(minutes=1)
    assert period_of("rate(2 hours)") == timedelta(hours=2)
    assert period_of("cron(*/5 7-19 ? * MON-FRI *)") is None


def test_the_manual_says_what_help_says() -> None:
    text = manual.PAGE.read_text("utf-8")
    assert manual.renewed(text) == text, "run: .venv/bin/python -m tools.ops.manual"


def test_the_commands_wait_for_nothing_they_do_not_need() -> None:
    """`--help` imports neither AWS's clients nor the commands' own modules."""
    code = "import sys, tools.ops.commands; print(sorted(m for m in sys.modules if m.startswith(('boto', 'rich'))))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout.strip() == "[]"
