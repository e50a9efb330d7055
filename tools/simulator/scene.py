"""The scene of a world: people, projects, cases, runs. What happens in it afterwards is in `world.py`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import count
from threading import RLock

from tools.lib import stamps
from tools.simulator.model import (
    RUN_STATES,
    STANDARD_STATUSES,
    Case,
    Folder,
    Issue,
    Milestone,
    Named,
    Project,
    Result,
    Run,
    Status,
    Test,
    User,
)


class Scene:
    """Everything one Testmo instance holds, and how to set it up.

    `now` is the only clock there is: it stamps changes, decides which late rows show, dates every answer
    and runs the rate limiter. Ids are counted per kind of row, from 1, in the order of the calls. Where a
    call takes `by`, the default is the owner of the API token, `viewer` (user 1, an administrator).
    """

    def __init__(self, *, now: Callable[[], datetime] = stamps.utc_now) -> None:
        self.lock = RLock()
        self.now = now
        self.statuses = {status.id: status for status in STANDARD_STATUSES}
        self.run_states = {state.id: state for state in RUN_STATES}
        self.users: dict[int, User] = {}
        self.projects: dict[int, Project] = {}
        self.milestones: dict[int, Milestone] = {}
        self.configs: dict[int, Named] = {}
        self.folders: dict[int, Folder] = {}
        self.cases: dict[int, Case] = {}
        self.runs: dict[int, Run] = {}
        self.tests: dict[int, Test] = {}
        self.issues: dict[int, Issue] = {}
        self._results: dict[int, dict[int, Result]] = defaultdict(dict)
        self._tests_of_run: dict[int, list[Test]] = defaultdict(list)
        self._ids: dict[type, Iterator[int]] = defaultdict(lambda: count(1))
        self.viewer = self.add_user("Testmo Notifier", is_admin=True, is_api=True)

    def stamp(self) -> datetime:
        """The present, as precise as a result's date: give it to several saves to put them on one millisecond."""
        return stamps.to_millisecond(self.now())

    def add_status(self, status: Status) -> Status:
        """Add a custom status (ids 7 to 25), or replace one."""
        with self.lock:
            self.statuses[status.id] = status
        return status

    def add_user(self, name: str, *, is_admin: bool = False, is_api: bool = False) -> User:
        """Add somebody; the address is made from the name."""
        with self.lock:
            email = name.lower().replace(" ", ".") + "@example.com"
            user = User(self._next(User), name, email, self.stamp(), is_admin=is_admin, is_api=is_api)
            self.users[user.id] = user
        return user

    def forget_user(self, user: User) -> None:
        """Anonymise: the id stays in what the user saved, no list or expand shows the user any more."""
        with self.lock:
            user.is_forgotten = True

    def add_project(
        self, name: str, *, note: str | None = None, created_at: datetime | None = None, by: User | None = None
    ) -> Project:
        """Add a project with one folder, "Repository"."""
        with self.lock:
            project = Project(self._next(Project), name, created_at or self.stamp(), self._id(by), note)
            self.projects[project.id] = project
            self.add_folder(project, "Repository")
        return project

    def hide_project(self, project: Project) -> None:
        """Take the token's right to see the project: it leaves the lists, and all that is in it answers 403."""
        with self.lock:
            project.is_hidden = True

    def show_project(self, project: Project) -> None:
        """Give that right back."""
        with self.lock:
            project.is_hidden = False

    def complete_project(self, project: Project) -> None:
        """Mark a project as completed; it can still be read."""
        with self.lock:
            project.completed_at = self.stamp()

    def add_folder(self, project: Project, name: str, *, parent: Folder | None = None) -> Folder:
        """Add a folder for cases."""
        with self.lock:
            depth = parent.depth + 1 if parent else 0
            folder = Folder(self._next(Folder), project.id, name, parent.id if parent else None, depth)
            self.folders[folder.id] = folder
        return folder

    def add_milestone(
        self, project: Project, name: str, *, due_date: date | None = None, created_at: datetime | None = None
    ) -> Milestone:
        """Add a milestone that has started."""
        with self.lock:
            created = created_at or self.stamp()
            milestone = Milestone(self._next(Milestone), project.id, name, created, self.viewer.id, due_date)
            self.milestones[milestone.id] = milestone
        return milestone

    def complete_milestone(self, milestone: Milestone) -> None:
        """Mark a milestone as completed."""
        with self.lock:
            milestone.completed_at = self.stamp()

    def add_config(self, project: Project, name: str) -> Named:
        """Add a configuration, such as a browser."""
        with self.lock:
            config = Named(self._next(Named), name, project.id)
            self.configs[config.id] = config
        return config

    def add_issue(self, display_id: str, *, tracker_type: int = 4) -> Issue:
        """Add a ticket of a tracker; 4 is Jira. The part before the dash becomes the external project's key."""
        with self.lock:
            key = display_id.split("-", 1)[0] if "-" in display_id else None
            issue = Issue(self._next(Issue), display_id, tracker_type, external_project_key=key)
            self.issues[issue.id] = issue
        return issue

    def add_case(
        self,
        project: Project,
        name: str,
        *,
        folder: Folder | None = None,
        tags: Iterable[str] = (),
        created_at: datetime | None = None,
        by: User | None = None,
    ) -> Case:
        """Add a case; without a folder it lands in the project's first. Cases keep microseconds."""
        with self.lock:
            folder_id = folder.id if folder else self._first_folder(project)
            created = created_at or self.now()
            case = Case(self._next(Case), project.id, folder_id, name, created, self._id(by), tuple(tags))
            self.cases[case.id] = case
        return case

    def add_run(
        self,
        project: Project,
        name: str,
        *,
        cases: Iterable[Case] = (),
        config: Named | None = None,
        milestone: Milestone | None = None,
        issues: Sequence[Issue] = (),
        tags: Iterable[str] = (),
        created_at: datetime | None = None,
        by: User | None = None,
    ) -> Run:
        """Start a run with one untested test for each case."""
        with self.lock:
            run = Run(
                id=self._next(Run),
                project_id=project.id,
                name=name,
                created_at=created_at or self.stamp(),
                created_by=self._id(by),
                config_id=config.id if config else None,
                milestone_id=milestone.id if milestone else None,
                tags=tuple(tags),
                issues=tuple(issue.id for issue in issues),
            )
            self.runs[run.id] = run
            for case in cases:
                self.add_test(run, case)
        return run

    def add_test(self, run: Run, case: Case) -> Test:
        """Put a case into a run; it is untested until a result is saved."""
        with self.lock:
            test = Test(self._next(Test), run.id, case.id)
            self.tests[test.id] = test
            self._tests_of_run[run.id].append(test)
        return test

    def _next(self, kind: type) -> int:
        return next(self._ids[kind])

    def _id(self, user: User | None) -> int:
        return (user or self.viewer).id

    def _first_folder(self, project: Project) -> int:
        return next(folder.id for folder in self.folders.values() if folder.project_id == project.id)
