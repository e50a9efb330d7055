"""Messages as people get them, harmless whatever testers write (SECURITY.md), and rule 15: a template that breaks.

The messages in tests/golden are compared to the character. After a wanted change: `UPDATE_GOLDEN=1 make test`, then
read the difference.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.adapters.topic import attributes
from testmo_notifier.channels.email.rendering import mail, mail_subject
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.rendering import slack_payload
from testmo_notifier.model import Digest, Issue
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.settings.people import People
from tests.support.factories import at, make_digest, make_named, make_outgoing
from tests.support.slack_payload import words
from tools.lib.blocks import as_text
from tools.settings.samples import samples

GOLDEN = Path(__file__).parents[1] / "golden"
BERLIN = ZoneInfo("Europe/Berlin")
LINKS = IssueLinks({4: "https://tracker.example/browse/{display_id}"})


def rich_digest() -> Digest:
    """What a bad afternoon looks like: everything that a message can show, and hostile text in it."""
    return make_digest(
        [
            make_named(
                540,
                test_id=4711,
                created_at=at(180),
                assignee_id=8,
                assignee="Grace H.",
                elapsed_us=240_000_000,
                issues=(Issue(54, "SHOP-123", 4), Issue(55, "#9", 2)),
                note="Login page shows a blank screen after submitting\n• Chrome\n• Safari <!channel> & more",
            ),
            make_named(539, test_id=4711, created_at=at(120)),
            make_named(
                541,
                case_name="Pay with <http://evil.example|two> & three vouchers",
                created_at=at(60),
                created_by_name="<@U123>",
                is_latest=False,
            ),
            make_named(
                None, test_id=None, case_id=None, case_name=None, created_at=None, created_by=None, created_by_name=None
            ),
            make_named(542, status_id=5, status="Blocked", case_name=None, created_at=at(30), elapsed_us=3_900_000_000),
            make_named(543, status_id=9, status="WIP | red", case_name="検索 with ümlauts", created_at=at(0)),
        ],
        omitted=37,
        counts={"Failed": 35, "Blocked": 7, "WIP | red": 1},
        milestone="4.2",
        configuration="Safari 17",
    )


def test_templates_outlast_a_poll_and_its_problems_do_not(tmp_path: Path) -> None:
    """Compiling them takes longer than all else that a quiet poll does."""
    (tmp_path / "email_body.j2").write_text(
        "{% for _ in range(90000) %}{% for _ in range(9) %}{% endfor %}{% endfor %}"
    )
    renderer = Renderer(BERLIN, tmp_path)
    polls = [renderer.for_one_poll() for _ in range(2)]

    for one in polls:
        mail(one, rich_digest())
        mail(one, rich_digest())
        assert [problem.file for problem in one.problems] == ["email_body.j2"] * 2, "tried once, and said each time"
    assert renderer.problems == []
    assert len({id(one._templates) for one in polls}) == 1


@pytest.mark.parametrize(
    ("channel", "suffix"), [("slack:default", "json"), ("email:default", "txt"), ("event", "json")]
)
def test_messages_read_as_they_did(channel: str, suffix: str) -> None:
    notification = Renderer(BERLIN, links=LINKS).notification(make_outgoing(rich_digest(), channel, id="0123abcd"))
    text = notification.message
    if suffix == "json":
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"
    if notification.subject:
        text = f"Subject: {notification.subject}\n\n{text}"
    golden = GOLDEN / f"{notification.channel}.{suffix}"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")

    assert text == golden.read_text(encoding="utf-8")


def test_a_notification_carries_what_filter_policies_ask_for() -> None:
    notification = Renderer(BERLIN).notification(make_outgoing(rich_digest(), "slack:payments", id="0123abcd"))

    assert (notification.id, notification.destination, notification.channel) == ("0123abcd", "slack:payments", "slack")
    assert (notification.run_id, notification.project_id) == (12, 3)
    assert notification.statuses == ("Failed", "Blocked", "WIP | red")
    assert notification.subject == ""


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("[Testmo] 3 failed: Release 4.2", "[Testmo] 3 failed: Release 4.2"),
        # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: UTF-8 text, so that every script stays what it is
        ("[Testmo] 3 要確認: リリース 4.2 回帰", "[Testmo] 3 要確認: リリース 4.2 回帰"),
        ("[Testmo] 3 failed: Łódź \u2013 Größe", "[Testmo] 3 failed: Łódź \u2013 Größe"),
        # no line breaks, no control characters
        ("[Testmo] 3 failed: Crème\r\nBcc: x\u2028y\x85z", "[Testmo] 3 failed: Crème Bcc: x y z"),
        ("[Testmo] 3 failed: a\x00\x07b", "[Testmo] 3 failed: a b"),
        # fewer than 100 characters
        ("[Testmo] 3 failed: " + "x" * 200, "[Testmo] 3 failed: " + "x" * 79 + "…"),
        ("[Testmo] 3 failed: " + "漢" * 80, "[Testmo] 3 failed: " + "漢" * 80),
        ("", ""),
    ],
)
def test_a_subject_keeps_its_script_and_is_short_and_on_one_line(text: str, subject: str) -> None:
    assert mail_subject(text) == subject


@pytest.mark.parametrize("name", ["again", "sixty", "recovered", "finished", "all-passed", "held", "night", "folded"])
def test_a_reader_sees_what_was_meant(name: str) -> None:
    """The samples as text: what Slack shows, what it says where it shows no blocks, and the mail."""
    people = People(by_id={2: "U012AB3CD"}, groups={"payments-oncall": "S012AB3CD"})
    renderer = Renderer(BERLIN, links=LINKS, people=people)
    digest = samples([name])[name].digest
    payload = slack_payload(renderer, digest)
    subject, body = mail(renderer, digest)
    color = payload["attachments"][0]["color"]  # type: ignore[index]
    text = f"{color}\n{as_text(payload)}\n\n{payload['text']}\n\nSubject: {subject}\n\n{body}"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")

    assert renderer.problems == []
    assert text == golden.read_text(encoding="utf-8")


# A team's own templates


def renders(tmp_path: Path, name: str, template: str) -> tuple[dict[str, Any], str, list[str]]:
    """The Slack payload, the mail, and the problems with a template of a team's own."""
    (tmp_path / name).write_text(template, encoding="utf-8")
    renderer = Renderer(BERLIN, tmp_path)
    digest = make_digest([make_named(n) for n in range(1, 23)])
    payload = slack_payload(renderer, digest)
    _, body = mail(renderer, digest)
    return payload, body, list(dict.fromkeys(renderer.problems))


def built_in() -> tuple[dict[str, Any], str]:
    renderer = Renderer(BERLIN)
    digest = make_digest([make_named(n) for n in range(1, 23)])
    return slack_payload(renderer, digest), mail(renderer, digest)[1]


BROKEN = [
    ("syntax", "fine\n{% if %}", ":2: TemplateSyntaxError: "),
    ("unknown-tag", "{% frob %}", ":1: TemplateSyntaxError: Encountered unknown tag 'frob';"),
    ("undefined-name", "one\n\n{{ message.nome }}", ":3: "),
    ("undefined-variable", "{{ run.name }}", ":1: 'run' is undefined"),
    ("unknown-filter", "{{ message.total | frob }}", ":1: TemplateAssertionError: No filter named 'frob'"),
    ("filter-raises", "a\n{{ message.total | when }}", ":2: AttributeError: "),
    ("division", "{{ 1 // 0 }}", ":1: ZeroDivisionError: "),
    ("sandboxed", "{{ message.__class__.__mro__ }}", ":1: SecurityError: "),
    ("range", "{% for n in range(10000000) %}x{% endfor %}", ":1: OverflowError: Range too big"),
    ("recursion", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "RecursionError: "),
    ("includes-itself", "{% include 'NAME' %}", "RecursionError: "),
    ("missing-parent", "{% extends 'nowhere.j2' %}", "TemplateNotFound: nowhere.j2"),
    ("endless", "{{ 'a' * 900000 }}", "gave 900000 characters, more than "),
    ("empty", "{# nothing #}\n", "gave no text"),
    ("blank", "  \n\t\n", "gave no text"),
    ("surrogate", "{{ '\\ud800' }}", "UnicodeEncodeError: "),
]


@pytest.mark.parametrize(
    "name", ["slack_result.j2", "slack_text.j2", "slack_summary.j2", "slack_more.j2", "email_body.j2"]
)
@pytest.mark.parametrize(("template", "problem"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_template_of_a_team_gives_way_to_the_built_in_one(
    tmp_path: Path, name: str, template: str, problem: str
) -> None:
    payload, body, problems = renders(tmp_path, name, template.replace("NAME", name))

    assert (payload, body) == built_in()
    assert [name in found and problem in found for found in problems] == [True]


@pytest.mark.parametrize("name", ["slack_header.j2", "email_subject.j2"])
def test_a_header_or_subject_that_is_far_too_long_gives_way_too(tmp_path: Path, name: str) -> None:
    payload, _, problems = renders(tmp_path, name, "{{ 'a' * 100001 }}")

    assert payload == built_in()[0]
    assert problems == [f"{name} gave 100001 characters, more than 100000: make it say less"]


@pytest.mark.parametrize("nothing", ["{{ '\u200e' }}", "{{ '\x1b' }}"])
def test_a_subject_of_which_nothing_can_be_seen_gives_way_to_ours(tmp_path: Path, nothing: str) -> None:
    """Without a subject the mail would be called "AWS Notification Message"."""
    (tmp_path / "email_subject.j2").write_text(nothing, encoding="utf-8")
    renderer = Renderer(BERLIN, tmp_path)

    assert mail(renderer, make_digest())[0] == mail(Renderer(BERLIN), make_digest())[0]
    assert renderer.problems == ["email_subject.j2 gave no text: write some"]


@pytest.mark.parametrize("name", ["the tests of team {}" * 3, "チーム{}のテスト"])
@pytest.mark.parametrize("destination", ["slack:default", "email:default", "event"])
def test_a_message_that_thousands_of_routes_lead_to_is_one_that_sns_takes(destination: str, name: str) -> None:
    routes = tuple(name.replace("{}", str(number)) for number in range(4_000))
    told = Renderer(BERLIN).notification(make_outgoing(make_digest([make_named()], routes=routes), destination))
    given = sum(len(one["StringValue"]) for one in attributes(told).values())

    assert len(told.message.encode()) + given < 60_000
    assert told.routes == routes[: len(told.routes)]
    assert len(told.routes) > 200


def test_the_mark_that_windows_editors_put_before_a_template_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "email_subject.j2").write_text("\ufeffOurs", encoding="utf-8")
    renderer = Renderer(BERLIN, tmp_path)
    assert mail(renderer, make_digest())[0] == "Ours"
    assert renderer.problems == []


def test_a_file_that_is_no_text_gives_way(tmp_path: Path) -> None:
    (tmp_path / "slack_more.j2").write_bytes(b"\xff\xfe\x00")
    renderer = Renderer(BERLIN, tmp_path)
    digest = make_digest([make_named()])

    assert slack_payload(renderer, digest) == slack_payload(Renderer(BERLIN), digest)
    assert "slack_more.j2" in renderer.problems[0]


def test_a_template_of_a_team_may_change_one_block(tmp_path: Path) -> None:
    template = '{% extends "built_in/slack_result.j2" %}{% block title %}{{ super() }}!{% endblock %}'
    payload, _, problems = renders(tmp_path, "slack_result.j2", template)

    assert problems == []
    assert words(payload).split("\n")[0].startswith("✖ *Failed*   <https://example.testmo.net/")


def test_what_a_team_composes_is_escaped_exactly_once(tmp_path: Path) -> None:
    template = (
        "{% macro quoted(text) %}«{{ text }}»{% endmacro %}{% set name %}{{ result.name }}{% endset %}"
        "{{ quoted(result.name) }} {{ name }} {{ result.name ~ '<' }} {{ result.name | upper }}"
    )
    (tmp_path / "slack_result.j2").write_text(template, encoding="utf-8")
    renderer = Renderer(BERLIN, tmp_path)

    payload: Any = slack_payload(renderer, make_digest([make_named(case_name="a<!b>&c")]))

    assert renderer.problems == []
    escaped = "a&lt;!b&gt;&amp;c"
    assert (
        words(payload)
        == f"«{escaped}» {escaped} {escaped}&lt; {escaped.replace('a', 'A', 1).replace('!b', '!B').replace(';c', ';C')}"
    )


def test_even_without_any_template_every_result_is_named(tmp_path: Path) -> None:
    renderer = Renderer(BERLIN, built_in=[tmp_path])
    digest = make_digest([make_named(n, case_name=f"Test <{n}>") for n in range(1, 23)])

    payload: Any = slack_payload(renderer, digest)
    subject, body = mail(renderer, digest)

    assert payload["text"] == "22 failed: Release 4.2 regression"
    assert words(payload) == "✖ Failed: Test &lt;1&gt;"
    assert subject == "22 failed: Release 4.2 regression"
    assert body == "22 failed: Release 4.2 regression\n"
    assert (
        "slack_text.j2:1: TemplateNotFound: slack_text.j2; docs/templates.md lists what there is" in renderer.problems
    )


def test_a_message_that_cannot_be_made_small_enough_goes_out_as_text(tmp_path: Path) -> None:
    payload, _, problems = renders(tmp_path, "slack_result.j2", "{{ 'a' * 2900 }}")

    assert "blocks" not in payload
    assert payload["text"].count("•") == 20
    assert "over 12000 characters" in problems[0]


def test_moments_that_have_no_other_zone_are_shown_all_the_same() -> None:
    renderer = Renderer(BERLIN)
    for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        slack_payload(renderer, make_digest([make_named(created_at=moment)]))
        mail(renderer, make_digest([make_named(created_at=moment)]))

    assert renderer.problems == []
