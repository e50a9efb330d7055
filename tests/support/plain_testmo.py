"""A Testmo that is a plain list of rows and a clock, and a poller that reads it with nothing around it.

People save rows (on equal milliseconds, some visible only later) and delete them between any two requests; reads
are cut short, answers break off, settings change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from testmo_notifier.adapters import items
from testmo_notifier.errors import OutOfBudget, Unreadable
from testmo_notifier.model import (
    NOTHING,
    Checkpoint,
    Counters,
    Expands,
    Failing,
    Result,
    ResultsPage,
    ResultsQuery,
    Run,
)
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.polling.due import has_changed
from testmo_notifier.sources.testmo_runs.passes import RunQuestions
from testmo_notifier.sources.testmo_runs.reading import first_checkpoint, read_run
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import START, make_result, make_run

FAILED, PASSED = 3, 2


@dataclass
class Row:
    """A row of the list: when it was saved, and from when on it can be seen. Its test is its own."""

    id: int
    created_at: datetime
    visible_at: datetime
    status: int
    is_deleted: bool = False


@dataclass(frozen=True)
class Save:
    """Somebody saves rows `apart` ms from each other; the first one is listed `late` ms after that."""

    count: int
    apart: int
    late: int
    status: int


@dataclass(frozen=True)
class Delete:
    """Somebody deletes the n-th row that is left."""

    number: int


Event = Save | Delete


@dataclass(frozen=True)
class Poll:
    """One poll. `between` happens before each request; the read is cut short or breaks off at a request."""

    wait_ms: int
    overlap: int
    between: tuple[tuple[Event, ...], ...] = ()
    stops_at: int | None = None
    breaks_at: int | None = None
    sweep: bool = False
    most: int = 50_000  # results that one message holds
    only_new: bool = False  # it is for a follow-up question, if the run has not moved


@dataclass(frozen=True)
class Api:
    """What is documented nowhere."""

    per_page: int
    inclusive: bool
    whole_seconds: bool
    ties: Literal["asc", "desc"]
    has_date: bool


class Told(DigestBuilder):
    """Keeps what it is told."""

    def __init__(self, run: Run, most: int) -> None:
        super().__init__("https://example.testmo.net", run, "Shop")
        self.keys: list[int] = []
        self.most = most

    @property
    def is_full(self) -> bool:
        return self.total >= self.most

    def add(self, results: Iterable[Result], expands: Expands) -> None:
        rows = list(results)
        super().add(rows, expands)
        self.keys += [row.key for row in rows]


@dataclass
class PlainTestmo:
    """A list of rows behind `results`."""

    api: Api
    masks_deletions: bool
    time: datetime = START
    rows: list[Row] = field(default_factory=list)
    between: list[tuple[Event, ...]] = field(default_factory=list)
    stops_at: int | None = None
    breaks_at: int | None = None
    requests: int = 0
    listed: set[int] = field(default_factory=set)  # what could be seen at the last request

    def now(self) -> datetime:
        return self.time

    def visible(self) -> list[Row]:
        return [row for row in self.rows if row.visible_at <= self.time and not row.is_deleted]

    def happen(self, events: Iterable[Event]) -> None:
        deletions = []
        for event in events:
            if isinstance(event, Delete):
                deletions.append(event)
                continue
            for n in range(event.count):
                created = self.time + timedelta(milliseconds=event.apart * n)
                visible = created + timedelta(milliseconds=event.late if n == 0 else 0)
                self.rows.append(Row(len(self.rows) + 1, created, visible, event.status))
        for deletion in deletions:
            left = self.visible()
            # A row that arrives in the same moment hides a deletion from whoever counts: only a sweep finds out.
            hides = any(row.id not in self.listed for row in left)
            if left and (self.masks_deletions or not hides):
                left[deletion.number % len(left)].is_deleted = True

    def results(self, run_id: int, query: ResultsQuery, told: Failing = NOTHING, /) -> ResultsPage:
        del run_id
        self.requests += 1
        self.time += timedelta(milliseconds=700)
        self.happen(self.between.pop(0) if self.between else ())
        if self.requests == self.stops_at:
            raise OutOfBudget("used up")
        if self.requests == self.breaks_at:
            raise Unreadable("502")
        rows = sorted(self.visible(), key=lambda row: (row.created_at, row.id if self.api.ties == "asc" else -row.id))
        self.listed = {row.id for row in rows}
        rows = [row for row in rows if row.status in query.status_id and self.is_after(row, query.created_after)]
        page = query.page or 1
        shown = rows[(page - 1) * self.api.per_page : page * self.api.per_page]
        as_told = {row.id: row.id for row in shown if told.get(row.id) == (row.id, row.status)}
        return ResultsPage(
            results=tuple(
                make_result(row.id, status_id=row.status, created_at=row.created_at, created_by=7)
                for row in shown
                if row.id not in as_told
            ),
            as_told=as_told,
            expands=Expands(),
            next_page=page + 1 if page * self.api.per_page < len(rows) else None,
            total=len(rows),
            server_date=self.time.replace(microsecond=0) if self.api.has_date else None,
        )

    def is_after(self, row: Row, bound: datetime | None) -> bool:
        if bound is None:
            return True
        created = row.created_at.replace(microsecond=0) if self.api.whole_seconds else row.created_at
        return created > bound or (created == bound and self.api.inclusive)


def play(
    testmo: PlainTestmo, polls: Iterable[Poll], watch: Watch, check: Callable[[Checkpoint, Checkpoint], None]
) -> list[int]:
    """Poll after poll; what was told by all that were committed."""
    told: list[int] = []
    checkpoint = first_checkpoint(12, 3, START, watch)
    for poll in polls:
        testmo.time += timedelta(milliseconds=poll.wait_ms)
        testmo.between, testmo.requests = list(poll.between), 0
        testmo.stops_at, testmo.breaks_at = poll.stops_at, poll.breaks_at
        failing = sum(row.status == FAILED for row in testmo.visible())
        run = make_run(counters=Counters({FAILED: failing} if failing else {}))
        news = Told(run, poll.most)
        try:
            about = RunQuestions(testmo, run, watch, testmo.now, timedelta(seconds=poll.overlap))  # type: ignore[arg-type]  # of all calls, only this one is made
            only_new = poll.only_new and not has_changed(run, checkpoint, watch, testmo.time, about.overlap)
            reading = read_run(about, checkpoint, news, turn=poll.sweep, only_new=only_new)
        except (OutOfBudget, Unreadable):
            continue  # nothing was committed
        check(checkpoint, reading.checkpoint)
        checkpoint = items.checkpoint_from(items.checkpoint_item(reading.checkpoint))
        assert checkpoint == reading.checkpoint
        assert checkpoint.cursor <= testmo.time
        told += news.keys
    return told
