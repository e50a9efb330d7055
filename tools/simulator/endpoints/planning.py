"""How the plan of a project answers: folders, milestones and configurations."""

from __future__ import annotations

from collections.abc import Sequence

from tools.simulator import answers, views
from tools.simulator.answers import Answer, Json, Refused
from tools.simulator.counters import counters
from tools.simulator.listing import Ask, chosen, cut, ordered, project_of, single, users_by_id, visible_results
from tools.simulator.model import Milestone

_MILESTONE_EXPANDS = ("issues", "milestone_stats", "milestone_types", "milestones", "statuses", "users")


def project_folders(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/folders."""
    project_of(ask, project_id)
    query = ask.query
    paging = query.paging()
    sort = query.sort("display_order", "name")
    parent_id = query.ids("parent_id")
    name = query.like("name")
    asked = query.expands("folders")
    query.check()
    folders = [
        folder
        for folder in ask.world.folders.values()
        if folder.project_id == project_id and parent_id.holds(folder.parent_id) and name in folder.name.lower()
    ]
    rows, page = cut(ordered(ask, folders, sort), paging)
    parents = sorted({row.parent_id for row in rows if row.parent_id is not None})
    return page.answer(
        [views.folder(row) for row in rows],
        expands=chosen(asked, {"folders": lambda: [views.named(ask.world.folders[id_]) for id_ in parents]}),
    )


def project_milestones(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/milestones."""
    project_of(ask, project_id)
    query = ask.query
    paging = query.paging()
    sort = query.sort("milestones:created_at", "milestones:completed_at")
    completed, created = query.period("completed"), query.period("created")
    created_by, type_id = query.ids("created_by"), query.ids("type_id")
    parent_id, root_id = query.ids("parent_id"), query.ids("root_id")
    is_completed = query.flag("is_completed")
    automation_tags = query.words("automation_tags")
    asked = query.expands(*_MILESTONE_EXPANDS)
    query.check()
    milestones = [
        row
        for row in ask.world.milestones.values()
        if row.project_id == project_id
        and is_completed in (None, row.completed_at is not None)
        and completed.holds(row.completed_at)
        and created.holds(row.created_at)
        and created_by.holds(row.created_by)
        and type_id.holds(views.MILESTONE_TYPE["id"])
        and parent_id.holds(None)
        and root_id.holds(row.id)
        and automation_tags.holds_any(())
    ]
    rows, page = cut(ordered(ask, milestones, sort), paging)
    return page.answer([views.milestone(row) for row in rows], expands=_milestone_expands(ask, rows, asked))


def milestone(ask: Ask, milestone_id: int) -> Answer:
    """GET /milestones/{milestone_id}."""
    row = ask.world.milestones.get(milestone_id)
    if row is None:
        raise Refused(answers.no_such("milestone", milestone_id))
    project_of(ask, row.project_id)
    asked = ask.query.expands(*_MILESTONE_EXPANDS)
    ask.query.check()
    return single(views.milestone(row), expands=_milestone_expands(ask, [row], asked))


def project_configs(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/configs."""
    project_of(ask, project_id)
    paging = ask.query.paging()
    ask.query.check()
    configs = [row for row in ask.world.configs.values() if row.project_id == project_id]
    rows, page = cut(configs, paging)
    return page.answer(views.named(row) for row in rows)


def _milestone_expands(ask: Ask, rows: Sequence[Milestone], asked: Sequence[str]) -> dict[str, list[Json]]:
    return chosen(
        asked,
        {
            "issues": list,
            "milestone_stats": lambda: [{"id": row.id, **_stats(ask, row)} for row in rows],
            "milestone_types": lambda: [dict(views.MILESTONE_TYPE)] if rows else [],
            "milestones": list,  # none has a parent
            "statuses": lambda: [views.status(row) for row in ask.world.statuses.values()] if rows else [],
            "users": lambda: users_by_id(ask, {row.created_by for row in rows}),
        },
    )


def _stats(ask: Ask, milestone: Milestone) -> dict[str, int]:
    runs = [run for run in ask.world.runs.values() if run.milestone_id == milestone.id]
    rows = [row for run in runs for row in visible_results(ask, run)]
    tests = sum(len(ask.world.tests_of(run)) for run in runs)
    return counters(rows, tests=tests, statuses=ask.world.statuses)
