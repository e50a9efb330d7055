"""Text no longer than its place, cut between what a reader sees as characters. Pure."""

from __future__ import annotations

import unicodedata
from bisect import bisect
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import accumulate
from typing import Final

from testmo_notifier.text.cleaning import FIRST_TAG, KEPT_FORMAT_CHARS, LAST_TAG, legible

# What a character counts for: as much as it takes once it is escaped, in JSON or for Slack.
WEIGHTS: Final = {"&": 5, "<": 4, ">": 4, '"': 2, "\\": 2, "\n": 2}
MAX_CLUSTER: Final = 32  # a family with skin tones is 11 characters; what is joined on and on is cut anywhere


@lru_cache  # the names of people and statuses come with each result
def one_line(text: str, limit: int) -> str:
    """Text on one line without control characters, cut with an ellipsis at `limit` (see `clip`).

    Empty where nothing of it can be seen, so that whoever calls can show something else.
    """
    return clip(legible(text, 2 * limit), limit)


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


def fitting(texts: Iterable[str], room: int, size: Callable[[str], int] = len) -> list[str]:
    """As many of some texts, the first ones, as there is room for."""
    texts = list(texts)
    return texts[: bisect(list(accumulate(map(size, texts))), room)]


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
