"""Every documented parameter of every endpoint: a bad value is refused, a good one is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Client

RESULTS, RUNS, CASES = "/runs/1/results", "/projects/1/runs", "/projects/1/cases"
MILESTONES, FOLDERS, PROJECTS = "/projects/1/milestones", "/projects/1/folders", "/projects"

SORTS = [
    (RESULTS, ["run_results:created_at"]),
    (RUNS, ["runs:created_at", "runs:closed_at"]),
    (CASES, ["repository_cases:created_at", "repository_cases:name"]),
    (MILESTONES, ["milestones:created_at", "milestones:completed_at"]),
    (FOLDERS, ["display_order", "name"]),
    (PROJECTS, ["projects:created_at", "projects:completed_at"]),
]
DATES = [
    (RESULTS, ["created"]),
    (RUNS, ["created", "closed"]),
    (CASES, ["created"]),
    (MILESTONES, ["created", "completed"]),
]
ID_LISTS = [
    (RESULTS, ["created_by", "assignee_id", "status_id"]),
    (RUNS, ["config_id", "created_by", "milestone_id", "state_id"]),
    (CASES, ["created_by", "folder_id", "template_id", "state_id", "status_id"]),
    (MILESTONES, ["created_by", "parent_id", "root_id", "type_id"]),
    (FOLDERS, ["parent_id"]),
]
FLAGS = [
    (RESULTS, ["get_latest_result"]),
    (RUNS, ["is_closed"]),
    (CASES, ["has_automation", "has_automation_status"]),
    (MILESTONES, ["is_completed"]),
    (PROJECTS, ["is_completed"]),
]
EXPANDS = [
    (RESULTS, "issues,statuses,users"),
    (RUNS, "configs,issues,milestones,states,statuses,users"),
    ("/runs/1", "configs,issues,milestones,states,statuses,users"),
    (CASES, "automation_links,comments,folders,history,users,tags,templates"),
    (MILESTONES, "issues,milestone_stats,milestone_types,milestones,statuses,users"),
    ("/milestones/1", "issues,milestone_stats,milestone_types,milestones,statuses,users"),
    (FOLDERS, "folders"),
    (PROJECTS, "users"),
    ("/projects/1", "users"),
    ("/users", "groups,roles,users"),
    ("/users/1", "groups,roles,users"),
]


def pairs(table: list[tuple[str, list[str]]]) -> list[tuple[str, str]]:
    return [(path, name) for path, names in table for name in names]


@pytest.fixture(autouse=True)
def _a_milestone(client: Client) -> None:
    world = client.simulator.world
    world.add_milestone(world.projects[1], "4.2")


def refused(client: Client, path: str, name: str, value: str, complaint: str) -> None:
    assert client.refused(path, **{name: value}) == (
        422,
        {"message": complaint, "errors": {name: [complaint]}},
    )


@pytest.mark.parametrize(("path", "sort"), pairs(SORTS))
def test_a_documented_sort_field_is_accepted_in_both_directions(client: Client, path: str, sort: str) -> None:
    assert client.ask(path, sort=sort, order="asc").status == 200
    assert client.ask(path, sort=sort, order="desc").status == 200


@pytest.mark.parametrize("path", [path for path, _ in SORTS])
def test_any_other_sort_or_order_is_refused(client: Client, path: str) -> None:
    refused(client, path, "sort", "updated_at", "The selected sort is invalid.")
    refused(client, path, "order", "DESC", "The selected order is invalid.")


@pytest.mark.parametrize(("path", "prefix"), pairs(DATES))
def test_dates_are_iso_8601(client: Client, path: str, prefix: str) -> None:
    for value in (
        "2023-02-15T00:00:00.000Z",
        "2023-02-15T00:00:00Z",
        "2023-02-15T02:00:00+02:00",
        "2023-02-15 00:00:00",
        "2023-02-15",
    ):
        assert client.ask(path, **{f"{prefix}_after": value, f"{prefix}_before": value}).status == 200, value


@pytest.mark.parametrize(("path", "prefix"), pairs(DATES))
@pytest.mark.parametrize("bound", ["after", "before"])
def test_what_is_no_date_is_refused(client: Client, path: str, prefix: str, bound: str) -> None:
    for value in ("yesterday", "1676419200.5", "2023-02-30", "0001-01-01T00:00:00+14:00"):
        refused(client, path, f"{prefix}_{bound}", value, f"The {prefix} {bound} is not a valid date.")


@pytest.mark.parametrize(("path", "name"), pairs(ID_LISTS))
def test_ids_are_given_one_by_one_or_with_commas(client: Client, path: str, name: str) -> None:
    for value in ("3", "3,5", "0"):
        assert client.ask(path, **{name: value}).status == 200, value


@pytest.mark.parametrize(("path", "name"), pairs(ID_LISTS))
def test_what_is_no_list_of_ids_is_refused(client: Client, path: str, name: str) -> None:
    for value in ("failed", "3,", ",3", "3, 5", "3;5", "-1", "[3]"):
        refused(client, path, name, value, f"The {name.replace('_', ' ')} format is invalid.")


@pytest.mark.parametrize(("path", "name"), pairs(FLAGS))
def test_booleans_have_four_spellings(client: Client, path: str, name: str) -> None:
    for value in ("1", "0", "true", "false"):
        assert client.ask(path, **{name: value}).status == 200, value


@pytest.mark.parametrize(("path", "name"), pairs(FLAGS))
def test_any_other_spelling_is_refused_also_pythons(client: Client, path: str, name: str) -> None:
    for value in ("True", "yes", "2"):
        refused(client, path, name, value, f"The {name.replace('_', ' ')} field must be true or false.")


@pytest.mark.parametrize(("path", "names"), EXPANDS)
def test_every_documented_expand_is_accepted(client: Client, path: str, names: str) -> None:
    assert client.ask(path, expands=names).status == 200


@pytest.mark.parametrize(("path", "names"), EXPANDS)
def test_an_expand_of_another_endpoint_is_refused(client: Client, path: str, names: str) -> None:
    refused(client, path, "expands", f"{names},sessions", "The selected expands is invalid.")


def test_of_a_name_given_twice_the_last_value_counts(client: Client) -> None:
    url = f"{client.simulator.url}/api/v1/projects/1/runs?per_page=7&per_page=15"

    answer = client.pool.request("GET", url, headers={"Authorization": "Bearer testmo_api_simulator"})

    assert answer.json()["per_page"] == 15
