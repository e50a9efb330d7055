"""Whose words a message has (rule 15): the destination's, else the team's, else ours; and for good news its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.channels.render import Renderer, built_in_folders, reasons, template_problem
from testmo_notifier.channels.slack.rendering import slack_payload
from testmo_notifier.model import FINISHED, FOLDED, RECOVERED, Digest
from testmo_notifier.notices.routes import Options
from testmo_notifier.notices.view import Limits
from tests.support.factories import make_digest, make_named, make_outgoing
from tests.support.slack_payload import details, top, words
from tools.settings.check_templates import own_names
from tools.settings.samples import samples

UTC = ZoneInfo("UTC")
# A team's words as they were written for version 1.0, which told of failures alone.
OF_1_0 = {
    "slack_header.j2": "Alas, {{ message.total }} failed in {{ message.run.name }}",
    "slack_summary.j2": "Broken in {{ message.run.project }}",
    "slack_result.j2": "{{ result.name }} is broken",
    "slack_more.j2": "Fix {{ message.run.name }}",
    "slack_text.j2": "Alas, {{ message.total }} failed",
    "email_subject.j2": "Alas, {{ message.total }} failed",
    "email_body.j2": "{% for result in message.results %}{{ result.name }} is broken\n{% endfor %}",
}
OF_ALL = ("tests.j2", "totals.j2", "run.j2")
FAILED = make_digest([make_named(1)])


def written(folder: Path, **texts: str) -> Path:
    """Templates by path, `slack__payments__slack_header` for slack/payments/slack_header.j2."""
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def header(renderer: Renderer, destination: str, digest: Digest = FAILED) -> str:
    payload = json.loads(renderer.notification(make_outgoing(digest, destination)).message)
    return str(top(payload)[0]["text"]["text"])


def test_a_destination_has_its_own_words_before_the_teams_and_ours(tmp_path: Path) -> None:
    written(tmp_path, slack__payments__slack_header="Payments", slack_header="The team", slack_text="Text of the team")
    renderer = Renderer(UTC, tmp_path)

    told = [renderer.notification(make_outgoing(FAILED, f"slack:{name}")).message for name in ("payments", "other")]

    assert [top(json.loads(message))[0]["text"]["text"] for message in told] == ["Payments", "The team"]
    assert [json.loads(message)["text"] for message in told] == ["Text of the team"] * 2
    assert renderer.problems == []


def test_mail_has_destinations_with_their_own_words_too(tmp_path: Path) -> None:
    renderer = Renderer(UTC, written(tmp_path, email__managers__email_subject="For managers"))

    assert renderer.notification(make_outgoing(FAILED, "email:managers")).subject == "For managers"
    assert renderer.notification(make_outgoing(FAILED, "email:default")).subject.startswith("[Testmo] ")


def test_a_destinations_template_may_change_one_block_and_include_its_own_and_the_teams(tmp_path: Path) -> None:
    text = (
        '{% extends "built_in/slack_header.j2" %}{% block run %}{% include "a.j2" %}{% include "b.j2" %}{% endblock %}'
    )
    written(tmp_path, slack__payments__slack_header=text, slack__payments__a="ours ", b="everybody's", a="not this")
    renderer = Renderer(UTC, tmp_path)

    assert header(renderer, "slack:payments") == "✖ 1 failed: ours everybody's"
    assert renderer.problems == []


def test_a_broken_template_of_a_destination_gives_way_and_is_named_by_its_path(tmp_path: Path) -> None:
    written(tmp_path, slack__payments__slack_header="\n{{ nothing }}", slack_header="The team")
    renderer = Renderer(UTC, tmp_path)

    assert header(renderer, "slack:payments") == "The team"
    (problem,) = renderer.problems
    assert problem == "slack/payments/slack_header.j2:2: 'nothing' is undefined: docs/templates.md lists what there is"
    assert (problem.file, problem.line) == ("slack/payments/slack_header.j2", 2)


@pytest.mark.parametrize(
    "wrong",
    [
        "{{ message.run }}",
        "{{ message.results }}",
        "{{ message.run.name.upper }}",
        "Run {{ message.run ~ '!' }}",
        "{% macro x() %}x{% endmacro %}{{ x }}",
    ],
)
def test_an_object_that_is_no_text_is_a_mistake_and_not_shown(tmp_path: Path, wrong: str) -> None:
    renderer = Renderer(UTC, written(tmp_path, slack_header=wrong, email_subject=wrong))
    assert header(renderer, "slack:default") == "✖ 1 failed: Release 4.2 regression"
    assert "RunView" not in renderer.notification(make_outgoing(FAILED, "email:default")).subject
    assert "is no text: print a field of it, or what it gives with ()" in renderer.problems[0]


def test_what_is_not_known_is_printed_as_nothing(tmp_path: Path) -> None:
    """Of a run without a milestone the sample with one shows nothing, and a channel then reads None."""
    written(
        tmp_path, slack_header="{{ message.run.name }} {{ message.run.milestone }}{{ 'v' ~ message.run.milestone }}"
    )
    assert header(Renderer(UTC, tmp_path), "slack:default") == "Release 4.2 regression v"


def test_one_that_does_not_end_is_not_tried_again_and_the_teams_is(tmp_path: Path) -> None:
    endless = "{% for _ in range(90000) %}{% for _ in range(9) %}{% endfor %}{% endfor %}"
    written(tmp_path, slack__payments__slack_header=endless, slack_header="The team")
    renderer = Renderer(UTC, tmp_path)

    assert [header(renderer, "slack:payments") for _ in range(2)] == ["The team"] * 2
    assert header(renderer, "slack:other") == "The team"
    assert {problem.file for problem in renderer.problems} == {"slack/payments/slack_header.j2"}


def test_templates_and_times_of_destinations_are_compiled_once_for_all_polls(tmp_path: Path) -> None:
    written(tmp_path, slack__payments__slack_header="Payments")
    berlin = Options(time_zone=ZoneInfo("Europe/Berlin"))
    renderer = Renderer(UTC, tmp_path, options={"slack:a": berlin, "slack:b": berlin})
    before = dict(renderer._known)
    for poll in (renderer.for_one_poll(), renderer.for_one_poll()):
        for name in ("slack:payments", "slack:a", "slack:b", "slack:default"):
            header(poll, name)

    assert len(before) == 1, "nothing is made for what nobody has"
    assert len(renderer._known) == 3


# What a team wrote for failures


@pytest.mark.parametrize("about", [RECOVERED, FINISHED])
def test_words_written_for_failures_never_announce_good_news(tmp_path: Path, about: str) -> None:
    for name, text in OF_1_0.items():
        (tmp_path / name).write_text(text)
    digest = make_digest([make_named(1, status="Passed", status_id=2)], about=about)
    ours, plain = Renderer(UTC, tmp_path), Renderer(UTC)

    for destination in ("slack:default", "email:default"):
        outgoing = make_outgoing(digest, destination)
        assert ours.notification(outgoing) == plain.notification(outgoing)


@pytest.mark.parametrize("name", OF_1_0)
def test_each_of_them_is_still_what_a_failure_is_told_in(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(OF_1_0[name])
    renderer = Renderer(UTC, tmp_path)
    told = [renderer.notification(make_outgoing(FAILED, f"{channel}:default")) for channel in ("slack", "email")]

    own = OF_1_0[name].partition("{")[0] or "is broken"
    assert own in f"{told[0].message}{told[1].subject}{told[1].message}"
    assert renderer.problems == []


def test_a_team_may_have_its_own_words_for_good_news(tmp_path: Path) -> None:
    written(
        tmp_path,
        slack_recovered_header="Well done",
        slack_finished_header='{% extends "built_in/slack_header.j2" %}{% block run %}the run{% endblock %}',
        email_recovered_subject="All well: {{ message.news }}",
    )
    renderer = Renderer(UTC, tmp_path)
    good, closed = (make_digest([make_named(1)], about=about) for about in (RECOVERED, FINISHED))

    assert header(renderer, "slack:default", good) == "Well done"
    assert header(renderer, "slack:default", closed) == "✖ Run finished: 87% passed, 1 still failing: the run"
    assert renderer.notification(make_outgoing(good, "email:default")).subject == "All well: 1 test passed again"
    assert header(renderer, "slack:default") == "✖ 1 failed: Release 4.2 regression"
    assert renderer.problems == []


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        ({}, 1),
        ({"slack_result": "{{ result.name }}"}, 3),  # it words each result, and knows no line of several
        ({"slack_result": "{{ result.name }}", "slack_tests": "{{ result.name }}"}, 1),
        ({"slack_tests": "{{ result.tests | length }} of them"}, 1),
        ({"slack__default__slack_result": "{{ result.name }}"}, 3),
    ],
)
def test_equal_notes_share_a_line_where_the_words_for_it_are_known(
    tmp_path: Path, texts: dict[str, str], lines: int
) -> None:
    renderer = Renderer(UTC, written(tmp_path, **texts))
    digest = make_digest([make_named(n, note="the same") for n in range(1, 4)])
    payload = json.loads(renderer.notification(make_outgoing(digest, "slack:default")).message)

    assert len(details(payload)) == lines
    assert renderer.problems == []


def test_tests_by_themselves_are_made_for_a_teams_templates_alone() -> None:
    """No built-in template prints them, and a message of fifty tests had them made three times."""
    sources = {path.name: path.read_text("utf-8") for folder in built_in_folders() for path in folder.glob("*.j2")}
    assert [name for name, source in sources.items() if "message.results" in source] == []

    rows = [make_named(1, note="one"), make_named(2, note="another")]
    several = make_digest(about=FOLDED, parts=(make_digest(rows[:1]), make_digest(rows[1:])))
    for digest in (make_digest(rows), several):
        view = Renderer(UTC).view(digest, Limits(5, 50, 50))
        assert (view.results, len(view.lines)) == ((), 2)


def test_a_mail_of_a_team_goes_through_every_test_by_itself(tmp_path: Path) -> None:
    (tmp_path / "email_body.j2").write_text(OF_1_0["email_body.j2"])
    digest = make_digest([make_named(n, case_name=f"Test {n}", note="the same") for n in range(1, 4)])
    told = Renderer(UTC, tmp_path).notification(make_outgoing(digest, "email:default"))

    assert told.message == "Test 1 is broken\nTest 2 is broken\nTest 3 is broken\n"


@pytest.mark.parametrize("folder", ["", "email__payments__"])
@pytest.mark.parametrize("about", ["", FOLDED])
def test_every_test_by_itself_is_there_whosever_the_template_is(tmp_path: Path, folder: str, about: str) -> None:
    """The destination's alone, or the team's; of one run or of several; also by way of a file that it includes."""
    body = f"{folder}email_{about}_body" if about else f"{folder}email_body"
    renderer = Renderer(UTC, written(tmp_path, **{body: "{% include 'every_test.txt' %}"}))
    text = "{% set found = message['results'] %}{% for one in found %}{{ one.name }}\n{% endfor %}"
    (tmp_path / "every_test.txt").write_text(text, "utf-8")
    rows = [make_named(n, case_name=f"Test {n}") for n in (1, 2)]
    digest = (
        make_digest(about=about, parts=(make_digest(rows[:1]), make_digest(rows[1:]))) if about else make_digest(rows)
    )

    mail = renderer.notification(make_outgoing(digest, "email:payments"))

    assert mail.message == "Test 1\nTest 2\n"
    assert renderer.problems == []


@pytest.mark.parametrize(("name", "lines"), [("slack_summary", 2), ("slack_more", 2), ("slack_header", 1)])
def test_the_link_to_the_run_is_always_there(tmp_path: Path, name: str, lines: int) -> None:
    """A summary of version 1.0 has none: then the last line has it, as it had."""
    renderer = Renderer(UTC, written(tmp_path, **{name: OF_1_0[f"{name}.j2"]}))
    payload: Any = json.loads(renderer.notification(make_outgoing(FAILED, "slack:default")).message)

    assert len(details(payload)) == lines
    assert f"<{FAILED.run_url}|Open run>" in json.dumps(payload)
    if lines > 1:
        assert words(payload, -1) == {"slack_more": "Fix Release 4.2 regression"}.get(
            name, f"<{FAILED.run_url}|Open run>"
        )


def test_every_template_has_a_name_for_each_kind_of_message() -> None:
    names = own_names()

    assert {"slack_header.j2", "slack_recovered_header.j2", "slack_finished_header.j2"} <= names.keys()
    assert {"slack_tests.j2", "slack_totals.j2"} <= names.keys(), "they came with the others, and know of all three"
    assert {"slack_folded_header.j2", "slack_folded_result.j2", "email_folded_body.j2"} <= names.keys()
    assert not any(f"slack_{about}_{rest}" in names for about in (RECOVERED, FINISHED, FOLDED) for rest in OF_ALL)


def test_words_written_for_one_run_never_tell_of_several(tmp_path: Path) -> None:
    for name, text in OF_1_0.items():
        (tmp_path / name).write_text(text)
    digest = samples(["folded"])["folded"].digest
    ours, plain = Renderer(UTC, tmp_path), Renderer(UTC)

    for destination in ("slack:default", "email:default"):
        outgoing = make_outgoing(digest, destination)
        assert ours.notification(outgoing) == plain.notification(outgoing)
    assert ours.problems == []


def test_a_team_may_have_its_own_words_for_several_runs(tmp_path: Path) -> None:
    written(
        tmp_path,
        slack_folded_header="A storm in {{ message.parts | length }} runs",
        slack_run="{{ result.name }}!",
        email_folded_subject="A storm",
    )
    renderer = Renderer(UTC, tmp_path)
    digest = samples(["folded"])["folded"].digest
    payload = json.loads(renderer.notification(make_outgoing(digest, "slack:default")).message)

    assert top(payload)[0]["text"]["text"] == "A storm in 33 runs"
    assert words(payload, -1).split("\n")[-1] == "Nightly 36!"
    assert renderer.notification(make_outgoing(digest, "email:default")).subject == "A storm"
    assert renderer.problems == []


@pytest.mark.parametrize("name", ["slack_result", "slack_more", "slack_tests"])
@pytest.mark.parametrize("call", ["<!here>", "<@U0GRACE>", "<!subteam^S0ONCALL>", "<@U0GRACE|grace>"])
def test_whom_a_teams_own_words_call_beside_the_bar_is_called_at_the_top_as_well(
    tmp_path: Path, name: str, call: str
) -> None:
    """There nobody would hear of it, and in version 1.0 everybody did."""
    renderer = Renderer(UTC, written(tmp_path, **{name: "{{ message.run.name }} <!date^1^{date}|x> " + call}))
    digest = make_digest([make_named(n, note="the same <!channel>", case_name="<@U0EVE>") for n in range(1, 4)])
    payload = json.loads(renderer.notification(make_outgoing(digest, "slack:default")).message)

    assert [block["text"]["text"] for block in top(payload)[2:]] == [call]
    assert renderer.problems == []


# What filters are told


@pytest.mark.parametrize(
    ("digest", "told"),
    [
        (make_digest([make_named(1, reason="again"), make_named(2, reason="new")]), ("new", "again")),
        (make_digest([make_named(1, reason="again")], reasons=("again", "changed"), omitted=9), ("again", "changed")),
        # what is not named may have any reason: a filter must not miss it
        (make_digest([make_named(1, reason="again")], omitted=9), ("new", "again", "changed")),
        (make_digest([make_named(1)]), ()),  # out of an outbox of version 1.0
        (make_digest([make_named(1)], omitted=9), ()),
        (make_digest([make_named(1, reason="recovered")], about=RECOVERED), ("recovered",)),
        (make_digest([], about=FINISHED, counts={}), ("finished",)),
    ],
)
def test_no_reason_is_missing_in_what_filters_read(digest: Digest, told: tuple[str, ...]) -> None:
    assert reasons(digest) == told
    assert Renderer(UTC).notification(make_outgoing(digest, "event")).reasons == told


def test_marks_of_a_templates_own_text_stay_live_through_filters_and_those_that_somebody_typed_never_are(
    tmp_path: Path,
) -> None:
    template = "{{ '*a*' }}, {{ '*b*' | upper }}, {{ '*c*' | replace('c', 'd') }}: {{ result.name | upper }}"
    (tmp_path / "slack_result.j2").write_text(template)

    payload: Any = slack_payload(Renderer(ZoneInfo("UTC"), tmp_path), make_digest([make_named(case_name="*e*")]))

    elements = payload["attachments"][0]["blocks"][0]["elements"][0]["elements"]
    assert [(one["text"], one.get("style", {})) for one in elements if one["text"].strip(", :")] == [
        ("a", {"bold": True}),
        ("B", {"bold": True}),
        ("d", {"bold": True}),
        (": *E*", {}),
    ]


def test_what_breaks_outside_of_a_template_is_a_problem_of_its_first_line() -> None:
    """An editor, and the CI's annotation, open a file at a line, and there is none before the first."""
    assert template_problem("slack_run.j2", ValueError("no"), None).line == 1
