from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.simulator.conftest import START
from tools.simulator import SCENARIOS, Simulator, StatusId, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.simulator.conftest import Client, Clock
    from tools.simulator.story import Scenario

NAMES = ["default", "release-day", "hostile-text", "throttled", "empty"]
RED = (StatusId.FAILED, StatusId.BLOCKED)


def failing_since(scenario: Scenario, moment: datetime) -> list[tuple[str, str, int]]:
    """Run, case and status of each failing result saved at that moment or later."""
    world = scenario.world
    return [
        (run.name, world.cases[row.case_id].name, row.status_id)
        for run in world.runs.values()
        for row in world.results_of(run)
        if row.status_id in RED and row.created_at >= moment
    ]


def test_the_scenarios_are_listed_with_a_line_each() -> None:
    assert list(SCENARIOS) == NAMES
    assert all(line and "\n" not in line for line, _ in SCENARIOS.values())


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no scenario is called 'weekend'; there are: default, release-day"):
        load("weekend")


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_can_be_read_to_its_end(name: str, clock: Clock, connect: Callable[[Simulator], Client]) -> None:
    scenario = load(name, now=clock)
    with Simulator(scenario=scenario) as simulator:
        simulator.faults.clear()
        client = connect(simulator)
        while simulator.advance():
            clock.advance(minutes=1)
        client.get("/users", expands="groups,roles,users")
        for project in client.ids("/projects", expands="users"):
            client.get(f"/projects/{project}/cases", expands="folders,users,tags,templates")
            client.get(f"/projects/{project}/milestones", expands="milestone_stats,users")
            expands = "configs,issues,milestones,states,statuses,users"
            for run in client.ids(f"/projects/{project}/runs", expands=expands):
                client.get(f"/runs/{run}/results", expands="issues,statuses,users")

        assert {request.status for request in simulator.requests} == {200}


def test_the_default_scenario_has_something_of_everything(clock: Clock, connect: Callable[[Simulator], Client]) -> None:
    with Simulator(scenario=load("default", now=clock)) as simulator:
        client = connect(simulator)
        runs = client.get("/projects/1/runs", is_closed="0")["result"]
        counts = {name: value for name, value in runs[0].items() if name.endswith("_count") and value}
        failing = client.get("/runs/2/results", status_id="3,5", expands="issues,users", get_latest_result="1")

        assert client.get("/projects")["total"] == 2
        assert client.get("/projects/1/cases")["total"] == 100
        assert client.get("/projects/1/runs", is_closed="1")["total"] == 1
        assert counts == {
            "untested_count": 33,
            "status1_count": 40,
            "status2_count": 7,
            "status3_count": 5,
            "status4_count": 1,
            "status5_count": 11,
            "status7_count": 3,
            "success_count": 40,
            "failure_count": 7,
            "completed_count": 59,
            "total_count": 100,
        }
        assert failing["total"] == 8
        assert [issue["display_id"] for issue in failing["expands"]["issues"]] == ["SHOP-123", "PAY-7"]
        assert simulator.advance() is None


def test_release_day_begins_with_two_failures_that_are_hours_old(clock: Clock) -> None:
    scenario = load("release-day", now=clock)

    assert failing_since(scenario, START - timedelta(days=1)) == [
        ("Release 4.2 regression", "Search with umlauts and accents", 3),
        ("Release 4.2 regression", "Write a review with a photo", 3),
    ]
    assert failing_since(scenario, START - timedelta(hours=2)) == []


def test_release_day_turns_red_step_by_step_and_ends(clock: Clock) -> None:
    scenario = load("release-day", now=clock)
    told = []
    while True:
        moment = clock.advance(minutes=1)
        narration = scenario.advance()
        if narration is None:
            break
        told.append((narration, failing_since(scenario, moment)))

    regression, api = "Release 4.2 regression", "Release 4.2 payment API"
    assert told == [
        ("Ada, Grace and Alan mark six more tests as Passed: all quiet", []),
        (
            "Ada marks 'Login with an expired password' as Failed, links SHOP-123 and assigns it to Grace",
            [(regression, "Login with an expired password", 3)],
        ),
        (
            "Payments are down: 3 tests turn Failed and 1 Blocked on one millisecond, in two runs",
            [
                (regression, "Pay by credit card", 3),
                (regression, "Pay by PayPal", 3),
                (regression, "Pay by Apple Pay", 5),
                (api, "Pay by credit card", 3),
            ],
        ),
        (
            "Grace's fix lets the login pass; Alan marks 'Pay by PayPal' as Failed again",
            [(regression, "Pay by PayPal", 3)],
        ),
        (
            "Katherine marks a last test as Failed and closes the run at once",
            [(regression, "Receipt shows the VAT of each line", 3)],
        ),
        ("Nothing more comes: the run is over", []),
    ]
    assert scenario.advance() is None


def test_release_day_shows_all_that_a_message_can_show(clock: Clock, connect: Callable[[Simulator], Client]) -> None:
    with Simulator(scenario=load("release-day", now=clock)) as simulator:
        simulator.advance()
        clock.advance(minutes=1)
        simulator.advance()
        client = connect(simulator)
        page = client.get("/runs/1/results", created_after="2026-03-02T09:00:30Z", expands="issues,users")
        run = client.get("/runs/1", expands="configs,milestones")

    (row,) = page["result"]
    assert row["note"].startswith("<p>Login page shows a <strong>blank screen</strong>")
    assert "&lt;!channel&gt;" in row["note"]
    assert row["elapsed"] == 240000000
    assert [user["name"] for user in page["expands"]["users"]] == ["Ada Lovelace", "Grace Hopper"]
    assert [issue["display_id"] for issue in page["expands"]["issues"]] == ["SHOP-123"]
    assert run["expands"] == {
        "configs": [{"id": 1, "name": "Safari 17"}],
        "milestones": [{"id": 1, "name": "4.2"}],
    }
    assert (run["result"]["total_count"], run["result"]["completed_count"]) == (100, 59)


def test_release_day_saves_the_payment_failures_on_one_millisecond(clock: Clock) -> None:
    scenario = load("release-day", now=lambda: clock.advance(milliseconds=3))
    for _ in range(3):
        scenario.advance()
    world = scenario.world
    payments = [row.created_at for run in world.runs.values() for row in world.results_of(run) if row.status_id in RED][
        -4:
    ]

    assert len(set(payments)) == 1


def test_release_day_closes_the_run_right_after_its_last_failure(clock: Clock) -> None:
    scenario = load("release-day", now=clock)
    for _ in range(5):
        clock.advance(minutes=1)
        scenario.advance()
    regression, api = scenario.world.runs.values()

    assert scenario.world.results_of(regression)[-1].created_at == regression.closed_at == clock.time
    assert api.closed_at is None


def test_hostile_text_comes_through_the_api_unchanged(clock: Clock, connect: Callable[[Simulator], Client]) -> None:
    with Simulator(scenario=load("hostile-text", now=clock)) as simulator:
        narration = simulator.advance()
        client = connect(simulator)
        notes = [row["note"] for row in client.get("/runs/1/results")["result"]]
        run = client.get("/runs/1")["result"]

    assert narration == "Mallory saves five Failed results full of traps"
    assert run["name"] == "<!everyone> run\nwith a break"
    assert "<script>alert(1)</script><style>p{}</style><p>only this</p><!-- a comment -->" in notes


def test_throttled_answers_20_requests_a_minute(clock: Clock, connect: Callable[[Simulator], Client]) -> None:
    with Simulator(scenario=load("throttled", now=clock)) as simulator:
        client = connect(simulator)
        statuses = [client.ask("/user").status for _ in range(21)]

    assert statuses == [200] * 20 + [429]
