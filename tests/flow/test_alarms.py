"""Every alarm (docs/runbook.md) is seen to go off, and to stay quiet, over the metrics of real polls and deliveries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from testmo_notifier.channels.render import Renderer
from testmo_notifier.delivery.deliver import Outcome
from testmo_notifier.errors import DeliveryDelayed, DestinationGone, LostRace
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.routes import Routes
from testmo_notifier.polling.report import Report
from testmo_notifier.settings.team import Team
from testmo_notifier.wiring.poller import LateRenderer, lasting_renderer
from tests.flow.test_routes import follow
from tests.support.alarms import ALARMS, CloudWatch, Operation, metrics_of
from tests.support.fakes import FakeMailboxes
from tests.support.story import BUILT_IN_TEXTS, Story, playing
from tests.support.template import ROOT, TEMPLATE
from tests.unit.delivery_script import Script, make_message

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()


@pytest.fixture
def at_work(story: Story, tmp_path: Path) -> Operation:
    """A stack that has been watching a run for a minute."""
    story.add_run()
    operation = Operation(story, tmp_path)
    operation.polls(1)
    return operation


@pytest.fixture(scope="module")
def healthy_hour() -> Iterator[Operation]:
    """An hour like most: results come, messages go out, a request fails now and then, Slack asks for a pause."""
    with playing() as story:
        run = story.add_run(tests=60)
        operation = Operation(story)
        faults = {
            20: partial(story.testmo.faults.add, "500", path="/runs/*/results"),
            30: partial(story.testmo.faults.add, "429", retry_after=60),
        }
        for minute in range(60):
            if minute % 5 == 0:
                story.save(run, minute + 1)
                operation.ends(*deliver(story))
            faults.get(minute, list)()
            if minute == 40:
                operation.ends(*deliver(story, DeliveryDelayed("one a second", reason="throttled")))
            aws_is_well(operation)
            operation.polls(1)
        yield operation


def aws_is_well(operation: Operation) -> None:
    """What AWS itself measures where nothing is wrong."""
    at = operation.story.time
    for function in ("PollerFunction", "SlackFunction"):
        for metric, value in (("Errors", 0), ("Throttles", 0), ("Duration", 2_000)):
            operation.cloudwatch.put("AWS/Lambda", metric, at, value, FunctionName=function)
    for queue in ("SlackQueue", "SlackDeadLetterQueue", "SubscriptionDeadLetterQueue"):
        for metric in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"):
            operation.cloudwatch.put("AWS/SQS", metric, at, 0, QueueName=queue)


def deliver(story: Story, *errors: Exception, waited_minutes: float = 1) -> list[Outcome]:
    """How the delivery of one message ends, when Slack answers like this."""
    message = replace(make_message(), sent_at=story.ago(60 * waited_minutes))
    return list(Script(posts=list(errors)).run(message))


@pytest.mark.parametrize("alarm", ALARMS)
def test_in_a_healthy_hour_an_alarm_is_quiet(healthy_hour: Operation, alarm: str) -> None:
    assert healthy_hour.cloudwatch.points, "nothing was measured"
    assert alarm not in healthy_hour.gone_off


# ----- What makes each of them go off; the name of the test is the name of the alarm ------------------------


def no_poll(at_work: Operation) -> None:
    at_work.is_dead(14)
    assert "NoPollAlarm" not in at_work.alarms()
    at_work.is_dead(2)


def lag(at_work: Operation) -> None:
    """One broken run among healthy ones."""
    broken = at_work.story.add_run("Broken")
    at_work.story.testmo.faults.add("500", path=f"/runs/{broken.id}/results", times=None)
    at_work.polls(17)


def token(at_work: Operation) -> None:
    at_work.story.testmo.faults.add("401", times=None)
    at_work.polls(1)


def throttled(at_work: Operation) -> None:
    at_work.story.testmo.faults.add("429", times=None, retry_after=120)
    at_work.polls(31)


def invisible(at_work: Operation) -> None:
    at_work.story.testmo.faults.add("403", path="/projects/*/runs")
    at_work.polls(1)


def settings(at_work: Operation) -> None:
    at_work.polls(1, status_names=("Exploded",))


def template(at_work: Operation) -> None:
    story = at_work.story
    (at_work.folder / "slack_result.j2").write_text("{{ nothing.here }}")
    story.renderer = Renderer(ZoneInfo("UTC"), at_work.folder)
    story.save(next(iter(story.world.runs.values())))
    at_work.polls(1)


def malformed(at_work: Operation) -> None:
    story = at_work.story
    story.save(next(iter(story.world.runs.values())))

    def spoil(path: str, body: dict[str, Any]) -> None:
        for row in body["result"] if "/results" in path else ():
            del row["created_at"]

    story.spoil = spoil
    at_work.polls(1)
    assert "(created_at is missing)" in at_work.printed, "the log names row and field"


def unsubscribed(at_work: Operation) -> None:
    at_work.polls(1, mailboxes=FakeMailboxes(lost={"EmailAddress"}))


def slack_dead_letters(at_work: Operation) -> None:
    at_work.aws("AWS/SQS", "ApproximateNumberOfMessagesVisible", 1, QueueName="SlackDeadLetterQueue")


def subscription_dead_letters(at_work: Operation) -> None:
    at_work.aws("AWS/SQS", "ApproximateNumberOfMessagesVisible", 1, QueueName="SubscriptionDeadLetterQueue")


def slack_queue_age(at_work: Operation) -> None:
    at_work.aws("AWS/SQS", "ApproximateAgeOfOldestMessage", 899, QueueName="SlackQueue")
    assert "SlackQueueAgeAlarm" not in at_work.gone_off
    at_work.aws("AWS/SQS", "ApproximateAgeOfOldestMessage", 900, QueueName="SlackQueue")


def slack_late(at_work: Operation) -> None:
    no_answer = DeliveryDelayed("no connection", reason="no_answer")
    at_work.ends(*deliver(at_work.story, no_answer, waited_minutes=29))
    assert "SlackLateAlarm" not in at_work.gone_off
    at_work.ends(*deliver(at_work.story, no_answer, waited_minutes=30))


def destination_gone(at_work: Operation) -> None:
    gone = DestinationGone("Slack says no_service", reason="no_service")
    at_work.ends(*deliver(at_work.story, gone, gone))


def lambda_says(metric: str, function: str, value: float) -> Callable[[Operation], None]:
    def scene(at_work: Operation) -> None:
        at_work.aws("AWS/Lambda", metric, value, minutes=8, FunctionName=function)
        assert not any(function.removesuffix("Function") in alarm for alarm in at_work.gone_off), "it may be passing"
        at_work.aws("AWS/Lambda", metric, value, minutes=8, FunctionName=function)

    return scene


SCENES: dict[str, Callable[[Operation], None]] = {
    "NoPollAlarm": no_poll,
    "LagAlarm": lag,
    "TokenAlarm": token,
    "ThrottledAlarm": throttled,
    "InvisibleAlarm": invisible,
    "SettingsAlarm": settings,
    "TemplateAlarm": template,
    "MalformedAlarm": malformed,
    "UnsubscribedAlarm": unsubscribed,
    "SlackDeadLettersAlarm": slack_dead_letters,
    "SubscriptionDeadLettersAlarm": subscription_dead_letters,
    "SlackQueueAgeAlarm": slack_queue_age,
    "SlackLateAlarm": slack_late,
    "DestinationGoneAlarm": destination_gone,
    "PollerErrorsAlarm": lambda_says("Errors", "PollerFunction", 1),
    "PollerThrottlesAlarm": lambda_says("Throttles", "PollerFunction", 1),
    "PollerSlowAlarm": lambda_says("Duration", "PollerFunction", 48_001),
    "SlackErrorsAlarm": lambda_says("Errors", "SlackFunction", 1),
    "SlackThrottlesAlarm": lambda_says("Throttles", "SlackFunction", 1),
    "SlackSlowAlarm": lambda_says("Duration", "SlackFunction", 48_001),
}


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_goes_off(at_work: Operation, alarm: str) -> None:
    assert alarm not in at_work.gone_off
    SCENES[alarm](at_work)
    assert alarm in at_work.gone_off


# ----- Near misses -----------------------------------------------------------------------------------------


def test_fourteen_minutes_without_a_poll_are_no_alarm(at_work: Operation) -> None:
    at_work.is_dead(14)
    at_work.polls(2)
    assert at_work.gone_off == set()


@pytest.mark.parametrize(
    "fault",
    [
        "500",
        "login-page",
        "401",
        "403",
        "404-route",
        "reset",
        "401-page",
        "403-page",
        "403-json",
        "403-list",
        "404-empty",
    ],
)
def test_polls_that_fail_are_no_sign_of_life(at_work: Operation, fault: str) -> None:
    """Whatever Testmo answers, the dead man's switch goes off, and the alarm of its own comes on top."""
    at_work.story.testmo.faults.add(fault, times=None)
    at_work.polls(16)
    assert "NoPollAlarm" in at_work.alarms()
    assert ("TokenAlarm" in at_work.alarms()) == (fault in ("401", "403"))


def test_a_poller_that_never_gets_the_lease_is_no_sign_of_life(at_work: Operation) -> None:
    thief = at_work.story.store.as_seen_by("thief")
    thief.take_lease(at_work.story.time, timedelta(hours=9))
    at_work.polls(16)
    assert at_work.alarms() == {"NoPollAlarm"}


def test_lag_goes_back_to_nothing_when_everything_was_read(at_work: Operation) -> None:
    broken = at_work.story.add_run("Broken")
    at_work.story.testmo.faults.add("500", path=f"/runs/{broken.id}/results", times=None)
    at_work.polls(20)
    at_work.story.testmo.faults.clear()
    at_work.polls(6)
    assert "LagAlarm" not in at_work.alarms()


def test_a_pause_of_a_quarter_of_an_hour_is_not_throttling_for_long(at_work: Operation) -> None:
    at_work.story.testmo.faults.add("429", retry_after=600)
    at_work.polls(30)
    assert "ThrottledAlarm" not in at_work.gone_off


def test_one_broken_run_does_not_look_like_an_outage(at_work: Operation) -> None:
    broken = at_work.story.add_run("Broken")
    at_work.story.testmo.faults.add("500", path=f"/runs/{broken.id}/results", times=None)
    at_work.polls(20)
    assert at_work.alarms() == {"LagAlarm"}


def test_a_message_that_sns_does_not_take_is_lag(at_work: Operation) -> None:
    story = at_work.story
    story.save(next(iter(story.world.runs.values())))
    story.topic.refused = {"slack:default"}
    at_work.polls(17)
    assert "LagAlarm" in at_work.alarms()


def test_a_renderer_that_cannot_be_made_loses_nothing_and_is_lag(at_work: Operation) -> None:
    """A file of the bundle is missing, say. It is made with the first message, when nobody waits for an error."""
    story = at_work.story
    run = next(iter(story.world.runs.values()))

    def broken() -> Renderer:
        raise ModuleNotFoundError("No module named 'markupsafe'")

    story.renderer = LateRenderer(broken)  # type: ignore[assignment]  # as the poller has it
    at_work.polls(1)
    assert json.loads(at_work.printed.splitlines()[-1])["problems"] == [], "without a message none is made"
    results = [story.save(run, number).id for number in (1, 2)]
    at_work.polls(1)
    (said, *_) = json.loads(at_work.printed.splitlines()[-1])["problems"]
    assert said.startswith(
        f"a message for slack:default could not be rendered, it stays in the outbox of run {run.id}:"
    )
    assert "ModuleNotFoundError at test_alarms.py:" in said
    at_work.polls(20)
    assert at_work.alarms() == {"LagAlarm"}
    story.renderer = LateRenderer(lambda: BUILT_IN_TEXTS)  # type: ignore[assignment]
    at_work.polls(1)
    assert sorted(story.announced) == results


def test_an_override_that_breaks_in_a_poll_is_named_and_its_result_is_told(at_work: Operation) -> None:
    story = at_work.story
    (at_work.folder / "slack_result.j2").write_text("{% include 'nowhere.j2' %}")
    team = Team(Routes(()), IssueLinks(), at_work.folder)
    story.renderer = LateRenderer(partial(lasting_renderer, team, UTC, lambda: 0.0))  # type: ignore[assignment]
    told = story.save(next(iter(story.world.runs.values())))
    at_work.polls(1)
    report = json.loads(at_work.printed.splitlines()[-1])
    (words,) = report["problems"]
    assert words == "slack_result.j2:1: TemplateNotFound: nowhere.j2; docs/templates.md lists what there is"
    assert (story.announced, report["pending"]) == ([told.id], 0)
    assert at_work.alarms() == {"TemplateAlarm"}


TO_SLACK = '[[routes]]\nto = ["slack:default"]\n'
CROWDED = LostRace("RUN#1 was not written: DynamoDB takes no more writes just now")  # as the adapter says it
REFUSED = ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")  # of one write, after all its tries
REFUSED_WRITES: dict[str, tuple[Exception, set[str]]] = {
    "commit": (CROWDED, {"LagAlarm"}),
    "clear": (CROWDED, {"LagAlarm"}),
    "release": (CROWDED, {"LagAlarm"}),
    "clear_envelope": (CROWDED, {"LagAlarm"}),
    "take_lease": (REFUSED, {"NoPollAlarm"}),
    "save_control": (REFUSED, {"NoPollAlarm"}),
    "commit_project": (REFUSED, {"NoPollAlarm"}),
}


@pytest.mark.parametrize("write", REFUSED_WRITES)
def test_whichever_write_the_table_refuses_for_ever_somebody_is_told_within_twenty_minutes(
    at_work: Operation, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LagAlarm looks at five minutes at a time: it rings when something has waited for 15 to 20."""
    error, alarms = REFUSED_WRITES[write]
    story = at_work.story
    run = next(iter(story.world.runs.values()))
    follow(story, TO_SLACK + '[destinations."slack:default"]\nat_most_every = "5m"\n')
    for number in (1, 2):  # the second is held
        story.save(run, number)
        at_work.polls(1)
    story.add_run("New")

    def refuse(*_: object, **__: object) -> None:
        raise error

    at_work.polls(3)
    assert at_work.gone_off == set()
    monkeypatch.setattr(story.store, write, refuse)
    story.save(run, 3)
    story.add_run("Newer")
    at_work.polls(22)  # what is held is due in the second of these
    assert at_work.alarms() == alarms


@pytest.mark.parametrize("stranger", ["401-page", "403-page", "404-empty"])
def test_a_strangers_answer_about_one_run_is_lag_and_neither_a_token_nor_a_right(
    at_work: Operation, stranger: str
) -> None:
    at_work.polls(15)
    run = at_work.story.add_run("behind a proxy")
    at_work.story.testmo.faults.add(stranger, path=f"/runs/{run.id}/results", times=None)
    at_work.polls(20)
    assert at_work.alarms() == {"LagAlarm"}


def test_a_run_that_was_deleted_rings_nothing(at_work: Operation) -> None:
    at_work.polls(15)
    run = at_work.story.add_run("deleted")
    at_work.polls(1)
    at_work.story.save(run)
    at_work.story.testmo.faults.add("404", path=f"/runs/{run.id}*", times=None)
    at_work.polls(130)
    assert at_work.alarms() == set()


def test_a_project_that_is_invisible_is_not_lag_as_well(at_work: Operation) -> None:
    at_work.story.testmo.faults.add("403", path="/projects/*/runs", times=None)
    at_work.polls(30)
    assert at_work.alarms() == {"InvisibleAlarm"}


# ----- A wanted pause is no reason to ring, and none to say that all is well -------------------------------------


HOURLY: dict[str, Callable[[Operation], None]] = {
    "TokenAlarm": lambda at_work: at_work.story.testmo.faults.add("401", times=None),
    "InvisibleAlarm": lambda at_work: at_work.story.testmo.faults.add("403", path="/projects/*/runs", times=None),
    "SettingsAlarm": lambda _: None,
    "UnsubscribedAlarm": lambda _: None,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "SettingsAlarm": {"status_names": ("Exploded",)},
    "UnsubscribedAlarm": {"mailboxes": FakeMailboxes(lost={"EmailAddress"})},
}


@pytest.mark.parametrize("alarm", HOURLY)
@pytest.mark.parametrize("every", [60, 14 * 60])
def test_polls_that_are_rare_leave_an_alarm_on_until_the_trouble_is_over(
    at_work: Operation, alarm: str, every: int
) -> None:
    HOURLY[alarm](at_work)
    at_work.polls(every, every=every, **SETTINGS.get(alarm, {}))
    assert alarm in at_work.alarms()
    for _ in range(3 * every // 20):
        at_work.polls(20, every=every, **SETTINGS.get(alarm, {}))
        assert alarm in at_work.alarms(), "it would ring anew at the next poll"
    at_work.story.testmo.faults.clear()
    at_work.polls(3 * every, every=every)
    assert alarm not in at_work.alarms()


@pytest.mark.parametrize("alarm", ["InvisibleAlarm", "SettingsAlarm", "TokenAlarm"])
def test_an_alarm_that_was_on_under_version_1_0_is_off_when_its_trouble_ended_in_the_upgrade(
    at_work: Operation, alarm: str
) -> None:
    """That version kept no troubles, and its alarms ended by themselves: the polls that follow have to end them."""
    del at_work.story.store.items["CONTROL"]["troubles"]
    at_work.cloudwatch.ringing.add(alarm)
    at_work.story.testmo.faults.add("429", retry_after=270)
    at_work.polls(5)
    assert alarm in at_work.alarms(), "a poll that saw nothing of Testmo knows of no end"
    at_work.polls(80)
    assert at_work.alarms() == set()


def test_what_testmo_hid_from_version_1_0_and_hides_still_does_not_seem_to_end_in_between(at_work: Operation) -> None:
    """It is asked for once an hour."""
    at_work.story.testmo.faults.add("403", path="/projects/*/runs", times=None)
    at_work.polls(1)
    del at_work.story.store.items["CONTROL"]["troubles"]
    for _ in range(130):
        at_work.polls(1)
        assert "InvisibleAlarm" in at_work.alarms()


def test_a_new_stack_says_nothing_of_troubles_that_it_never_had(story: Story) -> None:
    """The first word of an alarm would be a mail that says OK."""
    story.add_run()
    for _ in range(3):
        assert story.wait_and_poll().over == ()


def test_a_run_that_was_left_before_a_night_and_after_it_is_no_lag_yet(at_work: Operation) -> None:
    broken = at_work.story.add_run("Broken")
    at_work.story.testmo.faults.add("500", path=f"/runs/{broken.id}/results", times=None)
    at_work.polls(1)
    at_work.passes(14 * 60)
    at_work.polls(5)
    assert "LagAlarm" not in at_work.gone_off
    at_work.polls(10)
    assert "LagAlarm" in at_work.alarms()


def test_projects_that_cannot_be_seen_on_monday_are_no_lag_of_the_whole_weekend(at_work: Operation) -> None:
    at_work.passes(59 * 60)
    at_work.story.testmo.faults.add("500", path="/projects/*/runs")
    at_work.polls(2)
    assert "LagAlarm" not in at_work.gone_off


def test_polls_that_may_ask_nothing_are_no_pause(at_work: Operation) -> None:
    """Every minute has a poll, and Testmo wants none of them: what waits, is late."""
    at_work.story.testmo.faults.add("429", times=None, retry_after=120)
    at_work.polls(17)
    assert "LagAlarm" in at_work.alarms()


def test_a_run_that_four_hourly_polls_leave_is_lag(at_work: Operation) -> None:
    broken = at_work.story.add_run("Broken")
    at_work.story.testmo.faults.add("500", path=f"/runs/{broken.id}/results", times=None)
    at_work.polls(3 * 60, every=60)
    assert "LagAlarm" not in at_work.gone_off
    at_work.polls(60, every=60)
    assert "LagAlarm" in at_work.alarms()


# ----- What they are made of -------------------------------------------------------------------------------


def test_every_alarm_has_a_scene_and_every_scene_an_alarm() -> None:
    assert set(SCENES) == set(ALARMS)


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_tells_operations_when_it_begins_and_when_it_ends(alarm: str) -> None:
    """Never through the topic of the notifications: that may be what is broken."""
    assert ALARMS[alarm]["AlarmActions"] == ALARMS[alarm]["OKActions"] == [{"Ref": "OpsTopic"}]


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_says_what_to_do_and_names_its_section_of_the_runbook(alarm: str) -> None:
    words = ALARMS[alarm]["AlarmDescription"]
    title = re.search(r'Runbook: docs/runbook\.md, "([^"]+)"\.$', words)
    assert len(words) <= 1_024, "more than CloudWatch takes"
    assert "- " not in words, "a line of the template was broken at a hyphen"
    assert title is not None
    assert f"\n## {title[1]}\n" in RUNBOOK
    assert f"`{alarm}`" in RUNBOOK.split(f"\n## {title[1]}\n")[1].split("\n## ")[0]


def test_every_alarm_that_the_runbook_names_exists() -> None:
    assert set(re.findall(r"`(\w+Alarm)`", RUNBOOK)) == set(ALARMS)


def test_no_metric_has_a_dimension_without_end(healthy_hour: Operation) -> None:
    """A run or an address as a dimension would make a metric of each, for 30 cents a month each."""
    ours = [key for key in healthy_hour.cloudwatch.points if key[0] == "TestmoNotifier"]
    assert {name for _, _, dimensions in ours for name, _ in dimensions} <= {"service", "reason"}
    assert len({name for _, name, _ in ours}) <= 20


def test_what_costs_money_in_every_hour_is_little(story: Story) -> None:
    """README and docs/metrics.md count with these two; the others are there only in hours in which they happened."""
    story.add_run()
    operation = Operation(story)
    operation.polls(2)
    operation.cloudwatch = CloudWatch()
    operation.polls(30)
    assert {name for space, name, _ in operation.cloudwatch.points if space == "TestmoNotifier"} == {
        "PollSucceeded",
        "LagSeconds",
    }


def test_a_poll_with_news_and_its_deliveries_make_no_metric_more(story: Story) -> None:
    run = story.add_run()
    operation = Operation(story)
    operation.polls(1)
    story.save(run)
    operation.polls(1)
    operation.ends(*Script().run(make_message()))
    assert story.announced
    assert {name for space, name, _ in operation.cloudwatch.points if space == "TestmoNotifier"} == {
        "PollSucceeded",
        "LagSeconds",
    }


def test_the_dashboard_shows_every_metric_an_alarm_of_ours_reads() -> None:
    body = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    ours = {name for alarm in ALARMS.values() for space, name in metrics_of(alarm) if space == "TestmoNotifier"}
    assert [name for name in ours if f'"{name}"' not in body] == []


def test_the_dashboard_reads_no_metric_of_ours_that_no_alarm_reads() -> None:
    """It would stay empty: whatever else is worth a look is asked of the log."""
    body = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = set(re.findall(r'\["TestmoNotifier", "(\w+)"', body))
    assert shown == {
        name for alarm in ALARMS.values() for space, name in metrics_of(alarm) if space == "TestmoNotifier"
    }


def test_what_the_dashboard_asks_of_the_log_is_in_the_line_of_a_poll() -> None:
    body = json.loads(TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    queries = [one["properties"]["query"] for one in body["widgets"] if one["type"] == "log"]
    asked = {name for query in queries for name in re.findall(r"(?:sum|max|abs)\((\w+)\)", query)}
    assert asked <= set(Report().to_json())
    assert len(asked) == 10


@pytest.mark.parametrize("project", ["Shop", "Blog"])
def test_a_project_that_cannot_be_begun_to_be_watched_is_late_until_it_is(
    story: Story, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would be told otherwise: nothing is read in it, and all else is well. The first of all, or another."""

    def refuse(*_: object) -> None:
        raise CROWDED

    if project == "Blog":
        story.poll()
        story.world.add_project(project)
    with monkeypatch.context() as crowded:
        crowded.setattr(story.store, "commit_project", refuse)
        late = story.wait_and_poll(21)
    assert late.status == "partial"
    assert late.lag_seconds >= 1_200
    assert story.wait_and_poll().lag_seconds == 0
