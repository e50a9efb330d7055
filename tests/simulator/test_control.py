from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tools.simulator import Simulator, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.conftest import Client, Clock, Shop


def drive(client: Client, method: str, path: str, given: object = None) -> tuple[int, Any]:
    body = None if given is None else json.dumps(given).encode()
    answer = client.send(method, f"/_simulator{path}", token="", body=body)
    return answer.status, answer.json()


def test_a_story_can_be_driven_from_outside(clock: Clock, connect: Callable[[Simulator], Client]) -> None:
    with Simulator(scenario=load("hostile-text", now=clock)) as simulator:
        client = connect(simulator)
        step = "Mallory saves five Failed results full of traps"

        assert drive(client, "POST", "/advance") == (200, {"narration": step})
        assert drive(client, "POST", "/advance") == (200, {"narration": None})
        assert drive(client, "GET", "") == (
            200,
            {
                "url": simulator.url,
                "scenario": "Hostile text",
                "played": 1,
                "steps": [step],
                "now": "2026-03-02T09:00:00.000Z",
                "requests": 0,
                "faults": [],
                "switches": {
                    "bounds": "inclusive",
                    "precision": "millisecond",
                    "ties": "ascending",
                    "seed": 0,
                    "counters_lead": False,
                    "lists_deleted": True,
                },
            },
        )


def test_without_a_story_there_is_nothing_to_advance(client: Client) -> None:
    assert drive(client, "POST", "/advance") == (200, {"narration": None})


def test_a_fault_can_be_added_and_cleared(client: Client) -> None:
    status, faults = drive(client, "POST", "/faults", {"name": "429", "path": "/runs/*", "times": 2, "retry_after": 5})
    refused = client.ask("/runs/1")
    _, cleared = drive(client, "DELETE", "/faults")

    assert (status, faults["in_place"]) == (200, [{"name": "429", "path": "/runs/*", "times": 2}])
    assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
    assert cleared["in_place"] == []
    assert client.ask("/runs/1").status == 200


def test_a_fault_can_last_for_ever(client: Client) -> None:
    drive(client, "POST", "/faults", {"name": "500", "times": None})

    assert [client.ask("/user").status for _ in range(3)] == [500, 500, 500]
    assert drive(client, "GET", "/faults")[1]["in_place"] == [{"name": "500", "path": "*", "times": None}]


def test_switches_can_be_set(client: Client) -> None:
    status, switches = drive(client, "POST", "/switches", {"ties": "shuffled", "seed": 3})

    assert (status, switches["ties"], switches["seed"]) == (200, "shuffled", 3)
    assert client.simulator.switches.ties == "shuffled"
    assert drive(client, "GET", "/switches")[1] == switches


def test_a_result_can_be_saved(client: Client, shop: Shop) -> None:
    saved = drive(client, "POST", "/results", {"test_id": 2, "status_id": 3, "note": "<p>No.</p>"})

    assert saved == (200, {"id": 1, "run_id": 1, "created_at": "2026-03-02T09:00:00.000Z"})
    assert shop.world.results_of(shop.run)[0].note == "<p>No.</p>"


def test_requests_can_be_looked_at_and_control_is_not_among_them(client: Client) -> None:
    client.ask("/user")

    assert drive(client, "GET", "/requests") == (
        200,
        [
            {
                "method": "GET",
                "path": "/api/v1/user",
                "query": {},
                "status": 200,
                "at": "2026-03-02T09:00:00.000Z",
                "fault": None,
            }
        ],
    )


@pytest.mark.parametrize(
    ("path", "given", "complaint"),
    [
        ("/faults", {"name": "teapot"}, "no fault is called 'teapot'"),
        ("/faults", {}, "name is a text"),
        ("/faults", {"name": "500", "times": "two"}, "times is a whole number"),
        ("/faults", ["500"], "send a JSON object"),
        ("/switches", {"tie": "shuffled"}, "no switch is called 'tie'"),
        ("/switches", {"ties": "random"}, "ties takes"),
        ("/switches", {"seed": True}, "seed takes"),
        ("/results", {"test_id": 99, "status_id": 3}, "send the test_id of a test"),
        ("/results", {"test_id": 1, "status_id": 99}, "the status_id of a status"),
    ],
)
def test_a_wrong_value_is_refused_in_words(client: Client, path: str, given: object, complaint: str) -> None:
    status, body = drive(client, "POST", path, given)

    assert status == 400
    assert complaint in body["message"]


def test_a_wrong_switch_leaves_the_others_as_they_were(client: Client) -> None:
    drive(client, "POST", "/switches", {"ties": "shuffled", "bounds": "maybe"})

    assert client.simulator.switches.ties == "ascending"


def test_what_is_no_json_is_refused(client: Client) -> None:
    assert client.send("POST", "/_simulator/faults", body=b"{name}").status == 400


def test_an_unknown_command_names_the_known_ones(client: Client) -> None:
    status, body = drive(client, "POST", "/rewind")

    assert status == 404
    assert "POST /_simulator/advance" in body["message"]
