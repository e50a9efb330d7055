"""How templates write: the environment they run in, and what plain text makes of what they print. Pure.

A channel with a notation of its own (`slack.notation`) derives its environment from this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, tzinfo
from functools import cache
from operator import attrgetter, is_not
from types import MethodType, NoneType
from typing import Any, Final, TypeVar

from jinja2 import BaseLoader, Environment, StrictUndefined, nodes
from jinja2.filters import do_format
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from testmo_notifier.channels.bounds import (
    OPERATORS,
    Bounds,
    bound,
    check_conversions,
    check_fields,
    check_operation,
    counted,
    text_in,
)
from testmo_notifier.notices.context import Linked

T = TypeVar("T")
Kind = TypeVar("Kind", bound="TemplateEnvironment")

# What a channel's notation may write between the words of a text, and nobody else: characters that Unicode keeps for a
# program's own use, so that no text that is exchanged holds them (https://www.unicode.org/faq/private_use.html).
MARKS: Final = re.compile("[\ufdd0-\ufdef\U000f0000-\U000f00ff]")
UNMARKED: Final = frozenset({int, bool, datetime, NoneType})


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox. With `bounds` everything that takes time or memory is counted."""

    intercepted_binops = OPERATORS
    bounds: Bounds | None = None

    def call(self, context: Any, called: Any, /, *args: Any, **names: Any) -> Any:  # noqa: ANN401 - Jinja's own shape
        """Call whatever a template calls; raises what `Bounds` does."""
        if self.bounds:
            work = getattr(called, "__self__", None)  # "a".replace works on "a"
            if called != self.bounds.range:
                self.bounds.check_call(getattr(called, "__name__", ""), (work, *args), names)
            if isinstance(called, LoopContext):  # {% for … recursive %} goes through what it is given
                args = (self.bounds.turns(*args),)
        made = super().call(context, called, *args, **names)
        if self.bounds:
            self.bounds.check_made(made)
        return made

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """The result of an operator; raises `OverflowError`."""
        check_operation(operator, left, right)
        made = super().call_binop(context, operator, left, right)
        if self.bounds:
            self.bounds.check_made(made)
        return made

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:  # noqa: ANN401
        """`"…".format`; raises `OverflowError`."""
        work = super().wrap_str_format(value)
        if not work:
            return None

        def checked(*args: Any, **names: Any) -> str:  # noqa: ANN401
            check_fields(str(value.__self__), (args, names))
            return work(*args, **names)

        return checked

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = self.read(super()._parse(source, name, filename))
        return counted(tree) if self.bounds else tree

    def read(self, tree: nodes.Template) -> nodes.Template:
        """A template with what the notation makes of its own words."""
        return tree


def plain_environment(loader: BaseLoader, time_zone: tzinfo, bounds: Bounds | None = None) -> TemplateEnvironment:
    """Templates that write plain text."""
    filters: dict[str, Callable[..., Any]] = {
        "link": plain_link,
        "when": lambda moment: plain_date(moment, time_zone),
        "format": formatted,
    }
    return new_environment(TemplateEnvironment, loader, filters, bounds)


def new_environment(
    kind: type[Kind],
    loader: BaseLoader,
    filters: Mapping[str, Callable[..., Any]],
    bounds: Bounds | None,
    printed: Callable[[Any], object] = str,
) -> Kind:
    """What all have in common: an error for every name that does not exist, and whether they count.

    Links and moments are printed as the filters `link` and `when` write them, everything else as `printed` does.
    """
    link, when = filters["link"], filters["when"]

    def finalize(value: object) -> str:
        if type(value) is str:  # nearly everything
            return value
        if not isinstance(value, Linked):
            return str(printed(value))
        return "".join(when(where) if isinstance(where, datetime) else link(text, where) for text, where in value.parts)

    environment = kind(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=False,  # HTML's escapes are wrong in text
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
        auto_reload=False,
    )
    environment.filters.update(filters)
    if bounds:
        environment.finalize = lambda value: finalize(text_in(bounds.weighed(value)))
        environment.bounds = bounds
        bound(environment, bounds)
    else:  # ours: the sandbox would look at each name of each result
        environment.getattr = MethodType(Environment.getattr, environment)  # type: ignore[method-assign]
    return environment


def formatted(text: str, *args: object, **names: object) -> str:
    """Jinja's filter `format`, within bounds."""
    check_conversions(str(text), (args, names))
    return do_format(text, *args, **names)


def without_marks(value: T) -> T:
    """What a template sees, without the characters that only a notation may write."""
    if isinstance(value, Linked):
        parts = without_marks(value.parts)
        return value if parts is value.parts else Linked(*parts)  # type: ignore[return-value]  # as it went in
    if isinstance(value, str):
        return value if value.isascii() else MARKS.sub("", value)  # type: ignore[return-value]
    if isinstance(value, tuple):
        items = tuple(map(without_marks, value))
        return items if any(map(is_not, items, value)) else value  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        names, values = fields_of(type(value))
        new: dict[str, object] = {}
        for name, old in zip(names, values(value), strict=False):
            if type(old) in UNMARKED or (type(old) is str and old.isascii()):
                continue  # that is nearly all of them
            if (one := without_marks(old)) is not old:
                new[name] = one
        return replace(value, **new) if new else value
    return value


@cache
def fields_of(kind: type[Any]) -> tuple[tuple[str, ...], attrgetter[tuple[Any, ...]]]:
    """The names of a data class's fields, and what gets all their values, and its class behind them."""
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names, "__class__")  # of one name alone it would get no tuple


def plain_link(text: object, url: str) -> str:
    """`text (url)`, or the text alone where there is no address."""
    return f"{text} ({url})" if url else str(text)


def plain_date(moment: datetime, time_zone: tzinfo) -> str:
    """`2026-11-23 15:03 CET`."""
    try:
        return moment.astimezone(time_zone).strftime("%Y-%m-%d %H:%M %Z")
    except (OverflowError, ValueError):  # the first and last days that Python knows have no other zone
        return moment.isoformat(sep=" ", timespec="minutes")
