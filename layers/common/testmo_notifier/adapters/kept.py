"""What a destination keeps of each run: one item, changed by compare-and-swap, shared by all invocations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.adapters.slots import MAX_TRIES
from testmo_notifier.errors import DeliveryDelayed
from testmo_notifier.model import LONG_AGO

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

KEEP: Final = timedelta(days=180)  # since the last message, as long as the checkpoint of a run that was closed
SAY_AGAIN: Final = timedelta(hours=1)  # which destinations are bots: somebody else may have said that one is none

T = TypeVar("T")


class Kept:
    """The states in the table; what is in one is its channel's business."""

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
        """Let `decide` turn a state (empty at first) into the next one; returns what else it decided.

        `decide` is asked again when another invocation was faster. Raises `DeliveryDelayed` when the table does not
        answer: what is not recorded must not be done.
        """
        self._used.add(destination)
        self._gone.discard(destination)
        try:
            for _ in range(MAX_TRIES):
                version, state = self._read(destination, run_id)
                changed, decision = decide(state)
                if changed == state or self._write(destination, run_id, version, changed):
                    return decision
        except (BotoCoreError, ClientError) as exc:
            words = f"the state of {destination} cannot be read or written"
            raise DeliveryDelayed(words, reason="table_unavailable") from exc
        raise DeliveryDelayed(f"the state of {destination} changes too fast", reason="table_contended")

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

    def _read(self, destination: str, run_id: str) -> tuple[int, Mapping[str, Any]]:
        key = key_of(destination, run_id)
        item = self._client.get_item(TableName=self._table_name, Key=key, ConsistentRead=True).get("Item", {})
        if not item:
            return 0, {}
        is_over = int(item["expires_at"]["N"]) <= self._now().timestamp()
        return int(item["version"]["N"]), {} if is_over else json.loads(item["state"]["S"])

    def _write(self, destination: str, run_id: str, version: int, state: Mapping[str, Any]) -> bool:
        """Whether it was written; not if somebody else changed it since `version`."""
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item={
                    **key_of(destination, run_id),
                    "state": {"S": json.dumps(state)},
                    "version": {"N": str(version + 1)},
                    "expires_at": {"N": str(int((self._now() + KEEP).timestamp()))},
                },
                ConditionExpression="attribute_not_exists(pk) OR version = :version",
                ExpressionAttributeValues={":version": {"N": str(version)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def key_of(destination: str, run_id: str) -> dict[str, AttributeValueTypeDef]:
    """The key of what a destination keeps of a run."""
    return {"pk": {"S": f"DESTINATION#{destination}"}, "sk": {"S": f"RUN#{run_id}"}}
