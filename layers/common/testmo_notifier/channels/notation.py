"""How templates write for a channel: an environment each, what they print, and the filters `link` and `when`. Pure.

A mark that a Slack template itself holds (`*`, `<`, a line's `>`) becomes a character that no text from Testmo can
hold: a *live* mark. So whatever a template does with its pieces (joins, trims, shortens, writes in capitals), it stays
known which marks are the template's and which were typed by somebody. `slack_blocks` reads the live ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, tzinfo
from functools import wraps
from typing import Any, Final, TypeVar

from jinja2 import BaseLoader, StrictUndefined, nodes
from jinja2.filters import FILTERS, do_format, do_join, make_attrgetter
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_eval_context

from testmo_notifier.channels.bounds import (
    OPERATORS,
    Bounds,
    bound,
    check_conversions,
    check_fields,
    check_operation,
    counted,
)
from testmo_notifier.notices.context import Linked

T = TypeVar("T")
Kind = TypeVar("Kind", bound="TemplateEnvironment")

# Unicode keeps U+FDD0 to U+FDEF for a program's own use; no text that is exchanged holds them,
# https://www.unicode.org/faq/private_use.html#noncharacters.
LIVE: Final[Mapping[str, str]] = {
    "*": "\ufdd0",
    "_": "\ufdd1",
    "~": "\ufdd2",
    "`": "\ufdd3",
    "<": "\ufdd4",
    ">": "\ufdd5",
    "|": "\ufdd6",
    ":": "\ufdd7",
    "!": "\ufdd8",
    "@": "\ufdd9",
    "#": "\ufdda",
    "&": "\ufddb",
}
LINK, DATE, TARGET, END = "\ufddc", "\ufddd", "\ufdde", "\ufddf"  # LINK label TARGET address END
# An address is written in characters that no filter changes: `upper` would lead it elsewhere.
HIDDEN_BASE: Final = 0xF0000
HIDE: Final = {byte: HIDDEN_BASE + byte for byte in range(256)}
REVEAL: Final = {HIDDEN_BASE + byte: byte for byte in range(256)}
MARKS: Final = re.compile("[\ufdd0-\ufdef\U000f0000-\U000f00ff]")
EMOJI: Final = re.compile(r":(?:100|1234|[0-9_+'-]*[a-z][a-z0-9_+'-]*):")
WRITTEN: Final = re.compile(rf"&(?:lt|gt|amp);|{EMOJI.pattern}|<[!@#]?|[*_~`>|&]")
PRINTED: Final = re.compile(rf"{EMOJI.pattern}|[*_~`]|^>")

# Filters that give the text they are given, written in another way.
WRITING: Final = (
    *("upper", "lower", "title", "capitalize", "trim"),
    *("replace", "center", "indent", "wordwrap", "truncate"),
)


class TemplateText(str):
    """A text constant of a template, as opposed to what it is given: its marks are live where it is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        """What Jinja's compiler writes into the code of a template."""
        return f"environment.own_text({str(self)!r})"


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


class SlackEnvironment(TemplateEnvironment):
    """Tells the marks that a template holds from those that it is given."""

    own_text = TemplateText

    def read(self, tree: nodes.Template) -> nodes.Template:
        """Its marks are live ones."""
        for text in tree.find_all(nodes.TemplateData):
            text.data = WRITTEN.sub(live, text.data)
        for constant in tree.find_all(nodes.Const):
            if type(constant.value) is str:
                constant.value = TemplateText(constant.value)
        for pieces in tree.find_all(nodes.Concat):
            pieces.nodes = [joined(piece) for piece in pieces.nodes]
        for pair in tree.find_all(nodes.Add):
            pair.left, pair.right = joined(pair.left), joined(pair.right)
        return tree


def slack_environment(loader: BaseLoader, time_zone: tzinfo, bounds: Bounds | None = None) -> SlackEnvironment:
    """Templates that write mrkdwn: what they are given stays text, links and dates are made by a filter."""
    filters: dict[str, Callable[..., Any]] = {
        "link": slack_link,
        "when": lambda moment: slack_date(moment, time_zone),
        "format": lambda text, *args, **names: formatted(printed(text), *args, **names),
        **{name: written(FILTERS[name]) for name in WRITING},
        "join": written_list,
    }
    return new_environment(SlackEnvironment, loader, slack_text, filters, bounds)


def plain_environment(loader: BaseLoader, time_zone: tzinfo, bounds: Bounds | None = None) -> TemplateEnvironment:
    """Templates that write plain text."""
    filters: dict[str, Callable[..., Any]] = {
        "link": plain_link,
        "when": lambda moment: plain_date(moment, time_zone),
        "format": formatted,
    }
    return new_environment(TemplateEnvironment, loader, plain_text, filters, bounds)


def new_environment(
    kind: type[Kind],
    loader: BaseLoader,
    finalize: Callable[[Any], str],
    filters: Mapping[str, Callable[..., Any]],
    bounds: Bounds | None,
) -> Kind:
    """What both have in common: an error for every name that does not exist, and whether they count."""
    environment = kind(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=False,  # HTML's escapes are wrong in Slack and in plain text
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
        auto_reload=False,
    )
    environment.filters.update(filters)
    if bounds:
        environment.finalize = lambda value: finalize(bounds.weighed(value))
        environment.bounds = bounds
        bound(environment, bounds)
    return environment


def formatted(text: str, *args: object, **names: object) -> str:
    """Jinja's filter `format`, within bounds."""
    check_conversions(str(text), (args, names))
    return do_format(text, *args, **names)


def written(work: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose text keeps its marks where it is the template's own; what `replace` looks for has them, too."""
    injected = 1 if hasattr(work, "jinja_pass_arg") else 0

    @wraps(work)
    def write(*args: Any, **names: Any) -> Any:  # noqa: ANN401 - whatever the filter gives
        is_own = len(args) > injected and isinstance(args[injected], TemplateText)
        return work(*map(printed, args), **names) if is_own else work(*args, **names)

    return write


@pass_eval_context
def written_list(
    context: nodes.EvalContext,
    value: Iterable[Any],
    d: str = "",
    attribute: str | int | None = None,
) -> str:
    """Jinja's filter `join`, whose pieces keep their marks where they are the template's own."""
    pieces = value if attribute is None else map(make_attrgetter(context.environment, attribute), value)
    made: str = do_join(context, [printed(piece) for piece in pieces], printed(d))
    return made


def live(found: re.Match[str]) -> str:
    """A mark of a template as a live one; an entity as the character it stands for, which does nothing."""
    mark = found[0]
    if mark.endswith(";"):
        return unescaped(mark)
    if mark.startswith(":"):
        return LIVE[":"] + mark[1:-1] + LIVE[":"]
    return "".join(LIVE[char] for char in mark)


def joined(piece: nodes.Expr) -> nodes.Expr:
    """A constant that a template joins with something else; its kind would be lost by that."""
    if not isinstance(piece, nodes.Const) or not isinstance(piece.value, TemplateText):
        return piece
    return nodes.Const(str(printed(piece.value)), lineno=piece.lineno)


def printed(text: Any) -> Any:  # noqa: ANN401 - whatever a template hands on
    """A template's own text with its marks live; calls and links are read only where they stand outside of {{ }}."""
    return PRINTED.sub(live, text) if isinstance(text, TemplateText) else text


def escape(text: str) -> str:
    """Slack's escaping: these three and no others, https://docs.slack.dev/messaging/formatting-message-text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """The text that `escape` was given."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def without_marks(value: T) -> T:
    """What a template sees, without the characters that only this module may write."""
    if isinstance(value, Linked):
        return Linked(*without_marks(value.parts))  # type: ignore[return-value]  # the same type goes in and out
    if isinstance(value, str):
        return MARKS.sub("", value)  # type: ignore[return-value]
    if isinstance(value, tuple):
        return tuple(map(without_marks, value))  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: without_marks(getattr(value, field.name)) for field in fields(value)})
    return value


def slack_text(value: object) -> str:
    """Whatever a template prints."""
    if isinstance(value, Linked):
        return "".join(slack_link(*part) for part in value.parts)
    return str(printed(value))


def plain_text(value: object) -> str:
    """Whatever a template prints, as plain text."""
    return "".join(plain_link(*part) for part in value.parts) if isinstance(value, Linked) else str(value)


def slack_link(text: object, url: str) -> str:
    """A link, the text first, so that a template that shortens it keeps the text. No address, no link."""
    return f"{LINK}{text}{TARGET}{hidden(url)}{END}" if url else str(text)


def hidden(text: str) -> str:
    """Text as characters that stay what they are."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1").translate(HIDE)


def revealed(text: str) -> str:
    """The text that `hidden` was given; nothing if it was cut in the middle of a character."""
    return text.translate(REVEAL).encode("latin-1").decode("utf-8", "ignore")


def plain_link(text: object, url: str) -> str:
    """`text (url)`, or the text alone where there is no address."""
    return f"{text} ({url})" if url else str(text)


def slack_date(moment: datetime, time_zone: tzinfo) -> str:
    """A moment that Slack shows in the reader's own zone; others see it in `TimeZone`."""
    plain = plain_date(moment, time_zone)
    seconds = int(moment.timestamp())
    return f"{DATE}{plain}{TARGET}{hidden(str(seconds))}{END}" if seconds > 0 else plain


def plain_date(moment: datetime, time_zone: tzinfo) -> str:
    """`2026-11-23 15:03 CET`."""
    try:
        return moment.astimezone(time_zone).strftime("%Y-%m-%d %H:%M %Z")
    except (OverflowError, ValueError):  # the first and last days that Python knows have no other zone
        return moment.isoformat(sep=" ", timespec="minutes")
