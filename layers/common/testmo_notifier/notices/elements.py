"""What HTML's elements are: which begin a line, which end others, which show nothing. Pure."""

from __future__ import annotations

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
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track"),
        "wbr",
    }
)
HIDDEN: Final = RAW | {"audio", "canvas", "datalist", "math", "svg", "template", "video", "xml"}

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
}
PARAGRAPH: Final = frozenset({"p"})
DRAWINGS: Final = frozenset({"svg", "math"})
IN_DRAWINGS: Final = frozenset(
    {"foreignobject", "desc", "annotation-xml", "mi", "mo", "mn", "ms", "mtext"}
)  # where HTML is a part of them
NEVER_IN_DRAWINGS: Final = BLOCKS | {
    *("b", "br", "code", "em", "i", "img", "s", "small", "span", "strong", "sub", "sup", "u")
}
CHANGES: Final = frozenset({"del", "ins"})
WALLS: Final = frozenset({"table", *CELLS})  # no end tag reaches out of a cell but those of the table's own parts
