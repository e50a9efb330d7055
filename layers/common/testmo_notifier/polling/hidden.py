"""The runs that Testmo does not show to the token's user (rule 7): since when, and what is said of them. No effects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from testmo_notifier.sources.testmo_runs.projects import Discovery


class HiddenRuns:
    """`since` says since when each run is hidden, by our clock."""

    def __init__(self, before: Mapping[int, datetime]) -> None:
        self.since = dict(before)
        self._refused: set[int] = set()
        self._names: dict[int, str] = {}

    def discovered(self, found: Discovery, at: datetime) -> None:
        """Add what the discovery did not see."""
        self.since = {**dict.fromkeys(found.hidden_runs, at), **self.since}
        self._refused |= found.refused
        self._names = {watched.run.id: watched.run.name for watched in found.runs}

    def refuse(self, run_id: int, at: datetime) -> None:
        """Testmo refused a run just now."""
        self.since.setdefault(run_id, at)
        self._refused.add(run_id)

    def remove(self, run_id: int) -> None:
        """A run is shown again, or deleted."""
        self.since.pop(run_id, None)

    def keep_only(self, found: Discovery, in_hidden_projects: set[int]) -> None:
        """Forget the runs that are nowhere any more."""
        if not found.has_strays:
            there = self._names.keys() | found.hidden_runs | in_hidden_projects | found.not_seen()
            self.since = {run_id: since for run_id, since in self.since.items() if run_id in there}

    @property
    def problems(self) -> list[str]:
        """The runs that stay hidden and were not asked for in this poll; of the others it was said when they were."""
        names = {run_id: f" ({name})" for run_id, name in self._names.items()}
        return [
            f"run {run_id}{names.get(run_id, '')} is hidden since {since.isoformat(timespec='minutes')}: "
            "give the token's user access; it is tried again every hour"
            for run_id, since in sorted(self.since.items())
            if run_id not in self._refused
        ]
