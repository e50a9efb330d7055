"""Plays a story on the simulator and polls it: real HTTP, state and messages in memory, a clock of its own."""
# ruff: noqa: ANN401 -- what is handed through to settings and to the simulator has many types

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from testmo_notifier.adapters.http import Answer, new_pool
from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import Checkpoint, Scope
from testmo_notifier.poll import Setup, poll
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.polling.report import Report
from testmo_notifier.ports import Store
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.memory import MemoryStore, MemoryTopic
from tools.simulator import Simulator, StatusId, World
from tools.simulator.control import RecordedRequest
from tools.simulator.model import Project, Result, Run, Test

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BUILT_IN_TEXTS = Renderer(ZoneInfo("UTC"))  # one for all stories: it compiles its templates only once
FAILED, BLOCKED, PASSED = StatusId.FAILED, StatusId.BLOCKED, StatusId.PASSED


def one_worker(_workers: int) -> Executor:
    """Effects then come in the same order each time."""
    return ThreadPoolExecutor(1)


class PlainToken:
    """A token that is the one in the secret, unless a test changes what was read of that."""

    def __init__(self, token: str) -> None:
        self.token = self.in_secret = token

    def __call__(self, *, fresh: bool = False) -> str:
        return self.in_secret if fresh else self.token


class SpoiledTestmo(Testmo):
    """The real adapter over real HTTP, whose answers are changed after they arrived: what no honest Testmo sends."""

    spoil: Callable[[str, dict[str, Any]], None]

    def _get(self, path: str, query: Mapping[str, str]) -> tuple[Mapping[str, object], Answer]:
        body, answer = super()._get(path, query)
        changed = dict(body)
        self.spoil(path, changed)
        return changed, answer


class Story:
    """A Testmo with one project and one open run, and a poller that watches it. Time moves when told to."""

    def __init__(self) -> None:
        self.time = START
        self.world = World(now=lambda: self.time)
        self.testmo = Simulator(self.world)
        self.store = MemoryStore()
        self.topic = MemoryTopic()
        self.token = PlainToken(self.testmo.token)
        self.pool = new_pool()
        self.processes = 0
        self.renderer = BUILT_IN_TEXTS
        self.shop: Project = self.world.add_project("Shop")
        self.settings: dict[str, Any] = {
            "watch": Watch((3, 5)),
            "scope": Scope((), (), timedelta(seconds=300), timedelta(0)),
            "destinations": ("slack:default", "email:default", "event"),
            "staleness": timedelta(minutes=5),
            "requests_per_minute": 120,
            "seconds_left": lambda: 60.0,
        }
        self.spoil: Callable[[str, dict[str, Any]], None] = lambda _path, _body: None

    def add_run(self, name: str = "Release 4.2", tests: int = 5, project: Project | None = None) -> Run:
        project = project or self.shop
        cases = [self.world.add_case(project, f"{name} case {n}") for n in range(1, tests + 1)]
        return self.world.add_run(project, name, cases=cases)

    def add_run_and_poll(self, *args: Any, **details: Any) -> Run:
        """A run that a poll has seen: what fails in it from now on is new."""
        run = self.add_run(*args, **details)
        self.poll()
        return run

    def test(self, run: Run, number: int = 1) -> Test:
        """The n-th test of a run, from 1."""
        return self.world.tests_of(run)[number - 1]

    def save(self, run: Run, number: int = 1, status: int = FAILED, **details: Any) -> Result:
        return self.world.save_result(self.test(run, number), status, **details)

    def wait(self, seconds: float = 60.0) -> None:
        self.time += timedelta(seconds=seconds)

    def ago(self, seconds: float) -> datetime:
        return self.time - timedelta(seconds=seconds)

    def scope(self, **changed: Any) -> Scope:
        """The scope of the settings, changed."""
        scope: Scope = self.settings["scope"]
        return replace(scope, **changed)

    def poll(self, *, store: Store | None = None, **changed: Any) -> Report:
        """One poll; the clock stands still meanwhile, but for what the poller sleeps."""
        return poll(self.setup(store=store, **changed))

    def wait_and_poll(self, polls: int = 1, *, every: float = 60.0) -> Report:
        """So many polls, each after a pause; the last one's summary."""
        for _ in range(polls):
            self.wait(every)
            summary = self.poll()
        return summary

    def fail_and_poll(self, run: Run, number: int = 1, **details: Any) -> Result:
        """A test fails, and a poll tells it."""
        row = self.save(run, number, **details)
        self.wait_and_poll()
        return row

    def deploy_again(self) -> None:
        """What is left of a poller after a deploy: its state, and nothing else."""
        self.pool.clear()
        self.pool = new_pool()
        self.next_process()

    def next_process(self) -> None:
        """The same state in the hands of another invocation, to which the lease of this one says nothing."""
        self.processes += 1
        self.store = self.store.as_seen_by(f"poller {self.processes}")

    def setup(self, *, store: Store | None = None, **changed: Any) -> Setup:
        return Setup(
            **{
                "store": store or self.store,
                "connect": self.connect,
                "topic": self.topic,
                "renderer": self.renderer,
                "testmo_url": "https://example.testmo.net",
                "now": lambda: self.time,
                "sleep": self.wait,
                "shuffle": lambda _: None,
                **self.settings,
                **changed,
            }
        )

    def connect(self, rate_limit: RateLimit) -> Testmo:
        testmo = SpoiledTestmo(
            url=self.testmo.url, token=self.token, pool=self.pool, rate_limit=rate_limit, now=lambda: self.time
        )
        testmo.spoil = self.spoil
        return testmo

    def requests(self, path: str = "*") -> list[RecordedRequest]:
        """What Testmo was asked so far below /api/v1, by a pattern such as `/runs/*/results`."""
        return [r for r in self.testmo.requests if fnmatchcase(r.path.removeprefix("/api/v1"), path)]

    def reads(self, run: Run | None = None) -> list[RecordedRequest]:
        """The pages of results that were asked for, of one run or of all, sweeps left out."""
        asked = self.requests(f"/runs/{run.id if run else '*'}/results")
        return [request for request in asked if "get_latest_result" not in request.query]

    def before_page(self, page: int, action: Callable[[], object], **where: Any) -> None:
        """Do something just before Testmo reads that page."""
        self.testmo.faults.before_page(page, action, **where)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(n.message) for n in self.topic.notifications if n.channel == "event"]

    @property
    def announced(self) -> list[int]:
        """The ids of all results named in events, in the order of announcing; repeated when announced twice."""
        return [result["id"] for event in self.events for result in event["results"]]

    @property
    def total(self) -> int:
        """How many results all events together announced, those that are counted and not named included."""
        return sum(event["total"] for event in self.events)

    def checkpoint(self, run: Run) -> Checkpoint:
        """What is kept of a run."""
        return self.store.checkpoints([run.id])[run.id]

    def channel(self, name: str) -> list[str]:
        return [n.message for n in self.topic.notifications if n.channel == name]


@contextmanager
def playing(**settings: Any) -> Iterator[Story]:
    story = Story()
    story.settings |= settings
    with story.testmo:
        yield story
    story.pool.clear()
