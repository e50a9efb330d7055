"""A story whose routes ask for more than failures: what was told, as digests, before anybody renders them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testmo_notifier.errors import Problem
from testmo_notifier.model import REASONS, RECOVERED, Digest, Notification, Outgoing
from testmo_notifier.notices.routes import BY_DEFAULT, Route, Routes
from tests.support.story import Story
from tools.simulator.control import RecordedRequest
from tools.simulator.model import Run

ALL = frozenset((*BY_DEFAULT, RECOVERED))
EVERYTHING = frozenset(REASONS)
LEADS, TEAM = "slack:leads", "slack:default"


class Keeping:
    """A renderer that keeps what it was asked to render, and says no more of it than which results there are."""

    def __init__(self) -> None:
        self.told: list[Outgoing] = []
        self.problems: list[Problem] = []

    def notification(self, outgoing: Outgoing) -> Notification:
        self.told.append(outgoing)
        digest = outgoing.digest
        message = json.dumps({"results": [{"id": result.id} for result in digest.results], "total": digest.total})
        channel = outgoing.destination.partition(":")[0]
        return Notification(
            outgoing.id, outgoing.destination, channel, "", message, digest.run_id, digest.project_id, ()
        )


class Telling(Story):
    """A story with routes. Every route goes to `TEAM`, unless it says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = Keeping()
        self.renderer = self.kept  # type: ignore[assignment]  # it has what is used
        self.route(notify=ALL)

    def route(self, *to: str, **given: Any) -> None:  # noqa: ANN401 - a route's fields
        """From now on this route, and no other."""
        self.routes(Route(to or (TEAM,), name="the route", **given))

    def routes(self, *routes: Route) -> None:
        """From now on these routes."""
        named = dict.fromkeys(one for route in routes for one in route.destinations)
        self.settings |= {"routes": Routes(routes), "destinations": (*named, "event")}

    def digests(self, about: str = RECOVERED, to: str = TEAM) -> list[Digest]:
        return [one.digest for one in self.kept.told if one.digest.about == about and one.destination == to]

    def recovered(self, to: str = TEAM) -> list[int]:
        """The tests that a destination was told are well again, one after the other."""
        return [one.test_id or 0 for digest in self.digests(to=to) for one in digest.results]

    def reasons(self, to: str = TEAM) -> list[tuple[int | None, str, int]]:
        """Of every failing result that a destination was told: its id, why, and the how many-th in a row it is."""
        told = [one.digest for one in self.kept.told if one.digest.about == "failing" and one.destination == to]
        return [
            (one.id, one.reason, one.streak)
            for digest in told
            for one in sorted(digest.results, key=lambda r: r.id or 0)
        ]

    def follow_ups(self, run: Run | None = None) -> list[RecordedRequest]:
        """The pages that follow-up questions asked for, of one run or of all."""
        asked = self.requests(f"/runs/{run.id if run else '*'}/results")
        return [request for request in asked if request.query.get("status_id") != "3,5"]

    def looks(self, run: Run | None = None) -> list[RecordedRequest]:
        """Those of them that looked at the latest results, whatever their status."""
        return [request for request in self.follow_ups(run) if "status_id" not in request.query]


@contextmanager
def telling(**settings: Any) -> Iterator[Telling]:  # noqa: ANN401 - any setting
    story = Telling()
    story.settings |= settings
    with story.testmo:
        yield story
    story.pool.clear()
