"""Text is shown as it was typed: what looks like a mark of Slack's is none, unless a template of the team's wrote it.

So nobody's name calls people or forges a line (SECURITY.md). `seen` is a reader of Block Kit that shares no code with the writer. It believes in marks more than Slack does: any
pair of them counts, wherever it stands, but for underscores within a word.
"""
# ruff: noqa: ANN401, E501 - payloads are JSON, a case is a line

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.blocks import section
from testmo_notifier.channels.slack.rendering import slack_payload
from testmo_notifier.channels.slack.transport import plainer
from testmo_notifier.model import Issue
from testmo_notifier.notices.issue_links import IssueLinks
from tests.support.factories import make_digest, make_named, make_outgoing
from tests.support.slack_payload import details, line, top

LINKS = IssueLinks({4: "https://tracker.example/browse/{number}"})
RUN = "https://example.testmo.net/runs/view/12"
TYPED = [
    "SELECT *, count(*) FROM t",
    "~old~ and ~~older~~",
    "_x_ __init__ snake_case_name",
    "`code` and ```block```",
    ":x: :white_check_mark: 14:03:22 C:\\dir",
    "> quoted, >>> and &gt;",
    "a|b <http://evil.example|ok>",
    "<!channel> <@U1>",
    "R&D &amp; &lt;",
    "*bold* _it_ ~no~",
    "@here #general https://evil.example",
]


def seen(value: Any) -> str:
    """What a reader of Slack sees of a block or an element."""
    if isinstance(value, list):
        return "".join(map(seen, value))
    kind = value["type"]
    if kind == "mrkdwn":
        return seen_mrkdwn(value["text"])
    if kind == "plain_text":
        assert value["emoji"] is False
        return entities(value["text"])
    if kind in ("rich_text", "rich_text_section", "rich_text_quote", "context"):
        return seen(value["elements"])
    if kind in ("section", "header"):
        return seen(value["text"])
    return str({"text": value.get("text", ""), "link": value.get("text", ""), "date": value.get("fallback", "")}[kind])


def seen_mrkdwn(text: str) -> str:
    text = re.sub(r"<!date\^[^|>]*\|([^>]*)>", r"\1", text)
    text = re.sub(r"<[^|>!@#][^|>]*\|([^>]*)>", r"\1", text)
    assert not re.search("[<>]", re.sub("(?m)^> ", "", text)), text
    text = re.sub(r":([\w+'-]+):", "(emoji)", text)
    for mark in "*_~`":
        begin, end = (r"(?<![^\W_])_", r"_(?![^\W_])") if mark == "_" else (re.escape(mark), re.escape(mark))
        text = re.sub(rf"{begin}(?=[^\s\u200b])([^{mark}\n]*[^\s\u200b]){end}", r"\1", text)
    return entities(re.sub(r"(?m)^\s*(?:>|&gt;) ?", "", text)).replace("\u200b", "")


def entities(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def hostile_payload(typed: str, **run: Any) -> dict[str, Any]:
    named = make_named(
        case_name=typed,
        status=typed,
        status_id=9,
        created_by_name=typed,
        assignee=typed,
        assignee_id=8,
        note=f"first\n{typed}",
        issues=(Issue(1, f"{typed} 7", 4), Issue(2, typed)),
    )
    facts = {"run_name": typed, "project_name": typed, "milestone": typed, "configuration": typed, **run}
    digest = make_digest([named], counts={typed: 1}, **facts)
    payload: dict[str, Any] = slack_payload(Renderer(ZoneInfo("UTC"), links=LINKS), digest)
    return payload


@pytest.mark.parametrize("typed", TYPED)
def test_what_testers_typed_is_shown_in_every_field_as_they_typed_it(typed: str) -> None:
    payload = hostile_payload(typed)
    header, summary = top(payload)
    (result,) = details(payload)

    assert seen(header) == f"● 1 {typed}: {typed}"
    assert seen(summary).startswith(f"Open run · {typed} · milestone {typed} · {typed} · ")
    assert seen(result).startswith(f"● {typed}   {typed}\n{typed} · ")
    assert f"assigned to {typed} · {typed} 7, {typed}" in seen(result)
    assert seen(result).endswith(f"first\n{typed}")


@pytest.mark.parametrize("typed", TYPED)
def test_the_fallback_text_shows_what_was_typed_whatever_slack_makes_of_marks(typed: str) -> None:
    payload = hostile_payload(typed)

    assert seen_mrkdwn(payload["text"]) == f"● 1 {typed}: {typed}\n• {typed}: {typed}"
    assert json.loads(plainer(json.dumps(payload)))["text"] == payload["text"]


def test_a_link_keeps_its_words_and_its_address() -> None:
    result = line(hostile_payload("*a* | b"))

    links = [element for element in result["elements"][0]["elements"] if element["type"] == "link"]
    assert links == [
        {"type": "link", "url": f"{RUN}?test_id=1", "text": "*a* | b"},
        {"type": "link", "url": "https://tracker.example/browse/7", "text": "*a* | b 7"},
    ]


def test_what_holds_no_marks_stays_as_short_as_mrkdwn_is() -> None:
    payload: Any = slack_payload(Renderer(ZoneInfo("UTC")), make_digest([make_named(note="all is lost")]))

    assert [block["type"] for block in (*top(payload), *details(payload))] == ["header", "context", "section"]


@pytest.mark.parametrize(("name", "named"), [("Login with an expired password", 30), ("test_login_of_new_users", 30)])
def test_thirty_ordinary_tests_are_named_as_before(name: str, named: int) -> None:
    digest = make_digest(
        [make_named(n, case_name=f"{name} {n}", note=f"provider_unreachable, number {n}") for n in range(30)]
    )

    payload: Any = slack_payload(Renderer(ZoneInfo("UTC")), digest)

    assert len(details(payload)) == named


def test_a_message_of_nothing_but_marks_names_twenty_tests() -> None:
    marks: dict[str, Any] = dict.fromkeys(("case_name", "assignee", "created_by_name"), "_*" * 40)
    rows = [make_named(n, assignee_id=8, note=f"{n}{'_*' * 40}", **marks) for n in range(1, 51)]
    digest = make_digest(rows, run_name="*~" * 100)
    notification = Renderer(ZoneInfo("UTC")).notification(make_outgoing(digest, "slack:default"))

    lines = details(json.loads(notification.message))
    assert len(notification.message.encode("utf-16-le")) // 2 <= 12_000
    assert sum(block["type"] == "rich_text" for block in lines) == 20


# A team's own templates keep their marks


def own_line(tmp_path: Path, template: str, **named: Any) -> Any:
    """The block that a team's template makes of one result."""
    (tmp_path / "slack_result.j2").write_text(template, encoding="utf-8")
    renderer = Renderer(ZoneInfo("UTC"), tmp_path, LINKS)
    payload: Any = slack_payload(renderer, make_digest([make_named(**named)]))
    assert renderer.problems == []
    return line(payload)


def text(words: str, *styles: str) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"style": dict.fromkeys(styles, True)} if styles else {})}


def test_marks_of_a_template_are_styles_and_those_of_testers_are_characters(tmp_path: Path) -> None:
    template = (
        "*{{ result.name }}* _it ~both~_ `{{ result.who }}` :fire: <https://w.example|wiki>\n> {{ result.status }}"
    )
    block = own_line(tmp_path, template, case_name="2 * 3", created_by_name="`me`", status=":x:")

    section, quote = block["elements"]
    assert section["elements"] == [
        text("2 * 3 ", "bold"),
        text("it ", "italic"),
        text("both", "italic", "strike"),
        text(" "),
        text("`me`", "code"),
        text(" "),
        {"type": "emoji", "name": "fire"},
        text(" "),
        {"type": "link", "url": "https://w.example", "text": "wiki"},
    ]
    assert quote == {"type": "rich_text_quote", "elements": [text(":x:")]}


@pytest.mark.parametrize(
    ("written", "element"),
    [
        ("<!here>", {"type": "broadcast", "range": "here"}),
        ("<@U12AB>", {"type": "user", "user_id": "U12AB"}),
        ("<!subteam^S12AB>", {"type": "usergroup", "usergroup_id": "S12AB"}),
        ("<#C12AB>", {"type": "channel", "channel_id": "C12AB"}),
        (
            "<!date^1795435200^{date_short}|then>",
            {"type": "date", "timestamp": 1795435200, "format": "{date_short}", "fallback": "then"},
        ),
    ],
)
@pytest.mark.parametrize("name", ["plain", "*marked*"])
def test_a_template_of_a_team_may_call_people_itself(
    tmp_path: Path, name: str, written: str, element: dict[str, Any]
) -> None:
    block = own_line(tmp_path, written + " {{ result.name }}", case_name=name)

    if name == "plain":
        assert block["text"]["text"] == f"{written} plain"
    else:
        assert block["elements"][0]["elements"] == [element, text(" *marked*")]


@pytest.mark.parametrize(
    "template",
    ["<{{ result.name }}>", "{{ '<' ~ result.name ~ '>' }}", "{{ '<%s>' | format(result.name) }}", "{{ result.name }}"],
)
@pytest.mark.parametrize("typed", ["!here", "!subteam^S1", "@U1", "<!here>", "<@U1>", "*<!here>*"])
def test_no_words_of_a_tester_call_anybody(tmp_path: Path, template: str, typed: str) -> None:
    block = own_line(tmp_path, template, case_name=typed)

    assert "broadcast" not in json.dumps(block)
    assert '"user"' not in json.dumps(block)
    if block["type"] == "section":
        assert not re.match(r"<[!@]", block["text"]["text"])


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        # what a template composes of pieces keeps what they are: {{ super() }} stays bold and a link
        (
            '{% extends "built_in/slack_result.j2" %}{% block title %}{{ super() | trim }} !{% endblock %}{% block facts %}{% endblock %}',
            [text("✖ "), text("Failed   ", "bold"), ("link", "*n*"), text(" !")],
        ),
        ('{{ ["a" | link("https://x/1"), "b*" | link("https://x/2")] | join(" · ") }}', [("link", "a"), text(" · "), ("link", "b*")]),
        ('{{ "a" | link("https://x/1") ~ " by " ~ result.who }}', [("link", "a"), text(" by _A_")]),
        ('{{ "a" | link("https://x/1") + " by " + result.who }}', [("link", "a"), text(" by _A_")]),
        ('{{ "%s by %s" | format("a" | link("https://x/1"), result.who) }}', [("link", "a"), text(" by _A_")]),
        ('{{ ("a b" | link("https://x/1") ~ result.who) | replace(" ", "-") }}', [("link", "a-b"), text("_A_")]),
        ('{{ ("a" | link("https://x/y") ~ result.who) | upper }}', [("link", "A"), text("_A_")]),
        ('{% filter upper %}*b* {{ result.name | link("https://x/y") }}{% endfilter %}', [text("B ", "bold"), ("link", "*N*")]),
        ("{% set t %}*b* {{ result.who }}{% endset %}{{ t }}", [text("b", "bold"), text(" _A_")]),
        ("{% macro m(x) %}*{{ x }}*{% endmacro %}{{ m(result.who) }}", [text("_A_", "bold")]),
        ("{{ '*' ~ result.who ~ '*' }}", [text("_A_", "bold")]),
        ("{{ '*%s*' | format(result.who) }}", [text("_A_", "bold")]),
        ('{{ ["*a*", "_b_"] | join(" ~s~ ") }} {{ result.who }}', [text("a ", "bold"), text("s", "strike"), text(" "), text("b", "italic"), text(" _A_")]),
        ('{{ ["*", result.who, "*"] | join }}', [text("_A_", "bold")]),
        ('{% set t = "*x*" %}{{ t | upper }} {{ result.who }}', [text("X", "bold"), text(" _A_")]),
        ('{{ "*x*" | replace("x", "y") }} {{ result.who }}', [text("y", "bold"), text(" _A_")]),
        ('{{ result.name | replace("*", "_") }} {{ "a_b" | replace("_", " ") }}', [text("_n_ a b")]),
        ('{{ "a_b" | urlencode }} {{ result.who }}', [text("a_b _A_")]),
        ("{% set icon = {'Failed': ':fire:'}[result.status] %}{{ icon }} {{ result.who }}", [("emoji", "fire"), text(" _A_")]),
        ("{{ result['who'] }} {{ result.who == '_A_' }}", [text("_A_ True")]),
        # what shortens a link leaves its words
        ('{{ result.name | link("https://x/a/long/address") | truncate(8, True, "…", 0) }}_', [text("*n*…_")]),
        ('{{ ("0123456789" ~ result.who) | truncate(6, True, "*", 0) }}', [text("01234*")]),
    ],
)  # fmt: skip
def test_what_a_template_composes_keeps_what_its_pieces_are(tmp_path: Path, template: str, shown: list[Any]) -> None:
    block = own_line(tmp_path, template, case_name="*n*", created_by_name="_A_")

    found = block["elements"][0]["elements"] if block["type"] == "rich_text" else [text(block["text"]["text"])]
    told = [
        (element["type"], element.get("text") or element["name"]) if element["type"] in ("link", "emoji") else element
        for element in found
    ]
    assert told == shown
    assert all(
        element["url"].startswith("https://") and element["url"].islower() for element in found if "url" in element
    )


def test_private_marks_in_data_are_no_marks(tmp_path: Path) -> None:
    """The characters by which the notation tells marks apart mean nothing where somebody else wrote them."""
    typed = "\ufdd0bold\ufdd0 \ufdd4\ufdd8here\ufdd5 \ufddcx\ufdde\U000f0068\ufddf"
    block = own_line(tmp_path, "{{ result.name }}", case_name=typed)

    assert block["text"]["text"] == "bold here x"


def test_the_header_of_a_team_may_name_an_emoji_and_testers_may_not(tmp_path: Path) -> None:
    (tmp_path / "slack_header.j2").write_text(":fire: *{{ message.run.name }}*", encoding="utf-8")
    renderer = Renderer(ZoneInfo("UTC"), tmp_path)

    payload: Any = slack_payload(renderer, make_digest([make_named()], run_name="all :x:"))

    assert payload["blocks"][0]["text"] == {"type": "plain_text", "text": ":fire: *all \u200b:\u200bx:*", "emoji": True}


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("*b", "rich_text"),
        ("a ~b", "rich_text"),
        ("a `b", "rich_text"),
        ("_b", "rich_text"),
        ("b_", "rich_text"),
        ("a :smile: b", "rich_text"),
        ("a :+1: b", "rich_text"),
        ("> b", "rich_text"),
        ("a\n  > b", "rich_text"),
        ("snake_case", "section"),
        ("at 10:30", "section"),
        ("a > b", "section"),
        ("a | b", "section"),
    ],
)
def test_only_what_could_act_costs_the_room_of_rich_text(typed: str, kind: str) -> None:
    assert section(typed)["type"] == kind
