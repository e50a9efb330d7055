"""What a poll works with: what lasts (`Setup`), and what is made for one poll (`Poll`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any

from testmo_notifier.channels.registry import CHANNELS
from testmo_notifier.config import PollerSettings
from testmo_notifier.lean import dataclass
from testmo_notifier.model import CASES, FOLDERS, Budget, HeldKey, Scope
from testmo_notifier.notices.audience import substitutes
from testmo_notifier.notices.holding import Holding
from testmo_notifier.notices.routes import PLAIN, Routes, destinations
from testmo_notifier.polling import mail
from testmo_notifier.polling.backlog import Backlog
from testmo_notifier.polling.case_names import CaseNames, Completed
from testmo_notifier.polling.circumstances import Circumstances
from testmo_notifier.polling.emails import Emails
from testmo_notifier.polling.handover import HandOver
from testmo_notifier.polling.held_items import HeldItems
from testmo_notifier.polling.hidden import HiddenRuns
from testmo_notifier.polling.lease import Lease
from testmo_notifier.polling.marks import Marks
from testmo_notifier.polling.outboxes import Outboxes
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.polling.release import Release
from testmo_notifier.polling.report import Report
from testmo_notifier.settings.team import Team
from testmo_notifier.sources.testmo_runs.watch import Watch

if TYPE_CHECKING:
    from testmo_notifier.ports import Mailboxes, Renderer, Store, Testmo, Topic


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a poll works with. `connect` gives a Testmo that keeps a rate limit, `executor` so many workers.

    `destinations` are those that a route names, `channels` what the stack has.
    `wrong_files` says what is wrong with the team's settings, a sentence for each file that stands aside for it.
    `names_completed` and `gone_out` outlive a poll, in the memory of the process.
    """

    store: Store
    connect: Callable[[RateLimit], Testmo]
    topic: Topic
    mailboxes: Mailboxes | None = None
    renderer: Renderer
    watch: Watch
    status_names: tuple[str, ...] = ()
    scope: Scope
    routes: Routes = PLAIN
    destinations: tuple[str, ...]
    channels: Collection[str] = field(default_factory=lambda: tuple(CHANNELS))
    zone: tzinfo = UTC
    wrong_files: tuple[str, ...] = ()
    emails: Emails | None = None
    names_completed: Completed = field(default_factory=dict)
    gone_out: set[str] = field(default_factory=set)
    testmo_url: str
    staleness: timedelta
    requests_per_minute: int
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    seconds_left: Callable[[], float]
    shuffle: Callable[[list[Any]], None]
    executor: Callable[[int], Executor] = ThreadPoolExecutor

    @classmethod
    def of(cls, settings: PollerSettings, team: Team, **rest: Any) -> Setup:  # noqa: ANN401 - its other fields
        """That of a stack: what its settings say, what its team does, and the rest."""
        statuses = settings.alert_status_ids
        return cls(
            watch=Watch(
                tuple(status for status in statuses if isinstance(status, int)),
                settings.created_by_ids,
                settings.assignee_ids,
            ),
            status_names=tuple(status for status in statuses if isinstance(status, str)),
            scope=Scope(
                project_ids=settings.project_ids,
                run_ids=settings.run_ids,
                overlap=timedelta(seconds=settings.overlap_seconds),
                backfill=timedelta(hours=settings.backfill_hours),
            ),
            testmo_url=settings.testmo_url,
            staleness=timedelta(minutes=settings.max_staleness_minutes),
            requests_per_minute=settings.requests_per_minute,
            zone=settings.time_zone,
            routes=team.routes,
            destinations=destinations(team.routes, settings.channels),
            channels=settings.channels,
            wrong_files=team.problems,
            **rest,
        )


@dataclass(frozen=True, slots=True)
class Poll:
    """What is made for one poll; each thing has one job."""

    lease: Lease
    rate_limit: RateLimit
    testmo: Testmo
    marks: Marks
    outboxes: Outboxes
    cases: Mapping[str, CaseNames]  # their names, and their folders where anything needs these
    backlog: Backlog
    hidden: HiddenRuns
    report: Report
    around: Circumstances
    release: Release
    folds: list[HeldKey] = field(default_factory=list)  # what this poll held until its end

    @classmethod
    def begin(cls, setup: Setup, lease: Lease) -> Poll:
        """Everything as the last poll left it, and as the mailboxes were when they were looked at. Asks nobody."""
        control, started = lease.control, lease.started
        rate_limit = limit_of(setup, control.budget)
        testmo = setup.connect(rate_limit)
        marks = Marks.of_poll(control.looked, started)
        check = control.health.mail
        unreachable = mail.unreachable(check) if setup.mailboxes else frozenset()
        instead = substitutes(setup.routes, setup.destinations, unreachable)
        copied = frozenset(mail.copied(setup.mailboxes, instead, setup.routes)) - unreachable
        holding = what_holds(setup, lease, lost=frozenset() if instead else unreachable, copied=copied)
        cases = case_lists(setup, testmo, rate_limit, holding)
        hand_over = HandOver(setup, marks.of, unreachable=unreachable, showing=control.bots)
        outboxes = Outboxes(hand_over, cases[CASES])
        around = Circumstances(
            holding,
            copies_due=mail.next_look(check, started),
            destinations=setup.destinations,
            unreachable=unreachable,
            instead=instead,
            waiting=outboxes.waiting,
            late=outboxes.late,
            copied=copied,
            check=check,
        )
        held_items = HeldItems(setup, outboxes, holding.now, go_on=lease.renew)
        return cls(
            lease,
            rate_limit,
            testmo,
            marks,
            outboxes,
            cases,
            Backlog(control, started=started),
            HiddenRuns(control.looked.hidden_runs),
            Report(),
            around,
            Release(held_items, outboxes, around),
        )


def limit_of(setup: Setup, budget: Budget) -> RateLimit:
    """How often Testmo may be asked, after what was asked of it within the minute."""
    return RateLimit(
        setup.requests_per_minute,
        spent=budget.requests,
        sent=budget.sent or (),
        now=lambda: setup.now().timestamp(),
        sleep=setup.sleep,
        seconds_left=setup.seconds_left,
        careful=budget.not_before is not None,
    )


def what_holds(setup: Setup, lease: Lease, *, lost: frozenset[str], copied: frozenset[str]) -> Holding:
    """What holds anything back in this poll. What goes to those `lost` reaches nobody, nor anybody instead."""
    return Holding(
        now=lease.started,
        options=setup.routes.options,
        zone=setup.zone,
        silences=lease.control.silences,
        bots=lease.control.bots,
        lost=lost,
        copied=copied,
        is_draining=lease.control.budget.draining_until is not None,
    )


def case_lists(setup: Setup, testmo: Testmo, rate_limit: RateLimit, holding: Holding) -> dict[str, CaseNames]:
    """The names of cases, and their folders where a route or a silence asks, or many runs may be one message."""
    names_of = partial(
        CaseNames,
        testmo,
        setup.store,
        now=holding.now,
        has_room=rate_limit.has_room,
        completed=setup.names_completed,
    )
    reads_folders = "folder" in setup.routes.asked | holding.asked or holding.tells_of_many
    folders = {FOLDERS: names_of(kept=FOLDERS)} if reads_folders else {}
    return {CASES: names_of(folders=folders.get(FOLDERS)), **folders}
