"""Rules 2, 5, 6 and 14: what counts as failing, why a sweep is due, what settings changed; see also test_reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from testmo_notifier.model import (
    NOTHING,
    Checkpoint,
    Counters,
    Expands,
    Failing,
    Result,
    ResultsPage,
    ResultsQuery,
    Resume,
    RowProblem,
    Superseded,
)
from testmo_notifier.sources.testmo_runs.detect import Detector
from testmo_notifier.sources.testmo_runs.paging import RunPages
from testmo_notifier.sources.testmo_runs.reading import after_part_of_read, after_whole_read
from testmo_notifier.sources.testmo_runs.sweep import Sweep, SweepEnd, SweepReason, sweep_reason
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import START, at, make_builder, make_checkpoint, make_result, make_run

UNREADABLE = RowProblem("assignee_id", "is not a number")


@pytest.mark.parametrize(
    ("watch", "result", "is_failing"),
    [
        (Watch((3, 5)), {"status_id": 3}, True),
        (Watch((3, 5)), {"status_id": 5}, True),
        (Watch((3, 5)), {"status_id": 2}, False),
        (Watch((9,)), {"status_id": 9}, True),
        (Watch((3,)), {"status_id": None}, True),  # better one message too many
        (Watch((3,)), {"is_latest": False}, True),
        (Watch((3,)), {"is_deleted": True}, False),
        (Watch((3,)), {"is_deleted": True, "status_id": None}, False),
        (Watch((3,), created_by_ids=(7,)), {"created_by": 7}, True),
        (Watch((3,), created_by_ids=(7,)), {"created_by": 8}, False),
        (Watch((3,), created_by_ids=(7,)), {"created_by": None}, True),
        (Watch((3,), assignee_ids=(8,)), {"assignee_id": 8}, True),
        (Watch((3,), assignee_ids=(8,)), {"assignee_id": 9}, False),
        (Watch((3,), assignee_ids=(8,)), {"assignee_id": None}, False),
        (Watch((3,), assignee_ids=(8,)), {"assignee_id": None, "problems": (UNREADABLE,)}, True),
        (Watch((3,), assignee_ids=(0, 8)), {"assignee_id": None}, True),  # 0 is unassigned
        (Watch((3,), (7,), (8,)), {"created_by": 7, "assignee_id": 9}, False),  # both must hold
    ],
)
def test_what_is_failing(watch: Watch, result: dict[str, Any], is_failing: bool) -> None:  # noqa: FBT001 - the case
    assert watch.is_failing(make_result(**result)) is is_failing


def test_a_fingerprint_changes_with_what_is_watched_and_not_with_its_order() -> None:
    assert Watch((3, 5)).fingerprint == Watch((5, 3)).fingerprint
    assert len({Watch((3,)).fingerprint, Watch((3,), (3,)).fingerprint, Watch((3,), (), (3,)).fingerprint}) == 3
    assert Watch.parse(Watch((3, 5), (7,), (0, 8)).fingerprint) == Watch((3, 5), (7,), (0, 8))


def test_a_row_without_a_date_is_told_once_for_ever() -> None:
    detector = Detector(make_checkpoint(), Watch((3, 5)))
    undated = make_result(5, created_at=None)

    assert [row.id for row in detector.new_failing([undated, undated])] == [5]


def test_rows_before_the_floor_are_not_told_and_rows_on_it_are() -> None:
    detector = Detector(make_checkpoint(floor=START), Watch((3, 5)))

    told = detector.new_failing([make_result(1, created_at=at(-0.001)), make_result(2, created_at=START)])

    assert [row.id for row in told] == [2]


def test_malformed_rows_are_counted_when_they_are_told() -> None:
    detector = Detector(make_checkpoint(), Watch((3, 5)))
    broken = make_result(1, test_id=None, problems=(RowProblem("test_id", "is missing"),))

    detector.new_failing([broken, broken, make_result(2)])

    assert detector.malformed == 1


UNDATED = make_result(2, created_at=None)


@pytest.mark.parametrize("handled", [make_result(2, created_at=at(1)), UNDATED])
def test_a_row_is_recognised_by_its_id_even_when_its_test_has_a_newer_result(handled: Result) -> None:
    """What earlier results of tests were (`superseded`) is given up where an item grows too large: the ids remain."""
    newer = make_result(3, test_id=handled.test_id, created_at=at(2))
    detector = Detector(make_checkpoint(), Watch((3, 5)))
    assert detector.new_failing([handled, newer]) == [handled, newer]
    after = after_whole_read(
        detector, SweepEnd(), make_run(counters=Counters()), began_at=at(2), overlap=timedelta(seconds=1)
    )
    again = Detector(replace(after, superseded={}), Watch((3, 5)))

    assert again.new_failing([handled, newer]) == []


def test_a_row_without_a_date_takes_that_of_the_row_before_it() -> None:
    """Status 4 is watched since a second ago: rows from before are taken over silently, rows from then on are news."""
    now_watched = Watch((3, 4, 5))
    early, undated = make_result(1, status_id=4, created_at=at(8)), make_result(2, status_id=4, created_at=None)
    late = make_result(3, status_id=4, created_at=at(10))

    assert Detector(make_checkpoint(), now_watched, ceased=at(9)).new_failing([early, undated]) == []
    assert Detector(make_checkpoint(), now_watched, ceased=at(9)).new_failing([late, undated]) == [late, undated]


def test_below_the_floor_only_what_nobody_looked_for_when_it_was_saved_is_told() -> None:
    """Status 4 was meant since `ceased`, and the window has left that behind."""
    rows = [
        make_result(1, status_id=4, created_at=at(8.999)),
        make_result(2, status_id=4, created_at=at(9)),
        make_result(3, status_id=3, created_at=at(10)),  # was handled when it was saved
        make_result(4, status_id=3, created_at=at(60)),
        make_result(5, status_id=4, created_at=None),
    ]
    detector = Detector(make_checkpoint(floor=at(60)), Watch((3, 4, 5)), ceased=at(9))

    told = detector.new_failing(rows)
    floor = finish(detector, SweepEnd()).floor
    assert [row.id for row in told] == [2, 4, 5]
    assert floor == at(60), "it only rises"


UNFINISHED = Resume(START, 3, 250, at(1), "3,5//")


def finish(detector: Detector, end: SweepEnd) -> Checkpoint:
    return after_whole_read(
        detector, end, make_run(counters=Counters({3: 1})), began_at=at(60), overlap=timedelta(seconds=300)
    )


def sweep_with(detector: Detector) -> Sweep:
    """A sweep that is given its pages."""
    nothing: Any = None
    return Sweep(RunPages(nothing, nothing, detector.watch, nothing, lambda: False), detector, make_builder())


def swept(detector: Detector, *rows: Result) -> SweepEnd:
    """A sweep of one page that saw every failing test."""
    api = OnePage(make_page([*rows]))
    testmo: Any = api  # of which this needs one call
    pages = RunPages(testmo, make_run(), detector.watch, lambda: at(60), lambda: False)
    return Sweep(pages, detector, make_builder()).run(SweepReason.TURN, None, {})


class OnePage:
    def __init__(self, page: ResultsPage) -> None:
        self.page = page

    def results(self, run_id: int, query: ResultsQuery, told: Failing = NOTHING, /) -> ResultsPage:
        del run_id, query
        as_told = [row for row in self.page.results if told.get(row.test_key) == (row.key, row.status_id)]
        others = tuple(row for row in self.page.results if row not in as_told)
        return replace(self.page, results=others, as_told={row.test_key: row.key for row in as_told})


@pytest.mark.parametrize(
    ("end", "watching", "silent_before", "swept_for"),
    [
        (SweepEnd(), "3,5//", None, ""),  # all that the new settings match is taken over
        (SweepEnd(UNFINISHED), "3//", START, "3,5//"),  # the rest of the sweep has to be judged by the old ones, too
    ],
)
def test_new_settings_hold_for_a_run_once_its_sweep_has_ended(
    end: SweepEnd, watching: str, silent_before: datetime | None, swept_for: str
) -> None:
    before = make_checkpoint(
        watching="3//", silent_before=START, swept_for="3,5//", sweep=UNFINISHED, resume=UNFINISHED
    )

    after = finish(Detector(before, Watch((3, 5))), end)

    assert (after.watching, after.silent_before, after.swept_for) == (watching, silent_before, swept_for)
    assert (after.sweep, after.resume, after.read_at, after.gone_at) == (end.resume, None, at(60), None)


@pytest.mark.parametrize(
    ("due", "end", "swept_for"),
    [
        (UNFINISHED, SweepEnd(), "3,5//"),  # it came to its end before the read did
        (UNFINISHED, SweepEnd(UNFINISHED), "5//"),
        (None, SweepEnd(), "5//"),  # there was none
    ],
)
def test_a_read_that_does_not_finish_remembers_the_sweep_that_did(
    due: Resume | None, end: SweepEnd, swept_for: str
) -> None:
    before = make_checkpoint(sweep=due, swept_for="5//", counters={3: 9}, read_at=START, gone_at=START)

    after = after_part_of_read(before, Detector(before, Watch((3, 5))), end, began_at=at(60), resume=UNFINISHED)

    assert (after.swept_for, after.sweep, after.resume) == (swept_for, end.resume, UNFINISHED)
    assert (after.counters, after.read_at, after.gone_at) == ({3: 9}, START, None), "these wait for the rest"


def test_a_sweep_that_saw_everything_replaces_what_is_failing_and_keeps_what_is_gone() -> None:
    before = make_checkpoint(failing={1: (11, 3), 2: (12, 5)}, superseded={7: Superseded(3)})
    detector = Detector(before, Watch((3, 5)))

    after = finish(detector, swept(detector, make_result(11, test_id=1)))

    assert after.failing == {1: (11, 3)}
    assert after.superseded == {7: Superseded(3), 12: Superseded(5, gone=True)}


@pytest.mark.parametrize(
    ("watch", "row"),
    [
        (Watch((3,), assignee_ids=(9,)), make_result(11, test_id=1, assignee_id=8)),
        (Watch((3,), created_by_ids=(9,)), make_result(11, test_id=1, created_by=8)),
        (Watch((5,)), make_result(11, test_id=1)),
    ],
)
def test_a_result_that_was_told_is_found_by_a_sweep_only_if_it_is_still_watched(watch: Watch, row: Result) -> None:
    detector = Detector(make_checkpoint(failing={1: (11, 3)}), watch)

    assert finish(detector, swept(detector, row)).failing == {}


def test_a_sweep_that_looks_for_the_latest_results_sees_those_that_were_told_too() -> None:
    detector = Detector(make_checkpoint(failing={1: (11, 3)}), Watch((3,)))
    testmo: Any = OnePage(make_page([make_result(11, test_id=1)]))
    pages = RunPages(testmo, make_run(), detector.watch, lambda: at(60), lambda: False)
    sweep = Sweep(pages, detector, make_builder(), keeps_latest=True)

    sweep.run(SweepReason.CLOSING, None, {})

    assert [row.id for row, _ in sweep.latest] == [11]


def test_a_sweep_that_did_not_see_everything_takes_nothing_out() -> None:
    before = make_checkpoint(failing={1: (11, 3), 2: (12, 5)})
    detector = Detector(before, Watch((3, 5)))

    after = finish(detector, replace(swept(detector, make_result(11, test_id=1)), saw_all=False))

    assert (after.failing, after.superseded) == ({1: (11, 3), 2: (12, 5)}, {})


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([10, 11], []),  # a case with steps has several latest rows, and one of them was announced
        ([12, 11], []),
        ([11, 12], []),
        ([12], [12]),  # the announced one is gone: the test failed anew
        ([10], [10]),
    ],
)
def test_a_row_beside_the_announced_one_is_news_only_if_that_is_not_there(rows: list[int], told: list[int]) -> None:
    detector = Detector(make_checkpoint(failing={1: (11, 3)}), Watch((3, 5)))

    sweep = sweep_with(detector)
    at_once = sweep.new_failing(make_page([make_result(key, test_id=1) for key in rows]))
    left_over = sweep.left_over()

    assert at_once == []
    assert [result.id for result, _ in left_over] == told


def test_the_newest_of_the_older_results_are_kept_and_no_more_than_fit() -> None:
    before = make_checkpoint(superseded=dict.fromkeys(range(20_001), Superseded(3)))

    after = finish(Detector(before, Watch((3, 5))), SweepEnd())

    assert (len(after.superseded), min(after.superseded), max(after.superseded)) == (20_000, 1, 20_000)


@pytest.mark.parametrize(
    ("watch", "counters", "failing", "has_unknown"),
    [
        (Watch((3, 5)), {3: 1, 5: 1}, 2, False),
        (Watch((3, 5)), {3: 1, 5: 2}, 2, True),
        (Watch((3, 5)), {3: 1}, 2, False),  # one passed since: nothing new to look for
        (Watch((3,)), {3: 1, 5: 2}, 1, False),
        (Watch((3, 5), created_by_ids=(7,)), {3: 9}, 0, False),
        (Watch((3, 5), assignee_ids=(7,)), {3: 9}, 0, False),
    ],
)
def test_counters_show_failing_tests_we_do_not_know_of(
    watch: Watch, counters: dict[int, int], failing: int, *, has_unknown: bool
) -> None:
    assert watch.has_unknown(counters, dict.fromkeys(range(failing))) is has_unknown


SPARED = {"sweep": UNFINISHED, "silent_before": START}


@pytest.mark.parametrize(
    ("checkpoint", "counters", "asked", "reason"),
    [
        ({}, {3: 1}, {}, None),
        (SPARED, {2: 5}, {}, None),  # nothing was failing before we came
        (SPARED, {2: 5, 3: 0}, {"turn": True, "closing": True}, None),
        (SPARED, {5: 1}, {}, SweepReason.FIRST_SIGHT),
        ({"silent_before": START, "swept_for": "3,5//"}, {5: 1}, {}, None),  # it ended, and the read did not
        ({"sweep": UNFINISHED}, {2: 5}, {}, SweepReason.UNFINISHED),
        ({}, {}, {"turn": True}, SweepReason.TURN),
        ({}, {}, {"closing": True}, SweepReason.CLOSING),
        ({"watching": "3//"}, {}, {}, SweepReason.OTHER_SETTINGS),
        ({"watching": "3//", "swept_for": "3,5//"}, {}, {}, None),  # that was done before the read ended
        ({}, {3: 1, 5: 1}, {}, SweepReason.UNEXPLAINED),  # two are failing, one is known
    ],
)
def test_why_a_sweep_is_due(
    checkpoint: dict[str, Any], counters: dict[int, int], asked: dict[str, bool], reason: SweepReason | None
) -> None:
    due = sweep_reason(
        make_checkpoint(**checkpoint),
        Watch((3, 5)),
        counters=counters,
        failing={1: (11, 3)},
        **{"turn": False, "closing": False, **asked},
    )

    assert due is reason


@pytest.mark.parametrize(
    ("counters", "failing", "due"), [({2: 5}, {}, False), ({2: 5}, {1: (11, 3)}, True), ({5: 1}, {}, True)]
)
def test_the_turn_of_a_sweep_is_nothing_where_no_test_is_failing_and_none_is_known_to_be(
    counters: dict[int, int],
    failing: dict[int, tuple[int, int]],
    due: bool,  # noqa: FBT001 - the case
) -> None:
    """A result that is known as failing and is not any more has to be found out: it is news if it fails again."""
    reason = sweep_reason(
        make_checkpoint(), Watch((3, 5)), counters=counters, failing=failing, turn=True, closing=False
    )

    assert (reason is not None) is due


def test_the_newest_row_handled_moves_the_cursor_up_to_when_the_read_began() -> None:
    detector = Detector(make_checkpoint(cursor=START, floor=at(-300)), Watch((3, 5)))
    detector.new_failing([make_result(1, created_at=at(90)), make_result(2, created_at=at(30))])

    assert finish(detector, SweepEnd()).cursor == at(60)
    assert finish(Detector(make_checkpoint(cursor=at(70)), Watch((3, 5))), SweepEnd()).cursor == at(70)


def make_page(results: list[Result]) -> ResultsPage:
    return ResultsPage(tuple(results), Expands(), None, len(results), at(60))


@pytest.mark.parametrize(("key", "test_id", "test"), [(5, 7, 7), (5, None, -6), (-5, None, -6), (1, None, -2)])
def test_a_row_without_a_test_has_a_place_that_no_test_can_have(key: int, test_id: int | None, test: int) -> None:
    assert make_result(key, test_id=test_id).test_key == test


@pytest.mark.parametrize(
    ("known", "row", "previous"),
    [
        ({}, {}, [None]),  # new
        ({"failing": {1: (11, 3)}}, {}, []),
        ({"failing": {1: (11, 3)}}, {"status_id": 5}, [3]),  # its status was changed since
        ({"failing": {1: (11, 0)}}, {"status_id": None}, []),
        ({"superseded": {11: Superseded(3)}}, {}, []),  # a later result was deleted
        ({"superseded": {11: Superseded(0)}}, {"status_id": None}, []),
        ({"superseded": {11: Superseded(5)}}, {}, [5]),
        ({"superseded": {11: Superseded(3, gone=True)}}, {}, []),  # nobody edited it: a later result was deleted
        ({"superseded": {11: Superseded(3, gone=True)}}, {"updated_at": at(9)}, [None]),  # edited to passed and back
        ({"superseded": {11: Superseded(0, gone=True)}}, {"status_id": None}, []),
        ({}, {"is_latest": False}, []),  # a sweep is about latest results
        ({}, {"status_id": 2}, []),
        ({}, {"is_deleted": True}, []),
    ],
)
def test_what_a_sweep_tells_depends_on_what_was_told_before(
    known: dict[str, Any], row: dict[str, Any], previous: list[int | None]
) -> None:
    detector = Detector(make_checkpoint(**known), Watch((3, 5)))

    sweep = sweep_with(detector)
    told = sweep.new_failing(make_page([make_result(11, **{"test_id": 1, **row})]))

    assert [result.previous_status_id for result in told] == previous
    assert sweep.left_over() == []


@pytest.mark.parametrize(
    ("checkpoint", "ceased", "created_at", "told"),
    [
        ({"watching": "3//"}, at(50), at(49), []),  # only the new settings match it, and it is older than they are
        ({"watching": "3//"}, at(50), at(50), [11]),
        ({"watching": "3//"}, None, at(99), []),
        ({"watching": "3//"}, at(50), None, []),
        ({"silent_before": at(50)}, None, at(49), []),  # failing before we came
        ({"silent_before": at(50)}, None, at(50), [11]),
        ({"silent_before": at(50)}, None, None, []),
        (
            {"silent_before": at(50), "superseded": {11: Superseded(3)}},
            None,
            at(49),
            [11],
        ),  # told before under another status
        ({}, None, None, [11]),
    ],
)
def test_what_a_sweep_takes_over_silently(
    checkpoint: dict[str, Any], ceased: datetime | None, created_at: datetime | None, told: list[int]
) -> None:
    detector = Detector(make_checkpoint(**checkpoint), Watch((3, 5)), ceased)

    row = make_result(11, test_id=1, status_id=5, created_at=created_at)

    assert [result.id for result in sweep_with(detector).new_failing(make_page([row]))] == told
    assert finish(detector, swept(detector, row)).failing == {1: (11, 5)}, "known from now on, told or not"
