"""Rules 2, 6 and 14: what counts as failing, and what settings changed; reading and detecting are in test_reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from testmo_notifier.detect import Detector, Swept, Watch
from testmo_notifier.model import Result
from tests.factories import START, at, make_checkpoint, make_result


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
        (Watch((3,), assignee_ids=(8,)), {"assignee_id": None, "problems": ("assignee_id is not a number",)}, True),
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
    broken = make_result(1, test_id=None, problems=("test_id is missing",))

    detector.new_failing([broken, broken, make_result(2)])

    assert detector.malformed == 1


UNDATED = make_result(2, created_at=None)


@pytest.mark.parametrize("handled", [make_result(2, created_at=at(1)), UNDATED])
def test_a_row_is_recognised_by_its_id_even_when_its_test_has_a_newer_result(handled: Result) -> None:
    """What earlier results of tests were (`older`) is given up where an item grows too large: the ids remain."""
    newer = make_result(3, test_id=handled.test_id, created_at=at(2))
    detector = Detector(make_checkpoint(), Watch((3, 5)))
    assert detector.new_failing([handled, newer]) == [handled, newer]
    after = detector.finished(overlap=timedelta(seconds=1), counters={}, began_at=at(2), closed_at=None, swept=Swept())
    again = Detector(replace(after, older={}), Watch((3, 5)))

    assert again.new_failing([handled, newer]) == []


def test_a_row_without_a_date_takes_that_of_the_row_before_it() -> None:
    """Status 4 is watched since a second ago: rows from before are taken over silently, rows from then on are news."""
    now_watched = Watch((3, 4, 5))
    early, undated = make_result(1, status_id=4, created_at=at(8)), make_result(2, status_id=4, created_at=None)
    late = make_result(3, status_id=4, created_at=at(10))

    assert Detector(make_checkpoint(), now_watched, ceased=at(9)).new_failing([early, undated]) == []
    assert Detector(make_checkpoint(), now_watched, ceased=at(9)).new_failing([late, undated]) == [late, undated]
