"""Rules 18 and 19, piece by piece: what follow-up questions read, when a look is due, what they take of a poll."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from testmo_notifier.errors import NotifierError, OutOfBudget, RequestRejected, Unreadable
from testmo_notifier.model import (
    CHANGED,
    NEW,
    RECOVERED,
    Checkpoint,
    Expands,
    Passes,
    Passing,
    Result,
    ResultsPage,
    ResultsQuery,
    Resume,
    Told,
    Watching,
)
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.routes import Route, Routes
from testmo_notifier.polling.due import has_changed, is_done, owes_passes
from testmo_notifier.polling.follow_up_questions import RequestShare, with_ends, with_passed
from testmo_notifier.polling.marks import Marks
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.sources.testmo_runs.follow_up import is_over
from testmo_notifier.sources.testmo_runs.passes import FollowUp, RunQuestions, ask_for_passes, noted
from testmo_notifier.sources.testmo_runs.recovered import awaited, is_due
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import START, at, make_checkpoint, make_result, make_run
from tests.support.telling import ALL

OVERLAP = timedelta(seconds=300)
TO_TEAM = frozenset({"slack:default"})


class Pages:
    """A Testmo whose results are these pages, oldest first, asked for one after the other; an error is raised."""

    def __init__(self, *pages: list[Result] | NotifierError, total: int | None = None) -> None:
        self.pages, self.total = pages, total
        self.asked: list[ResultsQuery] = []

    def results(self, _run_id: int, query: ResultsQuery, _told: object = None, /) -> ResultsPage:
        self.asked.append(query)
        page = self.pages[(query.page or 1) - 1]
        if isinstance(page, NotifierError):
            raise page
        following = (query.page or 1) + 1
        next_page = following if following <= len(self.pages) else None
        return ResultsPage(tuple(page), Expands(), next_page, self.total, at(600))


def follow_ups(testmo: Pages, may_ask: Callable[[int], bool] = lambda _: True) -> RunQuestions:
    return RunQuestions(testmo, make_run(), Watch((3, 5)), lambda: START, OVERLAP, FollowUp(may_ask=may_ask))  # type: ignore[arg-type]  # one call is made


def failing(**given: object) -> Checkpoint:
    """A run in which test 1 was failing before."""
    return replace(make_checkpoint(failing={1: (11, 3)}, told={1: Told(1, at(0), at(0), TO_TEAM)}), **given)  # type: ignore[arg-type]


def asked(testmo: Pages, before: Checkpoint, may_ask: Callable[[int], bool] = lambda _: True) -> tuple[Passes, Passing]:
    answer = ask_for_passes(follow_ups(testmo, may_ask), before, before, frozenset(), new=(), twice=False)
    assert answer.passing is not None
    return answer.passes, answer.passing


def passed(id: int, seconds: float, test: int = 1) -> Result:  # noqa: A002 - the field's name
    return make_result(id, test_id=test, status_id=2, created_at=at(seconds))


def test_passes_are_asked_for_by_status_alone_from_an_overlap_before_the_newest_on() -> None:
    testmo = Pages([passed(20, 400), passed(21, 410, test=7)])
    passes, passing = asked(testmo, failing(passing=Passing(at(350))))

    (query,) = testmo.asked
    assert (query.status_id, query.created_by, query.assignee_id, query.get_latest_result) == ((2,), (), (), None)
    assert query.created_after == at(49)
    assert passes == Passes(complete=True, times={1: (at(400),)})
    assert passing.cursor == at(410)


@pytest.mark.parametrize(("order", "pages"), [("desc", [1, 2]), ("asc", [1, 2] * 6)])
def test_rows_that_come_twice_are_no_sign_of_others_that_slipped_where_the_newest_come_first(
    order: str, pages: list[int]
) -> None:
    """What is saved meanwhile moves rows to later pages, and counts. From the oldest on it would mean a new start."""
    testmo = Pages([passed(20, 400)], [passed(20, 400)], total=2)
    read = follow_ups(testmo).go_through(Resume(None, 1, None), ResultsQuery(order=order), lambda _: None)

    assert [query.page for query in testmo.asked] == pages
    assert (read.resume is None) is (order == "desc")


def test_a_pass_that_is_dated_ahead_moves_nothing_past_what_is_still_to_come() -> None:
    _, passing = asked(Pages([passed(20, 9000)]), failing(passing=Passing(at(350))))

    assert passing.cursor == at(600)


def test_what_was_read_half_is_not_complete_and_goes_on_where_it_stopped() -> None:
    left = iter([True, True, False, True])
    testmo = Pages([passed(20, 400)], [passed(21, 410)], [passed(22, 420)])
    passes, passing = asked(testmo, failing(passing=Passing(at(350))), lambda n: n < 0 or next(left))
    assert (passes.complete, passes.times) == (False, {1: (at(400), at(410))})
    assert passing.cursor == at(350)
    assert passing.is_unfinished

    passes, passing = asked(testmo, failing(passing=passing))
    assert [query.page for query in testmo.asked] == [1, 2, 2, 3]
    assert {query.created_after for query in testmo.asked} == {at(49)}
    assert (passes.complete, passing.resume, passing.cursor) == (True, None, at(420))


def test_what_was_read_half_begins_anew_where_other_statuses_count_as_passed_by_now() -> None:
    testmo = Pages([passed(20, 400)], [passed(21, 410)])
    asked(testmo, failing(passing=Passing(at(350), resume=Resume(at(40), 2, 2, at(500), "2,8/asc"))))

    assert [(query.page, query.created_after) for query in testmo.asked] == [(1, at(40)), (2, at(40))]


@pytest.mark.parametrize("error", [Unreadable("502"), RequestRejected("422"), OutOfBudget("used up")])
def test_what_goes_wrong_says_that_nothing_is_known_and_takes_nothing_from_the_read(error: NotifierError) -> None:
    passes, passing = asked(Pages(error), failing(passing=Passing(at(350))))

    assert passes == Passes(complete=False)
    assert passing == Passing(at(350))


def test_a_read_that_goes_on_asks_for_no_page_unless_it_can_get_one_further() -> None:
    """It begins one page earlier: with a single request in each poll it would read the same page for ever."""
    testmo = Pages([passed(20, 400)], [passed(21, 410)])
    resume = Resume(at(49), 2, 2, at(500), "2/asc")
    _, passing = asked(testmo, failing(passing=Passing(at(350), resume=resume)), lambda requests: requests < 2)

    assert testmo.asked == []
    assert passing.resume == resume


def test_a_run_without_failing_tests_is_asked_nothing_and_it_is_kept_from_where_on_passes_will_matter() -> None:
    testmo, before = Pages([]), make_checkpoint(cursor=at(500), floor=at(200))
    after = replace(before, failing={1: (11, 3)}, cursor=at(900), read_at=at(901))
    answer = ask_for_passes(follow_ups(testmo), before, after, frozenset(), new=(), twice=False)
    calm = ask_for_passes(follow_ups(testmo), before, before, frozenset(), new=(), twice=False)

    assert testmo.asked == []
    assert answer.passing == Passing(at(199), looked_at=at(901))
    assert calm.passing is None


def test_two_failures_of_one_test_in_the_first_reading_are_asked_about() -> None:
    testmo = Pages([passed(20, 10)])
    before = make_checkpoint()
    after = replace(before, failing={1: (11, 3)})
    answer = ask_for_passes(follow_ups(testmo), before, after, frozenset(), new={1}, twice=True)

    assert answer.passes == Passes(complete=True, times={1: (at(10),)})


@pytest.mark.parametrize("unfinished", [{"resume": Resume(at(0), 2, 2)}, {"sweep": Resume(None, 2, 2)}])
def test_passes_wait_for_the_failing_results(unfinished: dict[str, Resume]) -> None:
    testmo = Pages([])
    after = failing(**unfinished)
    answer = ask_for_passes(follow_ups(testmo), failing(), after, frozenset(), new=(), twice=False)

    assert (testmo.asked, answer.passes.complete) == ([], False)


def test_a_pass_is_noted_once_and_only_if_it_came_after_the_failure() -> None:
    told = {1: Told(last=at(100)), 2: Told(last=at(100), passed_at=at(200)), 3: Told(last=at(100))}
    passes = Passes(complete=True, times={1: (at(90), at(150)), 2: (at(200),), 3: (at(100),), 4: (at(150),)})

    assert noted(told, passes) == {1}
    assert {test: one.passed_at for test, one in told.items()} == {1: at(150), 2: at(200), 3: None}
    assert noted(told, passes) == frozenset()


def test_a_recovery_is_awaited_of_tests_that_somebody_who_asks_was_told_of() -> None:
    told = {
        1: Told(destinations=TO_TEAM),
        2: Told(destinations=frozenset({"email:default"})),
        -3: Told(destinations=TO_TEAM),
    }

    assert awaited(told, asking("slack:default", notify=ALL)) == {1}
    assert awaited(told, asking("slack:default")) == frozenset()
    assert awaited(told, asking("event:news", notify=frozenset({RECOVERED}))) == {1, 2}


@pytest.mark.parametrize("given", [{"notify": frozenset({NEW, CHANGED})}, {"after": 2}])
def test_a_recovery_is_awaited_of_every_test_where_what_fails_next_is_told_as_new_or_not_at_all(
    given: dict[str, Any],
) -> None:
    told = {1: Told(destinations=TO_TEAM), 2: Told(), -3: Told()}

    assert awaited(told, asking("slack:default", **given)) == {1, 2}


def asking(to: str, **given: Any) -> Audience:  # noqa: ANN401 - a route's fields
    """The audience of one route."""
    return Audience(Routes((Route((to,), **given),)), (to, "event"), {})


@pytest.mark.parametrize(
    ("passing", "short_by", "expected"),
    [
        pytest.param(Passing(START, looked_at=at(0)), 0, False, id="nothing points to a recovery"),
        pytest.param(Passing(START, looked_at=at(0), due=frozenset({1})), 0, True, id="a pass was read"),
        pytest.param(Passing(START, looked_at=at(0)), 1, True, id="fewer are failing than are known"),
        pytest.param(Passing(START, looked_at=at(0), short_by=1), 1, False, id="as many fewer as at the last look"),
        pytest.param(Passing(START, looked_at=at(-3000)), 0, True, id="an hour ago"),
    ],
)
def test_when_a_look_is_due(passing: Passing, short_by: int, expected: bool) -> None:  # noqa: FBT001 - a case
    assert is_due(passing, {1}, short_by=short_by, began_at=at(600)) is expected
    assert not is_due(passing, (), short_by=short_by, began_at=at(600)), "nobody waits for anything"


@pytest.mark.parametrize(
    "passing",
    [
        Passing(START, resume=Resume(START, 2, 2)),
        Passing(START, due=frozenset({1})),
    ],
)
def test_a_run_whose_passes_are_read_half_is_due_again(passing: Passing) -> None:
    run, watch = make_run(), Watch((3, 5))
    calm = make_checkpoint(counters=run.counters.by_status, read_at=START, watching=watch.fingerprint)
    marks = Marks("epoch")
    assert marks.of(calm) is not None
    assert not has_changed(run, calm, watch, START, OVERLAP)

    half = replace(calm, passing=passing)
    assert marks.of(half) is None
    assert not has_changed(run, half, watch, START, OVERLAP), "its failing results were read"
    assert owes_passes(half)
    closed = make_run(is_closed=True, closed_at=START, counters=replace(run.counters, by_status={}))
    for began_at in (at(1), at(299), at(301)):
        counted = replace(half, counters={}, closed_at=START)
        assert has_changed(closed, counted, watch, began_at, OVERLAP), "all of its window is read once it is closed"
    read = replace(half, closed_at=START, read_at=at(400))
    assert not is_done(closed, read, OVERLAP, {})
    assert is_done(closed, replace(read, passing=None), OVERLAP, {})
    assert is_done(closed, replace(read, read_at=at(4000)), OVERLAP, {}), "not for ever"


def limit(requests: int) -> RateLimit:
    return RateLimit(requests, spent={}, now=lambda: 0.0, sleep=lambda _: None, seconds_left=lambda: 60.0)


def test_it_takes_a_quarter_of_the_requests() -> None:
    share = RequestShare(limit(40), 40, waiting=0)

    assert [share.take(1) for _ in range(12)] == [True] * 10 + [False] * 2
    share.take(-2)
    assert share.take(2)
    assert not share.take(1)


def test_it_leaves_each_run_that_is_due_its_request() -> None:
    rate_limit = limit(40)
    share = RequestShare(rate_limit, 40, waiting=4)
    for _ in range(36):
        rate_limit.enter()
    assert not share.take(1)

    share.was_read()
    assert share.take(1)


def test_it_leaves_them_the_time_for_it_too() -> None:
    """Answers take ten seconds here, and 25 are left for four of them at a time."""
    clock = [0.0]
    rate_limit = RateLimit(
        120, spent={}, now=lambda: clock[0], sleep=lambda _: None, seconds_left=lambda: 48.0 - clock[0]
    )
    share = RequestShare(rate_limit, 120, waiting=7)
    assert share.take(1)
    with rate_limit.request():
        clock[0] = 10.0
    assert rate_limit.left == 8

    assert share.take(1)
    assert not RequestShare(rate_limit, 120, waiting=8).take(1)


def test_the_smallest_budget_lets_it_get_on() -> None:
    assert RequestShare(limit(6), 6, waiting=0).take(2)


def test_what_testmo_does_not_mention_counts_as_it_did_before() -> None:
    assert with_passed(frozenset({2}), {3: False, 8: True}) == {2, 8}
    assert with_passed(frozenset({2, 8}), {2: False}) == {8}


def test_since_when_the_ends_of_runs_are_asked_for_is_kept_while_a_route_does() -> None:
    asked_since = with_ends(Watching(), asked=True, at=at(0))

    assert with_ends(asked_since, asked=True, at=at(60)).finished_since == at(0)
    assert with_ends(asked_since, asked=False, at=at(60)).finished_since is None


CLOSED = make_run(is_closed=True, closed_at=at(0))
LAST = make_checkpoint(read_at=at(300), closed_at=at(0))


@pytest.mark.parametrize(
    ("before", "after", "since", "expected"),
    [
        pytest.param(LAST, LAST, at(-60), True, id="read for the last time"),
        pytest.param(LAST, replace(LAST, read_at=at(299)), at(-60), False, id="rows may still become visible"),
        pytest.param(LAST, replace(LAST, sweep=Resume(None, 2, 2)), at(-60), False, id="its sweep goes on"),
        pytest.param(
            LAST, replace(LAST, sweep=Resume(None, 2, 2), read_at=at(3900)), at(-60), True, id="its sweep never ends"
        ),
        pytest.param(LAST, replace(LAST, resume=Resume(START, 2, 2)), at(-60), False, id="half read"),
        pytest.param(replace(LAST, finished_for=at(0)), LAST, at(-60), False, id="told already"),
        pytest.param(replace(LAST, finished_for=at(-9)), LAST, at(-60), True, id="closed once before"),
        pytest.param(LAST, LAST, at(1), False, id="closed before anybody asked"),
        pytest.param(LAST, LAST, None, False, id="nobody asks"),
    ],
)
def test_when_a_run_is_over(before: Checkpoint, after: Checkpoint, since: object, expected: bool) -> None:  # noqa: FBT001 - a case
    assert is_over(CLOSED, before, after, since, OVERLAP) is expected  # type: ignore[arg-type]  # a time or None


@pytest.mark.parametrize("given", [{"is_closed": True}, {"closed_at": at(0)}])
def test_a_run_of_which_it_is_not_known_when_it_was_closed_or_that_is_open_again_is_not_over(
    given: dict[str, Any],
) -> None:
    assert is_over(make_run(**given), LAST, LAST, at(-60), OVERLAP) is False
