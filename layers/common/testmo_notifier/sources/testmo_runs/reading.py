"""One run read: what is new since its checkpoint, a sweep if one is due, and the checkpoint that follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from testmo_notifier.errors import StopReading
from testmo_notifier.model import Checkpoint, ResultsPage, Resume, Run
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.ports import Testmo
from testmo_notifier.sources.testmo_runs.detect import Detector
from testmo_notifier.sources.testmo_runs.paging import Paged, RunPages, with_questions_of_now
from testmo_notifier.sources.testmo_runs.sweep import (
    FROM_THE_BEGINNING,
    Sweep,
    SweepEnd,
    comes_first,
    sweep_reason,
)
from testmo_notifier.sources.testmo_runs.watch import Watch
from testmo_notifier.sources.testmo_runs.window import beginning


@dataclass(frozen=True, slots=True)
class Reading:
    """One run read: its next checkpoint, and the digest of what is new. `rows` counts what Testmo sent.

    `problem` says what could not be read, `found_by_sweep` how many results only the sweep found, `owes_sweep` whether
    one that was asked for is neither at its end nor noted in the checkpoint. `misread` names the first malformed row.
    """

    checkpoint: Checkpoint
    news: DigestBuilder
    rows: int
    malformed: int
    found_by_sweep: int = 0
    problem: str | None = None
    owes_sweep: bool = False
    misread: str = ""

    @property
    def is_unfinished(self) -> bool:
        """Whether the next poll has to read on, or to sweep on."""
        return self.checkpoint.resume is not None or self.checkpoint.sweep is not None


def first_checkpoint(run_id: int, project_id: int, start: datetime, watch: Watch) -> Checkpoint:
    """The checkpoint of a run at first sight: nothing before `start` will ever be announced.

    The first sweep takes over what is failing already, so that a later one knows what is new.
    """
    return Checkpoint(
        run_id=run_id,
        project_id=project_id,
        cursor=start,
        floor=start,
        watching=watch.fingerprint,
        sweep=FROM_THE_BEGINNING,
        silent_before=start,
    )


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
    """Read a run from its checkpoint on, and sweep it if that is due. `sweep`: its turn for one has come.

    `ceased` is when what the checkpoint was watching was watched last, where that is not what is watched now. `now`
    stands in where Testmo's answers have no `Date`.
    """
    this = OneRun(testmo, run, checkpoint, watch, news, now, ceased)
    started = now()
    # Rule 5: an interrupted sweep goes on first, for the rows since the checkpoint may be more than a poll can read.
    swept_first = comes_first(this.checkpoint)
    end = this.swept() if swept_first else SweepEnd(this.checkpoint.sweep)
    paged = this.read(overlap, raises=not swept_first)
    began_at = paged.began_at or started
    if paged.resume is not None:
        following = interrupted(this.checkpoint, this.detector, end, began_at=began_at, resume=paged.resume)
        problem = f"run {run.id} ({run.name}), page {paged.resume.page}: {paged.problem}" if paged.problem else None
        return replace(this.reading(following, end, problem), owes_sweep=sweep and not swept_first)
    last_from = began_at if run.closed_at is None else run.closed_at + overlap
    closing = run.closed_at is not None and began_at >= last_from
    counters, failing = run.counters.by_status, this.detector.known.failing
    if not sweep_reason(this.checkpoint, watch, counters=counters, failing=failing, turn=sweep, closing=closing):
        end = SweepEnd()
    elif not swept_first:
        end = this.swept()
    if closing and end.began_at is not None and end.began_at < last_from:
        end = SweepEnd(FROM_THE_BEGINNING)  # it began too early to be the last one
    following = finished(
        this.detector,
        end,
        overlap=overlap,
        counters=run.counters.by_status,
        began_at=began_at,
        closed_at=run.closed_at if run.is_closed else None,
    )
    return this.reading(following, end)


class OneRun:
    """What is read of one run goes through the detector, and what is new of it to the news."""

    def __init__(
        self,
        testmo: Testmo,
        run: Run,
        checkpoint: Checkpoint,
        watch: Watch,
        news: DigestBuilder,
        now: Callable[[], datetime],
        ceased: datetime | None,
    ) -> None:
        checkpoint = with_questions_of_now(checkpoint, watch)
        self.checkpoint = checkpoint
        self.detector = Detector(checkpoint, watch, ceased)
        self._run = run
        self._news = news
        self._pages = RunPages(testmo, run, watch, now)
        self._sweep = Sweep(self._pages, self.detector, news)
        self._rows = 0

    def read(self, overlap: timedelta, *, raises: bool) -> Paged:
        """Read what is new since the checkpoint. `raises`: it is an error if not even one page may be asked for."""
        begin = beginning(self.checkpoint, overlap)
        seen = {key for key, time in self.checkpoint.seen.items() if begin.bound is None or time >= begin.bound}
        try:
            return self._pages.go_through(begin, self._handle, seen)
        except StopReading as exc:
            if raises:
                raise
            return Paged(self._pages.asked(begin), None, exc)

    def swept(self) -> SweepEnd:
        """Sweep, from where the last sweep was interrupted."""
        return self._sweep.run(self.checkpoint.sweep, self._run.counters.by_status)

    def reading(self, checkpoint: Checkpoint, end: SweepEnd, problem: str | None = None) -> Reading:
        """All of it, with the checkpoint that follows."""
        if end.problem is not None:
            problem = f"the sweep of run {self._run.id} ({self._run.name}) has to wait: {end.problem}"
        return Reading(
            checkpoint,
            self._news,
            rows=self._rows,
            malformed=self.detector.malformed,
            found_by_sweep=self._sweep.told,
            problem=problem,
            misread=self.detector.misread,
        )

    def _handle(self, page: ResultsPage) -> None:
        self._rows += len(page.results)
        self._news.add(self.detector.new_failing(page.results), page.expands)


def finished(
    detector: Detector,
    end: SweepEnd,
    *,
    overlap: timedelta,
    counters: Mapping[int, int],
    began_at: datetime,
    closed_at: datetime | None,
) -> Checkpoint:
    """The checkpoint after a complete read. `counters` are the run's as they were before it."""
    if end.failing is not None:
        detector.known.replaced_by(end.failing)
    following = replace(
        detector.known.kept_in(detector.window.finished(began_at=began_at, overlap=overlap)),
        counters=dict(counters),
        sweep=end.resume,
        read_at=began_at,
        closed_at=closed_at,
        gone_at=None,
    )
    if end.resume is not None:
        return following
    # Rule 6: only now are the rows that the new settings match taken over, and those from before we came.
    return replace(following, watching=detector.watch.fingerprint, swept_for="", silent_before=None)


def interrupted(
    checkpoint: Checkpoint, detector: Detector, end: SweepEnd, *, began_at: datetime, resume: Resume
) -> Checkpoint:
    """The checkpoint after a part of a read; counters wait for the rest."""
    has_ended = checkpoint.sweep is not None and end.resume is None
    return replace(
        detector.known.kept_in(detector.window.interrupted(began_at=began_at, resume=resume)),
        sweep=end.resume,
        swept_for=detector.watch.fingerprint if has_ended else checkpoint.swept_for,
        gone_at=None,
    )
