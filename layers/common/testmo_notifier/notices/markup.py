"""HTML as the lines that a reader of the page would see. Pure.

Read as a stream, and only as far as somebody asks: what shows nothing (pictures in `data:` addresses, styles,
comments, hidden elements) costs nothing of a note's length. The work grows with the length of the HTML and no faster,
whatever is left open or nested in it: every search that fails ends the reading, a tree is no deeper than
`MAX_DEPTH`, and after `MAX_STEPS` nothing more is read. (`html.parser` begins anew at each of a million `<!--`.)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise
from string import ascii_lowercase
from typing import Final

MAX_DEPTH: Final = 200  # browsers stop at 512
MAX_STEPS: Final = 200_000  # tags, attributes and comments; a long report pasted from Word has some thousands
MAX_LEVELS: Final = 9  # of lists, for the margin; editors end at eight
RUN_CHARS: Final = 65_536
VALUE_CHARS: Final = 2_000
INDENT: Final = "  "
MAX_INDENT: Final = 40  # of a line of which blanks are kept
ROMAN: Final = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x")),
    *((9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
BULLET: Final = "• "
TICKED: Final = "☑ "
UNTICKED: Final = "☐ "
CELL: Final = " | "

CELLS: Final = frozenset({"td", "th"})
LISTS: Final = frozenset({"ul", "ol", "menu", "dir"})
ROW: Final = frozenset({"tr"})
TABLE: Final = frozenset({"table"})
TABLE_PARTS: Final = frozenset({"tr", "tbody", "thead", "tfoot", "caption"})
BLOCKS: Final = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "dir", "div", "dl"),
        *("dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
        *("hgroup", "hr", "legend", "li", "main", "menu", "nav", "ol", "optgroup", "option", "p", "pre", "search"),
        *("section", "summary", "table", "textarea", "ul", *TABLE_PARTS),
    }
)
VOID: Final = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track"),
        "wbr",
    }
)
RAW: Final = frozenset({"iframe", "noembed", "noframes", "noscript", "script", "style", "title"})
HIDDEN: Final = RAW | {"audio", "canvas", "datalist", "math", "svg", "template", "video", "xml"}

# What a start tag ends (Testmo's editors close everything, Word and people do not), and what hides those from it.
IMPLIED: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "li": (frozenset({"li"}), LISTS | CELLS),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl", *CELLS})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl", *CELLS})),
    "option": (frozenset({"option"}), frozenset({"select"})),
    "td": (CELLS, ROW | TABLE),
    "th": (CELLS, ROW | TABLE),
    "tr": (frozenset({"tr", "caption"}), TABLE),
    "tbody": (TABLE_PARTS, TABLE),
    "thead": (TABLE_PARTS, TABLE),
    "tfoot": (TABLE_PARTS, TABLE),
    "caption": (TABLE_PARTS, TABLE),
}
PARAGRAPH: Final = frozenset({"p"})
DRAWINGS: Final = frozenset({"svg", "math"})
DRAWING_END: Final = {name: re.compile(f"</{name}(?![^ \t\n\f\r/>])", re.IGNORECASE) for name in ("svg", "math")}
IN_DRAWINGS: Final = frozenset(
    {"foreignobject", "desc", "annotation-xml", "mi", "mo", "mn", "ms", "mtext"}
)  # where HTML is a part of them
NEVER_IN_DRAWINGS: Final = BLOCKS | {
    *("b", "br", "code", "em", "i", "img", "s", "small", "span", "strong", "sub", "sup", "u")
}
CHANGES: Final = frozenset({"del", "ins"})
WALLS: Final = frozenset({"table", *CELLS})  # no end tag reaches out of a cell but those of the table's own parts

SPACE: Final = re.compile(r"[ \t\n\f\r/]*+")
NAME: Final = re.compile(r"</?([a-zA-Z][^ \t\n\f\r/>]*+)")
ATTRIBUTE: Final = re.compile(r"(=?[^ \t\n\f\r/>=]*+)[ \t\n\f\r]*+(=?)[ \t\n\f\r]*+")
UNQUOTED: Final = re.compile(r"[^ \t\n\f\r>]*+")
COMMENT_END: Final = re.compile(r"--!?>")
RAW_END: Final = re.compile(r"</(iframe|noembed|noframes|noscript|script|style|title)(?=[ \t\n\f\r/>])", re.IGNORECASE)
KEPT: Final = frozenset(
    {*("alt", "checked", "class", "data-checked", "data-list", "hidden", "reversed", "start", "style", "type", "value")}
)
UNSEEN: Final = re.compile(r"(?<![-\w])(?:display\s*+:\s*+none|mso-hide\s*+:\s*+all)", re.IGNORECASE)
VISIBILITY: Final = re.compile(r"(?<![-\w])visibility\s*+:\s*+(?:(visible)|hidden|collapse)", re.IGNORECASE)
NUMERALS: Final = re.compile(
    r"(?<![-\w])list-style(?:-type)?\s*+:[^;]{0,40}?(lower|upper)-(alpha|latin|roman)", re.IGNORECASE
)
MARKUP: Final = re.compile(r"<(?:[/?!]|[a-zA-Z])")
PREFORMATTED: Final = re.compile(r"(?<![-\w])white-space\s*+:\s*+(?:pre|break-spaces)", re.IGNORECASE)
WORDS_OWN_MARK: Final = re.compile(r"(?<![-\w])mso-list\s*+:\s*+ignore", re.IGNORECASE)
NUMBERING: Final = re.compile(r"\(?\w{1,6}(?:\.\w{1,4})*[.)]")
DATA: Final = re.compile(
    r"data:(?:(image)|\w++)/[\w.+-]*+(?:;[\w.=+-]*+)*+,(?:[A-Za-z0-9+/=_%-]++|\s++(?=[A-Za-z0-9+/=_%-]{60}))*+",
    re.IGNORECASE,
)
CONTROL: Final = re.compile(r"&#(?:x0*([01]?[0-9a-f])(?![0-9a-f])|0*([0-2]?[0-9]|3[01])(?![0-9]));?", re.IGNORECASE)
WORDS_LEVEL: Final = re.compile(r"(?<![-\w])mso-list\s*+:\s*+l\d{1,9}\s++level([1-9])", re.IGNORECASE)
QUILLS_LEVEL: Final = re.compile(r"(?<![-\w])ql-indent-([1-9])(?!\d)")


@dataclass(slots=True)
class Tag:
    """A start tag: what of its attributes matters here, where it ends, and what its style does.

    `level` is how far Word and Quill move it in: their nested lists are flat.
    """

    name: str
    end: int
    attributes: dict[str, str] = field(default_factory=dict)
    is_closed: bool = False
    is_hidden: bool = False
    is_visible: bool | None = None  # None is like what it stands in
    is_preformatted: bool = False
    is_mark: bool = False
    level: int = 0
    numerals: str = ""  # as the attribute `type` names them

    def number(self, name: str) -> int | None:
        """An attribute that is a whole number."""
        found = re.match(r"\s*([-+]?\d{1,9})", self.attributes.get(name, ""), re.ASCII)
        return int(found[1]) if found else None


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

    def is_ended(self, tag: Tag, html: str) -> bool:
        """Whether an end tag comes for a drawing; one without must not hide the rest. Nothing is looked for twice."""
        if tag.is_closed or self._inner.is_hidden:
            return True
        if 0 <= self._ends.get(tag.name, 0) < tag.end:
            found = DRAWING_END[tag.name].search(html, tag.end)
            self._ends[tag.name] = found.start() if found else -1
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
        if not any(self._open[name] for name in names):
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


def numeral(number: int, kind: str) -> str:
    """A number as the `type` of a list wants it: a, A, i or I; in figures where that cannot be."""
    if kind in ("a", "A") and number > 0:
        letters = ""
        while number:
            number, letter = divmod(number - 1, len(ascii_lowercase))
            letters = ascii_lowercase[letter] + letters
        return letters if kind == "a" else letters.upper()
    if kind in ("i", "I") and 0 < number < 4_000:  # noqa: PLR2004 - there is no sign for more
        letters = ""
        for value, sign in ROMAN:
            letters += sign * (number // value)
            number %= value
        return letters if kind == "i" else letters.upper()
    return str(number)


def lines_of(html: str, *, enough: int, tidy: Callable[[str], str]) -> list[str]:
    """The lines of a page, as far as they are needed for so many characters."""
    page = Page(tidy, enough, is_plain=MARKUP.search(html) is None)
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


def read_markup(page: Page, html: str, position: int) -> tuple[int, int]:
    """A tag, a comment, or a `<` that is neither; where it ends, and how many steps it took.

    Markup that never ends is the last: nothing is looked for twice.
    """
    found = NAME.match(html, position)
    if found and html[position + 1] != "/":
        tag, steps = start_tag(html, found)
        if tag is not None:
            if tag.name not in DRAWINGS or page.is_ended(tag, html):
                page.start(tag)
            return raw_end(html, tag) if tag.name in RAW else tag.end, steps
        if is_text(html, found):
            read_text(page, html, position, len(html))
        return len(html), steps
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


def characters(run: str) -> str:
    """Text with its references as characters; those of control characters, too, which HTML leaves out."""
    if "&" not in run:
        return run
    return unescape(CONTROL.sub(lambda found: chr(int(found[1], 16) if found[1] else int(found[2])), run))


def start_tag(html: str, found: re.Match[str]) -> tuple[Tag | None, int]:
    """A start tag to its end, and how many attributes it has; None where it never ends."""
    tag = Tag(found[1].lower(), 0)
    position, steps = found.end(), 1
    while steps < MAX_STEPS:
        begins, position = position, SPACE.match(html, position).end()  # type: ignore[union-attr]  # fits anything
        if position >= len(html):
            return None, steps
        if html[position] == ">":
            tag.is_closed = tag.name in ("svg", "math") and html[begins:position].endswith("/")
            tag.end = position + 1
            return tag, steps
        steps += 1
        named = ATTRIBUTE.match(html, position)
        if named is None:  # it fits anything, which types cannot know
            return None, steps
        begin = position = named.end()
        if named[2] and html.startswith(('"', "'"), position):
            begin += 1
            end = html.find(html[position], begin)
            if end < 0:
                return None, steps
            position = end + 1
        else:
            end = position = UNQUOTED.match(html, position).end() if named[2] else position  # type: ignore[union-attr]
        if len(named[1]) <= 12 and (name := named[1].lower()) in KEPT:  # noqa: PLR2004 - the longest of them
            note_attribute(tag, name, html, begin, end)
    return None, steps


def note_attribute(tag: Tag, name: str, html: str, begin: int, end: int) -> None:
    """Remember what an attribute says; the first of a name counts."""
    if name in tag.attributes:
        return
    tag.attributes[name] = unescape(html[begin : min(end, begin + VALUE_CHARS)])
    if name == "style":
        tag.is_hidden |= UNSEEN.search(html, begin, end) is not None
        for said in VISIBILITY.finditer(html, begin, end):  # the last one counts
            tag.is_visible = bool(said[1])
        if numerals := NUMERALS.search(html, begin, end):
            kind = "i" if numerals[2].lower() == "roman" else "a"
            tag.numerals = kind if numerals[1].lower() == "lower" else kind.upper()
        tag.is_preformatted = PREFORMATTED.search(html, begin, end) is not None
        tag.is_mark = WORDS_OWN_MARK.search(html, begin, end) is not None
        nested = WORDS_LEVEL.search(html, begin, end)
        tag.level = int(nested[1]) - 1 if nested else tag.level
    elif name == "class":
        nested = QUILLS_LEVEL.search(html, begin, end)
        tag.level = int(nested[1]) if nested else tag.level
    elif name == "type" and not tag.numerals:
        tag.numerals = tag.attributes[name].strip()
    tag.is_hidden |= name == "hidden"


def is_text(html: str, found: re.Match[str]) -> bool:
    """Whether what never ends was no tag: `a <b and c`. A tag that was cut off has an attribute with a value."""
    named = ATTRIBUTE.match(html, SPACE.match(html, found.end()).end())  # type: ignore[union-attr]  # fits anything
    return not (named and named[1] and named[2])


def comment_end(html: str, position: int) -> int:
    """Behind a comment; one that nobody ends goes on to the end of the page."""
    for empty in ("<!-->", "<!--->"):
        if html.startswith(empty, position):
            return position + len(empty)
    ended = COMMENT_END.search(html, position + 4)
    return ended.end() if ended else len(html)


def raw_end(html: str, tag: Tag) -> int:
    """The end tag of an element whose content is no HTML; the page's end without one."""
    for ended in RAW_END.finditer(html, tag.end):
        if ended[1].lower() == tag.name:
            return ended.start()
    return len(html)
