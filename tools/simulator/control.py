"""Driving a running simulator from another terminal: JSON under `/_simulator`, no token needed.

README.md shows each call with curl.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from tools.lib.stamps import iso
from tools.simulator import answers
from tools.simulator.answers import Answer
from tools.simulator.faults import DESCRIPTIONS, Faults
from tools.simulator.loopback import Received
from tools.simulator.story import Scenario
from tools.simulator.switches import CHOICES, Switches
from tools.simulator.world import World

PREFIX = "/_simulator"


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request to the API. `path` has no query; `status` is 0 if the connection was reset instead.

    `fault` names the fault that decided the answer, None if the API did.
    """

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    at: datetime
    fault: str | None = None


class Controlled(Protocol):
    """What is looked at and moved: a simulator."""

    scenario: Scenario | None
    world: World
    switches: Switches
    requests: list[RecordedRequest]
    faults: Faults

    @property
    def url(self) -> str:
        """The instance's address."""

    def advance(self) -> str | None:
        """Play the scenario's next step; its narration, or None if there is none left."""


def answer(simulator: Controlled, received: Received) -> Answer:
    """Answer one control request; a wrong value is a 400 that says what would be right."""
    path = received.target.partition("?")[0].removeprefix(PREFIX).rstrip("/")
    command = _COMMANDS.get((received.method, path))
    if command is None:
        known = ", ".join(f"{method} {PREFIX}{known}" for method, known in _COMMANDS)
        return answers.error(404, f"no {received.method} {PREFIX}{path}; there are: {known}")
    try:
        return answers.as_json(command(simulator, _object(received.body)))
    except ValueError as exc:
        return answers.error(400, str(exc))


def _state(simulator: Controlled) -> Mapping[str, object]:
    scenario = simulator.scenario
    return {
        "url": simulator.url,
        "scenario": scenario.title if scenario else None,
        "played": scenario.played if scenario else 0,
        "steps": [step.narration for step in scenario.steps] if scenario else [],
        "now": iso(simulator.world.now()),
        "requests": len(simulator.requests),
        "faults": simulator.faults.in_place(),
        "switches": asdict(simulator.switches),
    }


def _object(body: bytes) -> dict[str, object]:
    value: object = json.loads(body or b"{}")
    if not isinstance(value, dict):
        raise ValueError("send a JSON object")  # noqa: TRY004 -- to the sender it is a wrong value
    return value


def _requests(simulator: Controlled) -> list[Mapping[str, object]]:
    return [{**asdict(record), "at": iso(record.at)} for record in simulator.requests[-100:]]


def _faults(simulator: Controlled) -> Mapping[str, object]:
    return {"known": DESCRIPTIONS, "in_place": simulator.faults.in_place()}


def _clear_faults(simulator: Controlled) -> Mapping[str, object]:
    simulator.faults.clear()
    return _faults(simulator)


def _add_fault(simulator: Controlled, given: Mapping[str, object]) -> Mapping[str, object]:
    simulator.faults.add(
        _text(given, "name"),
        path=_text(given, "path", "*"),
        times=_number(given, "times", 1) if given.get("times", 1) is not None else None,
        retry_after=_number(given, "retry_after") if "retry_after" in given else None,
        seconds=_number(given, "seconds", 0),
    )
    return _faults(simulator)


def _switch(simulator: Controlled, given: Mapping[str, object]) -> Mapping[str, object]:
    for name, value in given.items():
        wanted = CHOICES.get(name) or {"seed": int, "counters_lead": bool, "lists_deleted": bool}.get(name)
        if wanted is None:
            raise ValueError(f"no switch is called {name!r}")
        fits = type(value) is wanted if isinstance(wanted, type) else value in wanted
        if not fits:
            raise ValueError(f"{name} takes {wanted}")
    for name, value in given.items():
        setattr(simulator.switches, name, value)
    return asdict(simulator.switches)


def _save(simulator: Controlled, given: Mapping[str, object]) -> Mapping[str, object]:
    world = simulator.world
    test = world.tests.get(_number(given, "test_id"))
    status = world.statuses.get(_number(given, "status_id"))
    if test is None or status is None:
        raise ValueError("send the test_id of a test and the status_id of a status")
    note = _text(given, "note") if "note" in given else None
    result = world.save_result(test, status.id, note=note)
    return {"id": result.id, "run_id": result.run_id, "created_at": iso(result.created_at)}


def _text(given: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text")  # noqa: TRY004 -- to the sender it is a wrong value
    return value


def _number(given: Mapping[str, object], name: str, default: int | None = None) -> int:
    value = given.get(name, default)
    if type(value) is not int:
        raise ValueError(f"{name} is a whole number")
    return value


_COMMANDS: Mapping[tuple[str, str], Callable[[Controlled, Mapping[str, object]], object]] = {
    ("GET", ""): lambda simulator, _given: _state(simulator),
    ("POST", "/advance"): lambda simulator, _given: {"narration": simulator.advance()},
    ("GET", "/requests"): lambda simulator, _given: _requests(simulator),
    ("GET", "/faults"): lambda simulator, _given: _faults(simulator),
    ("POST", "/faults"): _add_fault,
    ("DELETE", "/faults"): lambda simulator, _given: _clear_faults(simulator),
    ("GET", "/switches"): lambda simulator, _given: asdict(simulator.switches),
    ("POST", "/switches"): _switch,
    ("POST", "/results"): _save,
}
