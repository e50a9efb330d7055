"""The follow-up to a run's new failing results: why they are told, which tests are well again, and whether it is over.

That may take follow-up questions: which tests passed in between (`passes`), and what their latest results are
(`recovered`). They are asked when the failing results were read to their end, and only where a route makes a difference
by the answer; else nothing more is asked of Testmo than without routes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from testmo_notifier.model import Checkpoint, Passing, Told
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.judge import pruned
from testmo_notifier.notices.named import Row
from testmo_notifier.notices.routes import is_for_people
from testmo_notifier.sources.testmo_runs.ended import is_over, the_end
from testmo_notifier.sources.testmo_runs.passes import Answer, RunQuestions, ask_for_passes, noted
from testmo_notifier.sources.testmo_runs.recovered import LookEnd, awaited, look_for_recoveries


def follow_up_on(
    pages: RunQuestions, before: Checkpoint, after: Checkpoint, news: DigestBuilder, rows: Iterable[Row]
) -> LookEnd:
    """Decide why each new result is told, and what else is. `after` is the checkpoint as the failing results leave it.

    `rows` are latest failing results that the last sweep of a closed run saw.
    """
    run, looked = pages.run, look_at_passes(pages, before, after, news)
    if not is_over(run, before, after, pages.follow_up.finished_since, pages.overlap):
        return looked
    ends = the_end(run, looked.checkpoint, news, rows, pages.status_names)
    checkpoint = replace(looked.checkpoint, finished_for=run.closed_at)
    return replace(looked, checkpoint=checkpoint, outbox=(*looked.outbox, *ends))


def look_at_passes(pages: RunQuestions, before: Checkpoint, after: Checkpoint, news: DigestBuilder) -> LookEnd:
    """Judge the news, with what is known of passes in between; then look which tests are well again."""
    audience = news.audience
    if not audience.wants_passes:
        told = pruned({**unsure(before), **news.judge()}, after.failing, recovers=False) if audience.keeps_told else {}
        return LookEnd(replace(after, told=told, passing=None))
    if audience.counts_all_as_told and not before.told:
        people = frozenset(filter(is_for_people, audience.destinations))
        before = replace(before, told=dict.fromkeys(before.failing, Told(last=before.cursor, destinations=people)))
    waiting, new = awaited(before.told, audience), news.tests
    if before.passing is not None and before.passing.look_first:
        answer = Answer(passing=before.passing)
    else:
        answer = ask_for_passes(pages, before, after, waiting, new=new, twice=len(new) < news.total)
    announced = news.judge(answer.passes)
    told = pruned({**before.told, **announced}, after.failing, recovers=bool(audience.for_recoveries))
    passed = noted(told, answer.passes)
    gone = (before.failing.keys() | new) - after.failing.keys()  # one that failed just now, too: a sweep came later
    due = (passed | gone) & told.keys()
    after = replace(after, told=told, passing=noticed(answer.passing, due=due, failed=announced))
    problem = answer.problem and f"its passes have to wait: {answer.problem}"
    if problem or news.is_full or after.resume is not None or after.sweep is not None:
        return LookEnd(after, problem=problem)
    looked = look_for_recoveries(pages, after, news)
    is_calm = not looked.checkpoint.failing and not awaited(looked.checkpoint.told, audience)
    return replace(looked, checkpoint=replace(looked.checkpoint, passing=None)) if is_calm else looked


def unsure(checkpoint: Checkpoint) -> Mapping[int, Told]:
    """What is known of failing tests when nobody asks for passes any more: not how often they failed in a row."""
    if checkpoint.passing is None:
        return checkpoint.told
    return {slot: replace(one, streak=0) for slot, one in checkpoint.told.items()}


def noticed(passing: Passing | None, *, due: frozenset[int], failed: Collection[int]) -> Passing | None:
    """Note which tests are to be looked at. One that failed since a look that goes on saw it pass is not well."""
    if passing is None:
        return None
    look = passing.look and replace(passing.look, tests=passing.look.tests - frozenset(failed))
    return replace(passing, due=passing.due | due, look=look)
