"""The pace of each webhook: one item per gate, changed by compare-and-swap, shared by all invocations.

A gate is named after its destination (after the first, where several lead to one place: `pacing.gate_of`), or, for
edits, after a hash of the token.

Times are epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.errors import DeliveryDelayed
from testmo_notifier.model import LONG_AGO, Pace

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

MAX_TRIES: Final = 25  # two invocations compete; so many lost races in a row mean that something else is wrong
MILLISECOND: Final = timedelta(milliseconds=1)

T = TypeVar("T")


class Slots:
    """The paces in the table."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def change(self, gate: str, decide: Callable[[Pace], tuple[Pace, T]]) -> T:
        """Let `decide` turn a gate's pace into the next one; returns what else it decided.

        `decide` is asked again when another invocation was faster. Raises `DeliveryDelayed` when the table
        does not answer: without a slot nothing is posted.
        """
        try:
            for _ in range(MAX_TRIES):
                version, pace = self._read(gate)
                changed, decision = decide(pace)
                if changed == pace or self._write(gate, version, changed):
                    return decision
        except (BotoCoreError, ClientError) as exc:
            raise DeliveryDelayed(f"the pace of {gate} cannot be read or written", reason="table_unavailable") from exc
        raise DeliveryDelayed(f"the pace of {gate} changes too fast", reason="table_contended")

    def _read(self, gate: str) -> tuple[int, Pace]:
        answer = self._client.get_item(TableName=self._table_name, Key=key(gate), ConsistentRead=True)
        item: dict[str, Any] = answer.get("Item", {})
        if not item:
            return 0, Pace()
        return int(item["version"]["N"]), Pace(
            next_slot=from_millis(item["next_slot"]["N"]),
            line_end=from_millis(item["line_end"]["N"]),
            failures=int(item["failures"]["N"]),
            failed=tuple(one["S"] for one in item.get("failed", {}).get("L", ())),  # not there before 1.1
        )

    def _write(self, gate: str, version: int, pace: Pace) -> bool:
        """Whether the pace was written; not if somebody else changed it since `version`."""
        first_of_all = "attribute_not_exists(pk)"
        nobody_was_faster = "version = :version"
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item={
                    **key(gate),
                    "next_slot": {"N": to_millis(pace.next_slot)},
                    "line_end": {"N": to_millis(pace.line_end)},
                    "failures": {"N": str(pace.failures)},
                    "failed": {"L": [{"S": one} for one in pace.failed]},
                    "version": {"N": str(version + 1)},
                },
                ConditionExpression=f"{first_of_all} OR {nobody_was_faster}",
                ExpressionAttributeValues={":version": {"N": str(version)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def key(gate: str) -> dict[str, AttributeValueTypeDef]:
    """The key of a gate's pace."""
    return {"pk": {"S": f"DESTINATION#{gate}"}, "sk": {"S": "SLOT"}}


def to_millis(moment: datetime) -> str:
    """Epoch milliseconds, rounded up: a slot must not begin too early."""
    return str(-((LONG_AGO - moment) // MILLISECOND))


def from_millis(raw: str) -> datetime:
    """The inverse of `to_millis`."""
    return datetime.fromtimestamp(0, UTC) + int(raw) * MILLISECOND
