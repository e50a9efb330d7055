"""What a template wrote for Slack (`notation`) as Block Kit. Pure.

mrkdwn has no way to say "this asterisk is an asterisk". So text that somebody typed goes out as mrkdwn only where it
holds nothing that mrkdwn could act on: most of it does not, and mrkdwn is short. Everything else goes out as rich
text, in which Slack looks for no marks at all; there the template's own marks are read here.
https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from testmo_notifier.channels.notation import MARKS, plain_link
from testmo_notifier.channels.slack.notation import DATE, END, LINK, LIVE, TARGET, escape, revealed
from testmo_notifier.lean import dataclass
from testmo_notifier.text.shortening import clip

Block = dict[str, object]
Words = Callable[[str], str]

MAX_CHARS: Final = 12_000  # of the whole payload; Slack's own limit is unpublished, seen at about 13,200
MAX_SECTION_CHARS: Final = 3_000  # https://docs.slack.dev/reference/block-kit/blocks/section-block
MAX_HEADER_CHARS: Final = 150  # https://docs.slack.dev/reference/block-kit/blocks/header-block
# Slack's own colours: something failed, something is blocked, all is well.
RED, AMBER, GREEN = "#e01e5a", "#ecb22e", "#2eb67d"
DATE_FORMAT: Final = "{date_short_pretty} {time}"
# A message's `text` is mrkdwn and nothing else. There a character without width stands at both sides of a typed mark,
# so that the mark touches nothing it could begin or end with: it is shown, and does nothing.
APART: Final = "\u200b"

STAR, UNDERSCORE, TILDE, TICK, LEFT, RIGHT, BAR, COLON = (LIVE[mark] for mark in "*_~`<>|:")
TYPED: Final = {LIVE[mark]: mark for mark in LIVE}
MADE: Final = (
    rf"(?P<made>[{LINK}{DATE}])(?P<label>[^{LINK}{DATE}{TARGET}{END}]*)"
    rf"{TARGET}(?P<target>[\U000f0000-\U000f00ff]*){END}"
)
ANGLE: Final = rf"{LEFT}(?P<angle>[^{LEFT}{RIGHT}\n]+){RIGHT}"


def styled(name: str, mark: str) -> str:
    """A style's marks and what is between them; they count only where no letter touches their outside."""
    return rf"(?<![\w{mark}]){mark}(?P<{name}>[^\s{mark}](?:[^{mark}\n]*[^\s{mark}])?){mark}(?![\w{mark}])"


# https://docs.slack.dev/messaging/formatting-message-text
STYLED: Final = rf"{styled('bold', STAR)}|{styled('italic', UNDERSCORE)}|{styled('strike', TILDE)}"
TOKEN: Final = re.compile(
    rf"{MADE}|{ANGLE}|{COLON}(?P<emoji>[^{COLON}\s]+){COLON}|{TICK}(?P<code>[^{TICK}\n]+){TICK}|{STYLED}"
)
TOLD: Final = re.compile(
    rf"{MADE}|{ANGLE}|{MARKS.pattern}|(?P<words>[^\ufdd0-\ufdef\U000f0000-\U000f00ff]+)", re.DOTALL
)
SEEN: Final = re.compile(r"[^\s\ufdd0-\ufdef\U000f0000-\U000f00ff]")
CODE_BLOCK: Final = re.compile(rf"{TICK}{{3}}\n?(.*?)\n?{TICK}{{3}}", re.DOTALL)
CALLED: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = (
    (re.compile(r"@([UW][A-Z0-9]+)"), "user", "user_id"),
    (re.compile(r"#(C[A-Z0-9]+)"), "channel", "channel_id"),
    (re.compile(r"!subteam\^(S[A-Z0-9]+)"), "usergroup", "usergroup_id"),
    (re.compile(r"!(here|channel|everyone)"), "broadcast", "range"),
)
MOMENT: Final = re.compile(r"!date\^(?P<seconds>\d+)\^(?P<format>[^^]+)(?:\^(?P<url>.+))?")
WEB: Final = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)
# What mrkdwn could act on where somebody typed it: a mark, an emoji's name, a quote's sign; a bar in a link's label. An
# underscore between letters is no mark, and names like snake_case are short, and can be copied, as they are.
MARK: Final = r"[*~`]|(?<![^\W_])_|_(?![^\W_])"
ACTS: Final = re.compile(rf"{MARK}|:[\w+'-]+:|^\s*>", re.MULTILINE)
BAR_IN_LABEL: Final = re.compile(rf"{LINK}[^{TARGET}]*\|")
# Where a text holds none of these, none of it acts. Marks may stand between the characters of an emoji's name.
SUSPECT: Final = re.compile(
    rf"[*~`_>|:](?:(?<=[*~`>|])|(?<=_)(?:(?<![^\W_]_)|(?![^\W_]))|(?<=:)(?:[\w+'-]|{MARKS.pattern})+:)"
)
TO_GUARD: Final = re.compile(rf"{MARK}|:(?=[\w+'-]+:)|^\s*(?=>)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a line: its text and styles, or for anything but text the element it is."""

    text: str = ""
    styles: tuple[str, ...] = ()
    element: tuple[tuple[str, object], ...] = ()

    def as_json(self) -> Block:
        """A rich text element."""
        element: Block = dict(self.element) if self.element else {"type": "text", "text": self.text}
        return {**element, "style": dict.fromkeys(self.styles, True)} if self.styles else element

    def takes(self, other: Piece) -> bool:
        """Whether the next piece can be part of this one: blanks look the same in every weight."""
        is_blank = other.text.isspace() and {*self.styles, *other.styles} <= {"bold", "italic"}
        return not self.element and not other.element and (self.styles == other.styles or is_blank)


# Blocks


def section(written: str) -> Block:
    """A block of text."""
    if is_risky(written):
        return rich_text(written)
    text = mrkdwn(written)
    return {"type": "section", "text": text} if utf16_units(text["text"]) <= MAX_SECTION_CHARS else rich_text(written)


def context(written: str) -> Block:
    """A block of small grey text, or of text like any other where no object that it may hold shows what was typed.

    https://docs.slack.dev/reference/block-kit/blocks/context-block
    """
    if not is_risky(written):
        return {"type": "context", "elements": [mrkdwn(written)]}
    if MARKS.search(written):
        return rich_text(written)
    return {"type": "context", "elements": [plain_text(written)]}


def header(written: str) -> Block:
    """The block of the first line, in which a template's marks are characters, but for the names of emoji."""
    has_emoji = COLON in written
    words = clip(" ".join(shown(written, guarded if has_emoji else str).split()), MAX_HEADER_CHARS)
    return {"type": "header", "text": plain_text(words, has_emoji=has_emoji)}


def bold(written: str) -> str:
    """A line that is bold as a whole, whatever of it was."""
    return f"{STAR}{' '.join(written.replace(STAR, '').split())}{STAR}"


def rich_text(written: str) -> Block:
    """A block whose text Slack does not read for marks."""
    elements: list[Block] = []
    for index, part in enumerate(CODE_BLOCK.split(written)):
        if index % 2:
            elements.append({"type": "rich_text_preformatted", "elements": [Piece(shown(part)).as_json()]})
            continue
        lines = part.strip("\n").split("\n")
        for is_quote, group in groupby(lines, key=lambda line: line.startswith(RIGHT)):
            kind = "rich_text_quote" if is_quote else "rich_text_section"
            text = "\n".join(line.removeprefix(RIGHT).removeprefix(" ") if is_quote else line for line in group)
            found = [piece.as_json() for piece in merged(pieces(text))]
            elements += [{"type": kind, "elements": found}] if found else []
    return {"type": "rich_text", "elements": elements}


def plain_text(text: str, *, has_emoji: bool = False) -> Block:
    """A text object without marks, see https://docs.slack.dev/reference/block-kit/composition-objects/text-object."""
    return {"type": "plain_text", "text": escape(text), "emoji": has_emoji}


def mrkdwn(written: str) -> dict[str, Any]:
    """A text object in which Slack looks for nothing by itself: no bare address, no @name, no #channel."""
    return {"type": "mrkdwn", "text": as_mrkdwn(written), "verbatim": True}


# Text


def utf16_units(text: str) -> int:
    """The length of a text as Slack counts it: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def is_risky(written: str) -> bool:
    """Whether mrkdwn would show something else than what was typed."""
    if not SUSPECT.search(written):
        return False
    typed = "\n".join(
        [found["words"] or found["label"] or MARKS.sub("", found["angle"] or "") for found in TOLD.finditer(written)]
    )
    return bool(ACTS.search(typed) or BAR_IN_LABEL.search(written))


def fallback(written: str) -> str:
    """The text of a message: mrkdwn in which nothing acts that somebody typed."""
    return as_mrkdwn(written, guarded)


def guarded(text: str) -> str:
    """Text that looks the same, and whose marks do nothing in mrkdwn."""
    return TO_GUARD.sub(lambda found: f"{APART}{found[0]}{APART}", text).replace(APART * 2, APART)


def as_mrkdwn(written: str, words: Words = str) -> str:
    """What was written in Slack's own notation; `words` is asked what to make of typed text."""
    return "".join([mrkdwn_token(found, words) for found in TOLD.finditer(written)])


def mrkdwn_token(found: re.Match[str], words: Words) -> str:
    """A link, a date, a mark or a run of typed text."""
    if found["made"]:
        label, target = escape(words(found["label"])), revealed(found["target"])
        if found["made"] == DATE:
            return f"<!date^{target}^{DATE_FORMAT}|{label}>"
        return f"<{escape(target.replace('|', '%7C'))}|{label}>"
    if found["angle"]:
        address, bar, label = found["angle"].partition(BAR)
        inside = f"{as_mrkdwn(address)}{raw(bar)}{as_mrkdwn(label, words)}"
        return f"&lt;{inside}&gt;" if address.startswith(("!", "@", "#")) else f"<{inside}>"  # only a live sign calls
    return escape(words(found["words"])) if found["words"] else raw(found[0])


def shown(written: str, words: Words = str) -> str:
    """What was written as plain text; a link is followed by its address."""
    return "".join([shown_token(found, words) for found in TOLD.finditer(written)])


def shown_token(found: re.Match[str], words: Words) -> str:
    """A link, a date, a mark or a run of typed text."""
    if found["made"]:
        label = words(found["label"])
        return plain_link(label, revealed(found["target"])) if found["made"] == LINK else label
    return words(found["words"]) if found["words"] else raw(found[0])


def raw(text: str) -> str:
    """Live marks as the characters that they are; what is left of a link that was cut in two is nothing."""
    return text if text.isascii() else MARKS.sub(lambda found: TYPED.get(found[0], ""), text)


# Lines


def pieces(text: str, styles: tuple[str, ...] = ()) -> Iterator[Piece]:
    """The pieces of some lines, read by the template's marks."""
    position = 0
    for token in TOKEN.finditer(text):
        yield Piece(raw(text[position : token.start()]), styles)
        position = token.end()
        if token["made"]:
            yield made(token, styles)
        elif token["angle"]:
            yield angle(token["angle"], styles)
        elif token["emoji"]:
            yield Piece(element=(("type", "emoji"), ("name", raw(token["emoji"]))))
        elif token["code"]:
            yield Piece(raw(token["code"]), (*styles, "code"))
        else:
            name = token.lastgroup or ""
            yield from pieces(token[name], (*styles, name))
    yield Piece(raw(text[position:]), styles)


def made(token: re.Match[str], styles: tuple[str, ...]) -> Piece:
    """What the filters `link` and `when` made."""
    label, target = raw(token["label"]), revealed(token["target"])
    return moment(target, DATE_FORMAT, "", label, styles) if token["made"] == DATE else link(target, label, styles)


def angle(inside: str, styles: tuple[str, ...]) -> Piece:
    """What a template wrote between < and >: a link, a date, or somebody called. Only its own sign calls anybody."""
    address, _, words = inside.partition(BAR)
    target, label = raw(address), raw(words)
    if address[0] in (LIVE["!"], LIVE["@"], LIVE["#"]):
        if date := MOMENT.fullmatch(target):
            return moment(date["seconds"], date["format"], date["url"] or "", label, styles)
        for pattern, kind, field in CALLED:
            if name := pattern.fullmatch(target):
                return Piece("", styles, (("type", kind), (field, name[1])))
    if WEB.fullmatch(target):
        return link(target, label, styles)
    return Piece(f"<{raw(inside)}>", styles)


def link(url: str, label: str, styles: tuple[str, ...]) -> Piece:
    """A link, see https://docs.slack.dev/reference/block-kit/block-elements/link-element."""
    return Piece("", styles, (("type", "link"), ("url", url), *([("text", label)] if label else [])))


def moment(seconds: str, words: str, url: str, label: str, styles: tuple[str, ...]) -> Piece:
    """A moment, see https://docs.slack.dev/reference/block-kit/block-elements/date-element."""
    element: tuple[tuple[str, object], ...] = (("type", "date"), ("timestamp", int(seconds)), ("format", words))
    return Piece("", styles, (*element, *([("url", url)] if url else []), *([("fallback", label)] if label else [])))


def merged(found: Iterable[Piece]) -> list[Piece]:
    """As few pieces as will do: each costs thirty characters and more."""
    kept: list[Piece] = []
    for piece in found:
        if kept and kept[-1].takes(piece):
            kept[-1] = replace(kept[-1], text=kept[-1].text + piece.text)
        elif piece.text or piece.element:
            kept.append(piece)
    return kept
