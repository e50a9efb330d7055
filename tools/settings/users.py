"""Who works in Testmo, as far as the token may see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.errors import Invisible, RequestRejected, Unreadable
from testmo_notifier.model import Project, ResultsQuery, User

MAX_PROJECTS: Final = 20
MAX_RUNS: Final = 5  # of a project that does not list its users: the newest ones tell who works there now
LATEST: Final = ResultsQuery(page=1, sort="run_results:created_at", order="desc")


@dataclass(frozen=True, slots=True)
class Seen:
    """The users, by id, and where they were found, in words. `is_everybody` is False for those whom results name."""

    users: tuple[User, ...]
    where: str
    is_everybody: bool


def seen(testmo: Testmo) -> Seen:
    """Everybody with an address for a site administrator; else who works in the projects that the token may see."""
    try:
        return Seen(by_id(testmo.users()), "all users of this Testmo", is_everybody=True)
    except (Invisible, RequestRejected):
        projects = [project for project in testmo.projects()[0] if not project.is_completed][:MAX_PROJECTS]
    try:
        listed = [user for project in projects for user in testmo.project_users(project.id)]
        return Seen(by_id(listed), f"the users of {names(projects)}", is_everybody=True)
    except (Invisible, RequestRejected, Unreadable):
        found = by_id(user for project in projects for user in named_by_results(testmo, project))
        return Seen(found, f"those whom the latest results in {names(projects)} name", is_everybody=False)


def named_by_results(testmo: Testmo, project: Project) -> Iterator[User]:
    """Who saved the latest results of a project's newest open runs, or has to deal with them."""
    for run in testmo.open_runs(project.id)[-MAX_RUNS:]:
        page = testmo.results(run.id, LATEST)
        yield from (User(id_, name) for id_, name in page.expands.users.items())


def by_id(users: Iterable[User]) -> tuple[User, ...]:
    """Each once, in the order of their ids."""
    return tuple(user for _, user in sorted({user.id: user for user in users}.items()))


def names(projects: Iterable[Project]) -> str:
    """`Shop, Payments`."""
    return ", ".join(project.name for project in projects) or "no project"
