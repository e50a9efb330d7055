"""What the state says, read without taking part: no lease, no write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

from testmo_notifier.adapters import destinations, items
from testmo_notifier.adapters.store import Store
from testmo_notifier.model import Checkpoint, Control, Outgoing, Pace, ProjectState, Sent
from tools.ops.account import Account

NOT_THE_BULK: Final = (  # case names, deliveries and what was sent are most of the table
    "(begins_with(pk, :run) AND sk = :checkpoint) OR begins_with(pk, :project) OR pk = :control"
)
SCAN_SEGMENT_ITEMS: Final = 1_000
READER: Final = "command"  # the lease is never taken under this name

Item = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lease:
    """Who polls, and until when nobody else may."""

    holder: str
    until: datetime


@dataclass(frozen=True, slots=True)
class State:
    """Everything but case names, deliveries and what was sent. `unreadable`: items nobody understands, and why."""

    control: Control
    lease: Lease | None
    projects: Mapping[int, ProjectState] = field(default_factory=dict)
    checkpoints: Mapping[int, Checkpoint] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def outboxes(self) -> list[Checkpoint]:
        """Runs with messages that wait to be handed over."""
        return [checkpoint for checkpoint in self.checkpoints.values() if checkpoint.outbox]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Slack took a message: when, and in which form."""

    at: str
    form: str


def store(account: Account, holder: str = READER) -> Store:
    """The state, for whoever writes, too."""
    return Store(account.dynamodb, account.stack.table, holder=holder)


def control(account: Account) -> tuple[Control, Lease | None]:
    """What the poller keeps about itself."""
    key = items.CONTROL_KEY
    answer = account.dynamodb.get_item(TableName=account.stack.table, Key=key, ConsistentRead=True)
    return control_of(answer.get("Item", {}))


def control_of(item: Mapping[str, Any]) -> tuple[Control, Lease | None]:
    """The control item with its lease."""
    if "lease_until" not in item:
        return items.control_from(item), None
    until = datetime.fromisoformat(item["lease_until"]["S"])
    return items.control_from(item), Lease(item["lease_holder"]["S"], until)


def state(account: Account, progress: Callable[[str], None] = lambda _: None) -> State:
    """Read the whole table once."""
    kept, lease = Control(), None
    projects: dict[int, ProjectState] = {}
    checkpoints: dict[int, Checkpoint] = {}
    values: dict[str, Any] = {
        ":run": {"S": "RUN#"},
        ":checkpoint": {"S": "CHECKPOINT"},
        ":project": {"S": "PROJECT#"},
        ":control": {"S": "CONTROL"},
    }
    unreadable: dict[str, str] = {}
    for item in scan(account, NOT_THE_BULK, values, progress):
        kind = item["pk"]["S"].partition("#")[0]
        if kind == "RUN":
            checkpoint = understood(partial(whole_checkpoint, account), item, unreadable)
            if checkpoint:
                checkpoints[checkpoint.run_id] = checkpoint
        elif kind == "PROJECT":
            project = understood(items.project_from, item, unreadable)
            if project:
                projects[project.project_id] = project
        else:
            kept, lease = understood(control_of, item, unreadable) or (kept, lease)
    return State(kept, lease, dict(sorted(projects.items())), dict(sorted(checkpoints.items())), unreadable)


def whole_checkpoint(account: Account, item: Item) -> Checkpoint:
    """A checkpoint; the scan leaves out the sets that have items of their own."""
    checkpoint = items.checkpoint_from(item)
    return store(account).checkpoints([checkpoint.run_id])[checkpoint.run_id] if checkpoint.overflow else checkpoint


def hidden_projects(state: State) -> list[ProjectState]:
    """Those that Testmo lists and does not let the token's user look into. One that it lists no more may be deleted."""
    return [p for p in state.projects.values() if p.gone_at and p.project_id in state.control.looked.projects]


def understood(read: Callable[[Item], T], item: Item, unreadable: dict[str, str]) -> T | None:
    """What an item says; one that nobody understands is put down, with the kind of trouble and none of its words."""
    try:
        return read(item)
    except Exception as exc:  # noqa: BLE001 - whatever somebody wrote there by hand
        unreadable[f"{item['pk']['S']} / {item['sk']['S']}"] = type(exc).__name__
        return None


def all_sent(account: Account, progress: Callable[[str], None] = lambda _: None) -> list[Sent]:
    """Everything that was published in the last 30 days, oldest first."""
    values = {":run": {"S": "RUN#"}, ":sent": {"S": items.SENT}}
    found = scan(account, "begins_with(pk, :run) AND begins_with(sk, :sent)", values, progress)
    return those_understood(found, progress)


def sent_of_run(account: Account, run_id: int, progress: Callable[[str], None] = lambda _: None) -> list[Sent]:
    """The same of one run, which is quicker."""
    pages = account.dynamodb.get_paginator("query").paginate(
        TableName=account.stack.table,
        KeyConditionExpression="pk = :run AND begins_with(sk, :sent)",
        ExpressionAttributeValues={":run": {"S": f"RUN#{run_id}"}, ":sent": {"S": items.SENT}},
    )
    return those_understood((item for page in pages for item in page["Items"]), progress)


def those_understood(found: Iterable[Item], progress: Callable[[str], None]) -> list[Sent]:
    """What was sent, oldest first; says which items nobody understands."""
    unreadable: dict[str, str] = {}
    sent = [one for item in found for one in understood(items.sent_from, item, unreadable) or ()]
    for name, why in unreadable.items():
        progress(f"the item {name} cannot be understood ({why}); it is left out")
    return sorted(sent, key=lambda one: one.at)


def scan(
    account: Account, condition: str, values: Mapping[str, Any], progress: Callable[[str], None]
) -> Iterator[Mapping[str, Any]]:
    """Every item that fits a condition. Says now and then how far it is."""
    looked, told = 0, 0
    pages = account.dynamodb.get_paginator("scan").paginate(
        TableName=account.stack.table, FilterExpression=condition, ExpressionAttributeValues=values
    )
    for page in pages:
        yield from page["Items"]
        looked += page["ScannedCount"]
        if looked - told >= SCAN_SEGMENT_ITEMS:
            told = looked
            progress(f"looked at {looked} items of the table")


def delivery(account: Account, destination: str, notification_id: str) -> Delivery | None:
    """The record of a delivery; None while there is none.

    The key is the one Powertools Idempotency makes of what `adapters.idempotency` gives it.
    """
    data = json.dumps({"id": notification_id, "destination": destination}, sort_keys=True)
    digest = hashlib.sha256(data.encode()).hexdigest()
    key: Any = {"pk": {"S": f"DELIVERY#{destination}"}, "sk": {"S": f"{destination.partition(':')[0]}#{digest}"}}
    found = account.dynamodb.get_item(TableName=account.stack.table, Key=key, ConsistentRead=True).get("Item", {})
    if found.get("status", {}).get("S") != "COMPLETED":
        return None
    told = json.loads(found["data"]["S"])
    return Delivery(told["at"], told["form"])


def pace(account: Account, gate: str) -> Pace:
    """How a webhook fares, or a bot's channel, see `pacing.gate_of`."""
    found: list[Pace] = []

    def look(now: Pace) -> tuple[Pace, None]:
        found.append(now)
        return now, None

    destinations.change_pace(account.dynamodb, account.stack.table, gate, look)  # an unchanged one is not written
    return found[-1]


def waiting(checkpoint: Checkpoint) -> Iterator[tuple[Outgoing, frozenset[int]]]:
    """What waits in an outbox to be told, each with the keys of its results."""
    for outgoing in (one for one in checkpoint.outbox if not one.digest.is_silent):
        named = frozenset(result.id for result in outgoing.digest.results if result.id is not None)
        yield outgoing, outgoing.digest.keys or named
