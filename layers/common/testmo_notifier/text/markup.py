"""HTML as the lines that a reader of the page would see. Pure.

Read as a stream, and only as far as somebody asks: what shows nothing (pictures in `data:` addresses, styles,
comments, hidden elements) costs nothing of a note's length. What a browser hides because nobody ended what stands
before it is text that somebody wrote, and is shown. The work grows with the length of the HTML and no faster, whatever
is left open or nested in it: nothing that is not there is looked for twice, a tree is no deeper than
`nesting.MAX_DEPTH`, and after `MAX_STEPS` nothing more is read.
"""

from __future__ import annotations

import re
from typing import Final

from testmo_notifier.text.cleaning import tidy
from testmo_notifier.text.elements import DRAWINGS, HIDDEN, NAMED_IN_TEXT, RAW, is_element
from testmo_notifier.text.lines import Lines
from testmo_notifier.text.page import Page
from testmo_notifier.text.tags import DATA, MAX_STEPS, Tag, characters, is_text, raw_end, start_tag

RUN_CHARS: Final = 65_536  # of text that are read at a time: megabytes are, only as far as they are needed

END: Final = {name: re.compile(f"</{name}(?![^ \t\n\f\r/>])", re.IGNORECASE) for name in HIDDEN}
NAME: Final = re.compile(r"</?([a-zA-Z][^ \t\n\f\r/>]{0,60}+)")  # no element's is longer
END_TAG: Final = re.compile(r"</[^<>]*+>|</[^ \t\n\f\r/<>]++\s*+(?=<|\Z)")  # the others are text
COMMENT_END: Final = re.compile(r"--!?>")
CDATA, CDATA_END = "<![CDATA[", re.compile(r"\]\]>")
DECLARATION: Final = re.compile(r"<(?:!doctype|!\[(?:end)?if|\?[a-z])[^<>]*+>", re.IGNORECASE)
MARKUP: Final = re.compile(rf"<!--|<!\[CDATA\[|{DECLARATION.pattern}|{NAME.pattern}", re.IGNORECASE)
PARAGRAPHS: Final = re.compile(r"(?:<p>[^<&]*+</p>)++")  # what Testmo's editor makes of plain text


def lines_of(html: str, *, enough: int) -> list[str]:
    """The lines of a page, as far as they are needed for so many characters."""
    if len(html) <= enough and PARAGRAPHS.fullmatch(html) and "64," not in html:  # most notes, and no picture in them
        return list(filter(None, map(tidy, html.removeprefix("<p>").removesuffix("</p>").split("</p><p>"))))
    lines = Lines(enough)
    page = Page(lines, is_plain=not any(map(is_markup, MARKUP.finditer(html))))
    Scan(html, page).go_through()
    page.close()
    return lines.shown()


def is_markup(found: re.Match[str]) -> bool:
    """Whether this is a tag, or another thing of HTML's, as opposed to text in angle brackets."""
    return found[1] is None or is_element(found[1])


class Scan:
    """HTML gone through once, and told to its page piece by piece: what is a tag, and what is text after all.

    A start tag that never ends is the last: nothing is looked for twice.
    """

    def __init__(self, html: str, page: Page) -> None:
        self._html = html
        self._page = page
        self._position = 0
        self._steps = 0
        self._ends: dict[re.Pattern[str], re.Match[str] | None] = {}  # the next of each, as far as it was looked for
        self._has_broken_drawing = False

    def go_through(self) -> None:
        """Read until somebody has enough."""
        html = self._html
        while self._position < len(html) and not self._page.lines.is_full and self._steps < MAX_STEPS:
            opened = html.find("<", self._position)
            if opened == self._position:
                self._markup()
            else:
                self._text(len(html) if opened < 0 else opened)

    def _markup(self) -> None:
        """A tag, a comment, or a `<` that is neither."""
        html, position = self._html, self._position
        found = NAME.match(html, position)
        if found and self._is_tag(found[1]):
            if html[position + 1] != "/":
                self._start_tag(found)
            elif ended := END_TAG.match(html, position):
                self._page.end(found[1].lower())
                self._go_on(ended.end())
            else:
                self._sign()
        elif html.startswith(CDATA, position):
            self._go_on(position + len(CDATA))
            if ended := self._next(CDATA_END):
                self._text(ended.start())
                self._go_on(ended.end())
        elif ended := self._end_of_unseen():
            self._go_on(ended.end())
        else:
            self._sign()

    def _end_of_unseen(self) -> re.Match[str] | None:
        """The end of a comment, or of a declaration; None for what is neither, or never ends."""
        if self._html.startswith("<!--", self._position):
            return self._next(COMMENT_END)
        return DECLARATION.match(self._html, self._position)

    def _next(self, end: re.Pattern[str]) -> re.Match[str] | None:
        """The next end of something. Nothing is looked for twice."""
        known = self._ends.get(end)
        if end not in self._ends or (known and known.start() < self._position):
            self._ends[end] = end.search(self._html, self._position)
        return self._ends[end]

    def _go_on(self, position: int, steps: int = 1) -> None:
        """So far it was read, in so many steps."""
        self._position = position
        self._steps += steps

    def _sign(self, steps: int = 1) -> None:
        """A `<` that somebody typed."""
        self._page.text("<")
        self._go_on(self._position + 1, steps)

    def _start_tag(self, found: re.Match[str]) -> None:
        """A start tag, or what only looks like one."""
        html = self._html
        tag, steps = start_tag(html, found)
        if tag is None:
            if is_text(html, found):
                self._text(len(html))
            self._go_on(len(html), steps)
        elif self._is_text(tag):
            self._sign(steps)
        else:
            if tag.name not in DRAWINGS or self._is_ended(tag):
                self._page.start(tag)
            self._go_on(raw_end(html, tag) if tag.name in RAW else tag.end, steps)

    def _is_tag(self, name: str) -> bool:
        """Whether this is the name of a tag; in what is hidden, and behind a drawing without an end, any may be."""
        return self._page.is_hidden or self._has_broken_drawing or is_element(name)

    def _is_text(self, tag: Tag) -> bool:
        """Whether this is no tag after all: `a<b and c>d`, or `<title> is empty`, which would hide the rest."""
        return not self._page.is_hidden and (tag.is_text or (tag.name in NAMED_IN_TEXT and not self._is_ended(tag)))

    def _is_ended(self, tag: Tag) -> bool:
        """Whether an end tag comes; a drawing without must not hide the rest."""
        if tag.is_closed or self._page.is_hidden:
            return True
        is_ended = self._next(END[tag.name]) is not None
        self._has_broken_drawing |= tag.name in DRAWINGS and not is_ended
        return is_ended

    def _text(self, end: int) -> None:
        """A run of text, a piece after the other, as far as it is needed."""
        run = self._html[self._position : end]
        self._position = end
        if "base64," in run or "BASE64," in run:
            run = DATA.sub(lambda found: "[image]" if found[1] else "[data]", run)
        position = 0
        while position < len(run) and not self._page.lines.is_full:
            stop = min(position + RUN_CHARS, len(run))
            reference = run.rfind("&", max(position + 1, stop - 40), stop)
            if stop < len(run) and reference > 0:
                stop = reference  # do not read half of it
            self._page.text(characters(run[position:stop]))
            position = stop
