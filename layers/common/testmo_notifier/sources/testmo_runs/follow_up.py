"""The follow-up to a run's new failing results: what passed in between, which tests are well again, whether it is over.

The first is asked before routes are (`passes`), the second once it is known who is told (`recovered`). Both are asked
when the failing results were read to their end, and only where a route makes a difference by the answer; else nothing
more is asked of Testmo than without routes. That a run is over is told once it was closed and read for the last time,
with who is still failing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from testmo_notifier.model import FINISHED, STATUS_NAMES, Checkpoint, Kind, Outgoing, Passing, Run, Told
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.digest import DigestBuilder, counts_in_order
from testmo_notifier.notices.judge import pruned
from testmo_notifier.notices.named import Row, rank, status_name
from testmo_notifier.notices.routes import is_for_people
from testmo_notifier.sources.testmo_runs.passes import Answer, RunQuestions, ask_for_passes, noted
from testmo_notifier.sources.testmo_runs.projects import HOURLY
from testmo_notifier.sources.testmo_runs.recovered import LookEnd, awaited, look_for_recoveries


def passes_in_between(pages: RunQuestions, before: Checkpoint, after: Checkpoint, news: DigestBuilder) -> Answer:
    """Which tests passed since they failed, as far as that has to be known before routes are asked.

    `after` is the checkpoint as the failing results leave it, here and below.
    """
    audience = news.audience
    if not audience.wants_passes:
        return Answer()
    if before.passing is not None and before.passing.look_first:
        return Answer(passing=before.passing)
    waiting, new = awaited(known_of(before, audience), audience), news.tests
    return ask_for_passes(pages, before, after, waiting, new=new, twice=len(new) < news.total)


def look_at_passes(
    pages: RunQuestions,
    before: Checkpoint,
    after: Checkpoint,
    news: DigestBuilder,
    answer: Answer,
    announced: Mapping[int, Told],
) -> LookEnd:
    """Look which tests are well again. `announced` is what is known of tests once the news are told."""
    audience = news.audience
    if not audience.wants_passes:
        told = pruned({**unsure(before), **announced}, after.failing, recovers=False) if audience.keeps_told else {}
        return LookEnd(replace(after, told=told, passing=None))
    known = {**known_of(before, audience), **announced}
    told = pruned(known, after.failing, recovers=bool(audience.for_recoveries))
    passed, new = noted(told, answer.passes), news.tests
    gone = (before.failing.keys() | new) - after.failing.keys()  # one that failed just now, too: a sweep came later
    due = (passed | gone) & told.keys()
    after = replace(after, told=told, passing=noticed(answer.passing, due=due, failed=announced))
    problem = answer.problem and f"its passes have to wait: {answer.problem}"
    if problem or news.is_full or after.resume is not None or after.sweep is not None:
        return LookEnd(after, problem=problem)
    looked = look_for_recoveries(pages, after, news)
    is_calm = not looked.checkpoint.failing and not awaited(looked.checkpoint.told, audience)
    return replace(looked, checkpoint=replace(looked.checkpoint, passing=None)) if is_calm else looked


def with_the_end(
    pages: RunQuestions, before: Checkpoint, looked: LookEnd, news: DigestBuilder, rows: Iterable[Row]
) -> LookEnd:
    """The same, and that the run is over, if it is. `rows` are latest failing results that its last sweep saw."""
    run, after = pages.run, looked.checkpoint
    if not is_over(run, before, after, pages.follow_up.finished_since, pages.overlap):
        return looked
    ends = the_end(run, after, news, rows, pages.status_names)
    return replace(looked, checkpoint=replace(after, finished_for=run.closed_at), outbox=(*looked.outbox, *ends))


def known_of(checkpoint: Checkpoint, audience: Audience) -> Mapping[int, Told]:
    """What is known of tests that were failing before; where nothing is, everybody may count as told of them."""
    if checkpoint.told or not audience.counts_all_as_told:
        return checkpoint.told
    people = frozenset(filter(is_for_people, audience.destinations))
    return dict.fromkeys(checkpoint.failing, Told(last=checkpoint.cursor, destinations=people))


def unsure(checkpoint: Checkpoint) -> Mapping[int, Told]:
    """What is known of failing tests when nobody asks for passes any more: not how often they failed in a row."""
    if checkpoint.passing is None:
        return checkpoint.told
    return {test: replace(one, streak=0) for test, one in checkpoint.told.items()}


def noticed(passing: Passing | None, *, due: frozenset[int], failed: Collection[int]) -> Passing | None:
    """Note which tests are to be looked at. One that failed since a look that goes on saw it pass is not well."""
    if passing is None:
        return None
    look = passing.look and replace(passing.look, tests=passing.look.tests - frozenset(failed))
    return replace(passing, due=passing.due | due, look=look)


def is_over(run: Run, before: Checkpoint, after: Checkpoint, since: datetime | None, overlap: timedelta) -> bool:
    """Whether a reading was the last of a closed run, and nobody was told of this closing.

    `since` is when a route first asked for the ends of runs: what was closed before that is old.
    """
    if since is None or not run.is_closed or run.closed_at is None or after.read_at is None:
        return False
    if run.closed_at < since or before.finished_for == run.closed_at:
        return False
    last_from = run.closed_at + overlap
    is_swept = after.sweep is None or after.read_at >= last_from + HOURLY  # else nobody reads it again (rule 7)
    return after.resume is None and is_swept and after.read_at >= last_from


def the_end(
    run: Run,
    after: Checkpoint,
    news: DigestBuilder,
    rows: Iterable[Row],
    ask_for_names: Callable[[], Mapping[int, str]],
) -> tuple[Outgoing, ...]:
    """What is told of it: the run's counters, how many tests are still failing, and the first of these by name.

    The names of an instance's own statuses are asked for where no page said them.
    """
    to = sorted(news.audience.for_finished())
    if not to:
        return ()
    latest = {result.test_key: (result, expands) for result, expands in rows if result.test_key in after.failing}
    names = {key: name for _, expands in latest.values() for key, name in expands.statuses.items()}
    counts = Counter((rank(status or None), status_name(status or None, names)) for _, status in after.failing.values())
    named = []
    for result, expands in latest.values():
        told = after.told.get(result.test_key) or Told()
        named.append(replace(news.name(result, expands), reason=FINISHED, streak=told.streak, since=told.since))
    known = {**names, **news.statuses}
    if run.counters.by_status.keys() - STATUS_NAMES.keys() - known.keys():
        known = {**ask_for_names(), **known}
    status_names = tuple((key, status_name(key, known)) for key in sorted(known.keys() & run.counters.by_status.keys()))
    digest = replace(news.other(FINISHED, named, counts=counts_in_order(counts)), status_names=status_names)
    closed_at = run.closed_at.isoformat() if run.closed_at else ""
    others = {one: tuple(other for other in to if other != one) for one in to}
    kinds = {one: (Kind(FINISHED, 0, "", FINISHED, also=others[one]),) for one in to}
    return tuple(replace(news.other_outgoing(one, digest, when=closed_at), kinds=kinds[one]) for one in to)
