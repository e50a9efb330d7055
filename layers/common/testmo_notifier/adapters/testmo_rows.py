"""Testmo's JSON, read into the nouns of `model`.

A row of results is never refused: what cannot be understood becomes None and is named in `problems`
(rule 14 of the promise). Anything else without an id is refused with `ValueError`, because nobody could tell it from
others. Shapes: https://docs.testmo.com/api/reference (runs, results, projects).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Final

from testmo_notifier.model import YEARS, Counters, Expands, Failing, Issue, Project, Result, RowProblem, Run, User

MAX_NAME_CHARS: Final = 2_000  # as typed: what shows nothing of it is still in it, so a name is made short later
# By status id, as seen on real runs: status1_count to status24_count are the ids 2 to 25.
COUNTERS: Final = {1: "untested_count", **{n + 1: f"status{n}_count" for n in range(1, 25)}}
ZERO_DATES: Final = ("0000-", "0001-01-01", "-0001-", "1970-01-01T00:00:00", "1970-01-01 00:00:00")
NUMBERS: Final = ("id", "test_id", "case_id", "status_id", "created_by", "elapsed", "assignee_id", "updated_by")
TIMES: Final = ("created_at", "updated_at")
FIELDS: Final = (*NUMBERS, *TIMES, "deleted_at", "note", "is_latest", "issues")
NULLABLE: Final = frozenset({"elapsed", "assignee_id", "updated_by", "updated_at"})
NUMBERS_OF: Final = itemgetter("id", "test_id", "case_id", "status_id", "created_by", "elapsed", "assignee_id")
IDENTITY_OF: Final = itemgetter("id", "test_id", "status_id", "is_latest", "deleted_at")
REST_OF: Final = itemgetter("created_at", "note", "is_latest", "issues", "updated_at", "updated_by", "deleted_at")
BITS: Final = 63  # of an id or a duration: neither Testmo's database nor DynamoDB's numbers are made for more
MAX_INT: Final = 2**BITS  # what an id is below
CHANGING: Final = frozenset({"is_latest", "updated_at", "updated_by"})

Json = Mapping[str, object]


def told_apart(raw: Iterable[Any], told: Failing) -> tuple[dict[int, int], list[object]]:
    """The latest rows that are just what was told of their tests, as ids by test, and the others.

    A sweep meets thousands of them every hour, and to read and compare them takes five times as long.
    """
    as_told: dict[int, int] = {}
    others: list[object] = []
    for row in raw:
        try:
            key, test_id, status_id, is_latest, deleted_at = IDENTITY_OF(row)
            told_key, told_status = told[test_id]
        except (LookupError, TypeError):
            others.append(row)
            continue
        is_told = key == told_key and status_id == told_status and is_latest is True and deleted_at is None
        if is_told and type(key) is type(test_id) is type(status_id) is int and test_id not in as_told:
            as_told[test_id] = key
        else:
            others.append(row)
    return as_told, others


def result(raw: object) -> Result:
    """One row of `/runs/{id}/results`."""
    return as_documented(raw) or carefully(raw)


def as_documented(raw: object) -> Result | None:
    """The same of a row that nobody edited, with all that Testmo documents; None for any other.

    There are 100,000 of them at times, and looking closely at each field takes twice as long.
    """
    if type(raw) is not dict:
        return None
    try:
        key, test_id, case_id, status_id, created_by, elapsed, assignee_id = NUMBERS_OF(raw)
        saved_at, note, is_latest, issues, changed_at, changed_by, deleted_at = REST_OF(raw)
    except KeyError:
        return None
    at = as_time(saved_at)
    if (
        at is not None
        and type(note) is str
        and (is_latest is True or is_latest is False)
        and changed_at is changed_by is deleted_at is None
        and type(key) is type(test_id) is type(case_id) is type(status_id) is type(created_by) is int
        and (key | test_id | case_id | status_id | created_by) >> BITS == 0  # none is negative, nor too large
        and (elapsed is None or (type(elapsed) is int and elapsed >> BITS == 0))
        and (assignee_id is None or (type(assignee_id) is int and assignee_id >> BITS == 0))
    ):
        ids = id_list(issues) if issues else ()
        return Result(  # in the order of its fields, because names take as long as all the rest
            key, key, test_id, case_id, status_id, is_latest, note, elapsed, assignee_id, ids, at, created_by
        )
    return None


def carefully(raw: object) -> Result:
    """The same of any row, whatever is in it."""
    row: Json = raw if isinstance(raw, dict) else {}
    *given, saved_at, changed_at, deleted_at, note, is_latest, issues = map(row.get, FIELDS)
    numbers = [
        one if one is None or (type(one) is int and -MAX_INT < one < MAX_INT) else as_int(one)  # nearly all are
        for one in given
    ]
    result_id, test_id, case_id, status_id, created_by, elapsed, assignee_id, updated_by = numbers
    times = created_at, updated_at = as_time(saved_at), None if changed_at is None else as_time(changed_at)
    is_complete = (
        None not in (result_id, test_id, case_id, status_id, created_by, created_at)
        and (numbers == given or numbers.count(None) == given.count(None))  # what may be missing was understood
        and (updated_at is not None or changed_at is None)
        and isinstance(note, str)
    )
    return Result(
        result_id if result_id is not None else anonymous_key(raw),
        result_id,
        test_id,
        case_id,
        status_id,
        is_latest if is_latest is True or is_latest is False else as_bool(is_latest),
        note if isinstance(note, str) else "",
        elapsed,
        assignee_id,
        id_list(issues) if issues else (),
        created_at,
        created_by,
        updated_at,
        updated_by,
        deleted_at is not None and is_set(deleted_at),
        () if is_complete else tuple(row_problems(raw, numbers, times)),
    )


def row_problems(raw: object, numbers: Iterable[int | None], times: Iterable[datetime | None]) -> Iterator[RowProblem]:
    """What could not be understood of a row, of which `numbers` and `times` could."""
    if not isinstance(raw, dict):
        yield RowProblem("the row", "is not an object")
        return
    for names, found, kind in ((NUMBERS, numbers, "a number"), (TIMES, times, "a date")):
        for name, value in zip(names, found, strict=True):
            given = raw.get(name)
            if value is None and (is_set(given) or name not in NULLABLE):
                yield RowProblem(name, "is missing" if given is None else f"is not {kind}")
    if not isinstance(raw.get("note"), str | None):
        yield RowProblem("note", "is not text")


def anonymous_key(raw: object) -> int:
    """A negative number that recognises a row without an id: a hash of what a re-test leaves alone."""
    row = {name: value for name, value in raw.items() if name not in CHANGING} if isinstance(raw, dict) else raw
    canonical = json.dumps(row, sort_keys=True, default=str)
    return -1 - int.from_bytes(hashlib.sha256(canonical.encode()).digest()[:7])


def expands(raw: object) -> Expands:
    """The expands of a page: an object of lists, or an empty list when nothing was expanded."""
    groups: Json = raw if isinstance(raw, dict) else {}
    return Expands(
        users={key: name for key, name, _ in named(groups.get("users"))},
        statuses={key: name for key, name, _ in named(groups.get("statuses"))},
        issues={
            key: Issue(
                id=key,
                display_id=name,
                type=as_int(row.get("type")),
                external_project_key=as_name(row.get("external_project_key")) or None,
                external_project_id=as_int(row.get("external_project_id")),
            )
            for key, name, row in named(groups.get("issues"), label="display_id")
        },
    )


def passed_statuses(raw: object) -> dict[int, bool]:
    """Of the statuses that an expand tells: whether a test counts as passed with it, where that is said."""
    groups: Json = raw if isinstance(raw, dict) else {}
    told = {key: as_bool(row.get("is_passed")) for key, _, row in named(groups.get("statuses"))}
    return {key: is_passed for key, is_passed in told.items() if is_passed is not None}


def named(raw: object, *, label: str = "name") -> list[tuple[int, str, Json]]:
    """The objects of one expand that have an id and a name."""
    rows = [row for row in as_list(raw) or () if isinstance(row, dict)]
    pairs = [(as_int(row.get("id")), as_name(row.get(label)), row) for row in rows]
    return [(key, name, row) for key, name, row in pairs if key is not None and name]


def folders(cases: object, expanded: object) -> dict[int, str]:
    """The folder that each case is in: its id, a blank, and its name as far as the expand `folders` gives it."""
    groups: Json = expanded if isinstance(expanded, dict) else {}
    names = {key: name for key, name, _ in named(groups.get("folders"))}
    found = ((key, as_int(row.get("folder_id"))) for key, _, row in named(cases))
    return {key: f"{folder} {names.get(folder, '')}".strip() for key, folder in found if folder is not None}


def created_at(raw: object) -> datetime | None:
    """When something was created."""
    return as_time(raw.get("created_at")) if isinstance(raw, dict) else None


def user(raw: object) -> User | None:
    """One row of `/users` or of a project's; None for programs, and for who left: nobody could be called."""
    row = as_object(raw, "a user")
    if as_bool(row.get("is_api")) or as_bool(row.get("is_forgotten")) or as_bool(row.get("is_active")) is False:
        return None
    user_id = required_id(row, "a user")
    return User(user_id, as_name(row.get("name")) or f"User {user_id}", as_name(row.get("email")))


def project(raw: object) -> Project:
    """One row of `/projects`."""
    row = as_object(raw, "a project")
    project_id = required_id(row, "a project")
    return Project(
        id=project_id,
        name=as_name(row.get("name")) or f"Project {project_id}",
        is_completed=as_bool(row.get("is_completed")) is True,
        run_active_count=as_int(row.get("run_active_count")),
        run_closed_count=as_int(row.get("run_closed_count")),
        created_at=as_time(row.get("created_at")),
        completed_at=as_time(row.get("completed_at")),
    )


def run(raw: object, expanded: object, *, project_id: int | None = None) -> Run:
    """One run, with the names that the `milestones` and `configs` expands give.

    `project_id` is the one whose runs were asked for; without it the run has to say where it belongs.
    """
    row = as_object(raw, "a run")
    run_id = required_id(row, "a run")
    groups: Json = expanded if isinstance(expanded, dict) else {}
    milestones = {key: name for key, name, _ in named(groups.get("milestones"))}
    configs = {key: name for key, name, _ in named(groups.get("configs"))}
    closed_at = as_time(row.get("closed_at"))
    return Run(
        id=run_id,
        project_id=project_id or required_id(row, f"run {run_id}", "project_id"),
        name=as_name(row.get("name")) or f"Run {run_id}",
        is_closed=as_bool(row.get("is_closed")) is True,
        created_at=as_time(row.get("created_at")),
        closed_at=closed_at,
        counters=counters(row),
        milestone=milestones.get(as_int(row.get("milestone_id")) or 0),
        configuration=configs.get(as_int(row.get("config_id")) or 0),
        milestone_id=as_int(row.get("milestone_id")),
        configuration_id=as_int(row.get("config_id")),
        tags=tags(row.get("tags")),
    )


def tags(raw: object) -> tuple[str, ...]:
    """The tags of a run, which are texts, or objects with a name."""
    return tuple(
        name for row in as_list(raw) or () if (name := as_name(row.get("name") if isinstance(row, dict) else row))
    )


def counters(row: Json) -> Counters:
    """A run's counters by status id."""
    given = zip(COUNTERS, map(row.get, COUNTERS.values()), strict=True)
    return Counters(
        by_status={status: count for status, value in given if value and (count := as_int(value))},
        success=as_int(row.get("success_count")) or 0,
        failure=as_int(row.get("failure_count")) or 0,
        completed=as_int(row.get("completed_count")) or 0,
        total=as_int(row.get("total_count")) or 0,
    )


def as_object(raw: object, what: str) -> Json:
    """A JSON object, or a `ValueError` that names what it should have been."""
    if not isinstance(raw, dict):
        raise ValueError(f"{what} is not an object")  # noqa: TRY004 - one kind of error for everything unreadable
    return raw


def required_id(row: Json, what: str, name: str = "id") -> int:
    """An id that nothing works without."""
    value = as_int(row.get(name))
    if value is None:
        raise ValueError(f"{what} has no usable {name}")
    return value


def as_list(value: object) -> list[object] | None:
    """A list; None for anything else.

    PHP writes one that something was taken out of, or that is kept by id, as an object whose keys are numbers:
    https://github.com/laravel/framework/issues/47486.
    """
    if isinstance(value, dict) and value and all(name.isdecimal() for name in value):
        return list(value.values())
    return value if isinstance(value, list) else None


def id_list(value: object) -> tuple[int, ...]:
    """The ids in a list, strangers left out."""
    return tuple(key for key in map(as_int, as_list(value) or ()) if key is not None)


def as_int(value: object) -> int | None:
    """A whole number, also one written as text; None for anything else."""
    if type(value) is int:  # nearly all of them, ten to a row; no `bool` is one
        return value if -MAX_INT < value < MAX_INT else None
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and abs(value) < MAX_INT else None


def as_bool(value: object) -> bool | None:
    """Yes or no, also as the 1 and 0 of a database, be they text; None for anything else."""
    if isinstance(value, bool):
        return value
    number = as_int(value)
    return bool(number) if number in (0, 1) else None


def is_set(value: object) -> bool:
    """Whether a date says that something happened. Databases and their libraries have several ways to write "never"."""
    if not isinstance(value, str):
        return bool(value)
    return value.strip() not in ("", "0") and not value.strip().startswith(ZERO_DATES)


def as_name(value: object) -> str:
    """A name, at most `MAX_NAME_CHARS` long; empty if there is none. What it holds is not to be trusted.

    A release may be called 2024, and a library may take that for a number.
    """
    if type(value) is int:
        return str(value)[:MAX_NAME_CHARS]
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().strip()[:MAX_NAME_CHARS]  # half a character has no UTF-8


def as_time(value: object) -> datetime | None:
    """A moment in UTC, from either of Testmo's formats (`…T…Z`, or `… …` without a zone); else None."""
    if not isinstance(value, str) or not 10 <= len(value) <= 40:  # noqa: PLR2004 - a date to one with zone
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not UTC:
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in YEARS else None  # "never" and "for ever" are no moments
