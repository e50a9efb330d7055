"""What `sources/testmo_runs/follow_up.py` may take of a poll, and what has to be known for it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime
from typing import Final

from testmo_notifier.errors import Invisible, RequestRejected, StopReading, Unreadable
from testmo_notifier.model import FINISHED, Watching
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.polling.setup import Poll, Setup
from testmo_notifier.sources.testmo_runs.passes import PASSED, FollowUp
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.watch import Watch

DEFAULT: Final = frozenset({PASSED})  # statuses that count as passed where Testmo does not say which do
LEAST: Final = 3  # requests: one that goes on in the middle asks for a page again
SHARE: Final = 4  # of the requests of a minute follow-up questions take at most one in so many


class RequestShare:
    """The requests that are left for them: a quarter, and never one that a run still has to have which is due.

    Workers take them; `waiting` counts the runs whose failing results were not asked for yet.
    """

    def __init__(self, rate_limit: RateLimit, requests_per_minute: int, waiting: int) -> None:
        self._rate_limit = rate_limit
        self._room = max(LEAST, requests_per_minute // SHARE)
        self._waiting = waiting
        self._lock = threading.Lock()

    def take(self, requests: int) -> bool:
        """Take so many requests, if there are; fewer than none gives some back."""
        with self._lock:
            free = min(self._room, self._rate_limit.left - self._waiting)
            if requests > 0 and free < requests:
                return False
            self._room -= requests
            return True

    def was_read(self) -> None:
        """One run less is waiting."""
        with self._lock:
            self._waiting -= 1


def find_passed(setup: Setup, this: Poll, found: Discovery) -> None:
    """Keep what follow-up questions need: which statuses count as passed, and since when an end of a run is news."""
    asked = any(FINISHED in route.notify for route in setup.routes.routes)
    kept = with_ends(this.lease.control.watching, asked=asked, at=found.began_at)
    if any(map(this.around.holding.may_hold, setup.destinations)) or any(r.wants_passes for r in setup.routes.routes):
        kept = replace(kept, passed_statuses=passed_statuses(this, found, kept.passed_statuses))
    this.lease.control = replace(this.lease.control, watching=kept)


def passed_statuses(this: Poll, found: Discovery, kept: frozenset[int] | None) -> frozenset[int]:
    """The statuses that count as passed: asked for at first, and hourly. Where Testmo does not say it, its default."""
    projects = [watched.run.project_id for watched in found.runs]
    if not projects or (kept is not None and not found.checked_closed):
        return kept or DEFAULT
    this.lease.renew()
    try:
        return with_passed(kept or DEFAULT, this.testmo.passed_statuses(projects[0]))
    except StopReading:
        pass  # why is said where results are read
    except (Unreadable, RequestRejected, Invisible) as exc:
        this.report.problems.append(f"Testmo does not tell which statuses count as passed: {exc}")
    return kept or DEFAULT


def follow_up_for(setup: Setup, this: Poll, watch: Watch, *, due: int) -> FollowUp:
    """What this poll, in which so many runs are due, may ask for in follow-up questions."""
    kept, share = this.lease.control.watching, RequestShare(this.rate_limit, setup.requests_per_minute, waiting=due)
    return FollowUp(
        statuses=tuple(sorted((kept.passed_statuses or DEFAULT) - frozenset(watch.status_ids))),
        may_ask=share.take,
        was_read=share.was_read,
        finished_since=kept.finished_since,
    )


def with_passed(kept: frozenset[int], told: dict[int, bool]) -> frozenset[int]:
    """What was known, as far as Testmo says nothing else by now; an answer holds only what its runs refer to."""
    return frozenset(key for key in kept if told.get(key, True)) | {key for key, passed in told.items() if passed}


def with_ends(kept: Watching, *, asked: bool, at: datetime) -> Watching:
    """Keep since when a route asks for the ends of runs: those that were closed before are no news."""
    return replace(kept, finished_since=(kept.finished_since or at) if asked else None)
