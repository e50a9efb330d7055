"""How runs, results and cases answer."""

from __future__ import annotations

from collections.abc import Sequence

from tools.simulator import views
from tools.simulator.answers import Answer, Json
from tools.simulator.counters import counters, latest_of_each_step
from tools.simulator.listing import (
    Ask,
    chosen,
    cut,
    issues_by_id,
    ordered,
    project_of,
    run_of,
    single,
    users_by_id,
    visible_results,
)
from tools.simulator.model import Case, Result, Run

_RUN_EXPANDS = ("configs", "issues", "milestones", "states", "statuses", "users")
_CASE_EXPANDS = ("automation_links", "comments", "folders", "history", "users", "tags", "templates")


def project_runs(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/runs."""
    project = project_of(ask, project_id)
    query = ask.query
    paging = query.paging()
    sort = query.sort("runs:created_at", "runs:closed_at")
    closed, created = query.period("closed"), query.period("created")
    config_id, milestone_id = query.ids("config_id"), query.ids("milestone_id")
    created_by, state_id = query.ids("created_by"), query.ids("state_id")
    is_closed = query.flag("is_closed")
    tags = query.words("tags")
    asked = query.expands(*_RUN_EXPANDS)
    query.check()
    runs = [
        run
        for run in ask.world.runs.values()
        if run.project_id == project.id
        and is_closed in (None, run.closed_at is not None)
        and closed.holds(run.closed_at)
        and created.holds(run.created_at)
        and config_id.holds(run.config_id)
        and milestone_id.holds(run.milestone_id)
        and created_by.holds(run.created_by)
        and state_id.holds(run.state_id)
        and tags.holds_any(run.tags)
    ]
    rows, page = cut(ordered(ask, runs, sort), paging)
    return page.answer([_run(ask, run) for run in rows], expands=_run_expands(ask, rows, asked))


def run(ask: Ask, run_id: int) -> Answer:
    """GET /runs/{run_id}."""
    row = run_of(ask, run_id)
    asked = ask.query.expands(*_RUN_EXPANDS)
    ask.query.check()
    return single(_run(ask, row), expands=_run_expands(ask, [row], asked))


def run_results(ask: Ask, run_id: int) -> Answer:
    """GET /runs/{run_id}/results. Only tests with a saved result appear; each of their results is a row."""
    of_run = run_of(ask, run_id)
    query = ask.query
    paging = query.paging()
    sort = query.sort("run_results:created_at")
    created = query.period("created")
    created_by, status_id = query.ids("created_by"), query.ids("status_id")
    assignee_id = query.ids("assignee_id")
    latest_only = query.flag("get_latest_result")
    asked = query.expands("issues", "statuses", "users")
    query.check()
    visible = visible_results(ask, of_run)
    latest = {row.id for row in latest_of_each_step(visible).values()}
    results = [
        row
        for row in visible
        if created.holds(row.created_at)
        and created_by.holds(row.created_by)
        and status_id.holds(row.status_id)
        and assignee_id.holds(row.assignee_id or 0)  # 0 asks for the unassigned
        and (not latest_only or row.id in latest)
        and (ask.switches.lists_deleted or row.deleted_at is None)
    ]
    rows, page = cut(ordered(ask, results, sort), paging)
    return page.answer(
        [views.result(row, is_latest=row.id in latest) for row in rows],
        expands=chosen(
            asked,
            {
                "issues": lambda: issues_by_id(ask, (id_ for row in rows for id_ in row.issues)),
                "statuses": lambda: _statuses(ask, {row.status_id for row in rows}),
                "users": lambda: users_by_id(ask, _people(rows)),
            },
        ),
    )


def project_cases(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/cases."""
    project = project_of(ask, project_id)
    query = ask.query
    paging = query.paging()
    sort = query.sort("repository_cases:created_at", "repository_cases:name")
    created = query.period("created")
    created_by, folder_id = query.ids("created_by"), query.ids("folder_id")
    state_id, status_id = query.ids("state_id"), query.ids("status_id")
    template_id = query.ids("template_id")
    has_automation = query.flag("has_automation")
    has_automation_status = query.flag("has_automation_status")
    tags = query.words("tags")
    asked = query.expands(*_CASE_EXPANDS)
    query.check()
    cases = [
        case
        for case in ask.world.cases.values()
        if case.project_id == project.id
        and created.holds(case.created_at)
        and created_by.holds(case.created_by)
        and folder_id.holds(case.folder_id)
        and state_id.holds(views.CASE_STATE_ID)
        and status_id.holds(None)
        and template_id.holds(views.CASE_TEMPLATE["id"])
        and has_automation in (None, case.has_automation)
        and has_automation_status in (None, False)
        and tags.holds_any(case.tags)
    ]
    rows, page = cut(ordered(ask, cases, sort), paging)
    return page.answer([views.case(case) for case in rows], expands=_case_expands(ask, rows, asked))


def _run(ask: Ask, row: Run) -> Json:
    rows = ask.world.results_of(row) if ask.switches.counters_lead else visible_results(ask, row)
    tests = len(ask.world.tests_of(row))
    return views.run(row, counters(rows, tests=tests, statuses=ask.world.statuses))


def _people(rows: Sequence[Result]) -> set[int | None]:
    return {who for row in rows for who in (row.created_by, row.assignee_id, row.updated_by, row.deleted_by)}


def _statuses(ask: Ask, ids: set[int]) -> list[Json]:
    return [views.status(row) for id_, row in sorted(ask.world.statuses.items()) if id_ in ids]


def _run_expands(ask: Ask, rows: Sequence[Run], asked: Sequence[str]) -> dict[str, list[Json]]:
    world = ask.world
    configs = sorted({row.config_id for row in rows if row.config_id is not None})
    milestones = sorted({row.milestone_id for row in rows if row.milestone_id is not None})
    states = sorted({row.state_id for row in rows})
    people = {who for row in rows for who in (row.created_by, row.updated_by, row.closed_by)}
    return chosen(
        asked,
        {
            "configs": lambda: [views.named(world.configs[id_]) for id_ in configs],
            "issues": lambda: issues_by_id(ask, (id_ for row in rows for id_ in row.issues)),
            "milestones": lambda: [views.named(world.milestones[id_]) for id_ in milestones],
            "states": lambda: [views.state(world.run_states[id_]) for id_ in states],
            # The counters of a run name every status, so all of them belong to it.
            "statuses": lambda: _statuses(ask, set(world.statuses)) if rows else [],
            "users": lambda: users_by_id(ask, people),
        },
    )


def _case_expands(ask: Ask, rows: Sequence[Case], asked: Sequence[str]) -> dict[str, list[Json]]:
    folders = sorted({row.folder_id for row in rows})
    tags = sorted({tag for row in rows for tag in row.tags})
    return chosen(
        asked,
        {
            "automation_links": list,
            "comments": list,
            "folders": lambda: [views.named(ask.world.folders[id_]) for id_ in folders],
            "history": list,
            "users": lambda: users_by_id(ask, {row.created_by for row in rows}),
            "tags": lambda: [{"id": number, "name": tag} for number, tag in enumerate(tags, start=1)],
            "templates": lambda: [dict(views.CASE_TEMPLATE)] if rows else [],
        },
    )
