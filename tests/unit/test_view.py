"""What templates see: one line a test, exact rest, ready phrases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from testmo_notifier.model import FAILING, FINISHED, PASSED_SINCE, RECOVERED, Counters, Issue
from testmo_notifier.notices import view  # as a module: pytest would take an imported `test_name` for a test
from testmo_notifier.notices.view import Limits, message_view
from tests.support.factories import START, make_digest, make_named

ALL = Limits(results=50, name_chars=200, note_chars=500)


def test_several_rows_of_one_test_are_one_line_told_by_the_most_urgent() -> None:
    rows = [make_named(1, test_id=7), make_named(2, test_id=8), make_named(3, test_id=7, status="Blocked")]

    seen = message_view(make_digest(rows, omitted=4), ALL)

    assert [(line.url.rpartition("=")[2], line.status, line.rows) for line in seen.results] == [
        ("7", "Failed", 2),
        ("8", "Failed", 1),
    ]
    assert (seen.total, seen.more) == (7, 4)
    assert seen.results[0].details == ("2 results",)


def test_a_test_that_was_re_tested_is_told_as_it_is_by_now() -> None:
    rows = [
        make_named(1, test_id=7, is_latest=False),
        make_named(2, test_id=8),
        make_named(3, test_id=7, status_id=5, status="Blocked"),
        make_named(4, test_id=9, is_latest=False),
    ]

    seen = message_view(make_digest(rows), ALL)

    assert [(line.url.rpartition("=")[2], line.status, line.details) for line in seen.results] == [
        ("8", "Failed", ()),
        ("7", "Blocked", ("2 results",)),
        ("9", "Failed", ("since re-tested",)),
    ]


@pytest.mark.parametrize(("lines", "rest"), [(1, "of 2 tests"), (2, "of 1 test"), (3, "")])
def test_where_a_test_has_several_results_what_is_left_out_says_of_how_many_tests_it_is(lines: int, rest: str) -> None:
    rows = [make_named(key, test_id=test) for key, test in enumerate((7, 8, 8, 9, 9, 9), start=1)]

    assert message_view(make_digest(rows), replace(ALL, results=lines)).rest == rest


@pytest.mark.parametrize(
    ("tests", "about", "words"),
    [
        ((7, 7), {}, " (1 test)"),
        ((7, 7, 8, 9, 9), {}, " (3 tests)"),
        ((7, 8, None, None), {}, ""),  # each of its own
        ((7, 7), {"omitted": 4}, ""),  # nobody knows of how many tests these four are
        ((7, 7), {"about": FINISHED}, ""),  # which counts tests itself
    ],
)
def test_where_a_test_has_several_results_the_counts_say_of_how_many_tests_they_are(
    tests: tuple[int | None, ...], about: dict[str, Any], words: str
) -> None:
    rows = [make_named(key, test_id=test) for key, test in enumerate(tests, start=1)]

    assert message_view(make_digest(rows, **about), ALL).in_runs == words


def test_what_has_passed_since_is_no_test_that_the_counts_are_of() -> None:
    rows = [make_named(1, test_id=7), make_named(2, test_id=8, reason=PASSED_SINCE)]

    assert message_view(make_digest(rows, total=1, counts={"Failed": 1}, passed_since=1), ALL).in_runs == ""


def test_the_totals_of_a_run_call_statuses_as_the_instance_does() -> None:
    counters = Counters({1: 1, 2: 4, 8: 2, 9: 3}, success=4, completed=4, total=10)
    digest = make_digest(about=FINISHED, counters=counters, status_names=((2, "Bestanden"), (8, "WIP")))

    assert [(one.n, one.word) for one in message_view(digest, ALL).totals] == [
        (4, "Bestanden"),
        (2, "WIP"),
        (3, "Status 9"),
        (1, "untested"),
    ]


def test_rows_without_a_test_stay_alone() -> None:
    seen = message_view(make_digest([make_named(n, test_id=None) for n in range(3)]), ALL)

    assert [line.rows for line in seen.results] == [1, 1, 1]


@pytest.mark.parametrize(("lines", "more"), [(1, 9), (2, 8), (3, 7)])
def test_what_no_line_shows_is_counted_by_results(lines: int, more: int) -> None:
    rows = [make_named(1, test_id=7), make_named(2, test_id=7), make_named(3), make_named(4)]

    assert message_view(make_digest(rows, omitted=7), Limits(lines, 99, 99)).more == more


def test_a_person_takes_no_more_than_forty_characters_of_a_line() -> None:
    rows = [make_named(1, created_by_name="A" * 41, assignee="B" * 41), make_named(2, created_by_name="A" * 40)]

    seen = message_view(make_digest(rows), ALL).results

    assert [line.who for line in seen] == ["A" * 39 + "…", "A" * 40]
    assert seen[0].details == ("assigned to " + "B" * 39 + "…",)


def test_details_are_ready_phrases() -> None:
    row = make_named(
        elapsed_us=3_900_000_000,
        assignee="Grace H.",
        issues=tuple(Issue(n, f"SHOP-{n}") for n in range(1, 6)),
        is_latest=False,
    )

    line = message_view(make_digest([row]), ALL).results[0]

    assert line.details == (
        "took 1 h 5 min",
        "assigned to Grace H.",
        "SHOP-1, SHOP-2, SHOP-3 and 2 more",
        "since re-tested",
    )
    assert line.is_outdated is True


@pytest.mark.parametrize(
    ("counters", "details", "rate"),
    [
        (Counters({}, 54, 7, 62, 102), ("62 of 102 done, 87% passed",), 87),
        (Counters({}, 999, 1, 1_000, 1_000), ("1000 of 1000 done, 99% passed",), 99),  # 100 means all of them
        (Counters({}, 5, 0, 5, 5), ("5 of 5 done, 100% passed",), 100),
        (Counters({}, 0, 0, 0, 5), ("0 of 5 done",), None),
        (Counters(), (), None),
    ],
)
def test_progress_is_said_without_flattery(counters: Counters, details: tuple[str, ...], rate: int | None) -> None:
    run = message_view(make_digest([make_named()], counters=counters), ALL).run

    assert (run.details, run.pass_rate) == (details, rate)


@pytest.mark.parametrize(
    ("about", "done"),
    [
        (FAILING, "62 of 102 done by then, 87% passed"),
        (RECOVERED, "62 of 102 done by then, 87% passed"),
        (FINISHED, "62 of 102 done, 87% passed"),
    ],
)
def test_of_what_was_held_it_is_said_how_far_the_run_was_by_then_unless_it_was_over(about: str, done: str) -> None:
    digest = make_digest([make_named()], about=about, held_since=START)

    assert message_view(digest, ALL).run.details == (done,)


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, ""),
        (-5, ""),
        (999_999, ""),
        (1_000_000, "1 s"),
        (45_000_000, "45 s"),
        (240_000_000, "4 min"),
        (3_600_000_000, "1 h"),
        (3_900_000_000, "1 h 5 min"),
        (3_599_999_000_000, "999 h 59 min"),
        (3_600_000_000_000, ""),  # no test takes six weeks
        (10**18, ""),
        (-(10**18), ""),
    ],
)
def test_a_duration_is_short_and_says_nothing_where_it_cannot_be_true(microseconds: int, text: str) -> None:
    assert view.duration(microseconds) == text


@pytest.mark.parametrize(
    ("name", "case_id", "shown"),
    [("Login", 120, "Login"), (None, 120, "C-120"), (None, None, "A test without a case")],
)
def test_a_test_is_called_by_its_name_else_as_testmo_shows_it(
    name: str | None, case_id: int | None, shown: str
) -> None:
    line = message_view(make_digest([make_named(case_name=name, case_id=case_id)]), ALL).results[0]

    assert line.name == shown


def test_a_status_that_the_instance_renamed_keeps_its_symbol() -> None:
    rows = [make_named(1, status="Fehlgeschlagen", status_id=3), make_named(2, status="Blockiert", status_id=5)]

    view = message_view(make_digest(rows), ALL)

    assert [(count.symbol, count.word) for count in view.counts] == [("✖", "Fehlgeschlagen"), ("⊘", "Blockiert")]
    assert [result.symbol for result in view.results] == ["✖", "⊘"]


def test_a_custom_status_keeps_its_spelling() -> None:
    rows = [make_named(1), make_named(2, status="WIP", status_id=7)]

    counts = message_view(make_digest(rows), ALL).counts

    assert [(count.symbol, count.n, count.word) for count in counts] == [("✖", 1, "failed"), ("●", 1, "WIP")]


def test_two_statuses_of_one_name_keep_the_symbol_of_the_one_that_testmo_knows() -> None:
    rows = [make_named(1), make_named(2, status_id=9)]

    seen = message_view(make_digest(rows), ALL)

    assert [(count.symbol, count.n, count.word) for count in seen.counts] == [("✖", 2, "failed")]
    assert [result.symbol for result in seen.results] == ["✖", "●"]


@pytest.mark.parametrize(("is_latest", "lines"), [(True, 1), (None, 1), (False, 2)])
def test_what_was_overtaken_is_not_in_one_line_with_what_holds(is_latest: bool | None, lines: int) -> None:  # noqa: FBT001
    rows = [make_named(1, note="500"), make_named(2, note="500", is_latest=is_latest)]

    assert len(message_view(make_digest(rows), ALL).lines) == lines


def test_tests_that_differ_in_the_address_of_their_log_alone_share_a_line_and_none_of_the_logs() -> None:
    same, *others = ([f"Timeout\nlog (https://ci.example/{n})" for n in numbers] for numbers in ((7, 7), (7, 8)))

    def told(notes: list[str]) -> list[tuple[str, tuple[str, ...]]]:
        rows = [make_named(n, note=note) for n, note in enumerate(notes)]
        return [(line.name, line.note) for line in message_view(make_digest(rows), ALL).lines]

    assert told(same) == [("2 tests: Timeout", ("log (https://ci.example/7)",))]
    assert told(*others) == [("2 tests: Timeout", ("log",))]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], None),
        (["Ada", None, "Ada"], "Ada"),
        (["Ada", "Grace"], "Ada, Grace"),
        (["Ada Lovelace, Countess", "Grace Brewster Hopper"], "Ada Lovelace, Countess and 1 other"),
        (["Ada Lovelace, Countess", "Grace Brewster Hopper", "Edsger"], "Ada Lovelace, Countess and 2 others"),
    ],
)
def test_of_many_people_the_first_is_named_and_the_others_are_counted(
    names: list[str | None], words: str | None
) -> None:
    assert view.people(names) == words


def test_tests_share_a_line_by_the_note_of_the_row_that_counts() -> None:
    """Of several rows of a test that is the first; an older one may say nothing, or something else."""
    rows = [make_named(n, test_id=n, note="Timeout") for n in (1, 2)]
    older = [make_named(n + 10, test_id=n, note="", is_latest=False) for n in (1, 2)]

    (line,) = message_view(make_digest([*rows, *older]), replace(ALL, fold=True)).lines
    assert [one.name for one in line.tests] == ["Login with an expired password"] * 2
