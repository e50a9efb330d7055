"""Numbers as the items of a list carry them. Pure."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Final

ROMAN: Final = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x")),
    *((9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


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
