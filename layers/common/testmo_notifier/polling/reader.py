"""Reads the runs that are due, a few at a time. Workers read and decide; they write nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Final

from testmo_notifier.errors import OutOfTime
from testmo_notifier.lean import dataclass
from testmo_notifier.model import CASES, FOLDERS, Checkpoint, WatchedRun
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.matching import Facts, case_facts, run_facts
from testmo_notifier.polling.lease import RENEW_AFTER
from testmo_notifier.polling.setup import Poll, Setup
from testmo_notifier.sources.testmo_runs.passes import NOT_ASKED, FollowUp, RunQuestions
from testmo_notifier.sources.testmo_runs.reading import Reading, first_checkpoint, read_run
from testmo_notifier.sources.testmo_runs.watch import Watch

MAX_BEGUN: Final = 32  # runs that are being read, or read and not written yet; each may hold thousands of results


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads runs from their `checkpoints` on, and of those of `follow_ups` what is new."""

    setup: Setup
    this: Poll
    watch: Watch
    checkpoints: Mapping[int, Checkpoint]
    follow_up: FollowUp = NOT_ASKED
    follow_ups: Collection[int] = ()

    def read(self, due: list[WatchedRun]) -> Iterator[tuple[WatchedRun, Future[Reading]]]:
        """Give back each run as soon as it is read; those that are read by now in the order of `due`."""
        runs = enumerate(due)
        begun: dict[Future[Reading], tuple[int, WatchedRun]] = {}
        done: SimpleQueue[Future[Reading]] = SimpleQueue()
        with self.setup.executor(self.this.rate_limit.workers) as pool:

            def begin(runs: Iterable[tuple[int, WatchedRun]]) -> None:
                for number, watched in runs:
                    future = pool.submit(self.read_one, watched)
                    begun[future] = number, watched
                    future.add_done_callback(lambda _: self.follow_up.was_read())
                    future.add_done_callback(done.put)

            try:
                begin(islice(runs, MAX_BEGUN))
                while begun:
                    read = taken(done, RENEW_AFTER.total_seconds())
                    self.this.lease.renew()
                    for future in sorted(read, key=lambda future: begun[future][0]):
                        _, watched = begun.pop(future)
                        begin(islice(runs, 1))
                        yield watched, future
            except BaseException:
                self.this.rate_limit.close(OutOfTime("the poll is over"))  # nobody waits for what is still being read
                raise

    def read_one(self, watched: WatchedRun) -> Reading:
        """Read one run from its checkpoint on, and sweep it if its turn has come."""
        run, watch = watched.run, self.watch
        checkpoint = self.checkpoints.get(run.id) or first_checkpoint(run.id, run.project_id, watched.start, watch)
        audience = Audience(
            self.setup.routes,
            self.setup.destinations,
            run_facts(run, watched.project_name),
            self.this.around.unreachable,
            self.this.around.holding,
            checkpoint.told,
        )
        news = DigestBuilder(
            self.setup.testmo_url,
            run,
            watched.project_name,
            audience=audience,
            failing=checkpoint.failing,
            cases=partial(self.case_facts, run.project_id),
            version=checkpoint.version,
        )
        about = RunQuestions(self.this.testmo, run, watch, self.setup.now, self.setup.scope.overlap, self.follow_up)
        ceased = self.this.lease.control.watching.ceased.get(checkpoint.watching)
        return read_run(
            about,
            checkpoint,
            news,
            turn=run.id in self.this.backlog.unswept,
            only_new=run.id in self.follow_ups,
            ceased=ceased and max(ceased, watched.start),  # what was there before first sight stays old
        )

    def case_facts(self, project_id: int, case_ids: Collection[int]) -> dict[int, Facts]:
        """What routes ask about cases: their names, and the folders that they are in."""
        asked = self.setup.routes.asked | self.this.around.holding.asked
        names = self.this.cases[CASES].of(project_id, case_ids) if "test" in asked else {}
        folders = self.this.cases[FOLDERS].of(project_id, case_ids) if "folder" in asked else {}
        return {case_id: case_facts(case_id, names.get(case_id), folders.get(case_id)) for case_id in case_ids}


def taken(done: SimpleQueue[Future[Reading]], seconds: float) -> list[Future[Reading]]:
    """All that is done by now, or, where nothing is, the first thing that is done in so many seconds."""
    read: list[Future[Reading]] = []
    while True:
        try:
            read.append(done.get(timeout=0 if read else seconds))
        except Empty:
            return read
