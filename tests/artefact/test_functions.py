"""The built functions at work: the events of `sam local invoke`, real HTTP, real AWS calls, nothing of the host."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.artefact.conftest import EVENTS, Around, Start, Testmo
from tests.support.fakes import FakeSlack

SCHEDULE: dict[str, Any] = json.loads((EVENTS / "schedule.json").read_text())
SLACK_QUEUE: dict[str, Any] = json.loads((EVENTS / "slack_queue.json").read_text())


def test_a_failing_result_travels_from_testmo_to_slack_through_both_built_functions(
    start: Start, around: Around, testmo: Testmo, slack: FakeSlack
) -> None:
    poller, to_slack = start("PollerFunction", **around.poller), start("SlackFunction", **around.slack)
    took_stock = poller.invoke(SCHEDULE).json
    testmo.fail()
    told = poller.invoke(SCHEDULE).json
    records = around.receive()
    answer = to_slack.invoke({"Records": records}).json

    assert took_stock["status"] == told["status"] == "ok"
    assert (took_stock["new_failing"], told["new_failing"]) == (0, 1)
    assert len(records) == 1
    assert answer == {"batchItemFailures": []}
    (text,) = slack.texts()
    assert text.startswith("✖ 1 failed")
    assert "Nightly" in text


def test_a_message_that_comes_twice_is_posted_once(start: Start, around: Around, slack: FakeSlack) -> None:
    to_slack = start("SlackFunction", **around.slack)
    answers = [to_slack.invoke(SLACK_QUEUE).json for _ in range(2)]
    assert answers == [{"batchItemFailures": []}] * 2
    assert slack.texts() == ["1 failed: Release 4.2 regression"]
    assert slack.SECRET not in to_slack.printed


@pytest.mark.parametrize(
    ("function", "event", "missing"),
    [
        ("PollerFunction", SCHEDULE, ["TESTMO_URL", "TESTMO_SECRET_ARN", "TABLE_NAME", "TOPIC_ARN", "CHANNELS"]),
        ("SlackFunction", SLACK_QUEUE, ["SLACK_SECRET_ARN", "TABLE_NAME", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL"]),
    ],
)
def test_a_function_without_settings_names_every_missing_one_in_one_error(
    start: Start, function: str, event: object, missing: list[str]
) -> None:
    error = start(function, only={}).invoke(event).json
    assert error["errorType"] == "ConfigurationError"
    assert [line for line in error["errorMessage"].splitlines() if line.startswith("- ")] == [
        f"- {name} is not set: give it a value" for name in missing
    ]


def test_what_the_handler_raises_is_an_error_with_its_type_and_the_function_goes_on(
    start: Start, around: Around, testmo: Testmo
) -> None:
    poller = start("PollerFunction", **around.poller)
    testmo.faults.add("401", times=None)
    error = poller.invoke(SCHEDULE).json
    testmo.faults.clear()
    assert error["errorType"] == "TokenRefused"
    assert testmo.token not in json.dumps(error) + poller.printed
    assert poller.invoke(SCHEDULE).json["status"] == "ok"


@pytest.mark.parametrize(("function", "event"), [("PollerFunction", SCHEDULE), ("SlackFunction", SLACK_QUEUE)])
def test_a_function_whose_aws_says_nothing_is_cut_off_at_its_time_out(
    start: Start, function: str, event: object
) -> None:
    """Testmo and Slack cannot make it come to this: both functions stop by themselves while there is time."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        answer = start(function, timeout_seconds=3, AWS_ENDPOINT_URL=address).invoke(event)
    assert answer.body == "Task timed out after 3.00 seconds"
