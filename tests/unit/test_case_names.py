"""Case names are a courtesy: a few pages a poll, never more than half of the budget, never an announcement late."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

import pytest

from testmo_notifier.errors import OutOfBudget, Unreadable
from testmo_notifier.model import CASES, CaseProgress, CasesPage
from testmo_notifier.polling.case_names import CaseNames, Completed, Known, has_unnamed, with_names
from testmo_notifier.polling.rate_limit import RateLimit
from tests.support.factories import START, at, make_digest, make_named
from tests.support.memory import MemoryStore

SHOP, GARDEN = 3, 4
Page = tuple[Mapping[int, str], datetime | None, int | None]
ONE_PAGE: dict[int, Page] = {1: ({120: "Login"}, at(-60), None)}


class Cases:
    """A Testmo that has cases and nothing else; remembers what it was asked."""

    def __init__(self, pages: Mapping[int, Page] = ONE_PAGE) -> None:
        self.pages = dict(pages)
        self.asked: list[tuple[int, int, datetime | None]] = []
        self.fails: dict[int, Exception] = {}

    def cases(self, project_id: int, *, page: int, created_after: datetime | None) -> CasesPage:
        self.asked.append((project_id, page, created_after))
        if page in self.fails:
            raise self.fails[page]
        return CasesPage(*self.pages[page])


class Counting(MemoryStore):
    """Knows what was read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_up: list[list[int]] = []
        self.progress_read = 0

    def case_names(self, project_id: int, case_ids: Collection[int], of: str = CASES) -> dict[int, str]:
        self.looked_up.append(sorted(case_ids))
        return super().case_names(project_id, case_ids, of)

    def case_progress(self, project_id: int, of: str = CASES) -> CaseProgress:
        self.progress_read += 1
        return super().case_progress(project_id, of)


class Desk:
    """One poll after the other, over the same table."""

    def __init__(self, testmo: Cases) -> None:
        self.testmo = testmo
        self.store = Counting()
        self.now = START
        self.completed: Completed = {}

    def learn(
        self, *urgent: int, others: tuple[int, ...] = (SHOP,), has_room: Callable[[], bool] = lambda: True
    ) -> CaseNames:
        names = CaseNames(self.testmo, self.store, now=self.now, has_room=has_room, completed=self.completed)  # type: ignore[arg-type]
        names.learn(urgent, others)
        return names

    @property
    def pages(self) -> list[int]:
        return [page for _, page, _ in self.testmo.asked]


def many_pages(number: int) -> dict[int, Page]:
    return {
        page: ({page: f"Case {page}"}, at(page), page + 1 if page < number else None) for page in range(1, number + 1)
    }


def test_twenty_pages_are_read_in_a_poll_and_the_next_one_goes_on_there() -> None:
    desk = Desk(Cases(many_pages(23)))

    desk.learn()
    assert desk.pages == list(range(1, 21))
    assert desk.store.case_progress(SHOP) == CaseProgress(newest=at(20), next_page=21)

    desk.learn()
    assert desk.pages == list(range(1, 24))
    assert desk.store.case_progress(SHOP) == CaseProgress(newest=at(23), next_page=1, completed_at=START)
    assert desk.store.case_names(SHOP, range(30)) == {page: f"Case {page}" for page in range(1, 24)}


def test_what_is_known_is_not_asked_again_for_a_day_and_then_once() -> None:
    desk = Desk(Cases())
    desk.learn()

    desk.now = START + timedelta(hours=23, minutes=59)
    desk.learn()
    assert desk.pages == [1]

    desk.now = START + timedelta(days=1)
    desk.testmo.pages = {1: ({120: "Sign in"}, at(-60), None)}
    desk.learn()
    assert desk.pages == [1, 1]
    assert desk.store.case_names(SHOP, [120]) == {120: "Sign in"}


def test_a_project_with_an_unnamed_result_is_asked_first_and_only_for_what_is_new() -> None:
    desk = Desk(Cases())
    desk.learn(others=(SHOP, GARDEN))
    desk.testmo.asked.clear()
    desk.testmo.pages = {1: ({121: "Log out"}, at(60), 2), 2: ({122: "Pay"}, at(30), None)}

    desk.learn(GARDEN, others=(SHOP, GARDEN))

    assert desk.testmo.asked == [(GARDEN, 1, at(-61)), (GARDEN, 2, at(-61))]
    assert desk.store.case_names(GARDEN, [121, 122]) == {121: "Log out", 122: "Pay"}
    assert desk.store.case_progress(GARDEN) == CaseProgress(newest=at(60), next_page=1, completed_at=START)


def test_projects_with_unnamed_results_come_before_the_others_and_each_once() -> None:
    desk = Desk(Cases())

    desk.learn(GARDEN, GARDEN, others=(SHOP, GARDEN))

    assert [project for project, _, _ in desk.testmo.asked] == [GARDEN, SHOP]


def test_an_unnamed_result_is_looked_for_among_the_new_cases_only_if_all_are_known() -> None:
    """A first paging that is still under way will come to it, and one that just ended has seen it."""
    desk = Desk(Cases(many_pages(23)))

    desk.learn(SHOP)
    desk.learn(SHOP)

    assert desk.pages == list(range(1, 24))


def test_what_is_new_is_asked_for_again_from_the_same_moment_until_it_was_read_to_its_end() -> None:
    desk = Desk(Cases())
    desk.learn()
    desk.testmo.asked.clear()
    desk.testmo.pages = many_pages(2)
    desk.testmo.fails[2] = Unreadable("500")

    desk.learn(SHOP)
    assert desk.store.case_progress(SHOP).newest == at(-60)

    desk.testmo.fails.clear()
    desk.learn(SHOP)
    assert desk.testmo.asked == [(SHOP, 1, at(-61)), (SHOP, 2, at(-61)), (SHOP, 1, at(-61)), (SHOP, 2, at(-61))]
    assert desk.store.case_progress(SHOP).newest == at(2)


def test_new_cases_that_are_read_by_half_are_asked_for_from_the_same_moment_again() -> None:
    desk = Desk(Cases())
    desk.learn()
    desk.testmo.asked.clear()
    desk.testmo.pages = many_pages(23)

    desk.learn(SHOP)

    assert desk.pages == list(range(1, 21))
    assert desk.store.case_progress(SHOP).newest == at(-60), (
        "the cases behind page 20 may be older than those before it"
    )


def test_new_cases_of_a_project_that_had_none_are_asked_for_from_the_beginning() -> None:
    desk = Desk(Cases({1: ({}, None, None)}))
    desk.learn()

    desk.learn(SHOP)

    assert desk.testmo.asked == [(SHOP, 1, None), (SHOP, 1, None)]


def test_names_take_no_request_from_results_once_half_of_the_budget_is_spent() -> None:
    rate_limit = RateLimit(10, spent={}, now=lambda: 1_000_000.0, sleep=lambda _: None, seconds_left=lambda: 60.0)
    desk = Desk(Cases(many_pages(23)))
    desk.testmo.cases, ask = asking(rate_limit, desk.testmo), desk.testmo.cases  # type: ignore[method-assign]

    desk.learn(has_room=rate_limit.has_room)

    assert (rate_limit.requests, desk.pages) == (5, [1, 2, 3, 4, 5])
    assert ask(SHOP, page=6, created_after=None).next_page == 7


def asking(rate_limit: RateLimit, testmo: Cases) -> Callable[..., CasesPage]:
    ask = testmo.cases

    def cases(project_id: int, *, page: int, created_after: datetime | None) -> CasesPage:
        rate_limit.enter()
        return ask(project_id, page=page, created_after=created_after)

    return cases


def test_names_have_no_room_in_a_poll_that_testmo_stopped() -> None:
    rate_limit = RateLimit(10, spent={}, now=lambda: 1_000_000.0, sleep=lambda _: None, seconds_left=lambda: 60.0)
    assert rate_limit.has_room()

    rate_limit.close(OutOfBudget("used up"))

    assert not rate_limit.has_room()


@pytest.mark.parametrize(("error", "said"), [(Unreadable("500"), True), (OutOfBudget("used up"), False)])
def test_what_goes_wrong_ends_the_learning_and_keeps_what_was_learned(error: Exception, said: bool) -> None:  # noqa: FBT001 - the case
    desk = Desk(Cases(many_pages(3)))
    desk.testmo.fails[2] = error

    names = desk.learn(others=(SHOP, GARDEN))

    assert names.problems == (["case names are not complete yet: 500"] if said else [])
    assert [(project, page) for project, page, _ in desk.testmo.asked] == [(SHOP, 1), (SHOP, 2)]
    assert desk.store.case_names(SHOP, [1, 2]) == {1: "Case 1"}
    assert desk.store.case_progress(SHOP).next_page == 2


def test_a_digest_gets_the_names_that_are_known_short_and_in_one_line() -> None:
    desk = Desk(Cases({1: ({120: "Log\nin", 121: "x" * 300, 122: "\u200b"}, None, None)}))
    names = desk.learn()
    cases = (120, 121, 122, 999, None)
    digest = make_digest([make_named(n, case_id=case, case_name="old") for n, case in enumerate(cases)])

    named = [result.case_name for result in names.name(digest).results]

    assert named[0] == "Log in"
    assert len(named[1] or "") == 200
    assert named[2:] == [None, None, None]


def test_a_result_without_a_case_has_neither_name_nor_folder_of_case_one() -> None:
    digest = make_digest([make_named(1, case_id=1), make_named(2, case_id=None)])

    named = with_names(digest, {SHOP: Known({1: "Login"}, {1: "7 Checkout"})}).results

    assert [(one.case_name, one.folder_id, one.folder) for one in named] == [
        ("Login", 7, "Checkout"),
        (None, None, None),
    ]


@pytest.mark.parametrize(
    ("case_id", "case_name", "waits"), [(120, None, True), (120, "Login", False), (None, None, False)]
)
def test_a_message_waits_for_a_name_only_if_there_is_a_case_without_one(
    case_id: int | None, case_name: str | None, *, waits: bool
) -> None:
    assert has_unnamed(make_digest([make_named(1), make_named(2, case_id=case_id, case_name=case_name)])) is waits


def test_a_name_is_read_once_a_poll_however_many_runs_have_its_case() -> None:
    desk = Desk(Cases({1: ({120: "Login", 121: "Pay"}, at(-60), None)}))
    names = desk.learn(SHOP)
    desk.store.looked_up.clear()
    digest = make_digest([make_named(1, case_id=120), make_named(2, case_id=999)])

    for _ in range(10):
        named = names.name(digest)
    other = names.name(make_digest([make_named(3, case_id=120), make_named(4, case_id=121)]))

    assert [result.case_name for result in named.results] == ["Login", None]
    assert [result.case_name for result in other.results] == ["Login", "Pay"]
    assert desk.store.looked_up == [[120, 999], [121]]


def test_what_a_poll_learns_is_known_at_once_to_whom_it_was_unknown() -> None:
    desk = Desk(Cases())
    names = desk.learn(others=())

    before = names.name(make_digest([make_named(1, case_id=120)]))
    names.learn([SHOP], [])
    after = names.name(before)

    assert [before.results[0].case_name, after.results[0].case_name] == [None, "Login"]


def test_names_that_are_known_are_looked_up_without_a_request() -> None:
    desk = Desk(Cases({1: ({120: "Login", 121: "Pay"}, at(-60), None)}))
    names = desk.learn(SHOP)
    desk.testmo.asked.clear()

    assert names.of(SHOP, [120, 121]) == {120: "Login", 121: "Pay"}
    assert desk.pages == []


def test_nothing_is_read_of_a_project_whose_names_are_complete_until_the_day_is_over_or_one_is_missing() -> None:
    desk = Desk(Cases())
    reads = []
    for hours, urgent in ((0, ()), (1, ()), (1, ()), (1, (SHOP,)), (22, ())):
        desk.now += timedelta(hours=hours)
        before = desk.store.progress_read
        desk.learn(*urgent)
        reads.append(desk.store.progress_read - before)

    assert reads == [1, 1, 0, 1, 1]
    assert desk.pages == [1, 1, 1]
