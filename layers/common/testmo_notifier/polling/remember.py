"""What the next poll builds on: per project its runs, and what the poller knows about itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.errors import LostRace, OutOfBudget, Throttled, TokenRefused
from testmo_notifier.model import FOLDERS, Checkpoint, Control, Health, Left, Looked, ProjectState, Run, Scope, Trouble
from testmo_notifier.polling import troubles
from testmo_notifier.polling.due import is_done
from testmo_notifier.polling.setup import Poll, Setup
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.text.shortening import clip

DRAIN: Final = timedelta(minutes=15)  # time for a deploy; whoever forgets that he drains loses no more than that
MAX_FILE_CHARS: Final = 1_000  # of what is kept of a wrong file: mistakes may quote it
Checkpoints = Mapping[int, Checkpoint]


def keep_discovery(
    setup: Setup, this: Poll, found: Discovery, checkpoints: Checkpoints, deleted: Collection[int]
) -> None:
    """Write what the next discovery builds on; not when another poller was faster."""
    try:
        keep_projects(setup, found, checkpoints, deleted, this.lease.control.watching.ceased)
    except LostRace as exc:
        this.report.unfinished(str(exc))
        return
    this.backlog.left_out(found)
    this.hidden.keep_only(found, this.backlog.in_hidden_projects)
    control = this.lease.control
    looked = with_discovery(control.looked, found, setup.scope, polled_at=this.lease.started)
    this.lease.control = replace(control, looked=looked)


def keep_projects(
    setup: Setup, found: Discovery, checkpoints: Checkpoints, deleted: Collection[int], ceased: Mapping[str, datetime]
) -> None:
    """Write the projects that changed; raises `LostRace` when another poller was faster."""
    runs: dict[int, list[Run]] = {project_id: [] for project_id in found.states}
    for run in (watched.run for watched in found.runs):
        if run.id not in deleted and run.project_id in runs:
            runs[run.project_id].append(run)
    for project_id, listed in runs.items():
        closing = {
            run.id: run.closed_at
            for run in listed
            if run.closed_at and not is_done(run, checkpoints.get(run.id), setup.scope.overlap, ceased)
        }
        after = project_after(project_id, closing, found, deleted)
        if after != found.known[project_id]:
            setup.store.commit_project(after)


def project_after(
    project_id: int, closing: Mapping[int, datetime], found: Discovery, deleted: Collection[int]
) -> ProjectState:
    """A project after this poll. A closed run stays in `closing` until a read began late enough after its closing."""
    state = found.states[project_id]
    return replace(
        state,
        open_runs=state.open_runs - frozenset(deleted),
        closing={**state.closing, **closing},
        looked_at=found.known[project_id].looked_at if found.complete else state.looked_at,
    )


def with_discovery(looked: Looked, found: Discovery, scope: Scope, *, polled_at: datetime) -> Looked:
    """Keep when this discovery began, and what a complete one found."""
    looked = replace(looked, polled_at=polled_at)
    if found.checked_closed:
        looked = replace(looked, closed_checked_at=found.began_at)
    if not found.complete:
        return looked
    return replace(looked, discovered_at=found.began_at, projects=found.listed, run_ids=frozenset(scope.run_ids))


def report_end(setup: Setup, this: Poll, ended_at: datetime) -> None:
    """Report what holds however the poll ended."""
    report, closed_by, backlog = this.report, this.rate_limit.closed_by, this.backlog
    if isinstance(closed_by, Throttled):
        report.throttled, report.retry_at = True, pause_after(this, ended_at)
    if isinstance(closed_by, OutOfBudget) and not report.looked:
        report.status, report.retry_at = "waiting", this.rate_limit.frees_at
    broken_templates = list(dict.fromkeys(setup.renderer.problems))
    report.requests, report.template_errors = this.rate_limit.requests, len(broken_templates)
    report.published, report.pending = this.outboxes.published, this.outboxes.runs_left
    report.hidden += len(this.hidden.since)
    report.status = "partial" if this.release.items.problems and report.status == "ok" else report.status
    report.problems[:0] = setup.wrong_files
    report.settings_problems += len(setup.wrong_files)
    report.problems += [*this.hidden.problems, *this.outboxes.problems, *this.release.items.problems, *broken_templates]
    report.problems += this.cases[FOLDERS].problems if FOLDERS in this.cases else []
    report.turns_left, report.oldest_turn_seconds = len(backlog.turns), backlog.oldest_turn_seconds(ended_at)
    report.lag_seconds = backlog.lag_seconds(this.outboxes.left_since, ended_at)
    report.over = troubles.over(troubles_after(this, ended_at))


def save_control(setup: Setup, this: Poll, ended_at: datetime) -> None:
    """Write down what the poller knows about itself, and let the next poller in."""
    control, backlog, rate_limit = this.lease.control, this.backlog, this.rate_limit
    wrong_files = tuple(clip(one, MAX_FILE_CHARS) for one in setup.wrong_files)
    found = troubles_after(this, ended_at)
    budget = replace(control.budget, requests=rate_limit.spent, sent=rate_limit.sent)
    this.lease.control = replace(
        control,
        looked=replace(
            control.looked,
            hidden_runs=this.hidden.since,
            marks_at=control.looked.polled_at,
            marks_epoch=this.marks.epoch,
        ),
        left=Left(frozenset(backlog.undone), backlog.undone_since, frozenset(backlog.unswept), backlog.turns),
        budget=replace(budget, not_before=pause_after(this, ended_at)),
        health=Health(ended_at, backlog.pauses, control.health.mail, found, wrong_files or None),
    )
    try:
        this.lease.end()
    except LostRace as exc:
        this.report.problems.append(str(exc))


def troubles_after(this: Poll, now: datetime) -> Mapping[str, Trouble]:
    """The troubles that this poll met, or that are not over."""
    met = this.report.troubles(token_refused=isinstance(this.rate_limit.closed_by, TokenRefused))
    return troubles.after(this.lease.control.health.troubles, met, now, looked=this.report.looked)


def pause_after(this: Poll, now: datetime) -> datetime | None:
    """Until when Testmo wants to be left alone after this poll (rule 9)."""
    before, closed_by = this.lease.control.budget.not_before, this.rate_limit.closed_by
    if isinstance(closed_by, Throttled):
        return now + timedelta(seconds=closed_by.retry_after_seconds)
    return before if before is not None and now < before else None


def with_drain(control: Control, drain: bool | None, now: datetime) -> Control:  # noqa: FBT001 - as it was asked for
    """Until when nothing is read: from now on if somebody drains, not at all if somebody ends that, else as before."""
    before = control.budget.draining_until
    until = before if before is not None and now < before else None
    if drain is not None:
        until = now + DRAIN if drain else None
    return replace(control, budget=replace(control.budget, draining_until=until))
