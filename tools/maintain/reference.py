"""Makes the tables of docs/templates.md out of what they document: context, built-in templates, limits.

`make docs` writes them; a test compares, so that they never say what is no longer so.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Final

from testmo_notifier.channels.email.rendering import EMAIL_LIMITS, MAX_EMAIL_BYTES, MAX_SUBJECT_CHARS
from testmo_notifier.channels.slack.blocks import MAX_CHARS, MAX_HEADER_CHARS, MAX_SECTION_CHARS
from testmo_notifier.channels.slack.rendering import MAX_SLACK_TEXT_CHARS, MAX_TESTS_CHARS, SLACK_LIMITS, TEXT_LIMITS
from testmo_notifier.notices import context
from tools.lib.processes import ROOT
from tools.maintain.pages import renewed
from tools.settings import check_templates

PAGE: Final = ROOT / "docs" / "templates.md"
BLOCK: Final = re.compile(r"{%-? *block +(\w+)")

TEMPLATES: Final[Mapping[str, tuple[str, str]]] = {
    "slack_header.j2": ("the first line, in bold; plain text without links", f"cut at {MAX_HEADER_CHARS} characters"),
    "slack_summary.j2": ("the small line below it", f"{MAX_SECTION_CHARS:,} characters"),
    "slack_result.j2": ("one failing test; rendered once for each", f"{MAX_SECTION_CHARS:,} characters"),
    "slack_tests.j2": ("several failing tests with the same note, as one line", f"{MAX_TESTS_CHARS:,} characters"),
    "slack_totals.j2": ("of a run that finished, its tests by status", f"{MAX_SECTION_CHARS:,} characters"),
    "slack_run.j2": (
        "one run of a message about several, as one line; rendered once for each",
        f"{MAX_SECTION_CHARS:,} characters",
    ),
    "slack_more.j2": (
        "the last line: how many are not named; the built-in one where there are such, yours always",
        f"{MAX_SECTION_CHARS:,} characters",
    ),
    "slack_text.j2": (
        "what notifications and screen readers say, and all there is should Slack refuse the blocks",
        f"{MAX_SLACK_TEXT_CHARS:,} characters",
    ),
    "email_subject.j2": ("the subject of a mail", f"one line, cut at {MAX_SUBJECT_CHARS} characters"),
    "email_body.j2": ("the body of a mail, plain text", f"{MAX_EMAIL_BYTES:,} bytes"),
}

SEES: Final = {
    "MessageView": "`message`",
    "RunView": "`message.run`",
    "Count": "each of `message.counts`",
    "ResultView": "each of `message.lines` and `message.results`, and `result` in slack_result.j2 and slack_tests.j2",
    "TestView": "each of `result.tests`",
    "PartView": "each of `message.parts`, and `result` in slack_run.j2",
}


def templates_page() -> str:
    """The page with its tables as they are now."""
    return renewed(PAGE.read_text("utf-8"), {"templates": table(), "fields": fields(), "limits": limits()})


def table() -> str:
    """The templates by name."""
    rows = [
        f"| `{name}` | {what} | {', '.join(f'`{block}`' for block in blocks(name))} | {limit} |"
        for name, (what, limit) in TEMPLATES.items()
    ]
    return "\n".join(["| template | writes | blocks | limit |", "|---|---|---|---|", *rows])


def blocks(name: str) -> list[str]:
    """The blocks of a built-in template, in their order."""
    path = check_templates.built_in(name)
    return BLOCK.findall(path.read_text("utf-8")) if path else []


def fields() -> str:
    """Every field of the context with its meaning."""
    tree = {node.name: node for node in ast.parse(inspect.getsource(context)).body if isinstance(node, ast.ClassDef)}
    parts = []
    for name, sees in SEES.items():
        rows = [f"| `{field}` | {kind} | {words} |" for field, kind, words in documented(tree[name])]
        about = ast.get_docstring(tree[name]) or ""
        parts += [f"### {sees} ({name})\n", f"{about}\n", "| field | type | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(parts).rstrip()


def documented(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """The fields of a class: name, type, and the words below it."""
    for field, words in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            if not (isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant)):
                raise ValueError(f"{node.name}.{field.target.id} has no words below it")  # noqa: TRY004 - not a matter of types
            meaning = " ".join(str(words.value.value).split())
            yield field.target.id, plain_type(ast.unparse(field.annotation)), meaning.replace("|", "\\|")


def plain_type(annotation: str) -> str:
    """A type in the words of somebody who writes templates."""
    kinds = {"str": "text", "int": "number", "bool": "true or false", "datetime": "moment", "Linked": "text"}
    kinds |= {name: name for name in SEES}
    optional = annotation.endswith(" | None")
    name = annotation.removesuffix(" | None")
    item = re.fullmatch(r"tuple\[(\w+), \.\.\.\]", name)
    kind = f"list of {kinds[item[1]]}" if item else kinds[name]
    return f"{kind} or None" if optional else kind


def limits() -> str:
    """How much of a digest a message shows."""
    rows = [
        f"| {channel} | {limit.results} | {limit.tests} | {limit.name_chars} | {limit.note_chars or 'none'} "
        f"| {'yes' if limit.details else 'no'} | {'yes' if limit.issue_links and limit.details else 'no'} |"
        for channel, limit in [
            *((f"Slack, try {number}", limit) for number, limit in enumerate(SLACK_LIMITS, start=1)),
            ("slack_text.j2", TEXT_LIMITS[0]),
            ("mail", EMAIL_LIMITS),
        ]
    ]
    head = [
        "| | lines | tests named | characters of a name | of a note | `details` | links to issues |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([f"A Slack message may have {MAX_CHARS:,} characters in all.\n", *head, *rows])


if __name__ == "__main__":
    PAGE.write_text(templates_page(), "utf-8")
