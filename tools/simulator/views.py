"""Rows as the API shows them: one function per kind of object, its keys in Testmo's order.

Keys and types follow the official npm binding and recorded answers; every key is there, absent values are null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.lib.stamps import iso, sql
from tools.simulator.answers import Json
from tools.simulator.model import Case, Folder, Issue, Milestone, Named, Project, Result, Run, State, Status, User

# What the simulator has one of: nobody here needs more to read a case or a milestone.
CASE_STATE_ID = 4
CASE_TEMPLATE: Mapping[str, object] = {"id": 1, "name": "Case (text)", "is_default": True}
MILESTONE_TYPE: Mapping[str, object] = {"id": 1, "name": "Version", "is_default": True}
NOT_SIMULATED = (
    *("session_count", "session_active_count", "session_closed_count"),
    *("automation_source_count", "automation_source_active_count", "automation_source_retired_count"),
    *("automation_run_count", "automation_run_active_count", "automation_run_completed_count"),
)
ROLES: Sequence[Mapping[str, object]] = ({"id": 1, "name": "Site admin"}, {"id": 2, "name": "Tester"})


def current_user(user: User) -> Json:
    """`/user`: not wrapped in `result`."""
    return {"id": user.id, "name": user.name, "timezone": None, "date_format": None, "time_format": None}


def user(row: User) -> Json:
    """What an administrator sees of a user."""
    return {
        "id": row.id,
        "name": row.name,
        "email": row.email,
        "type": 1,
        "timezone": None,
        "date_format": None,
        "time_format": None,
        "notifications": 1,
        "tfa_enabled": False,
        "is_active": True,
        "is_forgotten": row.is_forgotten,
        "is_api": row.is_api,
        "role_id": 1 if row.is_admin else 2,
        "groups": [],
        "created_at": iso(row.created_at),
        "created_by": None,
        "updated_at": None,
        "updated_by": None,
    }


def named(row: User | Named | Milestone | Folder) -> Json:
    """An object of which an expand or a lookup shows the name alone."""
    return {"id": row.id, "name": row.name}


def state(row: State) -> Json:
    """A workflow state."""
    return {"id": row.id, "name": row.name, "is_default": row.is_default}


def status(row: Status) -> Json:
    """A status with what it counts as."""
    return {
        "id": row.id,
        "name": row.name,
        "system_name": row.name.lower(),
        "color": row.color,
        "is_final": row.is_final,
        "is_untested": row.is_untested,
        "is_passed": row.is_passed,
        "is_failed": row.is_failed,
        "aliases": [],
    }


def issue(row: Issue) -> Json:
    """A ticket; there is no URL in it."""
    return {
        "id": row.id,
        "type": row.type,
        "display_id": row.display_id,
        "external_project_id": row.external_project_id,
        "external_project_key": row.external_project_key,
    }


def project(row: Project, *, runs: Sequence[Run], milestones: Sequence[Milestone]) -> Json:
    """A project with its counts; sessions and automation are always 0 here."""
    closed = sum(run.closed_at is not None for run in runs)
    completed = sum(milestone.completed_at is not None for milestone in milestones)
    return {
        "id": row.id,
        "name": row.name,
        "note": row.note,
        "is_completed": row.completed_at is not None,
        "milestone_count": len(milestones),
        "milestone_active_count": len(milestones) - completed,
        "milestone_completed_count": completed,
        "run_count": len(runs),
        "run_active_count": len(runs) - closed,
        "run_closed_count": closed,
        **dict.fromkeys(NOT_SIMULATED, 0),
        "created_at": iso(row.created_at),
        "created_by": row.created_by,
        "updated_at": None,
        "updated_by": None,
        "completed_at": iso(row.completed_at),
    }


def run(row: Run, counters: Mapping[str, int]) -> Json:
    """A run with its counters. There is neither a note nor a URL."""
    return {
        "id": row.id,
        "project_id": row.project_id,
        "name": row.name,
        "config_id": row.config_id,
        "milestone_id": row.milestone_id,
        "state_id": row.state_id,
        "forecast": None,
        "forecast_completed": None,
        "elapsed": None,
        "is_started": True,
        "is_closed": row.closed_at is not None,
        "issues": list(row.issues),
        "links": [],
        "tags": list(row.tags),
        **counters,
        "started_at": iso(row.created_at),
        "created_at": iso(row.created_at),
        "created_by": row.created_by,
        "updated_at": iso(row.updated_at),
        "updated_by": row.updated_by,
        "closed_at": iso(row.closed_at),
        "closed_by": row.closed_by,
    }


def result(row: Result, *, is_latest: bool) -> Json:
    """A result, key by key as the documentation's sample."""
    return {
        "id": row.id,
        "project_id": row.project_id,
        "run_id": row.run_id,
        "test_id": row.test_id,
        "case_id": row.case_id,
        "status_id": row.status_id,
        "note": row.note,
        "elapsed": row.elapsed_us,
        "assignee_id": row.assignee_id,
        "is_latest": is_latest,
        "issues": list(row.issues),
        "created_at": iso(row.created_at),
        "created_by": row.created_by,
        "updated_at": iso(row.updated_at),
        "updated_by": row.updated_by,
        "deleted_at": iso(row.deleted_at),
        "deleted_by": row.deleted_by,
    }


def case(row: Case) -> Json:
    """A case; its dates are written differently from everybody else's."""
    return {
        "id": row.id,
        "estimate": None,
        "folder_id": row.folder_id,
        "forecast": None,
        "has_automation": row.has_automation,
        "has_automation_status": False,
        "key": row.id,
        "name": row.name,
        "project_id": row.project_id,
        "repo_id": row.project_id,
        "state_id": CASE_STATE_ID,
        "status_id": None,
        "status_at": None,
        "template_id": CASE_TEMPLATE["id"],
        "created_at": sql(row.created_at),
        "created_by": row.created_by,
        "updated_at": sql(row.created_at),
        "updated_by": row.created_by,
    }


def folder(row: Folder) -> Json:
    """A folder of the repository."""
    return {
        "id": row.id,
        "project_id": row.project_id,
        "repo_id": row.project_id,
        "name": row.name,
        "parent_id": row.parent_id,
        "depth": row.depth,
        "docs": None,
        "display_order": row.display_order,
    }


def milestone(row: Milestone) -> Json:
    """A milestone without parents, links or tickets."""
    return {
        "id": row.id,
        "project_id": row.project_id,
        "root_id": row.id,
        "parent_id": None,
        "type_id": MILESTONE_TYPE["id"],
        "name": row.name,
        "note": None,
        "is_started": row.is_started,
        "is_completed": row.completed_at is not None,
        "start_date": None,
        "due_date": row.due_date.isoformat() if row.due_date else None,
        "automation_tags": [],
        "issues": [],
        "links": [],
        "started_at": iso(row.created_at),
        "created_at": iso(row.created_at),
        "created_by": row.created_by,
        "updated_at": None,
        "updated_by": None,
        "completed_at": iso(row.completed_at),
    }
