"""Huge JSON made light while it arrives: pictures are left out, and the middle of what is too long without them.

A tester pastes pictures into notes, and a hundred such rows are more than a function can hold. A picture is a long run
of characters without a blank, of which the first few are kept, wherever it stands: the words around it come through.
Of a string that is too long all the same, words or a style sheet of megabytes, the two ends are kept. `[…]` stands
where something is missing, so that a loss shows. Nothing here judges whether it is JSON: what was broken stays broken.
"""

from __future__ import annotations

import re
from typing import Final

LIGHT_BYTES: Final = 6 * 1024 * 1024  # an everyday page is far below; up to here strings are kept whole
SHORT_BYTES: Final = 32 * 1024  # kept of each end of a string beyond that: a hundred rows of these are below 7 MB
RUN_BYTES: Final = 256  # a longer run of characters without a blank is no word
GATHER_BYTES: Final = 64 * 1024  # looked at together: where it is cut, a picture may leave another beginning
MARK: Final = rb"[\u2026]"
# A picture's characters; then what some of them become in JSON or in an address, and a line's end between long lines.
PLAIN: Final = rb"[A-Za-z0-9+/=_-]"
OTHER: Final = rb"(?:\\(?:/|u00(?:2[bBfF]|3[dD]))|%%[0-9A-Fa-f]{2}|(?<=%b{60})(?:\\r)?\\n(?=%b{60}))" % (PLAIN, PLAIN)
MORE: Final = re.compile(rb"(?:%b++|%b)*+" % (PLAIN, OTHER))
# Only what may be long is looked at: what begins with 24 plain characters, or holds three of the others.
RUN: Final = re.compile(rb"(?<!%b)(?:%b{24,}+|%b*+(?:%b%b*+){3})%b" % (PLAIN, PLAIN, PLAIN, OTHER, PLAIN, MORE.pattern))
HEAD: Final = re.compile(rb"(?:%b|%b){0,64}+" % (PLAIN, OTHER))  # longer than the longest escape that it may begin in
INSIDE: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
# Between two characters, whatever stood before: at an escape that follows no backslash, or beyond the longest escape.
BETWEEN: Final = re.compile(rb"[^\\](?=\\)|[^\\]{6}")


class Lightened:
    """Takes a body in pieces and gives back what is kept of each."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._kept = 0
        self._run = 0  # how long the run is that the piece before ended in
        self._is_in_string = False
        self._is_escaped = False  # the next byte belongs to a backslash
        self._limit = SHORT_BYTES
        self._room = 0
        self._is_cut = False
        self._end = bytearray()
        self._has_gap = False

    def feed(self, piece: bytes) -> bytes:
        """What is kept of the next pieces, as soon as enough of them are there."""
        self._waiting += piece
        return self._of_waiting() if len(self._waiting) >= GATHER_BYTES else b""

    def finish(self) -> bytes:
        """What is kept of the last pieces."""
        return self._of_waiting() + self._end_of_string()

    def _of_waiting(self) -> bytes:
        """What is kept of what waits, and the end of a string that ended in it."""
        piece = self._without_pictures(bytes(self._waiting))
        self._waiting.clear()
        kept = bytearray()
        at = 0
        while at < len(piece):
            quote = self._closing_quote(piece, at) if self._is_in_string else piece.find(b'"', at)
            part, at = (piece[at:], len(piece)) if quote < 0 else (piece[at:quote], quote + 1)
            kept += self._of_string(part) if self._is_in_string else part
            if quote < 0:
                break
            kept += self._end_of_string() + b'"'
            self._is_in_string = not self._is_in_string
            self._limit = self._room = max(SHORT_BYTES, (LIGHT_BYTES - self._kept - len(kept)) // 2)
        self._kept += len(kept)
        return bytes(kept)

    def _end_of_string(self) -> bytes:
        """The end of the string that is going on."""
        end = self._last_bytes()
        if self._has_gap:
            between = BETWEEN.search(end)
            end = end[between.end() :] if between else b""
            end = MARK + end
        self._end.clear()
        self._is_cut = self._has_gap = False
        return end

    def _without_pictures(self, piece: bytes) -> bytes:
        """A piece without the rest of its long runs, be they pieces long."""
        going_on = MORE.match(piece)
        end = going_on.end() if going_on else 0
        before, self._run = self._run, self._run + end
        kept = piece[:end]
        if before > RUN_BYTES:
            kept = b""
        elif self._run > RUN_BYTES:
            kept = beginning(kept)
        if end == len(piece):
            return kept
        self._run = 0
        rest = piece[end:]

        def shortened(run: re.Match[bytes]) -> bytes:
            length = run.end() - run.start()
            self._run = length if run.end() == len(rest) else 0
            return beginning(run[0]) if length > RUN_BYTES else run[0]

        return kept + RUN.sub(shortened, rest)

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


def beginning(run: bytes) -> bytes:
    """What is kept of a long run."""
    head = HEAD.match(run)
    return (head[0] if head else b"") + MARK
