"""Reads the runs that are due, a few at a time. Workers read and decide; they write nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

from testmo_notifier.errors import OutOfTime
from testmo_notifier.model import Checkpoint, WatchedRun
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.polling.lease import RENEW_AFTER
from testmo_notifier.polling.parts import Parts, Poll
from testmo_notifier.sources.testmo_runs.reading import Reading, first_checkpoint, read_run
from testmo_notifier.sources.testmo_runs.watch import Watch


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads runs from their `checkpoints` on."""

    parts: Parts
    this: Poll
    watch: Watch
    checkpoints: Mapping[int, Checkpoint]

    def read(self, due: list[WatchedRun]) -> Iterator[tuple[WatchedRun, Future[Reading]]]:
        """Give back each run as soon as it is read; those that are read by now in the order of `due`."""
        with self.parts.executor(self.this.rate_limit.workers) as pool:
            try:
                readings = {pool.submit(self.read_run, watched): watched for watched in due}
                order = {reading: number for number, reading in enumerate(readings)}
                waiting = set(readings)
                while waiting:
                    done, waiting = wait(waiting, RENEW_AFTER.total_seconds(), FIRST_COMPLETED)
                    self.this.lease.renew()
                    yield from ((readings[reading], reading) for reading in sorted(done, key=order.__getitem__))
            except BaseException:
                self.this.rate_limit.close(OutOfTime("the poll is over"))  # nobody waits for what is still being read
                raise

    def read_run(self, watched: WatchedRun) -> Reading:
        """Read one run from its checkpoint on, and sweep it if its turn has come."""
        run, watch = watched.run, self.watch
        checkpoint = self.checkpoints.get(run.id) or first_checkpoint(run.id, run.project_id, watched.start, watch)
        return read_run(
            self.this.testmo,
            run,
            checkpoint,
            watch,
            DigestBuilder(self.parts.testmo_url, run, watched.project_name, version=checkpoint.version),
            overlap=self.parts.scope.overlap,
            sweep=run.id in self.this.backlog.unswept,
            ceased=self.this.lease.control.watching.ceased.get(checkpoint.watching),
            now=self.parts.now,
        )
