"""The rows a Testmo keeps, as plain objects. The world changes them; everybody else only reads.

Times are aware UTC datetimes. Ids are whole numbers counted from 1 for each kind of row, as in Testmo's database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum


class StatusId(IntEnum):
    """The statuses every instance starts with, and the custom one this simulator adds (ids 7 to 25 are custom)."""

    UNTESTED = 1
    PASSED = 2
    FAILED = 3
    RETEST = 4
    BLOCKED = 5
    SKIPPED = 6
    WIP = 8


@dataclass(frozen=True, slots=True)
class Status:
    """A result status. `is_final` decides whether a test in it counts as completed."""

    id: int
    name: str
    color: str
    is_final: bool = True
    is_untested: bool = False
    is_passed: bool = False
    is_failed: bool = False


# Names and colours as in a new instance; Blocked and Skipped are final, yet neither a success nor a failure.
STANDARD_STATUSES = (
    Status(StatusId.UNTESTED, "Untested", "#ffffff", is_final=False, is_untested=True),
    Status(StatusId.PASSED, "Passed", "#36ab51", is_passed=True),
    Status(StatusId.FAILED, "Failed", "#f44b25", is_failed=True),
    Status(StatusId.RETEST, "Retest", "#ffaa00", is_final=False),
    Status(StatusId.BLOCKED, "Blocked", "#9a9b9c"),
    Status(StatusId.SKIPPED, "Skipped", "#16abc5"),
    Status(StatusId.WIP, "WIP", "#8e44ad", is_final=False),
)


@dataclass(slots=True)
class User:
    """A user. One with `is_forgotten` still signs its results, but is missing from every list and expand."""

    id: int
    name: str
    email: str
    created_at: datetime
    is_admin: bool = False
    is_api: bool = False
    is_forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A configuration, or whatever else the API describes by an id and a name alone."""

    id: int
    name: str
    project_id: int


@dataclass(frozen=True, slots=True)
class State:
    """A workflow state of a run or case: where the work stands, not what the result was."""

    id: int
    name: str
    is_default: bool = False


# The states one real instance has for its runs; a run starts as New and is Done when it closes.
RUN_STATES = (
    State(6, "New", is_default=True),
    State(7, "In progress"),
    State(8, "Under review"),
    State(9, "Rejected"),
    State(10, "Done"),
)


@dataclass(frozen=True, slots=True)
class Issue:
    """A ticket in a tracker. Results name it by `id`, people by `display_id`; `type` 4 is Jira, 2 GitHub."""

    id: int
    display_id: str
    type: int = 4
    external_project_id: int | None = 10001
    external_project_key: str | None = "SHOP"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the case repository."""

    id: int
    project_id: int
    name: str
    parent_id: int | None = None
    depth: int = 0

    @property
    def display_order(self) -> int:
        """The place among the folders: the order in which they were added."""
        return self.id


@dataclass(slots=True)
class Milestone:
    """A milestone of a project, such as a version."""

    id: int
    project_id: int
    name: str
    created_at: datetime
    created_by: int
    due_date: date | None = None
    is_started: bool = True
    completed_at: datetime | None = None


@dataclass(slots=True)
class Project:
    """A project. A hidden one answers 403: it exists, but the token's user has lost the right to see it."""

    id: int
    name: str
    created_at: datetime
    created_by: int
    note: str | None = None
    completed_at: datetime | None = None
    is_hidden: bool = False


@dataclass(slots=True)
class Case:
    """A test case in the repository of a project, independent of any run."""

    id: int
    project_id: int
    folder_id: int
    name: str
    created_at: datetime
    created_by: int
    tags: tuple[str, ...] = ()
    has_automation: bool = False


@dataclass(slots=True)
class Run:
    """A test run; `closed_at` is set while it is closed."""

    id: int
    project_id: int
    name: str
    created_at: datetime
    created_by: int
    config_id: int | None = None
    milestone_id: int | None = None
    state_id: int = 6
    tags: tuple[str, ...] = ()
    issues: tuple[int, ...] = ()
    updated_at: datetime | None = None
    updated_by: int | None = None
    closed_at: datetime | None = None
    closed_by: int | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """One case inside one run. It is untested until its first result; its id is unique over all runs."""

    __test__ = False  # pytest would otherwise take the class for a test

    id: int
    run_id: int
    case_id: int


@dataclass(slots=True)
class Result:
    """One saved result of a test. `elapsed_us` is in microseconds, as in the API; `note` is HTML.

    A case with steps has a row for each of its steps, beside the one of the whole test: `step` counts them from 1.
    """

    id: int
    run_id: int
    project_id: int
    test_id: int
    case_id: int
    status_id: int
    created_at: datetime
    created_by: int
    visible_from: datetime
    note: str | None = None
    elapsed_us: int | None = None
    assignee_id: int | None = None
    issues: tuple[int, ...] = field(default=())
    updated_at: datetime | None = None
    updated_by: int | None = None
    deleted_at: datetime | None = None
    deleted_by: int | None = None
    step: int = 0
