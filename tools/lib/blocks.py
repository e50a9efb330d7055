"""A Slack payload as text for a terminal: what a reader of the channel would see, links written out.

Takes apart what our renderer writes (header, section, context, divider, rich text, an attachment's bar) and names
whatever else there is.
The text may come from anybody: what a terminal would obey never reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.text import Text

from testmo_notifier.text.cleaning import printable

RULE: Final = "─" * 24
BAR: Final = "▌ "
# https://docs.slack.dev/messaging/formatting-message-text: marks count only where no letter touches their outside, and
# something to show their inside.
TOKEN: Final = re.compile(
    r"<(?P<angle>[^<>\n]+)>"
    r"|(?<![\w*])\*(?P<bold>[^\s\u200b](?:[^*\n]*[^\s\u200b])?)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>[^\s\u200b](?:[^_\n]*[^\s\u200b])?)_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>[^\s\u200b](?:[^~\n]*[^\s\u200b])?)~(?![\w~])"
    r"|`(?P<code>[^`\n\u200b]+)`"
)
STYLES: Final = {"bold": "bold", "italic": "italic", "strike": "strike", "code": "cyan"}
SHOWN: Final = {"emoji": ":{name}:", "user": "@{user_id}", "usergroup": "@{usergroup_id}", "broadcast": "@{range}"}


def as_text(payload: Mapping[str, object]) -> str:
    """The message without styles."""
    return "\n".join(line.plain for line in lines(payload))


def lines(payload: Mapping[str, object]) -> list[Text]:
    """The message, line by line, attachments beside their bars; its text alone where it has no blocks."""
    found = [line for block in _objects(payload.get("blocks")) for line in _block(block)]
    found = found or _split(mrkdwn(str(payload.get("text", ""))))
    return found + [line for one in _objects(payload.get("attachments")) for line in _attachment(one)]


def mrkdwn(source: str) -> Text:
    """Slack's markup as styles. Only `&amp; &lt; &gt;` are entities there."""
    text = Text()
    position = 0
    for token in TOKEN.finditer(source):
        text.append(_leaf(source[position : token.start()]))
        kind = token.lastgroup or ""
        if kind == "angle":
            text.append_text(_angle(token["angle"]))
        elif kind == "code":
            text.append(_leaf(token["code"]), STYLES["code"])
        else:
            inner = mrkdwn(token[kind])
            inner.stylize(STYLES[kind])
            text.append_text(inner)
        position = token.end()
    return text.append(_leaf(source[position:]))


def _attachment(attachment: Mapping[str, object]) -> Iterator[Text]:
    color = str(attachment.get("color", ""))
    style = color if re.fullmatch("#[0-9a-fA-F]{6}", color) else "dim"
    for block in _objects(attachment.get("blocks")):
        for line in _block(block):
            yield Text(BAR, style).append_text(line)


def _block(block: Mapping[str, object]) -> Iterator[Text]:
    kind = block.get("type")
    if kind == "header":
        line = Text(_leaf(_words(block.get("text"))))
        line.stylize("bold")
        yield line
    elif kind == "divider":
        yield Text(RULE, "dim")
    elif kind == "context":
        for element in _objects(block.get("elements")):
            for line in _split(_text_object(element)):
                line.stylize("dim")
                yield line
    elif kind == "section":
        for part in _objects([block.get("text"), *_objects(block.get("fields"))]):
            yield from _split(_text_object(part))
    elif kind == "rich_text":
        for part in _objects(block.get("elements")):
            yield from _rich_text(part)
    else:
        yield Text(f"[{printable(str(kind))}]", "dim")


def _rich_text(part: Mapping[str, object]) -> Iterator[Text]:
    """The lines of a section, a quote or a code block. Nothing in them is markup."""
    text = Text()
    for element in _objects(part.get("elements")):
        text.append_text(_element(element))
    for line in text.split("\n", allow_blank=True):
        if part.get("type") == "rich_text_quote":
            line = Text("▏", "dim").append(" ").append_text(line)  # noqa: PLW2901 - the same line with its bar
            line.stylize("italic")
        elif part.get("type") == "rich_text_preformatted":
            line.stylize(STYLES["code"])
        yield line


def _element(element: Mapping[str, object]) -> Text:
    kind = str(element.get("type"))
    if kind == "link":
        address = printable(str(element.get("url", "")))
        label = printable(str(element.get("text", "")))
        text = Text(label, "bold").append(f" ({address})", "not bold dim") if label else Text(address, "underline")
    elif kind in SHOWN:
        called = SHOWN[kind].format_map({name: printable(str(value)) for name, value in element.items()})
        text = Text(called, "" if kind == "emoji" else "bold reverse")  # it would have called people
    else:
        text = Text(printable(str(element.get("fallback" if kind == "date" else "text", f"[{kind}]"))))
    style = element.get("style")
    for name in style if isinstance(style, dict) else ():
        text.stylize(STYLES.get(name, ""))
    return text


def _text_object(value: Mapping[str, object]) -> Text:
    words = _words(value)
    return mrkdwn(words) if value.get("type") == "mrkdwn" else Text(_leaf(words))


def _split(text: Text) -> list[Text]:
    """Its lines; a quote's begin with a bar, as in Slack."""
    found = []
    for line in text.split("\n", allow_blank=True):
        if line.plain.startswith(">"):
            quote = Text("▏", "dim").append_text(line[1:])
            quote.stylize("italic")
            found.append(quote)
        else:
            found.append(line)
    return found


def _angle(inside: str) -> Text:
    """What stands between < and >: a date, somebody called, or a link."""
    target, _, label = inside.partition("|")
    if target.startswith("!date"):
        return Text(_leaf(label))
    if target.startswith(("!", "@", "#")):
        return Text(_leaf(f"@{target[1:].removeprefix('subteam^').partition('^')[0]}"), "bold reverse")  # it would call
    if not label:
        return Text(_leaf(target), "underline")
    return Text(_leaf(label), "bold").append(f" ({_leaf(target)})", "not bold dim")


def _leaf(source: str) -> str:
    return printable(source.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def _words(value: object) -> str:
    return str(value.get("text", "")) if isinstance(value, dict) else ""


def _objects(value: object) -> Sequence[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
