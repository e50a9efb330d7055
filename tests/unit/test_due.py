"""Rules 7 and 8: when a run is due: its turn, its changes, its end. Discovery itself is told by tests/flow."""
# ruff: noqa: ANN401 - what a test gives is handed on

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from testmo_notifier.model import Counters, Resume, WatchedRun
from testmo_notifier.polling.due import due_runs, is_done
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.turns import is_turn
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import START, at, make_checkpoint, make_outgoing, make_run

OVERLAP = timedelta(seconds=300)
PERIOD = timedelta(minutes=5)
WATCH = Watch((3, 5))
QUIET = {"counters": {3: 7}, "watching": WATCH.fingerprint, "read_at": START}


def quiet_run(run_id: int = 12, **given: Any) -> WatchedRun:
    return WatchedRun(make_run(run_id, **{"counters": Counters({3: 7}), **given}), "Shop", START)


def due(*watched: WatchedRun, checkpoint: dict[str, Any] | None = None, **given: Any) -> list[int]:
    checkpoints = {w.run.id: make_checkpoint(w.run.id, **{**QUIET, **(checkpoint or {})}) for w in watched}
    values: dict[str, Any] = {
        "watch": WATCH,
        "overlap": OVERLAP,
        "staleness": timedelta(days=9_999),
        "undone": {},
        "polled_at": at(940),
        "now": at(1_000),
        "shuffle": lambda _: None,
    }
    found = Discovery(began_at=at(1_000), runs=list(watched))
    return [w.run.id for w in due_runs(found, checkpoints, **{**values, **given})]


def test_turns_come_once_a_period_whenever_the_polls_are() -> None:
    moments = [at(n * 37 + (n * n) % 23) for n in range(400)]  # uneven, some closer than others
    hours = (moments[-1] - moments[0]) / PERIOD

    for run_id in (1, 2, 12, 2**40):
        turns = sum(is_turn(run_id, PERIOD, last, now) for last, now in pairwise(moments))
        assert hours - 1 <= turns <= hours + 1


def test_turns_are_spread_over_the_period_also_of_neighbours() -> None:
    polls = [(at(n * 60), at(n * 60 + 60)) for n in range(5)]

    turns = [sum(is_turn(run_id, PERIOD, *poll) for run_id in range(1_000, 1_500)) for poll in polls]

    assert sum(turns) == 500  # everybody once
    assert all(80 <= n <= 120 for n in turns)


@pytest.mark.parametrize(
    ("period", "last", "is_due"),
    [
        (timedelta(0), at(59), True),  # every poll
        (PERIOD, None, True),  # the first poll ever
        (PERIOD, at(60), False),  # no time has passed
        (PERIOD, at(600), False),  # a clock that was set back
        (PERIOD, at(-300), True),  # a whole period was missed
    ],
)
def test_a_turn_at_the_edges(period: timedelta, last: datetime | None, is_due: bool) -> None:  # noqa: FBT001 - the case
    assert is_turn(12, period, last, at(60)) is is_due


def test_a_quiet_run_is_left_alone() -> None:
    assert due(quiet_run()) == []


@pytest.mark.parametrize(
    ("checkpoint", "run", "given"),
    [
        ({"counters": {3: 6}}, {}, {}),
        ({"counters": None}, {}, {}),
        ({"watching": "3//"}, {}, {}),
        ({"resume": Resume(START, 2, 9)}, {}, {}),
        ({"gone_at": at(1_000 - 3_600)}, {}, {}),  # an hour has passed
        ({}, {}, {"undone": {12: START}}),
        ({}, {}, {"staleness": timedelta(0)}),
        ({}, {"is_closed": True, "closed_at": at(700)}, {}),  # closing plus overlap has passed
    ],
    ids=["counters", "never-finished", "settings", "unfinished", "gone", "undone", "turn", "closed"],
)
def test_what_makes_a_run_due(checkpoint: dict[str, Any], run: dict[str, Any], given: dict[str, Any]) -> None:
    assert due(quiet_run(**run), checkpoint=checkpoint, **given) == [12]


@pytest.mark.parametrize(
    ("checkpoint", "run"),
    [
        ({"counters": {3: 6}, "outbox": (make_outgoing(),)}, {}),  # its messages wait
        ({"counters": {3: 6}, "gone_at": at(1_000 - 3_599)}, {}),
        (
            {"counters": {}, "closed_at": at(0), "read_at": at(300)},
            {"is_closed": True, "closed_at": at(0), "counters": Counters()},
        ),  # done with
    ],
    ids=["waiting", "gone", "done"],
)
def test_what_keeps_a_run_from_being_read(checkpoint: dict[str, Any], run: dict[str, Any]) -> None:
    assert due(quiet_run(**run), checkpoint=checkpoint, staleness=timedelta(0)) == []


def test_what_was_left_undone_comes_first_longest_waiting_first() -> None:
    changed = [quiet_run(n, counters=Counters({3: 8})) for n in (1, 2, 3, 4)]

    order = due(*changed, undone={3: at(900), 4: at(600)}, shuffle=lambda runs: runs.reverse())

    assert order == [4, 3, 2, 1]


def test_new_and_changed_runs_come_before_turns_each_in_an_order_of_their_own() -> None:
    runs = [
        quiet_run(1),
        quiet_run(2),
        quiet_run(3, counters=Counters({3: 8})),
        quiet_run(4, counters=Counters({3: 9})),
    ]

    assert due(*runs, staleness=timedelta(0)) == [3, 4, 1, 2]
    assert due(*runs, staleness=timedelta(0), shuffle=lambda found: found.reverse()) == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("run", "checkpoint", "done"),
    [
        ({"is_closed": False}, {"read_at": at(9_999)}, False),
        ({"is_closed": True, "closed_at": START}, {"closed_at": START, "read_at": at(300)}, True),
        ({"is_closed": True, "closed_at": START}, {"closed_at": START, "read_at": at(299)}, False),
        ({"is_closed": True, "closed_at": START}, {"closed_at": at(-1), "read_at": at(300)}, False),  # closed again
        ({"is_closed": True, "closed_at": START}, {"closed_at": START, "read_at": None}, False),
        ({"is_closed": True, "closed_at": None}, {"closed_at": None, "read_at": at(300)}, False),
    ],
)
def test_a_closed_run_is_done_once_a_read_began_late_enough(
    run: dict[str, Any],
    checkpoint: dict[str, Any],
    done: bool,  # noqa: FBT001 - the case
) -> None:
    assert is_done(make_run(counters=Counters(), **run), make_checkpoint(**checkpoint), OVERLAP) is done
    assert is_done(make_run(**run), None, OVERLAP) is False


@pytest.mark.parametrize(("read_at", "done"), [(at(300), False), (at(3_899), False), (at(3_900), True)])
def test_a_closed_run_whose_counters_show_more_than_we_know_is_read_for_an_hour(
    read_at: datetime,
    done: bool,  # noqa: FBT001 - the case
) -> None:
    run = make_run(is_closed=True, closed_at=START, counters=Counters({3: 2}))
    checkpoint = make_checkpoint(closed_at=START, read_at=read_at, watching="3,5//", failing={1: (1, 3)})

    assert is_done(run, checkpoint, OVERLAP) is done
