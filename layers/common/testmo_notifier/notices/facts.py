"""What routes and silences may ask about a run, a result and its case. Pure."""

from __future__ import annotations

from typing import Final

from testmo_notifier.model import STATUS_NAMES, Expands, Result, Run
from testmo_notifier.notices.matching import Fact, Facts
from testmo_notifier.notices.named import folder_of

UNASSIGNED: Final = 0  # as Testmo's own filters have it


def run_facts(run: Run, project_name: str) -> Facts:
    """What routes may ask about a run."""
    return {
        "project": (Fact(run.project_id, project_name or None),),
        "run": (Fact(run.id, run.name),),
        "milestone": optional_fact(run.milestone_id, run.milestone),
        "configuration": optional_fact(run.configuration_id, run.configuration),
        "tag": tuple(Fact(None, tag) for tag in run.tags),
    }


def result_facts(result: Result, expands: Expands, case: Facts) -> Facts:
    """What routes may ask about a result. `case` says what is known of its case: its name, and its folder."""
    unread = {problem.field for problem in result.problems}
    assignee = result.assignee_id
    people = expands.users
    return {
        "status": optional_fact(result.status_id, status_word(result, expands)),
        "tester": optional_fact(result.created_by, people.get(result.created_by or 0)),
        "issue": tuple(Fact(one, getattr(expands.issues.get(one), "display_id", None)) for one in result.issue_ids),
        "assignee": () if "assignee_id" in unread else (Fact(assignee or UNASSIGNED, people.get(assignee or 0)),),
        **case,
    }


def case_facts(case_id: int, name: str | None, folder: str | None) -> Facts:
    """What is known of a case, its folder as it is kept."""
    folder_id, folder_name = folder_of(folder)
    return {
        "test": (Fact(case_id, name),),
        **({"folder": (Fact(folder_id, folder_name),)} if folder_id is not None else {}),
    }


def status_word(result: Result, expands: Expands) -> str | None:
    """A status as the instance calls it, else as Testmo does."""
    return expands.statuses.get(result.status_id or 0) or STATUS_NAMES.get(result.status_id or 0)


def optional_fact(key: int | None, name: str | None) -> tuple[Fact, ...]:
    """A thing that may be absent."""
    return (Fact(key, name),) if key is not None or name else ()


def raw(result: Result, key: str) -> object:
    """What of a row decides about a fact."""
    fields = {
        "status": result.status_id,
        "assignee": (result.assignee_id, any(problem.field == "assignee_id" for problem in result.problems)),
        "tester": result.created_by,
        "issue": result.issue_ids,
        "test": result.case_id,
        "folder": result.case_id,
    }
    return fields[key]
