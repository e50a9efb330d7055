"""Rules 7 and 8: when a run is due: its turn, its changes, its end. Discovery itself is told by tests/flow."""
# ruff: noqa: ANN401 - what a test gives is handed on

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from testmo_notifier.model import Counters, Passing, Resume, WatchedRun
from testmo_notifier.polling.due import Due, DueRules, in_order, is_done
from testmo_notifier.sources.testmo_runs.sweep import FROM_THE_BEGINNING
from testmo_notifier.sources.testmo_runs.turns import is_turn
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import START, at, make_checkpoint, make_outgoing, make_run

OVERLAP = timedelta(seconds=300)
PERIOD = timedelta(minutes=5)
DAYS = 30 * 86_400
WATCH = Watch((3, 5))
GOES_ON = Passing(START, resume=Resume(START, 2, 9))
QUIET = {"counters": {3: 7}, "watching": WATCH.fingerprint, "read_at": START}


def quiet_run(run_id: int = 12, **given: Any) -> WatchedRun:
    return WatchedRun(make_run(run_id, **{"counters": Counters({3: 7}), **given}), "Shop", START)


def make_rules(**given: Any) -> DueRules:
    values: dict[str, Any] = {
        "watch": WATCH,
        "ceased": {},
        "overlap": OVERLAP,
        "staleness": timedelta(days=9_999),
        "waiting": (),
        "began_at": at(1_000),
        "now": at(1_000),
    }
    return DueRules(**{**values, **given})


def why(watched: WatchedRun, checkpoint: dict[str, Any] | None = None, **given: Any) -> Due | None:
    known = make_checkpoint(watched.run.id, **{**QUIET, **(checkpoint or {})})
    return make_rules(**given).why_due(watched.run, known, at(940))


def order(moved: list[int], turns: list[int], *, since: dict[int, datetime] | None = None, **given: Any) -> list[int]:
    runs = [[quiet_run(n) for n in some] for some in (moved, turns)]
    shuffle = given.get("shuffle", lambda _: None)
    return [one.run.id for one in in_order(runs[0], runs[1], since or {}, at(1_000), shuffle)]


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
    assert why(quiet_run()) is None


@pytest.mark.parametrize(
    ("checkpoint", "run", "given", "reason"),
    [
        ({"counters": {3: 6}}, {}, {}, Due.MOVED),
        ({"counters": None}, {}, {}, Due.MOVED),
        ({"watching": "3//"}, {}, {}, Due.MOVED),
        ({"resume": Resume(START, 2, 9)}, {}, {}, Due.MOVED),
        ({"sweep": Resume(None, 1, None)}, {}, {}, Due.MOVED),
        ({"gone_at": at(1_000 - 3_600)}, {}, {}, Due.MOVED),  # an hour has passed
        ({"passing": GOES_ON}, {}, {}, Due.FOLLOW_UP),
        ({"passing": GOES_ON, "counters": {3: 6}}, {}, {}, Due.MOVED),
        ({"passing": GOES_ON}, {}, {"waiting": {12}}, Due.TURN),  # what counters hide is found in time all the same
        ({}, {}, {"waiting": {12}}, Due.TURN),
        ({}, {}, {"staleness": timedelta(0)}, Due.TURN),
        ({}, {"is_closed": True, "closed_at": at(700)}, {}, Due.MOVED),  # closing plus overlap has passed
    ],
    ids=[
        "counters",
        "never-finished",
        "settings",
        "unfinished",
        "sweep",
        "gone",
        "follow-up",
        "follow-up-and-counters",
        "follow-up-and-turn",
        "undone",
        "turn",
        "closed",
    ],
)
def test_what_makes_a_run_due(
    checkpoint: dict[str, Any], run: dict[str, Any], given: dict[str, Any], reason: Due
) -> None:
    assert why(quiet_run(**run), checkpoint, **given) is reason


def test_a_run_is_read_although_a_message_of_it_waits() -> None:
    assert why(quiet_run(), {"counters": {3: 6}, "outbox": (make_outgoing(),)}) is Due.MOVED


@pytest.mark.parametrize(
    ("counters", "reason"),
    [({3: 1}, Due.MOVED), ({5: 1}, Due.MOVED), ({1: 40, 2: 54}, Due.TURN), ({}, Due.TURN)],
)
def test_a_run_that_was_never_read_waits_for_no_turn_if_something_is_failing_in_it(
    counters: dict[int, int], reason: Due
) -> None:
    assert make_rules().why_due(quiet_run(counters=Counters(counters)).run, None, at(940)) is reason


def turns_in_an_hour(staleness: timedelta, *, quiet: timedelta) -> int:
    minutes = [at(DAYS + 60 * n) for n in range(61)]
    run = quiet_run().run
    return sum(
        make_rules(staleness=staleness, began_at=now, now=now).turn(run, now - quiet, last) is Due.TURN
        for last, now in pairwise(minutes)
    )


@pytest.mark.parametrize(
    ("staleness", "quiet", "turns"),
    [
        (PERIOD, timedelta(hours=23), 12),
        (PERIOD, timedelta(hours=24), 1),
        (timedelta(minutes=20), timedelta(days=30), 1),
        (timedelta(0), timedelta(days=30), 60),  # every poll
    ],
)
def test_a_run_in_which_nothing_moved_for_a_day_has_a_turn_an_hour(
    staleness: timedelta, quiet: timedelta, turns: int
) -> None:
    assert turns_in_an_hour(staleness, quiet=quiet) == turns


def test_a_longer_staleness_holds_for_quiet_runs_too() -> None:
    moments = [at(DAYS + 60 * n) for n in range(60 * 4 + 1)]
    question = [make_rules(staleness=timedelta(hours=2), began_at=now, now=now) for now in moments]

    turns = sum(
        q.turn(quiet_run().run, START, last) is Due.TURN for q, last in zip(question[1:], moments, strict=False)
    )

    assert turns == 2


@pytest.mark.parametrize(
    ("checkpoint", "run"),
    [
        (
            {"counters": {3: 6}, "outbox": (make_outgoing(),), "outbox_bytes": 150_001},
            {},
        ),  # its outbox is full
        ({"counters": {3: 6}, "gone_at": at(1_000 - 3_599)}, {}),
        (
            {"counters": {}, "closed_at": at(0), "read_at": at(300)},
            {"is_closed": True, "closed_at": at(0), "counters": Counters()},
        ),  # done with
    ],
    ids=["waiting", "gone", "done"],
)
def test_what_keeps_a_run_from_being_read(checkpoint: dict[str, Any], run: dict[str, Any]) -> None:
    assert why(quiet_run(**run), checkpoint, staleness=timedelta(0), waiting={12}) is None


def test_of_what_moved_and_of_turns_that_comes_first_which_waits_longest() -> None:
    since = {3: at(900), 4: at(600), 13: at(0), 14: at(-60)}

    assert order([1, 2, 3, 4], [], since=since) == [4, 3, 1, 2]
    assert order([], [11, 12, 13, 14], since=since) == [14, 13, 11, 12]


def test_what_waits_equally_long_is_read_in_an_order_of_each_polls_own() -> None:
    assert order([1, 2], [], shuffle=lambda found: found.reverse()) == [2, 1]
    assert order([], [1, 2], shuffle=lambda found: found.reverse()) == [2, 1]


def test_what_moved_comes_first_and_starves_no_turn() -> None:
    """Every tenth is a turn, however many runs move in every poll."""
    moved = list(range(1, 22))
    assert order(moved, [31, 32, 33]) == [*moved[:9], 31, *moved[9:18], 32, *moved[18:], 33]


def test_turns_starve_nothing_that_moved() -> None:
    assert order([1], [11, 12, 13]) == [1, 11, 12, 13]


def test_where_one_request_is_all_there_is_luck_decides_whether_a_turn_gets_it() -> None:
    """The place of the turn is shuffled, or it would never come."""
    assert order([1, 2, 3], [11], shuffle=lambda found: found.reverse())[0] == 11


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
    assert is_done(make_run(counters=Counters(), **run), make_checkpoint(**checkpoint), OVERLAP, {}) is done
    assert is_done(make_run(**run), None, OVERLAP, {}) is False


@pytest.mark.parametrize(("read_at", "done"), [(at(300), False), (at(3_899), False), (at(3_900), True)])
def test_a_closed_run_whose_counters_show_more_than_we_know_is_read_for_an_hour(
    read_at: datetime,
    done: bool,  # noqa: FBT001 - the case
) -> None:
    run = make_run(is_closed=True, closed_at=START, counters=Counters({3: 2}))
    checkpoint = make_checkpoint(closed_at=START, read_at=read_at, watching="3,5//", failing={1: (1, 3)})

    assert is_done(run, checkpoint, OVERLAP, {}) is done


@pytest.mark.parametrize(
    ("closed_at", "checkpoint", "done"),
    [
        (at(-1), {"read_at": at(300)}, True),  # what was meant then was watched
        (at(0), {"read_at": at(300)}, False),
        (at(0), {"read_at": at(300), "watching": "3,9//"}, True),
        (at(0), {"read_at": at(86_399), "sweep": FROM_THE_BEGINNING}, False),
        (at(0), {"read_at": at(86_400), "sweep": FROM_THE_BEGINNING}, True),  # not for ever
        (at(0), {"read_at": at(86_400)}, False),
    ],
)
def test_a_run_that_was_closed_after_a_name_had_moved_is_read_under_the_new_watch(
    closed_at: datetime,
    checkpoint: dict[str, Any],
    done: bool,  # noqa: FBT001 - the case
) -> None:
    run = make_run(is_closed=True, closed_at=closed_at, counters=Counters())
    before = make_checkpoint(**{"closed_at": closed_at, "watching": "3,8//", **checkpoint})

    assert is_done(run, before, OVERLAP, {"3,8//": START}) is done
