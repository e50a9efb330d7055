"""Start tags and references of HTML, each read once, and no further than it goes. Pure.

(`html.parser` begins anew at each of a million `<!--`.)
"""

from __future__ import annotations

import re
from dataclasses import field
from html import unescape
from typing import Final

from testmo_notifier.lean import dataclass

MAX_STEPS: Final = 200_000  # tags, attributes and comments; a long report pasted from Word has some thousands
VALUE_CHARS: Final = 2_000  # of the value of an attribute
OPERATORS: Final = ("&&", "||")
MIN_FLAG: Final = 3  # no attribute without a value has a shorter name

SPACE: Final = re.compile(r"[ \t\n\f\r/]*+")
ATTRIBUTE: Final = re.compile(r"(=?[^ \t\n\f\r/>=]*+)[ \t\n\f\r]*+(=?)[ \t\n\f\r]*+")
UNQUOTED: Final = re.compile(r"[^ \t\n\f\r<>]*+")
# All that there is of a tag whose last value was cut off: nothing in it is a text's.
CUT_OFF: Final = re.compile(r"""(?:[^\s=>]++=(?:"[^"]*+"|'[^']*+'|[^\s"'>]++)\s++)*+[^\s=>]++=["']?[^\s"'>]*+["']?""")
GOES_ON: Final = re.compile(r"[ \t\n\f\r/>]|[\w-]++=[\"']|\Z")  # what may stand behind a value in quotes
SIGN: Final = re.compile("[<>]")
BLANK: Final = re.compile(r"\s")
NO_SIGN: Final = frozenset({"class", "href", "id", "src"})  # but for pictures, one with a blank is a text
RAW_END: Final = re.compile(r"</(iframe|noembed|noframes|noscript|script|style|title)(?=[ \t\n\f\r/>])", re.IGNORECASE)
KEPT: Final = frozenset(
    {
        *("alt", "checked", "class", "data-checked", "data-list", "hidden", "href", "reversed", "start", "style"),
        *("type", "value"),
    }
)
UNSEEN: Final = re.compile(r"(?<![-\w])(?:display\s*+:\s*+none|mso-hide\s*+:\s*+all)", re.IGNORECASE)
VISIBILITY: Final = re.compile(r"(?<![-\w])visibility\s*+:\s*+(?:(visible)|hidden|collapse)", re.IGNORECASE)
NUMERALS: Final = re.compile(
    r"(?<![-\w])list-style(?:-type)?\s*+:[^;]{0,40}?(lower|upper)-(alpha|latin|roman)", re.IGNORECASE
)
PREFORMATTED: Final = re.compile(r"(?<![-\w])white-space\s*+:\s*+(?:pre|break-spaces)", re.IGNORECASE)
WORDS_OWN_MARKER: Final = re.compile(r"(?<![-\w])mso-list\s*+:\s*+ignore", re.IGNORECASE)
CONTROL: Final = re.compile(r"&#(?:x0*([01]?[0-9a-f])(?![0-9a-f])|0*([0-2]?[0-9]|3[01])(?![0-9]));?", re.IGNORECASE)
WORDS_LEVEL: Final = re.compile(r"(?<![-\w])mso-list\s*+:\s*+l\d{1,9}\s++level([1-9])", re.IGNORECASE)
WEB_ADDRESS: Final = re.compile(r"https?://[^\s<>]{1,192}", re.IGNORECASE)
DATA: Final = re.compile(
    r"data:(?:(image)|\w++)/[\w.+-]*+(?:;[\w.=+-]*+)*+,(?:[A-Za-z0-9+/=_%-]++|\s++(?=[A-Za-z0-9+/=_%-]{60}))*+",
    re.IGNORECASE,
)
QUILLS_LEVEL: Final = re.compile(r"(?<![-\w])ql-indent-([1-9])(?!\d)")


@dataclass(slots=True)
class Tag:
    """A start tag: what of its attributes matters here, where it ends, and what its style does.

    `level` is how far Word and Quill move it in: their nested lists are flat.
    """

    name: str
    end: int
    attributes: dict[str, str] = field(default_factory=dict)
    is_closed: bool = False
    is_hidden: bool = False
    is_visible: bool | None = None  # None is like what it stands in
    is_preformatted: bool = False
    is_marker: bool = False
    level: int = 0
    numerals: str = ""  # as the attribute `type` names them
    is_text: bool = False  # `a<b and c>d`

    def number(self, name: str) -> int | None:
        """An attribute that is a whole number."""
        found = re.match(r"\s*([-+]?\d{1,9})", self.attributes.get(name, ""), re.ASCII)
        return int(found[1]) if found else None


def characters(run: str) -> str:
    """Text with its references as characters; those of control characters, too, which HTML leaves out."""
    if "&" not in run:
        return run
    return unescape(CONTROL.sub(lambda found: chr(int(found[1], 16) if found[1] else int(found[2])), run))


def web_address(tag: Tag) -> str:
    """Where a link leads; nothing for what is no page, or too long to be of use in a message."""
    address = tag.attributes.get("href", "").strip()
    return address if WEB_ADDRESS.fullmatch(address) and address.isprintable() else ""


def bare(address: str) -> str:
    """What of an address makes it another one."""
    return re.sub(r"^https?://(?:www\.)?|/$", "", address.lower())


def start_tag(html: str, found: re.Match[str]) -> tuple[Tag | None, int]:
    """A start tag to its end, and how many attributes it has; None where it never ends.

    One that has another within was not ended by whoever wrote it, and is text. A browser hides what stands between.
    """
    tag = Tag(found[1].lower(), 0)
    position, steps, has_values = found.end(), 1, False
    while steps < MAX_STEPS:
        begins, position = position, SPACE.match(html, position).end()  # type: ignore[union-attr]  # fits anything
        if position >= len(html):
            return None, steps
        if html[position] == ">":
            tag.is_text &= not has_values
            tag.is_closed = tag.name in ("svg", "math") and html[begins:position].endswith("/")
            tag.end = position + 1
            return tag, steps
        steps += 1
        named = ATTRIBUTE.match(html, position)
        if named is None:  # it fits anything, which types cannot know
            return None, steps
        if "<" in named[1]:
            tag.is_text, tag.end = True, position
            return tag, steps
        has_values |= bool(named[2])
        tag.is_text |= not named[2] and (named[1] in OPERATORS or (len(named[1]) < MIN_FLAG and named[1].isalnum()))
        begin = end = position = named.end()
        if named[2]:
            begin, end, position = value_of(html, tag.name, named)
            if end < 0:
                return None, steps
        if len(named[1]) <= 12 and (name := named[1].lower()) in KEPT:  # noqa: PLR2004 - the longest of them
            note_attribute(tag, name, html, begin, end)
    return None, steps


def value_of(html: str, tag: str, named: re.Match[str]) -> tuple[int, int, int]:
    """Where an attribute's value begins and ends (-1 if never), and where the tag goes on.

    A quote that nobody closed ends with the tag: the next one of its kind is another's, and a text stands between.
    """
    begin = named.end()
    if not html.startswith(('"', "'"), begin):
        end = UNQUOTED.match(html, begin).end()  # type: ignore[union-attr]  # fits anything
        return begin, end, end
    begin, end = begin + 1, html.find(html[begin], begin + 1)
    sign = SIGN.search(html, begin, end if end >= 0 else len(html))
    if sign and (end < 0 or is_of_another(html, tag, named[1].lower(), begin, end)):
        return begin, sign.start(), sign.start()
    return begin, end, end + 1


def is_of_another(html: str, tag: str, name: str, begin: int, end: int) -> bool:
    """Whether the quote behind a value with a `<` or `>` in it closes none: it opens another, or stands in a text."""
    return bool(
        html[end - 1] == "="
        or not GOES_ON.match(html, end + 1)
        or (name in NO_SIGN and BLANK.search(html, begin, end) and not html.startswith("data:", begin))
        or f"</{tag}" in html[begin:end].lower()
    )


def note_attribute(tag: Tag, name: str, html: str, begin: int, end: int) -> None:
    """Remember what an attribute says; the first of a name counts."""
    if name in tag.attributes:
        return
    tag.attributes[name] = unescape(html[begin : min(end, begin + VALUE_CHARS)])
    if name == "style":
        tag.is_hidden |= UNSEEN.search(html, begin, end) is not None
        for said in VISIBILITY.finditer(html, begin, end):  # the last one counts
            tag.is_visible = bool(said[1])
        if numerals := NUMERALS.search(html, begin, end):
            kind = "i" if numerals[2].lower() == "roman" else "a"
            tag.numerals = kind if numerals[1].lower() == "lower" else kind.upper()
        tag.is_preformatted = PREFORMATTED.search(html, begin, end) is not None
        tag.is_marker = WORDS_OWN_MARKER.search(html, begin, end) is not None
        nested = WORDS_LEVEL.search(html, begin, end)
        tag.level = int(nested[1]) - 1 if nested else tag.level
    elif name == "class":
        nested = QUILLS_LEVEL.search(html, begin, end)
        tag.level = int(nested[1]) if nested else tag.level
    elif name == "type" and not tag.numerals:
        tag.numerals = tag.attributes[name].strip()
    tag.is_hidden |= name == "hidden"


def is_text(html: str, found: re.Match[str]) -> bool:
    """Whether what never ends was no tag: `a <b and c`. One that was cut off has attributes with values, no text."""
    return not CUT_OFF.fullmatch(html, SPACE.match(html, found.end()).end())  # type: ignore[union-attr]  # fits anything


def raw_end(html: str, tag: Tag) -> int:
    """The end tag of an element whose content is no HTML; the page's end without one."""
    for ended in RAW_END.finditer(html, tag.end):
        if ended[1].lower() == tag.name:
            return ended.start()
    return len(html)
