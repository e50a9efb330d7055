"""Which digests go to which destinations: `routes.toml`, read, checked and followed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from testmo_notifier.channels.registry import CHANNELS, channel_of, for_people
from testmo_notifier.config import BOM, line_of, read_toml
from testmo_notifier.errors import ConfigurationError, Problem


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of `routes.toml`."""

    destinations: tuple[str, ...]


def parse_routes(text: str, where: str = "routes.toml") -> tuple[Route, ...]:
    """The routes in a file; raises `ConfigurationError` with everything that is wrong with it."""
    text = text.removeprefix(BOM)
    content = read_toml(text, where)

    def problem(words: str, line: int) -> Problem:
        return Problem(f"{where}: {words}", text=words, file=where, line=line)

    unknown = [key for key in content if key != "routes"]
    problems = [problem(f"unknown key {key!r}: only [[routes]] is known", line_of(text, key)) for key in unknown]
    entries = content.get("routes", [])
    if not isinstance(entries, list) or not entries:
        problems.append(problem("has no [[routes]]: at least one must say where digests go", 1))
        entries = []
    routes: list[Route] = []
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, dict):
            destinations, wrong = parse_destinations(entry)
            routes.append(Route(destinations))
        else:
            wrong = [("", "is not a table")]
        problems += [problem(f"route {number} {words}", line_in_route(text, number, name)) for name, words in wrong]
    if problems:
        raise ConfigurationError(problems)
    return tuple(routes)


def line_in_route(text: str, number: int, name: object) -> int:
    """The line on which a route names something, or else the one on which it begins."""
    begins = [table.start() for table in re.finditer(r"^[ \t]*\[\[[ \t]*routes", text, re.MULTILINE)]
    start = begins[number - 1] if number <= len(begins) else 0
    return text.count("\n", 0, max(start, text.find(name, start) if isinstance(name, str) else start)) + 1


def parse_destinations(entry: Mapping[str, object]) -> tuple[tuple[str, ...], list[tuple[object, str]]]:
    """The destinations of one route, and what is wrong with it: the key or name, and the words."""
    unknown = [key for key in entry if key != "destinations"]
    problems: list[tuple[object, str]] = [
        (key, f"has an unknown key {key!r}: only destinations is known") for key in unknown
    ]
    raw = entry.get("destinations")
    if not isinstance(raw, list) or not raw:
        like = ", ".join(f'"{channel.default}"' for channel in for_people())
        return (), [*problems, ("", f"has no destinations: give a list like [{like}]")]
    names = [name for name in raw if isinstance(name, str) and is_for_people(name)]
    forms = " or ".join(f"{channel.name}:<name>" for channel in for_people())
    problems += [(name, f"names {name!r}: a destination is {forms}") for name in raw if name not in names]
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
