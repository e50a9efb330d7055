"""What to look at."""

from __future__ import annotations

from datetime import datetime, timedelta

from testmo_notifier.lean import dataclass
from testmo_notifier.model.testmo import Run


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """A run to watch. Nothing in it before `start` is ever announced."""

    run: Run
    project_name: str
    start: datetime


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at. Empty tuples mean everything the token can see."""

    project_ids: tuple[int, ...]
    run_ids: tuple[int, ...]
    overlap: timedelta
    backfill: timedelta
