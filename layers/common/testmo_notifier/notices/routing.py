"""Which digests go to which destinations: `routes.toml`, read, checked and followed. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from testmo_notifier.channels.registry import CHANNELS, channel_of, for_people
from testmo_notifier.config import BOM
from testmo_notifier.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of `routes.toml`."""

    destinations: tuple[str, ...]


def parse_routes(text: str, where: str = "routes.toml") -> tuple[Route, ...]:
    """The routes in a file; raises `ConfigurationError` with everything that is wrong with it."""
    try:
        content = tomllib.loads(text.removeprefix(BOM))
    except tomllib.TOMLDecodeError as exc:
        raise ConfigurationError([f"{where} is not TOML: {exc}"]) from exc
    problems = [f"{where}: unknown key {key!r}: only [[routes]] is known" for key in content if key != "routes"]
    entries = content.get("routes", [])
    if not isinstance(entries, list) or not entries:
        problems.append(f"{where}: has no [[routes]]: at least one must say where digests go")
        entries = []
    routes: list[Route] = []
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, dict):
            destinations, wrong = parse_destinations(entry)
            routes.append(Route(destinations))
        else:
            wrong = ["is not a table"]
        problems += [f"{where}: route {number} {problem}" for problem in wrong]
    if problems:
        raise ConfigurationError(problems)
    return tuple(routes)


def parse_destinations(entry: Mapping[str, object]) -> tuple[tuple[str, ...], list[str]]:
    """The destinations of one route, and what is wrong with it."""
    problems = [f"has an unknown key {key!r}: only destinations is known" for key in entry if key != "destinations"]
    raw = entry.get("destinations")
    if not isinstance(raw, list) or not raw:
        return (), [*problems, 'has no destinations: give a list like ["slack:default", "email:default"]']
    names = [name for name in raw if isinstance(name, str) and is_for_people(name)]
    forms = " or ".join(f"{channel.name}:<name>" for channel in for_people())
    problems += [f"names {name!r}: a destination is {forms}" for name in raw if name not in names]
    return tuple(dict.fromkeys(names)), problems


def is_for_people(destination: str) -> bool:
    """Whether a route may name it."""
    channel = channel_of(destination)
    return channel is not None and channel.is_for_people


def programs() -> tuple[str, ...]:
    """What gets every digest, whatever the routes say."""
    return tuple(channel.default for channel in CHANNELS.values() if not channel.is_for_people)


def destinations(routes: tuple[Route, ...], channels: tuple[str, ...]) -> tuple[str, ...]:
    """Where a digest goes: every route's destinations on the channels this stack has, once each, and every program."""
    named = [name for route in routes for name in route.destinations if name.partition(":")[0] in channels]
    return (*dict.fromkeys(named), *programs())


def reached(routes: tuple[Route, ...], channels: tuple[str, ...]) -> tuple[str, ...]:
    """`destinations`, as long as a person is among them.

    Raises `ConfigurationError` when the stack has a channel for people and no route uses one: every message would be
    published, and nobody told.
    """
    found = destinations(routes, channels)
    people = [channel.name for channel in for_people() if channel.name in channels]
    if people and found == programs():
        words = " or ".join(f"{channel}:default" for channel in people)
        raise ConfigurationError(
            [f"routes.toml reaches nobody on this stack, which has {', '.join(people)}: add {words}"]
        )
    return found
