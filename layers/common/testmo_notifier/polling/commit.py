"""What one run's reading leaves behind: checkpoint and outbox in one write (rule 10)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import field, replace

from testmo_notifier.errors import (
    FORBIDDEN,
    Invisible,
    LostRace,
    RequestRejected,
    StopReading,
    TooLarge,
    Unreadable,
    unexpected,
)
from testmo_notifier.lean import dataclass
from testmo_notifier.model import FOLD, FOLDERS, MAILED, Checkpoint, WatchedRun
from testmo_notifier.polling.handover import order_of
from testmo_notifier.polling.hold_or_tell import HoldOrTell
from testmo_notifier.polling.outboxes import waiting_since
from testmo_notifier.polling.setup import Poll, Setup
from testmo_notifier.sources.testmo_runs.reading import Reading, first_checkpoint
from testmo_notifier.sources.testmo_runs.watch import Watch


@dataclass(frozen=True, slots=True)
class Committer:
    """Writes what was read, run after run, in the thread of the poll; `checkpoints` are as they were before."""

    setup: Setup
    this: Poll
    watch: Watch
    checkpoints: Mapping[int, Checkpoint]
    marked: Collection[int]
    deleted: set[int] = field(default_factory=set)

    def commit(self, watched: WatchedRun, future: Future[Reading]) -> Checkpoint | None:
        """Write checkpoint and outbox in one, and give that back. What goes wrong with one run stays with that run.

        A store that fails ends the poll.
        """
        run = watched.run
        self.this.backlog.undone.add(run.id)
        try:
            reading = future.result()
            divided = self.divide(reading)
        except StopReading as exc:
            self.this.backlog.left(run.id)
            self.this.report.left(str(exc))
        except Invisible as exc:
            self.out_of_sight(watched, exc)
        except (Unreadable, RequestRejected) as exc:
            self.this.report.settings_problems += isinstance(exc, RequestRejected)
            self.this.report.unfinished(f"run {run.id} ({run.name}): {exc}")
        except Exception as exc:  # noqa: BLE001 - whatever a row did to us, the other runs are announced
            self.this.report.unfinished(f"run {run.id} ({run.name}): {unexpected(exc)}")
        else:
            committed = self.write(reading, divided)
            if committed is not None:
                self.this.backlog.done(reading)
                self.this.hidden.remove(run.id)  # it is shown
                self.this.report.count(reading)
            return committed
        return None

    def divide(self, reading: Reading, *, adds: bool = True) -> HoldOrTell:
        """What a reading has to tell, for each destination: at once, or later."""
        told, checkpoint = reading.outgoing, reading.checkpoint
        before = self.checkpoints.get(checkpoint.run_id)
        is_open_again = before is not None and before.closed_at is not None and checkpoint.closed_at is None
        looks = (told or is_open_again) and self.this.release.may_hold(checkpoint.run_id)
        divided = HoldOrTell(
            self.this.around,
            checkpoint.run_id,
            self.setup.store.held_of(checkpoint.run_id) if looks else [],
            order=order_of(checkpoint.version + 1),
            now=self.setup.now(),
            with_rows=reading.with_rows,
            adds=adds,
        )
        if is_open_again:
            divided.open_again()
        divided.divide(told)
        return divided

    def write(self, reading: Reading, divided: HoldOrTell) -> Checkpoint | None:
        """The one write, if there is anything to write; None where it failed, as when another poller was faster."""
        before = self.checkpoints.get(reading.checkpoint.run_id)
        outbox, held = (*(before.outbox if before else ()), *divided.at_once), divided.changes()
        since = waiting_since(before) if before and before.outbox else self.setup.now()
        checkpoint = replace(reading.checkpoint, outbox=outbox, waiting_since=since if outbox else None)
        if not outbox and not held and before is not None and not is_worth_writing(before, checkpoint):
            if before.run_id in self.marked or self.this.marks.of(before) is None:
                return before
            checkpoint = before  # as it was, with the mark that it lacks
        mark = self.this.marks.of
        try:
            committed = self.setup.store.commit(checkpoint, mark, held)
        except (TooLarge, LostRace) as exc:
            if isinstance(exc, TooLarge) and divided.adds:
                return self.write(reading, self.divide(reading, adds=False))
            self.this.report.unfinished(str(exc))
            return None
        self.this.report.count_held(divided.causes)
        for after in filter(None, (after for _, after in held)):
            self.this.outboxes.note_held(after)
            if FOLDERS in self.this.cases and after.cause != MAILED:
                self.this.cases[FOLDERS].note(after.frame)
        self.this.folds.extend(after.key for _, after in held if after is not None and after.cause == FOLD)
        return committed

    def out_of_sight(self, watched: WatchedRun, why: Invisible) -> None:
        """A run is hidden, which every poll says until it is shown again, or deleted, which is said once.

        One that Testmo still shows is not deleted, whatever it says of the results: the next poll asks again.
        """
        run = watched.run
        if why.status != FORBIDDEN and not self.is_deleted(run.id):
            self.this.report.unfinished(f"run {run.id} ({run.name}), still there as far as Testmo tells: {why}")
            return
        before = self.checkpoints.get(run.id)
        if why.status == FORBIDDEN:
            self.this.hidden.refuse(run.id, self.setup.now())
            self.this.report.invisible += 1
            self.this.report.problems.append(f"run {run.id} ({run.name}): {why}; it is tried again in an hour")
        else:
            was_said = before is not None and before.gone_at is not None and run.id not in self.this.hidden.since
            self.this.report.problems += [] if was_said else [f"run {run.id} ({run.name}) is gone: {why}"]
            self.this.hidden.remove(run.id)
            self.deleted.add(run.id)
        self.record_out_of_sight(watched)

    def is_deleted(self, run_id: int) -> bool:
        """Whether Testmo says that a run is deleted; not, where it cannot be asked."""
        try:
            self.this.testmo.run(run_id)
        except Invisible as exc:
            return exc.status != FORBIDDEN
        except (StopReading, Unreadable, RequestRejected):
            return False
        return False

    def record_out_of_sight(self, watched: WatchedRun) -> None:
        """Keep the checkpoint of a run that Testmo does not show, and leave it alone for an hour."""
        run = watched.run
        checkpoint = self.checkpoints.get(run.id) or first_checkpoint(run.id, run.project_id, watched.start, self.watch)
        try:
            self.setup.store.commit(replace(checkpoint, gone_at=self.setup.now()))
        except (LostRace, TooLarge) as exc:
            self.this.report.problems.append(str(exc))
        self.this.backlog.forget(run.id)


def is_worth_writing(before: Checkpoint, after: Checkpoint) -> bool:
    """Whether a read without news left anything to keep. Of a quiet open run nothing is written."""
    return after.closed_at is not None or replace(after, read_at=before.read_at) != before
