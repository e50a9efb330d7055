"""Which rows are new failing results, and the checkpoint after them (rules 1, 2, 4, 6 and 14). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from testmo_notifier.model import Checkpoint, Result, Resume

# A row without a date may come back with every read, so it is remembered as long as its run.
FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Watch:
    """What counts as failing: a watched status, and, where ids are given, one of these people. 0 is unassigned."""

    status_ids: tuple[int, ...]
    created_by_ids: tuple[int, ...] = ()
    assignee_ids: tuple[int, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Changes whenever what is watched changes; kept in every checkpoint."""
        lists = (self.status_ids, self.created_by_ids, self.assignee_ids)
        return "/".join(",".join(map(str, sorted(ids))) for ids in lists)

    def is_failing(self, result: Result) -> bool:
        """Whether to announce a row. What a row does not say is taken as watched: better one message too many."""
        if result.is_deleted:
            return False
        if result.status_id is not None and result.status_id not in self.status_ids:
            return False
        if self.created_by_ids and result.created_by is not None and result.created_by not in self.created_by_ids:
            return False
        return not self.assignee_ids or (result.assignee_id or 0) in self.assignee_ids


def first_checkpoint(run_id: int, project_id: int, start: datetime, watch: Watch) -> Checkpoint:
    """The checkpoint of a run at first sight: nothing before `start` will ever be announced."""
    return Checkpoint(run_id=run_id, project_id=project_id, cursor=start, floor=start, watching=watch.fingerprint)


def adapted(checkpoint: Checkpoint, watch: Watch) -> Checkpoint:
    """The same checkpoint under changed settings: what was saved before the last read stays unannounced.

    Without this, a status that is watched from today on would bring up all its old rows.
    """
    if checkpoint.watching == watch.fingerprint:
        return checkpoint
    floor = max(checkpoint.floor, checkpoint.cursor, checkpoint.read_at or checkpoint.floor)
    return replace(
        checkpoint, floor=floor, cursor=max(checkpoint.cursor, floor), resume=None, watching=watch.fingerprint
    )


class Detector:
    """Goes through the rows of one read, in their order, and keeps what the next checkpoint needs."""

    def __init__(self, checkpoint: Checkpoint, watch: Watch) -> None:
        self._before = checkpoint
        self._watch = watch
        self._seen = dict(checkpoint.seen)
        self._failing = dict(checkpoint.failing)
        self._time = checkpoint.floor  # of the row before, for one without a date of its own
        self._newest = checkpoint.cursor
        self.malformed = 0

    def new_failing(self, results: Iterable[Result]) -> list[Result]:
        """The rows that are failing and were not handled before, in this read or an earlier one."""
        return [result for result in results if self._is_new(result)]

    def _is_new(self, result: Result) -> bool:
        self._time = result.created_at or self._time
        self._newest = max(self._newest, self._time)
        if self._time < self._before.floor or not self._watch.is_failing(result) or result.key in self._seen:
            return False
        self._seen[result.key] = result.created_at or FOREVER
        self.malformed += bool(result.problems)
        if result.test_id is not None and result.status_id is not None:
            self._failing[result.test_id] = (result.key, result.status_id)
        return True

    def finished(
        self,
        *,
        overlap: timedelta,
        counters: Mapping[int, int],
        began_at: datetime,
        server_date: datetime,
        closed_at: datetime | None,
    ) -> Checkpoint:
        """The checkpoint after a complete read. `counters` are the run's as they were before it."""
        cursor = self._cursor(server_date)
        floor = max(self._before.floor, cursor - overlap)
        return replace(
            self._before,
            cursor=cursor,
            floor=floor,
            seen={key: time for key, time in self._seen.items() if time >= floor},
            failing=self._failing,
            counters=dict(counters),
            resume=None,
            read_at=began_at,
            closed_at=closed_at,
            gone_at=None,
        )

    def interrupted(self, *, server_date: datetime, resume: Resume) -> Checkpoint:
        """The checkpoint after a part of a read; floor and counters wait for the rest."""
        return replace(
            self._before,
            cursor=self._cursor(server_date),
            seen=self._seen,
            failing=self._failing,
            resume=resume,
            gone_at=None,
        )

    def _cursor(self, server_date: datetime) -> datetime:
        # Rows dated ahead of Testmo's own clock must not carry the window past rows that are still to come.
        return max(self._before.cursor, min(self._newest, server_date))
