"""Alarms in Slack (the table of Slack delivery): what is posted, where, and what must not make trouble worse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from testmo_notifier.adapters.queue import SqsAttribute, SqsRecord, read_record
from testmo_notifier.channels.slack.alarms import ABOUT_SLACK, read_alarm
from testmo_notifier.channels.slack.transport import TRANSPORT
from testmo_notifier.delivery.inbound import recognised
from testmo_notifier.errors import ConfigurationError, DeliveryDelayed, DestinationGone, Problem
from testmo_notifier.model import Pace, QueuedMessage
from tests.support.alarms import ALARMS
from tests.unit.delivery_script import Script, make_message
from tools.ops.dead_letters import dead_letter

RECORD: SqsRecord = json.loads((Path(__file__).parents[2] / "events" / "alarm.json").read_text())["Records"][0]
STORY: Mapping[str, Any] = json.loads(RECORD["body"])
POSTED = "https://hooks.example/"


def make_alarm(name: str = "NoPollAlarm", **changed: object) -> QueuedMessage:
    """The sample alarm, or another one of the stack, as it comes out of the queue."""
    told = {**STORY, "AlarmName": f"testmo-notifier-{name}-1PQ0W3LX8K2VT", "AlarmArn": f"arn:{name}", **changed}
    return received(json.dumps(told))


def received(body: str = RECORD["body"], **attributes: str) -> QueuedMessage:
    """A body as it comes out of the queue."""
    given: dict[str, SqsAttribute] = {
        name: {"dataType": "String", "stringValue": value} for name, value in attributes.items()
    }
    return recognised(read_record({**RECORD, "body": body, "messageAttributes": given}), {"slack": TRANSPORT})


def shown(message: QueuedMessage) -> str:
    """What Slack shows of it."""
    return str(json.loads(message.body)["text"])


def webhooks(*names: str) -> list[Mapping[str, str]]:
    return [{name: POSTED + name for name in names}]


# ----- What it says ----------------------------------------------------------------------------------------


def test_an_alarm_says_its_name_what_happened_and_what_to_do() -> None:
    message = received()

    assert json.loads(message.body) == {
        "text": (
            "✖ ALARM: `NoPollAlarm` of stack testmo-notifier\n"
            "No poll of Testmo has succeeded for SilenceMinutes: new failures are not announced. They are late, not "
            "lost. Run `testmo-notifier doctor`.\n"
            "What to do: docs/runbook.md, “No poll succeeds”\n"
            "since <!date^1795435200^{date_short_pretty} {time}|2026-11-23 12:00 UTC>"
        ),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def test_the_end_of_an_alarm_says_that_it_is_over() -> None:
    text = shown(make_alarm(NewStateValue="OK", OldStateValue="ALARM"))

    assert text.startswith(
        "✔ OK: `NoPollAlarm` of stack testmo-notifier\nIt is over. It said: No poll of Testmo has succeeded"
    )
    assert "What to do" not in text


def test_an_alarm_of_somebody_elses_is_told_as_it_is_and_pings_nobody() -> None:
    text = shown(make_alarm(AlarmName="<!channel> & co", AlarmDescription=None, NewStateReason="1 > 0 <@U1>"))

    assert text == (
        "✖ ALARM: `&lt;!channel&gt; &amp; co`\n1 &gt; 0 &lt;@U1&gt;\n"
        "since <!date^1795435200^{date_short_pretty} {time}|2026-11-23 12:00 UTC>"
    )


@pytest.mark.parametrize("moment", ["later", "9999-12-31T23:59:59+0000", "0001-01-01T00:00:00+2300"])
def test_a_strange_moment_costs_no_alarm(moment: str) -> None:
    assert "`NoPollAlarm`" in shown(make_alarm(StateChangeTime=moment))


@pytest.mark.parametrize("alarm", ALARMS)
def test_every_alarm_of_the_stack_leads_to_its_section_of_the_runbook(alarm: str) -> None:
    words = ALARMS[alarm]["AlarmDescription"]
    text = shown(make_alarm(alarm, AlarmDescription=words))

    assert f"`{alarm}`" in text
    assert "\nWhat to do: docs/runbook.md, “" in text


# ----- Which one it is, and where it goes ------------------------------------------------------------------


def test_one_change_of_state_is_one_message_however_often_sns_delivers_it() -> None:
    same = received(json.dumps(STORY, sort_keys=True))

    assert same.id == received().id
    others = [make_alarm("LagAlarm"), make_alarm(NewStateValue="OK"), make_alarm(StateChangeTime="2026-11-23T12:01Z")]
    assert len({make_alarm().id, *(other.id for other in others)}) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"AlarmArn": "arn:a"}, {"AlarmArn": "arn:b"}),
        ({"AlarmName": "a"}, {"AlarmName": "b"}),
        ({"Region": "EU (Ireland)"}, {"Region": "EU (Paris)"}),
        ({"AWSAccountId": "123456789012"}, {"AWSAccountId": "210987654321"}),
    ],
)
def test_two_alarms_that_ring_at_the_same_moment_are_two_messages(one: dict[str, str], other: dict[str, str]) -> None:
    nobodys = {name: value for name, value in STORY.items() if name != "AlarmArn"}

    assert received(json.dumps({**nobodys, **one})).id != received(json.dumps({**nobodys, **other})).id


@pytest.mark.parametrize(
    ("names", "destination"),
    [
        (("default", "ops", "payments"), "slack:ops"),
        (("payments", "default"), "slack:default"),
        (("payments", "checkout"), "slack:payments"),  # better there than nowhere
    ],
)
def test_an_alarm_goes_to_ops_else_to_default_else_to_any_webhook(names: tuple[str, ...], destination: str) -> None:
    script = Script(webhooks=webhooks(*names))

    (outcome,) = script.run(make_alarm())

    assert (outcome.end, outcome.message.destination) == ("delivered", destination)
    assert [url for url, _ in script.posted] == [POSTED + destination.removeprefix("slack:")]


def test_an_alarm_whose_webhook_is_gone_goes_to_the_next_one() -> None:
    gone = DestinationGone("Slack answered 404 (no_service)", reason="no_service")
    script = Script([gone, gone], webhooks=webhooks("ops", "default"))

    (outcome,) = script.run(make_alarm())

    assert (outcome.end, outcome.message.destination) == ("delivered", "slack:default")


def test_an_alarm_that_no_webhook_takes_is_parked_as_a_message_that_can_be_re_driven() -> None:
    gone = DestinationGone("Slack answered 404 (no_service)", reason="no_service")
    script = Script([gone] * 4, webhooks=webhooks("ops", "default"))

    (outcome,) = script.run(make_alarm())

    assert (outcome.end, outcome.reason) == ("parked", "no_service")
    again = received(outcome.message.body, **{one.name: str(one.value) for one in outcome.message.attributes})
    assert (again.destination, again.id, again.problem) == ("slack:default", make_alarm().id, None)


def test_an_alarm_keeps_to_the_pace_of_its_webhook() -> None:
    script = Script(webhooks=webhooks("default"), paces={"slack:default": Pace(failures=0)})

    script.run(make_message("a"), make_alarm())

    assert script.slept == [1.0]


@pytest.mark.parametrize("broken", ["record", "pace"])
def test_an_alarm_is_posted_though_the_table_does_not_answer_for_it_may_be_about_that(broken: str) -> None:
    away = DeliveryDelayed("it does not answer", reason="table_unavailable")
    script = Script(webhooks=webhooks("ops", "default"))
    setattr(script, f"{broken}_error", away)

    outcomes = script.run(make_message("a"), make_alarm())

    assert [(one.end, one.reason) for one in outcomes] == [("returned", "table_unavailable"), ("delivered", "")]
    assert [url for url, _ in script.posted] == [POSTED + "ops"]


def test_an_alarm_without_the_table_still_finds_another_webhook_where_one_is_gone() -> None:
    gone = DestinationGone("Slack answered 404 (no_service)", reason="no_service")
    away = DeliveryDelayed("it does not answer", reason="table_unavailable")
    script = Script([gone, gone], webhooks=webhooks("ops", "default"), record_error=away)

    (outcome,) = script.run(make_alarm())

    assert (outcome.end, outcome.message.destination) == ("delivered", "slack:default")


def test_an_alarm_that_another_invocation_has_in_hand_is_not_posted_beside_it() -> None:
    script = Script(webhooks=webhooks("ops"), record_error=DeliveryDelayed("in hand", reason="in_progress"))

    (outcome,) = script.run(make_alarm())

    assert (outcome.end, outcome.reason, script.posted) == ("returned", "in_progress", [])


# ----- What is not posted ----------------------------------------------------------------------------------


@pytest.mark.parametrize("alarm", sorted(ABOUT_SLACK))
@pytest.mark.parametrize("state", ["ALARM", "OK"])
def test_an_alarm_about_slack_is_neither_posted_nor_parked_nor_kept(alarm: str, state: str) -> None:
    script = Script(webhooks=webhooks("default"))

    (outcome,) = script.run(make_alarm(alarm, NewStateValue=state))

    assert (outcome.end, outcome.reason) == ("skipped", "about_slack")
    assert (script.posted, script.parked, script.hidden) == ([], {}, {})


def test_an_alarm_about_slack_ends_even_where_nothing_about_slack_works() -> None:
    script = Script(secret_error=ConfigurationError([Problem("the secret cannot be read", "look")]), seconds_left=0)

    (outcome,) = script.run(make_alarm("SlackQueueAgeAlarm"))

    assert outcome.end == "skipped"


def test_which_alarms_are_about_slack_is_what_they_measure() -> None:
    def measures_slack(alarm: Mapping[str, Any]) -> bool:
        told = json.dumps([alarm.get("Dimensions"), alarm.get("Metrics")])
        return any(word in told for word in ("-slack", "SlackQueue", "SlackDeadLetterQueue", "SlackFunction"))

    assert {name for name, alarm in ALARMS.items() if measures_slack(alarm)} == ABOUT_SLACK


def test_the_first_ok_of_a_new_stack_is_no_news() -> None:
    (outcome,) = Script().run(make_alarm(NewStateValue="OK", OldStateValue="INSUFFICIENT_DATA"))

    assert (outcome.end, outcome.reason) == ("skipped", "nothing_was_wrong")


@pytest.mark.parametrize(
    "body",
    [
        "Budget notification: you are above your budget",
        "[" * 10_000,
        '{"AlarmName": "a", "NewStateValue": "ALARM"}',
        '{"AlarmName": 1, "NewStateValue": "ALARM", "StateChangeTime": "now"}',
        '{"version": "0", "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change"}',
        "null",
    ],
)
def test_whatever_else_lands_on_the_topic_of_the_alarms_is_parked_with_the_reason(body: str) -> None:
    assert read_alarm(body) is None
    script = Script()

    outcomes = script.run(received(body), make_message("b"))

    assert [(one.end, one.reason) for one in outcomes] == [("parked", "not_ours"), ("delivered", "")]


def test_a_notification_is_never_taken_for_an_alarm() -> None:
    message = received(destination="slack:default", id="n1")

    assert (message.is_alarm, message.destination) == (False, "slack:default")
    assert message.problem is not None, "an alarm's JSON is no Slack payload"


def test_an_alarm_that_sqs_moved_to_the_dead_letters_is_ours_to_re_drive() -> None:
    dead = dead_letter("slack", {"MessageId": "m", "ReceiptHandle": "h", "Body": RECORD["body"]})

    assert (dead.channel, dead.addressee, dead.attributes) == ("slack", "alarms in Slack", {})
    assert dead.body == RECORD["body"]
