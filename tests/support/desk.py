"""The desk where outboxes are handed over: everything in memory, and a clock that moves by sleeping."""
# ruff: noqa: ANN401 - what a test gives is handed on

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from testmo_notifier.channels.registry import CHANNELS
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import Checkpoint, Envelope, Outgoing
from testmo_notifier.polling.handover import HandOver
from tests.support.factories import START, make_checkpoint, make_outgoing
from tests.support.memory import MemoryStore, MemoryTopic


class Desk:
    """A hand-over with everything in memory and a clock that moves by sleeping."""

    def __init__(self, *, store: MemoryStore | None = None, **given: Any) -> None:
        self.now = START
        self.sleeps: list[float] = []
        self.store, self.topic = store or MemoryStore(), MemoryTopic()
        values = {"renderer": Renderer(ZoneInfo("UTC")), "seconds_left": lambda: 60.0, "gone_out": set()}
        values |= {name: given.pop(name) for name in values.keys() & given.keys()}
        parts: Any = SimpleNamespace(
            channels=tuple(CHANNELS),
            store=self.store,
            topic=self.topic,
            now=lambda: self.now,
            sleep=self.sleep,
            **values,
        )
        self.hand_over = HandOver(parts, **given)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(round(seconds, 3))
        self.now += timedelta(seconds=seconds)

    def commit(self, run_id: int, *destinations: str) -> Checkpoint:
        outbox = tuple(make_outgoing(destination=name, id=f"{run_id}-{name}") for name in destinations)
        return self.store.commit(make_checkpoint(run_id, outbox=outbox))

    def seal(self, key: str, outgoing: Outgoing) -> None:
        """What was held of several runs is on its way."""
        envelope = Envelope(key, (outgoing,), START, order=41_000)
        self.store.release([], envelope)
        self.hand_over.publish_envelope(replace(envelope, version=1))

    @property
    def sent(self) -> list[str]:
        return [notification.id for notification in self.topic.notifications]
