from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.simulator import Switches
from tools.simulator.api import Api, Request

if TYPE_CHECKING:
    from tests.simulator.conftest import Client, Shop

OBJECTS = [
    ("/users/9", "user"),
    ("/projects/9", "project"),
    ("/projects/9/users", "project"),
    ("/projects/9/runs", "project"),
    ("/projects/9/cases", "project"),
    ("/projects/9/folders", "project"),
    ("/projects/9/milestones", "project"),
    ("/projects/9/configs", "project"),
    ("/milestones/9", "milestone"),
    ("/runs/9", "run"),
    ("/runs/9/results", "run"),
]


@pytest.mark.parametrize(("path", "thing"), OBJECTS)
def test_what_does_not_exist_is_404_and_named(client: Client, path: str, thing: str) -> None:
    assert client.refused(path) == (404, {"message": f"The {thing} with ID 9 does not exist."})


@pytest.mark.parametrize(
    "path",
    [
        "/projects/1/runs/1",  # runs are not below projects
        "/cases/1",  # no single case can be read
        "/projects/1/cases/1",
        "/projects/1/issues",
        "/runs/first",
        "/runs/#",
        "/runs/1/",
        "/statuses",
        "/projects/1/states",  # nobody asks for these: they are not simulated
        "/issues/connections",
        "",
    ],
)
def test_a_path_that_no_endpoint_has_is_another_404(client: Client, path: str) -> None:
    answer = client.send("GET", f"/api/v1{path}")

    assert answer.status == 404
    assert answer.json() == {"message": f"The route api/v1{path.split('#', maxsplit=1)[0]} could not be found."}


def test_the_api_is_below_its_base_path_only(client: Client, shop: Shop) -> None:
    """Over HTTP the pages for people are at such paths; the API itself has nothing there either."""
    answer = client.send("GET", "/user")
    request = Request.parse("GET", "/user", "Bearer testmo_api_simulator")

    assert (answer.status, answer.json()) == (404, {"message": "The route user could not be found."})
    assert Api(shop.world, Switches()).answer(request).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_written(client: Client, method: str) -> None:
    answer = client.send(method, "/api/v1/runs/1", body=b'{"name": "x"}')

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"
    assert answer.json() == {
        "message": f"The {method} method is not supported for route api/v1/runs/1. Supported methods: GET, HEAD."
    }


@pytest.mark.parametrize("token", ["", "testmo_api_other", "testmo_api_simulator2"])
@pytest.mark.parametrize("path", ["/user", "/projects", "/runs/1/results", "/runs/9"])
def test_a_missing_or_wrong_token_is_401_everywhere(client: Client, path: str, token: str) -> None:
    answer = client.send("GET", f"/api/v1{path}", token=token)

    assert (answer.status, answer.json()) == (401, {"message": "Unauthenticated."})


def test_no_authorization_header_at_all_is_401(client: Client) -> None:
    answer = client.pool.request("GET", f"{client.simulator.url}/api/v1/user")

    assert answer.status == 401


def test_an_unknown_route_is_404_whatever_the_token(client: Client) -> None:
    assert client.send("GET", "/api/v1/nothing", token="wrong").status == 404


@pytest.mark.parametrize("path", [path.replace("9", "1") for path, thing in OBJECTS if thing != "user"])
def test_everything_in_a_hidden_project_is_403(client: Client, shop: Shop, path: str) -> None:
    shop.world.add_milestone(shop.project, "4.2")
    shop.world.hide_project(shop.project)

    assert client.refused(path) == (403, {"message": "This action is unauthorized."})


def test_a_deleted_run_is_404_and_leaves_the_list(client: Client, shop: Shop) -> None:
    shop.save()
    shop.world.delete_run(shop.run)

    assert client.ask("/runs/1").status == 404
    assert client.ask("/runs/1/results").status == 404
    assert client.ids("/projects/1/runs") == []


def test_what_does_not_exist_is_404_even_with_bad_values(client: Client) -> None:
    assert client.ask("/runs/9/results", per_page=7).status == 404
