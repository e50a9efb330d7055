"""docs/routes.md: what its recipes do, with findings of a day played through the real routing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.adapters.topic import attributes
from testmo_notifier.errors import ConfigurationError
from testmo_notifier.model import AGAIN, NEW, REASONS, Expands, Notification, Result, Run, Told
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.calm import next_time, quiet_until
from testmo_notifier.notices.matching import KEYS, Facts, run_facts
from testmo_notifier.notices.routes import destinations
from testmo_notifier.settings.options_file import OPTIONS, WINDOW_KEYS
from testmo_notifier.settings.routes_file import ROUTE_KEYS, parse_routes
from tests.support.factories import make_result, make_run

PAGE: Final = (Path(__file__).parents[2] / "docs" / "routes.md").read_text("utf-8")
RECIPE: Final = re.compile(r"^### (.+?)\n(.*?)^```toml recipe\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES: Final[Mapping[str, str]] = {name: text for name, _, text in RECIPE.findall(PAGE)}
EXPANDS: Final = Expands(users={1: "Ada Lovelace", 2: "Grace Hopper"}, statuses={3: "Failed", 5: "Blocked"})
RELEASE: Final = make_run(1, name="Release 4.2")
NIGHTLY: Final = make_run(2, name="Nightly 2026-11-23", project_id=9)
PROJECTS: Final = {3: "Shop", 9: "Billing"}
BY_ADA: Final = make_result(101, status_id=3, created_by=1, assignee_id=2)
BLOCKED: Final = make_result(102, status_id=5, created_by=2, assignee_id=2)
CASE: Final[Facts] = {}


def audience(recipe: str, run: Run) -> Audience:
    routes = parse_routes(RECIPES[recipe])
    return Audience(routes, destinations(routes, ("slack", "email")), run_facts(run, PROJECTS[run.project_id]))


def told(recipe: str, run: Run, result: Result, *, streak: int = 1) -> dict[str, str]:
    """Which destinations are told of a result that is the how many-th failure in a row, and why; programs left out."""
    asked = audience(recipe, run)
    routes = asked.routings[asked.routing(result, EXPANDS, CASE)].routes
    before = None if streak == 1 else Told(streak - 1, destinations=frozenset(asked.destinations))
    found = asked.told(routes, NEW if streak == 1 else AGAIN, before, streak, sure=True)
    return {one.destination: one.reason for one in found if one.destination != "event"}


def recovered(recipe: str) -> set[str]:
    asked = audience(recipe, RELEASE)
    return set(asked.for_recovered(CASE, Told(destinations=frozenset(asked.destinations))))


def finished(recipe: str) -> set[str]:
    return set(audience(recipe, RELEASE).for_finished())


def test_there_are_ten_recipes() -> None:
    assert len(RECIPES) == 10


# Who is told of Ada's failure of the release, of Grace's blocked test of it, and of a failure of the nightly run.
@pytest.mark.parametrize(
    ("recipe", "of_ada", "blocked", "nightly"),
    [
        ("By project", {"slack:shop"}, {"slack:shop"}, {"slack:billing", "email:billing"}),
        ("Only Blocked to the lead", {"slack:default"}, {"slack:leads", "slack:default"}, {"slack:default"}),
        ("The first failure only", {"slack:default"}, {"slack:default"}, {"slack:default"}),
        ("Two in a row", {"email:default"}, {"email:default"}, {"email:default"}),
        ("Recovered, in the same channel", {"slack:default"}, {"slack:default"}, {"slack:default"}),
        ("The assignee is mentioned", {"slack:default"}, {"slack:default"}, {"slack:default"}),
        (
            "Nightly runs elsewhere",
            {"slack:default", "email:default"},
            {"slack:default", "email:default"},
            {"slack:nightly"},
        ),
        (
            "The summary of a finished run, to managers by mail",
            {"slack:default"},
            {"slack:default"},
            {"slack:default"},
        ),
        ("Everything of one tester", {"slack:ada", "slack:default"}, {"slack:default"}, {"slack:ada", "slack:default"}),
        ("For programs: the events with a Blocked result", {"slack:default"}, {"slack:default"}, {"slack:default"}),
    ],
)
def test_a_first_failure_goes_where_the_recipe_says(
    recipe: str, of_ada: set[str], blocked: set[str], nightly: set[str]
) -> None:
    assert told(recipe, RELEASE, BY_ADA) == dict.fromkeys(of_ada, "new")
    assert told(recipe, RELEASE, BLOCKED) == dict.fromkeys(blocked, "new")
    assert told(recipe, NIGHTLY, BY_ADA) == dict.fromkeys(nightly, "new")


@pytest.mark.parametrize(
    ("recipe", "second"),
    [
        ("The first failure only", {}),
        ("Recovered, in the same channel", {}),
        ("By project", {"slack:shop": "again"}),
        ("Everything of one tester", {"slack:ada": "again", "slack:default": "again"}),
    ],
)
def test_a_second_failure_is_told_where_the_recipe_says(recipe: str, second: dict[str, str]) -> None:
    assert told(recipe, RELEASE, BY_ADA, streak=2) == second


def test_two_in_a_row_are_one_message_in_the_channel_and_two_in_the_mailbox() -> None:
    asked = audience("Two in a row", RELEASE)
    routes = asked.routings[asked.routing(BY_ADA, EXPANDS, CASE)].routes
    first = asked.told(routes, NEW, None, 1, sure=True)
    before = Told(1, destinations=frozenset(one.destination for one in first))
    second = asked.told(routes, AGAIN, before, 2, sure=True)
    assert [(one.destination, one.reason) for one in first] == [("email:default", "new"), ("event", "new")]
    assert {(one.destination, one.reason) for one in second} == {
        ("slack:default", "new"),
        ("email:default", "again"),
        ("event", "again"),
    }


@pytest.mark.parametrize("recipe", RECIPES)
def test_recoveries_and_ends_go_only_where_the_recipe_asks_for_them(recipe: str) -> None:
    assert recovered(recipe) == ({"slack:default"} if recipe == "Recovered, in the same channel" else set())
    is_summary = recipe == "The summary of a finished run, to managers by mail"
    assert finished(recipe) == ({"email:managers"} if is_summary else set())


def test_the_assignee_is_called_for_what_failed_and_not_for_what_is_blocked() -> None:
    asked = audience("The assignee is mentioned", RELEASE)
    failed, blocked = (asked.mentions(asked.routing(one, EXPANDS, CASE), one, EXPANDS) for one in (BY_ADA, BLOCKED))
    assert [one.name for one in failed["everything"]] == ["Grace Hopper"]
    assert blocked == {}


def test_a_program_gets_the_events_with_a_blocked_result_by_its_filter_policy() -> None:
    (policy,) = re.findall(r"^```json filter\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    def passes(channel: str, *statuses: str) -> bool:
        made = Notification("n", channel, channel, "", "{}", 1, 3, statuses)
        given: dict[str, Any] = {name: one["StringValue"] for name, one in attributes(made).items()}
        has = {**given, "status": json.loads(given["status"])}
        found = {name: one if isinstance(one, list) else [one] for name, one in has.items()}
        return all(set(wanted) & set(found[name]) for name, wanted in json.loads(policy).items())

    assert passes("event", "Failed", "Blocked")
    assert not passes("event", "Failed")
    assert not passes("slack", "Blocked")


def test_the_page_has_every_key_every_fact_every_reason_and_every_option() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert set(ROUTE_KEYS) - {"destinations"} <= named
    assert {*KEYS, *REASONS, *OPTIONS, *WINDOW_KEYS} <= named


def test_the_example_of_options_about_when_does_what_the_page_says() -> None:
    (text,) = re.findall(r"^```toml calm\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    options = parse_routes(text).options
    channel, payments, managers = (options[name] for name in ("slack:default", "slack:payments", "email:managers"))
    assert (channel.calm.at_most_every, channel.calm.fold) == (timedelta(minutes=15), 5)
    berlin, new_york = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
    assert (payments.time_zone, managers.time_zone) == (berlin, new_york)

    friday = datetime(2026, 11, 27, 18, tzinfo=berlin)
    assert quiet_until(payments.calm, berlin, friday - timedelta(minutes=1)) is None
    assert quiet_until(payments.calm, berlin, friday) == datetime(2026, 11, 30, 8, tzinfo=berlin)
    assert payments.calm.quiet_except == ("Blocked",)
    assert next_time(managers.calm, new_york, friday) == datetime(2026, 11, 27, 16, tzinfo=new_york)


def test_the_windows_of_the_page_are_as_it_says() -> None:
    text = '[[routes]]\nto = ["slack:a"]\n[destinations."slack:a"]\nquiet = {}\n'
    window = '{ days = "fri", from = "18:00", to = "08:00" }'
    calm = parse_routes(text.replace("{}", window)).options["slack:a"].calm
    friday = datetime(2026, 11, 27, 20, tzinfo=UTC)
    assert quiet_until(calm, UTC, friday) == datetime(2026, 11, 28, 8, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="never ends"):
        parse_routes(text)


def test_the_examples_above_the_recipes_are_valid_files() -> None:
    found = [parse_routes(text).routes for text in re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
    assert [[route.name for route in routes] for routes in found] == [["payments", "the rest"], ["route 1"]]
    assert found[1][0].mention == ("assignee", "tester", "Ada Lovelace", "group:payments-oncall")
