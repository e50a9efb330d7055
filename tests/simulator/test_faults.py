from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import urllib3
from urllib3.exceptions import ProtocolError

from tools.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.conftest import Client, Clock, Shop

RESULTS = "/runs/1/results"

# name, options, status, message
JSON_FAULTS: list[tuple[str, int, str]] = [
    ("401", 401, "Unauthenticated."),
    ("403", 403, "This action is unauthorized."),
    ("404", 404, "The requested object does not exist."),
    ("404-route", 404, "The route api/v1/runs/1/results could not be found."),
    (
        "405",
        405,
        "The GET method is not supported for route api/v1/runs/1/results. Supported methods: GET, HEAD.",
    ),
    ("422", 422, "The selected page rows is invalid."),
    ("429", 429, "Too Many Attempts."),
    ("500", 500, "Server Error"),
]


@pytest.mark.parametrize(("name", "status", "message"), JSON_FAULTS)
def test_a_named_fault_answers_once_and_then_the_api_again(
    client: Client, name: str, status: int, message: str
) -> None:
    client.simulator.faults.add(name)

    refused_status, body = client.refused(RESULTS)

    assert (refused_status, body["message"]) == (status, message)
    assert client.ask(RESULTS).status == 200


@pytest.mark.parametrize(("name", "status"), [("502", 502), ("503", 503), ("login-page", 200)])
def test_pages_for_people_are_html(client: Client, name: str, status: int) -> None:
    client.simulator.faults.add(name)

    answer = client.ask(RESULTS)

    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert b"<html>" in answer.data


def test_a_redirect_leads_to_the_login_page(client: Client) -> None:
    client.simulator.faults.add("redirect")

    answer = client.ask(RESULTS)
    page = client.send("GET", answer.headers["Location"])

    assert (answer.status, answer.headers["Location"]) == (302, "/auth/login")
    assert b"<title>Log in - Testmo</title>" in page.data


def test_429_comes_with_retry_after_or_without(client: Client) -> None:
    client.simulator.faults.add("429", retry_after=7)
    client.simulator.faults.add("429")

    assert client.ask(RESULTS).headers["Retry-After"] == "7"
    assert "Retry-After" not in client.ask(RESULTS).headers


def test_a_fault_lasts_for_as_many_requests_as_told(client: Client) -> None:
    client.simulator.faults.add("500", times=2)

    assert [client.ask(RESULTS).status for _ in range(3)] == [500, 500, 200]


def test_a_fault_without_an_end_lasts_until_it_is_cleared(client: Client) -> None:
    client.simulator.faults.add("500", times=None)
    during = [client.ask(RESULTS).status for _ in range(5)]
    client.simulator.faults.clear()

    assert (during, client.ask(RESULTS).status) == ([500] * 5, 200)


def test_a_fault_applies_to_the_paths_of_its_pattern_only(client: Client, shop: Shop) -> None:
    shop.world.add_run(shop.project, "2")
    client.simulator.faults.add("500", path="/runs/*/results", times=None)

    assert client.ask("/runs/1/results").status == 500
    assert client.ask("/runs/2/results").status == 500
    assert client.ask("/runs/1").status == 200
    assert client.ask("/projects/1/runs").status == 200


def test_faults_apply_in_the_order_they_were_added(client: Client) -> None:
    for name in ("502", "403", "500"):
        client.simulator.faults.add(name)

    assert [client.ask(RESULTS).status for _ in range(4)] == [502, 403, 500, 200]


def test_an_unknown_fault_is_refused_with_the_known_ones(client: Client) -> None:
    with pytest.raises(ValueError, match="no fault is called 'teapot'; there are: 401, 403"):
        client.simulator.faults.add("teapot")


def test_a_slow_answer_waits_and_is_complete(shop: Shop, connect: Callable[[Simulator], Client]) -> None:
    waited: list[float] = []
    with Simulator(shop.world, sleep=waited.append) as simulator:
        simulator.faults.add("slow", seconds=12.5)
        client = connect(simulator)

        assert client.ask(RESULTS).status == 200
        assert client.ask(RESULTS).status == 200

    assert waited == [12.5]


def test_a_slow_answer_can_also_be_a_bad_one(shop: Shop, connect: Callable[[Simulator], Client]) -> None:
    waited: list[float] = []
    with Simulator(shop.world, sleep=waited.append) as simulator:
        simulator.faults.add("slow", seconds=3)
        simulator.faults.add("503")

        assert connect(simulator).ask(RESULTS).status == 503

    assert waited == [3]


def test_a_truncated_answer_ends_before_its_announced_length(client: Client) -> None:
    client.simulator.faults.add("truncated")

    with pytest.raises(ProtocolError, match=r"IncompleteRead\(57 bytes read, 57 more expected\)"):
        client.ask(RESULTS)

    assert client.ask(RESULTS).status == 200


def test_cut_json_is_a_good_answer_that_cannot_be_read(client: Client) -> None:
    client.simulator.faults.add("cut-json")

    answer = client.ask(RESULTS)

    assert answer.status == 200
    assert answer.headers["Content-Length"] == str(len(answer.data))
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_reset_is_a_reset(client: Client) -> None:
    client.simulator.faults.add("reset")

    with pytest.raises(ProtocolError) as caught:
        client.ask(RESULTS)

    assert type(caught.value.args[1]) is ConnectionResetError  # a mere hang-up would be a subclass of it
    assert client.simulator.requests[-1].status == 0
    assert client.ask(RESULTS).status == 200


def test_an_api_may_not_know_the_expand_statuses_on_results(client: Client) -> None:
    client.simulator.faults.add("no-statuses", path="/runs/*/results", times=None)

    assert client.refused(RESULTS, expands="issues,statuses") == (
        422,
        {
            "message": "The selected expands is invalid.",
            "errors": {"expands": ["The selected expands is invalid."]},
        },
    )
    assert client.ask(RESULTS, expands="issues,users").status == 200
    assert client.ask("/runs/1", expands="statuses").status == 200


def test_a_row_deleted_between_two_pages_hides_another_one(client: Client, shop: Shop) -> None:
    """The page that follows starts one row later than it should: `total` shrinks, row 16 was never shown."""
    rows = [shop.save() for _ in range(20)]
    client.simulator.faults.before_page(2, lambda: shop.world.delete_result(rows[0], hard=True))

    first = client.get(RESULTS, order="asc", per_page=15)
    second = client.get(RESULTS, order="asc", per_page=15, page=2)

    assert [row["id"] for row in first["result"]] == list(range(1, 16))
    assert [row["id"] for row in second["result"]] == [17, 18, 19, 20]
    assert (first["total"], second["total"]) == (20, 19)


def test_a_row_inserted_between_two_pages_of_a_descending_list_repeats_one(client: Client, shop: Shop) -> None:
    client.simulator.switches.ties = "descending"
    for _ in range(20):
        shop.save()
    client.simulator.faults.before_page(2, shop.save)

    first, second = (client.ids(RESULTS, per_page=15, page=page) for page in (1, 2))

    assert first == list(range(20, 5, -1))
    assert second == [6, 5, 4, 3, 2, 1]


def test_a_hook_runs_once_unless_told_otherwise(client: Client) -> None:
    calls: list[str] = []
    client.simulator.faults.before_page(1, lambda: calls.append("once"))
    client.simulator.faults.before_page(1, lambda: calls.append("always"), times=None)

    for _ in range(3):
        client.ask(RESULTS)

    assert calls == ["once", "always", "always", "always"]


def test_a_limit_lets_so_many_requests_through_in_any_minute(client: Client, clock: Clock) -> None:
    client.simulator.faults.limit(2)
    statuses = [client.ask("/user").status]
    clock.advance(seconds=20.5)
    statuses += [client.ask("/user").status, client.ask("/user").status]
    refused = client.ask("/user")
    clock.advance(seconds=40)
    statuses += [client.ask("/user").status, client.ask("/user").status]

    assert statuses == [200, 200, 429, 200, 429]
    assert (refused.headers["Retry-After"], refused.json()) == ("40", {"message": "Too Many Attempts."})


def test_a_limit_of_nothing_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="at least one"):
        client.simulator.faults.limit(0)


def test_every_request_is_recorded(client: Client, clock: Clock) -> None:
    client.ask(RESULTS, status_id="3,5", page=1)
    at = clock.advance(seconds=5)
    client.simulator.faults.add("503")
    client.send("POST", "/api/v1/runs/1", token="wrong")

    first, second = client.simulator.requests

    assert (first.method, first.path, first.status) == ("GET", "/api/v1/runs/1/results", 200)
    assert first.query == {"status_id": "3,5", "page": "1"}
    assert first.fault is None
    assert (second.method, second.status, second.fault, second.at) == ("POST", 503, "503", at)


def test_keep_alive_survives_everything_but_a_broken_connection(simulator: Simulator) -> None:
    with urllib3.HTTPConnectionPool("127.0.0.1", int(simulator.url.rpartition(":")[2])) as pool:
        for name in ("500", "502", "redirect", "cut-json", "429"):
            simulator.faults.add(name)
            pool.request("GET", "/api/v1/user", retries=False, redirect=False)
        pool.request("POST", "/api/v1/user", body=b"x" * 1000, retries=False)

        assert (pool.num_requests, pool.num_connections) == (6, 1)
