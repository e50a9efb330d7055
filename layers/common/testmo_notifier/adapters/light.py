"""Huge JSON made light while it arrives: of a long string its two ends are kept, everything else as it came.

A tester pastes pictures into notes, and a hundred such rows are more than a function can hold. A note without its
middle is a smaller loss than a run that is never read. Both ends, because the words stand before or after the picture:
what is missing is missing inside of it. Nothing here judges whether it is JSON: what was broken stays broken.
"""

from __future__ import annotations

import re
from typing import Final

LIGHT_BYTES: Final = 4 * 1024 * 1024  # an everyday page is far below; up to here strings are kept nearly whole
LONG_BYTES: Final = 256 * 1024  # kept of each end of a string while the page is light
SHORT_BYTES: Final = 32 * 1024  # the same once it is not: a hundred rows of these are below 7 MB
INSIDE: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
# Between two characters, whatever stood before: at an escape that follows no backslash, or beyond the longest escape.
BETWEEN: Final = re.compile(rb"[^\\](?=\\)|[^\\]{6}")


class Lightened:
    """Takes a body in pieces and gives back what is kept of each."""

    def __init__(self) -> None:
        self._kept = 0
        self._is_in_string = False
        self._is_escaped = False  # the next byte belongs to a backslash
        self._limit = LONG_BYTES
        self._room = 0
        self._is_cut = False
        self._end = bytearray()
        self._has_gap = False

    def feed(self, piece: bytes) -> bytes:
        """What is kept of the next piece, and the end of a string that ended in it."""
        kept = bytearray()
        at = 0
        while at < len(piece):
            quote = self._closing_quote(piece, at) if self._is_in_string else piece.find(b'"', at)
            part, at = (piece[at:], len(piece)) if quote < 0 else (piece[at:quote], quote + 1)
            kept += self._of_string(part) if self._is_in_string else part
            if quote < 0:
                break
            kept += self.finish() + b'"'
            self._is_in_string = not self._is_in_string
            self._limit = self._room = LONG_BYTES if self._kept + len(kept) < LIGHT_BYTES else SHORT_BYTES
        self._kept += len(kept)
        return bytes(kept)

    def finish(self) -> bytes:
        """The end of the string that is going on."""
        end = self._last_bytes()
        if self._has_gap:
            between = BETWEEN.search(end)
            end = end[between.end() :] if between else b""
        self._end.clear()
        self._is_cut = self._has_gap = False
        return end

    def _of_string(self, part: bytes) -> bytes:
        """What is kept of a string at once; the rest waits for the string to end."""
        if not self._is_cut:
            between = BETWEEN.search(part, self._room)
            if between is None:
                self._room = max(0, self._room - len(part))
                return part
            self._is_cut = True
            self._end += part[between.end() :]
            part = part[: between.end()]
        else:
            self._end += part
            part = b""
        if len(self._end) > 2 * self._limit:
            self._end[:] = self._last_bytes()
        return part

    def _last_bytes(self) -> bytes:
        self._has_gap = self._has_gap or len(self._end) > self._limit
        return bytes(self._end[-self._limit :])

    def _closing_quote(self, piece: bytes, at: int) -> int:
        """Where the string ends, -1 when not in this piece."""
        inside = INSIDE.match(piece, at + self._is_escaped)
        following = inside.end() if inside else at
        self._is_escaped = following == len(piece) - 1 and piece[following] == ord("\\")
        return following if following < len(piece) and piece[following] == ord('"') else -1
