"""One project after the other: its open runs, and those that were closed since we last looked (rule 7)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from testmo_notifier.errors import FORBIDDEN, Invisible, NotifierError, RequestRejected, StopReading, Unreadable
from testmo_notifier.lean import dataclass
from testmo_notifier.model import MAX_PER_PAGE, Listed, Looked, Project, ProjectState, Run, Scope, WatchedRun
from testmo_notifier.sources.testmo_runs.turns import is_turn
from testmo_notifier.sources.testmo_runs.worker_pool import WorkerPool

if TYPE_CHECKING:
    from testmo_notifier.ports import Testmo

HOURLY: Final = timedelta(hours=1)  # how often what is gone, or should not have changed, is looked at again
LOOK_BACK: Final = timedelta(days=1)  # of the hourly look at closed runs; those we know cost no request
LONGEST_LOOK_BACK: Final = timedelta(days=90)  # a checkpoint is kept for longer, so nothing old comes up again
LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)

Look = tuple["Discovery", NotifierError | None]  # what was found in one project, and what ended it


@dataclass(slots=True)
class Discovery:
    """What was found. `complete` says whether every list was read, `began_at` is Testmo's clock at its beginning.

    `known` is what was kept of each project before, `states` what to keep after it. `invisible` counts projects and
    runs that should be there and cannot be seen, `settings_problems` what Testmo rejects or a setting names in vain,
    `left` what is left for the next poll. `has_strays`: a row of the list of projects could not be understood, or what
    is kept of a new project not be written.
    `listed` are all projects in that list. `hidden_runs` and `hidden_projects` are what Testmo does not let us see;
    `refused` are those of the runs that it was asked for in this poll.
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
    left: int = 0
    has_strays: bool = False
    listed: frozenset[int] = frozenset()
    hidden_runs: set[int] = field(default_factory=set)
    hidden_projects: int = 0
    refused: set[int] = field(default_factory=set)

    def hide(self, run_id: int, why: Invisible) -> None:
        """A run that is in no list is not shown to us either: it is still there, and nobody reads it."""
        self.hidden_runs.add(run_id)
        self.refused.add(run_id)
        self.invisible += 1
        self.problems.append(f"run {run_id}: {why}; it is tried again in an hour")

    def leave(self, what: str, why: NotifierError) -> None:
        """Something is left for the next poll."""
        self.complete = False
        self.left += 1
        self.settings_problems += isinstance(why, RequestRejected)
        self.problems.append(f"{what}: {why}")

    def add(self, look: Discovery) -> None:
        """Add what one look into a project found."""
        self.runs += look.runs
        self.states |= look.states
        self.problems += look.problems
        self.complete = self.complete and look.complete
        self.invisible += look.invisible
        self.settings_problems += look.settings_problems
        self.left += look.left
        self.hidden_runs |= look.hidden_runs
        self.hidden_projects += look.hidden_projects
        self.refused |= look.refused

    def not_seen(self) -> set[int]:
        """The runs of projects that were not looked into to the end: nobody knows whether they are still there."""
        unsure = [
            before
            for project_id, before in self.known.items()
            if (state := self.states.get(project_id, before)).gone_at is None and state.looked_at != self.began_at
        ]
        return {run_id for state in unsure for run_id in (*state.open_runs, *state.closing)}

    def oldest_look(self, discovered_at: datetime | None) -> datetime:
        """The age of the oldest look into a project. Hidden ones are said by name, not by age."""
        states = {**self.known, **self.states}.values()
        looks = [last_look(state, discovered_at) or state.watched_since for state in states if state.gone_at is None]
        if self.has_strays and discovered_at is not None:
            looks.append(discovered_at)  # nobody knows which projects these are
        return self.began_at if self.complete else min(looks, default=self.began_at)


@dataclass(frozen=True, slots=True)
class Lookout:
    """Looks into projects and adds what it finds to `found`.

    `hourly`: closed runs are listed whatever the counts say; where projects are `many`, each has an hour of its own for
    that. `now` is our clock. `has_room` says whether lists may take so many more requests. `unread` are runs with news
    that could not be read.
    """

    testmo: Testmo
    control: Looked
    scope: Scope
    found: Discovery
    hourly: bool
    now: datetime
    pool: WorkerPool
    has_room: Callable[[int], bool]
    many: bool = False
    unread: Collection[int] = ()

    def look_around(self, projects: Iterable[Project]) -> None:
        """Look into those first that wait longest, a few at a time, while the budget has room for lists.

        Every other one has news that could not be read, while there are any: only now can they be, and what Testmo
        can never show must hold up no other. What is found is added in the order of asking, whoever is ready first.
        """
        found = self.found
        waiting = [project for project in projects if project.id in found.known]
        waiting.sort(key=lambda project: self._last_look(found.known[project.id]) or LONG_AGO)
        under_way: deque[tuple[Project, Future[Look]]] = deque()
        is_over = False

        def has_news(project: Project) -> bool:
            state = found.known[project.id]
            return not (state.open_runs | state.closing.keys()).isdisjoint(self.unread)

        def room_for(project: Project) -> bool:
            return self.has_room(sum(map(pages_of, (project, *(other for other, _ in under_way)))))

        order = every_other([one for one in waiting if has_news(one)], [one for one in waiting if not has_news(one)])
        for number, project in enumerate(order):
            while under_way and not is_over and not (len(under_way) < self.pool.workers and room_for(project)):
                is_over = not self._add(*under_way.popleft())
            if is_over or (number and not room_for(project)):
                break
            self.pool.renew_lease()
            under_way.append((project, self.pool.executor.submit(self._look, project)))
        else:
            number = len(waiting)
        for one in under_way:
            is_over = not self._add(*one, is_over=is_over) or is_over
        if number < len(waiting) and not is_over:
            found.complete = False
            found.problems.append(
                f"{len(waiting) - number} of {len(waiting)} projects were left for the next poll, the other requests "
                "are kept for results: raise RequestsPerMinute, or name fewer ProjectIds"
            )

    def _add(self, project: Project, future: Future[Look], *, is_over: bool = False) -> bool:
        """Add what came of a look into a project; False when nothing more may be asked, which is said once."""
        found, name = self.found, f"project {project.id} ({project.name})"
        look, error = self.pool.wait_for(future)
        found.add(look)
        match error:
            case StopReading():
                if not is_over:
                    found.leave(f"project {project.id} was left for the next poll", error)
                return False
            case Invisible():
                found.problems.append(f"{name}: {error}; it is tried again in an hour")
                found.invisible += 1
                found.hidden_projects += 1
                found.states[project.id] = replace(found.known[project.id], gone_at=self.now)
            case NotifierError():
                found.leave(name, error)
        return True

    def _look(self, project: Project) -> Look:
        """What a worker does. It changes nothing that others see."""
        state, found = self.found.known[project.id], Discovery(self.found.began_at, known=self.found.known)
        if state.gone_at is not None and self.now - state.gone_at < HOURLY:
            since = state.gone_at.isoformat(timespec="minutes")
            found.problems.append(f"project {project.id} ({project.name}) is hidden since {since}")
            found.hidden_projects += 1
            return found, None
        its_hour = is_turn(project.id, HOURLY, self._last_look(state), found.began_at) if self.many else self.hourly
        try:
            replace(self, found=found, hourly=its_hour).look_into(project, state)
        except (StopReading, Invisible, Unreadable, RequestRejected) as exc:
            return found, exc
        return found, None

    def look_into(self, project: Project, state: ProjectState) -> None:
        """Find the open runs of a project, and those that were closed since it was last looked into.

        What is in neither list is looked for by itself. Where the list of closed runs cannot be had, the open ones are
        watched all the same.
        """
        found = self.found
        left_before = found.left
        has_none = project.run_active_count == 0 and not self.hourly
        opened = {} if has_none else self._by_id(project, self.testmo.open_runs(project.id, self.pool.executor))
        try:
            lost = state.open_runs - opened.keys() - self._known_as_hidden()
            closed = self._closed_runs(project, state, has_lost_some=bool(lost))
        except (Unreadable, RequestRejected) as exc:
            found.leave(f"the closed runs of project {project.id} ({project.name})", exc)
            closed = {}
            kept = replace(state, open_runs=state.open_runs | opened.keys(), gone_at=None)
        else:
            for run_id in opened.keys() & closed.keys():
                del opened[run_id]  # closed between the two requests
            unclear = self._look_for(project, (state.open_runs | state.closing.keys()) - opened.keys(), opened, closed)
            kept = replace(
                state,
                run_closed_count=project.run_closed_count,
                open_runs=frozenset({*opened, *unclear}),
                closing={},
                gone_at=None,
                looked_at=found.began_at if found.left == left_before else state.looked_at,
            )
        start = state.watched_since - self.scope.backfill
        for run in (*opened.values(), *(with_closing_time(run, state, found.began_at) for run in closed.values())):
            # By the overlap earlier than its creation: rows are dated by another clock, and no older ones can be in it.
            created_at = run.created_at - self.scope.overlap if run.created_at else start
            first = min(max(created_at, start), found.began_at)
            found.runs.append(WatchedRun(run, project.name, first))
        found.states[project.id] = kept

    def _closed_runs(self, project: Project, state: ProjectState, *, has_lost_some: bool) -> dict[int, Run]:
        """The runs that were closed since a project was last looked into, if there is a reason to ask for them."""
        start = state.watched_since - self.scope.backfill
        looked_at = self._last_look(state)
        checked_at = self.control.closed_checked_at
        was_left_out = looked_at is not None and checked_at is not None and looked_at < checked_at
        hourly = self.hourly or (was_left_out and not self.many)
        count_moved = project.run_closed_count is None or project.run_closed_count != state.run_closed_count
        run_ids_changed = self.control.polled_at is not None and self.control.run_ids != frozenset(self.scope.run_ids)
        if not (hourly or has_lost_some or count_moved or run_ids_changed or state.closing or state.gone_at):
            return {}
        since = looked_at or start
        moments = [since, *state.closing.values(), *([since - LOOK_BACK] if hourly else [])]
        closed = self._closed_after(project, min(moments))
        # While the project was hidden or left out, or RunIds named others.
        if run_ids_changed or has_closed_unseen(project, state, closed.values(), since):
            closed |= self._closed_after(project, max(start, self.found.began_at - LONGEST_LOOK_BACK))
        return closed

    def _closed_after(self, project: Project, moment: datetime) -> dict[int, Run]:
        return self._by_id(project, self.testmo.closed_runs(project.id, moment - self.scope.overlap))

    def _by_id(self, project: Project, runs: Listed[Run]) -> dict[int, Run]:
        for stray in runs.strays:
            self.found.leave(f"a run of project {project.id} ({project.name}) cannot be watched", Unreadable(stray))
        return {run.id: run for run in runs}

    def _look_for(
        self, project: Project, run_ids: Iterable[int], opened: dict[int, Run], closed: dict[int, Run]
    ) -> set[int]:
        """Find runs that are in no list: deleted, or moved between two pages of it. Returns those still to be found.

        One that was moved to another project is found in the lists of that one, if that is watched, too.
        """
        missing = set(run_ids) - closed.keys()
        unclear = missing & self._known_as_hidden()
        self.found.hidden_runs |= unclear
        for run_id in sorted(missing - unclear):
            try:
                run = self.testmo.run(run_id)
            except Invisible as exc:
                is_wanted = not self.scope.run_ids or run_id in self.scope.run_ids
                if exc.status == FORBIDDEN and is_wanted:
                    self.found.hide(run_id, exc)
                    unclear.add(run_id)
                elif is_wanted:
                    self.found.problems.append(f"run {run_id} is gone: {exc}")
            except (Unreadable, RequestRejected) as exc:  # holds up no other run
                self.found.leave(f"run {run_id} could not be looked at", exc)
                unclear.add(run_id)
            else:
                if run.project_id == project.id or run.project_id not in self.found.known:
                    (closed if run.is_closed else opened)[run_id] = run
        return unclear

    def _known_as_hidden(self) -> set[int]:
        """The runs that need not be asked for: Testmo refused them within the hour."""
        return set() if self.hourly else set(self.control.hidden_runs)

    def _last_look(self, state: ProjectState) -> datetime | None:
        return last_look(state, self.control.discovered_at)


def every_other(first: list[Project], then: list[Project]) -> list[Project]:
    """One of each, in turn."""
    return [project for pair in zip_longest(first, then) for project in pair if project]


def pages_of(project: Project) -> int:
    """How many requests its list of open runs takes."""
    return 1 if project.run_active_count is None else -(-project.run_active_count // MAX_PER_PAGE)


def last_look(state: ProjectState, discovered_at: datetime | None) -> datetime | None:
    """Testmo's clock when a project was last looked into to the end, be it alone or with all others; None is never."""
    return max(filter(None, (state.looked_at, discovered_at)), default=None)


def has_closed_unseen(project: Project, state: ProjectState, closed: Iterable[Run], since: datetime) -> bool:
    """Whether more runs were closed since a project was last looked into than were closed since a moment."""
    if project.run_closed_count is None:
        return False
    seen = sum(run.closed_at is None or run.closed_at >= since for run in closed)
    return project.run_closed_count - (state.run_closed_count or 0) > seen


def with_closing_time(run: Run, state: ProjectState, began_at: datetime) -> Run:
    """A closed run, whose closing time Testmo may have left out."""
    return replace(run, is_closed=True, closed_at=run.closed_at or state.closing.get(run.id) or began_at)
