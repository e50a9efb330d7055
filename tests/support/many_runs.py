"""A Testmo of thousands of runs without HTTP, and a poller that watches it and counts: requests, calls, units."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from testmo_notifier.model import (
    CasesPage,
    Checkpoint,
    Counters,
    Expands,
    Listed,
    Project,
    Result,
    ResultsPage,
    ResultsQuery,
    Run,
    Scope,
)
from testmo_notifier.poll import Setup, poll
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.polling.report import Report
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import START, make_project, make_result, make_run
from tests.support.memory import MemoryStore, MemoryTopic
from tests.support.story import BUILT_IN_TEXTS, one_worker

PER_PAGE: Final = 100
PASSED, FAILED = 2, 3
UNIT: Final = 4_096  # bytes of a strongly consistent read


def size_of(item: Mapping[str, Any]) -> int:
    """About what DynamoDB counts of an item."""
    values = (value for attribute in item.values() for value in attribute.values())
    return sum(map(len, item)) + sum(
        len(v) if isinstance(v, bytes) else len(json.dumps(v, default=str)) for v in values
    )


class CountingStore(MemoryStore):
    """Counts items that are read by their keys, and what DynamoDB would call that."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.units = 0
        self.leases = 0

    def checkpoints(self, run_ids: Iterable[int]) -> dict[int, Checkpoint]:
        wanted = list(run_ids)
        self._count(f"RUN#{run_id}" for run_id in wanted)
        return super().checkpoints(wanted)

    def marks(self, run_ids: Iterable[int]) -> dict[int, bytes]:
        wanted = list(run_ids)
        self._count(dict.fromkeys(f"MARKS#{run_id // 250:08d}" for run_id in wanted))
        return super().marks(wanted)

    def take_lease(self, now: datetime, duration: timedelta) -> Any:  # noqa: ANN401 - as its base
        self.leases += 1
        return super().take_lease(now, duration)

    def forget(self) -> None:
        """Count from here on."""
        self.keys.clear()
        self.written.clear()
        self.units = self.leases = 0

    def _count(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.keys.append(key)
            self.units += max(1, -(-size_of(self.items.get(key, {})) // UNIT))


class ManyRuns:
    """Every page is a request. Time moves when told to."""

    def __init__(self, *, projects: int = 1, runs: int) -> None:
        self.time = START
        self.store, self.topic = CountingStore(), MemoryTopic()
        self.requests: list[str] = []
        self.rows: dict[int, list[Result]] = {}
        self._rate_limit: RateLimit | None = None
        self._projects = [make_project(number) for number in range(1, projects + 1)]
        each = runs // projects
        self.runs: dict[int, dict[int, Run]] = {
            one.id: {
                run_id: make_run(run_id, project_id=one.id, counters=Counters({PASSED: 54}))
                for run_id in range(one.id * each, (one.id + 1) * each)
            }
            for one in self._projects
        }
        self.settings: dict[str, Any] = {
            "staleness": timedelta(minutes=5),
            "requests_per_minute": 1_000_000,
            "watch": Watch((3, 5)),
        }

    def poll(self, **changed: Any) -> Report:  # noqa: ANN401 - settings of many types
        """One poll, in which the clock stands still."""
        self.requests.clear()
        values: dict[str, Any] = {
            "store": self.store,
            "connect": self._connect,
            "topic": self.topic,
            "renderer": BUILT_IN_TEXTS,
            "scope": Scope((), (), timedelta(seconds=300), timedelta(0)),
            "destinations": ("event",),
            "testmo_url": "https://example.testmo.net",
            "now": lambda: self.time,
            "sleep": self.wait,
            "seconds_left": lambda: 60.0,
            "shuffle": lambda _: None,
            "executor": one_worker,
        }
        return poll(Setup(**{**values, **self.settings, **changed}))

    def wait(self, seconds: float = 60.0) -> None:
        self.time += timedelta(seconds=seconds)

    def wait_and_poll(self, polls: int = 1) -> Report:
        for _ in range(polls):
            self.wait()
            report = self.poll()
        return report

    def fail(self, run_id: int, *, counted: bool = True) -> None:
        """A tester fails a test of a run; where it is not `counted`, it passes before anybody looks at the counters."""
        row = make_result(run_id * 1_000 + len(self.rows.get(run_id, ())) + 1, created_at=self.time, is_latest=counted)
        self.rows.setdefault(run_id, []).append(row)
        if counted:
            runs = next(runs for runs in self.runs.values() if run_id in runs)
            runs[run_id] = replace(runs[run_id], counters=Counters({PASSED: 53, FAILED: 1}))

    @property
    def beyond_lists(self) -> int:
        """The requests for results of the last poll."""
        return sum(path.startswith("results") for path in self.requests)

    def _connect(self, rate_limit: RateLimit) -> ManyRuns:
        self._rate_limit = rate_limit
        return self

    def _ask(self, path: str, rows: int = 1) -> None:
        for _ in range(max(1, -(-rows // PER_PAGE))):
            assert self._rate_limit is not None
            self._rate_limit.enter()
            self.requests.append(path)

    # What a poller asks.

    def user(self) -> str:
        raise NotImplementedError

    def projects(self) -> tuple[Listed[Project], datetime | None]:
        self._ask("projects", len(self._projects))
        counts = {one.id: len(self.runs[one.id]) for one in self._projects}
        return Listed([replace(one, run_active_count=counts[one.id]) for one in self._projects]), self.time

    def open_runs(self, project_id: int, _pool: Executor | None = None) -> Listed[Run]:
        self._ask("runs", len(self.runs[project_id]))
        return Listed(self.runs[project_id].values())

    def closed_runs(self, project_id: int, closed_after: datetime) -> Listed[Run]:
        del project_id, closed_after
        self._ask("closed runs")
        return Listed([])

    def run(self, run_id: int) -> Run:
        raise NotImplementedError(run_id)

    def statuses(self, project_id: int) -> dict[int, str]:
        raise NotImplementedError(project_id)

    def passed_statuses(self, project_id: int) -> dict[int, bool]:
        raise NotImplementedError(project_id)

    def cases(self, project_id: int, *, page: int, created_after: datetime | None) -> CasesPage:
        del project_id, page, created_after
        self._ask("cases")
        return CasesPage(names={}, newest=None, next_page=None)

    def results(self, run_id: int, query: ResultsQuery, _told: object = None, /) -> ResultsPage:
        self._ask(f"results {run_id}")
        rows = [row for row in self.rows.get(run_id, ()) if row.is_latest or not query.get_latest_result]
        bound = query.created_after
        found = tuple(row for row in rows if bound is None or (row.created_at and row.created_at > bound))
        return ResultsPage(results=found, expands=Expands(), next_page=None, total=len(found), server_date=self.time)
