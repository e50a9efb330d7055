"""`rewind`: announce again what is failing since a moment. Dry run first; nothing is ever lost by it.

The checkpoint of a run goes back: cursor and floor to that moment, and the results since then are forgotten, so the
next polls find them new. They get notification ids of their own (`rewound`), else Slack would take them for delivered.
For one destination alone nothing goes back: `repeat` has that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from testmo_notifier.adapters.store import Store
from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.errors import Invisible, LeaseTaken, LostRace
from testmo_notifier.model import LONG_AGO, Checkpoint, Control, Result, ResultsPage, Resume, Run, Told
from testmo_notifier.notices.holding import Holding
from testmo_notifier.notices.routes import EVENT_NEWS
from testmo_notifier.ports import Store as AnyStore
from testmo_notifier.sources.testmo_runs.paging import go_through, results_query
from testmo_notifier.sources.testmo_runs.watch import Watch
from testmo_notifier.sources.testmo_runs.window import MARGIN
from tools.lib.stamps import utc_now
from tools.ops import records, wiring
from tools.ops.account import Account
from tools.ops.exit_status import FINE, Desk, NotDone, WrongUsage
from tools.ops.held import zone_of
from tools.ops.repeat import Page, Repeat, Repeater, known_cases, put
from tools.ops.times import counted, iso

LEASE: Final = timedelta(seconds=60)
PATIENCE_SECONDS: Final = 120.0  # a poll takes at most a minute, the lease of a killed one ends after half of it
LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One run to rewind: since when, and the keys of the results that will be announced again.

    `repeat` is what goes to one destination alone; the checkpoint stays where it is then.
    """

    run: Run
    since: datetime
    keys: frozenset[int]
    repeat: Repeat | None = None


def rewind(
    desk: Desk, *, run: int | None, since: datetime | None, project: int | None, destination: str | None, apply: bool
) -> int:
    """Show what would be announced again; with `apply`, see to it that it is."""
    if run is None and since is None:
        raise WrongUsage("say what: --run ID, --since WHEN, or both")
    if run is not None and project is not None:
        raise WrongUsage("--project is for --since without --run")
    if since is not None and since > utc_now():
        raise WrongUsage(f"{iso(since)} is yet to come")
    repeater = repeater_for(desk.account, destination) if destination else None
    plans = [plan for plan in make_plans(desk, repeater, run=run, since=since, project=project) if plan.keys]
    for plan in plans:
        desk.out.note(
            f"run {plan.run.id} ({plan.run.name}): {counted(len(plan.keys), 'result')} since {iso(plan.since)}"
        )
    total = sum(len(plan.keys) for plan in plans)
    if apply and plans:
        under_lease(desk, plans, repeater)
    words, where = f"{counted(total, 'result')} of {counted(len(plans), 'run')}", destination or "every channel"
    if not plans and destination:
        desk.out.verdict(f"nothing is failing there that routes send to {destination}: `route` says why", is_ok=True)
    elif not plans:
        desk.out.verdict("nothing is failing there: there is nothing to announce again", is_ok=True)
    elif apply:
        desk.out.verdict(f"{words}: the next polls announce them again, on {where}", is_ok=True)
    else:
        desk.out.verdict(f"{words} would be announced again, on {where}; --yes does it", is_ok=True)
    left = sum(plan.repeat.left for plan in plans if plan.repeat)
    if left:
        desk.out.note(f"{counted(left, 'result')} had no room: run it again when these are told, with a later --since")
    told = [{"run_id": p.run.id, "run": p.run.name, "since": iso(p.since), "results": sorted(p.keys)} for p in plans]
    answer = {"ok": True, "applied": apply and bool(plans), "results": total, "runs": told}
    desk.answer({**answer, "destination": destination, "left": left})
    return FINE


def repeater_for(account: Account, destination: str) -> Repeater:
    """What repeats for a destination; raises `WrongUsage` for one that no route leads to."""
    settings, routes = account.settings, wiring.routes()
    known = [name for name in wiring.routed(settings) if name != EVENT_NEWS]
    if destination not in known:
        there = ", ".join(known)
        raise WrongUsage(f"no route of this checkout leads to {destination} on this stack: there are {there}")
    projects, _ = wiring.connect(account).projects()
    store = records.store(account)
    return Repeater(
        destination,
        routes,
        settings.testmo_url,
        {project.id: project.name for project in projects},
        lambda project_id: known_cases(store, routes, project_id),
        Holding(utc_now(), routes.options, zone_of(account.stack), records.control(account)[0].silences),
    )


def make_plans(
    desk: Desk, repeater: Repeater | None, *, run: int | None, since: datetime | None, project: int | None
) -> list[Plan]:
    """Read Testmo for what is failing; moves nothing."""
    account = desk.account
    testmo = wiring.connect(account, records.control(account)[0].budget.requests)
    runs = [testmo.run(run)] if run is not None else list(runs_since(testmo, desk, since or LONG_AGO, project))
    known = records.store(account).checkpoints([one.id for one in runs])
    if run is not None and run not in known:
        raise NotDone(f"run {run} has no checkpoint: it was never read, so there is nothing to go back from")
    if run is not None and repeater is None and not is_polled(runs[0], testmo, account):
        words = f"no poll reads run {run} any more: its project is completed or hidden, or the stack watches others"
        next_step = "let ProjectIds name its project (and RunIds the run, if they are set), or give --destination"
        raise NotDone(f"{words}; {next_step}, which works all the same")
    plans: list[Plan] = []
    for number, one in enumerate((one for one in runs if one.id in known), start=1):
        desk.progress.note(f"reading run {one.id} ({number} of {len(known)})")
        start = since or one.created_at or LONG_AGO
        pages = failing_since(testmo, one, known[one.id], start)
        if repeater is None:
            plans.append(Plan(one, start, frozenset(row.key for rows, _ in pages for row in rows)))
        else:
            repeat = repeater.repeat(one, known[one.id], pages)
            plans.append(Plan(one, start, repeat.keys, repeat))
    return plans


def runs_since(testmo: Testmo, desk: Desk, since: datetime, project: int | None) -> Iterable[Run]:
    """The open runs, and those that were closed since a moment, of the watched projects."""
    scope = desk.account.settings
    projects, _ = testmo.projects()
    chosen = wiring.polled_projects(desk.account, projects)
    for hidden in set(scope.project_ids) - {p.id for p in projects}:
        desk.progress.problem(f"project {hidden} of ProjectIds is not visible to the token's user: it is left out")
    if not chosen:
        raise NotDone("no watched project is visible to the token's user: see `testmo-notifier doctor`")
    if project is not None:
        chosen = [p for p in chosen if p.id == project]
        if not chosen:
            raise NotDone(f"project {project} is not watched, or not visible to the token's user")
    for one in chosen:
        try:
            found = {run.id: run for run in (*testmo.open_runs(one.id), *testmo.closed_runs(one.id, since))}
        except Invisible as exc:
            desk.progress.problem(f"project {one.id} ({one.name}): {exc}")
            continue
        yield from (run for run in found.values() if not scope.run_ids or run.id in scope.run_ids)


def is_polled(run: Run, testmo: Testmo, account: Account) -> bool:
    """Whether polls read a run: what goes back elsewhere is announced by nobody."""
    if account.settings.run_ids and run.id not in account.settings.run_ids:
        return False
    return run.project_id in {project.id for project in wiring.polled_projects(account, testmo.projects()[0])}


def failing_since(testmo: Testmo, run: Run, checkpoint: Checkpoint, since: datetime) -> list[Page]:
    """What is failing now of a run and was saved since a moment, by what it was last read with.

    What was re-tested since is none of it: that test passed, or its next failure is here.
    """
    watch = Watch.parse(checkpoint.watching)
    pages: list[Page] = []

    def is_wanted(row: Result) -> bool:
        is_late = row.created_at is None or row.created_at >= since
        return is_late and row.is_latest is not False and watch.is_failing(row)

    def fetch(bound: datetime | None, number: int) -> ResultsPage:
        return testmo.results(run.id, results_query(watch, bound, number))

    def handle(page: ResultsPage) -> None:
        pages.append((list(filter(is_wanted, page.results)), page.expands))

    read = go_through(Resume(lower_bound(since), 1, None), fetch, handle)
    if read.resume is not None:
        raise NotDone(f"run {run.id} could not be read to its end: try again in a minute")
    return pages


def lower_bound(since: datetime) -> datetime:
    """What to ask for so that nothing since a moment is missed, however precise Testmo's own bound is."""
    return since.replace(microsecond=0) - MARGIN


def under_lease(desk: Desk, plans: Sequence[Plan], repeater: Repeater | None) -> None:
    """Be the one poller for a moment, so that none is in the middle of a run that goes back."""
    store = records.store(desk.account, holder=f"rewind {uuid4().hex[:8]}")
    control = wait_for_lease(desk, store)
    try:
        for plan in plans:
            store.take_lease(utc_now(), LEASE)
            if plan.repeat is not None and repeater:
                is_held = put(
                    store, plan.run.id, plan.repeat, repeater.destination, at=utc_now(), holding=repeater.holding
                )
                where = "among what is held: `testmo-notifier status` says until when" if is_held else "in its outbox"
                desk.progress.note(f"run {plan.run.id} has it {where}")
                continue
            go_back(store, plan)
            desk.progress.note(f"run {plan.run.id} is back at {iso(plan.since)}")
    except LostRace as exc:
        raise NotDone(f"{exc}: run it again, what was rewound already stays so") from exc
    finally:
        with suppress(LostRace):  # the lease went to a poll meanwhile, which keeps its own control
            store.save_control(control, release=True)


def wait_for_lease(desk: Desk, store: Store) -> Control:
    """Wait until no poll is at work."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return store.take_lease(utc_now(), LEASE)
        except LeaseTaken as exc:
            if time.monotonic() > deadline:
                raise NotDone(f"{exc}; try again, or `testmo-notifier pause` first") from exc
            desk.progress.note(f"{exc}; waiting")
            time.sleep(LOOK_SECONDS)


def go_back(store: AnyStore, plan: Plan) -> None:
    """Rewind one run. A closed one is put among those that discovery looks at, first: without that nobody reads it."""
    checkpoint = store.checkpoints([plan.run.id]).get(plan.run.id)
    if checkpoint is None:
        return
    if plan.run.is_closed:
        closed_at = plan.run.closed_at or utc_now()
        for state in store.projects([plan.run.project_id]).values():
            store.commit_project(replace(state, closing={**state.closing, plan.run.id: closed_at}))
    store.commit(rewound(checkpoint, plan.since, plan.keys, at=utc_now()))


def rewound(checkpoint: Checkpoint, since: datetime, keys: frozenset[int], *, at: datetime) -> Checkpoint:
    """The checkpoint of a run that goes back. Without counters and `read_at` the next poll reads it, open or closed.

    What was failing before stays known, so no sweep announces it; an outbox stays and goes out first. A read that was
    interrupted begins anew, with the lower of both bounds. Nobody counts as told of the tests; how often they failed
    in a row stays as it was.
    """
    again = {test for test, known in checkpoint.failing.items() if known[0] in keys}
    resume = None
    if checkpoint.resume is not None and checkpoint.resume.bound is not None:
        resume = Resume(min(checkpoint.resume.bound, lower_bound(since)), 1, None)
    return replace(
        checkpoint,
        cursor=min(checkpoint.cursor, since),
        floor=min(checkpoint.floor, since),
        seen={key: moment for key, moment in checkpoint.seen.items() if key not in keys},
        failing={test: known for test, known in checkpoint.failing.items() if test not in again},
        superseded={key: known for key, known in checkpoint.superseded.items() if key not in keys},
        counters=None,
        resume=resume,
        read_at=None,
        rewound=at.isoformat(),
        told={test: Told(one.streak, one.since) if test in again else one for test, one in checkpoint.told.items()},
    )
