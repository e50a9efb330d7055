"""HTML as the lines that a reader of the page would see. Pure.

Read as a stream, and only as far as somebody asks: what shows nothing (pictures in `data:` addresses, styles,
comments, hidden elements) costs nothing of a note's length. The work grows with the length of the HTML and no faster,
whatever is left open or nested in it: every search that fails ends the reading, a tree is no deeper than
`nesting.MAX_DEPTH`, and after `MAX_STEPS` nothing more is read.
"""

from __future__ import annotations

import re
from typing import Final

from testmo_notifier.text.cleaning import tidy
from testmo_notifier.text.elements import DRAWINGS, NAMED_IN_TEXT, RAW, is_element
from testmo_notifier.text.lines import Lines
from testmo_notifier.text.page import Page
from testmo_notifier.text.tags import DATA, MAX_STEPS, Tag, characters, comment_end, is_text, raw_end, start_tag

RUN_CHARS: Final = 65_536

END: Final = {name: re.compile(f"</{name}(?![^ \t\n\f\r/>])", re.IGNORECASE) for name in (*DRAWINGS, *NAMED_IN_TEXT)}
NAME: Final = re.compile(r"</?([a-zA-Z][^ \t\n\f\r/>]{0,60}+)")  # no element's is longer
MARKUP: Final = re.compile(rf"<(?:[?!]|/[^a-zA-Z])|{NAME.pattern}")
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

    Markup that never ends is the last: nothing is looked for twice.
    """

    def __init__(self, html: str, page: Page) -> None:
        self._html = html
        self._page = page
        self._position = 0
        self._steps = 0
        self._ends: dict[str, int] = {}  # where the next end tag of a drawing is, -1 where there is none
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
                return
            closed = html.find(">", position) + 1
            if closed:
                self._page.end(found[1].lower())
            self._go_on(closed or len(html))
        elif html.startswith("<!--", position):
            self._go_on(comment_end(html, position))
        elif not found and html.startswith(("<!", "<?", "</"), position):
            closed = html.find(">", position) + 1
            if not closed:
                self._text(len(html))
            self._go_on(closed or len(html))
        else:
            self._sign()

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
        """Whether an end tag comes; a drawing without must not hide the rest. Nothing is looked for twice."""
        if tag.is_closed or self._page.is_hidden:
            return True
        if 0 <= self._ends.get(tag.name, 0) < tag.end:
            found = END[tag.name].search(self._html, tag.end)
            self._ends[tag.name] = found.start() if found else -1
        self._has_broken_drawing |= tag.name in DRAWINGS and self._ends[tag.name] < 0
        return self._ends[tag.name] >= 0

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
