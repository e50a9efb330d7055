"""Slack delivery: the pace of a webhook in a real table, with several invocations at it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest

from testmo_notifier.adapters.destinations import change_pace, from_millis, to_millis
from testmo_notifier.adapters.machine import client_config
from testmo_notifier.delivery.pacing import Slot, take_slot
from testmo_notifier.errors import DeliveryDelayed
from testmo_notifier.model import LONG_AGO, Pace
from tests.support.template import make_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TABLE = "state"

pytestmark = pytest.mark.aws


@pytest.fixture
def dynamodb(clean_aws: str) -> Iterator[DynamoDBClient]:
    client = boto3.client("dynamodb", endpoint_url=clean_aws, config=client_config())
    make_table(client, TABLE)
    yield client
    client.close()


def test_a_pace_is_kept_as_it_was(dynamodb: DynamoDBClient) -> None:
    kept = Pace(next_slot=NOW + timedelta(milliseconds=1), line_end=NOW, failures=3, failed=("a", "b"))

    change_pace(dynamodb, TABLE, "slack:default", lambda _: (kept, None))

    assert change_pace(dynamodb, TABLE, "slack:default", lambda pace: (pace, pace)) == kept
    assert change_pace(dynamodb, TABLE, "slack:other", lambda pace: (pace, pace)) == Pace()


def test_the_pace_that_version_1_0_wrote_is_read(dynamodb: DynamoDBClient) -> None:
    old = {"next_slot": {"N": "1000"}, "line_end": {"N": "2000"}, "failures": {"N": "3"}, "version": {"N": "7"}}
    key = {"pk": {"S": "DESTINATION#slack:default"}, "sk": {"S": "SLOT"}}
    dynamodb.put_item(TableName=TABLE, Item={**key, **old})

    assert change_pace(dynamodb, TABLE, "slack:default", lambda pace: (pace, pace)) == Pace(
        next_slot=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        line_end=datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC),
        failures=3,
    )


def test_what_version_1_0_reads_of_a_pace_is_still_written(dynamodb: DynamoDBClient) -> None:
    kept = Pace(next_slot=NOW, line_end=NOW, failures=3, failed=("a",))
    change_pace(dynamodb, TABLE, "slack:default", lambda _: (kept, None))

    (item,) = dynamodb.scan(TableName=TABLE)["Items"]

    assert {name: item[name] for name in ("next_slot", "line_end", "failures", "version")} == {
        "next_slot": {"N": "1795435200000"},
        "line_end": {"N": "1795435200000"},
        "failures": {"N": "3"},
        "version": {"N": "1"},
    }


def test_invocations_at_the_same_time_never_get_the_same_slot(dynamodb: DynamoDBClient) -> None:

    def take(_: int) -> Slot:
        return change_pace(
            dynamodb,
            TABLE,
            "slack:default",
            lambda pace: take_slot(pace, NOW, receives=1, patience=timedelta(minutes=1)),
        )

    with ThreadPoolExecutor(2) as threads:
        turns = list(threads.map(take, range(20)))

    assert sorted(turn.at for turn in turns) == [NOW + timedelta(seconds=n) for n in range(20)]


def test_a_decision_is_made_again_when_somebody_was_faster(dynamodb: DynamoDBClient) -> None:
    seen: list[int] = []

    def decide(pace: Pace) -> tuple[Pace, None]:
        if not seen:
            change_pace(dynamodb, TABLE, "slack:default", lambda _: (Pace(failures=7), None))
        seen.append(pace.failures)
        return Pace(failures=pace.failures + 1), None

    change_pace(dynamodb, TABLE, "slack:default", decide)

    assert seen == [0, 7]


def test_without_the_table_there_is_no_slot(dynamodb: DynamoDBClient) -> None:
    with pytest.raises(DeliveryDelayed) as caught:
        change_pace(dynamodb, "no-such-table", "slack:default", lambda pace: (pace, None))

    assert caught.value.reason == "table_unavailable"


def test_a_slot_is_rounded_up_to_the_millisecond_so_that_it_never_begins_early() -> None:
    assert from_millis(to_millis(NOW + timedelta(microseconds=1))) == NOW + timedelta(milliseconds=1)
    assert to_millis(LONG_AGO) == "0"
