"""The store and the topic in memory. They pass the same contract tests as the real ones (tests/contract)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from benchmarks.fakes.aws import MAX_ITEM_BYTES
from benchmarks.fakes.expressions import holds
from testmo_notifier.adapters import held as held_adapter
from testmo_notifier.adapters import items
from testmo_notifier.adapters.overflow import left_over, overflow_keys, parted, whole
from testmo_notifier.adapters.silences import SILENCES
from testmo_notifier.adapters.topic import attributes
from testmo_notifier.adapters.transaction import MAX_ACTIONS, Action, key_of, lost
from testmo_notifier.errors import LeaseTaken, LostRace, TooLarge, Unpublished
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
    Notification,
    Outgoing,
    ProjectState,
    Sent,
    Silence,
    is_known,
    unmarked,
)
from tools.ops.silence_asked import pack_silence

FAR_AWAY = datetime(9999, 1, 1, tzinfo=UTC)


def marks_key(run_id: int) -> str:
    """The key of the marks that this run's is among."""
    return str(items.marks_key(run_id)["pk"]["S"])


class MemoryStore:
    """Keeps items exactly as DynamoDB would get them, so that what cannot be stored cannot be tested away."""

    def __init__(self, holder: str = "poller") -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.holder = holder
        self.lock = Lock()
        self.written: list[str] = []  # the keys, in the order of the writes
        self.names: defaultdict[tuple[str, int], dict[int, str]] = defaultdict(dict)
        self.progress: dict[tuple[str, int], CaseProgress] = {}
        self.told: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)

    def as_seen_by(self, holder: str) -> MemoryStore:
        """The same table, used by another process."""
        other = copy(self)
        other.holder = holder
        return other

    def take_lease(self, now: datetime, duration: timedelta) -> Control:
        control = self.items.setdefault("CONTROL", {})
        lease = control.get("lease")
        if lease is not None and lease["holder"] != self.holder and lease["until"] >= now:
            raise LeaseTaken(lease["until"])
        control["lease"] = {"holder": self.holder, "until": now + duration}
        return items.control_from(control)

    def save_control(self, control: Control, *, release: bool) -> None:
        lease = self.items["CONTROL"].get("lease")
        if lease is None or lease["holder"] != self.holder:
            raise LostRace("the lease went to another poller")
        beside: dict[str, Any] = {
            name: self.items["CONTROL"][name] for name in (SILENCES, items.BOTS) if name in self.items["CONTROL"]
        }
        self.items["CONTROL"] = {**beside, **items.control_values(control), **({} if release else {"lease": lease})}
        self.written.append("CONTROL")

    def put_silence(self, silence: Silence) -> None:
        """As somebody's `testmo-notifier silence` does."""
        there = self.items.setdefault("CONTROL", {}).setdefault(SILENCES, {"M": {}})
        there["M"][silence.id] = {"S": pack_silence(silence)}

    def put_bots(self, *destinations: str) -> None:
        """As the Slack function does."""
        there = self.items.setdefault("CONTROL", {}).setdefault(items.BOTS, {"SS": []})
        there["SS"] = sorted({*there["SS"], *destinations})

    def checkpoints(self, run_ids: Iterable[int]) -> dict[int, Checkpoint]:
        found = [self.items.get(f"RUN#{run_id}") for run_id in run_ids]
        return {c.run_id: c for c in (self._checkpoint(item) for item in found if item)}

    def projects(self, project_ids: Iterable[int]) -> dict[int, ProjectState]:
        found = [self.items.get(f"PROJECT#{project_id}") for project_id in project_ids]
        return {p.project_id: p for p in (items.project_from(item) for item in found if item)}

    def pending(self) -> list[Checkpoint]:
        found = [self._checkpoint(item) for item in self.items.values() if item.get("pending") == {"S": items.PENDING}]
        return sorted(found, key=lambda checkpoint: checkpoint.run_id)

    def marks(self, run_ids: Iterable[int]) -> dict[int, bytes]:
        found = [self.items.get(key, {}) for key in {marks_key(run_id) for run_id in run_ids}]
        return {run_id: mark for item in found for run_id, mark in items.marks_from(item).items()}

    def commit(self, checkpoint: Checkpoint, mark: MarkOf = unmarked, held: Sequence[Change] = ()) -> Checkpoint:
        written = replace(checkpoint, version=checkpoint.version + 1)
        item, parts, written = parted(written, items.checkpoint_item(written))
        for part in parts:
            self._put_part(part)
        run_id, made = checkpoint.run_id, mark(written)
        self._put(f"RUN#{run_id}", checkpoint.version, dict(item), held_adapter.writes_of(held))
        with self.lock:
            others = {name: of for name, of in self.items.get(marks_key(run_id), {}).items() if name != str(run_id)}
            self.items[marks_key(run_id)] = {**others, **({str(run_id): {"B": made}} if made else {})}
        for key in left_over(checkpoint, written):
            self._drop(key)
        return written

    def commit_project(self, state: ProjectState) -> ProjectState:
        written = replace(state, version=state.version + 1)
        self._put(f"PROJECT#{state.project_id}", state.version, dict(items.project_item(written)))
        return written

    def clear(
        self, checkpoint: Checkpoint, handed_over: Sequence[Outgoing], *, at: datetime, mark: MarkOf = unmarked
    ) -> Checkpoint:
        written = self.commit(checkpoint.after(handed_over), mark)
        sent = items.sent_of(checkpoint.run_id, handed_over, at)
        self.told[written.run_id] += [dict(items.sent_item(sent, f"{written.version:08d}"))] if sent else []
        return written

    def held_of(self, run_id: int) -> list[Held]:
        prefix = f"RUN#{run_id}/{held_adapter.HELD}"
        found = [item for key, item in sorted(self.items.items()) if key.startswith(prefix)]
        return [held_adapter.held_from(item) for item in found if is_known(held_adapter.cause_of(item))]

    def held_until(self, moment: datetime | None) -> tuple[list[HeldKey], list[Envelope]]:
        asked = held_adapter.until(moment)
        found = [item for item in self.items.values() if holds(asked, item, "KeyConditionExpression")]
        due, keys = held_adapter.sorted_out(found)
        envelopes = list(filter(None, (held_adapter.readable_envelope(self.items[address(key)]) for key in keys)))
        return due, sorted(envelopes, key=lambda one: (one.since, one.id))

    def held(self, keys: Sequence[HeldKey]) -> list[Held]:
        wanted = dict.fromkeys(address(held_adapter.held_key(key)) for key in keys)
        return [held_adapter.held_from(self.items[key]) for key in wanted if key in self.items]

    def release(self, changes: Sequence[Change], envelope: Envelope | None = None) -> None:
        self._transact([*held_adapter.writes_of(changes), *([held_adapter.new_envelope(envelope)] if envelope else [])])

    def clear_envelope(self, envelope: Envelope, handed_over: Sequence[Outgoing], *, at: datetime) -> Envelope:
        rest, (write, *sent) = held_adapter.cleared(envelope, handed_over, at)
        self._transact([write])
        for item in map(key_of, sent):
            self.told[int(item["pk"]["S"].removeprefix("RUN#"))].append(dict(item))
        return rest

    def sent(self, run_id: int) -> list[Sent]:
        found = [sent for item in self.told[run_id] for sent in items.sent_from(item)]
        return sorted(found, key=lambda sent: sent.at)

    def case_names(self, project_id: int, case_ids: Collection[int], of: str = CASES) -> dict[int, str]:
        names = self.names[of, project_id]
        return {case_id: names[case_id] for case_id in case_ids if case_id in names}

    def save_case_names(self, project_id: int, names: Mapping[int, str], of: str = CASES) -> None:
        self.names[of, project_id] |= names

    def case_progress(self, project_id: int, of: str = CASES) -> CaseProgress:
        return self.progress.get((of, project_id), CaseProgress())

    def save_case_progress(self, project_id: int, progress: CaseProgress, of: str = CASES) -> None:
        self.progress[of, project_id] = progress

    def _checkpoint(self, item: Mapping[str, Any]) -> Checkpoint:
        parts = [self.items[address(key)] for key in overflow_keys(item) if address(key) in self.items]
        return items.checkpoint_from(whole(item, {part["sk"]["S"]: part["content"]["B"] for part in parts}))

    def _put_part(self, part: Mapping[str, Any]) -> None:
        self.items[address(part)] = dict(part)

    def _drop(self, key: Mapping[str, Any]) -> None:
        self.items.pop(address(key), None)

    def _put(self, key: str, version: int, item: dict[str, Any], others: Sequence[Action] = ()) -> None:
        with self.lock:
            stored = self.items.get(key)
            if (int(stored["version"]["N"]) if stored else 0) != version:
                raise LostRace(f"{key} was written by another poller meanwhile")
            self._check(others, room=MAX_ACTIONS - 2)
            self._do(others)
            self.items[key] = item
            self.written.append(key)

    def _transact(self, actions: Sequence[Action]) -> None:
        with self.lock:
            self._check(actions)
            self._do(actions)

    def _check(self, actions: Sequence[Action], room: int = MAX_ACTIONS) -> None:
        if len(actions) > room:
            raise TooLarge(f"{len(actions)} writes belong together")
        assert len({address(key_of(action)) for action in actions}) == len(actions), "one item twice in a transaction"
        for action in actions:
            (asked,) = action.values()
            if not holds(asked, self.items.get(address(key_of(action)), {})):
                raise lost(key_of(action))
            item: dict[str, Any] = dict(key_of(action))
            if sum(len(*value.values()) for value in item.values()) > MAX_ITEM_BYTES:
                raise TooLarge(f"{key_of(action)['pk']['S']} is larger than DynamoDB takes (400 KB)")

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            key = address(key_of(action))
            self.items.pop(key, None)
            if "Put" in action:
                self.items[key] = dict(action["Put"]["Item"])
            self.written.append(key)


def address(key: Mapping[str, Any]) -> str:
    """Where an item of a run is kept, that is not its checkpoint."""
    return f"{key['pk']['S']}/{key['sk']['S']}"


class WithoutLease(MemoryStore):
    """The table of a world in which leases do not work."""

    def take_lease(self, now: datetime, duration: timedelta) -> Control:
        self.items.get("CONTROL", {}).pop("lease", None)
        return super().take_lease(now, duration)

    def save_control(self, control: Control, *, release: bool) -> None:
        self.items["CONTROL"]["lease"] = {"holder": self.holder, "until": FAR_AWAY}
        super().save_control(control, release=release)


class MemoryTopic:
    """Takes notifications, but none of the `refused`: destinations, or ids."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        self.refused: set[str] = set()
        self.calls: list[int] = []  # how many came together

    def publish(self, notification: Notification) -> None:
        notification.message.encode()  # as boto does: what has no UTF-8 is not sent
        given = "".join(one["StringValue"] for one in attributes(notification).values())
        if {
            notification.destination,
            notification.id,
        } & self.refused or not given.isascii():  # SNS takes no emoji there
            raise Unpublished(f"SNS did not take a message for {notification.destination}")
        self.notifications.append(notification)

    def publish_all(self, notifications: Sequence[Notification]) -> list[Unpublished | None]:
        self.calls.append(len(notifications))
        return list(map(self._said, notifications))

    def _said(self, notification: Notification) -> Unpublished | None:
        try:
            self.publish(notification)
        except Unpublished as exc:
            return exc
        return None
