"""events/: what `sam local invoke` and the tests invoke the functions with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from testmo_notifier.adapters.queue import read_record
from testmo_notifier.config import DeliverySettings, PollerSettings
from tests.support.template import RESOURCES, TEMPLATE

EVENTS = Path(__file__).parents[2] / "events"
VARIABLES: Mapping[str, Mapping[str, str]] = json.loads((EVENTS / "env.json").read_text())


@pytest.mark.parametrize("function", ["PollerFunction", "SlackFunction"])
def test_only_variables_that_the_template_declares_are_set(function: str) -> None:
    """SAM CLI ignores all others without a word."""
    declared = {
        *TEMPLATE["Globals"]["Function"]["Environment"]["Variables"],
        *RESOURCES[function]["Properties"]["Environment"]["Variables"],
    }
    assert set(VARIABLES[function]) <= declared


def test_the_example_variables_are_a_complete_configuration() -> None:
    assert set(VARIABLES) == {"PollerFunction", "SlackFunction"}
    assert PollerSettings.from_env(VARIABLES["PollerFunction"]).channels == ("slack", "email", "event")
    assert DeliverySettings.from_env(VARIABLES["SlackFunction"]).queue_url.endswith("/testmo-notifier-slack")


def test_the_schedules_event_is_what_the_scheduler_sends() -> None:
    event: dict[str, Any] = json.loads((EVENTS / "schedule.json").read_text())
    assert (event["source"], event["detail-type"]) == ("aws.scheduler", "Scheduled Event")
    assert event["detail"] == "{}", "text, unlike in a rule's event"


def test_the_event_of_a_drain_asks_for_one() -> None:
    assert json.loads((EVENTS / "drain.json").read_text()) == {"drain": True}


def test_the_queues_event_is_one_message_for_slack_as_sns_hands_it_over_raw() -> None:
    (record,) = json.loads((EVENTS / "slack_queue.json").read_text())["Records"]
    message = read_record(record)
    assert message.destination == "slack:default"
    assert json.loads(record["body"])["text"] == "1 failed: Release 4.2 regression"
    assert record["md5OfBody"] == hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
