"""Rules 2 and 14, Testmo's JSON: what becomes of what is there, and of what is not as documented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from testmo_notifier.adapters import testmo_rows as rows
from testmo_notifier.model import Counters
from tests.support.factories import make_row


def test_a_documented_row_is_understood_completely() -> None:
    result = rows.result(make_row(updated_at="2026-11-23T09:01:00.000Z", updated_by=8))

    assert (result.key, result.id, result.test_id, result.case_id, result.status_id) == (538, 538, 4711, 120, 3)
    assert result.created_at == datetime(2026, 11, 23, 9, 0, 0, 123_000, tzinfo=UTC)
    assert result.updated_at == datetime(2026, 11, 23, 9, 1, tzinfo=UTC)
    assert (result.elapsed_us, result.assignee_id, result.issue_ids) == (240_000_000, 8, (54,))
    assert (result.is_latest, result.is_deleted, result.problems) == (True, False, ())
    assert result.note == "<p>Login page shows a blank screen</p>"


@pytest.mark.parametrize(
    ("given", "field", "value", "problems"),
    [
        # What may be empty is empty without a complaint.
        ({"note": None}, "note", "", ()),
        ({"elapsed": None}, "elapsed_us", None, ()),
        ({"assignee_id": None}, "assignee_id", None, ()),
        ({"issues": None}, "issue_ids", (), ()),
        ({"issues": [1, None, "2", {"id": 3}, True]}, "issue_ids", (1, 2), ()),
        ({"issues": {"0": 7, "2": 8}}, "issue_ids", (7, 8), ()),  # a list of PHP's that something was taken out of
        ({"updated_at": ""}, "updated_at", None, ()),
        ({"updated_at": "0000-00-00 00:00:00"}, "updated_at", None, ()),
        ({"updated_by": ""}, "updated_by", None, ()),
        ({"assignee_id": False}, "assignee_id", None, ()),
        ({"elapsed": []}, "elapsed_us", None, ()),  # how PHP writes an empty object
        ({"deleted_at": "2026-11-23T09:01:00.000Z"}, "is_deleted", True, ()),
        ({"deleted_at": False}, "is_deleted", False, ()),
        ({"deleted_at": ""}, "is_deleted", False, ()),
        ({"deleted_at": " "}, "is_deleted", False, ()),
        ({"deleted_at": "0000-00-00 00:00:00"}, "is_deleted", False, ()),  # MySQL's "never"
        ({"deleted_at": "0000-00-00"}, "is_deleted", False, ()),
        ({"deleted_at": "0001-01-01T00:00:00Z"}, "is_deleted", False, ()),  # Go's and .NET's
        ({"deleted_at": "0001-01-01 00:00:00.000000"}, "is_deleted", False, ()),
        ({"deleted_at": "-0001-11-30T00:00:00.000000Z"}, "is_deleted", False, ()),  # what PHP makes of MySQL's
        ({"deleted_at": "1970-01-01T00:00:00.000Z"}, "is_deleted", False, ()),
        ({"deleted_at": 0}, "is_deleted", False, ()),
        ({"deleted_at": "2026-11-23 09:01:00"}, "is_deleted", True, ()),
        ({"deleted_at": "yesterday"}, "is_deleted", True, ()),
        ({"deleted_at": 1_795_424_460}, "is_deleted", True, ()),
        ({"created_at": "0001-01-01 00:00:00"}, "created_at", None, ("created_at is not a date",)),
        ({"created_at": "9999-12-31 23:59:59"}, "created_at", None, ("created_at is not a date",)),
        # Numbers may come as text, or with a point.
        ({"status_id": "3"}, "status_id", 3, ()),
        ({"status_id": 3.0}, "status_id", 3, ()),
        ({"elapsed": 9 * 10**17}, "elapsed_us", 9 * 10**17, ()),
        # Anything else is said in words, and the row is kept.
        ({"status_id": None}, "status_id", None, ("status_id is missing",)),
        ({"status_id": "Failed"}, "status_id", None, ("status_id is not a number",)),
        ({"status_id": True}, "status_id", None, ("status_id is not a number",)),
        ({"status_id": 2**63}, "status_id", None, ("status_id is not a number",)),
        ({"status_id": float("nan")}, "status_id", None, ("status_id is not a number",)),
        ({"status_id": float("inf")}, "status_id", None, ("status_id is not a number",)),
        ({"elapsed": "4 min"}, "elapsed_us", None, ("elapsed is not a number",)),
        ({"test_id": [1]}, "test_id", None, ("test_id is not a number",)),
        ({"created_at": None}, "created_at", None, ("created_at is missing",)),
        ({"created_at": 1_700_000_000}, "created_at", None, ("created_at is not a date",)),
        ({"created_at": "yesterday"}, "created_at", None, ("created_at is not a date",)),
        ({"updated_at": "2026-13-01T00:00:00Z"}, "updated_at", None, ("updated_at is not a date",)),
        ({"note": {"html": "x"}}, "note", "", ("note is not text",)),
        ({"is_latest": "yes"}, "is_latest", None, ()),
        ({"is_latest": 1}, "is_latest", True, ()),
        ({"is_latest": 0}, "is_latest", False, ()),
        ({"is_latest": "0"}, "is_latest", False, ()),
        ({"is_latest": 2}, "is_latest", None, ()),
    ],
)
def test_a_row_is_kept_as_far_as_it_can_be_understood(
    given: dict[str, Any], field: str, value: object, problems: tuple[str, ...]
) -> None:
    result = rows.result(make_row(**given))

    assert getattr(result, field) == value
    assert tuple(map(str, result.problems)) == problems
    assert result.key == 538


def test_everything_that_no_row_may_lack_is_said_where_it_is_missing_and_nothing_else() -> None:
    assert sorted(map(str, rows.result({}).problems)) == [
        "case_id is missing",
        "created_at is missing",
        "created_by is missing",
        "id is missing",
        "status_id is missing",
        "test_id is missing",
    ]


@pytest.mark.parametrize("raw", [None, "text", 5, [], [1, 2], True])
def test_what_is_no_row_at_all_is_still_one(raw: object) -> None:
    result = rows.result(raw)

    assert str(result.problems[0]) == "the row is not an object"
    assert result.key < 0


def test_a_row_without_an_id_is_recognised_by_what_a_retest_leaves_alone() -> None:
    keys = [
        rows.result(make_row(id=None, **given)).key
        for given in ({}, {"is_latest": False}, {"updated_at": "2026-11-23T09:01:00Z", "updated_by": 3})
    ]
    other = rows.result(make_row(id=None, test_id=4712)).key

    assert len(set(keys)) == 1
    assert -(2**56) <= keys[0] < 0
    assert other != keys[0]


def test_a_note_is_not_cut_before_it_is_understood() -> None:
    note = "<p>" + " " * 30_000 + "late</p>"

    assert rows.result(make_row(note=note)).note == note


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2025-02-07T09:39:21.211Z", datetime(2025, 2, 7, 9, 39, 21, 211_000, tzinfo=UTC)),
        ("2026-07-29 15:52:59.210008", datetime(2026, 7, 29, 15, 52, 59, 210_008, tzinfo=UTC)),
        ("2026-07-29T15:52:59+02:00", datetime(2026, 7, 29, 13, 52, 59, tzinfo=UTC)),
        ("2026-07-29", datetime(2026, 7, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00+02:00", None),  # a day before the first that Python knows
        ("9999-12-31T23:59:59-02:00", None),
        ("2026-07-29T15:52:59.21000800000000+00:00", datetime(2026, 7, 29, 15, 52, 59, 210_008, tzinfo=UTC)),
        ("2026-07-29T15:52:59.210008000000000+00:00", None),  # longer than any date: whatever it is, it is not read
        ("", None),
        ("x" * 1_000, None),
        (None, None),
        (5, None),
    ],
)
def test_moments_come_in_two_forms_and_are_utc(raw: object, moment: datetime | None) -> None:
    assert rows.as_time(raw) == moment


@pytest.mark.parametrize("raw", [[], None, "x", {"users": None}, {"users": [1, {"id": "x"}, {"id": 1}, {"name": "x"}]}])
def test_expands_that_say_nothing_are_empty(raw: object) -> None:
    expands = rows.expands(raw)

    assert (expands.users, expands.issues, expands.statuses) == ({}, {}, {})


def test_expands_are_read_by_id() -> None:
    expands = rows.expands(
        {
            "users": [{"id": 7, "name": " Ada L. "}],
            "statuses": [{"id": 9, "name": "x" * 9_000}],
            "issues": [{"id": 54, "display_id": "SHOP-123", "type": 4, "external_project_key": "SHOP"}],
        }
    )

    assert expands.users == {7: "Ada L."}
    assert expands.statuses == {9: "x" * 2_000}
    assert (expands.issues[54].display_id, expands.issues[54].type) == ("SHOP-123", 4)
    assert expands.issues[54].external_project_key == "SHOP"


def test_counters_are_off_by_one_as_on_real_runs() -> None:
    """status1_count is Passed (id 2): the counters of one real run with 102 tests (API facts, section 5)."""
    row = {
        "untested_count": 35,
        "status1_count": 40,
        "status2_count": 7,
        "status3_count": 5,
        "status4_count": 1,
        "status5_count": 11,
        "status6_count": 0,
        "status7_count": 3,
        "success_count": 40,
        "failure_count": 7,
        "completed_count": 59,
        "total_count": 102,
    }

    assert rows.counters(row) == Counters(
        {1: 35, 2: 40, 3: 7, 4: 5, 5: 1, 6: 11, 8: 3}, success=40, failure=7, completed=59, total=102
    )


def test_a_run_of_which_testmo_counts_nothing_counts_nothing() -> None:
    """None of these may be made up: a message would say of it `1 of 0 done`."""
    assert rows.counters({}) == Counters({}, success=0, failure=0, completed=0, total=0)


def test_a_run_is_read_with_the_names_of_milestone_and_configuration() -> None:
    run = rows.run(
        {"id": 12, "project_id": 3, "name": "Release", "is_closed": 1, "milestone_id": 4, "config_id": 5},
        {"milestones": [{"id": 4, "name": "4.2"}], "configs": [{"id": 5, "name": "Safari 17"}]},
    )

    assert (run.id, run.project_id, run.name, run.is_closed) == (12, 3, "Release", True)
    assert (run.milestone, run.configuration, run.created_at, run.closed_at) == ("4.2", "Safari 17", None, None)


def test_a_run_without_milestone_and_configuration_has_not_those_of_other_runs_on_the_page() -> None:
    others = {"milestones": [{"id": 1, "name": "4.2"}], "configs": [{"id": 1, "name": "Safari 17"}]}

    run = rows.run({"id": 12, "project_id": 3, "name": "Release", "milestone_id": None}, others)

    assert (run.milestone, run.configuration) == (None, None)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("x", "a run is not an object"),
        ({"name": "x"}, "a run has no usable id"),
        ({"id": "x"}, "a run has no usable id"),
        ({"id": 12}, "run 12 has no usable project_id"),
    ],
)
def test_a_run_that_cannot_be_told_apart_is_refused(raw: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rows.run(raw, [])


def test_which_statuses_count_as_passed_is_known_where_testmo_says_it() -> None:
    statuses = [
        {"id": 2, "name": "Passed", "is_passed": True},
        {"id": 3, "name": "Failed", "is_passed": 0},
        {"id": 8, "name": "Passed with remarks", "is_passed": 1},
        {"id": 9, "name": "On hold"},
        {"id": 10, "name": "Later", "is_passed": "who knows"},
    ]

    assert rows.passed_statuses({"statuses": statuses}) == {2: True, 3: False, 8: True}
    assert rows.passed_statuses([]) == {}
