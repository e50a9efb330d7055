"""When a run is due: its changes, its turn, its end (rule 8). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from testmo_notifier.model import Checkpoint, Run, WatchedRun
from testmo_notifier.sources.testmo_runs.projects import HOURLY, Discovery
from testmo_notifier.sources.testmo_runs.turns import is_turn
from testmo_notifier.sources.testmo_runs.watch import Watch


def is_done(run: Run, checkpoint: Checkpoint | None, overlap: timedelta) -> bool:
    """Whether a closed run was read by a read that began after its closing plus the overlap, and nothing is missing.

    For an hour, while its counters show more failing tests than we know of or its last sweep goes on, it is read again.
    """
    if not run.is_closed or run.closed_at is None or checkpoint is None or checkpoint.read_at is None:
        return False
    if checkpoint.closed_at != run.closed_at or checkpoint.read_at < run.closed_at + overlap:
        return False
    is_old = checkpoint.read_at >= run.closed_at + overlap + HOURLY  # counters that never fit must not hold us for ever
    if is_old:
        return True
    return checkpoint.sweep is None and not Watch.parse(checkpoint.watching).has_unknown(
        run.counters.by_status, checkpoint.failing
    )


def due_runs(
    found: Discovery,
    checkpoints: Mapping[int, Checkpoint],
    *,
    watch: Watch,
    overlap: timedelta,
    staleness: timedelta,
    undone: Mapping[int, datetime],
    polled_at: datetime | None,
    now: datetime,
    shuffle: Callable[[list[WatchedRun]], None],
) -> list[WatchedRun]:
    """The runs to read: new and changed ones first, then those whose turn it is, each in an order of its own.

    What was left undone comes before what was not, longest waiting first, or luck could leave it out for long; `undone`
    says since when it waits.
    A run with messages still to be published is left out, and so is one that Testmo did not show within the hour.
    """
    changed: list[WatchedRun] = []
    turns: list[WatchedRun] = []
    for watched in found.runs:
        run = watched.run
        checkpoint = checkpoints.get(run.id)
        if checkpoint is None:
            changed.append(watched)
        elif checkpoint.outbox or is_done(run, checkpoint, overlap) or was_gone(checkpoint, now):
            continue
        elif has_changed(run, checkpoint, watch, found.began_at, overlap):
            changed.append(watched)
        elif run.id in undone or is_turn(run.id, staleness, polled_at, now):
            turns.append(watched)
    shuffle(changed)
    changed.sort(key=lambda watched: undone.get(watched.run.id, now))
    shuffle(turns)
    turns.sort(key=lambda watched: undone.get(watched.run.id, now))
    return changed + turns


def was_gone(checkpoint: Checkpoint, now: datetime) -> bool:
    """Whether Testmo did not show a run within the last hour."""
    return checkpoint.gone_at is not None and now - checkpoint.gone_at < HOURLY


def has_changed(run: Run, checkpoint: Checkpoint, watch: Watch, began_at: datetime, overlap: timedelta) -> bool:
    """Whether there is a reason to read a run before its turn."""
    return (
        checkpoint.watching != watch.fingerprint
        or checkpoint.counters != run.counters.by_status
        or checkpoint.resume is not None
        or checkpoint.sweep is not None
        or checkpoint.gone_at is not None
        or (run.closed_at is not None and began_at >= run.closed_at + overlap)
    )
