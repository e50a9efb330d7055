"""The window of time that a read looks at: where it begins, what was handled in it, how it moves on. Pure.

Rule 1: it begins an overlap before the cursor. Rule 2: what was handled is known by id. Rule 4: the cursor.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from testmo_notifier.model import Checkpoint, Result, Resume

MARGIN: Final = timedelta(seconds=1)  # nobody says how precise the bound is, nor whether it is inclusive
FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)  # a row without a date may come back with every read


class Window:
    """The `cursor`, `floor` and `seen` of a checkpoint, while a read goes through its rows in their order."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._before = checkpoint
        self.seen = dict(checkpoint.seen)  # rows that were handled, in this read or an earlier one
        self._newest = checkpoint.cursor
        self.time = checkpoint.floor  # of the row that was reached last

    def reach(self, result: Result) -> None:
        """Go on to the next row. One without a date takes that of the row before it (rule 2)."""
        self.time = result.created_at or self.time
        self._newest = max(self._newest, self.time)

    def is_below(self, result: Result) -> bool:
        """Whether a row is older than the floor; Testmo's own bound may be coarser (rule 1)."""
        return result.created_at is not None and result.created_at < self._before.floor

    def add_seen(self, result: Result) -> None:
        """Remember a row for as long as a read can bring it again."""
        self.seen[result.key] = result.created_at or FOREVER

    def finished(self, *, began_at: datetime, overlap: timedelta) -> Checkpoint:
        """The checkpoint after a complete read: the floor rises, and what lies below it is forgotten."""
        cursor = self._cursor(began_at)
        floor = max(self._before.floor, cursor - overlap)
        seen = {key: time for key, time in self.seen.items() if time >= floor}
        return replace(self._before, cursor=cursor, floor=floor, seen=seen, resume=None)

    def interrupted(self, *, began_at: datetime, resume: Resume) -> Checkpoint:
        """The checkpoint after a part of a read: the floor waits for the rest."""
        return replace(self._before, cursor=self._cursor(began_at), seen=self.seen, resume=resume)

    def _cursor(self, began_at: datetime) -> datetime:
        # The window must not move past rows that are still to come: neither by a row dated ahead of Testmo's own
        # clock, nor by one saved after the read began, when others may have become visible on pages already read.
        return max(self._before.cursor, min(self._newest, began_at))


def beginning(checkpoint: Checkpoint, overlap: timedelta, ceased: datetime | None = None) -> Resume:
    """Where a read begins: where the one before it was interrupted, else at the first page from the lower bound on.

    `ceased`: nobody looked for some of what was saved since then, so it begins there at the latest.
    """
    begin = checkpoint.resume or Resume(lower_bound(checkpoint, overlap), 1, None)
    if ceased is None or begin.bound is None or begin.page > 1:
        return begin
    return replace(begin, bound=min(begin.bound, just_before(ceased)))


def lower_bound(checkpoint: Checkpoint, overlap: timedelta) -> datetime:
    """The `created_after` of a read: the overlap before the cursor but not below the floor, a second further."""
    return just_before(max(checkpoint.cursor - overlap, checkpoint.floor))


def since_last_read(begin: Resume, checkpoint: Checkpoint) -> Resume:
    """The same, but for what was there when the run was read last."""
    if begin.bound is None or checkpoint.read_at is None:
        return begin
    return replace(begin, bound=max(begin.bound, just_before(checkpoint.read_at)))


def just_before(moment: datetime) -> datetime:
    """A bound that surely has this moment behind it."""
    return moment.replace(microsecond=0) - MARGIN
