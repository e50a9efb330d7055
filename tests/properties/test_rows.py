"""The short way through a row of results leads where the long one does (rules 5 and 14)."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import example, given
from hypothesis import strategies as st

from testmo_notifier.adapters.testmo_rows import as_documented, carefully, result, told_apart

ROW: Final[dict[str, Any]] = {
    "id": 5012,
    "project_id": 1,
    "run_id": 12,
    "test_id": 71,
    "case_id": 120,
    "status_id": 3,
    "note": "<p>Broken</p>",
    "elapsed": 95_000_000,
    "assignee_id": None,
    "is_latest": True,
    "issues": [4],
    "created_at": "2026-11-23T09:14:03.120Z",
    "created_by": 9,
    "updated_at": None,
    "updated_by": None,
    "deleted_at": None,
    "deleted_by": None,
}
VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    st.sampled_from(
        [0, -1, 1, 2**63 - 1, 2**63, -(2**63), 1.0, "3", "2026-11-23 09:14:03", "0000-00-00 00:00:00", [], {}]
    ),
    st.lists(st.integers() | st.text(max_size=3), max_size=3),
)
CHANGES = st.dictionaries(st.sampled_from(sorted(ROW)), VALUES, max_size=3)


def test_a_row_as_testmo_documents_it_takes_the_short_way() -> None:
    assert as_documented(ROW) == carefully(ROW) == result(ROW)


@given(changes=CHANGES, missing=st.sets(st.sampled_from(sorted(ROW)), max_size=2))
@example(changes={"elapsed": False}, missing=set())
@example(changes={"id": True}, missing=set())
@example(changes={"test_id": 2**63}, missing=set())
@example(changes={"assignee_id": -1}, missing=set())
@example(changes={"is_latest": 1}, missing=set())
@example(changes={"updated_at": ""}, missing=set())
@example(changes={}, missing={"deleted_at"})
def test_whatever_stands_in_a_row_both_ways_read_it_alike(changes: dict[str, Any], missing: set[str]) -> None:
    row = {name: value for name, value in (ROW | changes).items() if name not in missing}

    assert repr(result(row)) == repr(carefully(row))  # `True` is not 1


@given(VALUES)
def test_what_is_no_row_takes_the_long_way(raw: object) -> None:
    assert repr(result(raw)) == repr(carefully(raw))


def test_the_latest_row_that_was_told_of_its_test_is_told_apart_and_no_other_is() -> None:
    told = {ROW["test_id"]: (ROW["id"], ROW["status_id"])}
    others: list[dict[str, Any]] = [
        ROW | {"id": 5013},
        ROW | {"test_id": 72},
        ROW | {"status_id": 5},
        ROW | {"is_latest": False},
        ROW | {"deleted_at": "2026-11-23T10:00:00Z"},
    ]

    # The one that was told comes last: of a test that was told apart no other row is.
    assert told_apart([*others, None, "row", [ROW], {}, ROW], told) == (
        {ROW["test_id"]: ROW["id"]},
        [*others, None, "row", [ROW], {}],
    )


def test_a_row_that_comes_twice_on_a_page_counts_twice() -> None:
    told = {ROW["test_id"]: (ROW["id"], ROW["status_id"])}

    assert told_apart([ROW, ROW], told) == ({ROW["test_id"]: ROW["id"]}, [ROW])  # paging goes by doubles (rule 3)


@given(changes=CHANGES, missing=st.sets(st.sampled_from(sorted(ROW)), max_size=2))
@example(changes={"id": True, "test_id": True, "status_id": True}, missing=set())
@example(changes={"test_id": []}, missing=set())
def test_a_row_that_is_told_apart_reads_as_what_was_told(changes: dict[str, Any], missing: set[str]) -> None:
    row = {name: value for name, value in (ROW | changes).items() if name not in missing}
    read = carefully(row)
    told = {1: (1, 1), **({} if read.test_id is None else {read.test_id: (read.key, read.status_id or 0)})}

    apart, others = told_apart([row], told)

    if apart:
        assert (apart, others) == ({read.test_key: read.key}, [])
        assert told[read.test_key] == (read.key, read.status_id)
        assert (read.is_latest, read.is_deleted) == (True, False)
