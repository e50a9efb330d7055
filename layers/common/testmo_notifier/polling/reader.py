"""Reads the runs that are due, a few at a time. Workers read and decide; they write nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from testmo_notifier.errors import OutOfTime
from testmo_notifier.model import Checkpoint, WatchedRun
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.polling.lease import RENEW_AFTER, Lease
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.ports import Testmo
from testmo_notifier.sources.testmo_runs.reading import Reading, first_checkpoint, read_run
from testmo_notifier.sources.testmo_runs.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """`unswept` are the runs to sweep. `ceased` says until when what is watched no more was watched."""

    testmo: Testmo
    testmo_url: str
    watch: Watch
    overlap: timedelta
    checkpoints: Mapping[int, Checkpoint]
    unswept: Collection[int]
    ceased: Mapping[str, datetime]
    now: Callable[[], datetime]

    def read(
        self, due: list[WatchedRun], executor: Callable[[int], Executor], rate_limit: RateLimit, lease: Lease
    ) -> Iterator[tuple[WatchedRun, Future[Reading]]]:
        """Give back each run as soon as it is read; those that are read by now in the order of `due`."""
        with executor(rate_limit.workers) as pool:
            try:
                readings = {pool.submit(self.read_run, watched): watched for watched in due}
                order = {reading: number for number, reading in enumerate(readings)}
                waiting = set(readings)
                while waiting:
                    done, waiting = wait(waiting, RENEW_AFTER.total_seconds(), FIRST_COMPLETED)
                    lease.renew()
                    yield from ((readings[reading], reading) for reading in sorted(done, key=order.__getitem__))
            except BaseException:
                rate_limit.close(OutOfTime("the poll is over"))  # nobody waits for what is still being read
                raise

    def read_run(self, watched: WatchedRun) -> Reading:
        """Read one run from its checkpoint on."""
        run, watch = watched.run, self.watch
        checkpoint = self.checkpoints.get(run.id) or first_checkpoint(run.id, run.project_id, watched.start, watch)
        news = DigestBuilder(self.testmo_url, run, watched.project_name, version=checkpoint.version)
        return read_run(
            self.testmo,
            run,
            checkpoint,
            watch,
            news,
            overlap=self.overlap,
            sweep=run.id in self.unswept,
            ceased=self.ceased.get(checkpoint.watching),
            now=self.now,
        )
