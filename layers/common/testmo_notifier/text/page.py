"""What the tags and texts of a page do to the lines that a reader would see. Pure."""

from __future__ import annotations

import re
from typing import Final

from testmo_notifier.text.cleaning import tidy
from testmo_notifier.text.elements import BLOCKS, CELLS, CHANGES, LISTS, ROW, TABLE, VOID, ended_by, walls_of
from testmo_notifier.text.lines import Lines
from testmo_notifier.text.nesting import Element, Link, Nesting
from testmo_notifier.text.numbering import BULLET, words_marker
from testmo_notifier.text.tags import DATA, Tag, bare, web_address

MAX_LEVELS: Final = 9  # of lists, for the margin; editors end at eight
INDENT: Final = "  "
TICKED: Final = "☑ "
UNTICKED: Final = "☐ "
BREAKS: Final = re.compile(r"\r\n|\r|\n")


class Page:
    """A page as far as it was read. `is_plain` keeps blanks and line breaks: no HTML at all."""

    def __init__(self, lines: Lines, *, is_plain: bool) -> None:
        self.lines = lines
        self._nesting = Nesting(Element("", is_hidden=False, is_preformatted=is_plain))
        self._marker = ""  # of a list item that has no text yet
        self._was_changed = False  # whether what was deleted, or put in its place, ended just now

    @property
    def is_hidden(self) -> bool:
        """Whether nothing is shown of what comes here."""
        return self._nesting.inner.is_hidden

    def text(self, run: str) -> None:
        """Text between two tags; its own line breaks are spaces but where they are kept."""
        inner = self._nesting.inner
        if inner.is_hidden or not inner.is_visible:
            return
        first, *others = BREAKS.split(run) if inner.is_preformatted else (run,)
        self._write(first)
        for line in others:
            self.lines.end()
            self._write(line)

    def start(self, tag: Tag) -> None:
        """A start tag."""
        name = tag.name
        for names, walls in ended_by(name):
            self._leave(self._nesting.nearest(names, walls))
        if name == "hr" or (name in BLOCKS and not self._nesting.inner.hides(tag)):
            self.lines.end()
        if name in CELLS and self._nesting.nearest(TABLE, frozenset()) and not self._row():
            self._nesting.begin(Tag("tr", 0))
        if name not in VOID and not tag.is_closed and (element := self._nesting.begin(tag)):
            element.marker_from = self.lines.pieces if tag.is_marker else None
            if name == "a" and (address := web_address(tag)):
                element.link = Link(address, self.lines.place)
        if not self.is_hidden:
            self._show(tag)

    def end(self, name: str) -> None:
        """An end tag: ends its element, and whatever was left open in it."""
        if self._nesting.was_too_deep():
            return
        if element := self._nesting.nearest(frozenset({name}), walls_of(name)):
            self._leave(element)
        elif name in BLOCKS and not self.is_hidden:
            self.lines.end()

    def close(self) -> None:
        """The page is at its end, or nobody wants more of it."""
        for element in self._nesting:
            element.numbering = None  # how many items there are is not known: better a bullet than a wrong number
        while self._nesting.inner.tag:
            self._leave(self._nesting.inner)

    def _leave(self, outermost: Element | None) -> None:
        """End an element, if there is one, and first what is open in it."""
        for element in self._nesting.end(outermost) if outermost else ():
            if element.is_hidden:
                continue
            if element.marker_from is not None:
                self.lines.rewrite(element.marker_from, words_marker)
            if element.link:
                self._address(element.link)
            if element.tag in BLOCKS:
                self.lines.end()
            self._was_changed = element.tag in CHANGES
            if element.tag == "li":
                self._marker = ""
            elif element.tag == "tr":
                self.lines.join(element.cells)
            elif element.numbering:
                element.numbering.close()

    def _address(self, link: Link) -> None:
        """Where a link leads, behind a text that does not say it."""
        words = tidy(self.lines.since(link.begins))
        if words and bare(link.address) != bare(words):
            self.lines.add(f" ({link.address})")

    def _show(self, tag: Tag) -> None:
        """What a tag itself shows."""
        name, is_seen = tag.name, not tag.is_hidden and self._nesting.inner.shows(tag)
        if name == "br":
            self.lines.end()
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

    def _write(self, run: str) -> None:
        """Text on this line, or on a new one; blanks begin none."""
        self._was_changed = False
        if not self.lines.is_open:
            inner = self._nesting.inner
            if inner.is_preformatted:
                self.lines.indent(run)
            if not run or run.isspace():
                return
            levels = min(inner.level, MAX_LEVELS) - bool(self._marker)
            line = self.lines.begin(INDENT * levels + self._marker)
            if self._marker == BULLET and (parent := self._list()) and parent.numbering:
                parent.numbering.has_begun(line)
            self._marker = ""
        self.lines.add(run)

    def _list(self) -> Element | None:
        """The list that an item stands in."""
        return self._nesting.nearest(LISTS, CELLS)

    def _row(self) -> Element | None:
        """The row that a cell stands in."""
        return self._nesting.nearest(ROW, TABLE)

    def _item(self, tag: Tag) -> None:
        """A list item: its bullet, number or box comes with its first text."""
        parent = self._list()
        kind = tag.attributes.get("data-list", "").lower()
        state = {"checked": "true", "unchecked": "false"}.get(kind) or tag.attributes.get("data-checked", "").lower()
        is_box = state in ("true", "false")
        self._marker = BULLET
        if parent and parent.numbering:
            self._marker = parent.numbering.marker(tag, is_numbered=kind != "bullet" and not is_box)
        if is_box:
            self._tick(is_ticked=state == "true")

    def _tick(self, *, is_ticked: bool) -> None:
        """A box instead of the bullet; without one it is part of the text."""
        box = TICKED if is_ticked else UNTICKED
        if self._marker:
            self._marker = box
        else:
            self._write(box)

    def _cell(self) -> None:
        """A cell begins: a line of its own until its row is at its end."""
        if row := self._row():
            self.lines.end()
            row.cells.append(len(self.lines))
        else:
            self._write(" ")
