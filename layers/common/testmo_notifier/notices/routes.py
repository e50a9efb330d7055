"""Routes: who is told of what, for which reasons, and by name. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import tzinfo
from typing import Final

from testmo_notifier.channels.registry import CHANNELS, channel_of, for_people
from testmo_notifier.errors import ConfigurationError, Problem
from testmo_notifier.lean import dataclass
from testmo_notifier.model import AGAIN, CHANGED, NEW, RECOVERED
from testmo_notifier.notices.calm import ALWAYS, Calm
from testmo_notifier.notices.matching import Matcher
from testmo_notifier.text import shortening

BY_DEFAULT: Final = frozenset((NEW, AGAIN, CHANGED))
MAX_NAMES_BYTES: Final = 16_000  # of the routes that a message names: SNS takes 256 KiB, mail has 240,000 of them
EVENT_NEWS: Final = "event:news"  # where recoveries and ends are published for programs


@dataclass(frozen=True, slots=True)
class Route:
    """One entry: what it selects (`matcher`), for which reasons, where it goes and whom it mentions.

    `after` is how many failures in a row of a test it takes until one is told. `mention` holds `assignee` and `tester`,
    groups of people.toml as `group:<name>`, and Testmo users by id, name or email. `mention_on` are names or ids of
    statuses; empty means every failing one.
    """

    destinations: tuple[str, ...]
    name: str = ""
    matcher: Matcher = field(default_factory=Matcher)
    catch_all: bool = False
    notify: frozenset[str] = BY_DEFAULT
    after: int = 1
    mention: tuple[int | str, ...] = ()
    mention_on: tuple[int | str, ...] = ()

    @property
    def takes(self) -> bool:
        """Whether a finding that it selects is taken: not by a route that asks for ends and recoveries alone."""
        return bool(self.notify & BY_DEFAULT)

    @property
    def is_plain(self) -> bool:
        """Whether it is followed whatever is found, as every route was in version 1.0."""
        return self.matcher.is_everything and self.notify == BY_DEFAULT and self.after == 1 and not self.catch_all

    @property
    def wants_passes(self) -> bool:
        """Whether it treats a failure after a pass in another way than one after a failure."""
        return RECOVERED in self.notify or self.tells_new_apart

    @property
    def tells_new_apart(self) -> bool:
        """Whether what it tells depends on it, and not only what is told of the pass itself."""
        return self.after > 1 or (NEW in self.notify) != (AGAIN in self.notify)

    @property
    def is_for_all(self) -> bool:
        """Whether it alone makes sure that nothing new goes unrouted."""
        tells = self.takes if self.catch_all else NEW in self.notify and self.after == 1
        return tells and self.matcher.is_everything


@dataclass(frozen=True, slots=True)
class Options:
    """What a destination is told in its own way; None is the stack's own value."""

    time_zone: tzinfo | None = None
    lines: int | None = None
    calm: Calm = ALWAYS


@dataclass(frozen=True, slots=True)
class Routes:
    """The whole file."""

    routes: tuple[Route, ...]
    options: Mapping[str, Options] = field(default_factory=dict)

    @property
    def asked(self) -> frozenset[str]:
        """The facts that any of them asks about."""
        return frozenset().union(*(route.matcher.keys for route in self.routes))


PLAIN: Final = Routes(())  # everything to every destination


def fitting(names: Iterable[str]) -> tuple[str, ...]:
    """As many of the names of routes, the first ones, as a message has room for."""
    return tuple(shortening.fitting(names, MAX_NAMES_BYTES, lambda name: len(json.dumps(name))))


def is_for_people(destination: str) -> bool:
    """Whether a route may name it."""
    channel = channel_of(destination)
    return channel is not None and channel.is_for_people


def programs() -> tuple[str, ...]:
    """What gets every digest, whatever the routes say."""
    return tuple(channel.default for channel in CHANNELS.values() if not channel.is_for_people)


def destinations(routes: Routes, channels: tuple[str, ...]) -> tuple[str, ...]:
    """Where anything may go: what routes name on the channels this stack has, once each, and every program."""
    reachable = (*channels, EVENT_NEWS.partition(":")[0])
    named = [name for route in routes.routes for name in route.destinations if name.partition(":")[0] in reachable]
    return (*dict.fromkeys(named), *programs())


def left_in(routes: Routes, channels: tuple[str, ...]) -> Routes:
    """The routes that lead anywhere on this stack. The others take nothing, so that what they select is caught."""
    found = destinations(routes, channels)
    return replace(
        routes, routes=tuple(one for one in routes.routes if any(name in found for name in one.destinations))
    )


def check_reach(routes: Routes, channels: tuple[str, ...]) -> None:
    """Raises `ConfigurationError` where something reaches no person on the channels of this stack.

    It would be published, and nobody told.
    """
    people = [channel.name for channel in for_people() if channel.name in channels]
    words = " or ".join(f"{channel}:default" for channel in people)
    stack = f"on this stack, which has {', '.join(people)}"
    found = destinations(routes, channels)
    if people and not any(is_for_people(name) for name in found):
        raise ConfigurationError([Problem(f"routes.toml reaches nobody {stack}", f"add {words}")])
    last = [route for route in routes.routes if route.is_for_all]
    if people and last and not any(name in found for route in last for name in route.destinations):
        text = f"routes.toml: what no other route takes reaches nobody {stack}"
        raise ConfigurationError([Problem(text, f"add {words} to route {last[0].name!r}")])
