"""How projects answer."""

from __future__ import annotations

from collections.abc import Sequence

from tools.simulator import views
from tools.simulator.answers import Answer, Json
from tools.simulator.listing import Ask, chosen, cut, ordered, project_of, single, users_by_id
from tools.simulator.model import Project


def projects(ask: Ask) -> Answer:
    """GET /projects: those the token may see."""
    query = ask.query
    paging = query.paging()
    sort = query.sort("projects:created_at", "projects:completed_at")
    is_completed = query.flag("is_completed")
    asked = query.expands("users")
    query.check()
    visible = [
        project
        for project in ask.world.projects.values()
        if not project.is_hidden and is_completed in (None, project.completed_at is not None)
    ]
    rows, page = cut(ordered(ask, visible, sort), paging)
    return page.answer([_shown(ask, row) for row in rows], expands=_expands(ask, rows, asked))


def project(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}."""
    row = project_of(ask, project_id)
    asked = ask.query.expands("users")
    ask.query.check()
    return single(_shown(ask, row), expands=_expands(ask, [row], asked))


def _shown(ask: Ask, row: Project) -> Json:
    runs = [run for run in ask.world.runs.values() if run.project_id == row.id]
    milestones = [milestone for milestone in ask.world.milestones.values() if milestone.project_id == row.id]
    return views.project(row, runs=runs, milestones=milestones)


def _expands(ask: Ask, rows: Sequence[Project], asked: Sequence[str]) -> dict[str, list[Json]]:
    return chosen(asked, {"users": lambda: users_by_id(ask, {row.created_by for row in rows})})
