"""Rule 18: failures in a row and recoveries against a plain list of what was saved, whatever comes between two polls.

What a channel was told last of a test has to be true in the end, and a count that is told has to be right at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from testmo_notifier.errors import NotifierError
from testmo_notifier.model import AGAIN, NEW, RECOVERED
from tests.flow.power import Power, Wire, powered_poll
from tests.model.pages import short_pages
from tests.support.story import BLOCKED, FAILED, PASSED, one_worker
from tests.support.telling import ALL, TEAM, Telling, telling
from tools.simulator import StatusId
from tools.simulator.model import Result, Run

FAILING = (FAILED, BLOCKED)
TESTS = 3
SAVES = st.tuples(st.just("save"), st.integers(1, TESTS), st.sampled_from([FAILED, FAILED, PASSED, PASSED, BLOCKED]))
OTHERS = st.one_of(
    st.tuples(st.just("save"), st.integers(1, TESTS), st.just(StatusId.RETEST)),
    st.tuples(st.just("edit"), st.integers(0, 3), st.sampled_from([FAILED, PASSED, StatusId.SKIPPED])),
    st.tuples(st.just("delete"), st.integers(0, 3)),
    st.tuples(st.just("bulk"), st.sampled_from([20, 40]), st.sampled_from([PASSED, StatusId.SKIPPED])),
)
KILLED = [("killed", at) for at in (3, 5, 7, 9, 12)]
FATES = st.sampled_from([("well", 120), ("well", 120), ("well", 20), ("well", 9), ("not at all",), *KILLED])
SWEPT_AS_IT_PASSED = [  # by the poll that reads its failures: a sweep is due every twelfth turn
    [("save", test, status) for test, status in minute]
    for minute in [
        [(1, FAILED), (3, BLOCKED), (1, FAILED), (3, PASSED), (3, PASSED)],
        [(1, FAILED)],
        [(3, FAILED), (1, BLOCKED)],
        [(3, FAILED)],
        [(3, FAILED)],
        [(3, PASSED), (1, PASSED), (2, BLOCKED), (1, PASSED), (2, FAILED)],
        [(3, PASSED), (1, BLOCKED), (1, PASSED), (2, FAILED), (2, PASSED)],
        [(2, FAILED), (2, BLOCKED), (1, PASSED), (2, PASSED), (3, PASSED)],
    ]
]


@pytest.fixture(autouse=True)
def few_rows_at_a_time() -> Iterator[None]:
    """Several pages without hundreds of rows."""
    with short_pages():
        yield


def act(story: Telling, run: Run, rows: list[Result], action: tuple[Any, ...]) -> None:
    """One thing that a tester does."""
    name, about, *rest = action
    story.wait(1)
    if name == "save":
        rows.append(story.save(run, about, rest[0]))
    elif name == "bulk":
        for number in range(TESTS + 1, TESTS + 1 + about):
            story.save(run, number, rest[0])
    elif about < len(rows):
        row = rows[-1 - about]
        if name == "edit":
            story.world.edit_result(row, status=rest[0])
        else:
            story.world.delete_result(row, hard=True)
            rows.remove(row)


def poll(story: Telling, name: str, *about: int) -> None:
    """One poll, or none."""
    with suppress(NotifierError):
        if name == "killed":
            powered_poll(story, Power(about[0]))
        elif name == "well":
            story.settings["requests_per_minute"] = about[0]
            story.poll()


def latest(rows: list[Result], test_id: int) -> int | None:
    """The status of a test by the list."""
    return max(((r.created_at, r.id, r.status_id) for r in rows if r.test_id == test_id), default=(None, 0, None))[2]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(st.tuples(st.lists(SAVES | SAVES | OTHERS, max_size=4), FATES), min_size=2, max_size=9))
def test_what_was_told_last_of_a_test_is_true_in_the_end(minutes: list[tuple[list[Any], tuple[Any, ...]]]) -> None:
    with telling(executor=one_worker) as story:
        story.pool = Wire(story)  # type: ignore[assignment]  # it has what is used
        story.route(notify=ALL)
        run = story.add_run(tests=60)
        rows: list[Result] = []
        story.poll()
        for actions, fate in minutes:
            for action in actions:
                act(story, run, rows, action)
            story.wait()
            poll(story, *fate)
        story.wait(70)
        for seconds in [60] * 8 + [3700, 60, 60, 3700, 60, 60]:
            story.wait(seconds)
            poll(story, "well", 120)

        last: dict[int | None, str] = {}
        for outgoing in story.kept.told:
            if outgoing.destination == TEAM:
                last |= {one.test_id: outgoing.digest.about for one in outgoing.digest.results}
        for number in range(1, TESTS + 1):
            test = story.test(run, number).id
            status = latest(rows, test)
            if status in FAILING:
                assert last.get(test) == "failing", "a failing test that the channel does not know of, or believes well"
            elif status == PASSED:
                assert last.get(test) in (None, RECOVERED), "a test that is well, and the channel believes it failing"


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(st.lists(SAVES, max_size=5), min_size=2, max_size=8))
@example(SWEPT_AS_IT_PASSED)
def test_failures_in_a_row_are_counted_as_in_a_plain_list_and_every_recovery_is_told_at_once(
    minutes: list[list[tuple[Any, ...]]],
) -> None:
    with telling(executor=one_worker, staleness=timedelta(0)) as story:
        story.pool = Wire(story)  # type: ignore[assignment]  # it has what is used
        story.route(notify=ALL)
        run = story.add_run(tests=TESTS)
        rows: list[Result] = []
        story.poll()
        streaks: dict[int, int] = {}  # by test, as of the poll before
        believed: set[int] = set()  # to be failing, by the channel
        for actions in minutes:
            before = len(rows)
            for action in actions:
                act(story, run, rows, action)
            story.wait()
            told_before = len(story.kept.told)
            story.poll()
            expected, streaks = counted(rows[before:], streaks)
            now = [one.digest for one in story.kept.told[told_before:] if one.destination == TEAM]
            told = {r.id: (r.reason, r.streak) for digest in now if digest.about == "failing" for r in digest.results}
            assert told == expected
            believed |= {row.test_id for row in rows[before:] if row.status_id in FAILING}
            well = {test for test in believed if latest(rows, test) == PASSED}
            assert {r.test_id for digest in now if digest.about == RECOVERED for r in digest.results} == well
            believed -= well


def counted(new: list[Result], streaks: dict[int, int]) -> tuple[dict[int | None, tuple[str, int]], dict[int, int]]:
    """Why each new failure is told, the how many-th in a row the last of its test is; and how many each test has."""
    expected: dict[int | None, tuple[str, int]] = {}
    after = dict(streaks)
    for test in {row.test_id for row in new}:
        mine = [row for row in new if row.test_id == test]
        failing = [index for index, row in enumerate(mine) if row.status_id in FAILING]
        passed = [index for index, row in enumerate(mine) if row.status_id == PASSED]
        if failing:
            since = [index for index in failing if not any(index < one < failing[-1] for one in passed)]
            is_new = not streaks.get(test) or any(one < failing[-1] for one in passed)
            streak = len(since) + (0 if is_new else streaks[test])
            expected |= {mine[index].id: (NEW if is_new else AGAIN, streak) for index in failing}
            after[test] = streak
        if passed and (not failing or passed[-1] > failing[-1]):
            after[test] = 0
    return expected, after
