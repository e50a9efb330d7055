"""Which runs there are, and which of them are due (rules 6, 7 and 8)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.detect import Watch
from testmo_notifier.errors import Invisible, LostRace, PollFailed, RequestRejected, StopReading, Unreadable
from testmo_notifier.model import Checkpoint, Control, Project, ProjectState, Run
from testmo_notifier.ports import Store, Testmo

HOURLY: Final = timedelta(hours=1)  # how often what is gone, or should not have changed, is looked at again
LOOK_BACK: Final = timedelta(days=1)  # of the hourly look at closed runs; those we know cost no request
LONGEST_LOOK_BACK: Final = timedelta(days=90)  # a checkpoint is kept for longer, so nothing old comes up again
GOLDEN: Final = 0x9E3779B1  # Knuth's multiplier: neighbouring ids land far apart


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at. Empty tuples mean everything the token can see."""

    project_ids: tuple[int, ...]
    run_ids: tuple[int, ...]
    overlap: timedelta
    backfill: timedelta


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """A run to watch. Nothing in it before `start` is ever announced."""

    run: Run
    project_name: str
    start: datetime


@dataclass(slots=True)
class Discovery:
    """What was found. `complete` says whether every list was read, `began_at` is Testmo's clock at its beginning.

    `known` is what was kept of each project before, `states` what to keep after it. `invisible` counts projects and
    runs that should be there and cannot be seen, `settings_problems` what Testmo rejects or a setting names in vain.
    """

    began_at: datetime
    runs: list[WatchedRun] = field(default_factory=list)
    known: dict[int, ProjectState] = field(default_factory=dict)
    states: dict[int, ProjectState] = field(default_factory=dict)
    complete: bool = True
    checked_closed: bool = False
    problems: list[str] = field(default_factory=list)
    invisible: int = 0
    settings_problems: int = 0


def discover(
    testmo: Testmo,
    store: Store,
    control: Control,
    scope: Scope,
    *,
    now: datetime,
    installed: Callable[[datetime], None],
    still_alive: Callable[[], None],
    half_spent: Callable[[], bool],
    shuffle: Callable[[list[Project]], None],
) -> Discovery:
    """List projects, open runs and just closed ones, until `half_spent` says to leave the other requests for results.

    What cannot be read is named in `problems` and holds up nothing else. Raises `StopReading` when not even the
    projects may be asked for, `PollFailed` when there is nothing to watch.
    """
    projects, date = visible_projects(testmo)
    found = Discovery(began_at=date or now)
    installed_at = control.installed_at
    if installed_at is None:
        installed(installed_at := found.began_at)
    once = {project.id: project for project in projects}.values()  # a row that moves between two pages comes twice
    just_now = (control.discovered_at or found.began_at) - HOURLY - scope.overlap
    chosen = [p for p in once if (p.id in scope.project_ids if scope.project_ids else is_active(p, just_now))]
    missing = sorted(set(scope.project_ids) - {project.id for project in projects})
    found.problems += [f"project {key} of ProjectIds is not visible to the token's user" for key in missing]
    found.invisible += len(missing)
    if missing and not chosen:
        words = f"{'; '.join(found.problems)}: correct ProjectIds, or give the user access"
        raise PollFailed(words, reason="configuration")
    shuffle(chosen)  # when the budget ends in the middle, it is not always the same project that goes without
    found.known = store.projects([project.id for project in chosen])
    hourly = control.closed_checked_at is None or now - control.closed_checked_at >= HOURLY
    begin_to_watch(store, chosen, installed_at, found, still_alive)
    look_around(testmo, chosen, control, scope, found, now=now, hourly=hourly, go_on=still_alive, half_spent=half_spent)
    found.checked_closed = hourly
    if scope.run_ids:
        keep_only(testmo, scope.run_ids, found, hourly=hourly)
    return found


def is_active(project: Project, just_now: datetime) -> bool:
    """Whether a project is still worked on, or was until a moment ago: what was saved last has to be told, too."""
    return not project.is_completed or (project.completed_at is not None and project.completed_at >= just_now)


def begin_to_watch(
    store: Store, projects: Iterable[Project], installed_at: datetime, found: Discovery, go_on: Callable[[], None]
) -> None:
    """Keep the moment of first sight of every project, before one is looked into: the budget may end in between."""
    for project in projects:
        if project.id in found.known:
            continue
        go_on()
        try:
            found.known[project.id] = store.commit_project(first_state(project, installed_at, found.began_at))
        except LostRace as exc:
            found.complete = False
            found.problems.append(f"project {project.id} ({project.name}): {exc}")


def look_around(
    testmo: Testmo,
    projects: Iterable[Project],
    control: Control,
    scope: Scope,
    found: Discovery,
    *,
    now: datetime,
    hourly: bool,
    go_on: Callable[[], None],
    half_spent: Callable[[], bool],
) -> None:
    """Look into one project after the other, until half of what a minute allows is spent: results want the rest."""
    waiting = [project for project in projects if project.id in found.known]
    for number, project in enumerate(waiting):
        go_on()
        if number and half_spent():
            found.complete = False
            found.problems.append(
                f"{len(waiting) - number} of {len(waiting)} projects were left for the next poll, half of the requests "
                "are kept for results: raise RequestsPerMinute, or name fewer ProjectIds"
            )
            break
        state = found.known[project.id]
        try:
            if state.gone_at is None or now - state.gone_at >= HOURLY:
                look_into(testmo, project, state, control, scope, found, hourly=hourly)
        except StopReading as exc:
            found.complete = False
            found.problems.append(f"project {project.id} was left for the next poll: {exc}")
            break
        except Invisible as exc:
            found.problems.append(f"project {project.id} ({project.name}): {exc}; it is tried again in an hour")
            found.invisible += 1
            found.states[project.id] = replace(state, gone_at=now)
        except (Unreadable, RequestRejected) as exc:
            found.complete = False
            found.settings_problems += isinstance(exc, RequestRejected)
            found.problems.append(f"project {project.id} ({project.name}): {exc}")


def visible_projects(testmo: Testmo) -> tuple[list[Project], datetime | None]:
    """The projects; when even their list is refused, the words say whether it is the token or its rights."""
    try:
        return testmo.projects()
    except Invisible as exc:
        name = testmo.user()
        raise PollFailed(f"{name}, whose token this is, may not list projects: {exc}", reason="forbidden") from exc
    except Unreadable as exc:
        raise PollFailed(f"Testmo's projects could not be listed: {exc}", reason="unreadable") from exc
    except RequestRejected as exc:
        raise PollFailed(f"Testmo's projects could not be listed: {exc}", reason="configuration") from exc


def first_state(project: Project, installed_at: datetime, began_at: datetime) -> ProjectState:
    """A project at first sight is watched from now on; one made after installation, from its creation."""
    is_new = project.created_at is not None and project.created_at > installed_at
    since = min(project.created_at, began_at) if is_new and project.created_at else began_at
    return ProjectState(project_id=project.id, watched_since=since)


def look_into(
    testmo: Testmo,
    project: Project,
    state: ProjectState,
    control: Control,
    scope: Scope,
    found: Discovery,
    *,
    hourly: bool,
) -> None:
    """Find the open runs of a project, and those that were closed since the last complete discovery."""
    start = state.watched_since - scope.backfill
    opened = {} if project.run_active_count == 0 else {run.id: run for run in testmo.open_runs(project.id)}
    left = state.open_runs - opened.keys()
    count_moved = project.run_closed_count is None or project.run_closed_count != state.run_closed_count
    closed: dict[int, Run] = {}
    if hourly or left or count_moved or state.closing or state.gone_at:
        since = control.discovered_at or start
        moments = [since, *state.closing.values(), *([since - LOOK_BACK] if hourly else [])]
        closed = {run.id: run for run in testmo.closed_runs(project.id, min(moments) - scope.overlap)}
        if has_closed_unseen(project, state, closed.values(), since):  # while the project was hidden, or left out
            oldest = max(start, found.began_at - LONGEST_LOOK_BACK)
            closed |= {run.id: run for run in testmo.closed_runs(project.id, oldest - scope.overlap)}
    for run_id in opened.keys() & closed.keys():
        del opened[run_id]  # closed between the two requests
    unclear: set[int] = set()
    for run_id in sorted((left | state.closing.keys()) - closed.keys() - opened.keys()):
        try:  # neither open nor closed: deleted, or moved between two pages of the list
            run = testmo.run(run_id)
        except Invisible as exc:
            found.problems.append(f"run {run_id} is gone: {exc}")
            continue
        except (Unreadable, RequestRejected) as exc:  # holds up no other run; it is looked for again
            found.complete = False
            found.settings_problems += isinstance(exc, RequestRejected)
            found.problems.append(f"run {run_id} could not be looked at: {exc}")
            unclear.add(run_id)
            continue
        (closed if run.is_closed else opened)[run_id] = run
    for run in (*opened.values(), *(with_closing_time(run, state, found.began_at) for run in closed.values())):
        first = min(max(run.created_at or start, start), found.began_at)
        found.runs.append(WatchedRun(run, project.name, first))
    found.states[project.id] = replace(
        state,
        run_closed_count=project.run_closed_count,
        open_runs=frozenset({*opened, *unclear}),
        closing={},
        gone_at=None,
    )


def has_closed_unseen(project: Project, state: ProjectState, closed: Iterable[Run], since: datetime) -> bool:
    """Whether more runs were closed since a project was last looked into than were closed since a moment."""
    if project.run_closed_count is None:
        return False
    seen = sum(run.closed_at is None or run.closed_at >= since for run in closed)
    return project.run_closed_count - (state.run_closed_count or 0) > seen


def with_closing_time(run: Run, state: ProjectState, began_at: datetime) -> Run:
    """A closed run, whose closing time Testmo may have left out."""
    return replace(run, is_closed=True, closed_at=run.closed_at or state.closing.get(run.id) or began_at)


def keep_only(testmo: Testmo, run_ids: tuple[int, ...], found: Discovery, *, hourly: bool) -> None:
    """Keep the runs of `RunIds`, and say once an hour which of them are not there."""
    missing = set(run_ids) - {watched.run.id for watched in found.runs}
    found.runs = [watched for watched in found.runs if watched.run.id in run_ids]
    for run_id in sorted(missing) if hourly and found.complete else ():
        try:
            run = testmo.run(run_id)
        except Invisible as exc:
            found.problems.append(f"run {run_id} of RunIds is gone: {exc}")
            found.invisible += 1
        except (StopReading, Unreadable, RequestRejected) as exc:
            found.problems.append(f"run {run_id} of RunIds could not be looked at: {exc}")
        else:
            if run.project_id not in found.states:
                found.problems.append(f"run {run_id} of RunIds is in project {run.project_id}, which is not watched")
                found.settings_problems += 1


def is_done(run: Run, checkpoint: Checkpoint | None, overlap: timedelta) -> bool:
    """Whether a closed run was read by a read that began after its closing plus the overlap, and nothing is missing.

    For an hour, while its counters show more failing tests than we know of, it is read again.
    """
    if not run.is_closed or run.closed_at is None or checkpoint is None or checkpoint.read_at is None:
        return False
    if checkpoint.closed_at != run.closed_at or checkpoint.read_at < run.closed_at + overlap:
        return False
    is_old = checkpoint.read_at >= run.closed_at + overlap + HOURLY  # counters that never fit must not hold us for ever
    return is_old or not Watch.parse(checkpoint.watching).has_unknown(run.counters.by_status, checkpoint.failing)


def due_runs(
    found: Discovery,
    checkpoints: Mapping[int, Checkpoint],
    *,
    watch: Watch,
    overlap: timedelta,
    staleness: timedelta,
    undone: Collection[int],
    polled_at: datetime | None,
    now: datetime,
    shuffle: Callable[[list[WatchedRun]], None],
) -> list[WatchedRun]:
    """The runs to read: new and changed ones first, then those whose turn it is, each in an order of its own.

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
        elif run.id in undone or has_changed(run, checkpoint, watch, found.began_at, overlap):
            changed.append(watched)
        elif is_turn(run.id, staleness, polled_at, now):
            turns.append(watched)
    shuffle(changed)
    shuffle(turns)
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


def is_turn(run_id: int, period: timedelta, last: datetime | None, now: datetime) -> bool:
    """Whether a run's turn came since the last poll.

    Turns are spread over the period by id; both times and the id decide, so nothing is stored for a quiet run.
    """
    if last is None or period <= timedelta(0):
        return True
    seconds = period.total_seconds()
    phase = (run_id * GOLDEN % 2**32) / 2**32 * seconds
    return (now.timestamp() - phase) // seconds > (last.timestamp() - phase) // seconds
