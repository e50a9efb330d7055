"""`routes.toml` as a team writes it, read and checked; every mistake with its line, all at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from testmo_notifier.channels.channel import NAME
from testmo_notifier.channels.registry import channel_of, for_people
from testmo_notifier.config import BOM
from testmo_notifier.errors import ConfigurationError, Problem
from testmo_notifier.model import FINISHED, REASONS
from testmo_notifier.notices.matching import KEYS, RESULT_KEYS, Matcher
from testmo_notifier.notices.routes import BY_DEFAULT, EVENT_NEWS, Route, Routes
from testmo_notifier.settings.options_file import read_options
from testmo_notifier.settings.places import Place, read_file, read_toml, without_comments
from testmo_notifier.settings.values import Wrong, quoted, under, values, whole_number

ROUTES: Final = r"\[\[[ \t]*routes"  # how the table of a route begins, as a pattern
MAX_AFTER: Final = 50  # of `after`, in failures in a row
ASSIGNEE, TESTER, GROUP = "assignee", "tester", "group:"
KNOWN_MENTIONS: Final = (
    f"give {ASSIGNEE}, {TESTER}, {GROUP}<name> or a Testmo user, by id (12) or as Testmo spells the name "
    '("Grace Hopper")'
)
ROUTE_KEYS: Final = (
    *("name", "match", "exclude", "catch_all", "to", "destinations"),
    *("notify", "after", "mention", "mention_on"),
)


def parse_routes(text: str, where: str = "routes.toml") -> Routes:
    """What the file says; raises `ConfigurationError` with everything that is wrong with it, each with its line."""
    tables = "routes", "destinations"
    content, place, problems = read_file(text, where, tables, "use [[routes]] or [destinations]")
    entries = content.get("routes", [])
    if not isinstance(entries, list) or not entries:
        problems.append(place.problem("has no [[routes]]", "write one at least, which says where digests go"))
        entries = []
    read = [read_route(entry, number, place) for number, entry in enumerate(entries, start=1)]
    routes = [route for route, _ in read]
    problems += [problem for _, wrong in read for problem in wrong]
    problems += repeated_names(routes, place)
    options, wrong = read_options(content.get("destinations", {}), place)
    problems += wrong
    if not problems and not any(route.is_for_all for route in routes):
        next_step = (
            'add a route without match and exclude that has catch_all = true, or that asks for "new" and has no after'
        )
        problems.append(place.problem("some findings would go nowhere", next_step, ROUTES))
    if problems:
        raise ConfigurationError(problems)
    return Routes(tuple(routes), options)


def fallback(text: str, channels: Collection[str]) -> Routes:
    """One route for everything, for as long as the file is wrong: that never silences anybody.

    It leads where the file's own `catch_all` leads, else to every destination that the file names, else to the default
    one of each channel of this stack.
    """
    here = [channel for channel in for_people() if channel.name in channels]
    name = re.compile(rf"(?<![\w-])(?:{'|'.join(channel.name for channel in here) or '(?!)'}):{NAME}")
    caught = [one for entry in entries(text) if entry.get("catch_all") is True for one in leads_to(entry)]
    told = [one for one in caught if isinstance(one, str) and name.fullmatch(one)]
    told = told or name.findall(without_comments(text)) or [channel.default for channel in here]
    return Routes((Route(tuple(dict.fromkeys(told)), "fallback", catch_all=True),))


def entries(text: str) -> list[Mapping[str, Any]]:
    """The routes that can be read; table by table where the file is no TOML."""
    for pieces in ([text.removeprefix(BOM)], re.split(r"^(?=[ \t]*\[)", text, flags=re.MULTILINE)):
        found: list[object] = []
        for piece in pieces:
            with suppress(ConfigurationError):
                routes = read_toml(piece, "").get("routes")
                found += routes if isinstance(routes, list) else []
        if found:
            break
    return [entry for entry in found if isinstance(entry, dict)]


def leads_to(entry: Mapping[str, Any]) -> Sequence[object]:
    """What an entry names as its destinations."""
    raw = entry.get("to", entry.get("destinations"))
    return raw if isinstance(raw, list) else ()


def read_route(entry: object, number: int, place: Place) -> tuple[Route, list[Problem]]:
    """One entry, and what is wrong with it."""
    if not isinstance(entry, dict):
        return Route(()), [place.problem(f"route {number} is no table", "write [[routes]]", ROUTES, number)]
    name = entry.get("name")
    title = f"route {name!r}" if isinstance(name, str) and name else f"route {number}"
    problems: list[Problem] = []

    def wrong(key: object, text: str, next_step: str) -> None:
        problems.append(place.problem(f"{title} {text}", next_step, ROUTES, number, key))

    for key in entry:
        if key not in ROUTE_KEYS:
            wrong(key, f"has an unknown key {key!r}", f"use one of {', '.join(ROUTE_KEYS)}")
    if name is not None and (not isinstance(name, str) or not name.strip()):
        wrong("name", "has a name that is no text", "give one in quotes, or leave it out")
    if "to" in entry and "destinations" in entry:
        wrong("destinations", "has both to and destinations, which are the same", "keep one")
    notify = chosen(entry.get("notify"), under(wrong, "notify", "notify"))
    matcher = Matcher(
        wanted(entry.get("match", {}), under(wrong, "match", "match")),
        wanted(entry.get("exclude", {}), under(wrong, "exclude", "exclude")),
    )
    after = whole_number(entry.get("after", 1), MAX_AFTER, under(wrong, "after", "has after"))
    catch_all = entry.get("catch_all", False)
    if not isinstance(catch_all, bool):
        wrong("catch_all", f"has catch_all = {quoted(catch_all)}", "give true or false")
    result_keys = [key for key in RESULT_KEYS if key in matcher.match]
    if FINISHED in notify and result_keys:
        text = f'asks for "finished", which is about a whole run, but matches by {", ".join(result_keys)}'
        wrong("notify", text, "leave out one of the two, or make two routes of it")
    route = Route(
        name=name if isinstance(name, str) and name else f"route {number}",
        destinations=read_destinations(entry, notify, wrong),
        matcher=matcher,
        catch_all=catch_all is True,
        notify=notify,
        after=after or 1,
        mention=mentions(entry.get("mention", []), under(wrong, "mention", "mention")),
        mention_on=values(entry.get("mention_on", []), under(wrong, "mention_on", "mention_on")),
    )
    return route, problems


def read_destinations(entry: Mapping[str, Any], notify: frozenset[str], wrong: Wrong) -> tuple[str, ...]:
    """Where a route leads."""
    key = "to" if "to" in entry else "destinations"
    raw = entry.get(key)
    if not isinstance(raw, list) or not raw:
        next_step = 'give a list like to = ["slack:default", "email:default"]'
        wrong(key if key in entry else "", "has no destinations", next_step)
        return ()
    for one in raw:
        if one == EVENT_NEWS:
            if notify & BY_DEFAULT:
                text = f"sends failures to {EVENT_NEWS}, but programs get those in any case"
                wrong(one, text, 'notify "recovered" or "finished"')
        elif not isinstance(one, str) or not (channel := channel_of(one)) or not channel.is_for_people:
            wrong(one, f"names {quoted(one)}", instead_of(one))
    return tuple(dict.fromkeys(one for one in raw if isinstance(one, str)))


def instead_of(one: object) -> str:
    """What to write instead of something that is no destination."""
    if isinstance(one, str) and "://" in one:
        return "store a webhook's address in the Slack secret, by name, and give slack:<name> here"
    channels = [channel.name for channel in for_people()]
    forms = " or ".join(f"{channel}:<name>" for channel in channels)
    is_close = isinstance(one, str) and one.partition(":")[0].casefold() in channels
    return f"give {forms}{', in small letters, digits, - and _' if is_close else ''}"


def wanted(raw: object, wrong: Wrong) -> dict[str, tuple[int | str, ...]]:
    """The keys of `match` or `exclude` with what each may be."""
    if not isinstance(raw, dict):
        wrong("", "is no table", 'give one like { project = "Shop" }')
        return {}
    found: dict[str, tuple[int | str, ...]] = {}
    for key, value in raw.items():
        if key not in KEYS:
            wrong(key, f"has an unknown key {key!r}", f"use one of {', '.join(KEYS)}")
            continue
        listed = value if isinstance(value, list) else [value]
        found[key] = values(listed, under(wrong, key, f"by {key}"), may_be_empty=False)
    return found


def mentions(raw: object, wrong: Wrong) -> tuple[int | str, ...]:
    """Whom a route calls: people by what they are to a result, by id, name or email, and groups."""
    if not isinstance(raw, list):
        wrong("", "is no list", f'give one like ["{ASSIGNEE}", "{GROUP}payments-oncall", "Grace Hopper", 12]')
        return ()
    found: list[int | str] = []
    for one in raw:
        known = one.strip() if isinstance(one, str) else one
        if isinstance(known, str) and known.casefold() in (ASSIGNEE, TESTER):
            known = known.casefold()
        elif isinstance(known, str) and known.casefold().startswith(GROUP):
            known = GROUP + known[len(GROUP) :]
        if next_step := strange_mention(known):
            wrong(one, f"names {quoted(one)}", next_step)
        else:
            found.append(known)
    return tuple(dict.fromkeys(found))


def strange_mention(one: object) -> str:
    """What to write instead of something that calls nobody; empty for what may."""
    if isinstance(one, int) and not isinstance(one, bool) and one > 0:
        return ""
    if not isinstance(one, str) or not one or one == GROUP:
        return KNOWN_MENTIONS
    if one in (ASSIGNEE, TESTER) or one.startswith(GROUP):
        return ""
    if re.fullmatch(r"[UWS][A-Z0-9]{6,}", one):
        return "put Slack's ids into people.toml, and name the Testmo user or group:<name> here"
    if one.casefold().strip("@<!>") in ("here", "channel", "everyone"):
        return 'give it a name in [groups] of people.toml, like everybody = "here", and mention "group:everybody"'
    return KNOWN_MENTIONS if re.fullmatch(r"[@<].*|\d+|[a-z_-]+(:.*)?", one) else ""


def chosen(raw: object, wrong: Wrong) -> frozenset[str]:
    """Which reasons a route asks for."""
    if raw is None:
        return BY_DEFAULT
    next_step = f"use one of {', '.join(REASONS)}"
    if not isinstance(raw, list) or not raw:
        wrong("", "is no list of reasons", next_step)
        return BY_DEFAULT
    for one in raw:
        if one not in REASONS:
            wrong("", f"names {quoted(one)}", next_step)
    return frozenset(one for one in raw if one in REASONS)


def repeated_names(routes: Iterable[Route], place: Place) -> list[Problem]:
    """Routes that are called like one before: explanations could not tell them apart."""
    seen: set[str] = set()
    problems = []
    for number, route in enumerate(routes, start=1):
        if route.name in seen:
            text = f"route {number} is called {route.name!r} like one before"
            problems.append(place.problem(text, "give it another name", ROUTES, number, "name"))
        seen.add(route.name)
    return problems
