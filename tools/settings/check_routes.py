"""What `check` advises about routes that are right as a file: what never matches, asks in vain, or tells nobody.

None of it stops a deploy: what a route does not take reaches the one that catches all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from itertools import chain
from typing import Final

from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.registry import for_people
from testmo_notifier.model import AGAIN, FINISHED, NEW, RECOVERED, STATUS_NAMES, Mention
from testmo_notifier.notices.calm import Calm, quiet_until, stretches
from testmo_notifier.notices.matching import Fact, Matcher, Wanted, holds, is_wanted, plain
from testmo_notifier.notices.routes import EVENT_NEWS, Route, Routes, is_for_people
from testmo_notifier.notices.story import ordinal
from testmo_notifier.settings.options_file import head_of
from testmo_notifier.settings.people import People
from testmo_notifier.settings.places import Place
from testmo_notifier.settings.routes_file import ASSIGNEE, GROUP, ROUTES, TESTER

HARMLESS: Final = {status_id: STATUS_NAMES[status_id] for status_id in (1, 2)}  # Untested and Passed
FIXED: Final = ("EST", "MST", "HST")  # of all the zones that are called like a time of a place
A_WEEK: Final = tuple(date(2024, 1, day) for day in range(1, 8))
A_HOLE: Final = timedelta(minutes=5)
ALWAYS_KNOWN: Final = ("project", "run", "status")  # of every failing result

BARE: Final = ("project", "milestone", "tag", "status")  # people, runs and cases may be called `Hopper, Grace`
REGULAR: Final = re.compile(r"^\^|\$$|^/.*/\w?$|\.[*+]|\\[dwsbDWS.]|\(\?|\[[^\]]*-[^\]]*\][*+?{]")

Advice = tuple[int, str]  # a line, and what to think of


@dataclass(frozen=True, slots=True)
class Watched:
    """What the stack is told to watch, as far as it is known here; empty is everything."""

    statuses: Sequence[int | str] = ()
    projects: Sequence[int] = ()
    runs: Sequence[int] = ()
    testers: Sequence[int] = ()
    assignees: Sequence[int] = ()


def harmless(parameter: str, watched: Sequence[int | str], known: Mapping[int, str] = HARMLESS) -> str:
    """What to think of where statuses are watched that are no failures."""
    asked = {plain(one) if isinstance(one, str) else one for one in watched}
    names = [name for status_id, name in known.items() if {status_id, plain(name)} & asked]
    words = "and tells its results as failures, in a message for each run that has any: Failed is 3, Blocked is 5"
    return f"{parameter} has {' and '.join(names)}, {words}" if names else ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A route, its number in the file, and the file."""

    route: Route
    number: int
    place: Place

    def advice(self, key: str, words: str) -> Advice:
        """Something to say of it, with the line of one of its keys."""
        return self.place.line(ROUTES, self.number, key), f"route {self.route.name!r} {words}"


def advice(text: str, routes: Routes, people: People | None, watched: Watched) -> list[Advice]:
    """All there is to say, in the order of the lines. Without `people` nothing is said of mentions."""
    place = Place(text, "")
    entries = [Entry(route, number, place) for number, route in enumerate(routes.routes, start=1)]
    found: list[Advice] = []
    index = Index(entries)
    told_of_new = {name for route in routes.routes if NEW in route.notify for name in route.destinations}
    for entry in entries:
        if (never := never_matches(entry.route, watched)) is not None:
            found.append(entry.advice(*never))
            continue
        found += catches_nothing(entry, routes) if entry.route.catch_all else shadowed(entry, index.broader(entry))
        found += odd_names(entry)
        found += tells_nobody(entry, index.broader(entry))
        found += asks_in_vain(entry, told_of_new)
        found += mentions(entry, people) if people is not None else ()
    found += about_options(routes, place, watched)
    return sorted(dict.fromkeys(found))


def misspelt(text: str, routes: Routes, watched: Watched) -> list[Advice]:
    """Statuses that are most likely meant as a default one: for where nobody asks Testmo which it has."""
    place, found = Place(text, ""), list[Advice]()
    for entry in (Entry(route, number, place) for number, route in enumerate(routes.routes, start=1)):
        match, exclude = entry.route.matcher.match, entry.route.matcher.exclude
        places = {
            "match": match.get("status", ()),
            "exclude": exclude.get("status", ()),
            "mention_on": entry.route.mention_on,
        }
        for key, one, meant in ((key, one, default_of(one, watched)) for key, some in places.items() for one in some):
            found += [entry.advice(key, f"has {one!r} in {key}: is {meant!r} meant?")] if meant else []
    for name, options in routes.options.items():
        for one, meant in ((one, default_of(one, watched)) for one in options.calm.quiet_except):
            words = f"{name} has quiet_except {one!r}: is {meant!r} meant?"
            found += [(option_line(place, name, "quiet_except"), words)] if meant else []
    return found


def default_of(wanted: int | str, watched: Watched) -> str:
    """The default status that a name is nearly called like, and no other one that is known."""
    known = [plain(one) for one in (*STATUS_NAMES.values(), *watched.statuses) if isinstance(one, str)]
    if isinstance(wanted, int) or "*" in wanted or "?" in wanted or plain(wanted) in known:
        return ""
    close = get_close_matches(plain(wanted), known, n=1, cutoff=0.75)
    return next((name for name in STATUS_NAMES.values() if [plain(name)] == close), "")


# ----- The options of destinations -----------------------------------------------------------------------------


def about_options(routes: Routes, place: Place, watched: Watched) -> Iterator[Advice]:
    """Options that change nothing."""
    named = {name for route in routes.routes for name in route.destinations}
    for name, options in routes.options.items():
        if name not in named:
            yield option_line(place, name), f"{name} has options and no route names it"
        if (zone := options.time_zone) and (words := zone_trap(str(zone))):
            yield option_line(place, name, "time_zone"), f"{name} has time_zone {str(zone)!r}, {words}"
        for one in options.calm.quiet_except:
            if not is_watched(one, watched.statuses):
                told = ", ".join(map(str, watched.statuses))
                words = f"{name} has quiet_except {one!r}, which is not watched (AlertStatusIds is {told} here)"
                yield option_line(place, name, "quiet_except"), words
        if hole := next(holes(options.calm), None):
            words = f"{name} is told at {hole:%H:%M} what was held, because the quiet has a hole of minutes then"
            yield option_line(place, name, "quiet"), f'{words}: let its stretches touch (midnight may be "24:00")'
        for at in options.calm.digest_at:
            if all(quiet_until(options.calm, UTC, datetime.combine(day, at, UTC)) for day in A_WEEK):
                words = f"{name} has digest_at {at:%H:%M} in vain: it is always quiet then, and told when that ends"
                yield option_line(place, name, "digest_at"), words


def holes(calm: Calm) -> Iterator[datetime]:
    """When the quiet ends for a few minutes: most likely one stretch ends at 23:59, and the next begins at midnight."""
    until = None
    for begins, ends in stretches(calm.quiet, UTC, datetime.combine(A_WEEK[0], time(), UTC)):
        if until and timedelta() < begins - until <= A_HOLE:
            yield until
        until = max(until or ends, ends)


def zone_trap(zone: str) -> str:
    """What a name of a time zone means that few expect; empty for the others."""
    if shifted := re.fullmatch(r"Etc/GMT([+-])(\d+)", zone):
        side = "behind" if shifted[1] == "+" else "ahead of"
        return f"which is {shifted[2]} h {side} UTC, and has no summer time: name a city's, like Europe/Berlin"
    if zone in FIXED:
        return "which has no summer time: name a city's, like America/New_York"
    return ""


def option_line(place: Place, destination: str, key: str = "") -> int:
    """Where an option stands."""
    return place.line(head_of(destination), key=key)


# ----- What a route selects ------------------------------------------------------------------------------------


def never_matches(route: Route, watched: Watched) -> tuple[str, str] | None:
    """The key by which a route can never select anything, and why."""
    match, exclude = route.matcher.match, route.matcher.exclude
    for key, wanted in match.items():
        if all(any(covers(broad, one) for broad in exclude.get(key, ())) for one in wanted):
            return key, f"can never match: everything that it matches by {key} it excludes by {key}"
    for key in ALWAYS_KNOWN:
        if "*" in exclude.get(key, ()):
            return key, f"can never match: it excludes every {key}"
    statuses = match.get("status", ())
    if statuses and not any(is_watched(one, watched.statuses) for one in statuses):
        told = ", ".join(map(str, watched.statuses))
        return (
            "status",
            f"can never match: {listed(statuses)} {is_are(statuses)} not watched (AlertStatusIds is {told} here)",
        )
    left = only(statuses or watched.statuses)
    if left and left <= ids_of(exclude.get("status", ())):
        return "status", "can never match: it excludes every status that it could match"
    for key, parameter, ids in (
        ("project", "ProjectIds", watched.projects),
        ("run", "RunIds", watched.runs),
        ("tester", "CreatedByIds", watched.testers),
        ("assignee", "AssigneeIds", watched.assignees),
    ):
        wanted = match.get(key, ())
        if wanted and ids and not any(isinstance(it, str) or it in ids for it in wanted):
            told = ", ".join(map(str, ids))
            return key, f"can never match: {listed(wanted)} {is_are(wanted)} not watched ({parameter} is {told} here)"
    return None


def odd_names(entry: Entry) -> Iterator[Advice]:
    """Names that are most likely none."""
    matcher = entry.route.matcher
    for table, keys in (("match", matcher.match), ("exclude", matcher.exclude)):
        for key, one in ((key, one) for key, wanted in keys.items() for one in wanted):
            if words := oddness(one, key):
                yield entry.advice(str(one), f"{table} by {key} names {one!r}: {words}")


def oddness(one: int | str, key: str) -> str:
    """Why a name is most likely not what was meant; empty for one that may well be."""
    if isinstance(one, int):
        return ""
    if one.strip().isdecimal() and key in ("project", "status", "assignee", "tester"):
        return "a number in quotes is a name; an id stands without them"
    if REGULAR.search(one):
        return "this looks like a regular expression, and only * and ? are special in a name"
    if one.startswith("!"):
        return "nothing negates a name; what is not meant stands in exclude"
    if (key in BARE and re.search(r"\w\s*,\s*\w", one)) or (key in (*BARE, "run") and re.search(r"\w\|\w", one)):
        return "this is one name; if several are meant, give each by itself"
    return ""


def is_watched(wanted: int | str, statuses: Sequence[int | str]) -> bool:
    """Whether a status may be watched. Of a name that only Testmo knows nobody can say it here."""
    if not statuses:
        return True
    if isinstance(wanted, int):
        return wanted in statuses or not all(isinstance(one, int) for one in statuses)
    known = [id_ for id_, name in STATUS_NAMES.items() if is_wanted(wanted, Fact(name=name))]
    by_name = any(is_wanted(wanted, Fact(name=one)) for one in statuses if isinstance(one, str))
    return not known or "*" in wanted or by_name or any(one in statuses for one in known)


def ids_of(statuses: Iterable[int | str]) -> set[int]:
    """Which of Testmo's own statuses are meant, by id or name."""
    wanted = list(statuses)
    named = {id_ for id_, name in STATUS_NAMES.items() if holds(wanted, (Fact(name=name),))}
    return named | {one for one in wanted if isinstance(one, int)}


def only(statuses: Iterable[int | str]) -> set[int]:
    """The same, as long as none can mean a status of the instance's own."""
    wanted = list(statuses)
    is_known = all(isinstance(one, int) or (ids_of([one]) and not set(one) & set("*?")) for one in wanted)
    return ids_of(wanted) if is_known else set()


def covers(broad: int | str, narrow: int | str) -> bool:
    """Whether whatever is `narrow` is `broad`, too. Of an id and a name nobody can say it."""
    if broad == narrow:
        return True
    if isinstance(broad, int) or isinstance(narrow, int) or ("?" in broad and "*" in narrow):
        return False
    return is_wanted(broad, Fact(name=narrow))


def is_broader(broad: Matcher, narrow: Matcher) -> bool:
    """Whether one selects all that another one selects."""
    return all(
        key in narrow.match and all(any(covers(one, it) for one in wanted) for it in narrow.match[key])
        for key, wanted in broad.match.items()
    ) and excludes_no_more(broad.exclude, narrow.exclude)


def excludes_no_more(broad: Wanted, narrow: Wanted) -> bool:
    """Whether all that the first leaves out the second leaves out, too."""
    return all(any(covers(it, one) for it in narrow.get(key, ())) for key, wanted in broad.items() for one in wanted)


def not_in_secret(
    text: str, routes: Routes, channel: Channel, names: Collection[str], variable: str
) -> Iterator[Advice]:
    """The destinations of a channel that routes lead to, and whose names are not among those of its secret."""
    place = Place(text, "")
    for number, route in enumerate(routes.routes, start=1):
        for name in filter(channel.takes, route.destinations):
            if name.partition(":")[2] not in names:
                words = f"leads to {name}, which is not in {variable}: what goes there is parked"
                yield Entry(route, number, place).advice(name, words)


# ----- What it is good for -------------------------------------------------------------------------------------


class Index:
    """The routes by what they select first: of thousands few have to be compared with each other."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._every: list[Entry] = []
        self._exact: defaultdict[tuple[str, int | str], list[Entry]] = defaultdict(list)
        self._forms: defaultdict[str, list[tuple[str, Entry]]] = defaultdict(list)  # with what has to be in a name
        for entry in entries:
            key, wanted = next(iter(entry.route.matcher.match.items()), ("", ()))
            if not wanted:
                self._every.append(entry)
            for one in wanted:
                form = plain(one) if isinstance(one, str) else one
                if isinstance(form, str) and set(form) & set("*?"):
                    self._forms[key].append((max(re.split(r"[*?]", form), key=len), entry))
                else:
                    self._exact[key, form].append(entry)

    def broader(self, entry: Entry) -> list[Entry]:
        """Those others that may select all that one selects, in their order."""
        found = {other.number: other for other in self._every}
        for key, (one, *_) in entry.route.matcher.match.items():
            form = plain(one) if isinstance(one, str) else one
            found |= {other.number: other for other in self._exact.get((key, form), ())}
            if isinstance(form, str):
                found |= {other.number: other for piece, other in self._forms.get(key, ()) if piece in form}
        return [found[number] for number in sorted(found) if number != entry.number]


def catches_nothing(entry: Entry, routes: Routes) -> Iterator[Advice]:
    """A `catch_all` beside a route that takes everything."""
    taking = (one for one in routes.routes if one.takes and not one.catch_all)
    if everything := next((one for one in taking if one.matcher.is_everything), None):
        yield entry.advice("catch_all", f"catches nothing: route {everything.name!r} takes everything")


def shadowed(entry: Entry, broader: Iterable[Entry]) -> Iterator[Advice]:
    """A route that changes nothing, because broader ones tell the same destinations the same."""
    route = entry.route
    by: dict[str, str] = {}
    for other in broader:
        if set(route.destinations).isdisjoint(other.route.destinations):
            continue
        if tells_as_much(other.route, route) and not is_too_many(other, entry):
            by |= dict.fromkeys(other.route.destinations, other.route.name)
    if all(name in by for name in route.destinations):
        names = listed(dict.fromkeys(by[name] for name in route.destinations))
        yield entry.advice("to", f"changes nothing: what it tells {', '.join(route.destinations)} is told by {names}")


def tells_as_much(one: Route, other: Route) -> bool:
    """Whether a route tells its destinations all that another one tells, and calls all whom that calls."""
    return (
        not one.catch_all
        and is_broader(one.matcher, other.matcher)
        and one.notify >= other.notify
        and one.after <= other.after
        and set(one.mention) >= set(other.mention)
    )


def is_too_many(later: Entry, earlier: Entry) -> bool:
    """Whether of two that say the same it is the second."""
    one, other = earlier.route, later.route
    is_later = later.number > earlier.number
    return is_later and tells_as_much(one, other) and set(one.destinations) >= set(other.destinations)


def tells_nobody(entry: Entry, broader: Iterable[Entry]) -> Iterator[Advice]:
    """A route that takes the first failure of a test, so that no `catch_all` has it, and tells nobody of it."""
    route = entry.route
    others = (one.route for one in broader if not one.route.catch_all)
    telling = (one for one in chain([route], others) if NEW in one.notify and one.after == 1)
    if not route.takes or any(is_broader(one.matcher, route.matcher) for one in telling):
        return
    if route.after > 1:
        words = f"has after = {route.after}: failures before the {ordinal(route.after)} in a row are told to nobody"
        yield entry.advice("after", f"{words}; if somebody is to know of them, another route has to tell them")
    else:
        words = 'takes the first failure of a test and tells nobody, because it does not ask for "new"'
        yield entry.advice("notify", f"{words}; neither does another route that selects the same")


def asks_in_vain(entry: Entry, told_of_new: Collection[str]) -> Iterator[Advice]:
    """Reasons that no destination of the route can ever hear of: whoever was told nothing has nothing again."""
    route = entry.route
    wanted = [reason for reason in (AGAIN, RECOVERED) if reason in route.notify]
    if NEW not in route.notify and wanted:
        for name in filter(is_for_people, route.destinations):
            if name not in told_of_new:
                asked = " and ".join(f'"{reason}"' for reason in wanted)
                words = f'asks for {asked} in vain: no route tells {name} of "new" failures'
                yield entry.advice("notify", words)
    on, statuses = only(route.mention_on), only(route.matcher.match.get("status", ()))
    if route.mention and on and statuses and not on & statuses:
        words = f"mentions people in vain: it matches no {' or '.join(map(str, route.mention_on))} (mention_on)"
        yield entry.advice("mention_on", words)
    if route.mention_on and not route.mention:
        yield entry.advice("mention_on", "has mention_on and mentions nobody")
    if route.mention and not route.takes:
        yield entry.advice("mention", "mentions people in vain: only failures do, and it asks for none")
    callers = [channel for channel in for_people() if channel.calls_people]
    if route.mention and not any(channel.takes(name) for channel in callers for name in route.destinations):
        who = " and ".join(channel.title for channel in callers)
        yield entry.advice("mention", f"mentions people in vain: only {who} can call them, and it leads nowhere there")
    if route.after > 1 and not route.takes:
        yield entry.advice("after", "has after in vain: it is about failures, and the route asks for none")
    if FINISHED not in route.notify and EVENT_NEWS in route.destinations and RECOVERED not in route.notify:
        yield entry.advice("notify", f"asks for nothing that {EVENT_NEWS} is told")


def mentions(entry: Entry, people: People) -> Iterator[Advice]:
    """Whoever is to be called and has no entry, and appears by name."""
    for one in entry.route.mention:
        if one in (ASSIGNEE, TESTER):
            if not people.by_id and not people.by_name:
                words = f"mentions the {one}, and [people] of people.toml is empty: nobody is called"
                yield entry.advice(str(one), f"{words}; `testmo-notifier people` has lines for it")
        elif isinstance(one, str) and one.startswith(GROUP):
            name = one.removeprefix(GROUP)
            if people.slack_id(Mention(name, is_group=True)) is None:
                words = f"mentions {one}, which has no entry in [groups] of people.toml: it appears by name"
                yield entry.advice(one, words)
        elif people.slack_id(mention_of(one)) is None:
            words = f"mentions {one!r}, who has no entry in [people] of people.toml: they appear by name"
            yield entry.advice(str(one), words)


def mention_of(one: int | str) -> Mention:
    """A user by id or name."""
    return Mention("", id=one) if isinstance(one, int) else Mention(plain(one))


def listed(values: Iterable[int | str]) -> str:
    """`'Shop' and 7`."""
    return " and ".join(map(repr, values))


def is_are(values: Sequence[object]) -> str:
    """The verb for so many."""
    return "is" if len(values) == 1 else "are"
