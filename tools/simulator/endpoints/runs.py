"""How runs, results and cases answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tools.simulator import views
from tools.simulator.answers import Answer, Json
from tools.simulator.counters import counters, latest_of_each_step
from tools.simulator.listing import (
    Ask,
    Sources,
    issues_by_id,
    listed,
    project_of,
    run_of,
    single,
    users_by_id,
    visible_results,
)
from tools.simulator.model import Case, Result, Run


def project_runs(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/runs."""
    project_of(ask, project_id)
    return listed(
        ask,
        (run for run in ask.world.runs.values() if run.project_id == project_id),
        partial(_run, ask),
        _run_expands,
        sort=("runs:created_at", "runs:closed_at"),
        periods=("closed", "created"),
        ids=("config_id", "milestone_id", "created_by", "state_id"),
        flags=["is_closed"],
        words=["tags"],
        computed={"is_closed": lambda run: run.closed_at is not None},
    )


def run(ask: Ask, run_id: int) -> Answer:
    """GET /runs/{run_id}."""
    return single(ask, run_of(ask, run_id), partial(_run, ask), _run_expands)


def run_results(ask: Ask, run_id: int) -> Answer:
    """GET /runs/{run_id}/results. Only tests with a saved result appear; each of their results is a row."""
    visible = visible_results(ask, run_of(ask, run_id))
    latest_only = ask.query.flag("get_latest_result")
    latest = {row.id for row in latest_of_each_step(visible).values()}
    return listed(
        ask,
        (
            row
            for row in visible
            if (not latest_only or row.id in latest) and (ask.switches.lists_deleted or row.deleted_at is None)
        ),
        lambda row: views.result(row, is_latest=row.id in latest),
        _result_expands,
        sort=["run_results:created_at"],
        periods=["created"],
        ids=("created_by", "status_id", "assignee_id"),
        computed={"assignee_id": lambda row: row.assignee_id or 0},  # 0 asks for the unassigned
    )


def project_cases(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/cases."""
    project_of(ask, project_id)
    return listed(
        ask,
        (case for case in ask.world.cases.values() if case.project_id == project_id),
        views.case,
        _case_expands,
        sort=("repository_cases:created_at", "repository_cases:name"),
        periods=["created"],
        ids=("created_by", "folder_id", "state_id", "status_id", "template_id"),
        flags=("has_automation", "has_automation_status"),
        words=["tags"],
        computed={
            "state_id": lambda _: views.CASE_STATE_ID,
            "status_id": lambda _: None,
            "template_id": lambda _: views.CASE_TEMPLATE["id"],
            "has_automation_status": lambda _: False,
        },
    )


def _run(ask: Ask, row: Run) -> Json:
    rows = ask.world.results_of(row) if ask.switches.counters_lead else visible_results(ask, row)
    tests = len(ask.world.tests_of(row))
    return views.run(row, counters(rows, tests=tests, statuses=ask.world.statuses))


def _statuses(ask: Ask, ids: set[int]) -> list[Json]:
    return [views.status(row) for id_, row in sorted(ask.world.statuses.items()) if id_ in ids]


def _run_expands(ask: Ask, rows: Sequence[Run]) -> Sources:
    world = ask.world
    configs = sorted({row.config_id for row in rows if row.config_id is not None})
    milestones = sorted({row.milestone_id for row in rows if row.milestone_id is not None})
    states = sorted({row.state_id for row in rows})
    people = {who for row in rows for who in (row.created_by, row.updated_by, row.closed_by)}
    return {
        "configs": lambda: [views.named(world.configs[id_]) for id_ in configs],
        "issues": lambda: issues_by_id(ask, (id_ for row in rows for id_ in row.issues)),
        "milestones": lambda: [views.named(world.milestones[id_]) for id_ in milestones],
        "states": lambda: [views.state(world.run_states[id_]) for id_ in states],
        # The counters of a run name every status, so all of them belong to it.
        "statuses": lambda: _statuses(ask, set(world.statuses)) if rows else [],
        "users": lambda: users_by_id(ask, people),
    }


def _result_expands(ask: Ask, rows: Sequence[Result]) -> Sources:
    people = {who for row in rows for who in (row.created_by, row.assignee_id, row.updated_by, row.deleted_by)}
    return {
        "issues": lambda: issues_by_id(ask, (id_ for row in rows for id_ in row.issues)),
        "statuses": lambda: _statuses(ask, {row.status_id for row in rows}),
        "users": lambda: users_by_id(ask, people),
    }


def _case_expands(ask: Ask, rows: Sequence[Case]) -> Sources:
    folders = sorted({row.folder_id for row in rows})
    tags = sorted({tag for row in rows for tag in row.tags})
    return {
        "automation_links": list,
        "comments": list,
        "folders": lambda: [views.named(ask.world.folders[id_]) for id_ in folders],
        "history": list,
        "users": lambda: users_by_id(ask, {row.created_by for row in rows}),
        "tags": lambda: [{"id": number, "name": tag} for number, tag in enumerate(tags, start=1)],
        "templates": lambda: [dict(views.CASE_TEMPLATE)] if rows else [],
    }
