"""Rule 15: a template that never ends, or that makes too much, is stopped, told by line, and loses no message."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from jinja2.filters import FILTERS
from jinja2.tests import TESTS

from testmo_notifier.channels.email.rendering import mail
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.rendering import slack_payload
from tests.support.factories import make_digest, make_named, make_outgoing

UTC = ZoneInfo("UTC")
DIGEST = make_digest([make_named(n) for n in range(1, 31)])
STOPPED = "TemplateStopped: it did not end within 100,000 steps"
TOO_LARGE = "OverflowError: it makes "

ENDLESS = [
    ("loops", "a\n{% for a in range(3000) %}{% for b in range(3000) %}{% endfor %}{% endfor %}", f":2: {STOPPED}"),
    ("macros", "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}\n{{ m(60) }}", STOPPED),
    ("recursive", "{% for a in [1] recursive %}{{ loop(range(900)) if loop.depth < 4 }}{% endfor %}", STOPPED),
    ("sums", "{% for a in range(9000) %}{{ range(90000) | sum }}{% endfor %}", f":1: {STOPPED}"),
    ("products", "{% for a in range(9000) %}{% set b = 'a' * 900000 %}{% endfor %}", f":1: {STOPPED}"),
    ("repetition", "{{ 'a' * 10 ** 9 }}", f":1: {TOO_LARGE}"),
    ("nested", "\n{{ (('a' * 5000) * 5000) * 5000 }}", f":2: {TOO_LARGE}"),
    ("list", "{{ [1] * 10 ** 9 }}", f":1: {TOO_LARGE}"),
    ("power", "{{ 9 ** (9 ** 9) }}", ":1: OverflowError: it makes a number of "),
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
    ("centered", "{{ 'a' | center(10 ** 9) }}", ":1: OverflowError: 1000000000 is too large a number for center"),
    ("padded", "{{ 'a'.ljust(10 ** 9) }}", ":1: OverflowError: 1000000000 is too large a number"),
    ("printed", "{{ '%999999999d' % 1 }}", ":1: OverflowError: '%999999999d' asks for too wide a text"),
    ("formatted", "{{ '{:999999999}'.format(1) }}", ":1: OverflowError: '{:999999999}' asks for too wide a text"),
    ("just too wide", "{{ '%10000d' | format(1) }}", ":1: OverflowError: '%10000d' asks for too wide a text"),
    ("filtered", "{{ '%999999999d' | format(1) }}", ":1: OverflowError: '%999999999d' asks for too wide a text"),
    ("joined", "{{ range(90000) | join('a' * 90000) }}", f":1: {TOO_LARGE}"),
    ("replaced", "{{ ('a' * 90000) | replace('a', 'b' * 90000) }}", f":1: {TOO_LARGE}"),
    ("replaced by name", "{{ ('a' * 90000) | replace(new='b' * 90000, old='a') }}", f":1: {TOO_LARGE}"),
    ("replaced by a method", "{{ ('a' * 90000).replace('a', 'b' * 90000) }}", f":1: {TOO_LARGE}"),
    ("joined by a method", "{{ ('a' * 9000).join(['b'] * 9000) }}", f":1: {TOO_LARGE}"),
    ("joined by a long text", "{{ ('a' * 90000).join('b' * 90) }}", f"{TOO_LARGE}8,190,090 "),  # foreseen, not made
    ("grown by a method", "{% set a = ('ß' * 900000).upper() %}", f":1: {TOO_LARGE}1,800,000 "),
    ("joined pieces", "{{ (['a' * 90000] * 90000) | join }}", f":1: {TOO_LARGE}"),
    ("translated", "{{ ('a' * 90000).translate({97: 'b' * 90000}) }}", f":1: {TOO_LARGE}"),
    ("indented", "{{ ('a\n' * 200000) | indent(9000) }}", TOO_LARGE),
    ("indented by name", "{{ ('a\n' * 200000) | indent(first=true, width=9000) }}", TOO_LARGE),
    ("tabs", "{{ ('\t' * 200000).expandtabs(9000) }}", f":1: {TOO_LARGE}"),
    ("bytes", "{{ (5).to_bytes(10 ** 9) }}", ":1: OverflowError: 1000000000 is too large a number for to_bytes"),
    ("rounded", "{{ 5 | round(-10 ** 9) }}", ":1: OverflowError: 1000000000 is too large a number for round"),
    ("nested list", "{{ [['a' * 9000] * 900] * 900 }}", f":1: {TOO_LARGE}"),
    ("many fields", "{{ ('{0}' * 9000).format('a' * 9000) }}", f"{TOO_LARGE}81,054,000 "),  # foreseen, too
    ("many conversions", "{{ ('%(a)s' * 9000) % {'a': 'a' * 9000} }}", f"{TOO_LARGE}81,063,000 "),
    ("nested width", "{{ '{:{}}'.format(1, 10 ** 9) }}", "asks for too wide a text"),
    ("hidden width", "{{ '{a[}]:>999999999}'.format(a={'}': 1}) }}", "asks for too wide a text"),
    ("hidden key", "{{ '%((a))999999999d' % {'(a)': 1} }}", "asks for too wide a text"),
    ("starred width", "{{ '%*d' % (10 ** 9, 1) }}", "asks for too wide a text"),
    ("sought", "{% set s = 'a' * 900000 %}{% for i in range(90000) %}{{ 'b' in s }}{% endfor %}", STOPPED),
    ("tested", "{% set s = 'a' * 900000 %}{% for i in range(90000) %}{{ 'b' is in s }}{% endfor %}", STOPPED),
    ("list", "{% set s = [1] * 900000 %}{% for i in range(90000) %}{{ -5 in s }}{% endfor %}", STOPPED),
    ("compared", "{% set s = 'a' * 900000 %}{% for i in range(90000) %}{{ s == s ~ '' }}{% endfor %}", STOPPED),
    ("cut", "{% set s = 'a' * 900000 %}{% for i in range(90000) %}{% set t = s[1:] %}{% endfor %}", STOPPED),
    ("reversed", "{% set s = 'a' * 900000 %}{% for i in range(90000) %}{% set t = s[::-1] %}{% endfor %}", STOPPED),
    ("titles", "{% set s = 'a' * 900000 %}{% for i in range(90000) %}{{ (s | title) | length }}{% endfor %}", STOPPED),
    ("lists added", "{{ ([[1]] * 90000) | sum(start=[]) }}", f":1: {TOO_LARGE}"),
    ("slow", "{{ ('<!---->' * 90000) | striptags }}", ":1: OverflowError: striptags is given 630,000 characters"),
]


def test_a_template_that_was_stopped_is_not_tried_again_and_still_told(tmp_path: Path) -> None:
    (tmp_path / "slack_more.j2").write_text(ENDLESS[0][1])
    renderer = Renderer(UTC, tmp_path)
    slack_payload(renderer, DIGEST)
    (stopped,) = {id(problem): problem for problem in renderer.problems}.values()
    renderer.problems.clear()

    slack_payload(renderer, DIGEST)

    assert STOPPED in stopped
    assert all(problem is stopped for problem in renderer.problems)
    assert renderer.problems


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


def test_a_long_text_may_be_given_a_list_in_its_place(tmp_path: Path) -> None:
    """Only sums of lists copy all before them."""
    (tmp_path / "email_body.j2").write_text("{{ ('a' * 3000) | default([]) }}")
    renderer = Renderer(UTC, tmp_path)

    assert mail(renderer, DIGEST)[1] == "a" * 3000 + "\n"
    assert renderer.problems == []


def test_a_part_that_another_template_includes_is_stopped_too(tmp_path: Path) -> None:
    (tmp_path / "part.j2").write_text("\n\n" + ENDLESS[0][1])
    (tmp_path / "slack_more.j2").write_text("{% include 'part.j2' %}")
    renderer = Renderer(UTC, tmp_path)

    assert slack_payload(renderer, DIGEST) == slack_payload(Renderer(UTC), DIGEST)
    assert f"part.j2:4: {STOPPED}" in renderer.problems[0]


def test_a_message_that_takes_too_long_is_stopped_whatever_it_counts(tmp_path: Path) -> None:
    """The clock goes on by half a second each time that it is looked at."""
    seconds = count()
    (tmp_path / "email_body.j2").write_text("\n{% for i in range(9) %}{{ i }}{% endfor %}")
    renderer = Renderer(UTC, tmp_path, clock=lambda: next(seconds) / 2)

    assert mail(renderer, DIGEST) == mail(Renderer(UTC), DIGEST)
    (problem,) = renderer.problems
    assert problem.text == "TemplateStopped: its message took more than 2 seconds: does it make large texts?"
    assert (problem.file, problem.line) == ("email_body.j2", 2)


def test_each_message_has_its_own_time(tmp_path: Path) -> None:
    seconds = count()
    (tmp_path / "email_body.j2").write_text("{{ message.total }}")
    (tmp_path / "slack_text.j2").write_text("{{ message.total }}")
    renderer = Renderer(UTC, tmp_path, clock=lambda: next(seconds) / 2)

    mails = [renderer.notification(make_outgoing(DIGEST, "email:default")) for _ in range(9)]
    posts = [renderer.notification(make_outgoing(DIGEST, "slack:default")) for _ in range(9)]

    assert [told.message for told in mails] == ["30\n"] * 9
    assert [json.loads(told.message)["text"] for told in posts] == ["30"] * 9
    assert renderer.problems == []


# Every filter and every test that Jinja has, with what somebody might write.
USED_FILTERS = {
    "abs": "message.run.id | abs",
    "attr": "message.run | attr('name')",
    "batch": "message.results | batch(3, 54321) | list | length",
    "d": "message.more | d(99999)",
    "default": "message.nothing | default(99999)",
    "dictsort": "{'b': message.run.id, 'a': 1} | dictsort",
    "filesizeformat": "message.run.id | filesizeformat",
    "first": "message.results | first | attr('name')",
    "float": "message.run.id | float",
    "format": "'%d: %-20s' | format(message.run.id, message.run.name)",
    "groupby": "message.results | groupby('status') | list | length",
    "indent": "message.run.name | indent(4)",
    "int": "'x' | int(54321)",
    "items": "{'a': message.run.id} | items | list",
    "join": "message.results | map(attribute='name') | join(', ')",
    "last": "message.results | last | attr('name')",
    "list": "message.results | list | length",
    "random": "(message.results | random).name",
    "map": "message.results | map('attr', 'name') | map('upper') | join",
    "max": "message.results | map(attribute='rows') | max",
    "min": "message.results | map(attribute='rows') | min",
    "reject": "[message.run.id, 1] | reject('divisibleby', 54321) | list",
    "rejectattr": "message.results | rejectattr('is_outdated') | list | length",
    "replace": "message.run.name | replace('a', 'b')",
    "round": "message.run.id | round(1)",
    "select": "[message.run.id, 0] | select | list",
    "selectattr": "message.results | selectattr('status', 'eq', 'Failed') | list | length",
    "slice": "message.results | slice(3) | list | length",
    "sort": "message.results | sort(attribute='name') | length",
    "sum": "[message.run.id, 54321] | sum",
    "tojson": "{'id': message.run.id} | tojson(2)",
    "truncate": "message.run.name | truncate(54321)",
    "unique": "message.results | map(attribute='status') | unique | join",
    "xmlattr": "{'id': message.run.id} | xmlattr",
}
LISTS = ("count", "first", "length", "list", "random", "reverse", "pprint")
USED_TESTS = {
    **{name: f"is {name}" for name in TESTS},
    **{name: f"is {name}(54321)" for name in ("divisibleby", "eq", "equalto", "ne", "gt", "greaterthan", "ge", "lt")},
    **{name: f"is {name}(54321)" for name in ("lessthan", "le", "sameas")},
    "in": "is in [54321]",
    "filter": "ignored",
    "test": "ignored",
}
PLAIN_WORDS = [
    "{{ message.run.id|string }}",
    '{{ "%d"|format(message.run.id) }}',
    '{{ "*{}*".format(message.run.name) }}',
    '{{ "a * b %s"|format(1) }}',
    '{{ "12345 {}".format(1) }}',
    '{{ "{:>{}}".format(message.run.name, 40) }}',
    '{{ "100%% 12345 %s" % message.run.id }}',
    "{{ 0.5 ** 200000 }}",
    "{{ [54321].index(message.run.id) }}",
    "{{ {54321: 1}.get(message.run.id) }}",
    "{{ message.nothing is defined }}",
    "{{ message.results[:3]|map(attribute='name')|join }}",
]


def used_filter(name: str) -> str:
    value = "message.results" if name in LISTS else "message.run.name"
    return "{{ " + USED_FILTERS.get(name, f"{value} | {name}") + " }}"


def used_test(name: str) -> str:
    if name in ("filter", "test"):
        return "{{ 'upper' is " + name + " }}"
    if not name.isalpha():
        return "{{ [message.run.id] | select('" + name + "', " + ("[1]" if name == "in" else "1") + ") | list }}"
    return "{{ message.run.id " + USED_TESTS[name] + " }}{{ message.run.name is string }}"


@pytest.mark.parametrize("template", [*map(used_filter, FILTERS), *map(used_test, TESTS), *PLAIN_WORDS])
@pytest.mark.parametrize("name", ["slack_more.j2", "email_body.j2"])
def test_whatever_jinja_has_works_on_an_ordinary_message(tmp_path: Path, name: str, template: str) -> None:
    (tmp_path / name).write_text(f"own: {template}")
    renderer = Renderer(UTC, tmp_path)
    digest = make_digest([make_named(n) for n in range(1, 4)], run_id=54321)

    told = (str(slack_payload(renderer, digest)), mail(renderer, digest)[1])

    assert renderer.problems == []
    assert "own: " in "".join(told)


@pytest.mark.parametrize("name", ["slack_result.j2", "email_body.j2"])
@pytest.mark.parametrize(("template", "problem"), [case[1:] for case in ENDLESS], ids=[case[0] for case in ENDLESS])
def test_a_template_without_an_end_is_stopped_and_the_built_in_text_goes_out(
    tmp_path: Path, name: str, template: str, problem: str
) -> None:
    (tmp_path / name).write_text(template)
    renderer = Renderer(UTC, tmp_path)

    assert slack_payload(renderer, DIGEST) == slack_payload(Renderer(UTC), DIGEST)
    assert mail(renderer, DIGEST) == mail(Renderer(UTC), DIGEST)
    assert [name in found and problem in found for found in dict.fromkeys(renderer.problems)] == [True]
