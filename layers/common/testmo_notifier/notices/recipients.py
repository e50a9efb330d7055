"""Who is told of each new failing result of a run, and why: judged test by test, for each destination. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from testmo_notifier.lean import dataclass
from testmo_notifier.model import AGAIN, CHANGED, NEW, Passes, Told
from testmo_notifier.notices.audience import Audience, Telling
from testmo_notifier.notices.gathered import Found
from testmo_notifier.notices.judge import Judged, judged, told_after
from testmo_notifier.notices.routes import is_for_people


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is told of some results, and which of them are people."""

    tellings: tuple[Telling, ...]
    people: frozenset[str]


class Tellings:
    """Asks routes about what was found. `failing` are the tests that failed before."""

    def __init__(self, audience: Audience, found: Mapping[int, Found], failing: Collection[int]) -> None:
        self._audience, self._found, self._failing = audience, found, failing
        self.judged: dict[int, Judged] = {}  # by test
        self._recipients: dict[object, Recipients] = {}

    def judge(self, passes: Passes) -> dict[int, Told]:
        """Decide why each result is told; gives back what is known of their tests once they are."""
        if not self._audience.keeps_told:
            return {}
        times: dict[int, list[datetime]] = {}
        for found in self._found.values():
            times.setdefault(found.test_key, []).extend([found.at] if found.at else [])
        before = self._audience.before
        self.judged = {
            test: judged(test, moments, was_failing=test in self._failing, before=before.get(test), passes=passes)
            for test, moments in times.items()
        }
        people = frozenset(filter(is_for_people, self._audience.destinations))
        told: dict[int, frozenset[str]] = {}
        for found in self._found.values():
            names = self.recipients(found).people
            told[found.test_key] = told[found.test_key] | names if found.test_key in told else names
        return {
            test: told_after(self.judged[test], people, names, was_failing=test in self._failing)
            for test, names in told.items()
        }

    def telling(self, found: Found, destination: str, routes: tuple[str, ...] = ()) -> Telling:
        """Why a result is told there, and by which routes: by these, where nobody was asked."""
        told = self.recipients(found).tellings if self.judged else ()
        asked = (one for one in told if one.destination == destination)
        return next(asked, None) or Telling(destination, self.reason(found), routes)

    def people(self, found: Found) -> frozenset[str]:
        """The destinations of people that are told of a result."""
        return self.recipients(found).people if self.judged else frozenset(self._audience.told_all)

    def reason(self, found: Found) -> str:
        """Why a result is told, whoever is."""
        judgement = self.judged.get(found.test_key)
        reason = judgement.reason if judgement else AGAIN if found.test_key in self._failing else NEW
        return CHANGED if found.is_changed and reason == AGAIN else reason

    def reasons(self) -> set[str]:
        """Why all that was found is told; until it is judged, there are it is of four kinds at most."""
        found = self._found.values()
        if not self.judged:
            found = {(one.is_changed, one.test_key in self._failing): one for one in found}.values()
        return set(map(self.reason, found))

    def recipients(self, found: Found) -> Recipients:
        """Who is told of a result."""
        judgement, reason = self.judged[found.test_key], self.reason(found)
        before = judgement.before
        key = (found.routing, reason, judgement.streak, judgement.sure, before and before.destinations)
        if key not in self._recipients:
            routes = self._audience.routings[found.routing].routes
            told = self._audience.told(routes, reason, before, judgement.streak, sure=judgement.sure)
            told = list(self._audience.held(told, found.routing))
            people = frozenset(one.destination for one in told if is_for_people(one.destination))
            self._recipients[key] = Recipients(tuple(told), people)
        return self._recipients[key]
