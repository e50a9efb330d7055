"""`testmo-notifier check`: real folders, every problem by file and line, exit status 1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from testmo_notifier.config import PollerSettings, status_ids
from tests.support.story import Story, playing
from tools.cli import main
from tools.lib.processes import SETTINGS
from tools.lib.testmo import new_rate_limit
from tools.ops.check_testmo import statuses
from tools.settings.check import problems
from tools.settings.remarks import TAKE_IT_OUT
from tools.simulator.model import Status

ROUTES = '[[routes]]\ndestinations = ["slack:default"]\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings folder with nothing wrong in it."""
    for name in ("TESTMO_URL", "TESTMO_TOKEN", "SLACK_WEBHOOK_URL", "TIME_ZONE", "PROJECT_IDS", "ALERT_STATUS_IDS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "templates").mkdir()
    (tmp_path / "routes.toml").write_text(ROUTES)
    (tmp_path / "issues.toml").write_text("[links]\n")
    return tmp_path


@pytest.fixture
def story() -> Iterator[Story]:
    with playing() as story:
        yield story


def write(folder: Path, name: str, text: str) -> None:
    (folder / "templates" / name).write_text(text)


def check(folder: Path, *flags: str) -> Result:
    return CliRunner().invoke(main, ["check", "--settings", str(folder), *flags])


def said(folder: Path) -> list[str]:
    """The problems, with paths below the folder. Each that is no warning says what to do."""
    found = problems(folder, {})
    assert all(problem.is_warning or problem.next_step for problem in found)
    return [str(problem).replace(f"{folder}/", "") for problem in found]


def test_the_settings_that_ship_are_fine() -> None:
    assert problems(SETTINGS, {}) == []


def test_nothing_wrong_is_status_0(folder: Path) -> None:
    result = check(folder)
    assert result.exit_code == 0
    assert "routes.toml, people.toml, issues.toml and no templates of your own are fine\n" in result.output


def test_warnings_are_status_0_and_counted(folder: Path) -> None:
    (folder / "routes.toml").write_text(f'{ROUTES}\n[destinations."slack:payments"]\nlines = 5\n')
    result = check(folder)
    assert (result.exit_code, result.output.count("warning: ")) == (0, 1)
    assert "are fine, 1 warning\n" in result.output


BOM = "\ufeff"


def test_the_mark_that_windows_editors_put_before_a_text_is_none_of_it(folder: Path) -> None:
    (folder / "routes.toml").write_text(BOM + ROUTES, "utf-8")
    (folder / "issues.toml").write_text(f"{BOM}[links]\n", "utf-8")
    write(folder, "slack_header.j2", BOM + '{% extends "built_in/slack_header.j2" %}')
    assert said(folder) == []


def test_a_problem_behind_that_mark_is_found_in_its_line(folder: Path) -> None:
    (folder / "routes.toml").write_text(f'{BOM}[[routes]]\ndestinations = ["sms:me"]\n', "utf-8")
    (found,) = said(folder)
    assert found.startswith("routes.toml:2: route 1 names 'sms:me'")


def test_all_problems_of_all_files_are_told_at_once_with_status_1(folder: Path) -> None:
    (folder / "routes.toml").write_text(ROUTES + '\n[[routes]]\ndestinations = [\n  "sms:me",\n]\n')
    (folder / "issues.toml").write_text('[links]\n\njira = "nowhere"\n')
    write(folder, "slack_header.j2", "\n{% if %}")
    result = check(folder)
    assert result.exit_code == 1
    assert f"{folder}/routes.toml:6: route 2 names 'sms:me': give slack:" in result.output
    assert f"{folder}/issues.toml:3: links.jira is not an address: give a pattern like" in result.output
    assert f"{folder}/templates/slack_header.j2:2: Expected an expression" in result.output
    assert "3 problems" in result.output


def test_problems_as_json(folder: Path) -> None:
    (folder / "issues.toml").write_text('[links]\njira = "nowhere"\n')
    result = check(folder, "--json")
    told = json.loads(result.output)
    assert (result.exit_code, told["ok"]) == (1, False)
    (problem,) = told["problems"]
    assert (problem["file"], problem["line"], problem["is_warning"]) == (f"{folder}/issues.toml", 2, False)
    assert problem["text"] == "links.jira is not an address"
    assert problem["next_step"].startswith('give a pattern like "https://example.atlassian.net/browse/{')
    assert problem["words"] == f"{problem['text']}: {problem['next_step']}", "as one sentence, which scripts read"
    (folder / "issues.toml").write_text("")
    assert json.loads(check(folder, "--json").output) == {"ok": True, "problems": []}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("routes.toml", "[[routes]\n", "routes.toml:1: is not TOML"),
        ("routes.toml", "\n[[routes]]\ndestinations = [", "routes.toml:3: is not TOML"),
        ("routes.toml", ROUTES + "[colours]\n", "routes.toml:3: unknown key 'colours'"),
        ("issues.toml", "[links]\n[more]\n", "issues.toml:2: unknown key 'more'"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_line(folder: Path, name: str, text: str, problem: str) -> None:
    (folder / name).write_text(text)
    assert said(folder)[0].startswith(problem)


def test_a_missing_file_is_told(folder: Path) -> None:
    (folder / "routes.toml").unlink()
    assert said(folder) == ["routes.toml: is missing, so that the poller has to do without it: put one there"]


def test_a_file_in_another_encoding_is_told(folder: Path) -> None:
    (folder / "issues.toml").write_bytes(b"# \xfc\n")
    assert said(folder) == ["issues.toml:1: is not UTF-8 text: save it as UTF-8"]
    (folder / "issues.toml").write_text("")
    (folder / "templates" / "slack_more.j2").write_bytes(b"\xfc")
    assert said(folder) == ["templates/slack_more.j2:1: is not UTF-8 text: save it as UTF-8"]
    (folder / "templates" / "slack_more.j2").write_text("more", "utf-16")  # as Windows PowerShell's > writes it
    assert said(folder) == ["templates/slack_more.j2:1: is UTF-16 text: save it as UTF-8"]
    (folder / "routes.toml").write_text(ROUTES, "utf-16")
    assert "routes.toml:1: is UTF-16 text: save it as UTF-8" in said(folder)


def test_what_is_there_and_is_no_file_is_told(folder: Path) -> None:
    (folder / "people.toml").symlink_to(folder / "nowhere.toml")
    (folder / "templates" / "slack_more.j2").mkdir()
    (folder / "templates" / "slack_text.j2").symlink_to(folder / "nowhere.j2")
    assert said(folder) == [
        f"people.toml: is a link that leads nowhere, so that nothing reads it: {TAKE_IT_OUT}",
        f"templates/slack_more.j2: is no file, so that nothing reads it: {TAKE_IT_OUT}",
        f"templates/slack_text.j2: is a link that leads nowhere, so that nothing reads it: {TAKE_IT_OUT}",
    ]


def test_templates_stand_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "routes.toml").write_text(ROUTES)
    (tmp_path / "templates").write_text("")
    assert said(tmp_path) == ["templates: is no folder: put the templates into one"]


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("to = [“slack:default”]", "these are a word processor's quotes: write straight ones"),
        ("to\u00a0= ['slack:default']", "a sign in it is none of TOML's, perhaps one that cannot be seen"),
        ("\ufeff[[routes]]", "a sign in it is none of TOML's, perhaps one that cannot be seen"),
        ("<<<<<<< HEAD", "two versions were merged, and both stand there: keep one"),
        ("=======", "two versions were merged, and both stand there: keep one"),
        ("name = 'payments", "a text ends in the line it begins in, with the quote it begins with"),
        ("name = 'a' 'b", "a text ends in the line it begins in, with the quote it begins with"),
        ("[destinations.slack:payments]", 'a name with a colon stands in quotes: [destinations."slack:payments"]'),
        ("{'routes': []}", "this looks like JSON"),
        ("- to: ['slack:default']", "this looks like YAML"),
        ("name: payments # the rest", "this looks like YAML"),
        ("slack:payments = { lines = 3 }", "a name with blanks or signs stands in quotes"),
        ("Grace Hopper = 'U012AB3CD'", "a name with blanks or signs stands in quotes"),
        ("ada@example.com = 'U012AB3CD'", "a name with blanks or signs stands in quotes"),
        ("digest_at = [09:00]", 'a time stands in quotes: "09:00"'),
        ("quiet = { from = 18:00, to = 8:00 }", 'a time stands in quotes: "09:00"'),
        ("after = 02", "a number begins with no 0"),
        ("catch_all = True", "write true or false"),
        ("match = { project = 'Shop', }", "no comma stands before }"),
        ("match = {", "what is between { and } stands in one line"),
        ("to = [slack:default]", "a text stands in quotes"),
        ("name = payments", "a text stands in quotes"),
        ("name = 'a'\nname = 'b'", "it is there already: keep one of them"),
        ('name = "C:\\new\\x"', "write each backslash twice, or the text between ' and '"),
        ("after = " + "9" * 5_000, "give the number that is meant, or a text in quotes"),
        ("what is this", "a line is key = value, with texts in quotes (https://toml.io)"),
    ],
)
def test_what_people_write_that_is_no_toml_has_a_next_step(folder: Path, line: str, step: str) -> None:
    (folder / "routes.toml").write_text(f"{ROUTES}{line}\n")
    (problem,) = said(folder)
    assert problem.startswith(f"routes.toml:{3 + line.count(chr(10))}: is not TOML: ")
    assert f"; {step}" in problem


def test_what_only_pythons_programmers_know_is_not_said(folder: Path) -> None:
    (folder / "routes.toml").write_text(f"{ROUTES}[destinations.'slack:a']\n[destinations.'slack:a']\n")
    (problem,) = said(folder)
    assert "Cannot declare destinations.slack:a twice (at line 4" in problem
    (folder / "routes.toml").write_text(ROUTES + "a = " + "[" * 9_000)
    (problem,) = said(folder)
    assert problem.startswith("routes.toml:3: is not TOML: it is nested too deeply; ")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        # What no template could mean.
        ("slack_header.j2", "a\n{{ message.run.name", "slack_header.j2:2: unexpected end of template"),
        ("slack_header.j2", "a\n{{ message.run.name | link_to }}", "slack_header.j2:2: No filter named 'link_to':"),
        ("slack_header.j2", "a\n{% if message.more %}", "slack_header.j2:2: Unexpected end of template. Jinja was loo"),
        # Names that are not there, even where no sample leads to them.
        ("slack_header.j2", "a{% if false %}\n{{ mesage }}{% endif %}", "slack_header.j2:2: 'mesage' is not known"),
        ("slack_result.j2", "\n\n{{ result.nme }}", "slack_result.j2:3: ResultView has no field 'nme' (with"),
        ("slack_summary.j2", "{{ message.run.milestones }}", "slack_summary.j2:1: RunView has no field 'milestones'"),
        ("slack_summary.j2", "{{ result.name }}", "slack_summary.j2:1: 'None' has no attribute 'name', because"),
        # What goes wrong with some results only.
        ("slack_result.j2", "{{ result.at.year }}", "slack_result.j2:1: 'None' has no attribute 'year' (with"),
        ("slack_more.j2", "{{ message.run.milestone.upper() }}", "slack_more.j2:1: 'None' has no attribute 'upper' (w"),
        ("email_body.j2", "\n{{ message.results[0].at | when }}", "email_body.j2:2: the filter `when` got no moment"),
        ("email_body.j2", "{{ message.results[3].name }}", "email_body.j2:1: tuple object has no element 3 (with the"),
        ("slack_more.j2", "{% if message.more %}x{% endif %}", "slack_more.j2:1: gave no text (with the sample 're"),
        ("slack_result.j2", "{{ result.name * 100 }}", "slack_result.j2:1: gave "),
        ("slack_result.j2", "{{ 'x' * 2900 }}", "slack_result.j2:1: gave over 12000 characters in all"),
        # What nothing reads.
        ("slack_resul.j2", "x", "slack_resul.j2:1: no message uses a template of this name: use one of slack_h"),
        ("slack_result.jinja", "x", "slack_result.jinja:1: is not read by anything: let a template's name end in .j2"),
        ("slack_more.j2", '{% extends "built_in/slack_mor.j2" %}', "slack_more.j2:1: TemplateNotFound: built_in/s"),
        # What a sandbox is for.
        ("slack_more.j2", "{{ ''.__class__ }}", "slack_more.j2:1: SecurityError"),
    ],
)  # fmt: skip
def test_a_template_is_told_by_file_and_line(folder: Path, name: str, text: str, problem: str) -> None:
    write(folder, name, text)
    told = said(folder)
    assert told[0].startswith(f"templates/{problem}")
    assert {line.partition(":")[0] for line in told} == {f"templates/{name}"}
    assert not [line for line in told if re.search(r"\.[:;] ", line)], "a sentence goes on behind its end"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("slack_more.j2", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m('a') }}{% set b = 1 %}{{ b }}{{ range(3) }}"),
        ("slack_text.j2", "{% for count in message.counts %}{{ loop.index }} {{ count.word }}{% endfor %}"),
        ("slack_result.j2", '{% extends "built_in/slack_result.j2" %}{% block note %}{{ super() }}{% endblock %}'),
        ("email_body.j2", "{% for r in message.results if r.at %}{{ r.at | when }}{% else %}who knows{% endfor %}"),
        ("email_subject.j2", "{{ message.run.project }}:"),
    ],
)  # fmt: skip
def test_what_is_fine_is_not_told(folder: Path, name: str, text: str) -> None:
    write(folder, name, text)
    assert said(folder) == []


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("slack_result.j2", '{% extends "built_in/slack_result.j2" %}\n{% block nte %}x{% endblock %}', 2),
        ("email_body.j2", '{% extends "built_in/email_body.j2" %}{% block note %}x{% endblock %}', 1),
    ],
)
def test_a_block_that_the_built_in_template_does_not_have_is_a_warning(
    folder: Path, name: str, text: str, line: int
) -> None:
    write(folder, name, text)
    block = "nte" if "nte" in text else "note"
    there = "facts, note, title" if name == "slack_result.j2" else "head, more, parts, results"

    words = f"warning: block '{block}' is never shown: built_in/{name} has {there}"
    assert said(folder) == [f"templates/{name}:{line}: {words}"]
    result = check(folder)
    assert result.exit_code == 0
    assert words in result.output
    assert json.loads(check(folder, "--json").output)["ok"] is True


def test_a_block_within_a_block_that_is_shown_is_no_slip(folder: Path) -> None:
    text = '{% extends "built_in/slack_more.j2" %}{% block more %}a{% block mine %}b{% endblock %}{% endblock %}'
    write(folder, "slack_more.j2", text)

    assert said(folder) == []


def test_a_template_that_is_nested_too_deeply_is_told(folder: Path) -> None:
    write(folder, "slack_more.j2", f"{{{{ {'(' * 3_000}1{')' * 3_000} }}}}")

    assert said(folder)[0].startswith("templates/slack_more.j2:1: brackets or blocks are nested too deeply: write it")


def test_a_template_that_never_ends_is_told_by_line(folder: Path) -> None:
    write(folder, "slack_more.j2", "\n{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}x")

    assert said(folder)[0].startswith("templates/slack_more.j2:2: TemplateStopped: it did not end within 100,000 steps")


def test_a_template_that_another_one_includes_is_no_slip_of_the_pen(folder: Path) -> None:
    write(folder, "people.j2", "{% macro who(result) %}{{ result.who }}{% endmacro %}")
    write(folder, "slack_result.j2", '{% from "people.j2" import who %}{{ who(result) }}')
    write(folder, "README.md", "not a template")
    assert said(folder) == []


def test_an_error_inside_an_included_template_is_told_there(folder: Path) -> None:
    write(folder, "people.j2", "{% macro who(result) %}\n{{ result.whoever }}{% endmacro %}")
    write(folder, "slack_result.j2", '{% from "people.j2" import who %}{{ who(result) }}')
    assert said(folder)[0].startswith("templates/people.j2:2: ResultView has no field 'whoever'")


def test_the_templates_of_a_destination_are_checked_as_it_gets_them(folder: Path) -> None:
    (folder / "routes.toml").write_text('[[routes]]\ndestinations = ["slack:payments"]\n')
    (folder / "templates" / "slack" / "payments").mkdir(parents=True)
    write(folder, "slack/payments/slack_header.j2", '{% include "word.j2" %}')
    write(folder, "slack/payments/word.j2", "Oh no")
    assert said(folder) == []
    write(folder, "slack/payments/slack_result.j2", "\n{{ result.nme }}")
    (found,) = said(folder)
    assert found.startswith(
        "templates/slack/payments/slack_result.j2:2: ResultView has no field 'nme' (with the sample"
    )


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("slack/payments/slack_headr.j2", "no message uses a template of this name: use one of slack_header.j2, "),
        ("slack/payments/email_body.j2", "no message uses a template of this name: use one of slack_header.j2, "),
        ("slack-payments/slack_header.j2", "no message uses a template of this name: use one of slack_header.j2, "),
        ("slack/Payments/slack_header.j2", "no message uses a template of this name: use one of slack_header.j2, "),
        (
            "slack/paymets/slack_header.j2",
            "warning: no route names slack:paymets, so nothing uses this: routes.toml has ",
        ),
    ],
)
def test_a_slip_in_the_path_of_a_destinations_template_is_told(folder: Path, path: str, problem: str) -> None:
    (folder / "routes.toml").write_text('[[routes]]\ndestinations = ["slack:payments"]\n')
    (folder / "templates" / path).parent.mkdir(parents=True)
    write(folder, path, "x")
    (found,) = said(folder)
    assert found.startswith(f"templates/{path}:1: {problem}")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("slack_recovered_header.j2", "{{ message.news }}", ""),
        ("slack_finished_header.j2", "{{ message.nws }}", "1: MessageView has no field 'nws'"),
        (
            "email_finished_body.j2",
            "{{ message.results[0].name }}",
            "1: tuple object has no element 0 ",
        ),
        ("slack_recoverd_header.j2", "x", "1: no message uses a template of this name"),
    ],
)
def test_the_words_for_good_news_are_checked_with_good_news(folder: Path, name: str, text: str, problem: str) -> None:
    write(folder, name, text)
    told = said(folder)
    assert [line.startswith(f"templates/{name}:{problem}") for line in told] == ([True] if problem else [])


def test_the_settings_in_the_environment_are_checked_too(folder: Path) -> None:
    found = problems(folder, {"TESTMO_URL": "http://example.com", "PROJECT_IDS": "shop", "SLACK_WEBHOOK_URL": "x"})
    words = [str(problem) for problem in found]
    assert [word.split()[1] for word in words] == ["TESTMO_URL", "SLACK_WEBHOOK_URL", "PROJECT_IDS"]
    assert all(word.startswith("environment: ") for word in words)


def test_a_slack_destination_that_the_secret_does_not_have_is_told_by_line(folder: Path) -> None:
    (folder / "routes.toml").write_text(
        '[[routes]]\nname = "all"\nto = ["slack:default", "email:qa"]\n\n'
        '[[routes]]\nname = "payments"\nmatch = { run = "p*" }\nto = ["slack:payments"]\n'
    )
    secret = '{"default": "https://hooks.slack.com/services/T0/B0/x"}'
    (told,) = problems(folder, {"SLACK_SECRET": secret})
    words = "leads to slack:payments, which is not in SLACK_SECRET: what goes there is parked"
    assert str(told).replace(f"{folder}/", "") == f"routes.toml:8: warning: route 'payments' {words}"
    (wrong,) = problems(folder, {"SLACK_SECRET": '{"payments": "xoxb-1-secret"}'})
    assert str(wrong).startswith("environment: SLACK_SECRET slack:payments ")
    assert "xoxb-1-secret" not in str(wrong)


ASKING = """\
[[routes]]
name = "shop"
match = { project = ["sh*", "Payments", 99], status = ["Failed", "Exploded"], assignee = ["Ada Lovelace", 98] }
to = ["slack:default"]
mention = ["assignee", "Grace Hopper", "Alan Turing", 97]
mention_on = ["Blocked", 24]

[[routes]]
name = "rest"
catch_all = true
exclude = {}
to = ["slack:default"]
"""
PEOPLE = """\
[people]
"ADA lovelace" = "U012AB3CD"
2 = "U012AB3CE"
96 = "U012AB3CF"
"Alan Turing" = "U012AB3C0"
"ada.lovelace@example.com" = "U012AB3C1"
"""


def asked(folder: Path, story: Story, **environ: str) -> list[str]:
    environ |= {"TESTMO_URL": story.testmo.url, "TESTMO_TOKEN": story.testmo.token}
    return [str(problem).replace(f"{folder}/", "") for problem in problems(folder, environ)]


def test_with_a_testmo_what_it_does_not_have_is_a_warning(folder: Path, story: Story) -> None:
    (folder / "routes.toml").write_text(ASKING)
    (folder / "people.toml").write_text(PEOPLE)
    for name in ("Ada Lovelace", "Grace Hopper"):
        story.world.add_user(name)
    story.add_run()
    there = "and the token sees no such user in this Testmo: there is Ada Lovelace (2), Grace Hopper (3)"
    statuses = "there is Untested (1), Passed (2), Failed (3), Retest (4), Blocked (5), Skipped (6), WIP (8)"
    told = asked(folder, story)
    assert [line for line in told if "routes.toml" in line and "who has no entry" not in line] == [
        f"routes.toml:{line}: warning: route 'shop' {words}"
        for line, words in (
            (3, f"has match by assignee 98, {there}"),
            (
                3,
                "has match by project 'Payments', and the token sees no such project in this Testmo: there is Shop (1)",
            ),
            (3, "has match by project 99, and the token sees no such project in this Testmo: there is Shop (1)"),
            (3, f"has match by status 'Exploded', and the token sees no such status in this Testmo: {statuses}"),
            (5, f"mentions 'Alan Turing', {there}"),
            (5, f"mentions 97, {there}"),
            (6, f"has mention_on 24, and the token sees no such status in this Testmo: {statuses}"),
        )
    ]
    assert [line for line in told if line.startswith("people.toml:")] == [
        "people.toml:4: warning: people.96 is not among all users of this Testmo",
        "people.toml:5: warning: people.alan turing is not among all users of this Testmo",
    ]


def test_so_is_a_status_that_goes_at_once_and_does_not_exist(folder: Path, story: Story) -> None:
    (folder / "routes.toml").write_text(
        '[[routes]]\nto = ["slack:a"]\n[destinations."slack:a"]\nquiet = { days = "sat,sun" }\n'
        'quiet_except = ["Blocked", "Exploded"]\n'
    )
    story.add_run()
    (line,) = [line for line in asked(folder, story) if "Exploded" in line or "Blocked'" in line]
    assert line.startswith(
        "routes.toml:5: warning: slack:a has quiet_except 'Exploded', and the token sees no such status"
    )


def test_statuses_are_known_by_results_where_the_list_of_runs_carries_none(folder: Path, story: Story) -> None:
    def bare(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/runs"):
            body["expands"] = []

    story.spoil = bare
    story.save(story.add_run(), status=8)
    (folder / "routes.toml").write_text('[[routes]]\nto = ["slack:default"]\n[[routes]]\nto = ["slack:a"]\nmatch = ')
    with (folder / "routes.toml").open("a") as file:
        file.write('{ status = ["Faild", "WIP", "Retest"], run = "x" }\n')
    (line,) = (line for line in asked(folder, story) if "status" in line)
    assert "has match by status 'Faild', and the token sees no such status" in line
    assert "Skipped (6), WIP (8)" in line


def test_a_misspelt_status_is_told_by_testmo_itself_where_that_is_asked(folder: Path, story: Story) -> None:
    story.add_run()
    route = '[[routes]]\nto = ["slack:default"]\nmention = ["tester"]\nmention_on = ["Faild"]\n'
    (folder / "routes.toml").write_text(route)

    assert "routes.toml:4: warning: route 'route 1' has mention_on 'Faild'" in "".join(asked(folder, story))
    assert not [line for line in asked(folder, story) if "meant" in line]
    assert [line for line in said(folder) if "is 'Failed' meant?" in line]


def test_a_token_that_may_not_read_addresses_is_told_of_emails(folder: Path, story: Story) -> None:
    story.world.add_user("Ada Lovelace")
    story.world.viewer.is_admin = False
    (folder / "people.toml").write_text(PEOPLE)
    assert asked(folder, story)[-1] == (
        "people.toml:6: warning: people.ada.lovelace@example.com is an email, and this token may not read those of "
        "Testmo's users: use the name or the id"
    )


def test_a_testmo_that_does_not_answer_is_no_mistake_of_the_files(folder: Path, story: Story) -> None:
    story.testmo.faults.add("500", path="/projects", times=None)
    (said,) = asked(folder, story)
    assert said.startswith("environment: warning: Testmo could not be asked for names: /projects answered with 500")
    story.testmo.faults.clear()
    assert asked(folder, story) == []


PASSES: dict[str, str] = {
    "3, 5": "",
    "3, WIP": "",
    "3, 9": "Known bug",
    "3, known BUG": "Known bug",
    "passed, 9": "Passed and Known bug",
}


@pytest.mark.parametrize("watched", PASSES)
def test_whoever_watches_a_status_that_means_no_trouble_hears_what_that_makes_of_the_channel(
    folder: Path, story: Story, watched: str
) -> None:
    """By the instance's own words, too: to Testmo a test counts as passed with some of its own statuses."""
    story.world.statuses[9] = Status(9, "Known bug", "#36ab51", is_passed=True)
    story.add_run()
    settings = SimpleNamespace(alert_status_ids=status_ids(watched))
    testmo = story.connect(new_rate_limit(120))

    found = list(statuses(testmo, cast("PollerSettings", settings), testmo.projects()[0]))
    said = [line for line in asked(folder, story, ALERT_STATUS_IDS=watched) if "_IDS" in line]

    names = PASSES[watched].split(" and ") if PASSES[watched] else []
    words = "and tells its results as failures, in a message for each run that has any: Failed is 3, Blocked is 5"
    assert [one.words for one in found] == [f"AlertStatusIds has {name}, {words}" for name in names]
    assert all(one.ok and one.next_step for one in found), "it may be meant"
    assert said == [f"environment: warning: ALERT_STATUS_IDS has {name}, {words}" for name in names]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"ALERT_STATUS_IDS": "2,5"}, "ALERT_STATUS_IDS has Passed, and tells its results as failures"),
        ({"ALERT_STATUS_IDS": "Untested, passed"}, "ALERT_STATUS_IDS has Untested and Passed, and tells its results"),
        ({"ALERT_STATUS_IDS": "3,8,Needs info"}, ""),
        ({"TIME_ZONE": "Etc/GMT-2"}, "TIME_ZONE is 'Etc/GMT-2', which is 2 h ahead of UTC, and has no summer time"),
        ({"TIME_ZONE": "MST"}, "TIME_ZONE is 'MST', which has no summer time"),
        ({"TIME_ZONE": "Asia/Tokyo"}, ""),
    ],
)
def test_a_setting_that_is_hardly_meant_is_a_warning(folder: Path, environ: dict[str, str], words: str) -> None:
    told = [str(problem) for problem in problems(folder, environ)]
    assert [line.startswith(f"environment: warning: {words}") for line in told] == ([True] if words else [])


def test_advice_is_no_mistake(folder: Path) -> None:
    (folder / "routes.toml").write_text(ROUTES + '[[routes]]\nmatch = { run = 7 }\nto = ["slack:default"]\n')
    result = check(folder)
    assert result.exit_code == 0
    words = "warning: route 'route 2' changes nothing: what it tells slack:default is told by 'route 1'"
    assert f"routes.toml:5: {words}" in result.output
    assert json.loads(check(folder, "--json").output)["ok"] is True


def test_people_are_checked_and_may_be_missing(folder: Path) -> None:
    (folder / "people.toml").write_text('[people]\n"Ada" = "ada"\n')
    (found,) = said(folder)
    assert found.startswith("people.toml:2: people.Ada is 'ada': give \"U012AB3CD\", which Slack shows")
    assert check(folder).exit_code == 1
    (folder / "people.toml").unlink()
    assert said(folder) == []
