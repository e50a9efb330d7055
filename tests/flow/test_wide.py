"""Rules 7 and 9 where there is much to list: many projects, long lists, slow answers; on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import permutations
from statistics import median
from typing import Any

import pytest

from testmo_notifier.adapters import testmo as adapter
from tests.support.executors import AtOnce, InOrder
from tests.support.wide_testmo import Watcher, WideTestmo

HOUR = timedelta(hours=1)
LISTED = ("is_closed", "0")


def settled(watcher: Watcher, polls: int) -> Watcher:
    """After first sight."""
    for _ in range(polls):
        watcher.poll()
    return watcher


def polls_until_told(watcher: Watcher, run_id: int) -> int:
    """How many polls it takes until a result that is saved now is announced."""
    testmo = watcher.testmo
    testmo.runs[run_id].failing.append(testmo.now)
    for polls in range(1, 40):
        watcher.poll()
        if watcher.told[run_id]:
            return polls
    return 99


def test_a_failure_in_one_of_five_hundred_projects_is_told_within_six_polls() -> None:
    """Each has one run; whole hours go by, in which closed runs are looked at and every run has its turn."""
    watcher = settled(Watcher(WideTestmo(500, 1, latency=0.08), staleness=HOUR), 40)

    took = [polls_until_told(watcher, run_id) for run_id in range(1, 500, 29)]

    assert max(took) <= 6
    assert median(took) <= 5


def test_news_in_many_projects_slow_the_lists_down_and_are_told_all_the_same() -> None:
    watcher = settled(Watcher(WideTestmo(300, 1, latency=0.08), staleness=HOUR), 20)
    for run_id in range(1, 300, 4):
        watcher.testmo.runs[run_id].failing.append(watcher.testmo.now)
    settled(watcher, 7)

    assert watcher.told == dict.fromkeys(range(1, 300, 4), 1)


def test_where_every_poll_spends_its_minute_none_begins_to_ask_later_than_the_one_before() -> None:
    """By whole seconds each would by up to one, until a poll waits in vain and a failure is told by the next one."""
    staleness, requests = timedelta(minutes=5), 30
    watcher = Watcher(WideTestmo(1, 300, latency=0.1), staleness=staleness, requests_per_minute=requests)
    settled(watcher, 20)

    took = [polls_until_told(watcher, run_id) for run_id in range(1, 300, 10)]

    assert watcher.control.left.turns, "more is due than a minute may take"
    assert took == [1] * 30


def test_one_invocation_follows_so_many_runs_that_every_fifth_has_its_turn() -> None:
    """550 runs with answers of 3 s take what 20,000 take with answers of 80 ms, or 5,500 with 300 ms."""
    watcher = Watcher(WideTestmo(1, 550, latency=3.0), staleness=timedelta(minutes=5), requests_per_minute=10_000)
    settled(watcher, 9)

    summaries = [watcher.poll() for _ in range(5)]

    assert [(summary.status, summary.lag_seconds) for summary in summaries] == [("ok", 0.0)] * 5


def test_the_pages_of_a_long_list_are_read_side_by_side() -> None:
    watcher = Watcher(WideTestmo(1, 1_700, latency=1.0), staleness=HOUR, requests_per_minute=480)
    seen: list[float] = []

    def note(_path: str, query: Mapping[str, str]) -> None:
        if LISTED in query.items():
            seen.append(watcher.testmo.clock.seconds)

    watcher.testmo.before = note
    watcher.poll()

    assert seen == [1.0, *[2.0] * 15, 3.0], "the first, then as many as there are workers but the one that waits"


def reads_of(watcher: Watcher, polls: int) -> int:
    """How often results are asked for in so many polls."""
    watcher.testmo.asked.clear()
    settled(watcher, polls)
    return sum(path.endswith("/results") for path in watcher.testmo.asked)


def test_a_run_that_testmo_cannot_show_makes_no_other_run_due() -> None:
    """Its project shares a Testmo with more projects than one poll has requests for."""
    testmo = WideTestmo(150, 1)
    ill, *_ = (testmo.open_run(1) for _ in range(60))
    watcher = settled(Watcher(testmo, staleness=HOUR), 20)
    before = reads_of(watcher, 30)
    testmo.refused[f"/runs/{ill.id}/results"] = 500
    settled(watcher, 90)

    assert reads_of(watcher, 30) <= 2 * before
    assert watcher.poll().lag_seconds > 3_000


def test_a_run_that_is_half_read_is_late_since_then_while_its_project_is_left_out() -> None:
    """Its first page comes and its second does not, in every poll that looks at its project."""
    testmo = WideTestmo(300, 1)
    watcher = settled(Watcher(testmo, staleness=HOUR), 20)
    testmo.runs[7].failing += [testmo.now + timedelta(milliseconds=n) for n in range(150)]

    def cut(path: str, query: Mapping[str, str]) -> None:
        testmo.refused = {path: 500} if path == "/runs/7/results" and query["page"] == "2" else {}

    testmo.before = cut
    lags = [watcher.poll().lag_seconds for _ in range(45)]

    assert watcher.store.checkpoints([7])[7].resume is not None
    assert lags[-1] > 2_000


def test_projects_with_more_news_than_the_budget_suffices_for_are_up_to_date_again_after_it() -> None:
    """More news than the budget suffices for must not make lists longer, and turns come twice."""
    testmo = WideTestmo(8, 1)
    watcher = settled(Watcher(testmo, staleness=timedelta(minutes=5), requests_per_minute=10), 20)
    for row in testmo.runs.values():
        row.failing += [testmo.now + timedelta(milliseconds=n) for n in range(150)]
    settled(watcher, 100)

    assert (watcher.total, watcher.poll().lag_seconds < 600) == (8 * 150, True)


def test_a_run_that_is_read_half_is_read_on_by_the_very_next_poll() -> None:
    testmo = WideTestmo(300, 1)
    watcher = settled(Watcher(testmo, staleness=HOUR), 20)
    testmo.runs[7].failing += [testmo.now + timedelta(milliseconds=n) for n in range(9_000)]
    totals = [settled(watcher, 1).total for _ in range(12)]
    begun = next(number for number, total in enumerate(totals) if total)

    assert totals[begun + 1] > totals[begun]


def test_a_poll_that_may_ask_for_nothing_counts_from_the_last_one_that_looked() -> None:
    """No poll ever sees all of these projects, and that is no reason for an alarm."""
    watcher = settled(Watcher(WideTestmo(300, 1), staleness=HOUR), 30)
    watcher.testmo.refused["/projects"] = 429
    lags = [watcher.poll().lag_seconds for _ in range(20)]

    assert (lags[0] <= 120, lags[-1] > 1_100) == (True, True)


def test_what_is_deleted_is_late_no_more_though_no_poll_sees_every_project() -> None:
    testmo = WideTestmo(300, 1)
    watcher = settled(Watcher(testmo, staleness=HOUR), 20)
    testmo.refused["/runs/7/results"] = 500
    testmo.runs[7].failing.append(testmo.now)
    late = settled(watcher, 30).poll()
    testmo.delete_run(testmo.runs[7])
    summary = settled(watcher, 12).poll()

    assert (late.lag_seconds > 1_500, summary.lag_seconds < 400) == (True, True)
    assert watcher.control.left.undone == frozenset()


def close(*run_ids: int) -> Callable[[WideTestmo], None]:
    def action(testmo: WideTestmo) -> None:
        for run_id in run_ids:
            testmo.close_run(testmo.runs[run_id])

    return action


def reopen(testmo: WideTestmo) -> None:
    testmo.reopen_run(testmo.runs[3])


def add(testmo: WideTestmo) -> None:
    testmo.open_run(1).failing.append(testmo.now)


CHANGES: Mapping[str, tuple[Callable[[WideTestmo], None], ...]] = {
    "one closes": (close(1),),
    "two close": (close(2, 6),),
    "one is opened again": (reopen,),
    "one closes and one is opened again": (close(9), reopen),
    "one is new": (add,),
    "one is new and one closes": (add, close(1)),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("before_page", ["1", "2", "3", "4"])
def test_a_run_that_moves_between_pages_that_are_read_at_once_is_told_once(
    what: str, before_page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever order the pages of an open list are answered, and whenever between them the list changes."""
    monkeypatch.setattr(adapter, "MAX_PER_PAGE", 4)
    monkeypatch.setattr(adapter, "SIZES", (4,))
    for order in permutations(range(3)):
        testmo = WideTestmo(1, 15, per_page=4)
        watcher = Watcher(testmo, staleness=timedelta(minutes=2))
        watcher.poll()
        testmo.close_run(testmo.runs[3])
        settled(watcher, 8)
        for row in testmo.runs.values():
            row.failing.append(testmo.now)
        changed: list[str] = []

        def change(
            _path: str, query: Mapping[str, str], changed: list[str] = changed, testmo: WideTestmo = testmo
        ) -> None:
            if LISTED in query.items() and query["page"] == before_page and not changed:
                changed.append(what)
                for action in CHANGES[what]:
                    action(testmo)

        def arranged(jobs: list[Any], order: tuple[int, ...] = order) -> None:
            if len(jobs) == len(order):
                jobs[:] = [jobs[n] for n in order]

        testmo.before = change
        executors = iter([InOrder(arranged), AtOnce()])  # for lists, and for results
        watcher.poll(executor=lambda _workers, executors=executors: next(executors))
        settled(watcher, 8)

        expected = set(testmo.runs) - ({3} if testmo.runs[3].closed_at else set())
        assert changed
        assert (watcher.told.keys() - {3}, set(watcher.told.values())) == (expected - {3}, {1}), order


@pytest.mark.parametrize(("said", "asked"), [({"last_page": 9}, 4), ({"total": 10**6}, 4), ({"last_page": 2}, 4)])
def test_what_a_list_says_of_its_length_is_a_hint_and_next_page_counts(said: dict[str, int], asked: int) -> None:
    """A wrong number costs no request, and hides no run."""
    testmo = WideTestmo(1, 350)
    watcher = Watcher(testmo, staleness=HOUR, requests_per_minute=2_000)
    testmo.spoil = lambda query: said if LISTED in query.items() and query["page"] == "1" else {}
    summary = watcher.poll()

    assert summary.runs_open == 350
    assert sum(path == "/projects/1/runs" for path in testmo.asked) - 1 == asked
