"""Rule 15: a template that never ends, or that makes too much, is stopped, told by line, and loses no message."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.channels.email.rendering import mail
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.rendering import slack_payload
from tests.support.factories import make_digest, make_named

UTC = ZoneInfo("UTC")
DIGEST = make_digest([make_named(n) for n in range(1, 31)])
STOPPED = "TemplateStopped: it did not end within 100,000 steps"
TOO_LARGE = "OverflowError: it makes "

ENDLESS = [
    ("loops", "a\n{% for a in range(3000) %}{% for b in range(3000) %}{% endfor %}{% endfor %}", f"line 2: {STOPPED}"),
    ("macros", "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}\n{{ m(60) }}", STOPPED),
    ("recursive", "{% for a in [1] recursive %}{{ loop(range(900)) if loop.depth < 4 }}{% endfor %}", STOPPED),
    ("sums", "{% for a in range(9000) %}{{ range(90000) | sum }}{% endfor %}", f"line 1: {STOPPED}"),
    ("products", "{% for a in range(9000) %}{% set b = 'a' * 9000000 %}{% endfor %}", f"line 1: {STOPPED}"),
    ("repetition", "{{ 'a' * 10 ** 9 }}", f"line 1: {TOO_LARGE}"),
    ("nested", "\n{{ (('a' * 5000) * 5000) * 5000 }}", f"line 2: {TOO_LARGE}"),
    ("list", "{{ [1] * 10 ** 9 }}", f"line 1: {TOO_LARGE}"),
    ("power", "{{ 9 ** (9 ** 9) }}", "line 1: OverflowError: it makes a number of "),
    (
        "doubled",
        "{% set n = namespace(a='ab') %}{% for i in range(60) %}{% set n.a = n.a ~ n.a %}{% endfor %}",
        TOO_LARGE,
    ),
    (
        "added",
        "{% set n = namespace(a='ab') %}{% for i in range(60) %}{% set n.a = n.a + n.a %}{% endfor %}",
        TOO_LARGE,
    ),
    ("output", "{% for i in range(9000) %}{{ 'a' * 9000 }}{% endfor %}", TOO_LARGE),
    ("centered", "{{ 'a' | center(10 ** 9) }}", "line 1: OverflowError: 1000000000 is too large a number"),
    ("padded", "{{ 'a'.ljust(10 ** 9) }}", "line 1: OverflowError: 1000000000 is too large a number"),
    ("printed", "{{ '%999999999d' % 1 }}", "line 1: OverflowError: '%999999999d' asks for too wide a text"),
    ("formatted", "{{ '{:999999999}'.format(1) }}", "line 1: OverflowError: '{:999999999}' asks for too wide a text"),
    ("filtered", "{{ '%999999999d' | format(1) }}", "line 1: OverflowError: '%999999999d' asks for too wide a text"),
    ("joined", "{{ range(90000) | join('a' * 90000) }}", f"line 1: {TOO_LARGE}"),
    ("replaced", "{{ ('a' * 90000) | replace('a', 'b' * 90000) }}", f"line 1: {TOO_LARGE}"),
]


@pytest.mark.parametrize("name", ["slack_result.j2", "email_body.j2"])
@pytest.mark.parametrize(("template", "problem"), [case[1:] for case in ENDLESS], ids=[case[0] for case in ENDLESS])
def test_a_template_without_an_end_is_stopped_and_the_built_in_text_goes_out(
    tmp_path: Path, name: str, template: str, problem: str
) -> None:
    (tmp_path / name).write_text(template)
    renderer = Renderer(UTC, tmp_path)

    assert slack_payload(renderer, DIGEST) == slack_payload(Renderer(UTC), DIGEST)
    assert mail(renderer, DIGEST) == mail(Renderer(UTC), DIGEST)
    assert [f"{name}, " in found and problem in found for found in dict.fromkeys(renderer.problems)] == [True]


def test_a_template_that_was_stopped_is_not_tried_again_and_still_told(tmp_path: Path) -> None:
    (tmp_path / "slack_more.j2").write_text(ENDLESS[0][1])
    renderer = Renderer(UTC, tmp_path)
    slack_payload(renderer, DIGEST)
    renderer.problems.clear()
    (tmp_path / "slack_more.j2").write_text("quick")

    slack_payload(renderer, DIGEST)

    assert STOPPED in renderer.problems[0]


def test_a_template_may_do_much_more_than_a_message_needs(tmp_path: Path) -> None:
    """Fifty results, each gone through with a hundred turns, and a page of text for each."""
    template = (
        "{% for r in message.results %}{% for n in range(100) %}{{ n ~ r.name | upper }} {% endfor %}{% endfor %}"
    )
    (tmp_path / "email_body.j2").write_text(template)
    renderer = Renderer(UTC, tmp_path)

    _, body = mail(renderer, make_digest([make_named(n) for n in range(1, 51)]))

    assert renderer.problems == []
    assert body.count("99LOGIN WITH AN EXPIRED PASSWORD") == 50


def test_a_part_that_another_template_includes_is_stopped_too(tmp_path: Path) -> None:
    (tmp_path / "part.j2").write_text("\n\n" + ENDLESS[0][1])
    (tmp_path / "slack_more.j2").write_text("{% include 'part.j2' %}")
    renderer = Renderer(UTC, tmp_path)

    assert slack_payload(renderer, DIGEST) == slack_payload(Renderer(UTC), DIGEST)
    assert f"part.j2, line 4: {STOPPED}" in renderer.problems[0]
