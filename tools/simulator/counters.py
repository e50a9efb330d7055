"""What a run's counters say: a sum over the latest result of each of its tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tools.simulator.model import Result, Status, StatusId

HIGHEST_STATUS_ID = 25  # an instance has up to 25 statuses; the counters of a run end at status24_count


def latest_of_each_test(rows: Iterable[Result]) -> dict[int, Result]:
    """Test id → its newest row by date, then id; deleted rows do not count, nor do those of single steps."""
    return {test_id: row for (test_id, step), row in latest_of_each_step(rows).items() if not step}


def latest_of_each_step(rows: Iterable[Result]) -> dict[tuple[int, int], Result]:
    """Test id and step → its newest row; 0 is the test as a whole."""
    latest: dict[tuple[int, int], Result] = {}
    for row in rows:
        rival = latest.get((row.test_id, row.step))
        newer = rival is None or (row.created_at, row.id) > (rival.created_at, rival.id)
        if row.deleted_at is None and newer:
            latest[row.test_id, row.step] = row
    return latest


def counters(rows: Iterable[Result], *, tests: int, statuses: Mapping[int, Status]) -> dict[str, int]:
    """The counters of a run (or of several) with so many tests.

    `statusN_count` counts status id N+1: status1_count is Passed (2), status2_count Failed (3). A test without a
    result, or set back to Untested, is in `untested_count`. Blocked is completed, but no failure.
    """
    by_status = Counter(row.status_id for row in latest_of_each_test(rows).values())

    tested = sum(by_status.values()) - by_status[StatusId.UNTESTED]
    numbered = {f"status{id_ - 1}_count": by_status[id_] for id_ in range(2, HIGHEST_STATUS_ID + 1)}
    return {
        "untested_count": tests - tested,
        **numbered,
        "success_count": sum(by_status[s.id] for s in statuses.values() if s.is_passed),
        "failure_count": sum(by_status[s.id] for s in statuses.values() if s.is_failed),
        "completed_count": sum(by_status[s.id] for s in statuses.values() if s.is_final),
        "total_count": tests,
    }
