"""One run read: what is new, a sweep if one is due, who is told of it, and the checkpoint that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from testmo_notifier.errors import StopReading
from testmo_notifier.lean import dataclass
from testmo_notifier.model import Checkpoint, Outgoing, ResultsPage, Resume, Run
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.sources.testmo_runs.detect import Detector
from testmo_notifier.sources.testmo_runs.follow_up import look_at_passes, passes_in_between, with_the_end
from testmo_notifier.sources.testmo_runs.paging import Paged, RunPages, with_questions_of_now
from testmo_notifier.sources.testmo_runs.passes import RunQuestions
from testmo_notifier.sources.testmo_runs.recovered import LookEnd
from testmo_notifier.sources.testmo_runs.sweep import (
    FROM_THE_BEGINNING,
    Sweep,
    SweepEnd,
    SweepReason,
    comes_first,
    sweep_reason,
    why_it_goes_on,
)
from testmo_notifier.sources.testmo_runs.watch import Watch
from testmo_notifier.sources.testmo_runs.window import beginning, since_last_read


@dataclass(frozen=True, slots=True)
class Reading:
    """One run read: its next checkpoint, and what there is to tell, to whom. `rows` counts what Testmo sent.

    `outgoing` are digests of the `new_failing` results, then of what else is told: recoveries, and that the run is
    over. `with_rows` gives a digest of the first kind back with all its results. `problem` says what could not be read,
    `why_swept` why it was swept, too, `found_by_sweep` how many results only that found, `owes_sweep` whether a sweep
    that was asked for is neither at its end nor noted in the checkpoint. `misread` names the first malformed row.
    """

    checkpoint: Checkpoint
    outgoing: tuple[Outgoing, ...]
    with_rows: Callable[[Outgoing], Outgoing]
    new_failing: int
    rows: int
    malformed: int
    why_swept: SweepReason | None = None
    found_by_sweep: int = 0
    problem: str | None = None
    owes_sweep: bool = False
    misread: str = ""


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
    about: RunQuestions,
    checkpoint: Checkpoint,
    news: DigestBuilder,
    *,
    turn: bool,
    only_new: bool = False,
    ceased: datetime | None = None,
) -> Reading:
    """Read a run from its checkpoint on, sweep it if that is due, and ask the routes who is told of what is new.

    `news` takes that up. `turn`: that of a sweep has come. `only_new`: the run is read for a follow-up question of an
    earlier poll, which goes on; of its failing results only those are read that were saved since they were read last.
    `ceased`: when the settings that this checkpoint was read under were last in force; None if they still are.
    """
    run, watch = about.run, about.watch
    checkpoint = with_questions_of_now(checkpoint, watch)
    detector = Detector(checkpoint, watch, ceased, run.created_at)
    pages = RunPages(about.testmo, run, watch, about.now, lambda: news.is_full)
    tells_ends = about.follow_up.finished_since is not None
    the_sweep = Sweep(pages, detector, news, keeps_latest=tells_ends and run.is_closed)
    paged, end, following = read_and_sweep(about, checkpoint, pages, the_sweep, news, turn=turn, only_new=only_new)

    # Who is told of each new result, and why. For that it may matter what passed in between, which is asked first.
    answer = passes_in_between(about, checkpoint, following, news)
    announced = news.judge(answer.passes)
    outgoing = news.outgoing()

    # What else is told: which tests are well again, and that the run is over.
    looked = look_at_passes(about, checkpoint, following, news, answer, announced)
    looked = with_the_end(about, checkpoint, looked, news, the_sweep.latest)
    return Reading(
        looked.checkpoint,
        (*outgoing, *looked.outbox),
        news.with_rows,
        news.total,
        rows=paged.rows,
        malformed=detector.malformed,
        why_swept=the_sweep.reason,
        found_by_sweep=the_sweep.found_new,
        problem=problem_of(run, end, looked, paged),
        owes_sweep=turn and not comes_first(checkpoint) and paged.resume is not None,
        misread=detector.misread,
    )


def read_and_sweep(
    about: RunQuestions,
    checkpoint: Checkpoint,
    pages: RunPages,
    the_sweep: Sweep,
    news: DigestBuilder,
    *,
    turn: bool,
    only_new: bool,
) -> tuple[Paged, SweepEnd, Checkpoint]:
    """Add what is new to `news`; gives back how read and sweep ended, and the checkpoint that follows.

    With `only_new` the window stays where it is: what becomes visible late is found by the next read of all of it.
    """
    detector, started = the_sweep.detector, about.now()
    # Rule 5: an interrupted sweep goes on first, for the rows since the checkpoint may be more than a poll can read.
    swept_first = comes_first(checkpoint)
    end = SweepEnd(checkpoint.sweep)
    if swept_first:
        end = the_sweep.run(why_it_goes_on(checkpoint), checkpoint.sweep, about.run.counters.by_status)
    ceased = None if was_read(checkpoint, about.watch) else detector.ceased
    begin = beginning(checkpoint, about.overlap, ceased)
    first = since_last_read(begin, checkpoint) if only_new else begin
    paged = read_window(pages, first, checkpoint, detector, news, raises=not swept_first)
    began_at = paged.began_at or started
    if paged.resume is not None:
        resume = begin if only_new else paged.resume
        return paged, end, after_part_of_read(checkpoint, detector, end, began_at=began_at, resume=resume)
    end = sweep_if_due(about, checkpoint, the_sweep, end if swept_first else None, began_at=began_at, turn=turn)
    following = after_whole_read(detector, end, about.run, began_at=began_at, overlap=about.overlap)
    if only_new:
        window = detector.window
        following = replace(following, cursor=checkpoint.cursor, floor=checkpoint.floor, seen=window.seen)
    return paged, end, following


def was_read(checkpoint: Checkpoint, watch: Watch) -> bool:
    """Whether a run was read to the end under this watch, and only its sweep goes on."""
    return checkpoint.resume is None and checkpoint.sweep is not None and checkpoint.sweep.watching == watch.fingerprint


def problem_of(run: Run, end: SweepEnd, looked: LookEnd, paged: Paged) -> str | None:
    """What could not be read of a run, in words."""
    what, page = f"run {run.id} ({run.name})", paged.resume.page if paged.resume else None
    if end.problem:
        return f"the sweep of {what} has to wait: {end.problem}"
    if looked.problem:
        return f"{what}: {looked.problem}"
    return f"{what}, page {page}: {paged.problem}" if paged.problem else None


def sweep_if_due(
    about: RunQuestions, checkpoint: Checkpoint, sweep: Sweep, end: SweepEnd | None, *, began_at: datetime, turn: bool
) -> SweepEnd:
    """The sweep that is due after a complete read; `end` is how the one ended that went before it."""
    closed_at, counters = about.run.closed_at, about.run.counters.by_status
    last_from = began_at if closed_at is None else closed_at + about.overlap
    closing = closed_at is not None and began_at >= last_from
    failing = sweep.detector.known.failing
    reason = sweep_reason(checkpoint, about.watch, counters=counters, failing=failing, turn=turn, closing=closing)
    if reason is None:
        return SweepEnd()
    end = end or sweep.run(reason, checkpoint.sweep, counters)
    if closing and end.began_at is not None and end.began_at < last_from:
        return SweepEnd(FROM_THE_BEGINNING)  # it began too early to be the last one
    return end


def read_window(
    pages: RunPages, begin: Resume, checkpoint: Checkpoint, detector: Detector, news: DigestBuilder, *, raises: bool
) -> Paged:
    """Read what is new since the checkpoint. `raises`: it is an error if not even one page may be asked for."""

    def handle(page: ResultsPage) -> None:
        news.add(detector.new_failing(page.results), page.expands)

    seen = (key for key, time in checkpoint.seen.items() if begin.bound is None or time >= begin.bound)
    try:
        return pages.go_through(begin, handle, seen)
    except StopReading as exc:
        if raises:
            raise
        return Paged(pages.asked(begin), None, exc)


def after_whole_read(
    detector: Detector, end: SweepEnd, run: Run, *, began_at: datetime, overlap: timedelta
) -> Checkpoint:
    """The checkpoint after a complete read, of the run with its counters as they were before it."""
    following = replace(
        detector.window.finished(began_at=began_at, overlap=overlap),
        counters=dict(run.counters.by_status),
        sweep=end.resume,
        read_at=began_at,
        closed_at=run.closed_at if run.is_closed else None,
        gone_at=None,
    )
    following = detector.known.kept_in(following, saw_all=end.saw_all)
    if end.resume is not None:
        return following
    # Rule 6: only now are the rows that the new settings match taken over, and those from before we came.
    return replace(following, watching=detector.watch.fingerprint, swept_for="", silent_before=None)


def after_part_of_read(
    checkpoint: Checkpoint, detector: Detector, end: SweepEnd, *, began_at: datetime, resume: Resume
) -> Checkpoint:
    """The checkpoint after a part of a read; counters wait for the rest. The sweep before it may have ended."""
    has_ended = checkpoint.sweep is not None and end.resume is None
    following = replace(
        detector.window.interrupted(began_at=began_at, resume=resume),
        sweep=end.resume,
        swept_for=detector.watch.fingerprint if has_ended else checkpoint.swept_for,
        gone_at=None,
    )
    return detector.known.kept_in(following, saw_all=end.saw_all)
