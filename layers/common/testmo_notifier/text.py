"""Other people's text made harmless and short: names on one line, HTML notes as clean text, cuts at a character.

What testers write is hostile until proven otherwise: it may hold markup, control characters, text that runs
backwards over what follows, megabytes. Nothing here escapes for a channel; `render` does that last.
"""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser
from typing import Final

KEPT_FORMAT_CHARS: Final = "\u200c\u200d"  # joiners: emoji and several scripts are built with them
BLOCKS: Final = frozenset(
    (
        "address",
        "article",
        "aside",
        "blockquote",
        "dd",
        "div",
        "dl",
        "dt",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "thead",
        "tr",
        "ul",
    )
)
HIDDEN: Final = frozenset(
    ("head", "iframe", "math", "noembed", "noframes", "noscript", "script", "style", "svg", "template", "title")
)
WEIGHTS: Final = {"&": 5, "<": 4, ">": 4, '"': 2, "\\": 2, "\n": 2}
MAX_COMBINING: Final = 4  # marks on one letter; more is a prank that paints over the lines around it


def one_line(text: str, limit: int) -> str:
    """Text on one line without control characters, cut with an ellipsis at `limit` (see `clip`)."""
    return clip(" ".join(printable(text[: 4 * limit]).split()), limit)


def clip(text: str, limit: int) -> str:
    """Text no heavier than `limit`, the last character an ellipsis where something was cut off.

    A character weighs what it becomes in a message: `&` is five once it is escaped. So a name full of them takes
    no more room than any other.
    """
    if len(text) * max(WEIGHTS.values()) <= limit or sum(map(weight, text)) <= limit:
        return text
    room = limit - 1
    end = 0
    while weight(text[end]) <= room:
        room -= weight(text[end])
        end += 1
    while end and (unicodedata.combining(text[end]) or {text[end - 1], text[end]} & {*KEPT_FORMAT_CHARS}):
        end -= 1  # a mark without its letter would land on the ellipsis, and a joiner would join it
    return text[:end].rstrip() + "…"


def weight(char: str) -> int:
    """How many characters a character becomes, escaped for Slack and as JSON, counted as Slack counts."""
    return WEIGHTS.get(char, 2 if char > "\uffff" else 1)


def printable(text: str) -> str:
    """Text with control, format and lone surrogate characters as spaces; line breaks stay."""
    kept: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        if category != "Cf":  # an invisible one between two marks does not begin a new letter
            marks = marks + 1 if category in ("Mn", "Me") else 0
        if char == "\n" or char in KEPT_FORMAT_CHARS:
            kept.append(char)
        elif category[0] == "C" and category != "Co":
            if category != "Cf":  # invisible ones (marks of direction, soft hyphens) leave no gap
                kept.append(" ")
        elif marks <= MAX_COMBINING:
            kept.append(char)
    return "".join(kept)


def note_text(html: str, limit: int) -> str:
    """An HTML note as clean text: lists with bullets, lines where blocks were, at most `limit` characters."""
    walker = Walker()
    walker.feed(html)
    walker.close()
    lines = [" ".join(line.split()) for line in printable("".join(walker.parts)).replace("\r", "\n").split("\n")]
    return clip("\n".join(line for line in lines if line.strip("•").strip()), limit)


class Walker(HTMLParser):
    """Collects the text that a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Start a line at a block, a bullet at a list item; an image is its description."""
        if tag in HIDDEN:
            self._hidden.append(tag)
        if self._hidden:
            return
        self._preformatted += tag == "pre"
        if tag == "li":
            self.parts.append("\n• ")
        elif tag in BLOCKS or tag == "br":
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "img":
            alt = dict(attrs).get("alt")
            self.parts.append(f" [{alt}] " if alt else " [image] ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<br/>`. Browsers take `<script/>` for an opening tag, but `<svg/>` for all there is."""
        if tag not in ("svg", "math"):
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """End what was hidden, or the line."""
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif not self._hidden and tag in BLOCKS:
            self._preformatted = max(0, self._preformatted - (tag == "pre"))
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Text between tags; its own line breaks are spaces, as in a browser, but for `<pre>`."""
        if not self._hidden:
            self.parts.append(data if self._preformatted else re.sub(r"[\r\n\t]+", " ", data))
