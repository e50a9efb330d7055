"""Which tests that are failing passed in between: a follow-up question, asked only where a route needs to know.

It is asked of a run after its failing results, and spends what these leave of the requests. What goes wrong with it
takes nothing from them: it says that it does not know, and then no streak is counted and no recovery told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from testmo_notifier.errors import Invisible, OutOfBudget, RequestRejected, StopReading, Unreadable
from testmo_notifier.lean import dataclass
from testmo_notifier.model import Checkpoint, Passes, Passing, ResultsPage, ResultsQuery, Resume, Run, Told
from testmo_notifier.sources.testmo_runs.paging import NEWEST_FIRST, SORT, Paged, go_through, one_page
from testmo_notifier.sources.testmo_runs.watch import Watch
from testmo_notifier.sources.testmo_runs.window import beginning, just_before

if TYPE_CHECKING:
    from testmo_notifier.ports import Testmo

PASSED: Final = 2  # Testmo's default
UNKNOWN: Final = Passes()
NOTHING: Final = timedelta(0)  # no time at all
JUST_AFTER: Final = timedelta(milliseconds=1)  # as precise as Testmo is
TROUBLES: Final = (StopReading, Unreadable, RequestRejected, Invisible)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What follow-up questions have to know: which statuses are passes, and whether so many more requests may be sent.

    `may_ask` takes them; fewer than none gives some back. `was_read` is called for each run that leaves the others one
    request more. `finished_since` is when a route first asked for the ends of runs, None where none does.
    """

    statuses: tuple[int, ...] = (PASSED,)
    may_ask: Callable[[int], bool] = lambda _requests: True
    was_read: Callable[[], None] = lambda: None
    finished_since: datetime | None = None


NOT_ASKED: Final = FollowUp(may_ask=lambda _requests: False)


@dataclass(frozen=True, slots=True)
class RunQuestions:
    """A run, what is watched in it, and what may be asked about it: follow-up questions as long as there is room.

    `now` stands in where Testmo's answers have no `Date`.
    """

    testmo: Testmo
    run: Run
    watch: Watch
    now: Callable[[], datetime]
    overlap: timedelta
    follow_up: FollowUp = NOT_ASKED

    def go_through(self, begin: Resume, query: ResultsQuery, handle: Callable[[ResultsPage], None]) -> Paged:
        """Pass page after page to `handle`. Nothing that goes wrong is raised: it says where to go on, if anywhere."""
        question = "/".join((",".join(map(str, query.status_id)), query.order or ""))
        if begin.watching not in ("", question):
            begin = Resume(begin.bound, 1, None)  # other pages were asked for before
        paid = 2 if begin.page > 1 else 1  # one that was read before, and one further: else it would never get on
        no_room = OutOfBudget("the share of the requests that follow-up questions may take is used up")
        if not self.follow_up.may_ask(paid):
            return Paged(begin, None, no_room)

        def fetch(bound: datetime | None, number: int) -> ResultsPage:
            nonlocal paid
            if not paid and not self.follow_up.may_ask(1):
                raise no_room
            paid = max(0, paid - 1)
            asked = replace(query, created_after=bound, page=number)
            return one_page(self.testmo, self.run.id, asked, self.now)

        try:
            paged = go_through(begin, fetch, handle, newest_first=query.order == NEWEST_FIRST)
        except TROUBLES as exc:
            return Paged(begin, None, exc)
        finally:
            self.follow_up.may_ask(-paid)
        return paged if paged.resume is None else replace(paged, resume=replace(paged.resume, watching=question))

    def status_names(self) -> Mapping[int, str]:
        """What statuses are called, as far as Testmo tells: a courtesy, without which their numbers stand there."""
        try:
            return self.testmo.statuses(self.run.project_id) if self.follow_up.may_ask(1) else {}
        except TROUBLES:
            return {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the question: the passes, how far they were read by now, and what Testmo did wrong."""

    passes: Passes = UNKNOWN
    passing: Passing | None = None
    problem: str | None = None


def ask_for_passes(
    pages: RunQuestions,
    before: Checkpoint,
    after: Checkpoint,
    waiting: Collection[int],
    *,
    new: Collection[int],
    twice: bool,
) -> Answer:
    """Read the passes of a run since the last look, once its failing results were read to their end.

    Where no test was failing before, no recovery is waited for, and no test failed `twice` since, there is nothing to
    ask: but what passes from now on will matter, so it is noted from where on. A `new` failure counts, although a
    sweep in the same reading may have found that its test is not failing any more.
    """
    began = before.passing or Passing(beginning(before, pages.overlap).bound or before.floor, looked_at=after.read_at)
    if not before.failing and not waiting and not twice:
        return Answer(passing=began if after.failing or new else None)
    if after.resume is not None or after.sweep is not None or not pages.follow_up.statuses:
        return Answer(passing=began)
    told = {test: key for test, (key, _) in before.failing.items()}
    return read_passes(pages, began, {*after.failing, *waiting, *new}, told)


def read_passes(pages: RunQuestions, passing: Passing, tests: Collection[int], told: Mapping[int, int]) -> Answer:
    """The passes of some tests, from an overlap before the newest known on, or from where the last read stopped.

    A result that was `told` as failing, and is a pass now, counts as one just after that failure.
    """
    times: dict[int, set[datetime]] = {}
    newest = passing.cursor

    def handle(page: ResultsPage) -> None:
        nonlocal newest
        for result in page.results:
            if result.created_at is None or result.is_deleted:
                continue
            newest = max(newest, result.created_at)
            if result.test_key in tests:
                is_edited = told.get(result.test_key) == result.key
                times.setdefault(result.test_key, set()).add(result.created_at + (JUST_AFTER if is_edited else NOTHING))

    query = ResultsQuery(status_id=pages.follow_up.statuses, expands=(), sort=SORT, order="asc")
    begin = passing.resume or Resume(just_before(passing.cursor - pages.overlap), 1, None)
    paged = pages.go_through(begin, query, handle)
    found = {test: tuple(sorted(moments)) for test, moments in times.items()}
    if paged.resume is not None:
        # Where not one page came, nothing is half read.
        resume = passing.resume if paged.began_at is None else paged.resume
        return Answer(Passes(complete=False, times=found), replace(passing, resume=resume), paged.problem)
    # Never past rows that are still to come: as with the cursor of failing results (rule 4).
    cursor = max(passing.cursor, min(newest, paged.began_at or newest))
    return Answer(Passes(complete=True, times=found), replace(passing, cursor=cursor, resume=None))


def noted(told: dict[int, Told], passes: Passes) -> frozenset[int]:
    """Note in `told` when tests passed after they failed; gives back those of which that is new."""
    new = set()
    for test, times in passes.times.items():
        known = told.get(test)
        latest = max(times)
        if known is None or (known.last is not None and latest <= known.last):
            continue
        if known.passed_at is None or latest > known.passed_at:
            told[test] = replace(known, passed_at=latest)
            new.add(test)
    return frozenset(new)
