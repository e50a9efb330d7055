"""The effects of a delivery, scripted; time stands still unless somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from testmo_notifier.channels.slack.transport import TRANSPORT
from testmo_notifier.delivery.deliver import Outcome, deliver
from testmo_notifier.delivery.effects import Effects
from testmo_notifier.delivery.pacing import Slot
from testmo_notifier.model import Pace, QueuedMessage, Receipt

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OLD = "https://hooks.example/old"
NEW = "https://hooks.example/new"
OTHER = "https://hooks.example/other"
BLOCKS = '{"text": "1 failed", "blocks": [{"type": "divider"}], "unfurl_links": false, "unfurl_media": false}'


def make_message(key: str = "a", *, destination: str = "slack:default", receives: int = 1) -> QueuedMessage:
    return QueuedMessage(f"sqs-{key}", key, receives, BLOCKS, id=key, destination=destination)


@dataclass
class Script:
    """What happens at each post, in order (then everything is taken); and what was done."""

    posts: list[Exception] = field(default_factory=list)
    webhooks: list[Mapping[str, str]] = field(default_factory=lambda: [{"default": OLD, "payments": OTHER}])
    delivered: set[str] = field(default_factory=set)
    paces: dict[str, Pace] = field(default_factory=dict)
    seconds_left: float = 60
    secret_error: Exception | None = None
    record_error: Exception | None = None
    pace_error: Exception | None = None
    park_error: Exception | None = None
    posted: list[tuple[str, str]] = field(default_factory=list)
    hidden: dict[str, float] = field(default_factory=dict)
    parked: dict[str, str] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    fresh_reads: int = 0

    def run(self, *messages: QueuedMessage) -> list[Outcome]:
        return list(deliver(messages, self.effects()))

    def effects(self) -> Effects:
        return Effects(
            transports={"slack": TRANSPORT},
            addresses=lambda _channel, fresh: self._webhooks(fresh),
            post=self._post,
            change_pace=self._change_pace,
            once=self._once,
            hide=self._hide,
            park=self._park,
            now=lambda: NOW + timedelta(seconds=sum(self.slept)),
            sleep=self.slept.append,
            seconds_left=lambda: self.seconds_left,
        )

    def _webhooks(self, fresh: bool) -> Mapping[str, str]:  # noqa: FBT001 - the signature that `Effects` asks for
        if self.secret_error is not None:
            raise self.secret_error
        if fresh:
            self.fresh_reads += 1
            self.webhooks = self.webhooks[1:] or self.webhooks
        return self.webhooks[0]

    def _post(self, _channel: str, url: str, payload: str) -> None:
        self.posted.append((url, payload))
        if self.posts:
            raise self.posts.pop(0)

    def _change_pace(self, destination: str, decide: Callable[[Pace], tuple[Pace, Slot]]) -> Slot:
        if self.pace_error is not None:
            raise self.pace_error
        self.paces[destination], turn = decide(self.paces.get(destination, Pace()))
        return turn

    def _once(self, message: QueuedMessage, send: Callable[[], Receipt]) -> Receipt | None:
        if self.record_error is not None:
            raise self.record_error
        if message.id in self.delivered:
            return None
        self.receipts.append(send())
        self.delivered.add(message.id)
        return self.receipts[-1]

    def _hide(self, message: QueuedMessage, seconds: float) -> None:
        self.hidden[message.id] = seconds

    def _park(self, message: QueuedMessage, reason: str) -> None:
        if self.park_error is not None:
            raise self.park_error
        self.parked[message.id] = reason
