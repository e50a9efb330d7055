"""`routes.toml`: what it may say, and the words for what it may not."""

from __future__ import annotations

import pytest

from testmo_notifier.errors import ConfigurationError
from testmo_notifier.notices.matching import KEYS, Fact, Matcher
from testmo_notifier.notices.routes import BY_DEFAULT, Options, Route, Routes
from testmo_notifier.notices.routes_file import parse_routes

WHOLE = """\
[[routes]]
name = "payments"
match = { project = ["Shop", 7], run = "*payment*", status = ["Failed"] }
exclude = { tag = "experimental" }
to = ["slack:payments", "email:payments"]
notify = ["new", "changed", "recovered"]
after = 2
mention = ["assignee", "group:payments-oncall"]
mention_on = ["Failed"]

[[routes]]
name = "the rest"
catch_all = true
to = ["slack:default"]

[destinations."slack:payments"]
time_zone = "Europe/Berlin"
lines = 10
"""


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(text)
    return [(problem.line, problem.text) for problem in caught.value.problems]


def test_a_file_of_1_0_is_a_route_for_everything() -> None:
    assert parse_routes('[[routes]]\ndestinations = ["slack:default"]\n') == Routes(
        (Route(name="route 1", destinations=("slack:default",), notify=BY_DEFAULT),)
    )


def test_everything_that_a_route_may_say() -> None:
    read = parse_routes(WHOLE)

    payments, rest = read.routes
    assert payments == Route(
        name="payments",
        destinations=("slack:payments", "email:payments"),
        matcher=Matcher(
            {"project": ("Shop", 7), "run": ("*payment*",), "status": ("Failed",)}, {"tag": ("experimental",)}
        ),
        notify=frozenset(("new", "changed", "recovered")),
        after=2,
        mention=("assignee", "group:payments-oncall"),
        mention_on=("Failed",),
    )
    assert (rest.catch_all, rest.takes, rest.is_for_all) == (True, True, True)
    zone = read.options["slack:payments"].time_zone
    assert zone is not None
    assert read.options == {"slack:payments": Options(zone, 10)}
    assert zone.key == "Europe/Berlin"


def test_everything_that_is_wrong_is_said_at_once_with_its_line() -> None:
    text = """\
colour = "red"
[[routes]]
name = "a"
match = { team = "x", run = [], status = true }
to = ["sms:me", "event:news"]
after = 0
notify = ["sometimes"]
mention = "Ada"

[[routes]]
name = "a"
catch_all = "yes"

[destinations."slack:payments"]
lines = 0
time_zone = "Mars"
fold = 5
"""
    assert problems(text) == [
        (1, "unknown key 'colour': [[routes]] and [destinations] are known"),
        (7, "route 'a' notify names 'sometimes': new, again, changed, recovered, finished are known"),
        (
            4,
            f"route 'a' match has an unknown key 'team': {', '.join(KEYS)} are known",
        ),
        (4, "route 'a' match by run matches nothing: it is empty"),
        (4, "route 'a' match by status names True: give an id (a whole number) or a name in quotes"),
        (6, "route 'a' has after = 0: give a whole number from 1 to 50"),
        (5, "route 'a' names 'sms:me': a destination is slack:<name> or email:<name>"),
        (8, 'route \'a\' mention is no list of texts like ["assignee", "group:payments-oncall"]'),
        (12, "route 'a' has catch_all = 'yes': give true or false"),
        (10, 'route \'a\' has no destinations: give a list like to = ["slack:default", "email:default"]'),
        (11, "route 2 is called 'a' like one before: give it another name"),
        (17, "slack:payments has an unknown option 'fold': time_zone and lines are known"),
        (15, "slack:payments has lines = 0: give a whole number from 1 to 50"),
        (16, "slack:payments has a time_zone that is 'Mars': give an IANA time zone like Europe/Berlin"),
    ]


@pytest.mark.parametrize(
    "routes",
    [
        'match = { run = "x" }\nto = ["slack:a"]',
        'exclude = { run = "x" }\nto = ["slack:a"]',
        'after = 2\nto = ["slack:a"]',
        'notify = ["again"]\nto = ["slack:a"]',
    ],
)
def test_a_file_that_leaves_something_out_is_refused(routes: str) -> None:
    (only,) = problems(f"# ours\n\n[[routes]]\n{routes}\n")
    assert only[0] == 3
    assert "some findings would go nowhere" in only[1]


def test_recoveries_for_programs_are_no_failures() -> None:
    assert "programs get those in any case" in problems('[[routes]]\nto = ["event:news"]\n')[0][1]
    rest = '[[routes]]\nto = ["slack:a"]\n'
    news = parse_routes(f'{rest}[[routes]]\nnotify = ["recovered"]\nto = ["event:news"]\n').routes[1]
    assert (news.takes, news.destinations) == (False, ("event:news",))


def test_the_end_of_a_run_is_not_asked_for_by_what_results_have() -> None:
    text = '[[routes]]\nto = ["slack:a"]\nmatch = { tester = "Ada" }\nnotify = ["finished"]\n'
    assert problems(text)[0] == (
        4,
        'route 1 asks for "finished", which is about a whole run, but matches by tester',
    )


@pytest.mark.parametrize(
    ("wanted", "fact", "is_so"),
    [
        ("shop", Fact(name="SHOP"), True),
        ("STRASSE", Fact(name="Straße"), True),
        ("*pay*", Fact(name="Nightly payments"), True),
        ("p?y", Fact(name="pay"), True),
        ("p?y", Fact(name="paay"), False),
        ("a.c", Fact(name="abc"), False),
        ("[a]", Fact(name="[A]"), True),
        ("*", Fact(name="two\nlines"), True),
        ("*", Fact(id=7), False),
        (7, Fact(id=7), True),
        ("7", Fact(id=7, name="x"), False),
        (7, Fact(name="7"), False),
    ],
)
def test_ids_are_numbers_and_only_two_marks_are_special(wanted: int | str, fact: Fact, *, is_so: bool) -> None:
    assert (Matcher({"run": (wanted,)}).refusal({"run": (fact,)}) is None) is is_so
