"""What is counted under which reason. Reasons are short lists: whatever Slack or AWS call it is a field of the log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from testmo_notifier.errors import (
    ConfigurationError,
    DeliveryDelayed,
    DestinationGone,
    PayloadRefused,
    PollFailed,
    TokenRefused,
)
from testmo_notifier.model import Notification
from testmo_notifier.observability import failure, flush, new_logger, new_metrics, report_poll, report_published
from testmo_notifier.polling.report import Report
from tests.support.alarms import CloudWatch, Operation
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
        (ConfigurationError(["TESTMO_URL is not set"]), "configuration"),
        (RuntimeError("whatever"), "error"),
    ],
)
def test_a_poll_fails_for_one_of_five_reasons(error: Exception, reason: str) -> None:
    assert failure(error) == reason


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (DestinationGone("gone", reason="no_service"), {"DeliveryFailed slack gone", "DestinationGone"}),
        (PayloadRefused("too long", reason="msg_blocks_too_long"), {"DeliveryFailed slack refused"}),
        (DeliveryDelayed("a reset", reason="no_answer"), {"DeliveryFailed slack unreachable"}),
        (DeliveryDelayed("500", reason="some_word_of_slacks"), {"DeliveryFailed slack other"}),
        (DeliveryDelayed("slower", reason="throttled"), {"Throttled"}),
        (ConfigurationError(["the secret is gone"]), {"DeliveryFailed slack secret"}),
        (RuntimeError("a bug"), {"DeliveryFailed slack error"}),
    ],
)
def test_a_delivery_fails_for_one_of_a_few_reasons(error: Exception, counted: set[str]) -> None:
    with playing() as story:
        operation = Operation(story)
        operation.ends(*Script(posts=[error] * 3).run(make_message()))
    assert names(operation.cloudwatch) == counted


def test_a_delivered_message_is_counted_by_kind() -> None:
    with playing() as story:
        operation = Operation(story)
        operation.ends(*Script().run(make_message()))
    assert names(operation.cloudwatch) == {"Delivered slack"}


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
        " ".join([name, *(dict(dimensions)[key] for key in ("kind", "reason") if key in dict(dimensions))])
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
    report_poll(Report(looked=True), new_logger(), metrics := new_metrics())
    flush(metrics)
    assert "_aws" not in capsys.readouterr().out
    metrics.clear_metrics()


def test_every_metric_of_the_code_is_described() -> None:
    """docs/metrics.md is the list that people build their own alarms on."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    code = (LAYER / "observability.py").read_text()
    counted = set(re.findall(r'count(?:_by)?\((?:metrics, )?"(\w+)"', code)) | set(
        re.findall(r'\("(\w+)", report', code)
    )
    counted |= {"PollSucceeded", "PollWaiting"}
    assert counted == set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))


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
