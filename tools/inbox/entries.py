"""What arrived, in order, and a way to wait for more."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Condition
from typing import Final, Literal

Kind = Literal["slack", "email", "event"]
MAX_ENTRIES: Final = 500  # more than a person looks through; a `local` that runs for weeks must not grow


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that arrived; `number` counts from 1 and is never used twice. `content` is what its kind is drawn from.

    slack: `payload`, and `place` where a bot put it anywhere but into the channel. email: `subject`, `sender`, `to`,
    `body`. event: `body`, the JSON as it was published.
    """

    number: int
    kind: Kind
    at: datetime
    content: Mapping[str, object]

    def as_json(self) -> dict[str, object]:
        """What the page gets."""
        return {"number": self.number, "kind": self.kind, "at": self.at.isoformat(), **self.content}


class Entries:
    """The last `MAX_ENTRIES`, for many threads. `session` tells a page that it talks to another inbox than before."""

    def __init__(self) -> None:
        self.session = secrets.token_hex(8)
        self._kept: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._last = 0
        self._is_closed = False
        self._changed = Condition()

    def add(self, kind: Kind, at: datetime, content: Mapping[str, object]) -> None:
        """Keep one, and tell whoever waits."""
        with self._changed:
            self._last += 1
            self._kept.append(Entry(self._last, kind, at, content))
            self._changed.notify_all()

    def after(self, number: int, *, seconds: float = 0.0) -> list[Entry]:
        """Those with a higher number, oldest first; if there are none, wait so long for one."""
        with self._changed:
            self._changed.wait_for(lambda: self._last > number or self._is_closed, timeout=seconds)
            return [entry for entry in self._kept if entry.number > number]

    def close(self) -> None:
        """Let everybody go who waits."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
