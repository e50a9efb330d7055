"""What all invocations share of a destination, changed by compare-and-swap: its pace, and its state of each run.

A pace belongs to a gate, which is named after its destination (after the first, where several lead to one place:
`pacing.gate_of`), or, for edits, after a hash of the token. Its times are epoch milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.errors import NO_TABLE, DeliveryDelayed
from testmo_notifier.model import LONG_AGO, Pace

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

    from testmo_notifier.adapters.items import Item

MAX_TRIES: Final = 25  # two invocations compete; so many lost races in a row mean that something else is wrong
MILLISECOND: Final = timedelta(milliseconds=1)  # the unit in which paces are stored
SAY_AGAIN: Final = timedelta(hours=1)  # which destinations are bots: somebody else may have said that one is none
KEEP: Final = timedelta(days=180)  # since the last message, as long as the checkpoint of a run that was closed
UNCHANGED: Final = "attribute_not_exists(pk) OR version = :version"

S = TypeVar("S")
T = TypeVar("T")


class States:
    """The states in the table, by destination and run; what is in one is its channel's business."""

    def __init__(self, client: DynamoDBClient, table_name: str, now: Callable[[], datetime]) -> None:
        self._client = client
        self._table_name = table_name
        self._now = now
        self._used: set[str] = set()
        self._gone: set[str] = set()
        self._announced: frozenset[str] = frozenset()
        self._announced_at = LONG_AGO

    def change(
        self, destination: str, run_id: str, decide: Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], T]]
    ) -> T:
        """See `swap`; a state is empty at first. What is not recorded must not be done."""
        self._used.add(destination)
        self._gone.discard(destination)
        key: Item = {"pk": {"S": f"DESTINATION#{destination}"}, "sk": {"S": f"RUN#{run_id}"}}
        what = f"the state of {destination}"
        return swap(self._client, self._table_name, key, what, decide, read=self._state, written=self._values)

    def keeps_none(self, destination: str) -> None:
        """It has no state any more: the secret names a webhook, or nothing."""
        self._used.discard(destination)
        self._announced -= {destination}
        self._gone.add(destination)

    def announce(self, problem: Callable[[str], None]) -> None:
        """Let the poller know which destinations keep a state, once an hour, and which do so no more.

        It asks and tells more for them (`Control.bots`). Best effort: where it fails, that is a `problem` in words, and
        the next message tries again.
        """
        is_new = self._used != self._announced or self._now() - self._announced_at >= SAY_AGAIN
        try:
            if self._used and is_new:
                self._change_bots("ADD", self._used)
                self._announced, self._announced_at = frozenset(self._used), self._now()
            if self._gone:
                self._change_bots("DELETE", self._gone)
                self._gone.clear()
        except (BotoCoreError, ClientError) as exc:
            problem(f"the poller does not know yet which destinations are bots ({type(exc).__name__})")

    def _change_bots(self, how: str, names: Iterable[str]) -> None:
        from testmo_notifier.adapters.items import BOTS, CONTROL_KEY  # noqa: PLC0415 - webhooks start without

        self._client.update_item(
            TableName=self._table_name,
            Key=CONTROL_KEY,
            UpdateExpression=f"{how} {BOTS} :names",
            ExpressionAttributeValues={":names": {"SS": sorted(names)}},
        )

    def _state(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        is_over = int(item["expires_at"]["N"]) <= self._now().timestamp() if item else True
        return {} if is_over else dict(json.loads(item["state"]["S"]))

    def _values(self, state: Mapping[str, Any]) -> Item:
        return {
            "state": {"S": json.dumps(state)},
            "expires_at": {"N": str(int((self._now() + KEEP).timestamp()))},
        }


def swap(
    client: DynamoDBClient,
    table_name: str,
    key: Item,
    what: str,
    decide: Callable[[S], tuple[S, T]],
    *,
    read: Callable[[Mapping[str, Any]], S],
    written: Callable[[S], Item],
) -> T:
    """Let `decide` turn what an item holds (`read`, also of an empty one) into the next; returns what else it decided.

    `decide` is asked again when another invocation was faster. Raises `DeliveryDelayed` when the table does not answer.
    """
    try:
        for _ in range(MAX_TRIES):
            item: Mapping[str, Any] = client.get_item(TableName=table_name, Key=key, ConsistentRead=True).get(
                "Item", {}
            )
            version, before = int(item["version"]["N"]) if item else 0, read(item)
            after, decision = decide(before)
            if after == before:
                return decision
            try:
                client.put_item(
                    TableName=table_name,
                    Item={**key, **written(after), "version": {"N": str(version + 1)}},
                    ConditionExpression=UNCHANGED,
                    ExpressionAttributeValues={":version": {"N": str(version)}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                continue
            return decision
    except (BotoCoreError, ClientError) as exc:
        raise DeliveryDelayed(f"{what} cannot be read or written", reason=NO_TABLE) from exc
    raise DeliveryDelayed(f"{what} changes too fast", reason="table_contended")


def change_pace(client: DynamoDBClient, table_name: str, gate: str, decide: Callable[[Pace], tuple[Pace, T]]) -> T:
    """See `swap`: without a slot nothing is posted."""
    what = f"the pace of {gate}"
    return swap(client, table_name, pace_key(gate), what, decide, read=pace_from, written=pace_values)


def pace_key(gate: str) -> Item:
    """The key of a gate's pace."""
    return {"pk": {"S": f"DESTINATION#{gate}"}, "sk": {"S": "SLOT"}}


def pace_from(item: Mapping[str, Any]) -> Pace:
    """A pace out of its item."""
    if not item:
        return Pace()
    return Pace(
        next_slot=from_millis(item["next_slot"]["N"]),
        line_end=from_millis(item["line_end"]["N"]),
        failures=int(item["failures"]["N"]),
        failed=tuple(one["S"] for one in item.get("failed", {}).get("L", ())),  # not there before 1.1
    )


def pace_values(pace: Pace) -> Item:
    """The inverse of `pace_from`, without key and version."""
    return {
        "next_slot": {"N": to_millis(pace.next_slot)},
        "line_end": {"N": to_millis(pace.line_end)},
        "failures": {"N": str(pace.failures)},
        "failed": {"L": [{"S": one} for one in pace.failed]},
    }


def to_millis(moment: datetime) -> str:
    """Epoch milliseconds, rounded up: a slot must not begin too early."""
    return str(-((LONG_AGO - moment) // MILLISECOND))


def from_millis(raw: str) -> datetime:
    """The inverse of `to_millis`."""
    return datetime.fromtimestamp(0, UTC) + int(raw) * MILLISECOND
