"""Other people's text made harmless and short: names on one line, HTML notes as clean text, cuts at a character.

What testers write is hostile until proven otherwise: it may hold markup, control characters, text that runs
backwards over what follows, megabytes. Nothing here escapes for a channel; `render` does that last. Everything is
understood before it is cut: half an escape sequence or half a tag is worse than either.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from functools import lru_cache
from typing import Final

from testmo_notifier.notices.markup import lines_of

KEPT_FORMAT_CHARS: Final = "\u200c\u200d"  # joiners: emoji and several scripts are built with them
WEIGHTS: Final = {"&": 5, "<": 4, ">": 4, '"': 2, "\\": 2, "\n": 2}
MAX_COMBINING: Final = 4  # marks on one letter; more is a prank that paints over the lines around it
MAX_CLUSTER: Final = 32  # a family with skin tones is 11 characters; what is joined on and on is cut anywhere
MAX_UNREAD_CHARS: Final = 2_000  # of HTML that is kept as it is; megabytes must not stay in memory
MAX_READ_CHARS: Final = 1_000  # of the text of a longer one; a message shows a few hundred
INK: Final = frozenset("LNPS")  # categories of what can be seen, and private use
# Without a meaning for ever, or kept for what cannot be seen (https://www.unicode.org/faq/private_use.html).
NEVER_SEEN: Final = re.compile("[\u2065\ufdd0-\ufdef\ufff0-\ufff8\U000e0000-\U000e0fff]")
# Letters and symbols that look like nothing: fillers of Hangul and Khitan, the empty Braille cell, a note without head.
BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
# Kept behind a black flag only, where they make it England's: elsewhere they hide words from people.
FLAG, FIRST_TAG, LAST_TAG = "\U0001f3f4", "\U000e0020", "\U000e007f"
# What a terminal obeys, whole (ECMA-48, xterm): colours and cursor, titles and links with their text, single commands.
ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)(?:[0-?]++[ -/]*+|[!-/]*+)[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])(?:[^\x07\x1b\x80-\x9f]*+(?:\x07|\x1b\\|\x9c)|[0-9]*+;?)"
    r"|\x1b(?:[!-/]++[0-~]|[0-?DEHMNOVWZ\\`cno|}~])"
    r"|_\x08|(.)\x08(?=\1)"  # how a typewriter underlines, and prints bold
)


class Understood(str):
    """A note that was read: its text, and no HTML any more."""

    __slots__ = ()


@lru_cache  # the names of people and statuses come with each result
def one_line(text: str, limit: int) -> str:
    """Text on one line without control characters, cut with an ellipsis at `limit` (see `clip`).

    Empty where nothing of it can be seen, so that whoever calls can show something else.
    """
    return clip(legible(text, 2 * limit), limit)


def legible(text: str, enough: int) -> str:
    """At least so many characters of a text, on one line and clean, or all of it; empty where nothing can be seen."""
    text = without_escapes(text)
    looked_at = 2 * enough
    line = " ".join(printable(text[:looked_at]).split())
    while looked_at < len(text) and len(line) <= enough:
        looked_at *= 2
        line = " ".join(printable(text[:looked_at]).split())
    return line if has_ink(line) else ""


def has_ink(text: str) -> bool:
    """Whether there is anything to see."""
    return any(
        (kind := unicodedata.category(char))[0] in INK or kind == "Co" or is_younger(char)
        for char in text
        if char not in BLANK
    )


def is_younger(char: str) -> bool:
    """Whether a character came into Unicode after this Python was made, as new emoji do each year; it can be seen."""
    is_meant = ord(char) & 0xFFFE != 0xFFFE and not NEVER_SEEN.match(char)  # noqa: PLR2004 - the last two of a plane
    return is_meant and unicodedata.category(char) == "Cn"


def clip(text: str, limit: int) -> str:
    """Text no heavier than `limit`, the last character an ellipsis where something was cut off.

    A character weighs what it becomes in a message: `&` is five once it is escaped. So a name full of them takes
    no more room than any other.
    """
    if len(text) * max(WEIGHTS.values()) <= limit or whole_weight(text) <= limit:
        return text
    room = limit - 1
    end = whole = bisect(range(1, room + 1), room, key=lambda end: whole_weight(text[:end]))
    while whole and end - whole < MAX_CLUSTER and is_one(text, whole):
        whole -= 1
    if not is_one(text, whole):
        end = whole
    return text[:end].rstrip() + "…"


def is_one(text: str, place: int) -> bool:
    """Whether a cut before this character would halve what a reader sees as one.

    The rules of https://www.unicode.org/reports/tr29 in a few lines: marks, skin tones, joined emoji, flags, keycaps,
    Hangul in parts, consonants that a virama joins.
    """
    if not 0 < place < len(text):
        return False
    before, after = text[place - 1], text[place]
    if is_mark(after) or before in KEPT_FORMAT_CHARS or after in KEPT_FORMAT_CHARS:
        return True
    if unicodedata.combining(before) == unicodedata.combining("\u094d"):  # a virama
        return unicodedata.category(after) == "Lo"
    if is_regional(before) and is_regional(after):
        first = place - 1
        while first and is_regional(text[first - 1]):
            first -= 1
        return (place - first) % 2 == 1
    return is_jamo(before) and is_jamo(after)


def is_mark(char: str) -> bool:
    """Whether a character belongs to the one before it."""
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me")
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or FIRST_TAG <= char <= LAST_TAG
        or char in "\u0e33\u0eb3\uff9e\uff9f"  # vowels of Thai and Lao, sound marks of half-width kana
    )


def is_regional(char: str) -> bool:
    """Half a flag."""
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def is_jamo(char: str) -> bool:
    """A part of a Hangul syllable that is written in parts."""
    return "\u1100" <= char <= "\u11ff" or "\ua960" <= char <= "\ua97c" or "\ud7b0" <= char <= "\ud7fb"


def whole_weight(text: str) -> int:
    """How many characters a text becomes, escaped and as JSON, in UTF-16, as the strictest channel counts."""
    units = len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
    return units + sum((heavy - 1) * text.count(char) for char, heavy in WEIGHTS.items())


def without_escapes(text: str) -> str:
    """Text without the sequences that a terminal obeys. What only looks like one (`[31m`) was typed, and stays."""
    return text if text.isprintable() else ESCAPES.sub("", text)  # each of them has a character that is not


def is_clean(text: str) -> bool:
    """Whether everything in a text can be printed and no letter wears marks: nearly all that people write."""
    chars = set(text)
    chars.discard("\n")
    return "".join(chars).isprintable() and all(unicodedata.category(char) not in ("Mn", "Me") for char in chars)


def printable(text: str) -> str:
    """Text that is only shown and steers nothing; line breaks stay.

    Escape sequences and invisible format characters (marks of direction, soft hyphens) vanish, other control
    characters and lone surrogates are spaces.
    """
    return text if (text.isascii() and text.isprintable()) or is_clean(text) else cleaned(text)


def cleaned(text: str) -> str:
    """`printable`, looked at character by character."""
    kept: list[str] = []
    marks = 0
    for char in without_escapes(text):
        category = unicodedata.category(char)
        if category != "Cf":  # an invisible one between two marks does not begin a new letter
            marks = marks + 1 if category in ("Mn", "Me") else 0
        if char == "\n" or char in KEPT_FORMAT_CHARS:
            kept.append(char)
        elif FIRST_TAG <= char <= LAST_TAG:
            if kept and (kept[-1] == FLAG or FIRST_TAG <= kept[-1] < LAST_TAG):
                kept.append(char)
        elif category[0] == "C" and category != "Co" and not is_younger(char):
            if category != "Cf":  # invisible ones leave no gap
                kept.append(" ")
        elif marks <= MAX_COMBINING:
            kept.append(char)
    return "".join(kept)


def short_note(html: str) -> str:
    """A note that takes no more room than is needed: a long one is understood at once, and only its text is kept."""
    return html if len(html) <= MAX_UNREAD_CHARS else Understood(note_text(html, MAX_READ_CHARS))


def note_text(html: str, limit: int) -> str:
    """An HTML note as clean text: lists with their bullets and numbers, a line for a block or a table's row.

    At most `limit` characters (see `clip`).
    """
    if isinstance(html, Understood):
        return clip(str(html), limit)
    return clip("\n".join(lines_of(html, enough=2 * limit, tidy=tidy)), limit)


def tidy(line: str) -> str:
    """A line of a note, empty where nothing of it can be seen."""
    line = " ".join(printable(line).split())
    return line if has_ink(line) else ""
