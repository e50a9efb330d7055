"""The promise against random histories: whatever testers, Testmo, the network, an engineer and two pollers do.

Counterexamples that were found on the way stay here as named histories; `history.py` has the oracle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.model.history import TESTS, History, Minute, Switches, play
from tests.model.pages import short_pages
from tests.support.story import BLOCKED, FAILED, PASSED, one_worker, playing
from tools.simulator import StatusId
from tools.simulator.faults import DESCRIPTIONS

FAULTS = sorted(DESCRIPTIONS.keys() - {"slow", "heavy-notes"})  # those only take time, and time stands still here
PATHS = ("*", "/runs/*", "/projects", "/projects/*/runs", "/projects/*/cases")
STATUSES = st.sampled_from([FAILED, FAILED, BLOCKED, PASSED, StatusId.RETEST])
RUNS = st.integers(0, 4)
ROWS = st.integers(0, 5)  # counted from the newest
PROJECTS = st.integers(0, 1)
NUMBERS = st.integers(1, 4)  # of tests: few, so that they meet


def named(name: str, *about: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """An action and what it is about."""
    return st.tuples(st.just(name), *about)


LATE = st.sampled_from(
    [{}, {}, {}, {"late": 90}, {"late": 200}, {"late": 1000}, {"late": 5000}, {"skew": -150}, {"skew": 90}]
)
SAVE = st.tuples(st.just("save"), RUNS, NUMBERS, STATUSES, LATE)
BULK = named("bulk", RUNS, STATUSES, st.sampled_from([3, 14, 16, 31, TESTS]))
DELETE = named("delete", ROWS, st.booleans())
EDIT = named("edit", ROWS, STATUSES)
ACTIONS = st.one_of(
    SAVE,
    SAVE,
    BULK,
    EDIT,
    named("note", ROWS),
    DELETE,
    named("open", st.booleans()),
    named("close", RUNS),
    named("reopen", RUNS),
    named("delete run", RUNS),
    named("fault", st.sampled_from(FAULTS), st.sampled_from(PATHS), st.integers(1, 4)),
    st.tuples(st.just("between pages"), st.integers(1, 3), DELETE, SAVE),
    st.tuples(st.just("between pages"), st.integers(1, 3), st.one_of(DELETE, EDIT, BULK)),
    named("hide", PROJECTS),
    named("show", PROJECTS),
    st.sampled_from([("watch", 3, 5), ("watch", 3), ("watch", 3, 4, 5)]),
    named("set overlap", st.sampled_from([0, 60, 300, 900])),
    named("set budget", st.sampled_from([6, 12, 30, 120])),
    named("set staleness", st.sampled_from([0, 5, 20])),
)
POLLS = st.one_of(
    st.just(("well",)),
    st.just(("well",)),
    named("well", st.integers(-100, 100)),
    st.just(("not at all",)),
    named("killed", st.integers(0, 30)),
    named("twice", st.integers(0, 30), st.sampled_from([0, 40])),
    named("cut short", st.integers(1, 12)),
)
MINUTES = st.tuples(st.lists(ACTIONS, max_size=4), st.sampled_from([1, 30, 60, 60, 60, 400, 4000]), POLLS)
SWITCHES = st.builds(
    Switches,
    bounds=st.sampled_from(["inclusive", "exclusive"]),
    precision=st.sampled_from(["millisecond", "second"]),
    ties=st.sampled_from(["ascending", "descending", "shuffled"]),
    lists_deleted=st.booleans(),
    leases=st.booleans(),
)


@pytest.fixture(autouse=True)
def few_rows_at_a_time() -> Iterator[None]:
    """Several pages without hundreds of rows."""
    with short_pages():
        yield


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(MINUTES, min_size=1, max_size=10), SWITCHES)
def test_every_new_failing_result_is_announced_and_nothing_else(minutes: list[Minute], switches: Switches) -> None:
    with playing(executor=one_worker) as story:
        play(story, minutes, switches, History.check)


WELL = ("well",)
HISTORIES: dict[str, list[Minute]] = {
    "an old result edited to Failed long after the overlap": [
        ([("save", 0, 3, PASSED, {})], 4000, WELL),
        ([("save", 0, 4, FAILED, {})], 4000, WELL),
        ([("edit", 1, FAILED)], 60, WELL),
    ],
    "a run that is opened, fails and closes between two polls": [
        ([("open", False), ("save", 3, 1, FAILED, {}), ("close", 3)], 60, WELL),
    ],
    "the result after an old one is deleted": [
        ([("save", 0, 1, FAILED, {}), ("save", 0, 1, FAILED, {})], 1, WELL),
        ([("delete", 1, True), ("delete", 0, True)], 4000, WELL),
    ],
    "a result in a status that is watched since a moment ago, before the first poll that knows of it": [
        ([], 60, WELL),
        ([("watch", 3, 4, 5), ("save", 1, 4, StatusId.RETEST, {})], 60, WELL),
    ],
    "a result that is edited from one watched status to another between two pages": [
        ([("watch", 3, 4, 5)], 60, WELL),
        ([("between pages", 3, ("edit", 5, BLOCKED)), ("bulk", 0, StatusId.RETEST, 31)], 60, WELL),
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_that_once_went_wrong(name: str) -> None:
    with playing(executor=one_worker) as story:
        play(story, HISTORIES[name], Switches(), History.check)
