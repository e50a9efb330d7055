"""A scenario played to its end in this process: the real simulator, poll and renderer; state and messages in memory.

No AWS is needed, and the clock is the rehearsal's own, so the same code gives the same messages every time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.channels.registry import for_people
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import Control, Notification, Scope
from testmo_notifier.notices.routes import PLAIN, destinations
from testmo_notifier.poll import Setup, poll
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.settings.team import Team
from testmo_notifier.sources.testmo_runs.watch import Watch
from tools.lib.overlay import Nothing, Overlay
from tools.simulator import Simulator
from tools.simulator.scenarios import load

TESTMO_URL: Final = "https://example.testmo.net"  # where the links of the messages lead
BETWEEN_POLLS: Final = timedelta(minutes=1)
FAILED, BLOCKED = 3, 5
DEFAULTS: Final = ("slack:default", "email:default", "event")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, and when it was published."""

    at: datetime
    notification: Notification


class Memory(Overlay):
    """Store and topic of one poller that is never disturbed; it knows when each message was published."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(Nothing(), Control())
        self._clock = clock
        self.sent: list[Sent] = []

    def publish(self, notification: Notification) -> None:
        """Take a message."""
        self.sent.append(Sent(self._clock.time, notification))


class Clock:
    """The clock of one rehearsal; it moves when told to."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def now(self) -> datetime:
        """The time on it."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


def rehearse(
    scenario: str, *, start: datetime, team: Team | None = None, overlap: timedelta = timedelta(minutes=5)
) -> list[Sent]:
    """Every message of a scenario, in order. The first poll is at `start`, each step and its poll a minute later.

    Without a team's settings everything goes to the default destinations.
    """
    routes, zone = team.routes if team else PLAIN, ZoneInfo("UTC")
    clock = Clock(start)
    memory = Memory(clock)
    pool = new_pool()
    with Simulator(scenario=load(scenario, now=clock.now)) as simulator:

        def connect(rate_limit: RateLimit) -> Testmo:
            return Testmo(
                url=simulator.url, token=lambda **_: simulator.token, pool=pool, rate_limit=rate_limit, now=clock.now
            )

        parts = Setup(
            store=memory,
            connect=connect,
            topic=memory,
            renderer=Renderer.of(team, zone, lambda: 0.0) if team else Renderer(zone),
            watch=Watch((FAILED, BLOCKED)),
            scope=Scope((), (), overlap, timedelta(0)),
            routes=routes,
            destinations=destinations(routes, tuple(channel.name for channel in for_people())) if team else DEFAULTS,
            testmo_url=TESTMO_URL,
            staleness=timedelta(minutes=5),
            requests_per_minute=120,
            now=clock.now,
            sleep=clock.sleep,
            seconds_left=lambda: 60.0,
            shuffle=lambda _: None,
        )
        poll(parts)
        minute = start
        while True:
            minute += BETWEEN_POLLS
            clock.time = minute
            if simulator.advance() is None:
                break
            poll(parts)
    pool.clear()
    return in_order(memory.sent)


def in_order(sent: list[Sent]) -> list[Sent]:
    """By minute, then run: which of two runs is read first is a matter of threads."""
    whole = [replace(one, at=one.at.replace(second=0, microsecond=0)) for one in sent]
    return sorted(whole, key=lambda one: (one.at, one.notification.run_id))
