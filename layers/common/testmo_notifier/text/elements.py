"""What HTML's elements are: which begin a line, which end others, which show nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

RAW: Final = frozenset({"iframe", "noembed", "noframes", "noscript", "script", "style", "title"})
CELLS: Final = frozenset({"td", "th"})
LISTS: Final = frozenset({"ul", "ol", "menu", "dir"})
ROW: Final = frozenset({"tr"})
TABLE: Final = frozenset({"table"})
TABLE_PARTS: Final = frozenset({"tr", "tbody", "thead", "tfoot", "caption"})
BLOCKS: Final = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "dir", "div", "dl"),
        *("dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
        *("hgroup", "hr", "legend", "li", "main", "menu", "nav", "ol", "optgroup", "option", "p", "pre", "search"),
        *("section", "summary", "table", "textarea", "ul", *TABLE_PARTS),
    }
)
VOID: Final = frozenset(
    {*("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track"), "wbr"}
)
HIDDEN: Final = RAW | {"audio", "canvas", "datalist", "math", "svg", "template", "video", "xml"}

# Every name that HTML has or had; `<module>`, `<String, Integer>` and `<ada@example.com>` are text that somebody typed.
ELEMENTS: Final = (
    BLOCKS
    | VOID
    | HIDDEN
    | CELLS
    | {
        *("a", "abbr", "acronym", "applet", "b", "basefont", "bdi", "bdo", "bgsound", "big", "blink", "button", "cite"),
        *("code", "colgroup", "data", "del", "dfn", "em", "font", "frame", "frameset", "head", "html", "i", "image"),
        *("ins", "isindex", "kbd", "keygen", "label", "listing", "map", "mark", "marquee", "menuitem", "meter", "nobr"),
        *("object", "output", "picture", "plaintext", "progress", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp"),
        *("select", "slot", "small", "spacer", "span", "strike", "strong", "sub", "sup", "time", "tt", "u"),
        *("var", "xmp"),
    }
)
# Elements of somebody's own have a hyphen (the standard's rule), those of Word and other XML a prefix.
OWN_ELEMENT: Final = re.compile(r"[a-z][a-z0-9.]*+(?:-[a-z0-9.]++)++-?|[a-z][a-z0-9]*+:[a-z][\w.-]*+")

# What a start tag ends (Testmo's editors close everything, Word and people do not), and what hides those from it.
IMPLIED: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "li": (frozenset({"li"}), LISTS | CELLS),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl", *CELLS})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl", *CELLS})),
    "option": (frozenset({"option"}), frozenset({"select"})),
    "td": (CELLS, ROW | TABLE),
    "th": (CELLS, ROW | TABLE),
    "tr": (frozenset({"tr", "caption"}), TABLE),
    "tbody": (TABLE_PARTS, TABLE),
    "thead": (TABLE_PARTS, TABLE),
    "tfoot": (TABLE_PARTS, TABLE),
    "caption": (TABLE_PARTS, TABLE),
    "a": (frozenset({"a"}), TABLE | CELLS),
}
DRAWINGS: Final = frozenset({"svg", "math"})
NAMED_IN_TEXT: Final = HIDDEN - DRAWINGS  # whoever writes of these does not end them
IN_DRAWINGS: Final = frozenset(
    {"foreignobject", "desc", "annotation-xml", "mi", "mo", "mn", "ms", "mtext"}
)  # where HTML is a part of them
NEVER_IN_DRAWINGS: Final = BLOCKS | {
    *("b", "br", "code", "em", "i", "img", "s", "small", "span", "strong", "sub", "sup", "u")
}
CHANGES: Final = frozenset({"del", "ins"})
WALLS: Final = frozenset({"table", *CELLS})  # no end tag reaches out of a cell but those of the table's own parts


def ended_by(name: str) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """What a start tag ends that nobody has: elements, and those that hide them from it."""
    if name in NEVER_IN_DRAWINGS:
        yield DRAWINGS, IN_DRAWINGS
    if name in IMPLIED:
        yield IMPLIED[name]
    if name in BLOCKS:
        yield frozenset({"p"}), WALLS


def walls_of(name: str) -> frozenset[str]:
    """What an end tag does not reach out of."""
    if name in IMPLIED:
        return IMPLIED[name][1]
    return frozenset() if name == "table" else WALLS


def is_element(name: str) -> bool:
    """Whether something in angle brackets is a tag. None has a capital at first alone, like `List<Object>`."""
    plain = name.lower()
    if plain in ELEMENTS:
        return name in (plain, plain.upper())
    return OWN_ELEMENT.fullmatch(plain) is not None
