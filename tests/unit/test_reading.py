"""Rules 1, 2, 3, 4 and 5, on the pages of one run: what each care in reading them is for.

One row is one page here, so that pages are cheap.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from testmo_notifier.errors import Invisible, NotifierError, OutOfBudget, RequestRejected, Unreadable
from testmo_notifier.model import Checkpoint, Counters, Expands, ResultsPage, ResultsQuery, Resume, Superseded
from testmo_notifier.sources.testmo_runs.paging import Paged, go_through, with_questions_of_now
from testmo_notifier.sources.testmo_runs.passes import RunQuestions
from testmo_notifier.sources.testmo_runs.reading import read_run
from testmo_notifier.sources.testmo_runs.watch import Watch
from testmo_notifier.sources.testmo_runs.window import lower_bound
from tests.support.factories import START, at, make_builder, make_checkpoint, make_result, make_run
from tests.support.plain_testmo import FAILED, Api, Delete, PlainTestmo, Poll, Save, play

WATCH = Watch((FAILED,), created_by_ids=(7,))  # people as filters: nothing asks for a sweep
API = Api(per_page=1, inclusive=True, whole_seconds=False, ties="asc", has_date=True)
ONE = Save(1, 0, 0, FAILED)
LATE = Save(1, 0, 3_000, FAILED)


def poll(*between: tuple[Save | Delete, ...], wait: float = 60, overlap: int = 5, stops_at: int | None = None) -> Poll:
    return Poll(wait_ms=int(wait * 1000), overlap=overlap, between=between, stops_at=stops_at)


def told(*polls: Poll, api: Api = API) -> list[int]:
    steps: list[tuple[Checkpoint, Checkpoint]] = []
    return play(PlainTestmo(api, masks_deletions=True), polls, WATCH, lambda *step: steps.append(step))


def test_rows_are_told_page_by_page_and_never_again() -> None:
    assert told(poll((Save(4, 0, 0, FAILED),)), poll(), poll()) == [1, 2, 3, 4]


@pytest.mark.parametrize("api", [replace(API, ties="desc"), replace(API, per_page=2), replace(API, inclusive=False)])
@pytest.mark.parametrize("whole_seconds", [True, False])
def test_rows_on_one_millisecond_are_told_once_each_whenever_they_come(api: Api, whole_seconds: bool) -> None:  # noqa: FBT001 - a case
    api = replace(api, whole_seconds=whole_seconds)
    together = Save(3, 0, 2_000, FAILED)  # the first of three on one millisecond is listed after the others

    assert sorted(told(poll((together,)), poll(), poll(), api=api)) == [1, 2, 3]


def test_a_read_that_was_cut_short_goes_on_one_page_earlier_and_repeats_nothing() -> None:
    assert told(poll((Save(5, 0, 0, FAILED),), stops_at=4), poll(), poll()) == [1, 2, 3, 4, 5]


def test_a_reading_that_is_too_large_goes_on_in_the_next_poll_and_the_floor_waits_for_its_end() -> None:
    """Row 1 becomes visible on a page that an earlier part has read: the window must still reach it."""
    steps: list[Checkpoint] = []
    testmo = PlainTestmo(API, masks_deletions=True)
    parts = [replace(poll((LATE, Save(5, 0, 0, FAILED)), wait=1), most=2), *[replace(poll(wait=1), most=2)] * 5]

    keys = play(testmo, [*parts, poll()], WATCH, lambda _, after: steps.append(after))

    assert sorted(keys) == [1, 2, 3, 4, 5, 6]
    assert len([step for step in steps if step.resume]) >= 2
    assert {step.floor for step in steps if step.resume} == {START}
    assert {step.counters is None for step in steps if step.resume} == {True}


def test_a_message_that_is_full_already_lets_nothing_more_be_asked() -> None:
    testmo = PlainTestmo(API, masks_deletions=True)
    asked: list[int] = []

    polls = [replace(poll((Save(9, 0, 0, FAILED),)), most=3), poll()]

    play(testmo, polls, WATCH, lambda *_: asked.append(testmo.requests))

    assert asked == [3, 7 + 9]  # of nine pages, of which the third is read again; then the first sweep


def test_what_is_new_is_read_alone_for_a_follow_up_question_and_the_window_stays_where_it_is() -> None:
    steps: list[tuple[Checkpoint, Checkpoint]] = []
    testmo = PlainTestmo(API, masks_deletions=True)
    told_once = poll((Save(9, 0, 0, FAILED),))
    alone = replace(poll((ONE,)), only_new=True)

    keys = play(testmo, [told_once, poll(), poll(), alone, poll()], WATCH, lambda *step: steps.append(step))

    before, after = steps[3]
    assert after.read_at != before.read_at
    assert (after.cursor, after.floor) == (before.cursor, before.floor), (
        "what becomes visible late is still to be found"
    )
    assert sorted(keys) == list(range(1, 11))


def test_where_that_is_cut_short_all_of_the_window_is_read_in_the_next_poll() -> None:
    steps: list[tuple[Checkpoint, Checkpoint]] = []
    testmo = PlainTestmo(API, masks_deletions=True)
    cut_short = replace(poll((Save(3, 0, 0, FAILED),), stops_at=3), only_new=True)

    keys = play(testmo, [poll((ONE,)), poll(), poll(), cut_short, poll()], WATCH, lambda *step: steps.append(step))

    before, after = steps[3]
    assert after.resume is not None
    assert after.resume.bound == lower_bound(before, timedelta(seconds=5))
    assert sorted(keys) == [1, 2, 3, 4]


def test_a_row_deleted_while_a_read_rests_moves_no_other_out_of_sight() -> None:
    """A new row hides the deletion from whoever counts; the page before is read again for this."""
    rests = poll((Save(5, 0, 0, FAILED),), stops_at=4)

    assert sorted(told(rests, poll((Delete(0), ONE)), poll())) == [1, 2, 3, 4, 5, 6]


def test_a_row_deleted_between_two_pages_starts_the_read_again() -> None:
    """The rows are further apart than the overlap: no later read would find the one that slipped."""
    unread = replace(poll((Save(5, 60_000, 0, FAILED),)), breaks_at=1)

    assert sorted(told(unread, poll((), (), (), (Delete(0),), wait=600), poll())) == [1, 2, 3, 4, 5]


def test_a_row_on_the_very_edge_of_the_window_is_not_told_again() -> None:
    assert told(poll((ONE,), overlap=0), *[poll(overlap=0)] * 3) == [1]


def test_the_cursor_is_the_newest_row_handled_and_never_past_the_beginning_of_the_read() -> None:
    cursors: list[float] = []
    rows = poll((Save(2, 60_000, 0, FAILED),))  # at 60.7 s, and at 120.7 s
    testmo = PlainTestmo(API, masks_deletions=True)

    play(
        testmo,
        [rows, poll(), poll(), poll()],
        WATCH,
        lambda _before, after: cursors.append((after.cursor - START).total_seconds()),
    )

    assert cursors == [60.0, 121.0 - 0.3, 120.7, 120.7]


def test_a_late_row_is_found_though_the_read_that_passed_it_took_many_polls() -> None:
    """Row 1 becomes visible on a page that was read already; the window must still reach it after the last page."""
    first = poll((LATE, Save(5, 0, 0, FAILED)), stops_at=5)
    second = poll((ONE,))  # saved a minute later: the newest row when the read ends

    assert 1 in told(first, second, poll(), poll())


def test_a_late_row_is_found_though_newer_ones_came_while_the_read_went_on() -> None:
    slow = poll((LATE, Save(3, 0, 0, FAILED)), (), (ONE,), (ONE,), (ONE,), (ONE,), overlap=3)

    assert sorted(told(slow, poll(overlap=3), poll(overlap=3))) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_raised_overlap_brings_back_no_old_rows() -> None:
    assert told(poll((ONE,), overlap=5), poll((ONE,), overlap=5), poll(overlap=86_400), poll()) == [1, 2]


def test_a_lowered_overlap_loses_and_repeats_nothing() -> None:
    assert told(poll((ONE,), overlap=300), poll((ONE,), overlap=0), poll(overlap=300), poll()) == [1, 2]


def test_a_row_from_before_the_start_is_never_told() -> None:
    testmo = PlainTestmo(API, masks_deletions=True, time=START - timedelta(seconds=1))
    testmo.happen([ONE])
    testmo.time = START

    assert play(testmo, [poll(), poll(), poll(overlap=86_400)], WATCH, lambda *_: None) == []


def test_nothing_moves_when_an_answer_breaks_off() -> None:
    broken = replace(poll((Save(4, 0, 0, FAILED),)), breaks_at=3)

    assert told(broken, poll(), poll()) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("stops_at", "then_at", "unconfirmed"),
    [
        (7, 3, [[1, 3, 4, 5, 6], [1, 4, 5, 6]]),  # one page of the sweep, then that again and one more before the read
        (8, 4, [[1, 4, 5, 6], [1, 6]]),  # two pages of the sweep, then two more before the read
        (9, 5, [[1, 5, 6], None]),  # it ends before the read does
        (6, 3, [None, None]),  # it has not begun yet
    ],
)
def test_a_sweep_over_several_polls_takes_out_what_is_gone_and_keeps_what_was_announced_meanwhile(
    stops_at: int, then_at: int, unconfirmed: list[list[int] | None]
) -> None:
    steps: list[Checkpoint] = []
    begins = replace(poll((Delete(0),), stops_at=stops_at), sweep=True)
    polls = [poll((Save(6, 0, 0, FAILED),)), begins, poll((ONE,), stops_at=then_at), poll(), poll()]

    play(PlainTestmo(API, masks_deletions=True), polls, Watch((FAILED,)), lambda _, after: steps.append(after))

    assert [step.unconfirmed and sorted(step.unconfirmed) for step in steps[1:3]] == unconfirmed
    assert steps[-1].failing == {test: (test, FAILED) for test in (2, 3, 4, 5, 6, 7)}
    assert steps[-1].superseded == {1: Superseded(FAILED, gone=True)}


def test_a_row_that_comes_twice_starts_nothing_anew_where_earlier_polls_read_the_rows_that_are_missing() -> None:
    pages = {3: a_page(3, next_page=4, total=5), 4: a_page(3, 4, next_page=5, total=5), 5: a_page(5, total=5)}
    asked: list[int] = []

    def results(_run_id: int, query: ResultsQuery, _told: object) -> ResultsPage:
        asked.append(query.page or 1)
        return pages[asked[-1]]

    seen = {1: at(60), 2: at(60), 3: at(60)}
    before = make_checkpoint(cursor=at(60), seen=seen, watching="3/7/", resume=Resume(at(-1), 4, 5, START))

    testmo = cast("Any", SimpleNamespace(results=results))
    about = RunQuestions(testmo, make_run(), WATCH, lambda: at(600), timedelta(seconds=5))

    after = read_run(about, before, make_builder(), turn=False).checkpoint

    assert (asked, after.resume) == ([3, 4, 5], None)


def test_a_sweep_that_an_older_version_began_takes_nothing_out() -> None:
    testmo = PlainTestmo(API, masks_deletions=True)
    steps: list[Checkpoint] = []
    play(testmo, [poll((Save(6, 0, 0, FAILED),))], Watch((FAILED,)), lambda _, after: steps.append(after))
    before = replace(steps[-1], sweep=Resume(None, 3, 6, START, "3//"), failing={**steps[-1].failing, 99: (98, FAILED)})
    run = make_run(counters=Counters({FAILED: 6}))

    about = RunQuestions(cast("Any", testmo), run, Watch((FAILED,)), testmo.now, timedelta(seconds=5))

    after = read_run(about, before, make_builder(), turn=False).checkpoint

    assert (after.sweep, 99 in after.failing, after.superseded) == (None, True, {})


# The paging alone


def a_page(*ids: int, next_page: int | None = None, total: int | None = None) -> ResultsPage:
    return ResultsPage(tuple(make_result(id) for id in ids), Expands(), next_page, total, None)  # noqa: A001 - rows


def read(*answers: ResultsPage | Exception, begin: Resume | None = None) -> tuple[Paged, list[int], list[int]]:
    """How it ended, the pages asked for, the rows handled."""
    script = list(answers)
    asked: list[int] = []
    handled: list[int] = []

    def fetch(_bound: object, number: int) -> ResultsPage:
        asked.append(number)
        answer = script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    begin = begin or Resume(START, 1, None)
    ended = go_through(begin, fetch, lambda page: handled.extend(row.key for row in page.results))
    assert script == []
    return ended, asked, handled


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([a_page()], [1]),
        ([a_page(1)], [1]),
        ([a_page(1, next_page=2), a_page(2)], [1, 2]),
        ([a_page(1, next_page=2), a_page(next_page=3)], [1, 2]),  # an empty page is the end
        ([a_page(1, next_page=1)], [1]),  # a page number that repeats, too
        ([a_page(1, next_page=2), a_page(2, next_page=1)], [1, 2]),
    ],
)
def test_a_read_ends(answers: list[ResultsPage], asked: list[int]) -> None:
    ended, pages_asked, _ = read(*answers)

    assert (ended.resume, pages_asked) == (None, asked)


def test_nothing_to_keep_when_not_even_the_first_page_may_be_asked_for() -> None:
    with pytest.raises(OutOfBudget):
        read(OutOfBudget("used up"))


def test_an_unfinished_read_says_where_it_was() -> None:
    ended, _, handled = read(a_page(1, next_page=2, total=9), a_page(2, next_page=3, total=9), OutOfBudget("used up"))

    assert (ended.resume, handled) == (Resume(START, 3, 9), [1, 2])


@pytest.mark.parametrize("trouble", [Unreadable("502"), RequestRejected("422"), Invisible("404", status=404)])
def test_a_page_that_cannot_be_read_ends_the_read_after_the_pages_before_it(trouble: NotifierError) -> None:
    ended, _, handled = read(a_page(1, next_page=2, total=9), trouble)

    assert (ended.resume, ended.problem, handled) == (Resume(START, 2, 9), str(trouble), [1])
    with pytest.raises(type(trouble)):
        read(trouble)


def test_rows_deleted_over_and_over_leave_the_rest_to_the_next_poll() -> None:
    answers = [a_page(1, next_page=2, total=9)]
    for restart in range(6):
        answers += [a_page(1, total=8 - restart)] if restart else [a_page(2, next_page=3, total=8)]

    ended, asked, _ = read(*answers)

    assert ended.resume == Resume(START, 1, 3)
    assert asked == [1, 2, 1, 1, 1, 1, 1], "five times again at page 1, and no sixth"


def test_what_was_interrupted_while_other_statuses_were_watched_begins_anew_on_its_first_page() -> None:
    read, sweep = Resume(START, 3, 250, at(1), "3//"), Resume(None, 4, 250, at(1), "3//")
    before = make_checkpoint(resume=read, sweep=sweep)

    same, anew = (with_questions_of_now(before, watch) for watch in (Watch((3,)), Watch((3, 5))))

    assert (same.resume, same.sweep) == (read, sweep)
    assert (anew.resume, anew.sweep) == (Resume(START, 1, None), Resume(None, 1, None))


def test_a_resumed_read_knows_when_it_began() -> None:
    begin = Resume(at(-1), 5, 9, began_at=START)
    page = replace(a_page(7), server_date=at(600))

    assert read(page, begin=begin)[0].began_at == START
    assert read(page, begin=replace(begin, page=2))[0].began_at == at(600)  # from page 1 on, all is read anew
