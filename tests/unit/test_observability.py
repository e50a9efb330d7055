"""What is counted under which reason. Reasons are short lists: whatever Slack or AWS call it is a field of the log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest
from aws_lambda_powertools import Logger, Metrics

from testmo_notifier.errors import (
    ConfigurationError,
    DeliveryDelayed,
    DestinationGone,
    PayloadRefused,
    PollFailed,
    Problem,
    TokenRefused,
    Undelivered,
)
from testmo_notifier.model import Notification, Silence, Trouble
from testmo_notifier.observability import (
    failure,
    flush,
    report_failed_poll,
    report_poll,
    report_published,
)
from testmo_notifier.polling.report import Report
from testmo_notifier.polling.troubles import TOKEN, after, over
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.alarms import ALARMS, CloudWatch, Operation, metrics_of
from tests.support.factories import at
from tests.support.story import Story, playing
from tests.support.template import ROOT
from tests.unit.delivery_script import Script, make_message

LAYER = ROOT / "layers" / "common" / "testmo_notifier"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TokenRefused("401"), "token"),
        (PollFailed("may not list projects", reason="forbidden"), "forbidden"),
        (PollFailed("HTML", reason="unreadable"), "unreadable"),
        (ConfigurationError([Problem("TESTMO_URL is not set", "set it")]), "configuration"),
        (RuntimeError("whatever"), "error"),
    ],
)
def test_a_poll_fails_for_one_of_five_reasons(error: Exception, reason: str) -> None:
    assert failure(error) == reason


def test_only_a_refused_token_is_counted_because_it_alone_has_an_alarm_of_its_own() -> None:
    with playing() as story:
        operation = Operation(story)
        for error in (TokenRefused("401"), PollFailed("HTML", reason="unreadable")):
            with operation.lines("poller") as logger:
                report_failed_poll(error, logger)
    assert names(operation.cloudwatch) == {"PollFailed token"}
    assert [json.loads(line)["reason"] for line in operation.printed.splitlines() if "where" in line] == [
        "token",
        "unreadable",
    ]


@pytest.mark.parametrize(
    ("error", "counted", "end"),
    [
        (DestinationGone("gone", reason="no_service"), {"DestinationGone"}, "parked"),
        (PayloadRefused("too long", reason="msg_blocks_too_long"), set(), "parked"),
        (DeliveryDelayed("a reset", reason="no_answer"), set(), "returned"),
        (DeliveryDelayed("500", reason="some_word_of_slacks"), set(), "returned"),
        (DeliveryDelayed("slower", reason="throttled"), set(), "returned"),
    ],
)
def test_a_delivery_that_fails_is_a_line_with_its_reason_and_a_metric_only_if_an_alarm_reads_it(
    error: Undelivered, counted: set[str], end: str
) -> None:
    with playing() as story:
        operation = Operation(story)
        operation.ends(*Script(posts=[error] * 3).run(make_message()))
    assert names(operation.cloudwatch) == counted
    (line,) = (line for line in map(json.loads, operation.printed.splitlines()) if "end" in line)
    assert (line["end"], line["reason"]) == (end, error.reason)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(DeliveryDelayed("500", reason="http_500"), None), (RuntimeError("a bug"), "RuntimeError")],
)
def test_where_it_happened_is_logged_of_our_own_mistakes_alone(error: Exception, kind: str | None) -> None:
    with playing() as story:
        operation = Operation(story)
        operation.ends(*Script(posts=[error]).run(make_message()))
    (line,) = [line for line in map(json.loads, operation.printed.splitlines()) if "notification_id" in line]

    assert line["message"] == "back to the queue, tried again later"
    assert (line.get("error"), "where" in line) == (kind, kind is not None)


def names(cloudwatch: CloudWatch) -> set[str]:
    return {
        " ".join([name, *(dict(dimensions)[key] for key in ("reason",) if key in dict(dimensions))])
        for _, name, dimensions in cloudwatch.points
    }


def test_a_published_message_is_logged_under_the_id_that_the_slack_function_logs() -> None:
    with playing() as story:
        operation = Operation(story)
        with operation.lines("poller") as logger:
            report_published(Notification("n1", "slack:default", "slack", "", "{}", 7, 3, ("Failed",)), logger)
        operation.ends(*Script().run(make_message("n1")))
    published, delivered = (
        line for line in map(json.loads, operation.printed.splitlines()) if "notification_id" in line
    )
    assert (published["message"], published["notification_id"], published["run_id"]) == ("published", "n1", 7)
    assert (delivered["message"], delivered["notification_id"]) == ("delivered", "n1")


def test_a_delivered_message_says_how_long_ago_it_was_published_and_no_metric_does() -> None:
    with playing() as story:
        operation = Operation(story)
        published = replace(make_message("n1"), sent_at=story.time - timedelta(seconds=7))
        operation.ends(*Script().run(published))
        operation.ends(*Script().run(make_message("n2")))
    lines = [line for line in map(json.loads, operation.printed.splitlines()) if "end" in line]
    assert [(line["end"], line.get("waited_seconds")) for line in lines] == [("delivered", 7), ("delivered", None)]
    assert names(operation.cloudwatch) == set()


def test_a_poll_is_one_line_of_metrics_and_one_of_the_log() -> None:
    with playing() as story:
        story.add_run()
        operation = Operation(story)
        operation.polls(1)
    metrics, log = map(json.loads, operation.printed.splitlines())
    assert "_aws" in metrics
    assert (log["message"], log["status"], log["lag_seconds"]) == ("poll", "ok", 0)


def test_without_a_namespace_nothing_is_counted_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody runs the function by hand without its environment."""
    monkeypatch.delenv("POWERTOOLS_METRICS_NAMESPACE", raising=False)
    report_poll(Report(looked=True), Logger(), metrics := Metrics())
    flush(metrics)
    assert "_aws" not in capsys.readouterr().out
    metrics.clear_metrics()


def counted_by_the_code() -> set[str]:
    code = (LAYER / "observability.py").read_text()
    return {
        TOKEN,
        *re.findall(r'count(?:_by)?\((?:metrics, )?"(\w+)"', code),
        *re.findall(r'\("(\w+)", report', code),
    }


def test_every_metric_of_the_code_is_described() -> None:
    """docs/metrics.md is the list that people build their own alarms on."""
    page = (ROOT / "docs" / "metrics.md").read_text().partition("\n## ")[0]
    assert counted_by_the_code() == set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))


def test_a_metric_is_there_because_an_alarm_reads_it() -> None:
    read = {name for alarm in ALARMS.values() for space, name in metrics_of(alarm) if space == "TestmoNotifier"}
    assert counted_by_the_code() == read


def test_what_the_page_asks_of_the_logs_is_in_their_lines() -> None:
    """Each field that it names for what is no metric, in the line of a poll or of a delivery."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    table = page.partition("\n## What the log says")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    with playing() as story:
        story.settings["routes"] = parse_routes('[[routes]]\nto = ["slack:default"]')
        run, operation = story.add_run(), Operation(story)
        operation.polls(1)
        story.store.put_silence(Silence("s1", story.time + timedelta(hours=9), "Ada", "a deploy", story.time))
        story.save(run)
        story.wait(3600)
        operation.polls(1)
        operation.ends(*Script().run(replace(make_message(), sent_at=story.time)))
    lines = set().union(*map(json.loads, operation.printed.splitlines()))
    assert told
    assert told <= lines


def test_lag_is_the_age_of_the_oldest_thing_left_and_survives_the_process(story_with_a_broken_run: Story) -> None:
    story = story_with_a_broken_run
    lags = []
    for _ in range(3):
        story.wait()
        lags.append(story.poll().lag_seconds)
        story.next_process()
    story.testmo.faults.clear()
    story.wait()
    lags.append(story.poll().lag_seconds)
    assert lags == [0, 60, 120, 0]


@pytest.fixture
def story_with_a_broken_run() -> Iterator[Story]:
    with playing() as story:
        run, _ = story.add_run("Broken"), story.add_run("Healthy")
        story.testmo.faults.add("500", path=f"/runs/{run.id}/results", times=None)
        yield story


def test_that_a_trouble_is_over_is_said_for_an_hour() -> None:
    """A poll that is cut off cannot say it, and the next ones have to."""
    troubles = {"Throttled": Trouble(at(0))}
    said = []
    for minutes in (1, 61, 62):
        troubles = dict(after(troubles, (), at(60 * minutes), looked=True))
        said.append(over(troubles))

    assert said == [("Throttled",), ("Throttled",), ()]


@pytest.mark.parametrize(("problems", "level"), [([], "info"), (["run 12 is gone"], "warning")])
def test_a_poll_with_a_problem_is_a_warning_though_it_went_well(problems: list[str], level: str) -> None:
    logger, metrics = Mock(Logger), Metrics()

    report_poll(Report(looked=True, problems=problems), logger, metrics)
    metrics.clear_metrics()

    assert [name for name, _, _ in logger.mock_calls] == [level]
