"""Text that steers nothing, only shows: no markup of terminals, control characters, or marks that turn its direction.

Everything is understood before it is cut: half an escape sequence is worse than a whole one. Nothing here escapes for a
channel; each does that last. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

KEPT_FORMAT_CHARS: Final = "\u200c\u200d"  # joiners: emoji and several scripts are built with them
MAX_COMBINING: Final = 4  # marks on one letter; more is a prank that paints over the lines around it
INK: Final = frozenset("LNPS")  # categories of what can be seen, and private use
# Without a meaning for ever, or kept for what cannot be seen (https://www.unicode.org/faq/private_use.html).
NEVER_SEEN: Final = "[\u2065\ufdd0-\ufdef\ufff0-\ufff8\U000e0000-\U000e0fff]"
# Letters and symbols that look like nothing: fillers of Hangul and Khitan, the empty Braille cell, a note without head.
BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
# Kept behind a black flag only, where they make it England's: elsewhere they hide words from people.
FLAG, FIRST_TAG, LAST_TAG = "\U0001f3f4", "\U000e0020", "\U000e007f"
# What a terminal obeys, whole (ECMA-48, xterm): colours and cursor, titles and links with their text, single commands.
ESCAPES: Final = (  # compiled with the first text that has one
    r"(?:\x1b\[|\x9b)(?:[0-?]++[ -/]*+|[!-/]*+)[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])(?:[^\x07\x1b\x80-\x9f]*+(?:\x07|\x1b\\|\x9c)|[0-9]*+;?)"
    r"|\x1b(?:[!-/]++[0-~]|[0-?DEHMNOVWZ\\`cno|}~])"
    r"|_\x08|(.)\x08(?=\1)"  # how a typewriter underlines, and prints bold
)


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
    is_meant = ord(char) & 0xFFFE != 0xFFFE and not re.match(NEVER_SEEN, char)  # noqa: PLR2004 - the last two of a plane
    return is_meant and unicodedata.category(char) == "Cn"


def without_escapes(text: str) -> str:
    """Text without the sequences that a terminal obeys. What only looks like one (`[31m`) was typed, and stays."""
    return text if text.isprintable() else re.sub(ESCAPES, "", text)  # each of them has a character that is not


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


def tidy(line: str) -> str:
    """A line with single blanks, empty where nothing of it can be seen."""
    line = " ".join(printable(line).split())
    return line if has_ink(line) else ""
