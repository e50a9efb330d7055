"""What a team edits: its routes, its people, its issue links, and where its templates are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from testmo_notifier.notices.issue_links import IssueLinks, parse_issue_links
from testmo_notifier.notices.people import People
from testmo_notifier.notices.routes import Routes
from testmo_notifier.notices.routes_file import parse_routes


@dataclass(frozen=True, slots=True)
class Team:
    """The settings layer, read and checked."""

    routes: Routes
    links: IssueLinks
    templates: Path
    people: People = field(default_factory=People)

    @classmethod
    def read(cls, folder: Path) -> Team:
        """Read a folder like the settings layer's package; raises `ConfigurationError`."""
        routes = parse_routes((folder / "routes.toml").read_text("utf-8"))
        return cls(routes, parse_issue_links((folder / "issues.toml").read_text("utf-8")), folder / "templates")
