"""Marks: a few bytes instead of a checkpoint to read, for every run of which nothing is left to do (rule 8). Pure.

A mark is a hash of what makes a run *not* due. It is set or deleted by the write that changes the checkpoint. Where it
is missing, or fits no more, the checkpoint is read: so a mark that is lost or behind costs a read and no result.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from testmo_notifier.lean import dataclass
from testmo_notifier.model import Checkpoint, Looked, Run
from testmo_notifier.polling.due import owes_passes
from testmo_notifier.sources.testmo_runs.watch import Watch

HASH_BYTES: Final = 8  # of a hash, in a mark: what of a run would make it due
SECONDS_BYTES: Final = 5  # of a time in a mark: enough for 30,000 years


@dataclass(frozen=True, slots=True)
class Marks:
    """Makes and compares marks. What was made in another `epoch` fits nothing."""

    epoch: str

    @classmethod
    def of_poll(cls, looked: Looked, started: datetime) -> Marks:
        """The marks that hold, or none: those of a new epoch."""
        return cls(looked.marks_epoch if looked.has_marks else started.isoformat())

    def of(self, checkpoint: Checkpoint) -> bytes | None:
        """The mark of a checkpoint, None where something is left to do: the hash, and when the run moved last."""
        is_unfinished = checkpoint.outbox or checkpoint.is_half_read or owes_passes(checkpoint)
        if is_unfinished or checkpoint.closed_at or checkpoint.gone_at:
            return None
        if checkpoint.counters is None or checkpoint.read_at is None:
            return None
        moved_at = int(checkpoint.read_at.timestamp()).to_bytes(SECONDS_BYTES, "big")
        return self._hash(checkpoint.watching, checkpoint.counters) + moved_at

    def fits(self, mark: bytes | None, run: Run, watch: Watch) -> bool:
        """Whether a run is as it was when its mark was made."""
        if mark is None or run.is_closed or run.closed_at is not None:
            return False
        return mark[:HASH_BYTES] == self._hash(watch.fingerprint, run.counters.by_status)

    def _hash(self, watching: str, counters: Mapping[int, int]) -> bytes:
        said = f"1 {self.epoch} {watching} {sorted(counters.items())}"
        return blake2b(said.encode(), digest_size=HASH_BYTES).digest()


def moved_at(mark: bytes) -> datetime:
    """When a run was read last that had moved: no read since then left anything to keep."""
    return datetime.fromtimestamp(int.from_bytes(mark[HASH_BYTES:], "big"), UTC)
