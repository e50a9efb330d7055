"""What Testmo tells: projects, runs, results, cases, as far as its answers could be understood; and what to look at.

Ids are Testmo's own. Notes are HTML as Testmo sends them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, TypeVar

from testmo_notifier.lean import dataclass

T = TypeVar("T")
STATUS_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {1: "Untested", 2: "Passed", 3: "Failed", 4: "Retest", 5: "Blocked", 6: "Skipped"}
)  # Testmo's defaults, https://docs.testmo.com/api/reference/results; 7 to 25 are an instance's own
YEARS: Final = range(1971, 9000)  # a clock outside of them is broken, and reckoning with its dates would overflow
MAX_PER_PAGE: Final = 100  # of Testmo's lists; it takes 15, 25, 50 and 100


class Listed(list[T]):
    """What a list held, as far as it could be understood. `strays` says in words which rows could not."""

    def __init__(self, rows: Iterable[T] = (), strays: Iterable[str] = ()) -> None:
        super().__init__(rows)
        self.strays = tuple(strays)


@dataclass(frozen=True, slots=True)
class Project:
    """A project as `GET /projects` lists it. A count is None where the answer left it out."""

    id: int
    name: str
    is_completed: bool
    run_active_count: int | None
    run_closed_count: int | None
    created_at: datetime | None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account. `email` is empty where the token may not read it."""

    id: int
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """How many tests of a run have which latest status.

    `by_status` maps status ids (1 is Untested) to counts and leaves zeros out. The rest is Testmo's own
    arithmetic: `success` is Passed, `failure` is Failed without Blocked, `completed` is what is final.
    """

    by_status: Mapping[int, int] = field(default_factory=dict)
    success: int = 0
    failure: int = 0
    completed: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A test run. `milestone` and `configuration` are names, None where the run has none, or where none is known."""

    id: int
    project_id: int
    name: str
    is_closed: bool
    created_at: datetime | None
    closed_at: datetime | None
    counters: Counters
    milestone: str | None = None
    configuration: str | None = None
    milestone_id: int | None = None
    configuration_id: int | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issue:
    """A linked issue. `display_id` is the tracker's key (`SHOP-123`); `type` is Testmo's tracker number.

    `external_project_key` and `external_project_id` are the tracker's own project (`SHOP`), where Testmo tells it.
    """

    id: int
    display_id: str
    type: int | None = None
    external_project_key: str | None = None
    external_project_id: int | None = None


@dataclass(frozen=True, slots=True)
class Expands:
    """The objects that one page of results refers to, by id."""

    users: Mapping[int, str] = field(default_factory=dict)
    issues: Mapping[int, Issue] = field(default_factory=dict)
    statuses: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What could not be understood of a row: the field, and what is wrong with it."""

    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field} {self.text}"


Failing: TypeAlias = Mapping[int, tuple[int, int]]  # by test: the id and the status of its latest failing result
NOTHING: Final[Failing] = MappingProxyType({})


class Result(NamedTuple):
    """One row of `GET /runs/{id}/results`, as far as it could be understood.

    `key` recognises the row: its id, or a negative hash of the row where it has none. A field that is
    missing or of the wrong type is None, and `problems` says which. `previous_status_id` is set on a row that
    was announced before under another status. `note` is HTML as it came, of any length: whoever keeps results makes it
    short (`text.short_note`). A tuple, because there are 100,000 of them at times and nothing is made faster.
    """

    key: int
    id: int | None
    test_id: int | None
    case_id: int | None
    status_id: int | None
    is_latest: bool | None = None
    note: str = ""
    elapsed_us: int | None = None
    assignee_id: int | None = None
    issue_ids: tuple[int, ...] = ()
    created_at: datetime | None = None
    created_by: int | None = None
    updated_at: datetime | None = None
    updated_by: int | None = None
    is_deleted: bool = False
    problems: tuple[RowProblem, ...] = ()
    previous_status_id: int | None = None

    @property
    def test_key(self) -> int:
        """What it is a result of: its test, or nothing but itself where it names none."""
        return self.test_id if self.test_id is not None else -1 - abs(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsQuery:
    """The parameters of `/runs/{id}/results` in use; None leaves one out, an empty tuple too. 0 is "unassigned"."""

    page: int | None = None
    per_page: int | None = MAX_PER_PAGE
    sort: str | None = None
    order: str | None = None
    created_after: datetime | None = None
    created_by: tuple[int, ...] = ()
    assignee_id: tuple[int, ...] = ()
    status_id: tuple[int, ...] = ()
    get_latest_result: bool | None = None
    expands: tuple[str, ...] = ("users", "issues", "statuses")


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """One page of results with its expands. `total` and `server_date` are None where the answer has none.

    `as_told` are rows that are not in `results`, because nothing about them is new: the id of each, by test.
    """

    results: tuple[Result, ...]
    expands: Expands
    next_page: int | None
    total: int | None
    server_date: datetime | None
    as_told: Mapping[int, int] = field(default_factory=dict)

    @property
    def keys(self) -> list[int]:
        """What recognises each of its rows."""
        return [*(result.key for result in self.results), *self.as_told.values()]


@dataclass(frozen=True, slots=True)
class CasesPage:
    """One page of a project's cases: names (or folders) by id, and the newest creation time on it."""

    names: Mapping[int, str]
    newest: datetime | None
    next_page: int | None


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """A run to watch. Nothing in it before `start` is ever announced."""

    run: Run
    project_name: str
    start: datetime


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at. Empty tuples mean everything the token can see."""

    project_ids: tuple[int, ...]
    run_ids: tuple[int, ...]
    overlap: timedelta
    backfill: timedelta
