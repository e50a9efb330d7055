"""How a result is told: names instead of ids, notes as text, everything short and harmless. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from testmo_notifier.model import STATUS_NAMES, Expands, Issue, NamedResult, Result, plain
from testmo_notifier.text.notes import note_text
from testmo_notifier.text.shortening import one_line

MAX_NAMED: Final = 50  # results that a message names at most, whatever its channel has room for
MIN_NAMED: Final = 20  # as many are named in every message, however long their texts
MAX_NAMED_BYTES: Final = 90_000  # of details beyond those; an item ends at 400 KB, an SNS message at 256 KB
MAX_NAME_CHARS: Final = 200  # of a run, a project, a milestone, a configuration or a case
MAX_FOLDER_CHARS: Final = 80  # of the name of a folder
MAX_NOTE_CHARS: Final = 500  # of a note, as text
MAX_PERSON_CHARS: Final = 80  # of a person's name
MAX_ISSUES: Final = 10  # issues of one result
MAX_ISSUE_CHARS: Final = 40  # of what an issue is called, like SHOP-123
MAX_PROJECT_KEY_CHARS: Final = 60  # of its project in the tracker
MAX_STATUS_CHARS: Final = 40  # of the name of a status
FAILED: Final = 3  # Testmo's default id of that status
BLOCKED: Final = 5  # the same
# The order of a message: these first, others by their id, an unknown status last.
RANKS: Final[Mapping[int | None, int]] = {FAILED: 0, BLOCKED: 1, None: 100}
LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)

AS_THEY_ARE: Final = (
    *("id", "test_id", "case_id", "status_id", "is_latest", "created_at", "created_by", "updated_at", "updated_by"),
    *("assignee_id", "elapsed_us"),
)

Row = tuple[Result, Expands]  # a result with what its page said of people, issues and statuses


def named(
    result: Result, expands: Expands, run_url: str, *, reason: str = "", streak: int = 0, since: datetime | None = None
) -> NamedResult:
    """One result as messages tell it."""
    issues = [expands.issues.get(issue) or Issue(issue, f"issue {issue}") for issue in result.issue_ids[:MAX_ISSUES]]
    same = {name: getattr(result, name) for name in AS_THEY_ARE}
    return NamedResult(
        **same,
        case_name=None,
        status=status_name(result.status_id, expands.statuses),
        created_by_name=person(result.created_by, expands.users),
        updated_by_name=person(result.updated_by, expands.users),
        assignee=person(result.assignee_id, expands.users),
        issues=tuple(short_issue(issue) for issue in issues),
        note=note_text(result.note, MAX_NOTE_CHARS),
        previous_status=None
        if result.previous_status_id is None
        else status_name(result.previous_status_id, expands.statuses),
        url=run_url + (f"?test_id={result.test_id}" if result.test_id is not None else ""),
        reason=reason,
        streak=streak,
        since=since,
    )


def short_issue(issue: Issue) -> Issue:
    """An issue whose texts are harmless and short."""
    project_key = optional_line(issue.external_project_key, MAX_PROJECT_KEY_CHARS)
    display_id = one_line(issue.display_id, MAX_ISSUE_CHARS) or f"issue {issue.id}"
    return replace(issue, display_id=display_id, external_project_key=project_key)


def rank(status_id: int | None) -> int:
    """Failed before Blocked before an instance's own statuses before unknown ones."""
    return RANKS.get(status_id, status_id or 100)


def most_urgent(told: Iterable[Row]) -> list[Row]:
    """The first `MAX_NAMED` in the order of the message: by status, then newest first."""
    rows = list(told)
    urgency = [(-rank(result.status_id), result.created_at or LONG_AGO, result.id or 0) for result, _ in rows]
    return [rows[place] for place in sorted(range(len(rows)), key=urgency.__getitem__, reverse=True)[:MAX_NAMED]]


def fitting(results: list[NamedResult], room: int = MAX_NAMED_BYTES) -> list[NamedResult]:
    """As many as their texts leave room for, in bytes. `MIN_NAMED` at least: of a small room these lose their notes."""
    fit: list[NamedResult] = []
    room_is_shared = room < MAX_NAMED_BYTES
    for result in results:
        room -= len(repr(plain(result)).encode())
        if room < 0 and len(fit) >= MIN_NAMED:
            return fit
        fit.append(replace(result, note="", issues=()) if room < 0 and room_is_shared else result)
    return fit


def status_name(status_id: int | None, names: Mapping[int, str]) -> str:
    """A status in the instance's own words, else in Testmo's, else by its number."""
    if status_id is None:
        return "Unknown status"
    name = names.get(status_id) or STATUS_NAMES.get(status_id) or f"Status {status_id}"
    return one_line(name, MAX_STATUS_CHARS) or f"Status {status_id}"


def person(user_id: int | None, users: Mapping[int, str]) -> str | None:
    """A person by name, or by number where the expands lack them (deleted, anonymised)."""
    if user_id is None:
        return None
    return one_line(users.get(user_id, ""), MAX_PERSON_CHARS) or f"user {user_id}"


def folder_of(kept: str | None) -> tuple[int | None, str | None]:
    """A case's folder by id and name: it is kept as both, with a blank between them."""
    number, _, name = (kept or "").partition(" ")
    return (int(number), name or None) if number else (None, None)


def optional_line(text: str | None, limit: int) -> str | None:
    """A line that may be absent."""
    return (one_line(text, limit) or None) if text else None
