"""HTML notes as clean, short text. Pure."""

from __future__ import annotations

import re
from typing import Final

from testmo_notifier.text.shortening import clip

MAX_UNREAD_CHARS: Final = 2_000  # of HTML that is kept as it is; megabytes must not stay in memory
MAX_READ_CHARS: Final = 1_000  # of the text of a longer one; a message shows a few hundred
# With pairs of brackets in it, or cut off at the end of a line.
ADDRESS: Final = r"(?im) \(https?://[^\s()]++(?:\([^\s()]*+\)[^\s()]*+)*+(?:\)|$)"


class Understood(str):
    """A note that was read: its text, and no HTML any more."""

    __slots__ = ()


def short_note(html: str) -> str:
    """A note that takes no more room than is needed: a long one is understood at once, and only its text is kept."""
    return html if len(html) <= MAX_UNREAD_CHARS else Understood(note_text(html, MAX_READ_CHARS))


def note_text(html: str, limit: int) -> str:
    """An HTML note as clean text: lists with their bullets and numbers, a line for a block or a table's row.

    At most `limit` characters (see `clip`).
    """
    if isinstance(html, Understood):
        return clip(str(html), limit)
    from testmo_notifier.text.markup import lines_of  # noqa: PLC0415 - it takes its time, and most polls read no note

    return clip("\n".join(lines_of(html, enough=2 * limit)), limit)


def without_addresses(note: str) -> str:
    """What tests of one cause have in common: each has a log of its own."""
    return re.sub(ADDRESS, "", note)
