"""What a team edits: its routes, its issue links, and where its templates are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from testmo_notifier.notices.issue_links import IssueLinks, parse_issue_links
from testmo_notifier.notices.routing import Route, parse_routes


@dataclass(frozen=True, slots=True)
class Team:
    """The settings layer, read and checked."""

    routes: tuple[Route, ...]
    links: IssueLinks
    templates: Path

    @classmethod
    def read(cls, folder: Path) -> Team:
        """Read a folder like the settings layer's package; raises `ConfigurationError`."""
        routes = parse_routes((folder / "routes.toml").read_text("utf-8"))
        return cls(routes, parse_issue_links((folder / "issues.toml").read_text("utf-8")), folder / "templates")
