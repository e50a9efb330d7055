"""The whole Slack function (rule 11, Slack delivery): real handler, real HTTP to a fake Slack, an embedded AWS."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3
import pytest

from functions.slack import app
from testmo_notifier.adapters.idempotency import DeliveryRecords
from testmo_notifier.adapters.items import CONTROL_KEY
from testmo_notifier.adapters.machine import Machine, client_config
from testmo_notifier.adapters.queue import to_sqs
from testmo_notifier.adapters.store import Store
from testmo_notifier.errors import ConfigurationError, DeliveryDelayed
from testmo_notifier.model import FOLDED, NEW, RECOVERED, QueuedMessage, Receipt
from tests.integration.slack_stack import ALARM, EVENT, TABLE, Stack
from tests.support.bots import make_message as on_its_way
from tests.support.factories import make_digest, make_named
from tests.support.fakes import FakeLambdaContext, FakeSlack, SlackAnswer
from tests.support.template import make_table
from tools.inbox.receiver import Inbox

pytestmark = pytest.mark.aws


@pytest.fixture
def stack(
    clean_aws: str, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Stack]:
    assert clean_aws.startswith("http://127.0.0.1:")
    config = client_config()
    dynamodb, sqs = boto3.client("dynamodb", config=config), boto3.client("sqs", config=config)
    secrets = boto3.client("secretsmanager", config=config)
    make_table(dynamodb, TABLE)
    made = Stack(
        slack=slack,
        capsys=capsys,
        dynamodb=dynamodb,
        sqs=sqs,
        secrets=secrets,
        queue_url=sqs.create_queue(QueueName="slack", Attributes={"VisibilityTimeout": "90"})["QueueUrl"],
        dead_letter_queue_url=sqs.create_queue(QueueName="dead")["QueueUrl"],
        secret_arn=secrets.create_secret(
            Name="slack",
            SecretString=json.dumps({name: slack.webhook(name) for name in ("default", "payments")}),
        )["ARN"],
    )
    for name, value in {
        "TABLE_NAME": TABLE,
        "QUEUE_URL": made.queue_url,
        "DEAD_LETTER_QUEUE_URL": made.dead_letter_queue_url,
        "SLACK_SECRET_ARN": made.secret_arn,
        "POWERTOOLS_SERVICE_NAME": f"slack-{uuid.uuid4()}",  # a logger of its own that writes to this test's output
        "POWERTOOLS_METRICS_NAMESPACE": "TestmoNotifier",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(app, "Machine", partial(Machine, sleep=lambda _seconds: None))
    app._service.cache_clear()
    yield made
    if app._service.cache_info().currsize:
        app._service().deliverer.pool.clear()
    app._service.cache_clear()


def test_a_message_reaches_its_webhook_and_leaves_a_record_and_a_metric(stack: Stack) -> None:
    stack.put("n1")

    assert stack.invoke() == []

    assert stack.slack.texts() == ["1 failed: Release 4.2 regression"]
    assert stack.count() == 0
    record = next(item for item in stack.items() if item["pk"]["S"] == "DELIVERY#slack:default")
    assert record["status"]["S"] == "COMPLETED"
    assert json.loads(record["data"]["S"])["id"] == "n1"
    assert json.loads(record["data"]["S"])["answer"] == "ok"
    assert stack.metrics() == {}, "what no alarm reads is a line of the log, and no metric"
    assert [line["end"] for line in stack.logs()] == ["delivered"]
    assert stack.logs()[0]["destination"] == "slack:default"
    assert stack.logs()[0]["run_id"] == "42"


def test_the_sample_event_is_one_that_the_function_understands(stack: Stack) -> None:
    app.handler(copy.deepcopy(EVENT), FakeLambdaContext())  # type: ignore[arg-type]  # the part of it that is used

    assert stack.slack.texts() == ["1 failed: Release 4.2 regression"]


def test_an_alarm_is_posted_once_however_often_it_arrives_and_leaves_a_record(stack: Stack) -> None:
    for _ in range(2):
        stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody=ALARM["Records"][0]["body"])

    assert stack.invoke() == []

    (text,) = stack.slack.texts("default")
    assert text.startswith("✖ ALARM: `NoPollAlarm` of stack testmo-notifier\n")
    assert (stack.count(), stack.count(dead=True)) == (0, 0)
    assert [line["end"] for line in stack.logs()] == ["delivered", "duplicate"]


def test_the_sample_alarm_is_one_that_the_function_understands(stack: Stack) -> None:
    app.handler(copy.deepcopy(ALARM), FakeLambdaContext())  # type: ignore[arg-type]  # the part of it that is used

    assert len(stack.slack.posts) == 1


def test_an_alarm_is_posted_though_the_table_is_gone(stack: Stack) -> None:
    stack.put("n1")
    stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody=ALARM["Records"][0]["body"])
    stack.dynamodb.delete_table(TableName=TABLE)

    assert stack.invoke() == ["n1"]

    (text,) = stack.slack.texts("default")
    assert text.startswith("✖ ALARM: `NoPollAlarm` of stack testmo-notifier\n")
    assert {line["end"] for line in stack.logs() if "end" in line} == {"delivered", "returned"}


def test_an_alarm_about_slack_leaves_neither_a_post_nor_a_letter_even_if_slack_is_down(stack: Stack) -> None:
    stack.slack.always(SlackAnswer(503))
    for name in ("SlackLateAlarm", "SlackDeadLettersAlarm", "DestinationGoneAlarm"):
        stack.sqs.send_message(
            QueueUrl=stack.queue_url, MessageBody=ALARM["Records"][0]["body"].replace("NoPollAlarm", name)
        )

    assert stack.invoke() == []

    assert (stack.slack.posts, stack.count(), stack.count(dead=True)) == ([], 0, 0)
    assert {line["reason"] for line in stack.logs()} == {"about_slack"}


def test_an_alarm_that_slack_does_not_take_waits_and_comes_back(stack: Stack) -> None:
    stack.slack.answer(SlackAnswer(503))
    stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody=ALARM["Records"][0]["body"])

    assert stack.invoke() == [""]

    assert (stack.count(), stack.count(dead=True)) == (1, 0)


def test_a_notification_that_arrives_twice_is_posted_once(stack: Stack) -> None:
    stack.put("n1")
    stack.put("n1")

    stack.invoke()

    assert len(stack.slack.posts) == 1
    assert stack.count() == 0
    assert [line["end"] for line in stack.logs()] == ["delivered", "duplicate"]


def test_the_same_notification_goes_to_each_of_its_destinations(stack: Stack) -> None:
    stack.put("n1")
    stack.put("n1", destination="slack:payments")

    stack.invoke()

    assert [post.webhook for post in stack.slack.posts] == ["default", "payments"]


def test_a_failed_post_leaves_no_record_so_that_the_next_one_sends(stack: Stack) -> None:
    stack.slack.answer(SlackAnswer(503, b"oops"))
    stack.put("n1")

    assert stack.invoke() == ["n1"]

    assert [item for item in stack.items() if item["pk"]["S"].startswith("DELIVERY#")] == []
    assert stack.count() == 1
    assert stack.receive() == []  # invisible for its five seconds


def test_a_parked_message_keeps_body_and_attributes_and_says_why(stack: Stack) -> None:
    stack.slack.always(SlackAnswer(404, b"no_service"))
    stack.put("n1")

    assert stack.invoke() == []

    assert (stack.count(), stack.count(dead=True)) == (0, 1)
    parked = stack.receive(dead=True)[0]
    assert parked["Body"] == EVENT["Records"][0]["body"]
    attributes = {name: raw["StringValue"] for name, raw in parked["MessageAttributes"].items()}
    assert attributes["parked_because"] == "no_service"
    assert attributes["id"] == "n1"
    assert parked["MessageAttributes"]["status"]["DataType"] == "String.Array"
    assert stack.metrics() == {"DestinationGone": 1}
    assert "slack:default is gone" in next(line["message"] for line in stack.logs() if line["level"] == "ERROR")


def test_fixing_the_webhook_and_driving_back_sends_what_was_parked(stack: Stack) -> None:
    stack.slack.always(SlackAnswer(404, b"no_service"))
    stack.put("n1")
    stack.invoke()
    stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=stack.slack.webhook("fixed"))
    for message in stack.receive(dead=True):
        stack.sqs.send_message(
            QueueUrl=stack.queue_url, MessageBody=message["Body"], MessageAttributes=message["MessageAttributes"]
        )
    stack.pass_time()

    stack.invoke()

    assert stack.slack.texts("fixed") == ["1 failed: Release 4.2 regression"]


def test_a_rotated_webhook_is_found_without_waiting_for_the_cache(stack: Stack) -> None:
    stack.put("n1")
    stack.invoke()
    stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=stack.slack.webhook("rotated"))
    stack.slack.always(SlackAnswer(403, b"invalid_token"))
    stack.put("n2")

    assert stack.invoke() == []

    assert len(stack.slack.texts("rotated")) == 1


def test_refused_blocks_go_out_as_text_and_are_counted(stack: Stack) -> None:
    stack.slack.answer(SlackAnswer(400, b"invalid_blocks"))
    stack.put("n1")

    assert stack.invoke() == []

    assert stack.slack.posts[1].payload == {
        "text": "1 failed: Release 4.2 regression",
        "unfurl_links": False,
        "unfurl_media": False,
    }
    assert [line["message"].partition(",")[0] for line in stack.logs()] == ["delivered as text alone"]


def test_a_refusal_that_nobody_listed_starves_none_of_its_batch(stack: Stack) -> None:
    stack.slack.answer(SlackAnswer(), SlackAnswer(400, b'{"ok":false,"error":"invalid_attachments"}'))
    stack.put("n1")
    stack.put("n2")

    assert stack.invoke() == []

    assert len(stack.slack.posts) == 3  # one of them twice, the second time as text
    assert sorted(line["message"].partition(",")[0] for line in stack.logs()) == [
        "delivered",
        "delivered as text alone",
    ]


def test_a_message_that_fails_again_and_again_leaves_the_gate_open_for_the_others(stack: Stack) -> None:
    stack.put("sick")
    stack.slack.answer(SlackAnswer(500))
    assert stack.invoke() == ["sick"]
    stack.end_pauses()
    stack.put("healthy")
    assert stack.invoke() == []
    stack.end_pauses()
    stack.put("sick")
    stack.put("next")
    stack.slack.answer(SlackAnswer(500))

    assert stack.invoke() == ["sick"]

    assert len(stack.slack.posts) == 4
    assert next(item for item in stack.items() if item["sk"]["S"] == "SLOT")["failures"] == {"N": "0"}


def test_429_keeps_every_invocation_away_from_the_webhook(stack: Stack) -> None:
    stack.slack.answer(SlackAnswer(429, b"rate_limited", {"Retry-After": "30"}))
    stack.put("n1")
    stack.invoke()
    stack.put("n2")
    stack.put("n3", destination="slack:payments")

    assert stack.invoke() == ["n2"]

    assert [post.webhook for post in stack.slack.posts] == ["default", "payments"]
    assert [(line["end"], line["reason"]) for line in stack.logs()] == [
        ("returned", "throttled"),
        ("returned", "in_trouble"),
        ("delivered", ""),
    ]


def test_what_is_not_ours_is_parked_without_blocking_the_rest(stack: Stack) -> None:
    stack.put("n1", body="hello")
    stack.put("n2", body="[" * 10_000)
    stack.put("n3", destination="email:default")
    stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody='{"text": "no attributes"}')
    stack.put("n5")

    assert stack.invoke() == []

    assert stack.count(dead=True) == 4
    reasons = {message["MessageAttributes"]["parked_because"]["StringValue"] for message in stack.receive(dead=True)}
    assert reasons == {"not_ours"}
    assert len(stack.slack.posts) == 1


def test_a_message_with_ten_attributes_can_still_be_parked_with_its_reason(stack: Stack) -> None:
    stack.sqs.send_message(
        QueueUrl=stack.queue_url,
        MessageBody="hello",
        MessageAttributes={f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(10)},
    )

    stack.invoke()

    attributes = stack.receive(dead=True)[0]["MessageAttributes"]
    assert len(attributes) == 10
    assert attributes["parked_because"]["StringValue"] == "not_ours"


def test_an_unreadable_secret_keeps_the_messages_and_names_the_secret(stack: Stack) -> None:
    stack.secrets.delete_secret(SecretId=stack.secret_arn, ForceDeleteWithoutRecovery=True)
    stack.put("n1")

    assert stack.invoke() == ["n1"]

    assert stack.secret_arn in stack.logs()[0]["detail"]


def test_a_delivery_that_another_invocation_has_in_hand_is_left_to_it_until_that_one_is_over(stack: Stack) -> None:
    records = DeliveryRecords(stack.dynamodb, TABLE)
    message = QueuedMessage("sqs-1", "handle", 1, "{}", id="n1", destination="slack:default")
    context: Any = FakeLambdaContext(remaining_ms=60_000)
    inner: list[str] = []

    def send_while_another_tries() -> Receipt:
        with pytest.raises(DeliveryDelayed) as caught:
            records.once(message, lambda: pytest.fail("sent twice"), context=context)
        inner.append(caught.value.reason)
        raise KeyboardInterrupt  # a crash: nobody tidies up

    with pytest.raises(KeyboardInterrupt):
        records.once(message, send_while_another_tries, context=context)

    assert inner == ["in_progress"]
    record = stack.items()[0]
    left = int(record["in_progress_expiration"]["N"]) / 1000 - int(record["expires_at"]["N"]) + 30 * 24 * 3_600
    assert 55 < left < 65  # the record blocks the message for as long as that invocation could live, not for 30 days


def test_what_slack_took_is_not_sent_again_when_its_record_cannot_be_written(stack: Stack) -> None:
    records = DeliveryRecords(stack.dynamodb, TABLE)
    message = QueuedMessage("sqs-1", "handle", 1, "{}", id="n1", destination="slack:default")
    context: Any = FakeLambdaContext()
    receipt = Receipt(at=datetime(2026, 11, 23, tzinfo=UTC), text_only=False)

    def send_and_lose_the_table() -> Receipt:
        stack.dynamodb.delete_table(TableName=TABLE)
        return receipt

    assert records.once(message, send_and_lose_the_table, context=context) == receipt


def test_no_address_shows_up_anywhere_whatever_slack_answers(stack: Stack) -> None:
    """Log lines, metrics, the table and the dead-letter queue, over every kind of answer."""
    answers = [
        SlackAnswer(),
        SlackAnswer(400, b"invalid_blocks"),
        SlackAnswer(404, b"no_service"),
        SlackAnswer(429, b"", {"Retry-After": "60"}),  # it must not be back before the end
        SlackAnswer(500, stack.slack.webhook().encode()),
        SlackAnswer(302, b"", {"Location": stack.slack.webhook()}),
        SlackAnswer(200, stack.slack.webhook().encode()),
        SlackAnswer(418, stack.slack.SECRET.encode()),
        SlackAnswer(hang_up=True),
    ]
    names = [f"d{number}" for number in range(len(answers))]
    webhooks = {name: stack.slack.webhook(name) for name in names}
    # nobody listens on port 9 ("discard")
    webhooks["refused"] = f"http://127.0.0.1:9/services/T000/B000/{stack.slack.SECRET}"
    stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=json.dumps(webhooks))
    for name, answer in zip(names, answers, strict=True):
        stack.slack.always(answer, webhook=name)
    for name in webhooks:
        stack.put(f"n-{name}", destination=f"slack:{name}")

    stack.invoke()
    stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=json.dumps({"x": stack.slack.SECRET}))
    app._service.cache_clear()
    stack.put("n-unreadable")
    stack.invoke()

    dead = stack.receive(dead=True)
    assert len(stack.logs()) == len(answers) + 2
    assert len(dead) == 2  # refused as text, too; gone
    assert stack.slack.SECRET not in stack.printed
    assert stack.slack.SECRET not in json.dumps(stack.items(), default=str)
    assert stack.slack.SECRET not in json.dumps(dead, default=str)


def test_missing_settings_stop_the_function_with_all_their_names(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABLE_NAME")
    monkeypatch.delenv("DEAD_LETTER_QUEUE_URL")

    with pytest.raises(ConfigurationError) as caught:
        app.handler(EVENT, FakeLambdaContext())  # type: ignore[arg-type]  # the part of it that is used

    assert caught.value.problems == (
        "TABLE_NAME is not set: give it a value",
        "DEAD_LETTER_QUEUE_URL is not set: give it a value",
    )
    assert stack.slack.posts == []


def send(stack: Stack, message: QueuedMessage) -> None:
    stack.sqs.send_message(
        QueueUrl=stack.queue_url,
        MessageBody=message.body,
        MessageAttributes={one.name: to_sqs(one) for one in message.attributes},
    )


def test_a_bots_run_is_one_message_and_its_thread(stack: Stack) -> None:
    with Inbox(0) as inbox:
        secret = {"token": "xoxb-XsecretX", "api_url": inbox.web_api, "default": {"channel": "C012AB3CD"}}
        stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=json.dumps(secret))
        first = on_its_way(make_digest([make_named(1, case_name="Pay")], reasons=(NEW,)), "a" * 32, 1)
        second = on_its_way(make_digest([make_named(2, case_name="Log in")], reasons=(NEW,)), "b" * 32, 2)
        for message in (first, second):
            send(stack, message)
            assert stack.invoke() == []
            stack.pass_time()
        parent, reply = inbox.workspace.messages

    assert parent.payload["text"].startswith("✖ 2 failed: Release 4.2 regression")
    assert (reply.thread_ts, reply.is_broadcast) == (parent.ts, True)
    assert {item["sk"]["S"] for item in stack.items() if item["sk"]["S"].startswith("RUN#")} == {"RUN#12"}
    assert "XsecretX" not in json.dumps(stack.items()) + stack.printed
    assert stack.count() == stack.count(dead=True) == 0


def test_a_bot_tells_an_alarm_though_the_table_is_gone(stack: Stack) -> None:
    with Inbox(0) as inbox:
        secret = {"token": "xoxb-XsecretX", "api_url": inbox.web_api, "default": {"channel": "C012AB3CD"}}
        stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=json.dumps(secret))
        stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody=ALARM["Records"][0]["body"])
        stack.dynamodb.delete_table(TableName=TABLE)

        assert stack.invoke() == []
        (message,) = inbox.workspace.messages

    assert message.payload["text"].startswith("✖ ALARM: `NoPollAlarm`")


def test_an_instance_says_once_which_destinations_are_bots_and_webhooks_are_none(
    stack: Stack,
) -> None:
    with Inbox(0) as inbox:
        bot = {"token": "xoxb-XsecretX", "api_url": inbox.web_api, "channel": "C012AB3CD"}
        secret = {"default": bot, "payments": stack.slack.webhook("payments")}
        stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=json.dumps(secret))
        stack.put("n1", destination="slack:payments")
        assert stack.invoke() == []
        assert bots_known(stack) == []

        digest = make_digest([make_named(1)], reasons=(NEW,))
        send(stack, on_its_way(digest, "a" * 32, 1))
        assert stack.invoke() == []
        assert bots_known(stack) == ["slack:default"]

        stack.dynamodb.delete_item(TableName=TABLE, Key=CONTROL_KEY)
        stack.pass_time()
        send(stack, on_its_way(digest, "b" * 32, 2))
        assert stack.invoke() == []
        assert bots_known(stack) == []


def test_a_bot_that_cannot_be_said_costs_no_message_and_is_said_with_the_next_one(
    stack: Stack,
) -> None:
    with Inbox(0) as inbox:
        bot = {"token": "xoxb-XsecretX", "api_url": inbox.web_api, "channel": "C012AB3CD"}
        stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=json.dumps({"default": bot}))
        stack.dynamodb.put_item(TableName=TABLE, Item={**CONTROL_KEY, "bots": {"S": "no set: DynamoDB adds nothing"}})
        digest = make_digest([make_named(1)], reasons=(NEW,))
        send(stack, on_its_way(digest, "a" * 32, 1))
        assert stack.invoke() == []
        assert "the poller does not know yet which destinations are bots (ClientError)" in stack.printed

        stack.dynamodb.delete_item(TableName=TABLE, Key=CONTROL_KEY)
        stack.pass_time()
        send(stack, on_its_way(digest, "b" * 32, 2))
        assert stack.invoke() == []
        assert bots_known(stack) == ["slack:default"]
        assert len(inbox.workspace.messages) == 2


def test_a_destination_that_is_a_webhook_by_now_is_a_bot_no_more(stack: Stack) -> None:
    """What passes in silence finds nothing to edit there. The others stay what they are."""
    stack.dynamodb.put_item(TableName=TABLE, Item={**CONTROL_KEY, "bots": {"SS": ["slack:default", "slack:payments"]}})
    silent = make_digest([], about=RECOVERED, is_silent=True, keys=frozenset({1}))

    send(stack, on_its_way(silent, "a" * 32, 1))
    assert stack.invoke() == []

    assert bots_known(stack) == ["slack:payments"]
    with Inbox(0) as inbox:
        bot = {"token": "xoxb-XsecretX", "api_url": inbox.web_api, "channel": "C012AB3CD"}
        stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=json.dumps({"default": bot}))
        send(stack, on_its_way(silent, "b" * 32, 2))
        assert stack.invoke() == [], "the secret that was kept says webhook, and it is read again before that is said"
        assert bots_known(stack) == ["slack:default", "slack:payments"]


def test_a_bot_that_is_told_of_several_runs_first_is_known_from_then_on(stack: Stack) -> None:
    with Inbox(0) as inbox:
        bot = {"token": "xoxb-XsecretX", "api_url": inbox.web_api, "channel": "C012AB3CD"}
        stack.secrets.put_secret_value(SecretId=stack.secret_arn, SecretString=json.dumps({"default": bot}))
        one, other = (make_digest([make_named(n)], run_id=n) for n in (12, 13))
        send(stack, on_its_way(make_digest(about=FOLDED, run_id=0, parts=(one, other), total=2), "a" * 32, 1))
        assert stack.invoke() == []

        assert len(inbox.workspace.messages) == 1
        assert bots_known(stack) == ["slack:default"]
        assert not [
            item for item in stack.items() if item["pk"]["S"] == "DESTINATION#slack:default" and "state" in item
        ]


def bots_known(stack: Stack) -> list[str]:
    """What the poller gets with its lease."""
    return sorted(Store(stack.dynamodb, TABLE, holder="a").take_lease(datetime.now(UTC), timedelta(0)).bots)
