"""What people write into a file that is no TOML, and what to do about it: Python says only where it gave up."""

from __future__ import annotations

import re
from typing import Final

from testmo_notifier.settings.places import TEXT_OR_COMMENT

# The first that fits the line, its texts left out and its comments gone, and what Python says of it below.
SLIPS: Final = tuple(
    (re.compile(form), words)
    for form, words in (
        (r"\n.*(?:overwrite|twice)", "it is there already: keep one of them"),
        (r"\n.*(?:Unescaped|Escaped)", "write each backslash twice, or the text between ' and '"),
        (r"\n.*too many digits", "give the number that is meant, or a text in quotes"),
        ("^(?:<{7}|={7}|>{7})", "two versions were merged, and both stand there: keep one"),
        ("^[^\n]*[\u2018-\u201f\u00ab\u00bb]", "these are a word processor's quotes: write straight ones"),
        ("^[^\n]*[^\t -~\n]", "a sign in it is none of TOML's, perhaps one that cannot be seen: write the line anew"),
        ("^[^\n]*[\"']", "a text ends in the line it begins in, with the quote it begins with"),
        (r"^\s*\[+[^\]\n]*:", 'a name with a colon stands in quotes: [destinations."slack:payments"]'),
        (r"^\s*\{", "this looks like JSON: write [[routes]], and below it lines like key = value"),
        (r"^\s*-?\s*[\w-]+:\s", "this looks like YAML: write [[routes]], and below it lines like key = value"),
        (r"^\s*[\w-]+[^\w\s.=-][^=\n]*=|^\s*[\w-]+\s+[\w-]+[^=\n]*=", "a name with blanks or signs stands in quotes"),
        (r"[=\[,]\s*\d{1,2}:\d\d(?!:)", 'a time stands in quotes: "09:00"'),
        (r"=\s*0\d", "a number begins with no 0"),
        (r"\b(?:True|False|Yes|No|yes|no|on|off)\b", "write true or false"),
        (r",\s*\}", "no comma stands before }"),
        (r"\{[^}\n]*\n", "what is between { and } stands in one line"),
        (r"=\s*\[?\s*[A-Za-z_#@]", "a text stands in quotes"),
    )
)
MAX_CHARS: Final = 500  # of the line
OTHERWISE: Final = "a line is key = value, with texts in quotes (https://toml.io)"


def next_step(text: str, line: int, said: str) -> str:
    """What to do about the line that Python could not read; `said` is what it says of it."""
    lines = text.split("\n")
    whole = lines[line - 1].rstrip()[:MAX_CHARS] if line <= len(lines) else ""
    bare = TEXT_OR_COMMENT.sub("", whole)
    return next((words for form, words in SLIPS if form.search(f"{bare}\n{said}")), OTHERWISE)
