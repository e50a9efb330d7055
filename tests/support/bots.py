"""Bots at a Slack in memory: the real deliveries between a queue, a table and a workspace, killed where one likes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from unittest.mock import patch

from testmo_notifier.adapters.http import Answer
from testmo_notifier.adapters.topic import attributes
from testmo_notifier.channels.channel import Conversation
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack import web_api
from testmo_notifier.channels.slack.secret import Bot
from testmo_notifier.channels.slack.transport import TRANSPORT
from testmo_notifier.delivery.deliver import Outcome, deliver
from testmo_notifier.delivery.effects import Effects
from testmo_notifier.delivery.pacing import Slot
from testmo_notifier.model import Attribute, Digest, Notification, Pace, QueuedMessage, Receipt
from tests.support.factories import make_outgoing
from tools.inbox.workspace import Posted, Workspace

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BOT = Bot("xoxb-1", "C012AB3CD")
DESTINATION = "slack:default"


class Killed(BaseException):
    """The function ends here, in the middle."""


def make_message(digest: Digest, id: str, order: int, destination: str = DESTINATION) -> QueuedMessage:  # noqa: A002 - the field's name
    """A digest on its way through the real renderer and the real topic's attributes."""
    return queued(replace(Renderer(UTC).notification(make_outgoing(digest, destination, id)), order=order))


def queued(told: Notification) -> QueuedMessage:
    """A notification as it comes out of the queue."""
    given = {name: Attribute(name, one["DataType"], one["StringValue"]) for name, one in attributes(told).items()}
    return QueuedMessage(
        f"sqs-{told.id}",
        told.id,
        1,
        told.message,
        attributes=tuple(given.values()),
        id=told.id,
        destination=told.destination,
        run_id=str(told.run_id),
    )


@dataclass
class Bots:
    """A table, a workspace, a clock. `kill_at` counts effects (calls of Slack, writes of state and records)."""

    workspace: Workspace = field(default_factory=Workspace)
    bot: Bot = BOT
    webhook: str = ""  # what the secret names instead
    cached: Bot | None = None  # what was read of it before it named `bot`
    now: datetime = NOW
    states: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    paces: dict[str, Pace] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)
    parked: dict[str, str] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    kill_at: int = -1
    between: Callable[[str], None] = lambda _what: None
    effects_done: int = 0

    def run(self, *messages: QueuedMessage) -> list[Outcome]:
        """One invocation."""
        with patch.object(web_api, "ask", self._ask):
            return list(deliver(messages, self.effects()))

    def settle(self, *messages: QueuedMessage, most: int = 40) -> None:
        """Invocations until nothing is left; a kill ends one of them."""
        left = list(messages)
        for times in count(2):
            assert times < most, "it never ends"
            try:
                outcomes = self.run(*left)
            except Killed:
                self.now += timedelta(seconds=90)  # the visibility time-out
            else:
                left = [outcome.message for outcome in outcomes if outcome.end == "returned"]
                self.now += timedelta(seconds=max([1.0, *(one.seconds for one in outcomes)]))
            left = [replace(message, receives=times) for message in left]
            if not left:
                return

    def texts(self) -> list[str]:
        """The first lines of what stands in the channel, replies with a dash."""
        lines = [(one.thread_ts, one.payload["text"].split("\n")[0]) for one in self.visible()]
        return [("- " if thread else "") + re.sub(r"<[^|>]+\|([^>]+)>", r"\1", line) for thread, line in lines]

    def visible(self) -> list[Posted]:
        """What nobody deleted."""
        return [one for one in self.workspace.messages if not one.is_deleted]

    def effects(self) -> Effects:
        """The effects of one invocation."""
        return Effects(
            transports={"slack": TRANSPORT},
            addresses=self._addresses,
            post=lambda _channel, address, payload: TRANSPORT.post(None, address, payload, self.now),  # type: ignore[arg-type]
            conversation=self._conversation,
            forget=self.forgotten.append,
            change_pace=self._change_pace,
            once=self._once,
            hide=lambda _message, _seconds: None,
            park=lambda message, reason: self.parked.update({message.id: reason}),
            now=lambda: self.now,
            sleep=self._sleep,
            seconds_left=lambda: 60.0,
        )

    def _effect(self, what: str) -> None:
        self.between(what)
        self.effects_done += 1
        if self.effects_done == self.kill_at:
            raise Killed

    def _addresses(self, _channel: str, fresh: bool) -> dict[str, str]:  # noqa: FBT001 - the field has no names
        self.cached = None if fresh else self.cached
        return {"default": self.webhook or (self.cached or self.bot).as_address()}

    def _conversation(self, message: QueuedMessage, address: str) -> Conversation | None:
        def change(decide: Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], Any]]) -> Any:  # noqa: ANN401 - whatever it decides
            key = (message.destination, message.run_id)
            before = self.states.get(key, {})
            changed, decision = decide(copy.deepcopy(before))
            if changed != before:
                self._effect("before a write")
                self.states[key] = json.loads(json.dumps(changed))
                self._effect("after a write")
            return decision

        return TRANSPORT.conversation(None, address, message, change, lambda: self.now)  # type: ignore[arg-type]

    def _ask(self, _pool: object, bot: Bot, method: str, values: Mapping[str, object], **_given: object) -> Answer:
        self._effect(f"before {method}")
        path, _, query = method.partition("?")
        told = self.workspace.handle(path, query, f"Bearer {bot.token}", json.dumps(values).encode())
        self._effect(f"after {method}")
        return Answer(told.status, told.body, {key.lower(): value for key, value in told.headers.items()})

    def _change_pace(self, key: str, decide: Callable[[Pace], tuple[Pace, Slot]]) -> Slot:
        self.paces[key], turn = decide(self.paces.get(key, Pace()))
        return turn

    def _once(self, message: QueuedMessage, send: Callable[[], Receipt]) -> Receipt | None:
        if message.id in self.delivered:
            return None
        receipt = send()
        self._effect("before the record")
        self.delivered.add(message.id)
        self._effect("after the record")
        return receipt

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)
