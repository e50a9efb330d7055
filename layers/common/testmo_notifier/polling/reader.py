"""Reads the runs that are due, a few at a time. Workers read and decide; they write nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Final

from testmo_notifier.errors import OutOfTime
from testmo_notifier.model import Checkpoint, WatchedRun
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.polling.lease import RENEW_AFTER, Lease
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.ports import Testmo
from testmo_notifier.sources.testmo_runs.reading import Reading, first_checkpoint, read_run
from testmo_notifier.sources.testmo_runs.watch import Watch

WORKERS: Final = 4  # requests at a time (rule 9)
MAX_BEGUN: Final = 32  # runs that are being read, or read and not written yet; each may hold thousands of results


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
        runs = enumerate(due)
        begun: dict[Future[Reading], tuple[int, WatchedRun]] = {}
        done: SimpleQueue[Future[Reading]] = SimpleQueue()
        with executor(WORKERS) as pool:

            def begin(runs: Iterable[tuple[int, WatchedRun]]) -> None:
                for number, watched in runs:
                    reading = pool.submit(self.read_run, watched)
                    begun[reading] = number, watched
                    reading.add_done_callback(done.put)

            try:
                begin(islice(runs, MAX_BEGUN))
                while begun:
                    read = taken(done, RENEW_AFTER.total_seconds())
                    lease.renew()
                    for reading in sorted(read, key=lambda reading: begun[reading][0]):
                        _, watched = begun.pop(reading)
                        begin(islice(runs, 1))
                        yield watched, reading
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


def taken(done: SimpleQueue[Future[Reading]], seconds: float) -> list[Future[Reading]]:
    """All that is done by now, or, where nothing is, the first thing that is done in so many seconds."""
    read: list[Future[Reading]] = []
    while True:
        try:
            read.append(done.get(timeout=0 if read else seconds))
        except Empty:
            return read
