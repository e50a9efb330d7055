"""What a bot's destination keeps of a run, in a real table (Slack delivery)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from testmo_notifier.adapters.destinations import States
from testmo_notifier.adapters.items import CONTROL_KEY
from testmo_notifier.adapters.machine import client_config
from testmo_notifier.errors import DeliveryDelayed
from tests.support.template import make_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

TABLE = "state"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DESTINATION = "slack:default"

pytestmark = pytest.mark.aws


@pytest.fixture
def dynamodb(clean_aws: str) -> Iterator[DynamoDBClient]:
    client = boto3.client("dynamodb", endpoint_url=clean_aws, config=client_config())
    make_table(client, TABLE)
    yield client
    client.close()


def read(states: States, run_id: str = "12") -> Mapping[str, Any]:
    state: Mapping[str, Any] = states.change(DESTINATION, run_id, lambda state: (state, state))
    return state


def test_a_state_is_kept_as_it_was_for_each_run(dynamodb: DynamoDBClient) -> None:
    states = States(dynamodb, TABLE, lambda: NOW)

    states.change(DESTINATION, "12", lambda _: ({"ts": "1.2", "tests": {"1": ["✖"]}}, None))

    assert read(states) == {"ts": "1.2", "tests": {"1": ["✖"]}}
    assert read(states, "13") == {}


def test_a_state_that_is_over_is_none_however_late_it_is_swept(dynamodb: DynamoDBClient) -> None:
    States(dynamodb, TABLE, lambda: NOW).change(DESTINATION, "12", lambda _: ({"ts": "1.2"}, None))
    later = States(dynamodb, TABLE, lambda: NOW + timedelta(days=181))

    assert read(later) == {}
    later.change(DESTINATION, "12", lambda state: ({**state, "ts": "3.4"}, None))
    assert read(later) == {"ts": "3.4"}


def test_of_two_that_change_a_state_at_once_neither_is_lost(dynamodb: DynamoDBClient) -> None:
    states = States(dynamodb, TABLE, lambda: NOW)

    def add(n: int) -> None:
        states.change(DESTINATION, "12", lambda state: ({"all": sorted([*state.get("all", ()), n])}, None))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(add, range(12)))

    assert read(states)["all"] == list(range(12))


def bots(dynamodb: DynamoDBClient) -> list[str]:
    """What a poll finds."""
    return list(dynamodb.get_item(TableName=TABLE, Key=CONTROL_KEY).get("Item", {}).get("bots", {}).get("SS", []))


def test_a_bot_of_which_another_instance_said_that_it_is_none_is_one_again_within_the_hour(
    dynamodb: DynamoDBClient,
) -> None:
    """The secret changed, and changed back."""
    time = [NOW]
    states, other = States(dynamodb, TABLE, lambda: time[0]), States(dynamodb, TABLE, lambda: NOW)
    read(states)
    states.announce(pytest.fail)
    other.keeps_none(DESTINATION)
    other.announce(pytest.fail)
    assert bots(dynamodb) == []

    time[0] += timedelta(minutes=59)
    read(states)
    states.announce(pytest.fail)
    assert bots(dynamodb) == []
    time[0] += timedelta(minutes=1)
    states.announce(pytest.fail)
    assert bots(dynamodb) == [DESTINATION]


def test_a_bot_that_was_none_meanwhile_is_one_again_with_its_next_message(dynamodb: DynamoDBClient) -> None:
    states = States(dynamodb, TABLE, lambda: NOW)
    read(states)
    states.announce(pytest.fail)
    states.keeps_none(DESTINATION)
    states.announce(pytest.fail)
    assert bots(dynamodb) == []

    read(states)
    states.announce(pytest.fail)

    assert bots(dynamodb) == [DESTINATION]


def test_a_table_that_does_not_answer_is_said_so_and_nothing_is_done() -> None:
    client = boto3.client(
        "dynamodb",
        endpoint_url="http://127.0.0.1:1",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )

    with pytest.raises(DeliveryDelayed) as raised:
        read(States(client, TABLE, lambda: NOW))

    assert raised.value.reason == "table_unavailable"
