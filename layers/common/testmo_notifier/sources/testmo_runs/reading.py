"""The pages of one run, read so that no row slips between them (rules 1 and 3 of the promise)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.errors import Invisible, NotifierError, RequestRejected, StopReading, Unreadable
from testmo_notifier.model import Checkpoint, ResultsPage, ResultsQuery, Resume, Run
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.ports import Testmo
from testmo_notifier.sources.testmo_runs.detect import FROM_THE_BEGINNING, Detector, Swept, Watch

MAX_RESTARTS: Final = 5  # rows that moved under us that often in one read: leave the rest to the next poll
MARGIN: Final = timedelta(seconds=1)  # nobody says how precise the bound is, nor whether it is inclusive

SORT: Final = "run_results:created_at"

Fetch = Callable[[datetime | None, int], ResultsPage]


@dataclass(frozen=True, slots=True)
class Read:
    """How a read ended. `resume` says where to go on, None when everything was read.

    `began_at` is Testmo's clock at the first page, which an earlier poll may have read; None without a `Date`.
    `broken_by` is what came instead of a page in the middle; without it, a read to be resumed saw its rows change
    places too often.
    """

    resume: Resume | None
    began_at: datetime | None
    broken_by: NotifierError | None = None

    @property
    def problem(self) -> str | None:
        """What Testmo did wrong, in words; None when nothing, or when it was us who stopped."""
        return None if self.broken_by is None or isinstance(self.broken_by, StopReading) else str(self.broken_by)


@dataclass(frozen=True, slots=True)
class Reading:
    """One run read: its next checkpoint, and the digest of what is new. `rows` counts what Testmo sent.

    `problem` says what could not be read, `swept` how many results only the sweep found, `owes_sweep` whether one that
    was asked for is neither at its end nor noted in the checkpoint. `misread` names the first malformed row.
    """

    checkpoint: Checkpoint
    news: DigestBuilder
    rows: int
    malformed: int
    swept: int = 0
    problem: str | None = None
    owes_sweep: bool = False
    misread: str = ""

    @property
    def is_unfinished(self) -> bool:
        """Whether the next poll has to read on, or to sweep on."""
        return self.checkpoint.resume is not None or self.checkpoint.sweep is not None


def read_run(
    testmo: Testmo,
    run: Run,
    checkpoint: Checkpoint,
    watch: Watch,
    news: DigestBuilder,
    *,
    overlap: timedelta,
    sweep: bool,
    now: Callable[[], datetime],
    ceased: datetime | None = None,
) -> Reading:
    """Read a run from its checkpoint on, and sweep it if `sweep`, the counters or its closing ask for that.

    A sweep that was interrupted goes on first, for the rows since the checkpoint may be more than a poll can read.
    `ceased` is when what the checkpoint was watching was watched last, where that is not what is watched now. `now`
    stands in where Testmo's answers have no `Date`.
    """
    detector = Detector(checkpoint, watch, ceased)
    checkpoint = with_questions_of_now(checkpoint, watch)
    pages_of = PagesOf(testmo, run, watch, news, detector, now)
    started = now()
    swept = Swept(checkpoint.sweep)
    goes_on = checkpoint.sweep is not None and checkpoint.sweep.page > 1 and checkpoint.resume is None
    if goes_on:
        swept = pages_of.sweep(checkpoint.sweep)
    read = pages_of.read(checkpoint, overlap, raises=not goes_on)
    began_at = read.began_at or started
    if read.resume is not None:
        following = detector.interrupted(began_at=began_at, resume=read.resume, swept=swept)
        problem = f"run {run.id} ({run.name}), page {read.resume.page}: {read.problem}" if read.problem else None
        return replace(pages_of.reading(following, swept.problem or problem), owes_sweep=sweep and not goes_on)
    last_from = began_at if run.closed_at is None else run.closed_at + overlap
    closing = run.closed_at is not None and began_at >= last_from
    if detector.has_nothing_to_take_over(run.counters.by_status):
        swept = Swept()
    elif not goes_on and (
        sweep
        or closing
        or watch.fingerprint not in (checkpoint.watching, checkpoint.swept)
        or checkpoint.sweep is not None
        or detector.is_unexplained(run.counters.by_status)
    ):
        swept = pages_of.sweep(checkpoint.sweep)
    if closing and swept.began_at is not None and swept.began_at < last_from:
        swept = Swept(FROM_THE_BEGINNING)  # it began too early to be the last one
    following = detector.finished(
        overlap=overlap,
        counters=run.counters.by_status,
        began_at=began_at,
        closed_at=run.closed_at if run.is_closed else None,
        swept=swept,
    )
    return pages_of.reading(following, swept.problem)


class PagesOf:
    """The pages of one run: asked for, gone through by the detector, and what is new added to the news."""

    def __init__(
        self,
        testmo: Testmo,
        run: Run,
        watch: Watch,
        news: DigestBuilder,
        detector: Detector,
        now: Callable[[], datetime],
    ) -> None:
        self._testmo = testmo
        self._run = run
        self._watch = watch
        self._news = news
        self._detector = detector
        self._now = now
        self._rows = 0
        self._found_by_sweeps = 0

    def read(self, checkpoint: Checkpoint, overlap: timedelta, *, raises: bool) -> Read:
        """Read what is new since the checkpoint; see `read_pages`."""
        try:
            return self._asked(read_pages(checkpoint, overlap, self._fetch, self._handle))
        except StopReading as exc:
            if raises:
                raise
            return self._asked(Read(beginning(checkpoint, overlap), None, exc))

    def sweep(self, begin: Resume | None) -> Swept:
        """Look through every test's latest failing result, whenever it was saved (rule 5).

        An older result that was edited to Failed, a row that became visible late and one that slipped between two
        pages are found here. What goes wrong with a sweep takes nothing from the read: the sweep stays due.
        """
        begin = begin or FROM_THE_BEGINNING
        before = self._news.total
        try:
            read = self._asked(pages(begin, self._fetch, self._handle_swept))
        except StopReading:
            return Swept(begin)
        except (Unreadable, RequestRejected) as exc:
            return Swept(begin, problem=self._has_to_wait(exc))
        for late, expands in self._detector.held_back():
            self._news.add([late], expands)
        self._found_by_sweeps += self._news.total - before
        if read.broken_by is not None:
            return Swept(read.resume, problem=read.problem and self._has_to_wait(read.problem))
        if read.resume is not None and not self._detector.is_unexplained(self._run.counters.by_status):
            return Swept(began_at=read.began_at)  # rows change places faster than we read, but nothing is missing
        return Swept(read.resume, replaces=read.resume is None and begin.page == 1, began_at=read.began_at)

    def reading(self, checkpoint: Checkpoint, problem: str | None) -> Reading:
        """All of it, with the checkpoint that follows."""
        detector = self._detector
        reading = Reading(checkpoint, self._news, self._rows, detector.malformed, self._found_by_sweeps, problem)
        return replace(reading, misread=detector.misread)

    def _fetch(self, bound: datetime | None, number: int) -> ResultsPage:
        asked_at = self._now()
        page = self._testmo.results(self._run.id, results_query(self._watch, bound, number))
        return page if page.server_date else replace(page, server_date=asked_at)

    def _handle(self, page: ResultsPage) -> None:
        self._rows += len(page.results)
        self._news.add(self._detector.new_failing(page.results), page.expands)

    def _handle_swept(self, page: ResultsPage) -> None:
        self._news.add(self._detector.sweep(page), page.expands)

    def _asked(self, read: Read) -> Read:
        """Keep with a place to resume at what was asked for."""
        if read.resume is None:
            return read
        return replace(read, resume=replace(read.resume, watching=self._watch.fingerprint))

    def _has_to_wait(self, why: object) -> str:
        return f"the sweep of run {self._run.id} ({self._run.name}) has to wait: {why}"


def with_questions_of_now(checkpoint: Checkpoint, watch: Watch) -> Checkpoint:
    """Begin anew, from the same bound, what was interrupted while something else was watched: its pages were others."""

    def checked(resume: Resume | None) -> Resume | None:
        if resume is None or (resume.watching or checkpoint.watching) == watch.fingerprint:
            return resume
        return Resume(resume.bound, 1, None)

    return replace(checkpoint, resume=checked(checkpoint.resume), sweep=checked(checkpoint.sweep))


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


def beginning(checkpoint: Checkpoint, overlap: timedelta) -> Resume:
    """Where a read begins: where the one before it was interrupted, else at the first page from the lower bound on."""
    return checkpoint.resume or Resume(lower_bound(checkpoint, overlap), 1, None)


def lower_bound(checkpoint: Checkpoint, overlap: timedelta) -> datetime:
    """The `created_after` of a read: the overlap before the cursor but not below the floor, a second further."""
    bound = max(checkpoint.cursor - overlap, checkpoint.floor)
    return bound.replace(microsecond=0) - MARGIN


def read_pages(checkpoint: Checkpoint, overlap: timedelta, fetch: Fetch, handle: Callable[[ResultsPage], None]) -> Read:
    """Fetch page after page, oldest rows first, and pass each to `handle`; rows may come more than once.

    One lower bound holds for all pages. When `total` shrinks, a row was deleted and later rows moved up, perhaps
    from a page not yet read to one that was. When a row comes twice while others are missing, rows changed places
    between two pages: nobody promises an order of rows that tie on a millisecond. In both cases it starts again from
    page 1, at last in the next poll. What goes wrong ends the read unfinished once a page was handled, for a page that
    Testmo cannot show must not hold back those before it; else it goes to the caller.
    """
    begin = beginning(checkpoint, overlap)
    since = begin.bound
    known = {key for key, time in checkpoint.seen.items() if since is None or time >= since}
    return pages(begin, fetch, handle, known)


def pages(begin: Resume, fetch: Fetch, handle: Callable[[ResultsPage], None], known: Iterable[int] = ()) -> Read:
    """Fetch the pages from one before `begin` on; see `read_pages`. `known` are rows that earlier polls read."""
    bound, number, total = begin.bound, max(1, begin.page - 1), begin.total
    began_at = begin.began_at if number > 1 else None  # from page 1 on, all of it is read anew
    this_pass = Pass()
    keys = set(known)
    restarts = 0
    while True:
        try:
            page = fetch(bound, number)
        except (StopReading, Unreadable, RequestRejected, Invisible) as exc:
            if not this_pass.numbers and restarts == 0:
                raise
            return Read(Resume(bound, number, total, began_at), began_at, exc)
        began_at = began_at or page.server_date
        handle(page)
        this_pass.add(number, page)
        keys |= this_pass.keys
        shrunk = page.total is not None and total is not None and page.total < total
        total = total if page.total is None else page.total
        is_last = page.next_page is None or not page.results or page.next_page in this_pass.numbers
        is_short = is_last and this_pass.has_doubles and total is not None and len(keys) < total
        restarts += shrunk or is_short
        if (shrunk or is_short) and restarts <= MAX_RESTARTS:
            number, this_pass = 1, Pass()
        elif is_last or page.next_page is None:
            return Read(Resume(bound, 1, total) if restarts > MAX_RESTARTS else None, began_at)
        else:
            number = page.next_page


class Pass:
    """One way through the pages: which of them, which rows, and whether a row came twice."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.keys: set[int] = set()
        self.has_doubles = False

    def add(self, number: int, page: ResultsPage) -> None:
        """One more page."""
        keys = {result.key for result in page.results}
        self.has_doubles = self.has_doubles or not self.keys.isdisjoint(keys) or len(keys) < len(page.results)
        self.numbers.add(number)
        self.keys |= keys
