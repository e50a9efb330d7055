"""How projects answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tools.simulator import views
from tools.simulator.answers import Answer, Json
from tools.simulator.listing import Ask, Sources, listed, project_of, single, users_by_id
from tools.simulator.model import Project


def projects(ask: Ask) -> Answer:
    """GET /projects: those the token may see."""
    return listed(
        ask,
        (project for project in ask.world.projects.values() if not project.is_hidden),
        partial(_shown, ask),
        _expands,
        sort=("projects:created_at", "projects:completed_at"),
        flags=["is_completed"],
        computed={"is_completed": lambda project: project.completed_at is not None},
    )


def project(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}."""
    return single(ask, project_of(ask, project_id), partial(_shown, ask), _expands)


def _shown(ask: Ask, row: Project) -> Json:
    runs = [run for run in ask.world.runs.values() if run.project_id == row.id]
    milestones = [milestone for milestone in ask.world.milestones.values() if milestone.project_id == row.id]
    return views.project(row, runs=runs, milestones=milestones)


def _expands(ask: Ask, rows: Sequence[Project]) -> Sources:
    return {"users": lambda: users_by_id(ask, {row.created_by for row in rows})}
