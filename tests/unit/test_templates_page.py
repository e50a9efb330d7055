"""docs/templates.md says what is so, and its examples work."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.channels.render import Renderer, built_in_folders, renderings
from testmo_notifier.channels.slack.rendering import slack_payload
from tests.support.slack_payload import words
from tools.lib.processes import SETTINGS
from tools.maintain import reference
from tools.maintain.pages import renewed
from tools.settings import check_templates
from tools.settings.samples import release


def test_the_page_is_up_to_date() -> None:
    assert reference.PAGE.read_text("utf-8") == reference.templates_page(), "run `make docs`"


def test_a_page_without_the_place_for_a_part_is_an_error() -> None:
    marks = "<!-- costs: written by `make docs` -->\n<!-- end of costs: written by `make docs` -->\n"
    with pytest.raises(ValueError, match="the page has no lines <!-- limits: written by `make docs` --> and <!-- end"):
        renewed(marks, {"costs": "| 1 |", "limits": "| 2 |"})


def test_every_built_in_template_is_documented_and_has_blocks() -> None:
    assert list(reference.TEMPLATES) == list(renderings())
    assert {path.name for folder in built_in_folders() for path in folder.glob("*.j2")} == set(renderings())
    assert all(reference.blocks(name) for name in renderings())


def test_the_documented_examples_have_no_problem(tmp_path: Path) -> None:
    examples = re.findall(r"`(\w+\.j2)`\n\n```jinja\n(.*?)```", reference.PAGE.read_text("utf-8"), re.DOTALL)
    assert [name for name, _ in examples] == ["email_subject.j2", "slack_result.j2", "slack_more.j2"]
    for name, source in examples:
        (tmp_path / name).write_text(source)
    assert check_templates.problems(tmp_path) == []


def test_the_example_in_the_settings_folder_has_no_problem(tmp_path: Path) -> None:
    page = (SETTINGS / "templates" / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```jinja\n(.*?)```", page, re.DOTALL)
    (tmp_path / "slack_result.j2").write_text(example)
    assert check_templates.problems(tmp_path) == []
    assert all(f"`{name}`" in page for name in renderings())


def test_nothing_in_the_settings_folder_replaces_a_built_in_template() -> None:
    assert list((SETTINGS / "templates").rglob("*.j2")) == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        # One block of a line is changed, the others stay; what they had escaped is not escaped again.
        (
            '{% extends "built_in/slack_result.j2" %}{% block title %}!! {{ super() }}{% endblock %}',
            "!! ✖ *Failed*   <https://example.testmo.net/runs/view/314?test_id=4501|Login with an expired password>",
        ),
        ("{% macro bold(text) %}*{{ text }}*{% endmacro %}{{ bold(result.who ~ ' & co') }}", "*Ada Lovelace &amp; co*"),
        ("{% set us %}{{ 'us' | link('https://example.com/?a&b') }}{% endset %}{{ us }}", "<https://example.com/?a&amp;b|us>"),
        ("{{ '<!channel>' }} & {{ result.who | upper }}", "&lt;!channel&gt; & ADA LOVELACE"),
    ],
)  # fmt: skip
def test_what_a_slack_template_composes_is_escaped_once(tmp_path: Path, source: str, line: str) -> None:
    (tmp_path / "slack_result.j2").write_text(source)
    renderer = Renderer(ZoneInfo("UTC"), tmp_path)
    assert words(slack_payload(renderer, release())).splitlines()[0] == line
    assert renderer.problems == []
