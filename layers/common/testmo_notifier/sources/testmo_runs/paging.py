"""The pages of one run, asked for so that no row slips between them (rule 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from testmo_notifier.errors import Invisible, NotifierError, OutOfRoom, RequestRejected, StopReading, Unreadable
from testmo_notifier.lean import dataclass
from testmo_notifier.model import NOTHING, Checkpoint, Failing, ResultsPage, ResultsQuery, Resume, Run
from testmo_notifier.sources.testmo_runs.watch import Watch

if TYPE_CHECKING:
    from testmo_notifier.ports import Testmo

MAX_RESTARTS: Final = 5  # rows that moved under us that often in one read: leave the rest to the next poll
SORT: Final = "run_results:created_at"
NEWEST_FIRST: Final = "desc"

Fetch = Callable[[datetime | None, int], ResultsPage]
Handle = Callable[[ResultsPage], None]


@dataclass(frozen=True, slots=True)
class Paged:
    """How going through pages ended. `resume` says where to go on, None when all of them were seen.

    `began_at` is Testmo's clock at the first page, which an earlier poll may have read; None without a `Date`.
    `broken_by` is what came instead of a page in the middle; without it, pages to be resumed saw their rows change
    places too often. `rows` counts what Testmo sent.
    """

    resume: Resume | None
    began_at: datetime | None
    broken_by: NotifierError | None = None
    rows: int = 0

    @property
    def problem(self) -> str | None:
        """What Testmo did wrong, in words; None when nothing, or when it was us who stopped."""
        return None if self.broken_by is None or isinstance(self.broken_by, StopReading) else str(self.broken_by)


@dataclass(frozen=True, slots=True)
class RunPages:
    """The pages of one run, as what is watched asks for them, until `is_full` says that enough was found in them.

    `now` stands in where an answer has no `Date`.
    """

    testmo: Testmo
    run: Run
    watch: Watch
    now: Callable[[], datetime]
    is_full: Callable[[], bool]

    def go_through(self, begin: Resume, handle: Handle, known: Iterable[int] = (), *, told: Failing = NOTHING) -> Paged:
        """See `go_through`; for `told` see `Testmo.results`. A place to go on keeps what was asked for."""
        paged = go_through(begin, partial(self._fetch, told), handle, known)
        return paged if paged.resume is None else replace(paged, resume=self.asked(paged.resume))

    def asked(self, resume: Resume) -> Resume:
        """A place to go on that says what was asked for."""
        return replace(resume, watching=self.watch.fingerprint)

    def _fetch(self, told: Failing, bound: datetime | None, number: int) -> ResultsPage:
        if self.is_full():
            raise OutOfRoom(f"run {self.run.id} has more news than one message holds: the next poll reads on")
        return one_page(self.testmo, self.run.id, results_query(self.watch, bound, number), self.now, told)


def one_page(
    testmo: Testmo, run_id: int, query: ResultsQuery, now: Callable[[], datetime], told: Failing = NOTHING
) -> ResultsPage:
    """One page of results, with Testmo's clock; `now` stands in where the answer has no `Date`."""
    asked_at = now()
    page = testmo.results(run_id, query, told)
    return page if page.server_date else replace(page, server_date=asked_at)


def results_query(watch: Watch, created_after: datetime | None, page: int) -> ResultsQuery:
    """What is asked for one page: only failing rows, oldest first; without a bound, each test's latest row.

    Asking for the watched statuses alone keeps a long run of passes cheap, and keeps the cursor at the last failing
    row, so that an older result which is edited to Failed is still inside the window.
    """
    return ResultsQuery(
        page=page,
        sort=SORT,
        order="asc",
        created_after=created_after,
        get_latest_result=True if created_after is None else None,
        status_id=watch.status_ids,
        created_by=watch.created_by_ids,
        assignee_id=watch.assignee_ids,
    )


def with_questions_of_now(checkpoint: Checkpoint, watch: Watch) -> Checkpoint:
    """Begin anew, from the same bound, what was interrupted while something else was watched: its pages were others."""

    def checked(resume: Resume | None) -> Resume | None:
        if resume is None or (resume.watching or checkpoint.watching) == watch.fingerprint:
            return resume
        return Resume(resume.bound, 1, None)

    return replace(checkpoint, resume=checked(checkpoint.resume), sweep=checked(checkpoint.sweep))


def go_through(
    begin: Resume, fetch: Fetch, handle: Handle, known: Iterable[int] = (), *, newest_first: bool = False
) -> Paged:
    """Fetch page after page from one before `begin` on, oldest rows first, and pass each to `handle`.

    Rows may come more than once. `known` are rows that earlier polls read. One lower bound holds for all pages. What
    goes wrong ends it unfinished once a page was handled, for a page that Testmo cannot show must not hold back those
    before it; else it goes to the caller. With `newest_first`, what is saved meanwhile moves rows to later pages: some
    come again, and none slips.
    """
    bound, number, total = begin.bound, max(1, begin.page - 1), begin.total
    began_at = begin.began_at if number > 1 else None  # from page 1 on, all of it is read anew
    this_round = Round()
    keys = set(known)
    restarts = rows = 0
    while True:
        try:
            page = fetch(bound, number)
        except (StopReading, Unreadable, RequestRejected, Invisible) as exc:
            if not this_round.numbers and restarts == 0:
                raise
            return Paged(Resume(bound, number, total, began_at), began_at, exc, rows)
        began_at = began_at or page.server_date
        handle(page)
        there = page.keys
        rows += len(there)
        keys |= this_round.add(number, there)
        # A row was deleted, and later rows moved up, perhaps from a page not yet read to one that was.
        shrunk = page.total is not None and total is not None and page.total < total
        total = page.total if page.total is not None else total
        is_last = page.next_page is None or not there or page.next_page in this_round.numbers
        # Rows changed places between two pages: nobody promises an order of rows that tie on a millisecond.
        is_short = is_last and this_round.has_doubles and total is not None and len(keys) < total and not newest_first
        restarts += shrunk or is_short
        if (shrunk or is_short) and restarts <= MAX_RESTARTS:
            number, this_round = 1, Round()
        elif is_last or page.next_page is None:
            return Paged(Resume(bound, 1, total) if restarts > MAX_RESTARTS else None, began_at, rows=rows)
        else:
            number = page.next_page


class Round:
    """One way through the pages: which of them, which rows, and whether a row came twice."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.keys: set[int] = set()
        self.has_doubles = False

    def add(self, number: int, rows: Sequence[int]) -> set[int]:
        """One more page; gives back its rows, each once."""
        keys = set(rows)
        self.has_doubles = self.has_doubles or not self.keys.isdisjoint(keys) or len(keys) < len(rows)
        self.numbers.add(number)
        self.keys |= keys
        return keys
