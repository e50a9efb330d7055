"""The elements of a page that are open, one in the other. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from typing import Final, NamedTuple

from testmo_notifier.lean import dataclass
from testmo_notifier.text.elements import HIDDEN, LISTS
from testmo_notifier.text.numbering import Numbering
from testmo_notifier.text.tags import Tag

MAX_DEPTH: Final = 200  # browsers stop at 512


class Link(NamedTuple):
    """Where a link leads, and where its text begins: the line, and the piece of it."""

    address: str
    begins: tuple[int, int]


@dataclass(slots=True)
class Element:
    """An open element, with what its kind has to remember."""

    tag: str
    is_hidden: bool  # and all that is in it
    is_preformatted: bool
    is_visible: bool = True
    level: int = 0  # of the list that it is or stands in
    numbering: Numbering | None = None  # of an ordered list
    cells: list[int] = field(default_factory=list)  # of a row: the line at which each cell begins
    marker_from: int | None = None  # of a list marker that Word wrote: the piece at which it begins
    link: Link | None = None

    def hides(self, tag: Tag) -> bool:
        """Whether nothing of what a tag begins here is to be seen."""
        return self.is_hidden or tag.is_hidden or tag.name in HIDDEN

    def shows(self, tag: Tag) -> bool:
        """Whether what a tag begins here has its place and can be seen there."""
        return self.is_visible if tag.is_visible is None else tag.is_visible

    def child(self, tag: Tag) -> Element:
        """The element that a tag begins here."""
        return Element(
            tag.name,
            is_hidden=self.hides(tag),
            is_preformatted=self.is_preformatted or tag.is_preformatted or tag.name in ("pre", "textarea"),
            is_visible=self.shows(tag),
            level=self.level + (tag.name in LISTS) + tag.level,
            numbering=Numbering(tag) if tag.name == "ol" else None,
        )


class Nesting:
    """The open elements from the page itself, which nobody ends, to `inner`; no more than `MAX_DEPTH`."""

    def __init__(self, page: Element) -> None:
        self.inner = page
        self._elements = [page]
        self._open: Counter[str] = Counter()  # how many of each tag there are
        self._too_deep = 0

    def __iter__(self) -> Iterator[Element]:
        return iter(self._elements)

    def begin(self, tag: Tag) -> Element | None:
        """Open an element; None where that would be too deep."""
        if len(self._elements) > MAX_DEPTH:
            self._too_deep += 1
            return None
        self.inner = self.inner.child(tag)
        self._elements.append(self.inner)
        self._open[tag.name] += 1
        return self.inner

    def was_too_deep(self) -> bool:
        """Whether an end tag is that of an element that never was opened."""
        if not self._too_deep:
            return False
        self._too_deep -= 1
        return True

    def nearest(self, names: frozenset[str], walls: frozenset[str]) -> Element | None:
        """The nearest of some open elements, with no wall before it."""
        if names.isdisjoint(self._open):
            return None
        for element in reversed(self._elements):
            if element.tag in names:
                return element
            if element.tag in walls:
                return None
        return None

    def end(self, outermost: Element) -> Iterator[Element]:
        """End an element, and first what is open in it."""
        ended = None
        while ended is not outermost:
            ended = self._elements.pop()
            self.inner = self._elements[-1]
            self._open[ended.tag] -= 1
            if not self._open[ended.tag]:
                del self._open[ended.tag]
            yield ended
