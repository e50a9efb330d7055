"""What arrived, in order, and a way to wait for more."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Condition
from typing import Final, Literal

Kind = Literal["slack", "email", "event"]
MAX_ENTRIES: Final = 500  # more than a person looks through; a `local` that runs for weeks must not grow


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that arrived; `number` counts from 1 and is never used twice. `content` is what its kind is drawn from.

    slack: `payload`, and of a bot's message `post`, see `Inbox`. email: `subject`, `sender`, `to`, `body`. event:
    `body`, the JSON as it was published.

    What can change later (an edited message) has a `key`; `changed` counts with `number`, and is the same at first.
    """

    number: int
    kind: Kind
    at: datetime
    content: Mapping[str, object]
    changed: int
    key: str = ""

    def as_json(self) -> dict[str, object]:
        """What the page gets."""
        told = {"number": self.number, "changed": self.changed, "kind": self.kind, "at": self.at.isoformat()}
        return {**told, **self.content}


class Entries:
    """The last `MAX_ENTRIES`, for many threads. `session` tells a page that it talks to another inbox than before."""

    def __init__(self) -> None:
        self.session = secrets.token_hex(8)
        self._kept: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._last = 0
        self._is_closed = False
        self._changed = Condition()

    def put(self, kind: Kind, at: datetime, content: Mapping[str, object], key: str = "") -> None:
        """Keep one, in the place of the one with this key if there is one, and tell whoever waits."""
        with self._changed:
            self._last += 1
            index = next((index for index, entry in enumerate(self._kept) if key and entry.key == key), None)
            if index is None:
                self._kept.append(Entry(self._last, kind, at, content, self._last, key))
            else:
                self._kept[index] = replace(self._kept[index], content=content, changed=self._last)
            self._changed.notify_all()

    def after(self, change: int, *, seconds: float = 0.0) -> list[Entry]:
        """Those that arrived or changed later, oldest first; if there are none, wait so long for one."""
        with self._changed:
            self._changed.wait_for(lambda: self._last > change or self._is_closed, timeout=seconds)
            return [entry for entry in self._kept if entry.changed > change]

    def close(self) -> None:
        """Let everybody go who waits."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
