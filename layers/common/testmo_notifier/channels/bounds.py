"""How much a team's own template may do. Pure.

A loop without an end would take the whole poll with it, and so would a text of a gigabyte. Turns and calls are
counted, so a template that is stopped is stopped every time, and at the same line; the clock is for what costs more
than it counts. The built-in templates are neither counted nor slower.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, Final, TypeVar

from jinja2 import Environment, Undefined, nodes
from jinja2.utils import Namespace

T = TypeVar("T")

MAX_STEPS: Final = 100_000  # of one template; a message that names fifty results takes about two thousand
MAX_SECONDS: Final = 2  # of one message; an ordinary one takes a few hundredths
MAX_SIZE: Final = 1_000_000  # characters or items of whatever a template makes; a message has 240,000 at most
MAX_SLOW_SIZE: Final = 100_000  # of what is given to a filter that takes its time
MAX_BITS: Final = 100_000  # of a number
MAX_WIDTH: Final = 10_000  # how wide or how many a template may ask something to be
# A conversion (%-20s) and a field ({:>20}), as far as they say how wide; `odd` is what hides that from us.
CONVERSION: Final = re.compile(r"%%|%(?P<odd>\([^()]*\()?(?:\([^()]*\))?[-+ #0]*(\*|\d+)?(?:\.(\*|\d+))?")
FIELD: Final = re.compile(r"\{[^{}]*(?:(?P<odd>\[[^\]]*[{}])|:(?P<spec>[^{}]*)(?P<nested>\{)?)")
SLOW: Final = frozenset({"pprint", "striptags", "urlize", "wordwrap", "xmlattr"})
# Filters and methods that are given a width or a count. Any other number is as large as it likes.
WIDTHS: Final = frozenset(
    {
        *("center", "indent", "batch", "slice", "wordwrap", "round", "tojson"),
        *("ljust", "rjust", "zfill", "expandtabs", "to_bytes"),
    }
)
UNKNOWN_SIZE: Final = 1_000  # what something counts for whose length nobody knows before it is gone through
ITEMS_A_STEP: Final = 100  # how many characters or items are as much work as a step
SIZED: Final = (str, bytes, list, tuple, set, frozenset, dict, range)  # an undefined name has a length that raises
OPERATORS: Final = frozenset({"*", "**", "+", "%"})


class TemplateStopped(Exception):
    """A template did too much; says what."""


class Bounds:
    """What one template may still do. `renew` before each."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = MAX_STEPS
        self._end = 0.0
        self.begin()

    def begin(self) -> None:
        """Begin with the next message."""
        self._end = self._clock() + MAX_SECONDS

    def renew(self) -> None:
        """Begin with the next template."""
        self._left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Count; raises `TemplateStopped`."""
        self._left -= steps
        if self._left < 0:
            raise TemplateStopped(f"it did not end within {MAX_STEPS:,} steps: is there a loop without an end?")
        if self._clock() > self._end:
            raise TemplateStopped(f"its message took more than {MAX_SECONDS} seconds: does it make large texts?")

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

    def joined(self, pieces: list[Any]) -> str:
        """Texts, one behind the other."""
        check_size(size_of(pieces))  # before a list among them is written out
        return self.concat(str(text_in(piece)) for piece in pieces)

    def weighed(self, value: T) -> T:
        """What is about to be printed, compared or cut."""
        size = size_of(value)
        check_size(size)
        self.spend(1 + size // (ITEMS_A_STEP if isinstance(value, str) else ITEMS_A_STEP // 10))  # items are dearer
        return value

    def guarded(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """A filter or a test that looks at what it is given first."""
        injected = 1 if hasattr(work, "jinja_pass_arg") else 0  # Jinja's own context or environment

        @wraps(work)
        def guard(*args: Any, **names: Any) -> Any:  # noqa: ANN401 - whatever it gives
            self.check_call(name, args[injected:], names)
            made = work(*args, **names)
            self.check_made(made)
            return made

        return guard

    def check_made(self, value: object) -> None:
        """Something was made, by a filter or an operator."""
        size = len(value) if isinstance(value, SIZED) else 0
        check_size(size)
        self.spend(size // ITEMS_A_STEP // 10)

    def check_call(self, name: str, args: tuple[Any, ...], names: Mapping[str, Any]) -> None:
        """A filter, a test or a method is called, the first of `args` is what it works on."""
        every = (*args, *(names[key] for key in sorted(names, reverse=True)))  # old before new, as `replace` has them
        total = sum(map(size_of, every))
        if name in SLOW and total > MAX_SLOW_SIZE:
            raise OverflowError(f"{name} is given {total:,} characters or items; {MAX_SLOW_SIZE:,} is the most")
        self.spend(1 + total // ITEMS_A_STEP)
        check_size(total + growth(name, every))


def bound(environment: Environment, bounds: Bounds) -> None:
    """Let an environment count."""
    environment.filters = {name: bounds.guarded(name, work) for name, work in environment.filters.items()}
    environment.filters.update(turns=bounds.turns, joined=bounds.joined, weighed=bounds.weighed)
    tests: Mapping[str, Any] = environment.tests
    environment.tests = {name: bounds.guarded(name, work) for name, work in tests.items()}
    environment.globals = {**environment.globals, "range": bounds.range}
    del environment.globals["lipsum"]
    environment.concat = bounds.concat  # type: ignore[method-assign]  # Jinja's own hook


def text_in(value: object) -> object:
    """What a team's template prints: of None nothing; what has no text raises `TypeError` rather than show itself."""
    if value is None:
        return ""
    if isinstance(value, Undefined):  # it has words of its own
        return value
    if callable(value) or any(map(is_dataclass, value if isinstance(value, list | tuple) else [value])):
        raise TypeError(f"a {type(value).__name__} is no text: print a field of it, or what it gives with ()")
    return value


def counted(tree: nodes.Template) -> nodes.Template:
    """A template whose loops, joins, comparisons and slices are counted."""
    for loop in tree.find_all(nodes.For):
        loop.iter = filtered(loop.iter, "turns")
    for pair in tree.find_all(nodes.Compare):
        pair.expr = filtered(pair.expr, "weighed")
        for operand in pair.ops:
            operand.expr = filtered(operand.expr, "weighed")
    for part in tree.find_all(nodes.Getitem):
        if isinstance(part.arg, nodes.Slice):
            part.node = filtered(part.node, "weighed")
    for pieces in list(tree.find_all(nodes.Concat)):
        pieces.nodes = [filtered(nodes.List(list(pieces.nodes), lineno=pieces.lineno), "joined")]
    return tree


def filtered(value: nodes.Node, name: str) -> nodes.Filter:
    """`value | name`."""
    return nodes.Filter(value, name, [], [], None, None, lineno=value.lineno)


def check_operation(operator: str, left: object, right: object) -> None:
    """Raises `OverflowError` where the result would be too large. A sum is at most twice what it is made of."""
    if operator == "*":
        check_size(product_size(left, right))
        check_bits(bits(left) + bits(right))
    elif operator == "**":
        check_bits(bits(left) * right if isinstance(right, int) else 0)
    elif operator == "%" and isinstance(left, str | bytes):
        check_conversions(str(left), right)


def check_conversions(text: str, args: object) -> None:
    """`'%9999999d' % 1` makes ten million characters."""
    found = [one for one in CONVERSION.finditer(text) if one[0] != "%%"]
    check_widths(text, [number for one in found for number in (one["odd"] and "*", one[2], one[3]) if number])
    check_size(len(text) + len(found) * size_of(args))


def check_fields(text: str, args: object) -> None:
    """`'{:9999999}'.format(1)` does so, too."""
    found = list(FIELD.finditer(text))
    if any(one["nested"] for one in found):  # {:>{width}}
        check_size(size_of(args))
        check_widths(text, re.findall(r"\d{5,}", str(args)))
    check_widths(text, ["*" for one in found if one["odd"]])
    check_widths(text, [number for one in found for number in re.findall(r"\d+", one["spec"] or "")])
    check_size(len(text) + text.count("{") * size_of(args))


def check_widths(text: str, widths: list[str]) -> None:
    """Raises `OverflowError`."""
    if any(not width.isdecimal() or len(width.lstrip("0")) >= len(str(MAX_WIDTH)) for width in widths):
        raise OverflowError(f"{text[:40]!r} asks for too wide a text")
    check_size(sum(map(int, widths)))


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


def growth(name: str, args: tuple[Any, ...]) -> int:
    """By how much more than it is given a filter or a method may make; the first of `args` is what it works on."""
    first, rest = (args[0] if args else ""), args[1:]
    size, others = size_of(first), sum(map(size_of, rest))
    numbers = rest[:1] if name in ("batch", "slice") else rest  # these fill with whatever they are given
    width = max((abs(arg) for arg in numbers if name in WIDTHS and isinstance(arg, int)), default=0)
    if width > MAX_WIDTH:
        raise OverflowError(f"{width} is too large a number for {name}")
    check_size(size + others)
    if name == "indent":
        return (str(first).count("\n") + 1) * (width or others)
    if name == "replace" and len(rest) > 1:
        return str(first).count(str(rest[0])) * size_of(rest[1])
    if name == "join":  # as a filter or as a method: one of both is what stands between
        items = len(first) if isinstance(first, SIZED) else UNKNOWN_SIZE  # to go through
        return (size if isinstance(first, str) else items) * others
    if name == "sum" and any(isinstance(arg, list | tuple) for arg in rest):  # each addition copies all before it
        return size * size
    if name in ("translate", "wordwrap"):
        return size * others
    return size * width if name in ("expandtabs", "tojson") else width


def size_of(value: object) -> int:
    """Characters of a text, items of a list and what they hold; a guess for what gives its items one by one.

    Never raises, and counts no further than to what is too much.
    """
    size, waiting = 0, [value]
    while waiting and size <= MAX_SIZE:
        one = waiting.pop()
        if isinstance(one, SIZED):
            size += len(one)
        elif isinstance(one, int):
            size += one.bit_length() // 4  # its digits
        elif isinstance(one, Iterator):
            size += UNKNOWN_SIZE
        if isinstance(one, list | tuple | set | frozenset):
            if set(map(type, one)) == {int}:  # a long list of numbers is not gone through one by one
                size += len(one) * (max(one, key=abs).bit_length() // 4)
            else:
                waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend((*one, *one.values()))
        elif isinstance(one, Namespace):
            waiting.append({**one._Namespace__attrs, "": 0})  # noqa: SLF001 - it prints them
        elif is_dataclass(one) and not isinstance(one, type):
            waiting.extend(getattr(one, field.name) for field in fields(one))
    return size
