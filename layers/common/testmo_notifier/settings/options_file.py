"""The options of destinations in `routes.toml`, read and checked; every mistake with its line, all at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from testmo_notifier.channels.registry import channel_of
from testmo_notifier.config import listed, time_zone
from testmo_notifier.errors import Problem, WrongValue
from testmo_notifier.notices.calm import MIDNIGHT, Calm, Window, never_ends
from testmo_notifier.notices.routes import Options
from testmo_notifier.settings.places import Place
from testmo_notifier.settings.values import Wrong, clock_time, period, quoted, under, values, weekdays, whole_number

MAX_LINES: Final = 50  # of `lines`: as many results as a message names at all
MAX_FOLD: Final = 1_000  # of `fold`, in runs: more is a storm in any case
OPTIONS: Final = ("time_zone", "lines", "at_most_every", "digest_at", "quiet", "quiet_except", "fold")
WINDOW_KEYS: Final = ("from", "to", "days")
TABLE: Final = 'write a table of a destination, like [destinations."slack:payments"]'
WINDOW: Final = 'give { from = "18:00", to = "08:00" } or { days = "sat,sun" }, or a list of such'


def head_of(destination: str) -> str:
    """How the table of its options begins, as a pattern."""
    return rf"\[\[?[ \t]*[\"']?destinations[\"']?[ \t]*\.[ \t]*[\"']?{re.escape(destination)}[\"']?[ \t]*[.\]]"


def read_options(raw: object, place: Place) -> tuple[dict[str, Options], list[Problem]]:
    """The options of the destinations, and what is wrong with them."""
    if not isinstance(raw, dict):
        return {}, [place.problem("destinations is no table", TABLE, key="destinations")]
    found: dict[str, Options] = {}
    problems: list[Problem] = []
    for name, table in raw.items():
        channel, head = channel_of(name), head_of(name)
        if channel is None or not channel.is_for_people:
            problems.append(place.problem(f"{name!r} is no destination, so it has no options", TABLE, head))
        elif not isinstance(table, dict):
            problems.append(place.problem(f"the options of {name!r} are no table", TABLE, head))
        else:

            def wrong(key: object, text: str, next_step: str, name: str = name, head: str = head) -> None:
                problems.append(place.problem(f"{name} {text}", next_step, head, key=key))

            found[name] = options_of(table, wrong)
    return found, problems


def options_of(table: Mapping[str, Any], wrong: Wrong) -> Options:
    """The options of one destination."""
    for key in table:
        if key not in OPTIONS:
            wrong(key, f"has an unknown option {key!r}", f"use one of {listed(list(OPTIONS))}")
    zone, lines = None, number_in(table, "lines", MAX_LINES, wrong)
    try:
        zone = time_zone(str(table["time_zone"])) if "time_zone" in table else None
    except WrongValue as exc:
        wrong("time_zone", f"has a time_zone that {exc.problem.text}", exc.problem.next_step)
    return Options(time_zone=zone, lines=lines, calm=calm_of(table, wrong))


def calm_of(table: Mapping[str, Any], wrong: Wrong) -> Calm:
    """Those about when."""
    every = None
    if "at_most_every" in table:
        every = period(table["at_most_every"], under(wrong, "at_most_every", "has at_most_every"))
    fold = number_in(table, "fold", MAX_FOLD, wrong)
    times = [clock_time(one, under(wrong, "digest_at", "digest_at")) for one in listed_in(table, "digest_at")]
    excepted = values(listed_in(table, "quiet_except"), under(wrong, "quiet_except", "quiet_except"))
    if excepted and "quiet" not in table:
        wrong("quiet_except", "has quiet_except without quiet", f"{WINDOW}, as quiet, or leave it out")
    windows = [window(one, wrong) for one in listed_in(table, "quiet")]
    quiet = tuple(one for one in windows if one)
    if never_ends(quiet):
        wrong("quiet", "has a quiet that never ends, so that it would be told nothing", "leave some time of the week")
    return Calm(every, tuple(sorted({one for one in times if one is not None})), quiet, excepted, fold)


def number_in(table: Mapping[str, Any], key: str, most: int, wrong: Wrong) -> int | None:
    """What an option that is a number has; None where it is left out."""
    return whole_number(table[key], most, under(wrong, key, f"has {key}")) if key in table else None


def listed_in(table: Mapping[str, Any], key: str) -> list[object]:
    """What an option has, as a list; one alone needs none."""
    raw = table.get(key, [])
    return raw if isinstance(raw, list) else [raw]


def window(raw: object, wrong: Wrong) -> Window | None:
    """One stretch of quiet; what is wrong with it is told on the line of the value, else of the option."""
    mistakes: list[str] = []

    def about(value: object, text: str, next_step: str) -> None:
        mistakes.append(text)
        under(wrong, "quiet", "quiet")(value, text, next_step)

    if not isinstance(raw, dict):
        wrong("quiet", f"has quiet = {quoted(raw)}", WINDOW)
        return None
    for key in raw:
        if key not in WINDOW_KEYS:
            about(key, f"has an unknown key {key!r}", f"use one of {listed(list(WINDOW_KEYS))}")
    given = {**raw, "to": MIDNIGHT} if raw.get("to") == "24:00" else raw
    begins, ends = (clock_time(given[key], about) if key in given else None for key in ("from", "to"))
    if ("from" in raw) != ("to" in raw):
        alone, missing = ("from", "to") if "from" in raw else ("to", "from")
        about(raw[alone], f"has {alone} without {missing}", "give both, or neither for whole days")
    if begins is not None and begins == ends:
        about(raw["from"], f"goes from {begins:%H:%M} to {begins:%H:%M}", "leave out both for whole days")
    days = weekdays(raw["days"], about) if "days" in raw else frozenset[int]()
    return None if mistakes else Window(begins, ends, days)
