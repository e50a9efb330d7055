"""What a team edits: its routes, its people, its issue links, and where its templates are."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Final, TypeVar

from testmo_notifier.errors import ConfigurationError, Problem
from testmo_notifier.lean import dataclass
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.routes import Routes, check_reach, left_in
from testmo_notifier.settings.issues_file import parse_issue_links
from testmo_notifier.settings.people import People, parse_people
from testmo_notifier.settings.routes_file import fallback, parse_routes

ROUTES, PEOPLE, ISSUES, TEMPLATES = "routes.toml", "people.toml", "issues.toml", "templates"
AS_UTF_8: Final = "save it as UTF-8"
MAY_BE_MISSING: Final = (ISSUES, PEOPLE)  # who has no links, or calls nobody, needs none

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Team:
    """The settings layer, read and checked. `problems` is what is wrong with it, a sentence for each file."""

    routes: Routes
    links: IssueLinks
    templates: Path
    people: People = field(default_factory=People)
    problems: tuple[str, ...] = ()

    @classmethod
    def at_work(cls, folder: Path, channels: tuple[str, ...]) -> Team:
        """Read a folder like the settings layer's package, for a stack with these channels: nothing wrong silences it.

        Instead of a wrong file stands what does the least harm: everything goes where its `fallback` leads, nobody is
        mentioned, no issue is a link.
        """
        problems: list[str] = []

        def read_routes() -> Routes:
            found = parse_routes(text_of(folder / ROUTES))
            check_reach(found, channels)
            return left_in(found, channels)

        def attempt(read: Callable[[], T], rescue: Callable[[], T], meanwhile: Callable[[T], str]) -> T:
            try:
                return read()
            except ConfigurationError as exc:
                instead = rescue()
                problems.append(told(exc, meanwhile(instead)))
                return instead

        def rescue() -> Routes:
            return fallback(rest_of(folder / ROUTES), channels)

        return cls(
            attempt(read_routes, rescue, lambda it: f"everything goes to {', '.join(it.routes[0].destinations)}"),
            attempt(lambda: parse_issue_links(text_of(folder / ISSUES)), IssueLinks, lambda _: "no issue is a link"),
            folder / TEMPLATES,
            attempt(lambda: parse_people(text_of(folder / PEOPLE)), People, lambda _: "nobody is mentioned"),
            tuple(problems),
        )


def told(exc: ConfigurationError, meanwhile: str) -> str:
    """What is wrong with a file, by its first mistake, and what holds until it is right."""
    first = min(exc.problems, key=lambda problem: problem.line)
    more = len(exc.problems) - 1
    rest = f" (and {more} more: `testmo-notifier check` has them all)" if more else ""
    return f"{first}{rest}; until this is corrected and deployed, {meanwhile}"


def text_of(path: Path) -> str:
    """A file's text; raises `ConfigurationError` where it has none, or there is no file that may not be missing."""
    line = 0
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        if path.name in MAY_BE_MISSING:
            return ""
        text, next_step = "is missing", "put one there"
    except UnicodeDecodeError as exc:
        text, next_step, line = not_utf_8(exc), AS_UTF_8, exc.object.count(b"\n", 0, exc.start) + 1
    except OSError as exc:
        text, next_step = f"cannot be read ({exc.strerror})", "put a file there that can"
    raise ConfigurationError([Problem(text, next_step, file=path.name, line=line)])


def not_utf_8(exc: UnicodeDecodeError) -> str:
    """What is wrong with a file in another encoding; Windows PowerShell's `>` writes UTF-16."""
    return "is UTF-16 text" if exc.object[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "is not UTF-8 text"


def rest_of(path: Path) -> str:
    """What can be read of a file, whatever it is."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
