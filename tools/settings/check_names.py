"""What `check` asks Testmo, where it may: whether the projects, statuses and people that the files name are there.

What is not there is advice, not an error: a project may come tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.errors import Invisible, RequestRejected, Unreadable
from testmo_notifier.model import STATUS_NAMES, User
from testmo_notifier.notices.matching import Fact, is_wanted, plain
from testmo_notifier.notices.routes import Routes
from testmo_notifier.settings.people import People, entry_key
from testmo_notifier.settings.places import Place
from testmo_notifier.settings.routes_file import ASSIGNEE, GROUP, TESTER
from tools.settings.check_routes import HARMLESS, Advice, Entry, option_line
from tools.settings.users import LATEST, MAX_RUNS, Seen, seen

SHOWN: Final = 20
MAX_ASKED: Final = 5  # projects, for the names of statuses: the first with a run mostly knows all


@dataclass(frozen=True, slots=True)
class Instance:
    """What there is in Testmo, by id; `passed` are its own statuses that count as such. Empty where it does not say."""

    projects: Mapping[int, str]
    statuses: Mapping[int, str]
    people: Seen
    passed: Mapping[int, str]


def look(testmo: Testmo) -> Instance:
    """Ask for it; raises `NotifierError` where Testmo does not answer."""
    projects = testmo.projects()[0]
    statuses: dict[int, str] = {}
    passed: dict[int, str] = {}
    for project in [project for project in projects if not project.is_completed][:MAX_ASKED]:
        if not statuses:
            with suppress(Invisible, RequestRejected, Unreadable):
                statuses |= testmo.statuses(project.id) or of_results(testmo, project.id)
                passed |= own_passed(testmo, project.id, statuses)
    return Instance({project.id: project.name for project in projects}, statuses, seen(testmo), passed)


def own_passed(testmo: Testmo, project_id: int, names: Mapping[int, str]) -> dict[int, str]:
    """An instance's own statuses that count as passed, by name."""
    told = testmo.passed_statuses(project_id)
    return {key: names[key] for key, is_passed in told.items() if is_passed and key in names and key not in HARMLESS}


def of_results(testmo: Testmo, project_id: int) -> dict[int, str]:
    """Testmo's own statuses, and what the newest results carry: for where the list of a project's runs carries none."""
    found = dict(STATUS_NAMES)
    for run in testmo.open_runs(project_id)[-MAX_RUNS:]:
        found |= testmo.results(run.id, LATEST).expands.statuses
    return found


def about_routes(text: str, routes: Routes, there: Instance) -> list[Advice]:
    """What routes name and Testmo does not have."""
    place = Place(text, "")
    entries = [Entry(route, number, place) for number, route in enumerate(routes.routes, start=1)]
    found = [advice for entry in entries for advice in strangers(entry, there)]
    for name, options in routes.options.items():
        for one in unknown(options.calm.quiet_except, there.statuses):
            words = f"{name} has quiet_except {one!r}, {not_there('status', there.statuses)}"
            found.append((option_line(place, name, "quiet_except"), words))
    return sorted(dict.fromkeys(found))


def strangers(entry: Entry, there: Instance) -> Iterator[Advice]:
    """The same for one of them."""
    route = entry.route
    users = {user.id: user.name for user in there.people.users} if there.people.is_everybody else {}
    known = {"project": there.projects, "status": there.statuses, "assignee": users, "tester": users}
    for table, wanted in (("match", route.matcher.match), ("exclude", route.matcher.exclude)):
        for key, values in wanted.items():
            for one in unknown(values, known.get(key, {})):
                yield entry.advice(key, f"has {table} by {key} {one!r}, {not_there(key, known[key])}")
    for one in unknown(route.mention_on, there.statuses):
        yield entry.advice("mention_on", f"has mention_on {one!r}, {not_there('status', there.statuses)}")
    called = [one for one in route.mention if one not in (ASSIGNEE, TESTER) and not str(one).startswith(GROUP)]
    for one in called if users else ():
        if not is_somebody(one, there.people.users):
            yield entry.advice(str(one), f"mentions {one!r}, {not_there('user', users)}")


def unknown(wanted: Iterable[int | str], known: Mapping[int, str]) -> list[int | str]:
    """What fits nothing; where nothing is known nobody can say it. 0 is nobody, for assignees."""
    facts = [Fact(id_, name) for id_, name in known.items()]
    return [one for one in wanted if facts and one != 0 and not any(is_wanted(one, fact) for fact in facts)]


def not_there(key: str, known: Mapping[int, str]) -> str:
    """What there is instead."""
    shown = ", ".join(f"{name} ({id_})" for id_, name in list(known.items())[:SHOWN])
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    what = "project" if key == "project" else "status" if key == "status" else "user"
    return f"and the token sees no such {what} in this Testmo: there is {shown}{more}"


def is_somebody(one: int | str, users: Iterable[User]) -> bool:
    """Whether an id, a name or an address is anybody's."""
    if isinstance(one, int):
        return any(user.id == one for user in users)
    return any(plain(one) in (plain(user.name), plain(user.email)) for user in users)


def about_people(text: str, people: People, there: Instance) -> list[Advice]:
    """Entries for nobody: somebody was renamed, or left."""
    have_emails = any(user.email for user in there.people.users)
    found: list[Advice] = []
    entries: list[int | str] = [*people.by_id, *people.by_name]
    for one in entries if there.people.is_everybody else ():
        if isinstance(one, str) and "@" in one and not have_emails:
            words = "is an email, and this token may not read those of Testmo's users: use the name or the id"
            found.append((line_of(text, one), f"people.{one} {words}"))
        elif not is_somebody(one, there.people.users):
            found.append((line_of(text, one), f"people.{one} is not among {there.people.where}"))
    return sorted(found)


def line_of(text: str, name: int | str) -> int:
    """The line of an entry, which the file may write in other capitals."""
    keys = (line.partition("=")[0].strip().strip("\"'") for line in text.splitlines())
    return next((number for number, key in enumerate(keys, start=1) if key and entry_key(key, "people") == name), 1)
