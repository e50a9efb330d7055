"""Rule 16: random routes against random histories: what a plain reading of the routes says is what each destination is told.

The oracle reads the same conditions with `fnmatch` and knows nothing of ways, judgements and checkpoints. The event,
which gets everything, is what `test_promise` checks; here every other destination is measured by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import Digest, NamedResult, Notification, Outgoing
from testmo_notifier.notices.matching import Matcher
from testmo_notifier.notices.routes import Route, Routes, destinations
from tests.model.history import History, Minute, Switches, play
from tests.model.pages import short_pages
from tests.model.test_promise import BULK, EDIT, MINUTES, SAVE, SWITCHES, WELL
from tests.support.story import BUILT_IN_TEXTS, one_worker, playing

NAMES = ("slack:a", "slack:b", "email:c")
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.lists(st.sampled_from(["failed", "Blocked", 4, "re*"]), min_size=1, max_size=2),
        "run": st.lists(st.sampled_from(["run 1", "Run ?", "beds", 2]), min_size=1, max_size=2),
        "project": st.lists(st.sampled_from(["shop", "G*"]), min_size=1, max_size=1),
    },
)


# Minutes in which much fails and a poll tells of it, before those in which anything may happen.
BUSY = st.tuples(
    st.lists(st.one_of(SAVE, SAVE, BULK, EDIT), min_size=2, max_size=5), st.sampled_from([60, 400]), st.just(WELL)
)


@dataclass(frozen=True)
class Plain:
    """A route as the oracle reads it."""

    match: dict[str, list[Any]]
    exclude: dict[str, list[Any]]
    to: tuple[str, ...]
    catch_all: bool = False

    def selects(self, digest: Digest, result: NamedResult) -> bool:
        facts = {
            "status": (result.status_id, result.status),
            "run": (digest.run_id, digest.run_name),
            "project": (digest.project_id, digest.project_name),
        }

        def holds(key: str, wanted: list[Any]) -> bool:
            number, name = facts[key]
            return any(
                one == number if isinstance(one, int) else fnmatchcase(name.lower(), one.lower()) for one in wanted
            )

        return all(holds(key, wanted) for key, wanted in self.match.items()) and not any(
            holds(key, wanted) for key, wanted in self.exclude.items()
        )

    def route(self, number: int) -> Route:
        match, exclude = ({key: tuple(wanted) for key, wanted in table.items()} for table in (self.match, self.exclude))
        return Route(self.to, f"route {number}", Matcher(match, exclude), self.catch_all)


TO = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True).map(tuple)
ROUTES = st.lists(st.builds(Plain, CONDITIONS, CONDITIONS, TO), max_size=3).map(
    lambda routes: [*routes, Plain({}, {}, ("slack:rest",), catch_all=True)]
)


def wanted(routes: list[Plain], digest: Digest, result: NamedResult) -> set[str]:
    """Where a result goes, by a plain reading."""
    taken = {name for route in routes if not route.catch_all and route.selects(digest, result) for name in route.to}
    return taken or {name for route in routes if route.catch_all for name in route.to}


@dataclass
class Listening:
    """Renders as ever, and keeps what was rendered."""

    renderer: Renderer
    outgoing: list[Outgoing] = field(default_factory=list)

    @property
    def problems(self) -> list[Any]:
        return self.renderer.problems

    def notification(self, outgoing: Outgoing) -> Notification:
        self.outgoing.append(outgoing)
        return self.renderer.notification(outgoing)


@pytest.fixture(autouse=True)
def few_rows_at_a_time() -> Iterator[None]:
    """Several pages without hundreds of rows."""
    with short_pages():
        yield


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(ROUTES, st.lists(BUSY, min_size=1, max_size=4), st.lists(MINUTES, max_size=5), SWITCHES)
def test_each_destination_is_told_what_a_plain_reading_of_the_routes_says(
    routes: list[Plain], busy: list[Minute], minutes: list[Minute], switches: Switches
) -> None:
    made = Routes(tuple(route.route(number) for number, route in enumerate(routes, 1)))
    listening = Listening(BUILT_IN_TEXTS)
    with playing(
        executor=one_worker,
        routes=made,
        destinations=destinations(made, ("slack", "email", "event")),
        renderer=listening,
    ) as story:
        play(story, [*busy, *minutes], switches, History.check)

    told: defaultdict[str, set[tuple[int, int | None]]] = defaultdict(set)
    expected: defaultdict[str, set[tuple[int, int | None]]] = defaultdict(set)
    changed: set[tuple[int, int | None]] = set()
    for outgoing in listening.outgoing:
        for result in outgoing.digest.results:
            row = (result.id or 0, result.status_id)
            if outgoing.destination != "event":
                told[outgoing.destination].add(row)
                continue
            changed |= {row} if result.previous_status else set()  # whoever was told of the first status is told, too
            for name in wanted(routes, outgoing.digest, result):
                expected[name].add(row)
    for name in {*told, *expected}:
        assert expected[name] <= told[name], f"lost for {name}"
        assert told[name] - expected[name] <= changed, f"not for {name}"
