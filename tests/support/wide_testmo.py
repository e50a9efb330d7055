"""A Testmo of many projects and runs behind one pool of connections that costs no network, only time on a stopwatch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from testmo_notifier.adapters.items import control_from
from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import MAX_PER_PAGE, Control, Scope
from testmo_notifier.poll import Setup, poll
from testmo_notifier.polling.report import Report
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.executors import SideBySide, Stopwatch
from tests.support.factories import START
from tests.support.memory import MemoryStore, MemoryTopic

FAILED = 3
RENDERER = Renderer(ZoneInfo("UTC"))


@dataclass
class Row:
    """An open run; of its failing results, the times it was saved."""

    id: int
    project_id: int
    failing: list[datetime] = field(default_factory=list)
    closed_at: datetime | None = None


@dataclass
class Response:
    """As much of an answer of urllib3 as is read."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def read1(self, _amount: int) -> bytes:
        body, self.body = self.body, b""
        return body

    def release_conn(self) -> None: ...

    def close(self) -> None: ...


class WideTestmo:
    """So many projects of so many runs each. `before` happens before each request is answered, `spoil` changes it.

    `refused` says with which status Testmo refuses a path, in its own words.
    """

    def __init__(self, projects: int, runs: int, *, latency: float = 0.0, per_page: int = MAX_PER_PAGE) -> None:
        self.clock = Stopwatch()
        self.latency = latency
        self.per_page = per_page
        self.ids = iter(range(1, 10**9))
        self.rows = {
            project_id: [Row(next(self.ids), project_id) for _ in range(runs)] for project_id in range(1, projects + 1)
        }
        self.runs = {row.id: row for rows in self.rows.values() for row in rows}
        self.closed: dict[int, list[Row]] = {project_id: [] for project_id in self.rows}
        self.asked: list[str] = []
        self.before: Callable[[str, Mapping[str, str]], None] = lambda _path, _query: None
        self.refused: dict[str, int] = {}
        self.spoil: Callable[[Mapping[str, str]], Mapping[str, int]] = lambda _query: {}

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.clock.seconds)

    def open_run(self, project_id: int) -> Row:
        row = Row(next(self.ids), project_id)
        self.runs[row.id] = row
        self.rows[project_id].append(row)
        return row

    def close_run(self, row: Row) -> None:
        row.closed_at = self.now
        self.rows[row.project_id].remove(row)
        self.closed[row.project_id].append(row)

    def delete_run(self, row: Row) -> None:
        self.rows[row.project_id].remove(row)
        self.refused |= {f"/runs/{row.id}": 404, f"/runs/{row.id}/results": 404}

    def reopen_run(self, row: Row) -> None:
        row.closed_at = None
        self.closed[row.project_id].remove(row)
        self.rows[row.project_id].append(row)
        self.rows[row.project_id].sort(key=lambda one: one.id)

    def urlopen(self, _method: str, url: str, **_rest: object) -> Response:
        path, _, query = url.partition("/api/v1")[2].partition("?")
        fields = dict(parse_qsl(query))
        self.before(path, fields)
        self.asked.append(path)
        self.clock.seconds += self.latency
        if path in self.refused:
            return Response(self.refused[path], b'{"message": "no"}', {})
        rows = self.answer(path.strip("/").split("/"), fields)
        body: dict[str, Any] = {"result": rows}
        if isinstance(rows, list):
            size = self.per_page
            page, last = int(fields.get("page", 1)), -(-len(rows) // size) or None
            shown = rows[(page - 1) * size : page * size]
            next_page = page + 1 if page < (last or 0) else None
            body = {"result": shown, "page": page, "last_page": last, "next_page": next_page, "total": len(rows)}
        body |= self.spoil(fields)
        return Response(200, json.dumps(body).encode(), {"Date": format_datetime(self.now, usegmt=True)})

    def answer(self, path: list[str], query: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        match path:
            case ["projects"]:
                return [
                    {
                        "id": project_id,
                        "name": f"Project {project_id}",
                        "run_active_count": len(rows),
                        "run_closed_count": len(self.closed[project_id]),
                        "created_at": stamp(START - timedelta(days=9)),
                    }
                    for project_id, rows in self.rows.items()
                ]
            case ["projects", project_id, "runs"] if query.get("is_closed") == "1":
                after = datetime.fromisoformat(query["closed_after"])
                return [as_run(row) for row in self.closed[int(project_id)] if row.closed_at and row.closed_at >= after]
            case ["projects", project_id, "runs"]:
                return [as_run(row) for row in self.rows[int(project_id)]]
            case ["runs", run_id, "results"]:
                row = self.runs[int(run_id)]
                return [as_result(row, n, at) for n, at in enumerate(row.failing)]
            case ["runs", run_id]:
                return as_run(self.runs[int(run_id)])
            case _:
                return []


def as_run(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "project_id": row.project_id,
        "name": f"Run {row.id}",
        "is_closed": row.closed_at is not None,
        "closed_at": row.closed_at and stamp(row.closed_at),
        "created_at": stamp(START - timedelta(days=8)),
        "status2_count": len(row.failing),
        "total_count": 10,
    }


def as_result(row: Row, number: int, at: datetime) -> dict[str, Any]:
    ids = {"id": row.id * 1_000 + number, "test_id": row.id * 1_000 + number, "run_id": row.id}
    return {**ids, "status_id": FAILED, "created_at": stamp(at), "is_latest": True}


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Watcher:
    """A poller of a wide Testmo, whose workers overlap on the stopwatch."""

    def __init__(self, testmo: WideTestmo, *, staleness: timedelta, **settings: Any) -> None:  # noqa: ANN401
        self.testmo = testmo
        self.store, self.topic = MemoryStore(), MemoryTopic()
        self.settings: dict[str, Any] = {"requests_per_minute": 120, "staleness": staleness, **settings}

    def poll(self, **changed: Any) -> Report:  # noqa: ANN401 - fields of `Setup`
        """One poll; the next one is not due before this minute is over."""
        testmo, clock = self.testmo, self.testmo.clock
        began = clock.seconds
        summary = poll(
            Setup(
                **{
                    "store": self.store,
                    "connect": lambda rate_limit: Testmo(
                        url="https://example.testmo.net",
                        token=lambda **_: "secret",
                        pool=testmo,  # type: ignore[arg-type]  # as much of it as is used
                        rate_limit=rate_limit,
                        now=lambda: testmo.now,
                    ),
                    "topic": self.topic,
                    "renderer": RENDERER,
                    "watch": Watch((FAILED, 5)),
                    "scope": Scope((), (), timedelta(seconds=300), timedelta(0)),
                    "destinations": ("event",),
                    "testmo_url": "https://example.testmo.net",
                    "now": lambda: testmo.now,
                    "sleep": lambda seconds: setattr(clock, "seconds", clock.seconds + seconds),
                    "seconds_left": lambda: 60.0 - (clock.seconds - began),
                    "shuffle": lambda _: None,
                    "executor": lambda workers: SideBySide(workers, clock),
                    **self.settings,
                    **changed,
                }
            )
        )
        self.took = clock.seconds - began
        clock.seconds = max(clock.seconds, began + 60.0)
        return summary

    @property
    def control(self) -> Control:
        """What the poller keeps about itself."""
        return control_from(self.store.items["CONTROL"])

    @property
    def told(self) -> Counter[int]:
        """How often each run's results were announced, by run."""
        return Counter(result["id"] // 1_000 for event in self._events for result in event["results"])

    @property
    def total(self) -> int:
        """How many results were announced, those included that are only counted."""
        return sum(event["total"] for event in self._events)

    @property
    def _events(self) -> list[Any]:
        return [json.loads(notification.message) for notification in self.topic.notifications]
