"""The markers of list items: bullets, boxes, and numbers as the list wants them written. Pure."""

from __future__ import annotations

import re
from string import ascii_lowercase
from typing import Final

from testmo_notifier.text.lines import Line
from testmo_notifier.text.tags import Tag

BULLET: Final = "• "
NUMBER: Final = re.compile(r"\(?\w{1,6}(?:\.\w{1,4})*[.)]")
ROMAN: Final = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x")),
    *((9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


class Numbering:
    """The numbers of an ordered list, by level: the nested lists of Word and Quill are flat.

    A list that counts down from where nobody said has its numbers at its end, when it is known how many there are.
    """

    def __init__(self, tag: Tag) -> None:
        start = tag.number("start")
        self._step = -1 if "reversed" in tag.attributes else 1
        self._is_known = start is not None or self._step > 0
        self._next = {0: 1 if start is None else start}
        self._numerals = tag.numerals
        self._waiting: list[Line] = []

    def marker(self, tag: Tag, *, is_numbered: bool) -> str:
        """The marker of the next item, whose lists within begin anew."""
        if not self._is_known:
            return BULLET
        for deeper in [level for level in self._next if level > tag.level]:
            del self._next[deeper]
        if not is_numbered:
            return BULLET
        value = tag.number("value")
        number = self._next.get(tag.level, 1) if value is None else value
        self._next[tag.level] = number + self._step
        return f"{numeral(number, tag.numerals or self._numerals)}. "

    def has_begun(self, line: Line) -> None:
        """An item has begun with a bullet."""
        if not self._is_known:
            self._waiting.append(line)

    def close(self) -> None:
        """Number what waits for it, now that the list is at its end."""
        for place, line in enumerate(reversed(self._waiting), 1):
            line.prefix = line.prefix.replace(BULLET, f"{numeral(place, self._numerals)}. ")


def words_marker(text: str) -> str:
    """What Word wrote as an item's marker, in fonts of its own: a number stays, any other sign is a bullet."""
    marker = text.strip()
    return f"{marker} " if NUMBER.fullmatch(marker) else BULLET


def numeral(number: int, kind: str) -> str:
    """A number as the `type` of a list wants it: a, A, i or I; in figures where that cannot be."""
    letters = ""
    if kind in ("a", "A") and number > 0:
        while number:
            number, letter = divmod(number - 1, len(ascii_lowercase))
            letters = ascii_lowercase[letter] + letters
    elif kind in ("i", "I") and 0 < number < 4_000:  # noqa: PLR2004 - there is no sign for more
        for value, sign in ROMAN:
            letters += sign * (number // value)
            number %= value
    else:
        return str(number)
    return letters if kind.islower() else letters.upper()
