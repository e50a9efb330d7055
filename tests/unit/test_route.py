"""routes.toml: what is followed, and the sentence each mistake gives."""

from __future__ import annotations

from pathlib import Path

import pytest

import testmo_notifier_settings
from testmo_notifier.errors import ConfigurationError
from testmo_notifier.notices.routes import Route, Routes, destinations, reached
from testmo_notifier.notices.routes_file import ROUTE_KEYS, parse_routes


def test_the_routes_that_come_with_it_are_right_and_reach_everybody() -> None:
    text = (Path(testmo_notifier_settings.__file__).parent / "routes.toml").read_text(encoding="utf-8")

    assert destinations(parse_routes(text), ("slack", "email")) == ("slack:default", "email:default", "event")


def test_every_route_is_followed_and_each_destination_named_once() -> None:
    text = """
    [[routes]]
    destinations = ["slack:default", "slack:payments", "slack:default"]
    [[routes]]
    destinations = ["email:default", "slack:payments"]
    """

    routes = parse_routes(text)

    assert routes.routes[0].destinations == ("slack:default", "slack:payments")
    assert destinations(routes, ("slack", "email")) == ("slack:default", "slack:payments", "email:default", "event")


def test_a_channel_the_stack_does_not_have_is_left_out_but_never_the_event() -> None:
    routes = Routes((Route(("slack:default", "email:default")),))

    assert destinations(routes, ("email",)) == ("email:default", "event")
    assert destinations(routes, ()) == ("event",)


def test_routes_that_reach_nobody_are_no_quiet_poll_but_a_failed_one() -> None:
    routes = Routes((Route(("slack:default", "slack:payments")),))

    assert reached(routes, ("slack", "event")) == ("slack:default", "slack:payments", "event")
    assert reached(routes, ("event",)) == ("event",)  # nobody is meant to be reached
    with pytest.raises(ConfigurationError, match=r"reaches nobody on this stack, which has email: add email:default"):
        reached(routes, ("email", "event"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[routes", "r.toml is not TOML: "),
        ("", "r.toml: has no [[routes]]: at least one must say where digests go"),
        ("routes = 5", "r.toml: has no [[routes]]: at least one must say where digests go"),
        ("routes = [5]", "r.toml: route 1 is not a table"),
        ("[[routes]]", 'r.toml: route 1 has no destinations: give a list like to = ["slack:default", "email:default"]'),
        (
            "[[routes]]\ndestinations = 'slack:default'",
            'r.toml: route 1 has no destinations: give a list like to = ["slack:default", "email:default"]',
        ),
        (
            "[[routes]]\ndestinations = ['teams:default']",
            "r.toml: route 1 names 'teams:default': a destination is slack:<name> or email:<name>",
        ),
        (
            "[[routes]]\ndestinations = ['slack:Payments']",
            "r.toml: route 1 names 'slack:Payments': a destination is slack:<name> or email:<name>",
        ),
        ("[[routes]]\ndestinations = [5]", "r.toml: route 1 names 5: a destination is slack:<name> or email:<name>"),
        (
            "[[routes]]\ndestinations = ['slack:default\\n']",
            "r.toml: route 1 names 'slack:default\\\\n': a destination is slack:<name> or email:<name>",
        ),
    ],
)
def test_a_mistake_gives_a_sentence_with_file_and_route(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(text, "r.toml")

    assert caught.value.problems[0].startswith(problem)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_routes("route = 1\n[[routes]]\ndestination = ['slack:default']\n[[routes]]\ndestinations = []")

    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("name", "is_fine"),
    [("slack:" + "a" * 64, True), ("slack:" + "a" * 65, False), ("email:7-a_b", True), ("slack:-a", False)],
)
def test_a_destination_has_a_channel_and_a_short_plain_name(name: str, *, is_fine: bool) -> None:
    text = f"[[routes]]\ndestinations = ['{name}']"

    if is_fine:
        assert parse_routes(text).routes[0].destinations == (name,)
    else:
        with pytest.raises(ConfigurationError):
            parse_routes(text)


def test_a_mistake_names_its_own_route() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_routes("[[routes]]\ndestinations = ['slack:a']\n[[routes]]\ndestinations = ['b', 'slack:c']\nx = 1")

    assert caught.value.problems == (
        f"routes.toml: route 2 has an unknown key 'x': {', '.join(ROUTE_KEYS)} are known",
        "routes.toml: route 2 names 'b': a destination is slack:<name> or email:<name>",
    )


def test_a_stack_with_both_channels_is_told_of_both_when_nobody_is_reached() -> None:
    with pytest.raises(ConfigurationError, match=r"which has slack, email: add slack:default or email:default"):
        reached(Routes(()), ("email", "slack"))


def test_a_problem_carries_where_it_is_and_what_is_wrong_apart_from_its_sentence() -> None:
    text = '[[routes]]\ndestinations = ["slack:default"]\n\n[[routes]]\ndestinations = [\n  "sms:me",\n]\n'
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(text)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("routes.toml", 6)
    assert problem.text == "route 2 names 'sms:me': a destination is slack:<name> or email:<name>"
    assert problem == f"routes.toml: {problem.text}"
