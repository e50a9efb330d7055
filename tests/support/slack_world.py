"""Hours of the Slack function in a second: the real use case between a queue, a table and a Slack on virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from testmo_notifier.channels.slack.transport import TRANSPORT
from testmo_notifier.delivery.deliver import Outcome, deliver
from testmo_notifier.delivery.effects import Effects
from testmo_notifier.delivery.pacing import Slot
from testmo_notifier.errors import DeliveryDelayed, Problem, WrongValue
from testmo_notifier.model import Pace, QueuedMessage, Receipt
from tests.support.virtual_time import VirtualTime

INVOCATIONS = 2  # MaximumConcurrency in template.yaml
BATCH = 10  # BatchSize
VISIBILITY_SECONDS = 90
TIMEOUT_SECONDS = 60


@dataclass
class World:
    """The queue, two invocations, the table and Slack, on virtual time.

    `answer(destination, seconds)` is asked at every post and raises what Slack would, `taste(payload, seconds)` then
    raises what Slack has against this very message; by itself Slack takes one message a second and answers 429 to any
    more. `batch` is how many messages one invocation gets at most: SQS often hands out fewer than it may.
    """

    answer: Callable[[str, float], None] = lambda _destination, _seconds: None
    taste: Callable[[Mapping[str, Any], float], None] = lambda _payload, _seconds: None
    batch: int = BATCH
    addresses: Mapping[str, str] = field(
        default_factory=lambda: {"default": "slack:default", "payments": "slack:payments"}
    )
    time: VirtualTime = field(default_factory=VirtualTime)
    visible_at: dict[str, float] = field(default_factory=dict)
    messages: dict[str, QueuedMessage] = field(default_factory=dict)
    paces: dict[str, Pace] = field(default_factory=dict)
    posts: list[tuple[float, str, str]] = field(default_factory=list)
    delivered_at: dict[str, float] = field(default_factory=dict)
    receives: dict[str, int] = field(default_factory=dict)
    throttled: int = 0
    parked: list[str] = field(default_factory=list)

    def put(self, key: str, *, destination: str = "slack:default", at: float = 0) -> None:
        body = json.dumps({"text": key, "blocks": [{"type": "divider"}]})
        self.messages[key] = QueuedMessage(key, key, 0, body, id=key, destination=destination)
        self.visible_at[key] = at

    def run(self, seconds: float) -> None:
        for index in range(INVOCATIONS):
            self.time.spawn(self._poll, after=index / 100)
        self.time.run(seconds)

    def _poll(self) -> None:
        while self.messages:
            now = self.time.seconds()
            due = sorted((at, key) for key, at in self.visible_at.items() if at <= now)[: self.batch]
            if due:
                self._invoke([key for _, key in due])
            else:
                self.time.sleep(min(20.0, max(0.05, min(self.visible_at.values()) - now)))

    def _invoke(self, keys: list[str]) -> None:
        batch = []
        for key in keys:
            self.receives[key] = self.receives.get(key, 0) + 1
            self.visible_at[key] = self.time.seconds() + VISIBILITY_SECONDS
            batch.append(replace(self.messages[key], receives=self.receives[key]))
        started = self.time.seconds()
        outcomes: list[Outcome] = list(
            deliver(
                batch,
                Effects(
                    transports={"slack": TRANSPORT},
                    addresses=lambda _channel, _fresh: self.addresses,
                    post=self._post,
                    change_pace=self._change_pace,
                    once=self._once,
                    hide=self._hide,
                    park=lambda message, _reason: self.parked.append(message.id),
                    now=lambda: self.time.now,
                    sleep=self.time.sleep,
                    seconds_left=lambda: TIMEOUT_SECONDS - (self.time.seconds() - started),
                ),
            )
        )
        assert self.time.seconds() - started < TIMEOUT_SECONDS
        for outcome in outcomes:
            if outcome.end != "returned":
                del self.messages[outcome.message.id], self.visible_at[outcome.message.id]

    def _once(self, message: QueuedMessage, send: Callable[[], Receipt]) -> Receipt:
        receipt = send()
        assert message.id not in self.delivered_at
        self.delivered_at[message.id] = self.time.seconds()
        return receipt

    def _change_pace(self, destination: str, decide: Callable[[Pace], tuple[Pace, Slot]]) -> Slot:
        self.time.sleep(0.005)
        self.paces[destination], turn = decide(self.paces.get(destination, Pace()))
        return turn

    def _hide(self, message: QueuedMessage, seconds: float) -> None:
        self.visible_at[message.id] = self.time.seconds() + int(seconds + 0.999999)  # SQS knows whole seconds only

    def _post(self, _channel: str, url: str, payload: str) -> None:
        self.time.sleep(0.05)
        arrived = self.time.seconds()
        self.answer(url, arrived)
        self.taste(json.loads(payload), arrived)
        if any(arrived - at < 0.999 for at, destination, end in self.posts if destination == url and end == "ok"):
            self.throttled += 1
            self.posts.append((arrived, url, "429"))
            raise DeliveryDelayed("429", reason="throttled", retry_after_seconds=1)
        self.posts.append((arrived, url, "ok"))
        self.time.sleep(0.15)


def good_webhooks(secret: str) -> dict[str, str]:
    """The webhooks of a secret without a fault; raises `WrongValue` with everything that is wrong."""
    webhooks, problems = TRANSPORT.read_secret(secret)
    if problems or not webhooks:
        raise WrongValue.of(problems or [Problem("holds no address", "store one")])
    return webhooks
