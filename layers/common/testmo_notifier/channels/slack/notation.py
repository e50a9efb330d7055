"""How templates write for Slack: mrkdwn, what they print in it, and the filters `link` and `when`. Pure.

A mark that a template itself holds (`*`, `<`, a line's `>`) becomes a character that no text from Testmo can hold: a
*live* mark. So whatever a template does with its pieces (joins, trims, shortens, writes in capitals), it stays known
which marks are the template's and which were typed by somebody. `blocks` reads the live ones.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from functools import wraps
from typing import Any, Final

from jinja2 import BaseLoader, nodes
from jinja2.filters import FILTERS, do_join, make_attrgetter
from jinja2.utils import pass_eval_context

from testmo_notifier.channels.bounds import Bounds
from testmo_notifier.channels.notation import TemplateEnvironment, formatted, new_environment, plain_date

# All of them are among `MARKS`.
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
HIDING: Final = b"\x00\x00\x0f\x00"  # the first of them in UTF-32: a byte takes the place of its first zero
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
    return new_environment(SlackEnvironment, loader, filters, bounds, printed)


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
    context: nodes.EvalContext, value: Iterable[Any], d: str = "", attribute: str | int | None = None
) -> str:
    """Jinja's filter `join`, whose pieces keep their marks where they are the template's own."""
    pieces = value if attribute is None else map(make_attrgetter(context.environment, attribute), value)
    made: str = do_join(context, [printed(piece) for piece in pieces], printed(d))
    return made


def live(found: re.Match[str]) -> str:
    """A mark of a template as a live one; an entity as the character it stands for, which does nothing."""
    mark = found[0]
    if mark.endswith(";"):
        return html.unescape(mark)
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
    return html.escape(text, quote=False)


def slack_link(text: object, url: str) -> str:
    """A link, the text first, so that a template that shortens it keeps the text. No address, no link."""
    return f"{LINK}{text}{TARGET}{hidden(url)}{END}" if url else str(text)


def hidden(text: str) -> str:
    """Text as characters that stay what they are."""
    shown = text.encode("utf-8", "surrogatepass")
    made = bytearray(HIDING * len(shown))
    made[:: len(HIDING)] = shown
    return made.decode("utf-32-le")


def revealed(text: str) -> str:
    """The text that `hidden` was given; nothing if it was cut in the middle of a character."""
    return text.encode("utf-32-le")[:: len(HIDING)].decode("utf-8", "ignore")


def slack_date(moment: datetime, time_zone: tzinfo) -> str:
    """A moment that Slack shows in the reader's own zone; others see it in `TimeZone`."""
    plain = plain_date(moment, time_zone)
    seconds = int(moment.timestamp())
    return f"{DATE}{plain}{TARGET}{hidden(str(seconds))}{END}" if seconds > 0 else plain
