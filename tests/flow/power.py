"""Counts every effect of a poll (requests, reads and writes of the store, messages) and strikes before one of them.

Hundreds of polls are played this way, so the requests go to the simulator without a socket in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from threading import RLock
from typing import Any, TypeVar
from urllib.parse import urlsplit

from testmo_notifier.poll import poll
from testmo_notifier.polling.report import Report
from tests.support.story import Story
from tools.simulator.loopback import Received

T = TypeVar("T")


class PowerCut(BaseException):
    """The process is gone; nothing of it has any effect any more."""


class Power:
    """What a poll runs on. Before effect number `at`, that is also after the one before it, `strike` happens once."""

    def __init__(self, at: int | None = None, *, strike: Callable[[], None] | None = None) -> None:
        self.effects: list[str] = []
        self.is_cut = False
        self.struck: str | None = None
        self._at = at
        self._strike = strike or self._cut
        self._lock = RLock()

    def effect(self, name: str, do: Callable[[], T]) -> T:
        if self.is_cut:
            raise PowerCut
        with self._lock:
            number = len(self.effects)
            self.effects.append(name)
        if number == self._at:
            self.struck = name
            self._strike()
        return do()

    def _cut(self) -> None:
        self.is_cut = True
        raise PowerCut


@dataclass
class Response:
    """What `adapters.http` uses of urllib3's."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read1(self, _most: int) -> bytes:
        piece, self.body = self.body, b""
        return piece

    def release_conn(self) -> None:
        """There is no connection."""

    close = release_conn


class Wire:
    """A connection pool whose other end is the simulator itself."""

    def __init__(self, story: Story) -> None:
        self._story = story

    def urlopen(self, method: str, url: str, *, headers: Mapping[str, str], **_: object) -> Response:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}"
        answer = self._story.testmo._handle(Received(method, target, headers["Authorization"], b"")).answer
        date = format_datetime(self._story.time, usegmt=True)
        return Response(answer.status, {**answer.headers, "Date": date}, answer.body)

    def clear(self) -> None:
        """There is no connection."""


class Powered:
    """Every method of something, as an effect."""

    def __init__(self, real: object, power: Power) -> None:
        self._real = real
        self._power = power

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._real, name)
        return lambda *args, **kwargs: self._power.effect(name, lambda: method(*args, **kwargs))


def powered_poll(story: Story, power: Power) -> Report | None:
    """One poll of a process of its own; None if the power went off in it."""
    story.next_process()
    pool = story.pool
    story.pool = Powered(Wire(story), power)  # type: ignore[assignment]  # it has the one method that is used
    try:
        return poll(story.setup(store=Powered(story.store, power), topic=Powered(story.topic, power)))
    except PowerCut:
        power.is_cut = False  # the next process has power again
        return None
    finally:
        story.pool = pool
