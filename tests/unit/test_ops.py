"""The operating commands without a stack: what the emulator cannot show (re-driving, rule 18), and the manual."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    ProxyConnectionError,
    SSLError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from click.testing import CliRunner

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.adapters.queue import Queue
from testmo_notifier.adapters.topic import attributes as attributes_of
from testmo_notifier.channels.slack import SLACK
from testmo_notifier.errors import ConfigurationError, DestinationGone, NotifierError, Problem, Unpublished
from testmo_notifier.model import Attribute, Notification, QueuedMessage
from testmo_notifier.notices.routes import Route, Routes
from tests.support.fakes import FakeSlack, SlackAnswer
from tools.cli import main
from tools.lib.aws import Aws
from tools.maintain import manual
from tools.ops import check_routes, check_testmo, check_ways, logs, redrive, schedule, subscriptions, wiring
from tools.ops.account import Account, Stack, deploy_step
from tools.ops.advice import correct
from tools.ops.aws_errors import explain
from tools.ops.check_work import functions, period_of, trigger
from tools.ops.dead_letters import dead_letter
from tools.ops.doctor import examine
from tools.ops.exit_status import BUG, Desk, NotDone, WrongUsage, ending
from tools.ops.findings import bad
from tools.ops.subscriptions import Subscription
from tools.ops.times import Moment, age

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
        ({"destination": [{"prefix": "email:"}]}, True),  # nobody can say no, as the poller has it
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
        subscriptions.ask(account, TOPIC, "email:payments", "ada@example.com")


@pytest.mark.parametrize(
    "policy",
    [
        {"channel": ["email"], "destination": [{"prefix": "email:pay"}]},
        {"channel": ["email", "event"], "destination": ["email:default", "event"]},
        {"channel": ["email"], "status": ["Failed"]},  # it gets a part alone, so "already" would be wrong
    ],
)
def test_a_filter_of_somebodys_own_is_not_rewritten(policy: dict[str, Any]) -> None:
    """A prefix that became a text let nothing through any more."""
    known = Subscription("arn:x", "email", "ada@example.com", is_confirmed=True, policy=policy)
    with pytest.raises(
        NotDone, match=r"ada@example.com has a filter of somebody's own, .*: add email:ops to it in SNS"
    ):
        subscriptions.widen(account_with([]), known, "email:ops")


@pytest.mark.parametrize(
    ("others", "slack", "words"),
    [
        (["ops@example.com"], "slack:ops", ["alarms go to ops@example.com, slack:ops"]),
        (["ops@example.com"], "", ["alarms go to ops@example.com"]),
        ([], "slack:default", ["alarms go to slack:default", "what goes wrong with Slack itself is not watched"]),
        ([], "", ["nobody is told of alarms"]),
    ],
)
def test_alarms_about_slack_are_not_watched_where_nobody_but_slack_is_told(
    others: list[str], slack: str, words: list[str]
) -> None:
    findings = list(check_ways.alarms(others, slack))
    assert all(finding.words.startswith(one) for finding, one in zip(findings, words, strict=True))
    assert [finding.ok for finding in findings] == ["alarms go" in one for one in words]


@pytest.mark.parametrize(
    ("names", "destination"),
    [(["default", "ops"], "slack:ops"), (["a", "default"], "slack:default"), (["b", "a"], "slack:b"), ([], "")],
)
def test_doctor_knows_where_the_slack_function_sends_alarms(names: list[str], destination: str) -> None:
    assert check_ways.for_alarms(SLACK, names) == destination


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
    ("answer", "ok"),
    [
        (SlackAnswer(400, b"no_text"), True),
        (SlackAnswer(400, b"missing_text_or_fallback_or_attachments"), True),
        (SlackAnswer(200, b'{"ok":false,"error":"no_text"}'), True),
        (SlackAnswer(400, b"invalid_payload"), True),
        (SlackAnswer(200, b"ok"), True),
        (SlackAnswer(404, b"no_service"), False),
        (SlackAnswer(403, b"some_new_ban"), False),  # as good as dead: whatever it gets is parked
        (SlackAnswer(413, b""), False),
        (SlackAnswer(500, b"no_luck"), False),
    ],
)
def test_a_webhook_that_dislikes_an_empty_message_is_alive(slack: FakeSlack, answer: SlackAnswer, ok: bool) -> None:  # noqa: FBT001 - a row
    slack.always(answer)
    finding = check_ways.alive(new_pool(), SLACK, "slack:default", slack.webhook(), "arn:the-secret")
    assert finding.ok == ok
    assert bool(finding.next_step) == (not ok)


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError([Problem("one", "do this"), Problem("two", "do that")]),
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
    assert all(not finding.ok and finding.next_step for finding in findings)


def test_a_bug_is_not_a_finding() -> None:
    def check(_: Desk) -> list[Any]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        examine("Area", check, cast("Desk", None))
    assert not issubclass(ZeroDivisionError, NotifierError)


def letter(queue: str, *attributes: tuple[str, str, str]) -> Any:  # noqa: ANN401 - a dead letter
    given = {name: {"DataType": kind, "StringValue": value} for name, kind, value in attributes}
    message: Any = {"MessageId": "m", "ReceiptHandle": "h", "Body": '{"text": "x"}', "MessageAttributes": given}
    return dead_letter(queue, message)


TOLD = [("destination", "String", "slack:default"), ("id", "String", "n-1"), ("reason", "String.Array", '["again"]')]


def test_a_letter_keeps_the_notification_and_loses_why_it_was_parked() -> None:
    """SQS would count that as an eleventh attribute one day, and the next park would add its own."""
    parked, by_sns = ("parked_because", "String", "no_service"), ("ErrorMessage", "String", "no endpoint")

    for queue, why, reason in (("slack", parked, "no_service"), ("subscription", by_sns, "no endpoint")):
        one = letter(queue, *TOLD, why)
        assert (one.channel, one.reason) == ("slack", reason)
        assert [(name, *pair) for name, pair in one.attributes.items()] == TOLD


def test_what_a_version_before_1_7_parked_says_why_in_the_attribute_of_the_reasons() -> None:
    one = letter("slack", *TOLD[:2], ("reason", "String", "no_service"))

    assert one.reason == "no_service"
    assert list(one.attributes) == ["destination", "id"]


def test_a_letter_that_sqs_moved_itself_says_so_whatever_it_is_about() -> None:
    assert letter("slack", *TOLD).reason == "received too often (maxReceiveCount)"


def test_a_message_that_was_parked_and_re_driven_is_the_message_that_was_published() -> None:
    """Rule 18: a bot's would be posted beside its thread otherwise, and a silent one aloud."""
    published = attributes_of(
        Notification(
            id="n-1",
            destination="slack:default",
            channel="slack",
            subject="",
            message='{"text": "x"}',
            run_id=12,
            project_id=3,
            statuses=("Failed",),
            reasons=("again",),
            routes=("payments",),
            aside={"silent": True},
        )
    )
    calls: list[Any] = []
    sqs: Any = SimpleNamespace(send_message=lambda **call: calls.append(call["MessageAttributes"]))
    own = tuple(Attribute(name, one["DataType"], one["StringValue"]) for name, one in published.items())

    Queue(sqs, "queue", "dead").park(QueuedMessage("m", "h", 1, '{"text": "x"}', attributes=own), "account_inactive")
    parked: Any = {"MessageId": "m", "ReceiptHandle": "h", "Body": '{"text": "x"}', "MessageAttributes": calls[0]}

    assert redrive.attributes(dead_letter("slack", parked)) == published


@pytest.mark.parametrize("body", ["", "[]", "{}", json.dumps({"Type": "Notification"}), "[" * 100_000])
def test_a_letter_of_somebody_else_belongs_nowhere(body: str) -> None:
    message: Any = {"MessageId": "m", "ReceiptHandle": "h", "Body": body}
    assert dead_letter("subscription", message).channel == ""


def test_moments_are_utc_unless_they_say_otherwise() -> None:
    parse = Moment().convert
    assert parse("2026-11-23", None, None) == datetime(2026, 11, 23, tzinfo=UTC)
    assert parse("2026-11-23 10:00+01:00", None, None) == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert timedelta(hours=1, minutes=59) < datetime.now(UTC) - parse("2h", None, None) < timedelta(hours=2, minutes=1)
    for typed in ("last week", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "2026-12-31T23:59:60Z"):
        with pytest.raises(click.BadParameter, match="is no moment"):
            parse(typed, None, None)


def test_stretches_of_time_are_told_in_their_largest_unit() -> None:
    assert [age(timedelta(seconds=s)) for s in (-1, 59, 60, 7_200, 200_000)] == ["0 s", "59 s", "1 min", "2 h", "2 d"]


def test_only_a_rate_says_how_often() -> None:
    assert period_of("rate(1 minute)") == timedelta(minutes=1)
    assert period_of("rate(2 hours)") == timedelta(hours=2)
    assert period_of("cron(*/5 7-19 ? * MON-FRI *)") is None


def test_the_manual_says_what_help_says() -> None:
    assert manual.PAGE.read_text("utf-8") == manual.commands_page(), "run `make docs`"


def test_the_commands_wait_for_nothing_they_do_not_need() -> None:
    """`--help` imports neither AWS's clients nor the commands' own modules."""
    code = "import sys, tools.ops.commands; print(sorted(m for m in sys.modules if m.startswith(('boto', 'rich'))))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout.strip() == "[]"


# ----- What somebody who was woken up reads ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("ExpiredTokenException", "log in again"),
        ("InvalidClientTokenId", "log in again"),
        ("AccessDeniedException", "docs/commands.md lists the rights"),
        ("AuthorizationError", "docs/commands.md lists the rights"),  # SNS's word for it
        ("ResourceNotFoundException", "deleted by hand"),
        ("AWS.SimpleQueueService.NonExistentQueue", "deleted by hand"),
        ("ThrottlingException", "try again in a minute"),
        ("InternalError", "try again in a minute"),
    ],
)
def test_what_aws_refuses_is_told_with_the_step_that_helps(code: str, step: str) -> None:
    words, status = ending(ClientError({"Error": {"Code": code, "Message": "Said so."}}, "DescribeStacks"))
    assert status == 1
    assert words.startswith(f"AWS answers {code} to DescribeStacks (Said so): ")
    assert step in words


def test_who_cannot_be_reached_is_told_with_the_step_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = EndpointConnectionError(endpoint_url="https://cloudformation.eu-wset-1.amazonaws.com/")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert "check the Region (--region)" in explain(nobody)[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "is the emulator" in explain(nobody)[1]
    assert "log in again" in explain(TokenRetrievalError(provider="sso", error_msg="it has expired"))[1]


def test_dns_tls_and_proxy_are_told_apart_with_the_step_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    url = "https://sts.eu-wset-1.amazonaws.com/"
    unknown = EndpointConnectionError(endpoint_url=url, error=socket.gaierror(-2, "Name or service not known"))
    assert explain(unknown)[1] == "its name is not known here (DNS): check the Region (--region) and the network"
    assert "AWS_CA_BUNDLE=" in explain(SSLError(endpoint_url=url, error=OSError("certificate verify failed")))[1]
    words, step = explain(ProxyConnectionError(proxy_url="http://***:***@127.0.0.1:1"))
    assert "Failed to connect to proxy URL" in words
    assert step.startswith("correct HTTPS_PROXY (or HTTP_PROXY), unset it")


class Body:
    """Of an answer, as urllib3 hands it to botocore."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.content


STRANGERS = {
    "a page": (200, b"<html>Log in</html>"),
    "the page of a web server": (404, b"<html>nginx</html>"),
    "nothing": (200, b""),
    "JSON": (200, b"{}"),
    "words": (403, b"no"),
    "a redirect": (302, b""),
    "other XML": (200, b"<a/>"),
    "no text": (200, bytes(range(256))),
}


@pytest.mark.parametrize(("status", "content"), STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize(
    ("endpoint", "step"),
    [("http://127.0.0.1:9", "correct AWS_ENDPOINT_URL"), ("", "check the Region (--region) and whether the network")],
)
def test_what_is_not_aws_is_no_bug_of_ours(
    monkeypatch: pytest.MonkeyPatch, status: int, content: bytes, endpoint: str, step: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    account = Account(Aws.from_env("http://127.0.0.1:9", {}).session, "testmo-notifier")
    answer = AWSResponse("http://127.0.0.1:9", status, HTTPHeaders(), Body(content))
    events: Any = account.cloudformation.meta.events
    events.register("before-send.cloudformation", lambda **_: answer)
    with pytest.raises((ClientError, ResponseParserError)) as caught:
        _ = account.stack
    words, ended = ending(caught.value)
    assert ended == 1
    assert words.startswith(f"what answered is not AWS: another program, or the page of a proxy: {step}")


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "NotFound", "AWS.SimpleQueueService.NonExistentQueue"])
def test_for_a_part_that_was_deleted_by_hand_nobody_is_sent_to_sam_deploy(code: str) -> None:
    """CloudFormation compares templates, and an unchanged one is no change: https://github.com/aws/aws-cli/issues/2984."""
    _, step = explain(ClientError({"Error": {"Code": code, "Message": "it is not there"}}, "Publish"))
    assert "`sam deploy` does not notice" in step
    heading = re.search(r'docs/deploy\.md, "(.*)"', step)
    assert heading
    assert f"\n## {heading[1]}\n" in (ROOT / "docs" / "deploy.md").read_text("utf-8")


def test_a_slack_function_whose_queue_was_taken_away_by_hand_gets_it_back_in_the_same_way() -> None:
    none = SimpleNamespace(list_event_source_mappings=lambda **_: {"EventSourceMappings": []})
    (finding,) = trigger(cast("Account", SimpleNamespace(functions=none)), "slack")
    assert finding.words == "SlackFunction has lost its queue"
    assert "`sam deploy` does not notice" in finding.next_step


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    error = PermissionError(13, "Permission denied", str(tmp_path / "builds" / "new"))
    words, step = explain(error)
    assert words == f"{tmp_path} cannot be used (Permission denied)"
    assert step == "give it to this user, or work in a checkout of your own"


@pytest.mark.parametrize(
    ("flags", "environ", "region"),
    [
        ([], {"AWS_REGION": "eu-central-1"}, "eu-central-1"),
        ([], {"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ([], {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-central-1"),
        (["--region", "eu-north-1"], {"AWS_REGION": "eu-central-1"}, "eu-north-1"),
    ],
)
def test_the_region_is_that_of_the_flag_else_of_aws_region_else_the_default_one(
    flags: list[str], environ: dict[str, str], region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.ops.status.status", lambda desk: print(desk.account.where))  # noqa: T201
    given = {name: None for name in os.environ if name.startswith("AWS_")}
    done = CliRunner().invoke(main, ["status", *flags], env={**given, **environ})
    assert done.stdout == f"in {region} of this account\n"


@pytest.mark.parametrize(
    ("samconfig", "flags", "environ", "where"),
    [
        (
            'region = "eu-west-3"\nstack_name = "shop"',
            [],
            {},
            "shop in eu-west-3",
        ),  # as `sam deploy --guided` writes it
        ('region = "eu-west-3"', [], {}, "testmo-notifier in eu-west-3"),
        ('region = "eu-west-3"', [], {"AWS_DEFAULT_REGION": "eu-west-1"}, "testmo-notifier in eu-west-1"),
        ('region = "eu-west-3"', ["--region", "eu-north-1"], {}, "testmo-notifier in eu-north-1"),
        ('region = "eu-west-3"', ["--stack-name", "x"], {"AWS_REGION": "eu-west-1"}, "x in eu-west-1"),
        ('region = 7\nstack_name = ["a"]', [], {"AWS_REGION": "eu-west-1"}, "testmo-notifier in eu-west-1"),
    ],
)
@pytest.mark.parametrize("section", ["global", "deploy"])
def test_the_stack_is_the_one_that_sam_deploy_wrote_down(
    samconfig: str,
    flags: list[str],
    environ: dict[str, str],
    where: str,
    section: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "samconfig.toml").write_text(f"[default.{section}.parameters]\n{samconfig}\n")
    monkeypatch.setattr("tools.ops.account.ROOT", tmp_path)
    told = "tools.ops.status.status", lambda desk: print(f"{desk.account.stack_name} {desk.account.where}")  # noqa: T201
    monkeypatch.setattr(*told)
    given = {name: None for name in os.environ if name.startswith("AWS_")}
    done = CliRunner().invoke(main, ["status", *flags], env={**given, **environ})
    assert done.stdout == f"{where} of this account\n"


@pytest.mark.parametrize(
    "content", [b"[default.deploy.parameters\nstack_name = 'shop'\n", b"# \xfc\n", b"\xff\xfea\x00"]
)
def test_a_samconfig_that_cannot_be_understood_means_no_other_stack(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "samconfig.toml").write_bytes(content)
    monkeypatch.setattr("tools.ops.account.ROOT", tmp_path)
    done = CliRunner().invoke(main, ["status", "--region", "eu-west-1"], env={"AWS_ENDPOINT_URL": None})
    assert done.exit_code == 2
    assert done.stderr.startswith("✗ samconfig.toml cannot be read (")
    assert "correct it, or say which stack with --stack-name and --region" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("endpoint", ["4566", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://", "http://[::1"])
@pytest.mark.parametrize("command", ["doctor", "status", "pause", "redrive", "send-test", "dry-run"])
def test_an_endpoint_that_is_no_address_is_a_sentence(endpoint: str, command: str) -> None:
    done = CliRunner().invoke(main, [command, "--json"], env={"AWS_ENDPOINT_URL": endpoint})
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"].startswith("AWS_ENDPOINT_URL is no address: give an emulator's address")


def test_a_profile_is_refused_where_an_emulator_would_be_looked_at() -> None:
    done = CliRunner().invoke(main, ["doctor", "--profile", "prod"], env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert done.exit_code == 2
    assert "leave out one of them" in done.stderr


def test_no_region_and_no_credentials_are_sentences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for flags, words in (
        ([], "You must specify a region: give --profile and --region"),
        (["--region", "eu-central-1"], "Unable to locate credentials: give --profile and --region"),
        (["--region", "no where"], "doesn't match a supported format: give --profile and --region"),
        (["--profile", "nobody"], "(nobody) could not be found: give --profile and --region"),
    ):
        done = CliRunner().invoke(main, ["doctor", *flags])
        assert (done.exit_code, words in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[default\nregion", "Unable to parse config file"),
        (
            "[profile x]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nobody",
            'source_profile "nobody"',
        ),
        ("[profile x]\nsso_session = nobody", '"nobody" sso_session configuration does not exist'),
    ],
)
def test_a_configuration_of_aws_that_is_wrong_is_to_be_corrected(
    content: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(content)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    done = CliRunner().invoke(main, ["status", "--profile", "x", "--region", "eu-central-1"])
    assert (done.exit_code, words in done.stderr) == (2, True), done.stderr
    assert done.stderr.endswith(": correct it (~/.aws/config, or AWS_CONFIG_FILE)\n")


def test_keys_that_cannot_be_had_are_asked_for_again() -> None:
    words, status = ending(CredentialRetrievalError(provider="custom-process", error_msg=""))
    assert words.startswith("Error when retrieving credentials from custom-process: log in again")
    assert status == 1


def test_what_aws_said_below_an_error_of_ours_leads_to_the_step_that_helps() -> None:
    unpublished = Unpublished("SNS did not take a message for slack:default: no such topic")
    unpublished.__cause__ = ClientError({"Error": {"Code": "NotFound", "Message": "no such topic"}}, "Publish")
    words, status = ending(unpublished)
    assert words.startswith("SNS did not take a message for slack:default: no such topic: a part of the stack was")
    assert (status, ending(Unpublished("said"))) == (1, ("said", 1))


def test_ctrl_c_ends_a_command_on_a_stack_safely() -> None:
    assert ending(KeyboardInterrupt()) == ("stopped; it is safe to run it again", 130)


def test_a_profile_says_nothing_about_an_emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile theirs]\nregion = eu-west-3\nendpoint_url = http://127.0.0.1:1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for profile in ("theirs", "nobody"):
        monkeypatch.setenv("AWS_PROFILE", profile)
        aws = Aws("http://127.0.0.1:9", access_key_id=profile)  # sessions are kept, by their keys
        assert (aws.sqs.meta.region_name, aws.sqs.meta.endpoint_url) == ("us-east-1", "http://127.0.0.1:9")


def test_a_bug_is_a_line_to_report_and_quotes_nothing() -> None:
    def bug() -> None:
        raise KeyError("a-secret-of-ours")

    with pytest.raises(KeyError) as caught:
        bug()
    words, status = ending(caught.value)
    assert status == 1
    assert words.startswith(f"{BUG}: KeyError at tests/unit/test_ops.py:")
    assert "a-secret-of-ours" not in words


def test_every_wrong_setting_is_a_line_and_a_secret_comes_with_the_command_that_fixes_it() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:x-abcdef"
    in_secret = Problem(f"the secret {arn} is not a token", "store one", secret=arn)
    words, status = ending(ConfigurationError([in_secret, Problem("TIME_ZONE is 'Mars'", "give another")]))
    assert status == 2
    first, second = words.splitlines()
    assert f"put-secret-value --secret-id {arn} --secret-string file:///dev/stdin; unset SECRET" in first
    assert first.startswith(f"the secret {arn} is not a token: store one; no deploy is needed: ")
    assert second == "TIME_ZONE is 'Mars': give another"
    assert correct(Problem(f"the secret {arn} cannot be read", "look")) == "look", "nobody knows that it is wrong"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("CREATE_COMPLETE", ""),
        ("REVIEW_IN_PROGRESS", "its first deploy was prepared and not carried out: sam build && sam deploy"),
        ("UPDATE_IN_PROGRESS", "look again when that is over"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "look again when that is over"),
        ("ROLLBACK_COMPLETE", "delete the stack, then deploy again"),
        ("UPDATE_ROLLBACK_COMPLETE", "the version before it runs"),
        ("UPDATE_ROLLBACK_FAILED", "describe-stack-events --stack-name ours"),
    ],
)
def test_a_half_deployed_stack_says_what_to_do(status: str, words: str) -> None:
    assert words in deploy_step("ours", status)
    assert bool(words) == bool(deploy_step("ours", status))


@pytest.mark.parametrize(
    ("routed", "channels", "wrong"),
    [
        (("slack:default", "email:default"), ("slack", "email", "event"), None),
        (("slack:default", "email:default"), ("slack", "event"), None),  # the default routes on a stack without mail
        (("slack:default",), ("email", "event"), "routes reach nobody: routes.toml names slack:default"),
        (("email:qa",), ("slack", "event"), "routes reach nobody: routes.toml names email:qa"),
        (("slack:default",), ("slack", "email", "event"), "this stack has email, and no route names a destination"),
    ],
)
def test_routes_that_reach_nobody_are_found(
    routed: tuple[str, ...], channels: tuple[str, ...], wrong: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "routes", lambda: Routes((Route(routed),)))
    desk = SimpleNamespace(account=SimpleNamespace(settings=SimpleNamespace(channels=channels)))
    findings = [finding for finding in check_routes.routes(cast("Desk", desk)) if not finding.ok]
    assert [finding.words.startswith(wrong or "") for finding in findings] == ([True] if wrong else [])
    assert all("routes.toml" in finding.next_step and "deploy" in finding.next_step for finding in findings)


MAIL = Subscription("arn:x", "email", "qa@example.com", is_confirmed=True, policy={"destination": ["email:qa"]})


@pytest.mark.parametrize(
    ("route", "channels", "wrong"),
    [
        (Route(("slack:payments",), "payments"), ("slack", "email"), ""),
        (Route(("slack:payments", "slack:gone"), "payments"), ("slack", "email"), ""),  # one of two is enough
        (Route(("email:qa",), "qa"), ("slack", "email"), ""),
        (Route(("event:news",), "programs"), ("slack", "email"), ""),
        (
            Route(("slack:gone",), "payments"),
            ("slack", "email"),
            "route 'payments' reaches nobody (slack:gone: no webhook of that name in the secret)",
        ),
        (
            Route(("email:boss",), "route 2"),
            ("slack", "email"),
            "route 2 reaches nobody (email:boss: no confirmed subscription)",
        ),
        (
            Route(("slack:gone", "email:qa"), "both"),
            ("slack",),
            (
                "route 'both' reaches nobody (slack:gone: no webhook of that name in the secret; "
                "email:qa: this stack has no email)"
            ),
        ),
    ],
)
def test_a_route_that_reaches_nobody_is_found_though_others_do(
    route: Route, channels: tuple[str, ...], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = Routes((Route(("slack:default",), "the rest", catch_all=True), route))
    monkeypatch.setattr(wiring, "routes", lambda: routes)
    monkeypatch.setattr(subscriptions, "listed", lambda *_: [MAIL])
    account = SimpleNamespace(
        settings=SimpleNamespace(channels=channels),
        stack=SimpleNamespace(topic=TOPIC),
        addresses=lambda _: {"default": "url", "payments": "url"},
        secret_arn=lambda _: "arn:slack",
    )
    findings = list(check_routes.each_route(cast("Desk", SimpleNamespace(account=account))))
    assert [finding.words for finding in findings] == ([wrong] if wrong else [])
    assert all("routes.toml and deploy" in finding.next_step for finding in findings)


def test_a_secret_that_cannot_be_used_says_nothing_about_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with it is a finding of its own."""

    def addresses(_: object) -> dict[str, str]:
        raise ConfigurationError([Problem("the secret is no JSON", "store some")])

    monkeypatch.setattr(subscriptions, "listed", lambda *_: [])
    account = SimpleNamespace(settings=SimpleNamespace(channels=("slack",)), addresses=addresses)
    assert check_routes.lacking(cast("Account", account), "slack:payments", []) is None


def said(*lines: dict[str, Any]) -> list[logs.Line]:
    return [(datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=n), line) for n, line in enumerate(lines)]


def desk_with(function: dict[str, str], trigger: str) -> Desk:
    """A stack whose functions say this of themselves, and whose queue has a trigger in this state."""
    environment = {
        "TESTMO_URL": "https://example.testmo.net", "TESTMO_SECRET_ARN": "arn:testmo", "TABLE_NAME": "state",
        "TOPIC_ARN": "arn:topic", "CHANNELS": "slack", "SLACK_SECRET_ARN": "arn:slack", "QUEUE_URL": "url",
        "DEAD_LETTER_QUEUE_URL": "dead",
    }  # fmt: skip
    lambdas = SimpleNamespace(
        get_function_configuration=lambda **_: {**function, "Environment": {"Variables": environment}},
        list_event_source_mappings=lambda **_: {"EventSourceMappings": [{"UUID": "1b2c", "State": trigger}]},
        get_function_concurrency=lambda **_: {},
    )
    stack = SimpleNamespace(poller="poller", slack_function="slack")
    return cast("Desk", SimpleNamespace(account=SimpleNamespace(functions=lambdas, stack=stack)))


@pytest.mark.parametrize(
    ("function", "trigger", "ok", "said"),
    [
        ({"State": "Active", "LastUpdateStatus": "Successful"}, "Enabled", True, ""),
        ({}, "Enabled", True, ""),  # an emulator that does not say
        ({"State": "Inactive"}, "Enabled", True, ""),
        ({"State": "Pending", "StateReason": "The function is being created."}, "Enabled", True, "at work"),
        ({"State": "Active", "LastUpdateStatus": "InProgress"}, "Enabled", True, "at work"),
        ({"State": "Active"}, "Creating", True, "at work"),
        ({"State": "Active"}, "Updating", True, "at work"),
        ({"State": "Failed", "LastUpdateStatus": "InProgress"}, "Enabled", False, "it is Failed"),
        ({"State": "Pending", "LastUpdateStatus": "Failed"}, "Enabled", False, "its last update Failed"),
        ({"State": "Active"}, "Disabled", False, "not fed by its queue"),
        ({"State": "Active"}, "Disabling", False, "not fed by its queue"),
    ],
)
def test_what_aws_is_still_at_work_on_is_nothing_wrong_and_the_advice_is_to_wait(
    function: dict[str, str],
    trigger: str,
    ok: bool,  # noqa: FBT001 - a row
    said: str,
) -> None:
    found = list(functions(desk_with(function, trigger)))

    assert all(one.ok for one in found) is ok
    assert any(said in one.words for one in found)
    assert any("wait a minute" in one.next_step for one in found) is (said == "at work")


def test_the_last_poll_is_the_last_one_that_says_something() -> None:
    fine = {"message": "poll", "status": "ok", "problems": []}
    busy = {"message": "poll", "status": "busy", "problems": ["another poller is at work"]}
    failed = {"message": "poll failed", "words": "Testmo refuses the token", "reason": "token"}
    bug = {"message": "poll failed", "error": "KeyError", "where": ["app.py:1 handler", "items.py:103 checkpoint_from"]}

    def last(*lines: dict[str, Any]) -> tuple[str, tuple[str, ...]] | None:
        found = logs.last_poll(said(*lines))
        return (found.failure, found.problems) if found else None

    assert last() is None
    assert last(failed, fine, busy) == ("", ())
    assert last(fine, failed) == ("Testmo refuses the token", ())
    assert last(fine, bug) == ("KeyError at items.py:103 checkpoint_from", ())
    assert last({**fine, "problems": ["run 7 is gone"]}) == ("", ("run 7 is gone",))


@pytest.mark.parametrize(
    ("more", "is_wrong"),
    [
        ({}, False),  # that a run was deleted, say
        ({"status": "partial"}, True),
        ({"invisible": 1}, True),
        ({"settings_problems": 1}, True),
        ({"template_errors": 1}, True),
        ({"malformed": 1, "invisible": 0}, True),
        ({"unsubscribed": 1}, False),  # doctor looks at the addresses itself: they may be subscribed again
    ],
)
def test_what_a_poll_said_is_something_to_fix_only_where_it_counts_as_that(
    more: dict[str, Any],
    is_wrong: bool,  # noqa: FBT001 - a column
) -> None:
    found = logs.last_poll(said({"message": "poll", "status": "ok", "problems": ["words"], **more}))
    assert found is not None
    assert found.is_wrong is is_wrong


REPORT = "platform.report"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ({"level": "ERROR", "errorType": "Runtime.ImportModuleError"}, "Runtime.ImportModuleError"),
        ({"type": REPORT, "record": {"status": "timeout", "requestId": "r"}}, "Task timed out"),
        ({"type": REPORT, "record": {"status": "error", "errorType": "Runtime.ExitError"}}, "Runtime.ExitError"),
        ({"type": REPORT, "record": {"status": "success"}}, ""),
        ({"level": "INFO", "message": "delivered", "end": "delivered"}, ""),
    ],
)
def test_an_invocation_that_lambda_ended_is_found_until_one_ends_well(line: dict[str, Any], kind: str) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html, and the runtime's own lines."""
    found = logs.last_crash(said({"message": "poll"}, line))
    assert (found.kind if found else "") == kind
    assert logs.last_crash(said(line, {"message": "poll"})) is None
    assert logs.last_crash(said(line, {"message": "delivered", "end": "delivered"})) is None


# ----- Subscriptions that nobody's mail scanner can end --------------------------------------------------------

OPS_TOPIC = "arn:aws:sns:us-east-1:000000000000:ops"
LINK = f"https://sns.us-east-1.amazonaws.com/confirmation.html?TopicArn={TOPIC}&Token=2336ab&Endpoint=ada@example.com"


class SubscribingDesk:
    """A desk at a stack with two topics, which keeps what SNS was asked and what was said."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.asked: list[dict[str, str]] = []
        self.said: list[str] = []
        said = lambda words, **_: self.said.append(words)  # noqa: E731 - a line
        sns = SimpleNamespace(
            confirm_subscription=self.confirm, get_paginator=lambda _: SimpleNamespace(paginate=self.none)
        )
        sns.subscribe = self.confirm
        stack = SimpleNamespace(topic=TOPIC, outputs={"OpsTopicArn": OPS_TOPIC})
        self.account = SimpleNamespace(sns=sns, stack=stack, endpoint=None)
        self.out = SimpleNamespace(verdict=said, note=said)
        self.answer = lambda _: None

    def none(self, **_: str) -> list[dict[str, list[str]]]:
        return [{"Subscriptions": []}]

    def confirm(self, **asked: str) -> dict[str, str]:
        self.asked.append(asked)
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": "no"}}, "ConfirmSubscription")
        return {"SubscriptionArn": f"{TOPIC}:1"}


def test_a_subscription_is_confirmed_so_that_only_this_account_can_end_it() -> None:
    desk = SubscribingDesk()
    assert subscriptions.confirm(cast("Desk", desk), LINK) == 0
    assert desk.asked == [{"TopicArn": TOPIC, "Token": "2336ab", "AuthenticateOnUnsubscribe": "true"}]
    assert desk.said == ["confirmed: mail goes there, and only this AWS account can end it"]


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("https://example.com", "not the link of AWS's mail"),
        ("", "not the link of AWS's mail"),
        (LINK.replace(":topic", ":other"), "another topic"),
    ],
)
def test_another_link_is_refused_before_aws_is_asked(link: str, words: str) -> None:
    desk = SubscribingDesk()
    with pytest.raises(WrongUsage, match=words):
        subscriptions.confirm(cast("Desk", desk), link)
    assert desk.asked == []


def test_a_link_that_is_too_old_says_what_to_do() -> None:
    with pytest.raises(NotDone, match="subscribe again, then confirm the new mail's"):
        subscriptions.confirm(cast("Desk", SubscribingDesk("InvalidParameter")), LINK)


def test_alarms_go_to_another_address_too() -> None:
    desk = SubscribingDesk()
    assert subscriptions.subscribe(cast("Desk", desk), "alarms", "ada@example.com") == 0
    assert [(asked["TopicArn"], asked["Endpoint"]) for asked in desk.asked] == [(OPS_TOPIC, "ada@example.com")]
    assert "do not click it, copy it" in desk.said[1]


@pytest.mark.parametrize(
    ("parameters", "mail", "ops", "words"),
    [
        ({"EmailAddress": "qa@example.com"}, ["QA@example.com"], ["qa@example.com"], []),
        (
            {"EmailAddress": "qa@example.com"},
            [],
            ["qa@example.com"],
            ["EmailAddress (qa@example.com) is not subscribed"],
        ),
        (
            {"EmailAddress": "qa@example.com", "OpsEmailAddress": "ops@example.com"},
            ["qa@example.com"],
            ["qa@example.com"],
            ["OpsEmailAddress (ops@example.com) is not subscribed"],
        ),
        (
            {"EmailAddress": "qa@example.com"},
            ["qa@example.com"],
            [],
            ["EmailAddress (qa@example.com) is not subscribed"],
        ),
        ({}, [], [], []),
    ],
)
def test_doctor_names_an_address_whose_subscription_has_ended(
    parameters: dict[str, str], mail: list[str], ops: list[str], words: list[str]
) -> None:
    account = cast("Account", SimpleNamespace(stack=SimpleNamespace(parameters=parameters)))
    subscribed = [[Subscription("arn:x", "email", at, is_confirmed=True) for at in found] for found in (mail, ops)]
    findings = list(check_ways.ended(account, *subscribed))
    assert [finding.words.partition(" any more")[0] for finding in findings] == words
    assert all("testmo-notifier subscribe" in finding.next_step and not finding.ok for finding in findings)


@pytest.mark.parametrize(
    ("zone", "words"),
    [("Europe/Berlin", "cron(0 9 ? * MON-FRI *) in Europe/Berlin"), ("UTC", "cron(0 9 ? * MON-FRI *)")],
)
def test_working_hours_are_told_with_their_time_zone(zone: str, words: str) -> None:
    planned = {"ScheduleExpression": "cron(0 9 ? * MON-FRI *)", "ScheduleExpressionTimezone": zone}
    assert schedule.timing(planned) == words


@pytest.mark.parametrize(
    ("physical", "group"),
    [
        ({schedule.SCHEDULE: {"PollerFunctionPolls": "polls"}, schedule.GROUP: {"ScheduleGroup": "ours"}}, "ours"),
        ({schedule.SCHEDULE: {"PollerFunctionPolls": "ours|polls"}, schedule.GROUP: {"ScheduleGroup": "ours"}}, "ours"),
        ({schedule.SCHEDULE: {"PollerFunctionPoll": "polls"}}, "default"),  # as version 1.0 made it
    ],
)
def test_the_schedule_is_found_in_the_group_of_its_version(physical: dict[str, dict[str, str]], group: str) -> None:
    asked: list[dict[str, str]] = []

    def get_schedule(**found: str) -> dict[str, str]:
        asked.append(found)
        return {}

    stack = Stack("s", "UPDATE_COMPLETE", {}, {}, physical)
    account = SimpleNamespace(stack=stack, scheduler=SimpleNamespace(get_schedule=get_schedule))
    schedule.read(cast("Account", account))
    assert asked == [{"Name": "polls", "GroupName": group}]


def test_programs_find_the_next_step_under_its_old_name_too() -> None:
    assert bad("Mail", "nobody reads it", "subscribe somebody").as_json() == {
        "area": "Mail",
        "ok": False,
        "words": "nobody reads it",
        "next_step": "subscribe somebody",
        "mend": "subscribe somebody",
    }
