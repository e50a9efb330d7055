"""Makes docs/templates.md out of what it documents: the context's fields, the built-in templates, the limits.

`make docs` writes it; a test compares, so that it never says what is no longer so.
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

EXAMPLES: Final[Mapping[str, tuple[str, str]]] = {
    "email_subject.j2": (
        "A subject that names the project instead of Testmo:",
        """\
{% extends "built_in/email_subject.j2" %}
{% block prefix %}[{{ message.run.project }}]{% endblock %}
""",
    ),
    "slack_result.j2": (
        "Slack lines with the first line of the note only, and issues on a line of their own:",
        """\
{% extends "built_in/slack_result.j2" %}
{% block facts %}
{{ result.who }}{% if result.at %}, {{ result.at | when }}{% endif %}

{% if result.issues %}
Issues: {% for issue in result.issues %}{{ issue }}{{ ", " if not loop.last }}{% endfor %}

{% endif %}
{% endblock %}
{% block note %}
{% if result.note %}
> {{ result.note[0] }}
{% endif %}
{% endblock %}
""",
    ),
    "slack_more.j2": (
        "The built-in text with something behind it:",
        """\
{% extends "built_in/slack_more.j2" %}
{% block more %}{{ super() }} · {{ "How we triage" | link("https://wiki.example.com/triage") }}{% endblock %}
""",
    ),
}

HEAD: Final = """\
# Templates

<!-- Made by `make docs` out of layers/common/testmo_notifier: change it there. -->

Every text of a Slack message and of a mail comes from a [Jinja](https://jinja.palletsprojects.com/templates/)
template. To change one, put a file of the same name into
`layers/settings/python/testmo_notifier_settings/templates/` and deploy. Change one block and keep the rest with
`{% extends "built_in/<name>" %}`, as in the examples below. The JSON event has no template.

    .venv/bin/testmo-notifier check      # what is wrong, by file and line
    .venv/bin/testmo-notifier preview    # what it looks like

A template that breaks, does not end, gives no text or too much of it loses no message: the next one goes out instead,
and the problems of the poll, in its answer and its log line, name template and line.

## Whose template it is

The first of these that is there:

1. the destination's own: the folder `templates/slack/payments/` has those of `slack:payments`, and
   `templates/email/default/` those of `email:default`. It is the destination with a slash instead of its colon, which
   not every system lets a folder have;
2. the team's, in `templates/`;
3. the built-in one.

## What passed again, runs that finished, and several runs at once

A message of failing results is written by the names below. One of tests that passed again, or of a run that was
closed, has names of its own, so that your words for a failure never announce a recovery: `slack_recovered_header.j2`
and `slack_finished_header.j2` are yours for `slack_header.j2`, `email_recovered_body.j2` and `email_finished_body.j2`
for `email_body.j2`, and so on. So has one about several runs, which a destination with `fold` gets in a storm:
`slack_folded_header.j2`, `email_folded_body.j2`. Without them the built-in template of the name below is written; it
knows all four by `message.about` and `message.news`. `{% extends "built_in/slack_header.j2" %}` works in all of them.

Of several runs `message.lines` are causes: tests that failed with the same note, in whichever run, or where there are
no notes, that are in the same folder or that the same person saved ([by cause](messages.md#by-cause)); `result.tests`
are these tests, or their runs. `message.parts` are all runs, each with its counts, which slack_run.j2 writes.

## What was held

What a destination wants later, or somebody silenced, is told in one message when it is due. `message.held` says since
when it was held, `message.silenced` what is still kept back. Tests that failed and have passed since stand behind the
others, as `Failed, passed since`; `message.total` and `message.counts` leave them out. slack_summary.j2 and
email_body.j2 write all of this: a template of yours in their place should print `message.held` and `message.silenced`.

## Equal notes

Tests that failed with the same note (and have the same status and story) share a line: `12 tests:
provider_unreachable`, and their names. In Slack slack_tests.j2 writes such a line. Where you have a slack_result.j2
and no slack_tests.j2, every test has its own line, as your template expects. A mail goes through `message.lines`; one
that goes through `message.results` still sees each test by itself.
"""

FILTERS: Final = """\
## Filters, and whose marks count

Besides Jinja's own filters there are two:

- `{{ text | link(url) }}` is a link in Slack and `text (url)` in mail.
- `{{ result.at | when }}` is the reader's own time in Slack, and the time in `TimeZone` in mail. Ask
  `{% if result.at %}` first.

What comes from Testmo is shown as it was typed, whatever a template does with it: `*`, `_`, `~`, backticks, `:x:` and
`>` in a name are characters, and nobody's text can call people or make a link. What a Slack template says itself is
[Slack's mrkdwn](https://docs.slack.dev/messaging/formatting-message-text): `*bold*`, `_italic_`, `~struck~`, code in
one or three backticks, `> ` quotes, `:emoji:`, `<url|words>`, and `<!here>` or `<@U012AB3CD>`, which do call people.
Texts in `{{ }}` are the template's own too, so `{{ ":fire:" if message.total > 9 }}` is an emoji; links and calls are
read outside of `{{ }}` alone. In slack_header.j2 nothing is a link.

A block goes out as mrkdwn where nothing that was typed looks like a mark, and as rich text where something does; both
look alike. In slack_text.j2, where Slack knows no rich text, a typed mark has a character without width at its sides.

Templates run in a sandbox: they can read what is below, and nothing else. A name that does not exist is an error, not
an empty text, and so is something that has no text of its own, like `message.run` (its name is `message.run.name`).
None is printed as nothing. A template may take 100,000 steps (turns of loops, calls) and make texts of a million
characters, and all templates of one message may take two seconds: far more than it needs.

A line break right behind a tag (`%}`) is swallowed; leave an empty line where the text shall go on in a new one.
"""


def templates_page() -> str:
    """The whole page."""
    parts = [HEAD, "## Templates and their blocks\n", table(), FILTERS, "## What a template sees\n", fields()]
    return "\n".join([*parts, limits(), "## Examples\n", examples()])


def table() -> str:
    """The templates by name."""
    rows = [
        f"| `{name}` | {what} | {', '.join(f'`{block}`' for block in blocks(name))} | {limit} |"
        for name, (what, limit) in TEMPLATES.items()
    ]
    return "\n".join(["| template | writes | blocks | limit |", "|---|---|---|---|", *rows, ""])


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
    return "\n".join(parts)


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
    words = (
        f"A Slack message may have {MAX_CHARS:,} characters in all. It is rendered with the first row below,\n"
        "and with the next one as long as it is too large; the lists and texts a template sees are that much shorter.\n"
        "Should even the last row be too much, the text alone goes out. A destination with `lines` in routes.toml\n"
        "names so many tests, and fewer only where that many have no room. Of several runs a message has so many\n"
        "causes at most. Where they have no room it shows fewer\n"
        "causes, and at last fewer runs: the last of `message.parts` then counts the others.\n"
    )
    head = [
        "| | lines | tests named | characters of a name | of a note | `details` | links to issues |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join(["## Limits\n", words, *head, *rows, ""])


def examples() -> str:
    """Overrides that work; a test checks them."""
    return (
        "\n".join(f"{words} `{name}`\n\n```jinja\n{source}```\n" for name, (words, source) in EXAMPLES.items()).rstrip()
        + "\n"
    )


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(templates_page(), "utf-8")
