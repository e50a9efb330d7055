"""That a run is over: told once it was closed and read for the last time, with who is still failing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from testmo_notifier.model import FINISHED, STATUS_NAMES, Checkpoint, Kind, Outgoing, Run, Told
from testmo_notifier.notices.digest import DigestBuilder, counts_in_order
from testmo_notifier.notices.named import Row, rank, status_name
from testmo_notifier.sources.testmo_runs.projects import HOURLY


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
    latest = {result.slot: (result, expands) for result, expands in rows if result.slot in after.failing}
    names = {key: name for _, expands in latest.values() for key, name in expands.statuses.items()}
    counts = Counter((rank(status or None), status_name(status or None, names)) for _, status in after.failing.values())
    named = []
    for result, expands in latest.values():
        told = after.told.get(result.slot) or Told()
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
