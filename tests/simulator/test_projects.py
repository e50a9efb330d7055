from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulator.conftest import Client, Clock, Shop


def test_the_owner_of_the_token_comes_bare(client: Client) -> None:
    assert client.get("/user") == {
        "id": 1,
        "name": "Testmo Notifier",
        "timezone": None,
        "date_format": None,
        "time_format": None,
    }


def test_an_administrator_reads_users_in_full(client: Client, shop: Shop) -> None:
    shop.world.add_user("Ada Lovelace")

    row = client.get("/users/2")["result"]

    assert row == {
        "id": 2,
        "name": "Ada Lovelace",
        "email": "ada.lovelace@example.com",
        "type": 1,
        "timezone": None,
        "date_format": None,
        "time_format": None,
        "notifications": 1,
        "tfa_enabled": False,
        "is_active": True,
        "is_forgotten": False,
        "is_api": False,
        "role_id": 2,
        "groups": [],
        "created_at": "2026-03-02T09:00:00.000Z",
        "created_by": None,
        "updated_at": None,
        "updated_by": None,
    }
    assert client.get("/users")["result"][1] == row
    assert client.get("/users", expands="roles")["expands"] == {
        "roles": [{"id": 1, "name": "Site admin"}, {"id": 2, "name": "Tester"}]
    }


def test_without_administration_users_are_forbidden_but_a_projects_users_are_not(client: Client, shop: Shop) -> None:
    shop.world.viewer.is_admin = False

    assert client.ask("/users").status == 403
    assert client.ask("/users/1").status == 403
    assert client.get("/projects/1/users")["result"] == [{"id": 1, "name": "Testmo Notifier"}]


def test_lists_without_expands_have_no_such_key(client: Client) -> None:
    assert "expands" not in client.get("/projects/1/users")
    assert "expands" not in client.get("/projects/1/configs")


def test_a_forgotten_user_is_in_no_list(client: Client, shop: Shop) -> None:
    shop.world.forget_user(shop.world.add_user("Gone"))

    assert client.ids("/users") == [1]
    assert client.ids("/projects/1/users") == [1]
    assert client.ask("/users/2").status == 404


def test_a_project_counts_its_runs_and_milestones(client: Client, shop: Shop) -> None:
    world, project = shop.world, shop.project
    world.close_run(world.add_run(project, "Closed"))
    world.add_milestone(project, "4.2")
    world.complete_milestone(world.add_milestone(project, "4.1"))
    world.add_run(world.add_project("Other"), "Elsewhere")

    row = client.get("/projects/1")["result"]

    assert row == {
        "id": 1,
        "name": "Shop",
        "note": None,
        "is_completed": False,
        "milestone_count": 2,
        "milestone_active_count": 1,
        "milestone_completed_count": 1,
        "run_count": 2,
        "run_active_count": 1,
        "run_closed_count": 1,
        "session_count": 0,
        "session_active_count": 0,
        "session_closed_count": 0,
        "automation_source_count": 0,
        "automation_source_active_count": 0,
        "automation_source_retired_count": 0,
        "automation_run_count": 0,
        "automation_run_active_count": 0,
        "automation_run_completed_count": 0,
        "created_at": "2026-03-02T09:00:00.000Z",
        "created_by": 1,
        "updated_at": None,
        "updated_by": None,
        "completed_at": None,
    }
    assert client.get("/projects", order="asc")["result"][0] == row


def test_completed_projects_can_be_told_apart(client: Client, shop: Shop, clock: Clock) -> None:
    clock.advance(minutes=1)
    shop.world.complete_project(shop.world.add_project("Old"))

    assert client.ids("/projects") == [2, 1]
    assert client.ids("/projects", is_completed="0") == [1]
    assert client.ids("/projects", is_completed="1", sort="projects:completed_at") == [2]
    assert client.get("/projects/2")["result"]["completed_at"] == "2026-03-02T09:01:00.000Z"


def test_projects_expand_to_their_creators(client: Client) -> None:
    assert client.get("/projects")["expands"] == []
    assert client.get("/projects/1")["expands"] == []
    assert client.get("/projects", expands="users")["expands"] == {"users": [{"id": 1, "name": "Testmo Notifier"}]}


def test_a_hidden_project_leaves_the_list(client: Client, shop: Shop) -> None:
    shop.world.hide_project(shop.project)
    hidden = client.ids("/projects")
    shop.world.show_project(shop.project)

    assert (hidden, client.ids("/projects")) == ([], [1])


def test_cases_write_their_dates_in_a_way_of_their_own(client: Client, shop: Shop) -> None:
    at = datetime(2026, 7, 29, 15, 52, 59, 210_008, tzinfo=UTC)
    shop.world.add_case(shop.project, "Late", created_at=at)

    row = client.get("/projects/1/cases")["result"][0]

    assert row == {
        "id": 4,
        "estimate": None,
        "folder_id": 1,
        "forecast": None,
        "has_automation": False,
        "has_automation_status": False,
        "key": 4,
        "name": "Late",
        "project_id": 1,
        "repo_id": 1,
        "state_id": 4,
        "status_id": None,
        "status_at": None,
        "template_id": 1,
        "created_at": "2026-07-29 15:52:59.210008",
        "created_by": 1,
        "updated_at": "2026-07-29 15:52:59.210008",
        "updated_by": 1,
    }


def test_cases_can_be_read_incrementally(client: Client, shop: Shop, clock: Clock) -> None:
    clock.advance(minutes=1)
    shop.world.add_case(shop.project, "New")

    sort = "repository_cases:created_at"
    assert client.ids("/projects/1/cases", sort=sort, order="asc") == [1, 2, 3, 4]
    assert client.ids("/projects/1/cases", sort=sort, created_after="2026-03-02T09:00:30Z") == [4]
    assert client.ids("/projects/1/cases", sort=sort, created_before="2026-03-02T09:00:30Z") == [1, 2, 3]


def test_cases_can_be_sorted_by_name(client: Client) -> None:
    rows = client.get("/projects/1/cases", sort="repository_cases:name", order="asc")["result"]

    assert [row["name"] for row in rows] == ["Login", "Pay", "Search"]


def test_cases_can_be_filtered(client: Client, shop: Shop) -> None:
    ada = shop.world.add_user("Ada")
    folder = shop.world.add_folder(shop.project, "Checkout")
    robot = shop.world.add_case(shop.project, "Automated", by=ada, folder=folder, tags=("smoke",))
    robot.has_automation = True
    cases = "/projects/1/cases"

    assert client.ids(cases, created_by="2") == [4]
    assert client.ids(cases, folder_id="2") == [4]
    assert client.ids(cases, tags="smoke,other") == [4]
    assert client.ids(cases, has_automation="1") == [4]
    assert client.ids(cases, has_automation="0") == [1, 2, 3]
    assert client.ids(cases, has_automation_status="1") == []
    assert client.ids(cases, status_id="2") == []
    assert client.ids(cases, state_id="1") == []
    assert client.ids(cases, template_id="2") == []
    assert client.ids(cases, state_id="4", template_id="1") == [1, 2, 3, 4]
    assert client.get(cases, folder_id="2", expands="folders,users,tags,templates")["expands"] == {
        "folders": [{"id": 2, "name": "Checkout"}],
        "users": [{"id": 2, "name": "Ada"}],
        "tags": [{"id": 1, "name": "smoke"}],
        "templates": [{"id": 1, "name": "Case (text)", "is_default": True}],
    }


def test_folders_form_a_tree(client: Client, shop: Shop) -> None:
    parent = shop.world.add_folder(shop.project, "Checkout")
    shop.world.add_folder(shop.project, "Vouchers", parent=parent)
    folders = "/projects/1/folders"

    assert client.get(folders, parent_id="2")["result"] == [
        {
            "id": 3,
            "project_id": 1,
            "repo_id": 1,
            "name": "Vouchers",
            "parent_id": 2,
            "depth": 1,
            "docs": None,
            "display_order": 3,
        }
    ]
    assert client.ids(folders, sort="name", order="asc") == [2, 1, 3]
    assert client.ids(folders, name="CHECK") == [2]
    assert client.get(folders, name="vouch", expands="folders")["expands"] == {
        "folders": [{"id": 2, "name": "Checkout"}]
    }


def test_milestones_sum_up_their_runs(client: Client, shop: Shop) -> None:
    milestone = shop.world.add_milestone(shop.project, "4.2", due_date=date(2026, 3, 31))
    for _ in range(2):
        run = shop.world.add_run(shop.project, "Run", cases=shop.cases, milestone=milestone)
        shop.world.save_result(shop.world.tests_of(run)[0], 3)

    answer = client.get("/milestones/1", expands="milestone_stats,milestone_types")

    assert answer["result"] == {
        "id": 1,
        "project_id": 1,
        "root_id": 1,
        "parent_id": None,
        "type_id": 1,
        "name": "4.2",
        "note": None,
        "is_started": True,
        "is_completed": False,
        "start_date": None,
        "due_date": "2026-03-31",
        "automation_tags": [],
        "issues": [],
        "links": [],
        "started_at": "2026-03-02T09:00:00.000Z",
        "created_at": "2026-03-02T09:00:00.000Z",
        "created_by": 1,
        "updated_at": None,
        "updated_by": None,
        "completed_at": None,
    }
    (stats,) = answer["expands"]["milestone_stats"]
    assert (stats["id"], stats["status2_count"], stats["untested_count"], stats["total_count"]) == (1, 2, 4, 6)
    assert answer["expands"]["milestone_types"] == [{"id": 1, "name": "Version", "is_default": True}]
    assert client.get("/projects/1/milestones")["result"] == [answer["result"]]


def test_milestones_can_be_filtered(client: Client, shop: Shop, clock: Clock) -> None:
    shop.world.add_milestone(shop.project, "4.2")
    clock.advance(minutes=1)
    shop.world.complete_milestone(shop.world.add_milestone(shop.project, "4.1"))
    milestones = "/projects/1/milestones"

    assert client.ids(milestones) == [2, 1]
    assert client.ids(milestones, is_completed="1") == [2]
    assert client.ids(milestones, completed_after="2026-03-02T09:00:30Z") == [2]
    assert client.ids(milestones, created_before="2026-03-02T09:00:30Z") == [1]
    assert client.ids(milestones, root_id="1") == [1]
    assert client.ids(milestones, parent_id="1") == []
    assert client.ids(milestones, type_id="2") == []
    assert client.ids(milestones, created_by="2") == []
    assert client.ids(milestones, automation_tags="nightly") == []


def test_configurations_can_be_looked_up(client: Client, shop: Shop) -> None:
    shop.world.add_config(shop.project, "Safari 17")
    shop.world.add_config(shop.world.add_project("Other"), "Chrome")

    assert client.get("/projects/1/configs")["result"] == [{"id": 1, "name": "Safari 17"}]
