"""A Testmo of any size on loopback: runs by the ten thousand, results by the hundred thousand, answers kept ready.

It speaks the part of the API that the notifier and the naive script read, in the shapes of `tools.simulator.views`
(which is the faithful one: this one is for weight). Every test has one result, so every row is the latest.
"""

from __future__ import annotations

import bisect
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from benchmarks.fakes.web import Asked, Said

PASSED, FAILED = 2, 3
CASES: Final = 50
CREATED: Final = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
NOTE: Final = "<p>Login page shows a blank screen after the second attempt, see the attached log.</p>"


@dataclass(frozen=True, slots=True)
class Row:
    """One result."""

    at: int  # epoch milliseconds
    id: int
    test_id: int
    status: int


@dataclass
class Run:
    """A run: its results by status, each list in the order of saving."""

    id: int
    project_id: int
    rows: defaultdict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    shown: bytes = b""
    version: int = 0

    def all_rows(self, statuses: Iterable[int] | None) -> list[Row]:
        """The rows of some statuses in order, or of all."""
        lists = [self.rows[one] for one in (self.rows if statuses is None else statuses) if self.rows.get(one)]
        return (
            lists[0]
            if len(lists) == 1
            else sorted((row for one in lists for row in one), key=lambda row: (row.at, row.id))
        )


class ManyTestmo:
    """The instance. Ids of results grow by `stride`, as if other runs had those between."""

    def __init__(self, now: Callable[[], datetime], *, stride: int = 1) -> None:
        self.now = now
        self.stride = stride
        self.latency_seconds = 0.0
        self.requests: list[str] = []  # method-less: everything is a GET
        self.runs: dict[int, Run] = {}
        self.projects: dict[int, list[Run]] = {}
        self._last_id = 1_000_000
        self._last_test = 2_000_000
        self._kept: dict[str, tuple[int, bytes]] = {}
        self._lock = Lock()

    def add_project(self, runs: int) -> list[Run]:
        """A project with so many open runs."""
        project_id = len(self.projects) + 1
        self.projects[project_id] = []
        return [self.add_run(project_id) for _ in range(runs)]

    def add_run(self, project_id: int) -> Run:
        """One more open run."""
        run = Run(len(self.runs) + 10_001, project_id)
        self.projects[project_id].append(run)
        self.runs[run.id] = run
        return run

    def save(
        self, run: Run, count: int = 1, status: int = FAILED, *, at: datetime | None = None, apart_ms: int = 0
    ) -> None:
        """Save results, one for each of so many tests that had none."""
        begin = int((at or self.now()).timestamp() * 1000)
        rows = run.rows[status]
        for number in range(count):
            self._last_id += self.stride
            self._last_test += 1
            rows.append(Row(begin + number * apart_ms, self._last_id, self._last_test, status))
        run.shown = b""
        run.version += 1

    def taken(self) -> list[str]:
        """The paths below /api/v1 that were asked for since the last look."""
        with self._lock:
            taken, self.requests = self.requests, []
            return taken

    def answer(self, asked: Asked) -> Said:
        """One request."""
        parts = urlsplit(asked.target)
        path = parts.path.removeprefix("/api/v1")
        with self._lock:
            self.requests.append(path)
        if self.latency_seconds:
            time.sleep(self.latency_seconds)
        body = self._body(path, dict(parse_qsl(parts.query)), asked.target)
        return Said(
            body, headers={"Content-Type": "application/json", "Date": format_datetime(self.now(), usegmt=True)}
        )

    def _body(self, path: str, query: dict[str, str], target: str) -> bytes:
        match path.strip("/").split("/"):
            case ["user"]:
                return b'{"id":1,"name":"Notifier"}'
            case ["projects"]:
                return _page(query, list(self.projects), lambda ids: [self._project(one) for one in ids])
            case ["projects", project, "runs"]:
                runs = [] if query.get("is_closed") == "1" else self.projects[int(project)]
                return _page(query, runs, lambda some: [self._run(run) for run in some], expands=True)
            case ["projects", project, "cases"]:
                first = int(project) * 1_000
                cases = [] if "created_after" in query else list(range(first, first + CASES))
                return _page(query, cases, lambda ids: [_case(one) for one in ids])
            case ["runs", number]:
                return b'{"result":' + self._run(self.runs[int(number)]) + b',"expands":[]}'
            case ["runs", number, "results"]:
                run = self.runs[int(number)]
                kept = self._kept.get(target)
                if kept is None or kept[0] != run.version:
                    kept = self._kept[target] = (run.version, self._results(run, query))
                return kept[1]
        raise AssertionError(f"this Testmo has no {path}")

    def _results(self, run: Run, query: dict[str, str]) -> bytes:
        statuses = [int(one) for one in query["status_id"].split(",")] if "status_id" in query else None
        rows: Any = run.all_rows(statuses)
        if "created_after" in query:
            since = int(datetime.fromisoformat(query["created_after"]).timestamp() * 1000)
            rows = rows[bisect.bisect_left(rows, since, key=lambda row: row.at) :]
        if "created_before" in query:
            until = int(datetime.fromisoformat(query["created_before"]).timestamp() * 1000)
            rows = rows[: bisect.bisect_right(rows, until, key=lambda row: row.at)]
        if query.get("order") == "desc":
            rows = rows[::-1]
        return _page(query, rows, lambda some: [_result(run, row) for row in some], expands=True)

    def _project(self, project_id: int) -> bytes:
        runs = len(self.projects[project_id])
        return _dumps(
            {
                "id": project_id, "name": f"Project {project_id}", "note": None, "is_completed": False,
                "run_count": runs, "run_active_count": runs, "run_closed_count": 0,
                "created_at": _iso(CREATED), "created_by": 7, "completed_at": None,
            }
        )  # fmt: skip

    def _run(self, run: Run) -> bytes:
        if not run.shown:
            passed, failed = len(run.rows.get(PASSED, ())), len(run.rows.get(FAILED, ()))
            counts = {f"status{n}_count": 0 for n in range(1, 25)} | {"status1_count": passed, "status2_count": failed}
            run.shown = _dumps(
                {
                    "id": run.id, "project_id": run.project_id, "name": f"Release 4.2 regression {run.id}",
                    "config_id": None, "milestone_id": None, "state_id": 1, "forecast": None,
                    "forecast_completed": None,
                    "elapsed": None, "is_started": True, "is_closed": False, "issues": [], "links": [], "tags": [],
                    "untested_count": 50, **counts, "success_count": passed, "failure_count": failed,
                    "completed_count": passed + failed, "total_count": passed + failed + 50,
                    "started_at": _iso(CREATED), "created_at": _iso(CREATED + timedelta(seconds=run.id)),
                    "created_by": 7, "updated_at": None, "updated_by": None, "closed_at": None, "closed_by": None,
                }
            )  # fmt: skip
        return run.shown


def _result(run: Run, row: Row) -> bytes:
    return (
        b'{"id":%d,"project_id":%d,"run_id":%d,"test_id":%d,"case_id":%d,"status_id":%d,"note":"%b","elapsed":240000000,'
        b'"assignee_id":8,"is_latest":true,"issues":[],"created_at":"%b","created_by":7,"updated_at":null,'
        b'"updated_by":null,"deleted_at":null,"deleted_by":null}'
        % (
            row.id, run.project_id, run.id, row.test_id, run.project_id * 1_000 + row.test_id % CASES, row.status,
            NOTE.encode(), _iso(datetime.fromtimestamp(row.at / 1000, UTC)).encode(),
        )
    )  # fmt: skip


def _case(case_id: int) -> bytes:
    return _dumps({"id": case_id, "name": f"Case {case_id}", "created_at": "2026-10-01 08:00:00"})


def _page(query: dict[str, str], rows: Any, show: Callable[[Any], list[bytes]], *, expands: bool = False) -> bytes:
    """The envelope around the rows of one page."""
    number, per_page, total = int(query.get("page", "1")), int(query.get("per_page", "100")), len(rows)
    last = -(-total // per_page)
    frame = _dumps(
        {
            "page": number if total else None,
            "prev_page": number - 1 if total and number > 1 else None,
            "next_page": number + 1 if number < last else None,
            "last_page": last if total else None,
            "per_page": per_page,
            "total": total,
        }
    )
    shown = b",".join(show(rows[(number - 1) * per_page : number * per_page]))
    people = b',"expands":{"users":[{"id":7,"name":"Ada L."},{"id":8,"name":"Bo"}],"statuses":' + STATUSES + b"}"
    return frame[:-1] + b',"result":[' + shown + b"]" + (people if expands else b"") + b"}"


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


STATUSES: Final = _dumps(
    [
        {"id": 1, "name": "Untested", "is_untested": True},
        {"id": 2, "name": "Passed", "is_passed": True},
        {"id": 3, "name": "Failed", "is_failed": True},
        {"id": 5, "name": "Blocked"},
    ]
)
