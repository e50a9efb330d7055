"""Rule 17: who is told of a finding, and for which reason, of each destination by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from testmo_notifier.model import AGAIN, CHANGED, NEW, Counters, Expands, Mention, Result, RowProblem, Run, Told
from testmo_notifier.notices.audience import Audience, Telling, mention
from testmo_notifier.notices.matching import Fact, case_facts, result_facts, run_facts
from testmo_notifier.notices.routes import Route, destinations
from testmo_notifier.settings.routes_file import parse_routes

NINE = datetime(2026, 11, 26, 9, tzinfo=UTC)
RUN = Run(12, 3, "Release 4.2", False, None, None, Counters())
EXPANDS = Expands(users={1: "Ada L.", 2: "Grace H."}, statuses={3: "Durchgefallen"})
FAILED = Result(key=1, id=1, test_id=7, case_id=120, status_id=3, created_by=1, assignee_id=2)
REST = '[[routes]]\nname = "rest"\ncatch_all = true\nto = ["slack:rest"]\n'


def audience(text: str, *, unreachable: tuple[str, ...] = ()) -> Audience:
    routes = parse_routes(text + REST)
    there = destinations(routes, ("slack", "email"))
    return Audience(routes, there, run_facts(RUN, "Shop"), frozenset(unreachable))


def told_before(*names: str) -> Told:
    return Told(1, NINE, NINE, frozenset(names))


def people(
    audience: Audience, reason: str, before: Told | None = None, streak: int = 0, *, sure: bool = True
) -> list[tuple[str, str]]:
    """Who hears of FAILED, and why."""
    routes: tuple[Route, ...] = audience.routings[audience.routing(FAILED, EXPANDS, {})].routes
    told: list[Telling] = audience.told(routes, reason, before, streak, sure=sure)
    return [(one.destination, one.reason) for one in told if one.destination != "event"]


ONLY_NEW = '[[routes]]\nname = "new"\nnotify = ["new"]\nto = ["slack:qa"]\n'
SECOND = '[[routes]]\nname = "second"\nafter = 2\nto = ["slack:qa"]\nmatch = { project = 3 }\n'


def test_a_further_failure_is_left_out_where_only_new_ones_are_asked_for() -> None:
    assert people(audience(ONLY_NEW), AGAIN, told_before("slack:qa")) == []


def test_a_failure_that_may_be_new_is_told_where_new_ones_are_asked_for() -> None:
    assert people(audience(ONLY_NEW), AGAIN, told_before("slack:qa"), sure=False) == [("slack:qa", AGAIN)]


def test_what_a_destination_was_not_told_of_is_new_there_and_a_further_one_elsewhere() -> None:
    both = '[[routes]]\nname = "both"\nmatch = { project = 3 }\nto = ["slack:qa", "email:qa"]\n'

    assert people(audience(both), AGAIN, told_before("email:qa")) == [("slack:qa", NEW), ("email:qa", AGAIN)]


@pytest.mark.parametrize(
    ("streak", "before", "told"),
    [
        (1, (), []),
        (2, (), [("slack:qa", NEW)]),
        (3, ("slack:qa",), [("slack:qa", AGAIN)]),
        (0, (), [("slack:qa", NEW)]),
    ],
)
def test_the_second_in_a_row_is_the_first_that_is_told_and_what_has_no_count_is_told(
    streak: int, before: tuple[str, ...], told: list[tuple[str, str]]
) -> None:
    assert people(audience(SECOND), AGAIN, told_before(*before), streak) == told


def test_who_heard_of_the_one_status_hears_of_the_other_though_its_route_no_longer_takes_it() -> None:
    blocked = '[[routes]]\nname = "lead"\nmatch = { status = "Blocked" }\nto = ["slack:lead"]\n'

    assert people(audience(blocked), CHANGED, told_before("slack:lead")) == [
        ("slack:rest", NEW),
        ("slack:lead", CHANGED),
    ]


def test_who_asks_for_changes_alone_hears_of_one_though_the_first_status_was_told_elsewhere() -> None:
    changes = '[[routes]]\nname = "changes"\nmatch = { status = 3 }\nnotify = ["changed"]\nto = ["slack:lead"]\n'
    more = '[[routes]]\nname = "more"\nmatch = { run = 12 }\nto = ["slack:lead", "slack:qa"]\n'
    before = told_before("slack:qa")

    assert people(audience(changes), CHANGED, before) == [("slack:lead", CHANGED)]
    assert people(audience(changes), AGAIN, before) == []
    both = [("slack:lead", NEW), ("slack:qa", CHANGED)]
    assert people(audience(changes + more), CHANGED, before) == both
    assert people(audience(more + changes), CHANGED, before) == both, "their order never matters"


def test_what_nobody_gets_goes_to_those_that_catch_all_and_waits_where_they_reach_nobody_either() -> None:
    mail = '[[routes]]\nname = "mail"\nmatch = { project = 3 }\nto = ["email:qa"]\n'

    assert people(audience(mail, unreachable=("email:qa",)), NEW) == [("slack:rest", NEW)]
    assert people(audience(mail, unreachable=("email:qa", "slack:rest")), NEW) == [("email:qa", NEW)]


def test_a_status_is_known_by_the_instances_name_and_else_by_testmos() -> None:
    assert result_facts(FAILED, EXPANDS, {})["status"] == (Fact(3, "Durchgefallen"),)
    assert result_facts(FAILED, Expands(), {})["status"] == (Fact(3, "Failed"),)


def test_whom_a_row_does_not_name_is_not_number_one() -> None:
    everything = Expands(users={1: "Ada L."}, statuses={1: "Untested"})
    nameless = FAILED._replace(status_id=None, created_by=None, assignee_id=None)

    facts = result_facts(nameless, everything, {})

    assert (facts["status"], facts["tester"], facts["assignee"]) == ((), (), (Fact(0, None),))
    assert result_facts(nameless, Expands(), {})["status"] == (), "Testmo has a number one of its own"


def test_a_result_without_a_case_does_not_go_where_case_one_goes() -> None:
    login = audience('[[routes]]\nname = "login"\nmatch = { test = "Login" }\nto = ["slack:login"]\n')
    results = [FAILED._replace(case_id=1), FAILED._replace(case_id=None)]

    numbers = login.routings_of(results, EXPANDS, {1: case_facts(1, "Login", None)})

    routes = [[route.name for route in login.routings[number].routes] for number in numbers]
    assert routes == [["login"], ["rest"]]


def test_an_assignee_that_could_not_be_read_is_not_nobody() -> None:
    unread = FAILED._replace(assignee_id=None, problems=(RowProblem("assignee_id", "is not a number"),))

    assert result_facts(FAILED._replace(assignee_id=None), EXPANDS, {})["assignee"] == (Fact(0, None),)
    assert result_facts(unread, EXPANDS, {})["assignee"] == ()


def test_an_assignee_that_could_not_be_read_goes_its_own_way_whatever_else_could_not_be() -> None:
    asked = audience('[[routes]]\nmatch = { assignee = 0 }\nto = ["slack:nobody"]\n')
    nobody = FAILED._replace(assignee_id=None, problems=(RowProblem("elapsed", "is not a number"),))
    unread = FAILED._replace(assignee_id=None, problems=(RowProblem("assignee_id", "is not a number"),))

    numbers = [asked.routing(result, Expands(), {}) for result in (nobody, unread)]

    assert [[route.destinations for route in asked.routings[number].routes] for number in numbers] == [
        [("slack:nobody",)],
        [("slack:rest",)],
    ]


def test_a_case_is_known_by_its_number_its_name_and_its_folder() -> None:
    assert case_facts(120, "Log in", "7 Payment") == {"test": (Fact(120, "Log in"),), "folder": (Fact(7, "Payment"),)}
    assert case_facts(120, None, None) == {"test": (Fact(120, None),)}


@pytest.mark.parametrize(
    ("word", "called"),
    [
        ("assignee", Mention("Grace H.", 2)),
        ("tester", Mention("Ada L.", 1)),
        ("group:oncall", Mention("oncall", is_group=True)),
        ("Alan T.", Mention("Alan T.")),
        (9, Mention("user 9", 9)),
    ],
)
def test_a_route_mentions_by_role_by_group_by_name_or_by_number(word: int | str, called: Mention) -> None:
    assert mention(word, FAILED, EXPANDS) == called


def test_nobody_is_mentioned_where_nobody_is_assigned() -> None:
    assert mention("assignee", FAILED._replace(assignee_id=None), EXPANDS) is None


def test_what_nobody_gets_goes_to_people_by_routes_that_take_failures() -> None:
    recovered = '[[routes]]\ncatch_all = true\nnotify = ["recovered"]\nto = ["event:news", "slack:lead"]\n'
    news = recovered.replace('"recovered"', '"new", "recovered"').replace('"event:news", ', "")

    assert audience(recovered).substitutes == ("slack:rest",)
    assert audience(news).substitutes == ("slack:lead", "slack:rest")
    assert audience(news, unreachable=("slack:lead",)).substitutes == ("slack:rest",)
