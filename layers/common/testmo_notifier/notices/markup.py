"""HTML as the lines that a reader of the page would see. Pure.

Read as a stream, and only as far as somebody asks: what shows nothing (pictures in `data:` addresses, styles,
comments, hidden elements) costs nothing of a note's length. The work grows with the length of the HTML and no faster,
whatever is left open or nested in it: every search that fails ends the reading, a tree is no deeper than
`MAX_DEPTH`, and after `MAX_STEPS` nothing more is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from testmo_notifier.notices.elements import (
    BLOCKS,
    CELLS,
    CHANGES,
    DRAWINGS,
    HIDDEN,
    IMPLIED,
    IN_DRAWINGS,
    LISTS,
    NAMED_IN_TEXT,
    NEVER_IN_DRAWINGS,
    PARAGRAPH,
    RAW,
    ROW,
    TABLE,
    VOID,
    WALLS,
    is_element,
)
from testmo_notifier.notices.tags import MAX_STEPS, Tag, characters, comment_end, is_text, numeral, raw_end, start_tag

MAX_DEPTH: Final = 200  # browsers stop at 512
MAX_LEVELS: Final = 9  # of lists, for the margin; editors end at eight
RUN_CHARS: Final = 65_536
INDENT: Final = "  "
MAX_INDENT: Final = 40  # of a line of which blanks are kept
BULLET: Final = "• "
TICKED: Final = "☑ "
UNTICKED: Final = "☐ "
CELL: Final = " | "

END: Final = {name: re.compile(f"</{name}(?![^ \t\n\f\r/>])", re.IGNORECASE) for name in (*DRAWINGS, *NAMED_IN_TEXT)}
NAME: Final = re.compile(r"</?([a-zA-Z][^ \t\n\f\r/>]{0,60}+)")  # no element's is longer
MARKUP: Final = re.compile(rf"<(?:[?!]|/[^a-zA-Z])|{NAME.pattern}")
PARAGRAPHS: Final = re.compile(r"(?:<p>[^<&]*+</p>)++")  # what Testmo's editor makes of plain text
NUMBERING: Final = re.compile(r"\(?\w{1,6}(?:\.\w{1,4})*[.)]")
DATA: Final = re.compile(
    r"data:(?:(image)|\w++)/[\w.+-]*+(?:;[\w.=+-]*+)*+,(?:[A-Za-z0-9+/=_%-]++|\s++(?=[A-Za-z0-9+/=_%-]{60}))*+",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Line:
    """One line of text as it comes: its margin and mark, and the pieces of it."""

    prefix: str
    pieces: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Element:
    """An open element, with what its kind has to remember."""

    tag: str
    is_hidden: bool  # and all that is in it
    is_preformatted: bool
    is_visible: bool = True
    numerals: str = ""
    level: int = 0  # of the list that it is or stands in
    numbers: dict[int, int] | None = None  # of an ordered list: the next number by level
    step: int = 1
    unnumbered: list[Line] = field(default_factory=list)  # of a list counting down from a number not known yet
    cells: list[int] = field(default_factory=list)  # of a row: the line at which each cell begins
    mark_from: int | None = None  # of a list mark that Word wrote: the piece at which it begins


class Page:
    """The lines of a page so far. `tidy` makes of a line what is shown, empty where there is nothing to see."""

    def __init__(self, tidy: Callable[[str], str], enough: int, *, is_plain: bool) -> None:
        self._root = Element("", is_hidden=False, is_preformatted=is_plain)
        self._tidy = tidy
        self._enough = enough
        self._lines: list[Line] = []
        self._stack: list[Element] = []
        self._open: Counter[str] = Counter()  # how many of each tag are on the stack
        self._too_deep = 0
        self._is_open = False  # whether what comes next goes on with the last line
        self._mark = ""  # of a list item that has no text yet
        self._indent = ""  # of a line whose blanks are kept and that has no text yet
        self._was_changed = False  # whether what was deleted, or put in its place, ended just now
        self._ends: dict[str, int] = {}  # where the next end tag of a drawing is, -1 where there is none
        self._has_broken_drawing = False
        self._chars = 0
        self._look_again_at = 2 * enough
        self._is_full = False

    @property
    def is_full(self) -> bool:
        """Whether there is more to show than anybody wants; looked at each time the text has doubled."""
        if self._chars >= self._look_again_at and not self._is_full:
            self._look_again_at = 2 * self._chars
            self._is_full = sum(map(len, self.lines())) > self._enough
        return self._is_full

    def lines(self) -> list[str]:
        """What is shown."""
        shown = ((line.prefix, self._tidy("".join(line.pieces))) for line in self._lines)
        return [prefix + words for prefix, words in shown if words]

    def close(self) -> list[str]:
        """End what is still open, and what is shown then."""
        for element in self._stack:
            element.unnumbered.clear()  # how many there are is not known: better a bullet than a wrong number
        self._pop_to(0)
        return self.lines()

    @property
    def _inner(self) -> Element:
        return self._stack[-1] if self._stack else self._root

    def text(self, run: str) -> None:
        """Text between two tags; its own line breaks are spaces but where they are kept."""
        inner = self._inner
        if inner.is_hidden or not inner.is_visible:
            return
        if inner.is_preformatted:
            first, *others = re.split(r"\r\n|\r|\n", run)
            self._write(first)
            for line in others:
                self._break()
                self._write(line)
        else:
            self._write(run)

    def start(self, tag: Tag) -> None:
        """A start tag."""
        name = tag.name
        if name in NEVER_IN_DRAWINGS and (drawing := self._nearest(DRAWINGS, IN_DRAWINGS)) is not None:
            self._pop_to(drawing)  # nobody ended it
        self._end_implied(name)
        if name == "hr" or (name in BLOCKS and not self._hides(tag)):
            self._break()
        if name in CELLS and self._open["table"] and self._nearest(ROW, TABLE) is None:
            self._push(Tag("tr", 0))
        if name not in VOID and not tag.is_closed:
            self._push(tag)
        if not self._inner.is_hidden:
            self._show(tag, name)

    def _show(self, tag: Tag, name: str) -> None:
        """What a tag itself shows."""
        is_seen = not tag.is_hidden and (self._inner.is_visible if tag.is_visible is None else tag.is_visible)
        if name == "br":
            self._break()
        elif name == "img" and is_seen:
            alt = DATA.sub("", tag.attributes.get("alt", "")).strip()
            self._write(f" [{alt}] " if alt else " [image] ")
        elif name == "input" and tag.attributes.get("type", "").strip().lower() == "checkbox" and is_seen:
            self._tick(is_ticked="checked" in tag.attributes)
        elif name == "li":
            self._item(tag)
        elif name in CHANGES and self._was_changed:
            self._write(" ")
        elif name in CELLS:
            self._cell()

    def is_tag(self, name: str) -> bool:
        """Whether this is the name of a tag; in what is hidden, and behind a drawing without an end, any may be."""
        return self._inner.is_hidden or self._has_broken_drawing or is_element(name)

    def is_text(self, tag: Tag, html: str) -> bool:
        """Whether this is no tag after all: `a<b and c>d`, or `<title> is empty`, which would hide the rest."""
        return not self._inner.is_hidden and (
            tag.is_text or (tag.name in NAMED_IN_TEXT and not self.is_ended(tag, html))
        )

    def is_ended(self, tag: Tag, html: str) -> bool:
        """Whether an end tag comes; a drawing without must not hide the rest. Nothing is looked for twice."""
        if tag.is_closed or self._inner.is_hidden:
            return True
        if 0 <= self._ends.get(tag.name, 0) < tag.end:
            found = END[tag.name].search(html, tag.end)
            self._ends[tag.name] = found.start() if found else -1
        self._has_broken_drawing |= tag.name in DRAWINGS and self._ends[tag.name] < 0
        return self._ends[tag.name] >= 0

    def end(self, name: str) -> None:
        """An end tag: ends its element, and whatever was left open in it."""
        if self._too_deep:
            self._too_deep -= 1
            return
        walls = IMPLIED[name][1] if name in IMPLIED else frozenset[str]() if name == "table" else WALLS
        found = self._nearest(frozenset({name}), walls)
        if found is not None:
            self._pop_to(found)
        elif name in BLOCKS and not self._inner.is_hidden:
            self._break()

    def _hides(self, tag: Tag) -> bool:
        return tag.is_hidden or tag.name in HIDDEN or self._inner.is_hidden

    def _push(self, tag: Tag) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self._too_deep += 1
            return
        parent = self._inner
        element = Element(
            tag.name,
            is_hidden=self._hides(tag),
            is_preformatted=parent.is_preformatted or tag.is_preformatted or tag.name in ("pre", "textarea"),
            is_visible=parent.is_visible if tag.is_visible is None else tag.is_visible,
            numerals=tag.numerals,
            level=parent.level + (tag.name in LISTS) + tag.level,
        )
        if tag.name == "ol":
            start = tag.number("start")
            if "reversed" in tag.attributes:
                element.step = -1
            if start is not None or element.step > 0:
                element.numbers = {0: 1 if start is None else start}
        if tag.is_mark and self._is_open:
            element.mark_from = len(self._lines[-1].pieces)
        elif tag.is_mark:
            element.mark_from = 0
        self._stack.append(element)
        self._open[element.tag] += 1

    def _nearest(self, names: frozenset[str], walls: frozenset[str]) -> int | None:
        """Where the nearest of some elements is open, with no wall before it."""
        if names.isdisjoint(self._open):
            return None
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index].tag in names:
                return index
            if self._stack[index].tag in walls:
                return None
        return None

    def _end_implied(self, name: str) -> None:
        for names, walls in filter(None, (IMPLIED.get(name), (PARAGRAPH, WALLS) if name in BLOCKS else None)):
            found = self._nearest(names, walls)
            if found is not None:
                self._pop_to(found)

    def _pop_to(self, depth: int) -> None:
        """End the elements above a depth."""
        while len(self._stack) > depth:
            element = self._stack.pop()
            self._open[element.tag] -= 1
            if not self._open[element.tag]:
                del self._open[element.tag]
            if element.is_hidden:
                continue
            if element.mark_from is not None:
                self._words_mark(element.mark_from)
            if element.tag in BLOCKS:
                self._break()
            self._was_changed = element.tag in CHANGES
            if element.tag == "li":
                self._mark = ""
            elif element.tag == "tr":
                self._join(element.cells)
            elif element.unnumbered:
                for place, line in enumerate(reversed(element.unnumbered), 1):
                    line.prefix = line.prefix.replace(BULLET, f"{numeral(place, element.numerals)}. ")

    def _break(self) -> None:
        self._is_open = False
        self._indent = ""

    def _write(self, run: str) -> None:
        """Text on this line, or on a new one; blanks begin none."""
        self._was_changed = False
        if not self._is_open:
            blanks = run[: len(run) - len(run.lstrip(" \t"))] if self._inner.is_preformatted else ""
            self._indent += blanks[:MAX_INDENT].expandtabs(4)
            if not run or run.isspace():
                return
            self._lines.append(Line(self._margin() + self._mark + self._indent[:MAX_INDENT]))
            self._is_open = True
            if self._mark == BULLET and (counting := self._list_without_numbers()):
                counting.unnumbered.append(self._lines[-1])
            self._mark = ""
        self._lines[-1].pieces.append(run)
        self._chars += len(run)

    def _margin(self) -> str:
        level = min(self._stack[-1].level, MAX_LEVELS) if self._stack else 0
        return INDENT * max(0, level - bool(self._mark))

    def _list(self) -> Element | None:
        """The list that an item stands in."""
        found = self._nearest(LISTS, CELLS)
        return None if found is None else self._stack[found]

    def _list_without_numbers(self) -> Element | None:
        found = self._list()
        return found if found and found.tag == "ol" and found.numbers is None else None

    def _item(self, tag: Tag) -> None:
        """A list item: its bullet, number or box comes with its first text."""
        parent, level = self._list(), tag.level
        kind = tag.attributes.get("data-list", "").lower()
        state = {"checked": "true", "unchecked": "false"}.get(kind) or tag.attributes.get("data-checked", "").lower()
        self._mark = BULLET
        if parent and parent.numbers is not None:
            for deeper in [known for known in parent.numbers if known > level]:
                del parent.numbers[deeper]
            if kind != "bullet" and state not in ("true", "false"):
                value = tag.number("value")
                number = parent.numbers.get(level, 1) if value is None else value
                parent.numbers[level] = number + parent.step
                self._mark = f"{numeral(number, tag.numerals or parent.numerals)}. "
        if state in ("true", "false"):
            self._tick(is_ticked=state == "true")

    def _tick(self, *, is_ticked: bool) -> None:
        """A box instead of the bullet; without one it is part of the text."""
        box = TICKED if is_ticked else UNTICKED
        if self._mark:
            self._mark = box
        else:
            self._write(box)

    def _words_mark(self, begins: int) -> None:
        """What Word wrote as a list's mark, in fonts of its own: a number stays, any other sign is a bullet."""
        if self._is_open:
            line = self._lines[-1]
            mark = "".join(line.pieces[begins:]).strip()
            line.pieces[begins:] = [f"{mark} " if NUMBERING.fullmatch(mark) else BULLET]

    def _cell(self) -> None:
        """A cell begins: a line of its own until its row is at its end."""
        row = self._nearest(ROW, TABLE)
        if row is None:
            self._write(" ")
            return
        self._break()
        self._stack[row].cells.append(len(self._lines))

    def _join(self, cells: list[int]) -> None:
        """A row with several cells becomes one line; a single one is layout, and keeps its lines."""
        if not cells:
            return
        seen: list[Line] = []
        texts = []
        for begin, end in pairwise([*cells, len(self._lines)]):
            shown = [line for line in self._lines[begin:end] if self._tidy("".join(line.pieces))]
            texts.append(" ".join(line.prefix.lstrip() + self._tidy("".join(line.pieces)) for line in shown))
            seen += shown
        if sum(map(bool, texts)) > 1:
            margin = seen[0].prefix[: len(seen[0].prefix) - len(seen[0].prefix.lstrip())]
            seen = [Line(margin, [CELL.join(texts).rstrip(CELL)])]
        self._lines[cells[0] :] = seen
        self._break()


def lines_of(html: str, *, enough: int, tidy: Callable[[str], str]) -> list[str]:
    """The lines of a page, as far as they are needed for so many characters."""
    if len(html) <= enough and PARAGRAPHS.fullmatch(html) and "64," not in html:  # most notes, and no picture in them
        return list(filter(None, map(tidy, html.removeprefix("<p>").removesuffix("</p>").split("</p><p>"))))
    page = Page(tidy, enough, is_plain=not any(map(is_markup, MARKUP.finditer(html))))
    position = steps = 0
    while position < len(html) and not page.is_full and steps < MAX_STEPS:
        opened = html.find("<", position)
        if opened != position:
            end = len(html) if opened < 0 else opened
            read_text(page, html, position, end)
            position = end
            continue
        position, spent = read_markup(page, html, position)
        steps += spent
    return page.close()


def is_markup(found: re.Match[str]) -> bool:
    """Whether this is a tag, or another thing of HTML's, as opposed to text in angle brackets."""
    return found[1] is None or is_element(found[1])


def read_markup(page: Page, html: str, position: int) -> tuple[int, int]:
    """A tag, a comment, or a `<` that is neither; where it ends, and how many steps it took.

    Markup that never ends is the last: nothing is looked for twice.
    """
    found = NAME.match(html, position)
    if found and not page.is_tag(found[1]):
        page.text("<")
        return position + 1, 1
    if found and html[position + 1] != "/":
        return read_tag(page, html, position, found)
    if html.startswith("<!--", position):
        return comment_end(html, position), 1
    if not html.startswith(("<!", "<?", "</"), position):
        page.text("<")
        return position + 1, 1
    closed = html.find(">", position)
    if closed >= 0 and found:
        page.end(found[1].lower())
    elif closed < 0 and not found:
        read_text(page, html, position, len(html))
    return closed + 1 if closed >= 0 else len(html), 1


def read_tag(page: Page, html: str, position: int, found: re.Match[str]) -> tuple[int, int]:
    """A start tag, or what only looks like one; the same."""
    tag, steps = start_tag(html, found)
    if tag is None:
        if is_text(html, found):
            read_text(page, html, position, len(html))
        return len(html), steps
    if page.is_text(tag, html):
        page.text("<")
        return position + 1, steps
    if tag.name not in DRAWINGS or page.is_ended(tag, html):
        page.start(tag)
    return raw_end(html, tag) if tag.name in RAW else tag.end, steps


def read_text(page: Page, html: str, position: int, end: int) -> None:
    """A run of text, a piece after the other, as far as it is needed."""
    run = html[position:end]
    if "base64," in run or "BASE64," in run:
        run = DATA.sub(lambda found: "[image]" if found[1] else "[data]", run)
    position = 0
    while position < len(run) and not page.is_full:
        stop = min(position + RUN_CHARS, len(run))
        reference = run.rfind("&", max(position + 1, stop - 40), stop)
        if stop < len(run) and reference > 0:
            stop = reference  # do not read half of it
        page.text(characters(run[position:stop]))
        position = stop
