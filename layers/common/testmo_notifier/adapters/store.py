"""The state: one DynamoDB table (docs/state.md; `items` says how each noun is stored).

A checkpoint and its outbox are one item and change in one write, conditional on the version that was read. A write
that finds another version raises `LostRace`: somebody else's write stands, and nothing was overwritten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from testmo_notifier.adapters import held as held_adapter
from testmo_notifier.adapters import items
from testmo_notifier.adapters.overflow import left_over, overflow_keys, parted, whole
from testmo_notifier.adapters.transaction import ALL_CROWDED, lost, refusal, transact, unchanged
from testmo_notifier.errors import LeaseTaken, LostRace, NotifierError, Unwritable
from testmo_notifier.model import (
    CASES,
    CaseProgress,
    Change,
    Checkpoint,
    Control,
    Envelope,
    Held,
    HeldKey,
    MarkOf,
    Outgoing,
    ProjectState,
    is_known,
    unmarked,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from testmo_notifier.adapters.items import Item
    from testmo_notifier.adapters.transaction import Action

MAX_KEYS: Final = 100  # of one BatchGetItem
MAX_ROUNDS: Final = 20  # of asking again for what one BatchGetItem left out (16 MB, throttling)
PENDING_INDEX: Final = "pending-index"

LEASE_IS_FREE: Final = "attribute_not_exists(lease_until) OR lease_until < :now OR lease_holder = :me"
LEASE_IS_MINE: Final = "lease_holder = :me"


class Store:
    """Reads and writes the state. `holder` names this invocation in the lease."""

    def __init__(self, client: DynamoDBClient, table_name: str, *, holder: str) -> None:
        self._client = client
        self._table = table_name
        self._holder = holder
        self._once = items.Once()

    def take_lease(self, now: datetime, duration: timedelta) -> Control:
        """Be the one poller for a while, or stay it for longer; raises `LeaseTaken`.

        The end of a lease is compared here and not left to TTL, which may be two days late.
        """
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=items.CONTROL_KEY,
                UpdateExpression="SET lease_holder = :me, lease_until = :until",
                ConditionExpression=LEASE_IS_FREE,
                ExpressionAttributeValues={
                    ":me": {"S": self._holder},
                    ":now": {"S": lease_time(now)},
                    ":until": {"S": lease_time(now + duration)},
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as exc:
            held: Any = exc.response.get("Item", {})
            until = datetime.fromisoformat(held["lease_until"]["S"]) if "lease_until" in held else now + duration
            raise LeaseTaken(until) from exc
        return items.control_from(answer["Attributes"])

    def save_control(self, control: Control, *, release: bool) -> None:
        """Keep what the poller knows about itself, as long as the lease is its own; `release` gives that up."""
        values = items.control_values(control)
        sets = ", ".join(f"{name} = :{name}" for name in values)
        gone = [name for name in items.CONTROL if name not in values] + (["lease_until"] if release else [])
        try:
            self._client.update_item(
                TableName=self._table,
                Key=items.CONTROL_KEY,
                UpdateExpression=f"SET {sets}" + (f" REMOVE {', '.join(gone)}" if gone else ""),
                ConditionExpression=LEASE_IS_MINE,
                ExpressionAttributeValues={
                    ":me": {"S": self._holder},
                    **{f":{name}": value for name, value in values.items()},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException as exc:
            raise LostRace("the lease went to another poller") from exc

    def checkpoints(self, run_ids: Iterable[int]) -> dict[int, Checkpoint]:
        """The checkpoints of runs, as they are now; runs never read are left out."""
        found = self._checkpoints([items.run_key(run_id) for run_id in dict.fromkeys(run_ids)])
        return {checkpoint.run_id: checkpoint for checkpoint in found}

    def projects(self, project_ids: Iterable[int]) -> dict[int, ProjectState]:
        """What we keep of projects; those never seen are left out."""
        found = self._get_all([items.project_key(project_id) for project_id in dict.fromkeys(project_ids)])
        return {state.project_id: state for state in map(items.project_from, found)}

    def pending(self) -> list[Checkpoint]:
        """Every checkpoint with an outbox. The index may be a moment behind; the checkpoints are not."""
        keys = self._indexed(
            KeyConditionExpression="pending = :pending",
            ExpressionAttributeValues={":pending": {"S": items.PENDING}},
        )
        return sorted((c for c in self._checkpoints(keys) if c.outbox), key=lambda checkpoint: checkpoint.run_id)

    def marks(self, run_ids: Iterable[int]) -> dict[int, bytes]:
        """The marks of runs; those without one are left out, others may be in."""
        keys = {run_id // items.BUCKET_RUNS: items.marks_key(run_id) for run_id in run_ids}
        found = self._get_all(list(keys.values()))
        return {run_id: mark for item in found for run_id, mark in items.marks_from(item).items()}

    def commit(self, checkpoint: Checkpoint, mark: MarkOf = unmarked, held: Sequence[Change] = ()) -> Checkpoint:
        """Write checkpoint, outbox, mark and what is held at once, if nobody wrote since; returns it as written.

        More than 98 actions (`adapters.held.writes_of`) beside those two are `TooLarge`.
        """
        written = replace(checkpoint, version=checkpoint.version + 1)
        self._once = items.Once()
        return self._write_checkpoint(checkpoint, written, mark, *held_adapter.writes_of(held))

    def held_of(self, run_id: int) -> list[Held]:
        """What is held of a run, as it is now."""
        found = self._of_run(run_id, held_adapter.HELD, ConsistentRead=True)
        return [held_adapter.held_from(item) for item in found if is_known(held_adapter.cause_of(item))]

    def held_until(self, moment: datetime | None) -> tuple[list[HeldKey], list[Envelope]]:
        """What is due at a moment (None: whatever is held), oldest first, as far as the index knows; and envelopes.

        The index may be a moment behind; the envelopes are not, and `held` is not.
        """
        found = self._indexed(**held_adapter.until(moment))
        due, envelopes = held_adapter.sorted_out(found)
        sealed = filter(None, map(held_adapter.readable_envelope, self._get_all(envelopes)))
        return due, sorted(sealed, key=lambda one: (one.since, one.id))

    def held(self, keys: Sequence[HeldKey]) -> list[Held]:
        """What is held under these keys, as it is now, whenever it is due; what is gone is left out."""
        wanted = {key[:-1]: held_adapter.held_key(key) for key in keys}
        found = {held.key[:-1]: held for held in map(held_adapter.held_from, self._get_all(list(wanted.values())))}
        return [found[key] for key in wanted if key in found]

    def release(self, changes: Sequence[Change], envelope: Envelope | None = None) -> None:
        """Move what is held, or into a new envelope, in one write: more than 100 actions are `TooLarge`."""
        self._transact([*held_adapter.writes_of(changes), *([held_adapter.new_envelope(envelope)] if envelope else [])])

    def clear_envelope(self, envelope: Envelope, handed_over: Sequence[Outgoing], *, at: datetime) -> Envelope:
        """Take what was published out of an envelope, if nobody did; what it was is kept for 30 days, run by run."""
        rest, actions = held_adapter.cleared(envelope, handed_over, at)
        self._transact(actions)
        return rest

    def commit_project(self, state: ProjectState) -> ProjectState:
        """Write what we keep of a project, if nobody wrote since; returns it with its new version."""
        written = replace(state, version=state.version + 1)
        item = items.project_item(written)
        try:
            self._client.put_item(TableName=self._table, Item=item, **unchanged(state))
        except self._client.exceptions.ConditionalCheckFailedException as exc:
            raise lost(item) from exc
        except ClientError as exc:
            why = refusal(item, exc.response["Error"])
            raise (exc if isinstance(why, Unwritable) else why or exc) from exc
        return written

    def clear(
        self, checkpoint: Checkpoint, handed_over: Sequence[Outgoing], *, at: datetime, mark: MarkOf = unmarked
    ) -> Checkpoint:
        """Take what was handed over out of the outbox, if it is still the one that was published.

        What it was is kept for 30 days (`sent`), in the same transaction: neither without the other.
        """
        written = replace(checkpoint.after(handed_over), version=checkpoint.version + 1)
        sent = items.sent_of(checkpoint.run_id, handed_over, at)
        puts: list[Action] = [{"Put": {"Item": items.sent_item(sent, f"{written.version:08d}")}}] if sent else []
        return self._write_checkpoint(checkpoint, written, mark, *puts)

    def _write_checkpoint(self, before: Checkpoint, after: Checkpoint, mark_of: MarkOf, *others: Action) -> Checkpoint:
        """One transaction, so that no mark ever speaks of another checkpoint than the one that is there."""
        item, after = self._with_sets_apart(after)
        mark = mark_of(after)
        update = {
            "Key": items.marks_key(after.run_id),
            "UpdateExpression": "SET #run = :mark" if mark else "REMOVE #run",
            "ExpressionAttributeNames": {"#run": str(after.run_id)},
            **({"ExpressionAttributeValues": {":mark": {"B": mark}}} if mark else {}),
        }
        self._transact([{"Put": {"Item": item, **unchanged(before)}}, {"Update": update}, *others])
        self._let_expire(before, after)
        return after

    def case_names(self, project_id: int, case_ids: Collection[int], of: str = CASES) -> dict[int, str]:
        """The known names (or folders) of cases, and of others that are kept with them; unknown ones are left out."""
        buckets = sorted({case_id // items.BUCKET_CASES for case_id in case_ids})
        found = self._get_all([items.bucket_key(project_id, bucket, of) for bucket in buckets])
        return {case_id: name for item in found for case_id, name in items.bucket_from(item).items()}

    def save_case_names(self, project_id: int, names: Mapping[int, str], of: str = CASES) -> None:
        """Add names of cases to those that are kept; writes nothing where nothing is new.

        Unconditional: a name that two pollers lose to each other comes back with the next refresh.
        """
        known = self.case_names(project_id, names, of)
        changed = {case_id // items.BUCKET_CASES for case_id, name in names.items() if known.get(case_id) != name}
        for bucket in sorted(changed):
            old = self._get_all([items.bucket_key(project_id, bucket, of)])
            mine = {case_id: name for case_id, name in names.items() if case_id // items.BUCKET_CASES == bucket}
            merged = {**(items.bucket_from(old[0]) if old else {}), **mine}
            self._put(items.bucket_item(project_id, bucket, merged, of))

    def case_progress(self, project_id: int, of: str = CASES) -> CaseProgress:
        """How far the case names (or folders) of a project are known."""
        found = self._get_all([items.progress_key(project_id, of)])
        return items.progress_from(found[0]) if found else CaseProgress()

    def save_case_progress(self, project_id: int, progress: CaseProgress, of: str = CASES) -> None:
        """Keep how far they are known."""
        self._put(items.progress_item(project_id, progress, of))

    def _put(self, item: Item) -> None:
        """Write an item, whatever is there. Raises `LostRace` or `TooLarge` where DynamoDB does not take it."""
        try:
            self._client.put_item(TableName=self._table, Item=item)
        except ClientError as exc:
            raise refusal(item, exc.response["Error"]) or exc from exc

    def _transact(self, actions: Sequence[Action]) -> None:
        transact(self._client, self._table, actions)

    def _indexed(self, **asked: Any) -> list[Item]:  # noqa: ANN401 - of a query
        """Keys that the index has, in its order."""
        pages = self._client.get_paginator("query").paginate(TableName=self._table, IndexName=PENDING_INDEX, **asked)
        return [{"pk": item["pk"], "sk": item["sk"]} for page in pages for item in page["Items"]]

    def _of_run(self, run_id: int, prefix: str, **asked: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - the same
        """Items of a run whose sort key begins like this, in the order of these."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": items.run_key(run_id)["pk"], ":prefix": {"S": prefix}},
            **asked,
        )
        return [item for page in pages for item in page["Items"]]

    def _checkpoints(self, keys: Sequence[Item]) -> list[Checkpoint]:
        found = self._get_all(keys)
        overflow = [key for item in found for key in overflow_keys(item)]
        parts = {one["sk"]["S"]: one["content"]["B"] for one in self._get_all(overflow)}
        return [items.checkpoint_from(whole(item, parts)) for item in found]

    def _with_sets_apart(self, checkpoint: Checkpoint) -> tuple[Item, Checkpoint]:
        """A checkpoint's item, of which the sets that have no room in it are written already."""
        item, parts, checkpoint = parted(checkpoint, items.checkpoint_item(checkpoint, self._once))
        for part in parts:
            self._put(part)
        return item, checkpoint

    def _let_expire(self, before: Checkpoint, after: Checkpoint) -> None:
        """Sets that nothing names any more are left to TTL, so that whoever read the checkpoint before finds them."""
        moment = str(int((after.read_at or after.cursor).timestamp()))
        try:
            for key in left_over(before, after):
                self._client.update_item(
                    TableName=self._table,
                    Key=key,
                    UpdateExpression="SET expires_at = :moment",
                    ExpressionAttributeValues={":moment": {"N": moment}},
                )
        except ClientError as exc:
            if exc.response["Error"]["Code"] not in ALL_CROWDED:  # else an item too many stays, as after a crash
                raise

    def _get_all(self, keys: Sequence[Item]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        waiting = list(keys)
        for _ in range(MAX_ROUNDS + len(keys) // MAX_KEYS):
            if not waiting:
                return found
            batch, waiting = waiting[:MAX_KEYS], waiting[MAX_KEYS:]
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": batch, "ConsistentRead": True}})
            found += answer["Responses"].get(self._table, [])
            if self._table in answer["UnprocessedKeys"]:
                waiting += answer["UnprocessedKeys"][self._table]["Keys"]
        raise NotifierError(f"DynamoDB left {len(waiting)} items unread: is the table throttled?")


def lease_time(moment: datetime) -> str:
    """A moment as text of one fixed width, so that texts compare as moments do."""
    return moment.isoformat(timespec="milliseconds")
