from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.simulator.conftest import START
from tools.simulator import StatusId
from tools.simulator.model import Status

if TYPE_CHECKING:
    from typing import Any

    from tests.simulator.conftest import Client, Clock, Shop

RUNS = "/projects/1/runs"


def counts(run: dict[str, Any]) -> dict[str, int]:
    """The counters that are not zero."""
    return {name: value for name, value in run.items() if name.endswith("_count") and value}


def test_a_run_has_the_documented_keys_in_the_documented_order(client: Client) -> None:
    run = client.get("/runs/1")["result"]

    numbered = [(f"status{number}_count", 0) for number in range(1, 25)]
    assert list(run.items()) == [
        ("id", 1),
        ("project_id", 1),
        ("name", "Release 4.2"),
        ("config_id", None),
        ("milestone_id", None),
        ("state_id", 6),
        ("forecast", None),
        ("forecast_completed", None),
        ("elapsed", None),
        ("is_started", True),
        ("is_closed", False),
        ("issues", []),
        ("links", []),
        ("tags", []),
        ("untested_count", 3),
        *numbered,
        ("success_count", 0),
        ("failure_count", 0),
        ("completed_count", 0),
        ("total_count", 3),
        ("started_at", "2026-03-02T09:00:00.000Z"),
        ("created_at", "2026-03-02T09:00:00.000Z"),
        ("created_by", 1),
        ("updated_at", None),
        ("updated_by", None),
        ("closed_at", None),
        ("closed_by", None),
    ]
    assert client.get(RUNS)["result"] == [run]


def test_the_counters_of_a_real_run(client: Client, shop: Shop) -> None:
    """Recorded from an instance: statusN_count is status id N+1, Blocked is completed but no failure."""
    cases = [shop.world.add_case(shop.project, f"Case {number}") for number in range(102)]
    tests = iter(shop.world.tests_of(shop.world.add_run(shop.project, "Real", cases=cases)))
    for status, count in ((2, 40), (3, 7), (4, 5), (5, 1), (6, 11), (8, 3)):
        for _ in range(count):
            shop.world.save_result(next(tests), status)

    assert counts(client.get("/runs/2")["result"]) == {
        "untested_count": 35,
        "status1_count": 40,
        "status2_count": 7,
        "status3_count": 5,
        "status4_count": 1,
        "status5_count": 11,
        "status7_count": 3,
        "success_count": 40,
        "failure_count": 7,
        "completed_count": 59,
        "total_count": 102,
    }


def test_only_the_latest_result_of_a_test_counts(client: Client, shop: Shop, clock: Clock) -> None:
    shop.save(0, StatusId.FAILED)
    clock.advance(seconds=1)
    shop.save(0, StatusId.PASSED)

    assert counts(client.get("/runs/1")["result"]) == {
        "untested_count": 2,
        "status1_count": 1,
        "success_count": 1,
        "completed_count": 1,
        "total_count": 3,
    }


def test_an_edit_and_a_deletion_move_the_counters(client: Client, shop: Shop) -> None:
    edited, deleted = shop.save(0, StatusId.PASSED), shop.save(1, StatusId.PASSED)
    shop.world.edit_result(edited, status=StatusId.FAILED)
    shop.world.delete_result(deleted)

    run = client.get("/runs/1")["result"]

    assert (run["status1_count"], run["status2_count"], run["untested_count"]) == (0, 1, 2)


def test_a_test_set_back_to_untested_counts_as_untested(client: Client, shop: Shop) -> None:
    shop.save(0, StatusId.UNTESTED)

    assert counts(client.get("/runs/1")["result"]) == {"untested_count": 3, "total_count": 3}


def test_a_final_custom_status_is_completed(client: Client, shop: Shop) -> None:
    shop.world.add_status(Status(25, "Won't test", "#000000"))
    shop.save(0, 25)
    shop.save(1, StatusId.WIP)

    run = client.get("/runs/1")["result"]

    assert (run["status24_count"], run["status7_count"], run["completed_count"]) == (1, 1, 1)


def test_a_late_row_counts_when_it_appears(client: Client, shop: Shop, clock: Clock) -> None:
    shop.save(0, visible_from=START + timedelta(seconds=30))
    before = client.get("/runs/1")["result"]["status2_count"]
    clock.advance(seconds=30)

    assert (before, client.get("/runs/1")["result"]["status2_count"]) == (0, 1)


def test_counters_can_lead_the_rows(client: Client, shop: Shop) -> None:
    """One team saw single results lag behind the counters of their run."""
    client.simulator.switches.counters_lead = True
    shop.save(0, visible_from=START + timedelta(seconds=30))

    assert client.get("/runs/1")["result"]["status2_count"] == 1
    assert client.get("/runs/1/results")["total"] == 0


def test_a_closed_run_can_still_be_read(client: Client, shop: Shop, clock: Clock) -> None:
    ada = shop.world.add_user("Ada")
    shop.save()
    clock.advance(hours=1)
    shop.world.close_run(shop.run, by=ada)

    run = client.get("/runs/1")["result"]

    assert (run["is_closed"], run["closed_at"], run["closed_by"]) == (True, "2026-03-02T10:00:00.000Z", 2)
    assert run["state_id"] == 10
    assert client.ids("/runs/1/results") == [1]


def test_a_reopened_run_is_open_in_every_respect(client: Client, shop: Shop) -> None:
    shop.world.close_run(shop.run)
    shop.world.reopen_run(shop.run)

    run = client.get("/runs/1")["result"]

    assert (run["is_closed"], run["closed_at"], run["closed_by"], run["state_id"]) == (False, None, None, 7)
    assert client.ids(RUNS, is_closed="0") == [1]


def test_open_and_closed_runs_can_be_told_apart(client: Client, shop: Shop) -> None:
    shop.world.close_run(shop.world.add_run(shop.project, "Closed"))

    assert client.ids(RUNS, is_closed="0") == [1]
    assert client.ids(RUNS, is_closed="false") == [1]
    assert client.ids(RUNS, is_closed="1") == [2]
    assert client.ids(RUNS) == [1, 2]


def test_runs_can_be_sorted_and_filtered_by_closing(client: Client, shop: Shop, clock: Clock) -> None:
    """Never closed runs come last, newest first, and no closing filter finds them."""
    second, third = shop.world.add_run(shop.project, "2"), shop.world.add_run(shop.project, "3")
    shop.world.close_run(third)
    clock.advance(minutes=1)
    shop.world.close_run(second)

    assert client.ids(RUNS, sort="runs:closed_at") == [2, 3, 1]
    assert client.ids(RUNS, sort="runs:closed_at", order="asc") == [1, 3, 2]
    assert client.ids(RUNS, closed_after="2026-03-02T09:00:30Z") == [2]
    assert client.ids(RUNS, closed_before="2026-03-02T09:00:30Z") == [3]


def test_runs_can_be_sorted_and_filtered_by_creation(client: Client, shop: Shop, clock: Clock) -> None:
    clock.advance(minutes=1)
    shop.world.add_run(shop.project, "2")

    assert client.ids(RUNS) == [2, 1]
    assert client.ids(RUNS, order="asc") == [1, 2]
    assert client.ids(RUNS, created_after="2026-03-02T09:00:30Z") == [2]
    assert client.ids(RUNS, created_before="2026-03-02T09:00:30Z") == [1]


def test_runs_can_be_filtered_by_what_they_belong_to(client: Client, shop: Shop) -> None:
    world, project = shop.world, shop.project
    ada = world.add_user("Ada")
    milestone, config = world.add_milestone(project, "4.2"), world.add_config(project, "Safari 17")
    world.add_run(project, "2", milestone=milestone, by=ada, tags=("smoke", "web"))
    world.close_run(world.add_run(project, "3", config=config, tags=("nightly",)))

    assert client.ids(RUNS, milestone_id="1") == [2]
    assert client.ids(RUNS, config_id="1,2") == [3]
    assert client.ids(RUNS, created_by="2") == [2]
    assert client.ids(RUNS, state_id="10") == [3]
    assert client.ids(RUNS, tags="web") == [2]
    assert client.ids(RUNS, tags="smoke,nightly") == [2, 3]


def test_runs_expand_to_what_they_refer_to(client: Client, shop: Shop) -> None:
    world, project = shop.world, shop.project
    ada = world.add_user("Ada")
    world.add_run(
        project,
        "2",
        milestone=world.add_milestone(project, "4.2"),
        config=world.add_config(project, "Safari 17"),
        issues=[world.add_issue("SHOP-123")],
        by=ada,
    )

    expands = client.get("/runs/2", expands="configs,issues,milestones,states,statuses,users")["expands"]

    assert [status["id"] for status in expands.pop("statuses")] == [1, 2, 3, 4, 5, 6, 8]
    assert [issue["display_id"] for issue in expands.pop("issues")] == ["SHOP-123"]
    assert expands == {
        "configs": [{"id": 1, "name": "Safari 17"}],
        "milestones": [{"id": 1, "name": "4.2"}],
        "states": [{"id": 6, "name": "New", "is_default": True}],
        "users": [{"id": 2, "name": "Ada"}],
    }
    assert client.get(RUNS, expands="configs")["expands"] == {"configs": [{"id": 1, "name": "Safari 17"}]}
    assert client.get("/runs/1", expands="configs")["expands"] == []
