"""Makes values for tests: everything has a default but the point of the test."""
# ruff: noqa: ANN401 - what a test gives is handed on

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from testmo_notifier.adapters.items import SUBJECTS
from testmo_notifier.model import (
    QUIET,
    Checkpoint,
    Control,
    Counters,
    Digest,
    Expands,
    Held,
    Issue,
    NamedResult,
    Outgoing,
    Project,
    Result,
    Run,
    Silence,
)
from testmo_notifier.notices.digest import DigestBuilder

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
URL = "https://example.testmo.net"


def at(seconds: float) -> datetime:
    """A moment so many seconds after the start of every test."""
    return START + timedelta(seconds=seconds)


def make_result(id: int | None = 1, **given: Any) -> Result:  # noqa: A002 - the field's name
    values: dict[str, Any] = {
        "key": id if id is not None else -1,
        "id": id,
        "test_id": id,
        "case_id": 120,
        "status_id": 3,
        "is_latest": True,
        "created_at": START,
        "created_by": 7,
    }
    return Result(**{**values, **given})


def make_run(id: int = 12, **given: Any) -> Run:  # noqa: A002 - the field's name
    values: dict[str, Any] = {
        "project_id": 3,
        "name": "Release 4.2 regression",
        "is_closed": False,
        "created_at": START,
        "closed_at": None,
        "counters": Counters({1: 40, 2: 54, 3: 7, 5: 1}, success=54, failure=7, completed=62, total=102),
    }
    return Run(id=id, **{**values, **given})


def make_project(id: int = 3, **given: Any) -> Project:  # noqa: A002 - the field's name
    values: dict[str, Any] = {
        "name": "Shop",
        "is_completed": False,
        "run_active_count": 1,
        "run_closed_count": 0,
        "created_at": at(-86_400),
    }
    return Project(id=id, **{**values, **given})


def make_named(id: int | None = 1, **given: Any) -> NamedResult:  # noqa: A002 - the field's name
    """One result of a digest; its test has the same number."""
    test_id = given.get("test_id", id)
    values: dict[str, Any] = {
        "test_id": test_id,
        "case_id": 120,
        "case_name": "Login with an expired password",
        "status_id": 3,
        "status": "Failed",
        "is_latest": True,
        "created_at": START,
        "created_by": 7,
        "created_by_name": "Ada L.",
        "updated_at": None,
        "updated_by": None,
        "updated_by_name": None,
        "assignee_id": None,
        "assignee": None,
        "elapsed_us": None,
        "issues": (),
        "note": "",
        "url": f"{URL}/runs/view/12" + ("" if test_id is None else f"?test_id={test_id}"),
    }
    return NamedResult(**{"id": id, **values, **given})


def make_digest(results: Iterable[NamedResult] = (), **given: Any) -> Digest:
    rows = tuple(results)
    omitted = given.get("omitted", 0)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    values: dict[str, Any] = {
        "run_id": 12,
        "run_name": "Release 4.2 regression",
        "run_url": f"{URL}/runs/view/12",
        "project_id": 3,
        "project_name": "Shop",
        "milestone": None,
        "configuration": None,
        "counters": Counters({2: 54, 3: 7, 5: 1}, success=54, failure=7, completed=62, total=102),
        "total": len(rows) + omitted,
        "omitted": omitted,
        "counts": counts,
        "results": rows,
    }
    return Digest(**{**values, **given})


def make_outgoing(digest: Digest | None = None, destination: str = "slack:default", id: str = "n-1") -> Outgoing:  # noqa: A002 - the field's name
    return Outgoing(id, destination, digest or make_digest([make_named()]))


def make_held(run_id: int = 12, **given: Any) -> Held:
    """What is held of a run, due a minute after `START`: nothing but that it was told."""
    values: dict[str, Any] = {"destination": "slack:default", "cause": QUIET, "due": at(60), "since": START}
    return Held(run_id=run_id, **{**values, "frame": make_digest(run_id=run_id), **given})


def make_checkpoint(run_id: int = 12, **given: Any) -> Checkpoint:
    values: dict[str, Any] = {"project_id": 3, "cursor": START, "floor": START, "watching": "3,5//"}
    return Checkpoint(run_id=run_id, **{**values, **given})


def make_builder(run: Run | None = None, project_name: str = "Shop") -> DigestBuilder:
    return DigestBuilder(URL, run or make_run(), project_name)


def make_expands(
    users: dict[int, str] | None = None, issues: dict[int, str] | None = None, statuses: dict[int, str] | None = None
) -> Expands:
    return Expands(users or {}, {key: Issue(key, name) for key, name in (issues or {}).items()}, statuses or {})


def make_row(id: int | None = 538, **given: Any) -> dict[str, Any]:  # noqa: A002 - the field's name
    """One row of results as Testmo's documentation shows it."""
    values: dict[str, Any] = {
        "project_id": 1,
        "run_id": 12,
        "test_id": 4711,
        "case_id": 120,
        "status_id": 3,
        "is_latest": True,
        "note": "<p>Login page shows a blank screen</p>",
        "elapsed": 240_000_000,
        "assignee_id": 8,
        "issues": [54],
        "created_at": "2026-11-23T09:00:00.123Z",
        "created_by": 7,
        "updated_at": None,
        "updated_by": None,
        "deleted_at": None,
        "deleted_by": None,
    }
    return {"id": id, **values, **given}


def make_control(before: Control | None = None, **given: Any) -> Control:
    """What the poller keeps about itself; each value goes to the subject that has a field of this name."""
    control = before or Control()
    for subject in SUBJECTS:
        own = getattr(control, subject)
        changed = {field.name: given.pop(field.name) for field in fields(own) if field.name in given}
        control = replace(control, **{subject: replace(own, **changed)})
    return replace(control, **given)


def make_silence(key: str = "5f3a", **given: Any) -> Silence:
    """Ada hears nothing of the shop for two hours."""
    usual = {"until": at(7200), "author": "Ada", "reason": "Payments are migrated", "created_at": START}
    return Silence(key, **{**usual, "match": {"project": ("Shop",)}, **given})
