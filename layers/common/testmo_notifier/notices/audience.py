"""Who is told of what is found in one run, and for which reason (rules 16 and 17). Pure.

Routes are asked about each finding, and every one that takes it is followed: their order never matters. What no other
route takes goes to those that catch all. Reasons are judged for each destination: what it was not told of is new there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from itertools import repeat
from typing import Final

from testmo_notifier.lean import dataclass
from testmo_notifier.model import AGAIN, CHANGED, FINISHED, NEW, RECOVERED, Expands, Hold, Mention, Result, Told
from testmo_notifier.notices.calm import ALWAYS
from testmo_notifier.notices.holding import NEVER, Holding
from testmo_notifier.notices.matching import (
    LASTING_KEYS,
    RESULT_KEYS,
    RUN_KEYS,
    Facts,
    holds,
    optional_fact,
    raw,
    result_facts,
    status_word,
)
from testmo_notifier.notices.routes import EVENT_NEWS, Route, Routes, is_for_people

PEOPLE: Final = ("assignee", "tester")  # whom a route may mention without knowing their names
GROUP: Final = "group:"


@dataclass(frozen=True, slots=True)
class Telling:
    """One destination that is told of a finding: why, by which routes, and what holds it back there."""

    destination: str
    reason: str
    routes: tuple[str, ...] = ()
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """The routes that take a finding, a silence that holds it, and where it goes whether it is quiet there or not."""

    routes: tuple[Route, ...]
    silence: Hold | None = None
    at_once: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Audience:
    """The routes of a stack, asked about one run. `destinations` are those that it has.

    `unreachable` are those that nobody gets, as far as is known. What they would be told goes to those that catch all;
    where nobody is left, it waits for them. `before` is what was known of the run's failing tests.
    """

    routes: Routes
    destinations: tuple[str, ...]
    facts: Facts
    unreachable: frozenset[str] = frozenset()
    holding: Holding = NEVER
    before: Mapping[int, Told] = field(default_factory=dict)
    routings: list[Routing] = field(default_factory=list)  # of the findings so far
    _numbers: dict[tuple[object, ...], int] = field(default_factory=dict)

    @property
    def keeps_told(self) -> bool:
        """Whether it makes a difference who was told of what; not where everybody gets everything."""
        return bool(self._may_hold) or self.holds_anything or not all(route.is_plain for route in self.routes.routes)

    @property
    def counts_all_as_told(self) -> bool:
        """Whether everybody was told of what was failing before a bot was known that may show it for ever."""
        return bool(self._may_hold & self.holding.bots) and all(route.is_plain for route in self.routes.routes)

    @cached_property
    def holds_anything(self) -> bool:
        """Whether anything may be told later than it is found."""
        holding = self.holding
        return bool(holding.silences_now or holding.lost) or any(holding.calm(d) != ALWAYS for d in self.destinations)

    @cached_property
    def substitutes(self) -> tuple[str, ...]:
        """Who is told what nobody gets."""
        return substitutes(self.routes, self.destinations, self.unreachable)

    @cached_property
    def _reached(self) -> frozenset[str]:
        return frozenset(self.destinations) - self.unreachable

    @property
    def told_all(self) -> tuple[str, ...]:
        """Who is told everything, where routes make no difference."""
        reached = tuple(one for one in self.destinations if one in self._reached)
        return reached if self.substitutes else self.destinations

    @cached_property
    def _of_run(self) -> tuple[Route, ...]:
        """The routes that nothing known of the run rules out."""
        routes = self.routes.routes
        return tuple(route for route in routes if route.matcher.only(RUN_KEYS).refusal(self.facts) is None)

    @cached_property
    def wants_passes(self) -> bool:
        """Whether one of them treats a failure after a pass in another way than one after a failure.

        What is held is told as it is when it is told, so who holds anything has to know, too, and so do bots.
        """
        return bool(self._may_hold) or any(route.wants_passes for route in self._of_run)

    @cached_property
    def _may_hold(self) -> frozenset[str]:
        """The destinations of this run at which failures may be held, or shown, so long that they are well again.

        Those that were told of it are among them, whether or not a route leads there by now: the run may have moved.
        """
        named = {one for route in self._of_run if route.takes for one in route.destinations}
        there = named.union(*{one.destinations for one in self.before.values()}) & set(self.destinations)
        return frozenset(one for one in there if self.holding.may_hold(one))

    @cached_property
    def tells_new_apart(self) -> bool:
        """Whether one of them has to know that a test is well, whoever is told of that."""
        return any(route.tells_new_apart for route in self._of_run)

    def leading(self, reason: str, destination: str) -> tuple[str, ...]:
        """The names of those that ask for a reason and lead somewhere."""
        routes = self._of_run
        return tuple(one.name for one in routes if reason in one.notify and destination in one.destinations)

    @cached_property
    def for_recoveries(self) -> frozenset[str]:
        """Where it may be told that a test passed again, whichever."""
        asked = {one for route in self._of_run if RECOVERED in route.notify for one in route.destinations}
        return frozenset(asked & set(self.destinations)) | self._may_hold

    @cached_property
    def _asked(self) -> tuple[str, ...]:
        """The facts of a result that a route asks about, or a silence."""
        return tuple(key for key in RESULT_KEYS if key in self.routes.asked | self.holding.asked)

    @property
    def asks_for_cases(self) -> bool:
        """Whether a route asks for the name of a test, or for its folder."""
        return "test" in self._asked or "folder" in self._asked

    def routing(self, result: Result, expands: Expands, case: Facts) -> int:
        """The number of a failing result's among the `routings`."""
        key = tuple([raw(result, name) for name in self._asked]) if self._asked else ()
        number = self._numbers.get(key)
        if number is None:
            facts = {**self.facts, **(result_facts(result, expands, case) if self._asked else {})}
            at_once = self.holding.at_once(facts.get("status", ()))
            found = Routing(tuple(taken(self.routes.routes, facts)), self.holding.silence(facts), at_once)
            if found not in self.routings:
                self.routings.append(found)
            number = self._numbers[key] = self.routings.index(found)
        return number

    def routings_of(self, results: Sequence[Result], expands: Expands, cases: Mapping[int, Facts]) -> Iterable[int]:
        """The numbers of several; where nobody asks about results, all of a run are the same."""
        if not self._asked:
            return repeat(self.routing(results[0], expands, {}), len(results))
        return [self.routing(result, expands, cases.get(result.case_id or 0, {})) for result in results]

    def held(self, tellings: Iterable[Telling], number: int) -> Iterator[Telling]:
        """Who is told of a finding with this routing, and what holds it back there."""
        routing = self.routings[number]
        for one in tellings:
            if is_for_people(one.destination):
                at_once = one.destination in routing.at_once
                hold = routing.silence or self.holding.hold(one.destination, at_once=at_once)
                yield replace(one, hold=hold) if hold else one
            else:
                yield one

    @cached_property
    def silence_of_run(self) -> Hold | None:
        """What silences the whole run: then it holds back what passes in it, and that it is over, too."""
        return self.holding.silence(self.facts, of_run=True)

    def told(
        self, routes: Iterable[Route], reason: str, before: Told | None, streak: int, *, sure: bool
    ) -> list[Telling]:
        """Who is told of a finding that these routes take. `before` is what is known of its test, if it was failing.

        `streak` is 0 where it is not known. Where it is not `sure` whether the test passed meanwhile, nothing keeps a
        failure back. What is new somewhere because it was not told there is a change for a route that asks for changes
        and for nothing new.
        """
        routes = tuple(routes)
        by: dict[str, tuple[str, list[str]]] = {}
        there = frozenset(self.destinations) - {EVENT_NEWS}  # which is for good news alone
        for route in routes:
            for destination in route.destinations:
                is_new = before is not None and destination not in before.destinations
                why = NEW if is_new and (reason != CHANGED or NEW in route.notify) else reason
                wanted = why in route.notify or (why == AGAIN and not sure and NEW in route.notify)
                waits = 0 < streak < route.after and why != CHANGED
                if wanted and not waits and destination in there:
                    known, names = by.get(destination, (why, []))
                    by[destination] = (NEW if NEW in (known, why) else why, [*names, route.name])
        if reason == CHANGED and before is not None:  # who was told of the one status is told of the other
            for route in (one for one in self.routes.routes if CHANGED in one.notify):
                for destination in before.destinations & there & frozenset(route.destinations):
                    by.setdefault(destination, (CHANGED, [route.name]))
        for destination in self.unreachable & by.keys() if self.substitutes else ():
            _, names = by.pop(destination)
            for other in self.substitutes:
                why = NEW if before is not None and other not in before.destinations else reason
                by.setdefault(other, (why, []))[1].extend(names)
        every = tuple(route.name for route in routes)
        programs = [
            Telling(one, reason, every) for one in self.destinations if not is_for_people(one) and one != EVENT_NEWS
        ]
        return [*(Telling(name, why, tuple(names)) for name, (why, names) in by.items()), *programs]

    def for_recovered(self, case: Facts, told: Told) -> frozenset[str]:
        """Who is told that a test passed again: those that were told of its failure, and whose routes ask for it.

        What a route asks of the failing result (whose it was, its issues, its status) says nothing of the passing one.
        """
        facts = {**self.facts, **case}
        asked = {
            destination
            for route in self.routes.routes
            if RECOVERED in route.notify and route.matcher.only(LASTING_KEYS).refusal(facts) is None
            for destination in route.destinations
        }
        return frozenset(asked & {*told.destinations, EVENT_NEWS} & set(self.destinations))

    def held_at(self, told: Told) -> frozenset[str]:
        """Where a failure may be held, or shown, that these were told of: there it is to be known when it is over.

        What nobody gets any more is held for those that are told instead; and so it may have been, where somebody does.
        """
        instead = () if told.destinations <= self._reached - self.holding.copied else self.substitutes
        return self._may_hold & told.destinations.union(instead)

    @cached_property
    def of_the_end(self) -> tuple[Route, ...]:
        """The routes that ask for the end of this run; one that catches all not where another one takes the run."""
        selected = [route for route in self.routes.routes if route.matcher.refusal(self.facts) is None]
        took = list(taken(selected, self.facts))
        return tuple(one for one in selected if FINISHED in one.notify and (one in took or not one.takes))

    def for_finished(self) -> frozenset[str]:
        """Who is told that the run is over, or is instead of those that nobody gets."""
        asked = {destination for route in self.of_the_end for destination in route.destinations}
        there = frozenset(asked & set(self.destinations))
        instead = self.substitutes if there & self.unreachable else ()
        return (there & self._reached).union(instead) if instead else there

    @cached_property
    def calls(self) -> bool:
        """Whether a route mentions anybody."""
        return any(route.mention for route in self.routes.routes)

    def mentions(self, number: int, result: Result, expands: Expands) -> dict[str, list[Mention]]:
        """Whom each route of a routing calls about a failing result."""
        status = optional_fact(result.status_id, status_word(result, expands))
        return {
            route.name: [found for one in route.mention if (found := mention(one, result, expands))]
            for route in self.routings[number].routes
            if route.mention and (not route.mention_on or holds(route.mention_on, status))
        }


def substitutes(routes: Routes, destinations: Iterable[str], unreachable: Collection[str]) -> tuple[str, ...]:
    """Who is told what nobody gets: the destinations of the routes that catch all, or take everything."""
    last = [route for route in routes.routes if (route.catch_all and route.takes) or route.is_for_all]
    named = dict.fromkeys(one for route in last for one in route.destinations)
    return tuple(one for one in named if one in destinations and one not in unreachable)


def taken(routes: Iterable[Route], facts: Facts) -> Iterator[Route]:
    """The routes that take a failing result with these facts."""
    selected = [route for route in routes if route.takes and route.matcher.refusal(facts) is None]
    others = [route for route in selected if not route.catch_all]
    yield from others or selected


def mention(wanted: int | str, result: Result, expands: Expands) -> Mention | None:
    """Whom a word of a route means."""
    if wanted in PEOPLE:
        key = result.assignee_id if wanted == "assignee" else result.created_by
        return Mention(expands.users.get(key) or f"user {key}", key) if key else None
    if isinstance(wanted, int):
        return Mention(expands.users.get(wanted) or f"user {wanted}", wanted)
    return Mention(wanted.removeprefix(GROUP), is_group=wanted.startswith(GROUP))
