"""`rewind --destination`: what is failing since a moment, once more and for one destination alone.

No checkpoint goes back. What the routes send to that destination is put into the outbox of its run, in the form in
which the poller would have committed it, and the next poll hands it over; or, where the destination is quiet now or
somebody silenced it, among what is held. So nobody else is told twice, and what no poll has read yet goes where the
routes say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from testmo_notifier.errors import TooLarge
from testmo_notifier.model import CASES, FOLDERS, Checkpoint, Expands, Outgoing, Passes, Result, Run, Told
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.gathered import CasesOf
from testmo_notifier.notices.holding import NEVER, Holding
from testmo_notifier.notices.matching import Facts, case_facts, run_facts
from testmo_notifier.notices.routes import Routes
from testmo_notifier.polling.circumstances import Circumstances
from testmo_notifier.polling.handover import order_of
from testmo_notifier.polling.hold_or_tell import HoldOrTell
from testmo_notifier.ports import Store
from testmo_notifier.sources.testmo_runs.detect import Detector
from testmo_notifier.sources.testmo_runs.watch import Watch
from tools.ops.exit_status import NotDone

Page = tuple[Sequence[Result], Expands]


@dataclass(frozen=True, slots=True)
class Repeat:
    """What is told once more, with every row, about which tests, and how many results had no room in it."""

    outgoing: tuple[Outgoing, ...] = ()
    tests: frozenset[int] = frozenset()
    left: int = 0

    @property
    def keys(self) -> frozenset[int]:
        """The results."""
        return frozenset(key for out in self.outgoing for key in out.digest.keys)


@dataclass(frozen=True)
class Repeater:
    """Repeats for one destination what these routes send there. `cases` looks up what they ask about cases.

    `holding` is what holds anything back now.
    """

    destination: str
    routes: Routes
    testmo_url: str
    projects: Mapping[int, str]
    cases: Callable[[int], CasesOf] = field(default=lambda _: lambda _: {})
    holding: Holding = NEVER

    def repeat(self, run: Run, checkpoint: Checkpoint, pages: Iterable[Page]) -> Repeat:
        """What is to be repeated of a run; rows that no poll has handled yet are none of it."""
        detector = Detector(checkpoint, Watch.parse(checkpoint.watching))
        fresh: set[int] = set()  # also of a page that was read twice
        handled: list[Page] = []
        for rows, expands in pages:
            fresh |= {row.key for row in detector.new_failing(rows)}
            handled.append(([row for row in rows if row.key not in fresh], expands))
        tests = {row.key: row.test_key for rows, _ in handled for row in rows}
        news = self._news(run, checkpoint, tests.values())
        left = 0
        for rows, expands in handled:
            if news.is_full:
                left += len(rows)
            else:
                news.add(rows, expands)
        news.judge(Passes(complete=True))  # the streaks are those that the last poll knew
        outgoing = tuple(map(news.with_rows, news.outgoing()))
        return Repeat(outgoing, frozenset(tests[key] for out in outgoing for key in out.digest.keys), left)

    def _news(self, run: Run, checkpoint: Checkpoint, tests: Collection[int]) -> DigestBuilder:
        """A builder to which the tests are failing as ever, and to which nobody was told of them: so they are new."""
        project = self.projects.get(run.project_id, "")
        told = {test: replace(checkpoint.told.get(test, Told()), destinations=frozenset()) for test in tests}
        to, facts = (self.destination,), run_facts(run, project)
        audience = Audience(self.routes, to, facts, holding=self.holding, before=told)
        return DigestBuilder(
            self.testmo_url,
            run,
            project,
            audience=audience,
            failing=frozenset(tests) if audience.keeps_told else (),
            cases=self.cases(run.project_id),
            version=checkpoint.version,
        )


def known_cases(store: Store, routes: Routes, project_id: int) -> CasesOf:
    """What the table knows of the cases of a project, as far as routes ask."""

    def look_up(case_ids: Collection[int]) -> Mapping[int, Facts]:
        names = store.case_names(project_id, case_ids, CASES) if "test" in routes.asked else {}
        folders = store.case_names(project_id, case_ids, FOLDERS) if "folder" in routes.asked else {}
        return {case_id: case_facts(case_id, names.get(case_id), folders.get(case_id)) for case_id in case_ids}

    return look_up


def put(store: Store, run_id: int, repeat: Repeat, destination: str, *, at: datetime, holding: Holding = NEVER) -> bool:
    """Into the outbox with it, behind what waits there, or among what is held; the destination counts as told of it.

    Returns whether all of it is held.
    """
    checkpoint = store.checkpoints([run_id])[run_id]
    divided = HoldOrTell(
        Circumstances(holding=holding, copies_due=at),
        run_id,
        store.held_of(run_id),
        order=order_of(checkpoint.version + 1),
        now=at,
        with_rows=lambda one: one,
    )
    divided.divide(repeat.outgoing)
    told = {
        test: replace(one, destinations=one.destinations | {destination}) if test in repeat.tests else one
        for test, one in checkpoint.told.items()
    }
    try:
        outbox = (*checkpoint.outbox, *divided.at_once)
        waiting_since = checkpoint.waiting_since or (at if outbox else None)
        after = replace(checkpoint, outbox=outbox, told=told, waiting_since=waiting_since)
        store.commit(after, held=divided.changes())
    except TooLarge as exc:
        raise NotDone(
            f"run {run_id} has no room for so much: run it again when the next poll has published it"
        ) from exc
    return not divided.at_once
