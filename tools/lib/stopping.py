"""Ctrl-C and SIGTERM: the first one asks to finish, the second one stops at once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Final, Self

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class StoppedAtOnce(BaseException):
    """Stop without finishing; `status` is the exit status that shells expect after this signal."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        super().__init__(number)


class Stopping:
    """Listens for the signals while it is entered. `is_patient` says whether there is anything to finish yet."""

    def __init__(self, announce: Callable[[], None] = lambda: None) -> None:
        self.is_patient = False
        self.is_asked = False
        self._announce = announce

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.is_asked or not self.is_patient:
            raise StoppedAtOnce(number)
        self.is_asked = True
        self._announce()
