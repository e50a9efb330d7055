"""`doctor`: says what is wrong and how to fix it, and nothing when nothing is."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from testmo_notifier.adapters import items
from testmo_notifier.version import VERSION
from tests.support.factories import START, make_checkpoint, make_outgoing
from tools.ops import records, schedule
from tools.ops.advice import CORRECT_THEM

from .conftest import GONE, NAME, NO_TEXT, Operated


def wrong(operated: Operated) -> list[dict[str, Any]]:
    """What it finds wrong; every finding has its next step."""
    said = operated.command("doctor", "--json")
    findings = [finding for finding in said.json["findings"] if not finding["ok"]]
    assert said.status == (1 if findings else 0)
    assert all(finding["next_step"] for finding in findings)
    return findings


def test_on_a_healthy_stack_all_is_well(operated: Operated) -> None:
    operated.slack.answer(NO_TEXT)

    said = operated.command("doctor")

    assert said.status == 0, said
    assert f"✓ Stack: it runs version {VERSION}\n" in said.out
    assert "the webhook of slack:default is alive" in said.out
    assert "1 of 1 visible projects are watched: Shop" in said.out
    assert "email:default goes to qa@example.com" in said.out
    assert f"{NAME}: all is well" in said.out
    assert "✗" not in said.out
    assert operated.slack.posts[0].body == b"{}", "nothing that anybody could see"


def test_a_refused_token(operated: Operated) -> None:
    operated.simulator.faults.add("401", times=None)

    (finding,) = wrong(operated)

    assert finding["area"] == "Testmo"
    assert "make a new API token" in finding["next_step"]


def test_a_testmo_that_asks_for_a_pause(operated: Operated) -> None:
    operated.simulator.faults.add("429", retry_after=60, times=None)

    (finding,) = wrong(operated)

    assert "429" in finding["words"]


def test_a_hidden_project(operated: Operated) -> None:
    operated.world.hide_project(operated.shop)

    found = [finding["words"] for finding in wrong(operated)]

    assert "no project is watched" in found
    assert f"project {operated.shop.id} of ProjectIds is not visible to the token's user" in found


@pytest.mark.parametrize("webhook", ["default", "payments"])
def test_a_dead_webhook(operated: Operated, webhook: str) -> None:
    operated.slack.always(GONE, webhook=webhook)

    (finding,) = wrong(operated)

    assert f"the webhook of slack:{webhook}: Slack answered 404 (no_service)" in finding["words"]
    assert "make a new incoming webhook" in finding["next_step"]


def test_dead_letters(operated: Operated) -> None:
    operated.park_one()
    operated.slack.always(NO_TEXT)

    (finding,) = wrong(operated)

    assert "1 dead letter (slack), slack:default: no_service" in finding["words"]
    assert "redrive --queue slack --yes" in finding["next_step"]
    assert operated.depth(operated.dead("Slack")) == 1, "it only looked"


def test_a_secret_that_is_no_token(operated: Operated) -> None:
    secrets = operated.aws.secrets
    arn = operated.aws.functions.get_function_configuration(FunctionName=operated.stack.poller)["Environment"][
        "Variables"
    ]["TESTMO_SECRET_ARN"]
    secrets.put_secret_value(SecretId=arn, SecretString='{"tokn": "wrong name"}')
    try:
        (finding,) = wrong(operated)
    finally:
        secrets.put_secret_value(SecretId=arn, SecretString=operated.simulator.token)

    assert "is not a Testmo token" in finding["words"]
    assert "wrong name" not in finding["words"]


def test_one_wrong_webhook_among_good_ones(operated: Operated) -> None:
    webhooks = json.loads(operated.secrets["SlackSecretArn"])
    operated.store("SlackSecretArn", json.dumps({**webhooks, "checkout": "https://example.com/hook"}))

    (finding,) = wrong(operated)

    assert "slack:checkout is not an address of Slack's webhook host" in finding["words"]
    assert "the others are not held up" in finding["words"]
    assert operated.parameters["SlackSecretArn"] in finding["next_step"]
    assert operated.command("send-test", "--direct").status == 0


@pytest.mark.parametrize("sort_key", ["CHECKPOINT", "SENT#1"])
def test_an_item_of_the_table_that_nobody_understands(operated: Operated, sort_key: str) -> None:
    key: Any = {"pk": {"S": "RUN#4712"}, "sk": {"S": sort_key}}
    client = operated.account.dynamodb
    client.put_item(TableName=operated.stack.table, Item={**key, "at": {"S": "rubbish"}})
    try:
        findings = wrong(operated)
        status = operated.command("status")
        told = [operated.command("deliveries", *words) for words in (["--run", "4712"], ["--since", "1h"])]
    finally:
        client.delete_item(TableName=operated.stack.table, Key=key)

    assert status.status == 0
    if sort_key == "CHECKPOINT":
        (finding,) = findings
        assert "the item RUN#4712 / CHECKPOINT of " in finding["words"]
        assert "delete the item" in finding["next_step"]
        assert "the item RUN#4712 / CHECKPOINT cannot be understood (TypeError)" in status.out
    else:
        assert findings == []
        assert all("the item RUN#4712 / SENT#1 cannot be understood (ValueError)" in one.err for one in told)


def test_a_wrong_file_that_is_deployed(operated: Operated) -> None:
    operated.poll()
    said = "routes.toml:3: route 1 has after = 0; until this is corrected and deployed, everything goes to slack:a"
    operated.account.dynamodb.update_item(
        TableName=operated.stack.table,
        Key=items.CONTROL_KEY,
        UpdateExpression="SET wrong_files = :said",
        ExpressionAttributeValues={":said": {"S": json.dumps([said])}},
    )
    (finding,) = wrong(operated)
    status, machines = operated.command("status"), operated.command("status", "--json")
    operated.poll()

    assert (finding["words"], finding["next_step"]) == (said, CORRECT_THEM)
    assert f"  ! {said}\n" in status.out
    assert f"→ {CORRECT_THEM}\n" in status.out
    assert machines.json["wrong_files"] == [said]
    assert operated.command("status", "--json").json["wrong_files"] == [], "the files of this stack are right"


def test_a_mailbox_that_is_gone(operated: Operated) -> None:
    found = operated.aws.sns.list_subscriptions_by_topic(TopicArn=operated.stack.topic_arn)["Subscriptions"]
    (mail,) = [one for one in found if one["Endpoint"] == "qa@example.com"]
    operated.aws.sns.unsubscribe(SubscriptionArn=mail["SubscriptionArn"])
    try:
        findings = wrong(operated)
    finally:
        subscribed = operated.command("subscribe", "email:default", "qa@example.com")

    (finding,) = findings  # one cause, said once
    assert finding["words"] == "EmailAddress (qa@example.com) is not subscribed any more and gets no notifications"
    assert "testmo-notifier subscribe email:default qa@example.com" in finding["next_step"]
    assert subscribed.status == 0, "the step it names"
    assert wrong(operated) == []


def test_a_schedule_that_was_paused_and_forgotten(operated: Operated) -> None:
    polled_an_hour_ago(operated)

    (finding,) = wrong(operated)
    assert "the schedule is disabled (rate(1 minute)); the last poll was 1 h ago" in finding["words"]
    assert "testmo-notifier resume" in finding["next_step"]


def test_a_schedule_that_is_on_and_polls_nothing(operated: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is only said to be on: the emulator would poll at once."""
    polled_an_hour_ago(operated)
    monkeypatch.setattr(schedule, "read", lambda _: {"State": "ENABLED", "ScheduleExpression": "rate(1 minute)"})

    (finding,) = wrong(operated)

    assert "the schedule is enabled (rate(1 minute)); the last poll was 1 h ago" in finding["words"]
    assert "the poller's log" in finding["next_step"]


def polled_an_hour_ago(operated: Operated) -> None:
    client = operated.account.dynamodb
    client.update_item(
        TableName=operated.stack.table,
        Key=items.CONTROL_KEY,
        UpdateExpression="SET polled_at = :then",
        ExpressionAttributeValues={":then": {"S": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}},
    )


def test_messages_that_nobody_publishes(operated: Operated) -> None:
    store = records.store(operated.account)
    stuck = store.commit(make_checkpoint(4711, outbox=(make_outgoing(),), read_at=START))
    try:
        (finding,) = wrong(operated)
        waiting = operated.command("deliveries", "--run", "4711")
    finally:
        store.clear(stuck, stuck.outbox, at=datetime.now(UTC))

    assert "run 4711: 1 message still to be published" in finding["words"]
    assert waiting.status == 1
    assert "not published  run 4711  slack:default  1 result: waits in the outbox" in waiting.out


def test_an_alarm_that_rings(operated: Operated) -> None:
    name = operated.account.stack.physical("AWS::CloudWatch::Alarm")[0]
    ring = operated.account.cloudwatch.set_alarm_state
    ring(AlarmName=name, StateValue="ALARM", StateReason="a test")
    try:
        (finding,) = wrong(operated)
    finally:
        ring(AlarmName=name, StateValue="OK", StateReason="a test")

    assert f"{name} rings" in finding["words"]


def test_a_function_without_its_settings(operated: Operated) -> None:
    functions = operated.aws.functions
    before = functions.get_function_configuration(FunctionName=operated.stack.poller)["Environment"]["Variables"]
    broken = {**before, "OVERLAP_SECONDS": "soon"}
    functions.update_function_configuration(FunctionName=operated.stack.poller, Environment={"Variables": broken})
    try:
        findings = wrong(operated)
    finally:
        functions.update_function_configuration(FunctionName=operated.stack.poller, Environment={"Variables": before})

    assert "PollerFunction: OVERLAP_SECONDS is 'soon'" in findings[0]["words"]


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (("--stack-name", "nobody"), 1, "there is no stack nobody"),
        (("--profile", "nobody"), 2, "nobody"),
        (("--flag",), 2, "No such option"),
    ],
)
def test_what_cannot_be_looked_at_is_a_sentence(
    operated: Operated, flags: tuple[str, ...], status: int, words: str
) -> None:
    environment = {"AWS_ENDPOINT_URL": ""} if "--profile" in flags else {}
    said = operated.command("doctor", *flags, **environment)
    assert said.status == status
    assert words in said.err
    assert "Traceback" not in said.err


def test_an_emulator_that_went_away_is_a_sentence(operated: Operated) -> None:
    said = operated.command("status", "--json", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert said.status == 1
    assert said.json["ok"] is False


def test_a_stack_that_is_misspelt_is_told_with_those_that_are_there(operated: Operated) -> None:
    said = operated.command("doctor", "--stack-name", NAME[:-1])
    assert said.status == 1
    assert re.search(rf"there is no stack {NAME[:-1]} at .*; there (is|are) .*\b{NAME}\b", said.err)
