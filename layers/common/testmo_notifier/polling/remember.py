"""What the next poll builds on: per project its runs, and what the poller knows about itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from testmo_notifier.errors import Throttled, TokenRefused
from testmo_notifier.model import Checkpoint, Control, ProjectState, Scope
from testmo_notifier.polling import troubles
from testmo_notifier.polling.due import is_done
from testmo_notifier.polling.parts import Poll
from testmo_notifier.polling.share import has_news
from testmo_notifier.ports import Store
from testmo_notifier.sources.testmo_runs.projects import Discovery


def keep_projects(
    store: Store,
    found: Discovery,
    checkpoints: Mapping[int, Checkpoint],
    deleted: Collection[int],
    overlap: timedelta,
) -> None:
    """Write the projects that changed; raises `LostRace` when another poller was faster."""
    for project_id in found.states:
        after = project_after(project_id, found, checkpoints, deleted, overlap)
        if after != found.known[project_id]:
            store.commit_project(after)


def project_after(
    project_id: int,
    found: Discovery,
    checkpoints: Mapping[int, Checkpoint],
    deleted: Collection[int],
    overlap: timedelta,
) -> ProjectState:
    """A project after this poll. A closed run stays in `closing` until a read began late enough after its closing.

    A project with news that nobody read is one of the first to be looked into again, for only then they are read.
    """
    state = found.states[project_id]
    listed = [watched.run for watched in found.runs if watched.run.project_id == project_id]
    runs = [run for run in listed if run.id not in deleted]
    is_unread = any(has_news(checkpoints.get(run.id), run.counters.by_status) for run in runs)
    closing = {
        run.id: run.closed_at for run in runs if run.closed_at and not is_done(run, checkpoints.get(run.id), overlap)
    }
    return replace(
        state,
        open_runs=state.open_runs - frozenset(deleted),
        closing=dict(state.closing) | closing,
        looked_at=found.known[project_id].looked_at if found.complete or is_unread else state.looked_at,
    )


def with_discovery(control: Control, found: Discovery, scope: Scope, *, polled_at: datetime) -> Control:
    """Keep when this discovery began, and what a complete one found."""
    control = replace(control, polled_at=polled_at)
    if found.checked_closed:
        control = replace(control, closed_checked_at=found.began_at)
    if not found.complete:
        return control
    return replace(control, discovered_at=found.began_at, projects=found.listed, run_ids=frozenset(scope.run_ids))


def with_end(control: Control, this: Poll, now: datetime) -> Control:
    """Keep what holds however the poll ended."""
    found = troubles.after(
        control.troubles,
        this.report.troubles(token_refused=isinstance(this.rate_limit.closed_by, TokenRefused)),
        now,
        looked=this.report.looked,
    )
    return replace(
        control,
        troubles=found,
        undone=frozenset(this.backlog.undone),
        undone_since=this.backlog.undone_since,
        unswept=frozenset(this.backlog.unswept),
        hidden=this.hidden.since,
        requests=this.rate_limit.spent,
        ended_at=now,
        pauses=this.backlog.pauses,
    )


def pause_after(before: datetime | None, closed_by: Exception | None, now: datetime) -> datetime | None:
    """Until when Testmo wants to be left alone after this poll (rule 9)."""
    if isinstance(closed_by, Throttled):
        return now + timedelta(seconds=closed_by.retry_after_seconds)
    return before if before is not None and now < before else None
