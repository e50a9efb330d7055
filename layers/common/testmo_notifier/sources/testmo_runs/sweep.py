"""A sweep: a look at every test's latest failing result, whenever it was saved, and why one is due (rule 5).

An older result that was edited to Failed, a row that became visible late and one that slipped between two pages are
found here. What goes wrong with a sweep takes nothing from the read: the sweep stays due.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Final

from testmo_notifier.errors import RequestRejected, StopReading, Unreadable
from testmo_notifier.lean import dataclass
from testmo_notifier.model import Checkpoint, Expands, Failing, Result, ResultsPage, Resume
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.named import Row, most_urgent
from testmo_notifier.sources.testmo_runs.detect import Detector
from testmo_notifier.sources.testmo_runs.paging import RunPages
from testmo_notifier.sources.testmo_runs.watch import Watch
from testmo_notifier.text.notes import short_note

FROM_THE_BEGINNING: Final = Resume(bound=None, page=1, total=None)


class SweepReason(Enum):
    """Why a sweep is due, as the log has it."""

    FIRST_SIGHT = "first_sight"
    UNFINISHED = "unfinished"
    TURN = "turn"
    CLOSING = "closing"
    OTHER_SETTINGS = "other_settings"
    UNEXPLAINED = "counters"


def sweep_reason(  # noqa: PLR0911 - a branch for each rule
    checkpoint: Checkpoint,
    watch: Watch,
    *,
    counters: Mapping[int, int],
    failing: Mapping[int, object],
    turn: bool,
    closing: bool,
) -> SweepReason | None:
    """Why a sweep is due after a complete read; None if it is not. `failing` are the tests known after the read."""
    is_first_sight = checkpoint.silent_before is not None
    if is_first_sight and not watch.shows_failing(counters):
        # Rule 6: nothing was failing before we came, so there is nothing to take over.
        return None
    if checkpoint.sweep is not None:
        # Rule 6: what was failing before we came is taken over. Rule 5: a sweep that did not end goes on.
        return why_it_goes_on(checkpoint)
    if turn and (failing or watch.shows_failing(counters)):
        # Rule 5: once an hour by default, whatever the counters say; but there is nothing to find where no test is
        # failing, and none is known.
        return SweepReason.TURN
    if closing:
        # Rule 5: a run is swept a last time; nobody looks at it later.
        return SweepReason.CLOSING
    if watch.fingerprint not in (checkpoint.watching, checkpoint.swept_for):
        # Rule 6: what only the new settings match is taken over, once.
        return SweepReason.OTHER_SETTINGS
    if watch.has_unknown(counters, failing):
        # Rule 5: the counters show more failing tests than we know of.
        return SweepReason.UNEXPLAINED
    return None


def why_it_goes_on(checkpoint: Checkpoint) -> SweepReason:
    """Why a sweep that stands in a checkpoint is due."""
    return SweepReason.UNFINISHED if checkpoint.silent_before is None else SweepReason.FIRST_SIGHT


def comes_first(checkpoint: Checkpoint) -> bool:
    """Whether a sweep goes on before the read: the rows since the checkpoint may be more than a poll can read."""
    return checkpoint.sweep is not None and checkpoint.sweep.page > 1 and checkpoint.resume is None


@dataclass(frozen=True, slots=True)
class SweepEnd:
    """How a sweep ended. `resume` says where to go on, None if it came to its end or there was none.

    `saw_all` says whether it saw every failing test, be it over several polls. `began_at` is Testmo's clock when it
    began, None if it did not come to its end. `problem` is what Testmo did wrong, in words.
    """

    resume: Resume | None = None
    saw_all: bool = False
    problem: str | None = None
    began_at: datetime | None = None


class Sweep:
    """One sweep of one run. What it finds goes to the news; `found_new` counts it. `reason` is why Testmo was asked.

    `latest` is some of what it saw, the most urgent, if that is asked for.
    """

    def __init__(self, pages: RunPages, detector: Detector, news: DigestBuilder, *, keeps_latest: bool = False) -> None:
        self._keeps_latest = keeps_latest
        self.latest: list[Row] = []
        self._pages = pages
        self.detector = detector
        self._news = news
        self._found: set[int] = set()  # tests, in this poll
        self._others: dict[int, Row] = {}  # of tests of which another row was announced, which may follow
        self.found_new = 0
        self.reason: SweepReason | None = None

    def run(self, reason: SweepReason, resume: Resume | None, counters: Mapping[int, int]) -> SweepEnd:
        """Go through the pages, from the first or from where the last sweep was interrupted."""
        begin = self._pages.asked(resume or FROM_THE_BEGINNING)
        if begin.page == 1:
            self.detector.known.sweep_begins()
        before, self.reason = self._news.total, reason
        try:
            paged = self._pages.go_through(begin, self._handle, told=self._as_told())
        except StopReading:
            self.reason = None  # not a page of it was asked for
            return SweepEnd(begin)
        except (Unreadable, RequestRejected) as exc:
            return SweepEnd(begin, problem=str(exc))
        for late, expands in self.left_over():
            self._news.add([late], expands)
        self.found_new = self._news.total - before
        if paged.broken_by is not None:
            return SweepEnd(paged.resume, problem=paged.problem)
        if paged.resume is None:
            return SweepEnd(saw_all=True, began_at=paged.began_at)
        if self.detector.watch.has_unknown(counters, self.detector.known.failing):
            return SweepEnd(paged.resume, began_at=paged.began_at)
        return SweepEnd(began_at=paged.began_at)  # rows change places faster than we read, but nothing is missing

    def new_failing(self, page: ResultsPage) -> list[Result]:
        """The rows of a page (each test's latest, if it is failing) that were never announced as they are now."""
        return [new for result in page.results for new in self._sweep(result, page.expands)]

    def left_over(self) -> list[Row]:
        """What is new at the end: tests of which no row is the one that was announced."""
        late: list[Row] = []
        for result, expands in self._others.values():
            late += [(new, expands) for new in self.detector.found_by_sweep(result)]
            self._found.add(result.test_key)
        return late

    def _as_told(self) -> Failing:
        """What needs no closer look, where a row's test, id and status say enough about it."""
        watch = self.detector.watch
        says_enough = not (watch.created_by_ids or watch.assignee_ids or self._keeps_latest)
        return self.detector.known.told_under(watch.status_ids) if says_enough else {}

    def _handle(self, page: ResultsPage) -> None:
        self._find(page.as_told)
        self.detector.known.confirm(page.as_told)
        self._news.add(self.new_failing(page), page.expands)
        if self._keeps_latest:
            rows = [
                (row._replace(note=short_note(row.note)), page.expands) for row in page.results if self._is_latest(row)
            ]
            self.latest = most_urgent([*self.latest, *rows])

    def _is_latest(self, result: Result) -> bool:
        return result.is_latest is not False and self.detector.watch.is_failing(result)

    def _sweep(self, result: Result, expands: Expands) -> Iterable[Result]:
        test, known = result.test_key, self.detector.known
        if test in self._found or not self._is_latest(result):
            return ()
        if known.is_another(result):
            # Another row than the announced one. The announced one may follow: a case with steps has several
            # latest rows. If it does not, the test failed anew without our seeing it.
            self._others[test] = (result._replace(note=short_note(result.note)), expands)
            return ()
        self._find((test,))
        return self.detector.found_by_sweep(result)

    def _find(self, tests: Collection[int]) -> None:
        self._found.update(tests)
        for test in self._others.keys() & tests:
            del self._others[test]
