"""Rule 17: why a failing result is told: new, again, and how many in a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from testmo_notifier.model import AGAIN, NEW, Passes, Told
from testmo_notifier.notices import judge
from testmo_notifier.notices.judge import Judged, judged, pruned, told_after

NINE = datetime(2026, 11, 26, 9, tzinfo=UTC)
EVERYBODY = frozenset({"slack:qa", "email:qa"})
ASKED = Passes(complete=True)
NOT_ASKED = Passes()


def at(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


def passed(*minutes: int) -> Passes:
    return Passes(complete=True, times={7: tuple(map(at, minutes))})


def told(streak: int = 1, last: int = 0) -> Told:
    return Told(streak, at(0), at(last), frozenset({"slack:qa"}))


def judge_at(*minutes: int, before: Told | None = None, was_failing: bool = True, passes: Passes = ASKED) -> Judged:
    return judged(7, map(at, minutes), was_failing=was_failing, before=before, passes=passes)


def test_a_test_that_was_not_failing_is_new_and_this_is_its_first_failure() -> None:
    assert judge_at(5, was_failing=False) == Judged(NEW, True, 1, at(5), at(5))


def test_what_somebody_rewound_is_new_and_its_failures_stay_counted() -> None:
    rewound = Told(3, at(0))
    assert judge_at(5, was_failing=False, before=rewound) == Judged(NEW, True, 3, at(0), at(5))
    assert judge_at(9, was_failing=False, before=rewound, passes=passed(7)) == Judged(NEW, True, 1, at(9), at(9))


def test_a_further_failure_counts_on() -> None:
    found = judge_at(5, before=told(streak=2))

    assert (found.reason, found.sure, found.streak, found.since, found.last) == (AGAIN, True, 3, at(0), at(5))


def test_several_rows_of_one_moment_are_one_failure_and_of_two_moments_two() -> None:
    assert judge_at(5, 5, before=told()).streak == 2
    assert judge_at(5, 6, before=told()).streak == 3


def test_a_failure_after_a_pass_is_new_and_counts_from_there() -> None:
    found = judge_at(5, 9, before=told(streak=4), passes=passed(7))

    assert (found.reason, found.streak, found.since, found.before) == (NEW, 1, at(9), None)


def test_a_pass_that_was_read_earlier_counts_too() -> None:
    before = Told(3, at(0), at(1), frozenset({"slack:qa"}), passed_at=at(2))

    assert (judge_at(5, before=before).reason, judge_at(5, before=before).streak) == (NEW, 1)


def test_a_pass_after_the_failure_says_nothing_about_it() -> None:
    assert judge_at(5, before=told(), passes=passed(9)).reason == AGAIN


def test_without_the_follow_up_question_no_streak_is_claimed_and_nothing_is_sure() -> None:
    found = judge_at(5, before=told(streak=2), passes=NOT_ASKED)

    assert (found.reason, found.sure, found.streak, found.since) == (AGAIN, False, 0, None)


def test_of_two_failures_at_once_nobody_knows_whether_it_passed_in_between_unless_it_was_asked() -> None:
    assert judge_at(5, 6, was_failing=False, passes=NOT_ASKED).streak == 0
    assert judge_at(5, 6, was_failing=False, passes=ASKED).streak == 2


def test_of_a_test_of_which_nothing_is_known_the_count_is_unknown_and_it_is_not_new() -> None:
    found = judge_at(5, before=None)

    assert (found.reason, found.sure, found.streak) == (AGAIN, False, 0)
    assert told_after(found, EVERYBODY, frozenset({"slack:qa"}), was_failing=True).destinations == EVERYBODY


def test_a_row_without_a_date_is_judged_all_the_same() -> None:
    assert judged(7, [], was_failing=False, before=None, passes=ASKED) == Judged(NEW, True, 1)


def test_who_was_told_of_a_failure_is_remembered_until_the_test_fails_anew() -> None:
    again, new = judge_at(5, before=told()), judge_at(5, before=told(), passes=passed(3))

    assert told_after(again, EVERYBODY, frozenset({"email:qa"}), was_failing=True).destinations == EVERYBODY
    assert told_after(new, EVERYBODY, frozenset({"email:qa"}), was_failing=True).destinations == {"email:qa"}


@pytest.mark.parametrize(("recovers", "left"), [(False, {1}), (True, {1, 2})])
def test_what_is_known_of_a_test_that_fails_no_more_is_kept_for_its_recovery_alone(
    recovers: bool,  # noqa: FBT001 - a parameter of the test
    left: set[int],
) -> None:
    assert pruned({1: told(), 2: told()}, {1: (5, 3)}, recovers=recovers).keys() == left


def test_the_longest_known_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "MAX_KEPT", 2)

    assert pruned({test: told(last=test) for test in (3, 1, 2)}, {1: 0, 2: 0, 3: 0}, recovers=False).keys() == {2, 3}
