"""The poller's setup on an engineer's machine: as `wiring/poller.py` has them, with other people's clocks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.channels.render import Renderer
from testmo_notifier.config import PollerSettings
from testmo_notifier.errors import ConfigurationError, Problem
from testmo_notifier.model import Project, Scope
from testmo_notifier.notices.routes import Route, Routes, destinations, left_in
from testmo_notifier.poll import Setup
from testmo_notifier.ports import Store, Topic
from testmo_notifier.settings.team import Team
from testmo_notifier.sources.testmo_runs.discovery import polled
from tools.lib.processes import SETTINGS
from tools.lib.stamps import utc_now
from tools.lib.testmo import SECONDS, connected, connector
from tools.ops import records
from tools.ops.account import Account
from tools.settings.check import read_team


def connect(account: Account, spent: Mapping[int, int] | None = None) -> Testmo:
    """The Testmo of a stack, with its token; `spent` is what its poller asked within this minute."""
    settings = account.settings
    return connected(settings.testmo_url, account.token(), settings.requests_per_minute, spent)


def routes() -> Routes:
    """The routes of this checkout."""
    return team().routes


def team() -> Team:
    """What the team edits: this checkout's settings, or those of SETTINGS_DIR, as `local` deploys them."""
    return read_team(settings_file)


def title(route: Route) -> str:
    """How sentences call a route: one without a name has its number for it."""
    return route.name if route.name.startswith("route ") else f"route {route.name!r}"


def settings_file(name: str) -> Path:
    """One of its files; what SETTINGS_DIR lacks is the checkout's. Raises `ConfigurationError`."""
    shipped, given = SETTINGS, os.environ.get("SETTINGS_DIR", "")
    own = Path(given).expanduser()
    if given and not own.is_dir():
        text = f"SETTINGS_DIR is {given!r}, which is no folder"
        raise ConfigurationError([Problem(text, "give the one that `local` has")])
    return own / name if given and (own / name).exists() else shipped / name


def routed(settings: PollerSettings) -> tuple[str, ...]:
    """The destinations of this checkout's routes on the channels of the stack, the event last."""
    return destinations(routes(), settings.channels)


def polled_projects(account: Account, projects: Iterable[Project]) -> list[Project]:
    """Those of Testmo's projects that the next poll looks into."""
    settings, control = account.settings, records.control(account)[0]
    scope = Scope(settings.project_ids, (), timedelta(seconds=settings.overlap_seconds), timedelta(0))
    staleness = timedelta(minutes=settings.max_staleness_minutes)
    return polled(projects, records.store(account), control, scope, staleness, now=utc_now())


def setup(settings: PollerSettings, token: str, store: Store, topic: Topic) -> Setup:
    """What one poll works with. Routes, issue links and templates are this checkout's."""
    own = team()
    own = replace(own, routes=left_in(own.routes, settings.channels))
    deadline = time.monotonic() + SECONDS
    return Setup.of(
        settings,
        own,
        store=store,
        connect=connector(settings.testmo_url, token),
        topic=topic,
        renderer=Renderer.of(own, settings.time_zone, time.thread_time),
        now=utc_now,
        sleep=time.sleep,
        seconds_left=lambda: deadline - time.monotonic(),
        shuffle=lambda _: None,
    )
