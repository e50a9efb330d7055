"""How the plan of a project answers: folders, milestones and configurations."""

from __future__ import annotations

from collections.abc import Sequence

from tools.simulator import answers, views
from tools.simulator.answers import Answer, Refused
from tools.simulator.counters import counters
from tools.simulator.listing import Ask, Sources, listed, project_of, single, users_by_id, visible_results
from tools.simulator.model import Folder, Milestone


def project_folders(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/folders."""
    project_of(ask, project_id)
    name = ask.query.like("name")
    folders = (row for row in ask.world.folders.values() if row.project_id == project_id and name in row.name.lower())
    return listed(ask, folders, views.folder, _folder_expands, sort=("display_order", "name"), ids=["parent_id"])


def project_milestones(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/milestones."""
    project_of(ask, project_id)
    return listed(
        ask,
        (row for row in ask.world.milestones.values() if row.project_id == project_id),
        views.milestone,
        _milestone_expands,
        sort=("milestones:created_at", "milestones:completed_at"),
        periods=("completed", "created"),
        ids=("created_by", "type_id", "parent_id", "root_id"),
        flags=["is_completed"],
        words=["automation_tags"],
        computed={
            "type_id": lambda _: views.MILESTONE_TYPE["id"],
            "parent_id": lambda _: None,
            "root_id": lambda row: row.id,
            "is_completed": lambda row: row.completed_at is not None,
            "automation_tags": lambda _: (),
        },
    )


def milestone(ask: Ask, milestone_id: int) -> Answer:
    """GET /milestones/{milestone_id}."""
    row = ask.world.milestones.get(milestone_id)
    if row is None:
        raise Refused(answers.no_such("milestone", milestone_id))
    project_of(ask, row.project_id)
    return single(ask, row, views.milestone, _milestone_expands)


def project_configs(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/configs."""
    project_of(ask, project_id)
    return listed(ask, (row for row in ask.world.configs.values() if row.project_id == project_id), views.named)


def _folder_expands(ask: Ask, rows: Sequence[Folder]) -> Sources:
    parents = sorted({row.parent_id for row in rows if row.parent_id is not None})
    return {"folders": lambda: [views.named(ask.world.folders[id_]) for id_ in parents]}


def _milestone_expands(ask: Ask, rows: Sequence[Milestone]) -> Sources:
    return {
        "issues": list,
        "milestone_stats": lambda: [{"id": row.id, **_stats(ask, row)} for row in rows],
        "milestone_types": lambda: [dict(views.MILESTONE_TYPE)] if rows else [],
        "milestones": list,  # none has a parent
        "statuses": lambda: [views.status(row) for row in ask.world.statuses.values()] if rows else [],
        "users": lambda: users_by_id(ask, {row.created_by for row in rows}),
    }


def _stats(ask: Ask, milestone: Milestone) -> dict[str, int]:
    runs = [run for run in ask.world.runs.values() if run.milestone_id == milestone.id]
    rows = [row for run in runs for row in visible_results(ask, run)]
    tests = sum(len(ask.world.tests_of(run)) for run in runs)
    return counters(rows, tests=tests, statuses=ask.world.statuses)
