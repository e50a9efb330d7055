"""How much a team's own template may do. Pure.

A loop without an end would take the whole poll with it, and so would a text of a gigabyte. Turns and calls are
counted, not seconds: a template that is stopped is stopped every time, and at the same line. The built-in templates
are neither counted nor slower.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import wraps
from typing import Any, Final

from jinja2 import Environment, nodes

MAX_STEPS: Final = 100_000  # of one template; a message that names fifty results takes about two thousand
MAX_SIZE: Final = 12_000_000  # characters or items of whatever a template makes; a tenth of the poller's memory
MAX_BITS: Final = 100_000  # of a number
MAX_WIDTH: Final = 10_000  # how wide or how many a template may ask something to be
WIDE: Final = re.compile(r"\*|\d{5}")  # in a format like %9999999d
UNKNOWN_SIZE: Final = 1_000
ITEMS_A_STEP: Final = 100  # how many characters or items are as much work as a step
OPERATORS: Final = frozenset({"*", "**", "+", "%"})


class TemplateStopped(Exception):
    """A template did too much; says what."""


class Bounds:
    """What one template may still do. `renew` before each."""

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def renew(self) -> None:
        """Begin with the next template."""
        self._left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Count; raises `TemplateStopped`."""
        self._left -= steps
        if self._left < 0:
            raise TemplateStopped(f"it did not end within {MAX_STEPS:,} steps: is there a loop without an end?")

    def turns(self, items: Iterable[Any]) -> Iterator[Any]:
        """What a loop goes through."""
        for item in items:
            self.spend(1)
            yield item

    def range(self, *limits: int) -> range:
        """Python's own, as long as it is short enough."""
        numbers = range(*limits)
        if len(numbers) > MAX_STEPS:
            raise OverflowError(f"Range too big: a template may count to {MAX_STEPS:,}")
        self.spend(len(numbers) // ITEMS_A_STEP)
        return numbers

    def concat(self, pieces: Iterable[str]) -> str:
        """What a template, a block or a macro has written."""
        kept, size = [], 0
        for piece in pieces:
            kept.append(piece)
            size += len(piece)
            check_size(size)
        self.spend(size // ITEMS_A_STEP // 10)
        return "".join(kept)

    def guarded(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """A filter that looks at what it is given first."""

        @wraps(work)
        def guard(*args: object, **names: object) -> Any:  # noqa: ANN401 - whatever the filter gives
            self.check_call((*args, *names.values()))
            made = work(*args, **names)
            self.check_made(made)
            return made

        return guard

    def check_made(self, value: object) -> None:
        """Something was made, by a filter or an operator."""
        size = len(value) if isinstance(value, Sized) else 0
        check_size(size)
        self.spend(size // ITEMS_A_STEP // 10)

    def check_call(self, args: Iterable[object]) -> None:
        """A filter or a function is called: what it makes is at most as large as what it is given, multiplied."""
        product, total = 1, 0
        for arg in args:
            if isinstance(arg, int) and abs(arg) > MAX_WIDTH:
                raise OverflowError(f"{arg} is too large a number for this")
            size = size_of(arg)
            product *= max(1, size)
            total += size
        check_size(product // 10)  # a long text is given a longer one in its place: rarely, and never by much
        self.spend(1 + total // ITEMS_A_STEP)


def bound(environment: Environment, bounds: Bounds) -> None:
    """Let an environment count."""
    environment.filters = {name: bounds.guarded(work) for name, work in environment.filters.items()}
    environment.filters.update(turns=bounds.turns, joined=lambda pieces: bounds.concat(map(str, pieces)))
    environment.globals = {**environment.globals, "range": bounds.range}
    del environment.globals["lipsum"]
    environment.concat = bounds.concat  # type: ignore[method-assign]  # Jinja's own hook


def counted(tree: nodes.Template) -> nodes.Template:
    """A template whose loops and joins are counted."""
    for loop in tree.find_all(nodes.For):
        loop.iter = filtered(loop.iter, "turns")
    for pieces in list(tree.find_all(nodes.Concat)):
        pieces.nodes = [filtered(nodes.List(list(pieces.nodes), lineno=pieces.lineno), "joined")]
    return tree


def filtered(value: nodes.Node, name: str) -> nodes.Filter:
    """`value | name`."""
    return nodes.Filter(value, name, [], [], None, None, lineno=value.lineno)


def check_operation(operator: str, left: object, right: object) -> None:
    """Raises `OverflowError` where the result would be too large."""
    if operator == "*":
        check_size(product_size(left, right))
        check_bits(bits(left) + bits(right))
    elif operator == "**":
        check_bits(bits(left) * right if isinstance(right, int) else 0)
    elif operator == "+":
        check_size(size_of(left) + size_of(right) if isinstance(left, Sized) and isinstance(right, Sized) else 0)
    elif isinstance(left, str):
        check_format(left)


def check_format(text: object) -> None:
    """`'%9999999d'` makes ten million characters."""
    if WIDE.search(str(text)):
        raise OverflowError(f"{str(text)[:40]!r} asks for too wide a text")


def check_size(size: int) -> None:
    """Raises `OverflowError`."""
    if size > MAX_SIZE:
        raise OverflowError(f"it makes {size:,} characters or items; {MAX_SIZE:,} is the most")


def check_bits(size: int) -> None:
    """Raises `OverflowError`."""
    if size > MAX_BITS:
        raise OverflowError(f"it makes a number of {size:,} bits; {MAX_BITS:,} is the most")


def product_size(left: object, right: object) -> int:
    """How many characters or items a product has."""
    for many, times in ((left, right), (right, left)):
        if isinstance(many, Sized) and isinstance(times, int):
            return len(many) * times
    return 0


def bits(value: object) -> int:
    """The size of a whole number; others have a fixed one."""
    return value.bit_length() if isinstance(value, int) else 0


def size_of(value: object) -> int:
    """Characters of a text, items of a list; a guess for what gives its items one by one."""
    if isinstance(value, Sized):
        return len(value)
    return UNKNOWN_SIZE if isinstance(value, Iterator) else 0
