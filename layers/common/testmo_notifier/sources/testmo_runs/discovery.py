"""Which projects there are, and what is to be watched in them (rules 6 and 7)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from testmo_notifier.errors import FORBIDDEN, Invisible, LostRace, PollFailed, RequestRejected, StopReading, Unreadable
from testmo_notifier.model import Control, Listed, Project, ProjectState, Scope
from testmo_notifier.sources.testmo_runs.projects import HOURLY, Discovery, Lookout
from testmo_notifier.sources.testmo_runs.worker_pool import WorkerPool

if TYPE_CHECKING:
    from testmo_notifier.ports import Store, Testmo


def discover(  # noqa: PLR0913 - all that decides what is looked into
    testmo: Testmo,
    store: Store,
    kept: Control,
    scope: Scope,
    *,
    now: datetime,
    installed: Callable[[datetime], None],
    pool: WorkerPool,
    has_room: Callable[[int], bool],
    shuffle: Callable[[list[Project]], None],
    staleness: timedelta = HOURLY,
) -> Discovery:
    """List projects, open runs and just closed ones, while `has_room` leaves enough of the requests for results.

    What cannot be read is named in `problems` and holds up nothing else. Raises `StopReading` when not even the
    projects may be asked for, `PollFailed` when there is nothing to watch.
    """
    control = kept.looked
    projects, date = pool.wait_for(pool.executor.submit(visible_projects, testmo))
    found = Discovery(began_at=date or now)
    found.has_strays = bool(projects.strays)
    for stray in projects.strays:
        found.leave("a project cannot be watched", Unreadable(stray))
    if found.has_strays and not projects:
        raise PollFailed("; ".join(found.problems), reason="unreadable")
    installed_at = control.installed_at
    if installed_at is None:
        installed(installed_at := found.began_at)
    found.listed = frozenset(project.id for project in projects)
    chosen = polled(projects, store, kept, scope, staleness, now=found.began_at)
    say_what_is_missing(found, scope, chosen)
    vanished = [] if scope.project_ids else sorted(control.projects - found.listed)
    shuffle(chosen)  # when the budget ends in the middle, it is not always the same project that goes without
    found.known = store.projects([project.id for project in chosen])
    hourly = control.closed_checked_at is None or found.began_at - control.closed_checked_at >= HOURLY
    unread = kept.left.undone_since.keys()
    lookout = Lookout(testmo, control, scope, found, hourly, now, pool, has_room, unread=unread)
    if vanished:
        look_for_vanished(lookout, vanished, store.projects(vanished))
    begin_to_watch(lookout, store, chosen, installed_at)
    replace(lookout, many=not has_room(2 * len(chosen))).look_around(chosen)
    found.checked_closed = hourly
    if scope.run_ids:
        keep_only(lookout, store)
    return found


def polled(
    projects: Iterable[Project], store: Store, kept: Control, scope: Scope, staleness: timedelta, *, now: datetime
) -> list[Project]:
    """The projects that a poll looks into: those of ProjectIds, else all that are worked on.

    One that was completed is looked into until each of its runs had its turn, by `staleness` or in an hour, and as long
    as a run of it waits, be it hidden.
    """
    once = {project.id: project for project in projects}  # a row that moves between two pages comes twice
    if scope.project_ids:
        return [project for project in once.values() if project.id in scope.project_ids]
    just_now = (kept.looked.discovered_at or now) - max(staleness, HOURLY) - scope.overlap
    chosen = [project for project in once.values() if is_active(project, just_now)]
    left, hidden = kept.left, kept.looked.hidden_runs
    waiting = {*left.undone, *left.undone_since, *left.turns, *hidden}
    others = once.keys() - {project.id for project in chosen}
    states = store.projects(others) if waiting and others else {}
    return chosen + [once[key] for key, state in states.items() if waiting & {*state.open_runs, *state.closing}]


def say_what_is_missing(found: Discovery, scope: Scope, chosen: Collection[Project]) -> None:
    """Say which projects ProjectIds names in vain; raises `PollFailed` where it names no other."""
    missing = sorted(set(scope.project_ids) - found.listed)
    found.problems += [f"project {key} of ProjectIds is not visible to the token's user" for key in missing]
    found.invisible += len(missing)
    if missing and not chosen:
        words = f"{'; '.join(found.problems)}: correct ProjectIds, or give the user access"
        raise PollFailed(words, reason="configuration")


def is_active(project: Project, just_now: datetime) -> bool:
    """Whether a project is still worked on, or was until a moment ago: what was saved last has to be told, too."""
    return not project.is_completed or (project.completed_at is not None and project.completed_at >= just_now)


def look_for_vanished(lookout: Lookout, vanished: Iterable[int], states: Mapping[int, ProjectState]) -> None:
    """Say which projects are listed no more. One that may still be there stays among the listed: every poll says it."""
    found, now = lookout.found, lookout.now
    for key in vanished:
        lookout.pool.renew_lease()
        state, words = states.get(key), f"project {key} is listed no more"
        gone_at = state.gone_at if state else None
        if state and gone_at and now - gone_at < HOURLY:
            found.problems.append(f"{words} and hidden since {gone_at.isoformat(timespec='minutes')}")
        else:
            try:
                shown = lookout.testmo.open_runs(key) if state else Listed()
                if shown or shown.strays:
                    raise Unreadable("its open runs are shown all the same; to leave it, name the others in ProjectIds")
                is_hidden, why = False, "deleted, or hidden from the token's user"
            except Invisible as exc:
                is_hidden, why = exc.status == FORBIDDEN, str(exc)
            except (StopReading, Unreadable, RequestRejected) as exc:
                found.leave(words, exc)
                found.listed |= {key}
                found.known |= {key: state} if state else {}  # it grows old, until LagAlarm rings
                continue
            found.invisible += 1
            if not state or not is_hidden:
                found.problems.append(f"{words}: {why}")
                continue
            found.problems.append(f"{words}: {why}; it is tried again in an hour")
            found.states[key] = replace(state, gone_at=now)
        found.known[key] = state
        found.hidden_projects += 1
        found.listed |= {key}


def begin_to_watch(lookout: Lookout, store: Store, projects: Iterable[Project], installed_at: datetime) -> None:
    """Keep the moment of first sight of every project, before one is looked into: the budget may end in between.

    One that the last look saw and left out, for ProjectIds named others, is watched from that look on.
    """
    found = lookout.found
    for project in projects:
        if project.id in found.known:
            continue
        lookout.pool.renew_lease()
        try:
            state = first_state(project, installed_at, found.began_at, margin=lookout.scope.overlap)
            left_out_at = lookout.control.discovered_at if project.id in lookout.control.projects else None
            if left_out_at is not None:
                state = replace(state, watched_since=min(left_out_at, found.began_at))
            found.known[project.id] = store.commit_project(state)
        except LostRace as exc:
            found.complete, found.has_strays = False, True
            found.problems.append(f"project {project.id} ({project.name}): {exc}")


def visible_projects(testmo: Testmo) -> tuple[Listed[Project], datetime | None]:
    """The projects; when even their list is refused, the words say whether it is the token or its rights."""
    try:
        return testmo.projects()
    except Invisible as exc:
        try:
            name = testmo.user()
        except RequestRejected as rejected:
            raise PollFailed(f"Testmo's projects could not be listed: {rejected}", reason="configuration") from exc
        except Unreadable as unread:
            raise PollFailed(f"Testmo's projects could not be listed: {exc}; {unread}", reason="unreadable") from exc
        raise PollFailed(f"{name}, whose token this is, may not list projects: {exc}", reason="forbidden") from exc
    except Unreadable as exc:
        raise PollFailed(f"Testmo's projects could not be listed: {exc}", reason="unreadable") from exc
    except RequestRejected as exc:
        raise PollFailed(f"Testmo's projects could not be listed: {exc}", reason="configuration") from exc


def first_state(project: Project, installed_at: datetime, began_at: datetime, *, margin: timedelta) -> ProjectState:
    """A project at first sight is watched from now on; one made after installation, from its creation.

    By the `margin` earlier, for rows are dated by another clock, and older ones there cannot be in a new project.
    """
    if project.created_at is None or project.created_at <= installed_at:
        return ProjectState(project_id=project.id, watched_since=began_at)
    since = max(project.created_at - margin, installed_at)
    return ProjectState(project_id=project.id, watched_since=min(since, began_at))


def keep_only(lookout: Lookout, store: Store) -> None:
    """Keep the runs of `RunIds`, and say once an hour which of them are not there."""
    found, run_ids, hourly = lookout.found, lookout.scope.run_ids, lookout.hourly
    missing = set(run_ids) - {watched.run.id for watched in found.runs} - found.hidden_runs
    found.runs = [watched for watched in found.runs if watched.run.id in run_ids]
    if not hourly or not found.complete:
        found.hidden_runs |= missing & set(lookout.control.hidden_runs)
    for run_id in sorted(missing) if hourly and found.complete else ():
        lookout.pool.renew_lease()
        try:
            run = lookout.testmo.run(run_id)
        except Invisible as exc:
            if exc.status == FORBIDDEN:
                found.hide(run_id, exc)
            elif not store.checkpoints([run_id]):  # else it was there once: that it was deleted is said, and no fault
                found.problems.append(f"run {run_id} of RunIds is gone: {exc}")
                found.invisible += 1
        except (StopReading, Unreadable, RequestRejected) as exc:
            found.leave(f"run {run_id} of RunIds could not be looked at", exc)
            found.checked_closed = False  # the next poll asks again, not the one in an hour
            if isinstance(exc, StopReading):
                break
        else:
            if run.project_id not in found.states:
                found.problems.append(f"run {run_id} of RunIds is in project {run.project_id}, which is not watched")
                found.settings_problems += 1
