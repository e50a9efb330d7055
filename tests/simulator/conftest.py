"""A simulator over real HTTP, a clock that only tests move, and a small shop to read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import urllib3

from tools.simulator import Simulator, StatusId, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tools.simulator.model import Case, Project, Result, Run, Test

START = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> datetime:
        self.time += timedelta(**by)
        return self.time


@dataclass
class Shop:
    """A world with one project, three cases and one run of them."""

    world: World
    project: Project
    cases: list[Case]
    run: Run
    tests: list[Test]

    def save(self, test: int = 0, status: int = StatusId.FAILED, **given: Any) -> Result:  # noqa: ANN401 -- handed on
        return self.world.save_result(self.tests[test], status, **given)


@dataclass
class Client:
    """Asks like a well-behaved client: token, JSON, no retries, no redirects."""

    simulator: Simulator
    pool: urllib3.PoolManager

    def ask(self, path: str, **query: object) -> urllib3.BaseHTTPResponse:
        return self.send("GET", "/api/v1" + path + (f"?{urlencode(query)}" if query else ""))

    def send(
        self, method: str, target: str, *, token: str = "testmo_api_simulator", body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        url = self.simulator.url + target
        return self.pool.request(method, url, headers=headers, body=body, retries=False, redirect=False, timeout=10)

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 -- the JSON is what the tests look at
        answer = self.ask(path, **query)
        assert answer.status == 200, answer.data
        return answer.json()

    def refused(self, path: str, **query: object) -> tuple[int, Any]:
        answer = self.ask(path, **query)
        return answer.status, json.loads(answer.data)

    def ids(self, path: str, **query: object) -> list[int]:
        return [row["id"] for row in self.get(path, **query)["result"]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(clock: Clock) -> Shop:
    world = World(now=clock)
    project = world.add_project("Shop")
    cases = [world.add_case(project, name) for name in ("Login", "Search", "Pay")]
    run = world.add_run(project, "Release 4.2", cases=cases)
    return Shop(world, project, cases, run, world.tests_of(run))


@pytest.fixture
def simulator(shop: Shop) -> Iterator[Simulator]:
    with Simulator(shop.world) as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Callable[[Simulator], Client]]:
    pool = urllib3.PoolManager()
    yield lambda simulator: Client(simulator, pool)
    pool.clear()


@pytest.fixture
def client(simulator: Simulator, connect: Callable[[Simulator], Client]) -> Client:
    return connect(simulator)
