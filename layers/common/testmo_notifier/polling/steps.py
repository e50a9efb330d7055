"""The steps of a poll, in the order in which `poll` takes them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from testmo_notifier.errors import (
    FORBIDDEN,
    Invisible,
    LostRace,
    OutOfBudget,
    OutOfTime,
    RequestRejected,
    StopReading,
    Throttled,
    TokenRefused,
    TooLarge,
    Unlisted,
    Unpublished,
    Unreadable,
)
from testmo_notifier.model import Checkpoint, Control, MailCheck, Outgoing, Scope, WatchedRun
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.polling import mail, troubles
from testmo_notifier.polling.case_names import CaseNames
from testmo_notifier.polling.due import due_runs, is_done, is_turn
from testmo_notifier.polling.handover import HandOver, Outboxes
from testmo_notifier.polling.pauses import waited, with_pause
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.polling.report import Report
from testmo_notifier.polling.statuses import Names, completed, learn, plain
from testmo_notifier.ports import Mailboxes, Renderer, Store, Testmo, Topic
from testmo_notifier.sources.testmo_runs.detect import Watch, first_checkpoint
from testmo_notifier.sources.testmo_runs.discovery import discover
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.reading import Reading, read_run

LEASE: Final = timedelta(seconds=30)  # a poller that was killed holds up the next one no longer than this
RENEW_AFTER: Final = timedelta(seconds=10)
TURNS_PER_SWEEP: Final = 12  # rule 5: once an hour, with the default staleness
MIN_STALENESS: Final = timedelta(minutes=1)  # for sweeps alone, where every poll is a turn
MAX_CEASED: Final = 20  # settings of the past that are remembered, for runs that were not read since
WORKERS: Final = 4  # requests at a time (rule 9)
MAIL_SECONDS: Final = 20  # what has to be left of the time to look at the mailboxes; AWS may be slow to answer


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a poll works with. `connect` gives a Testmo whose requests all pass a rate limit."""

    store: Store
    connect: Callable[[RateLimit], Testmo]
    topic: Topic
    mailboxes: Mailboxes | None = None
    renderer: Renderer
    watch: Watch
    status_names: tuple[str, ...] = ()
    scope: Scope
    destinations: tuple[str, ...]
    testmo_url: str
    staleness: timedelta
    requests_per_minute: int
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    seconds_left: Callable[[], float]
    shuffle: Callable[[list[Any]], None]


class OnePoll:
    """The steps of `poll`. Workers only read; what is written, is written by the one thread that calls these."""

    def __init__(self, parts: Parts, control: Control) -> None:
        self.parts = parts
        self.control = control
        self.started = self.renewed = parts.now()
        self.rate_limit = RateLimit(
            parts.requests_per_minute,
            spent=control.requests,
            now=lambda: parts.now().timestamp(),
            sleep=parts.sleep,
            seconds_left=parts.seconds_left,
        )
        self.testmo = parts.connect(self.rate_limit)
        self.outboxes = Outboxes(
            HandOver(
                store=parts.store,
                renderer=parts.renderer,
                topic=parts.topic,
                now=parts.now,
                sleep=parts.sleep,
                seconds_left=parts.seconds_left,
            ),
            CaseNames(self.testmo, parts.store, now=self.started, has_room=self.rate_limit.has_room),
            now=self.started,
        )
        self.report = Report()
        self.watch = parts.watch
        self.checkpoints: dict[int, Checkpoint] = {}
        self.undone = set(control.undone)
        self.half_read: set[int] = set()
        self.in_hidden_projects: set[int] = set()
        self.hidden = dict(control.hidden)
        self.refused: set[int] = set()
        self.deleted: set[int] = set()
        self.run_names: dict[int, str] = {}
        self.looked_at = control.discovered_at or control.installed_at
        self.unswept = set(control.unswept)
        self.is_behind = True
        self.pauses = with_pause(control.pauses, control.ended_at or control.polled_at, self.started)

    def hand_over_what_waits(self) -> None:
        """Publish what a crash or a busy poll left in outboxes, whatever the lists of runs say."""
        for checkpoint in sorted(self.parts.store.pending(), key=lambda waiting: waiting.read_at or waiting.floor):
            self.still_alive()
            self.outboxes.publish(checkpoint)

    def publish_unnamed(self, found: Discovery) -> None:
        """Learn case names with what is left of the budget, then publish what waited for one, named or not."""
        self.outboxes.learn_names(found.states)
        for checkpoint in self.outboxes.unnamed:
            self.still_alive()
            self.checkpoints[checkpoint.run_id] = self.outboxes.publish(checkpoint)

    def must_wait(self) -> bool:
        """Whether Testmo asked for a pause that is not over."""
        until = self.control.not_before
        if until is None or self.parts.now() >= until:
            return False
        self.report.status, self.report.retry_at = "waiting", until
        self.report.throttled = True
        self.report.problems.append(f"Testmo asked for a pause until {until.isoformat(timespec='seconds')}")
        return True

    def discover(self) -> Discovery:
        """List what there is to watch."""
        asked_at = self.parts.now()
        found = discover(
            self.testmo,
            self.parts.store,
            self.control,
            self.parts.scope,
            now=asked_at,
            installed=self.installed,
            still_alive=self.still_alive,
            half_spent=lambda: 2 * self.rate_limit.requests >= self.parts.requests_per_minute,
            shuffle=self.parts.shuffle,
        )
        self.report.looked, self.looked_at = True, found.oldest_look(self.control.discovered_at)
        self.is_behind = not found.complete
        self.report.skew_seconds = (asked_at - found.began_at).total_seconds()
        self.report.invisible, self.report.settings_problems = found.invisible, found.settings_problems
        self.report.problems += found.problems
        self.report.hidden = found.hidden_projects
        self.hidden = {**dict.fromkeys(found.hidden_runs, asked_at), **self.hidden}
        self.refused |= found.refused
        self.run_names = {watched.run.id: watched.run.name for watched in found.runs}
        if not found.complete:
            self.report.status = "partial"
        return found

    def complete_watch(self, found: Discovery) -> None:
        """Find out which statuses are watched by name: at first sight, while one is unknown, and hourly."""
        wanted = self.parts.status_names
        names = Names(dict(self.control.statuses))
        if wanted and (found.checked_closed or not all(plain(name) in names.learned for name in wanted)):
            self.still_alive()
            projects = dict.fromkeys([*(watched.run.project_id for watched in found.runs), *found.known])
            names = learn(self.testmo, wanted, names.learned, projects)
            self.control = replace(self.control, statuses=names.learned)
        self.watch, problems = completed(self.parts.watch, wanted, names, has_runs=bool(found.runs))
        self.control = with_watch(self.control, self.watch, at=found.began_at)
        self.report.problems += [*names.problems, *problems]
        self.report.settings_problems += len(problems)

    def installed(self, at: datetime) -> None:
        """Keep the time of the first discovery before anything depends on it."""
        self.control = replace(self.control, installed_at=at)
        self.parts.store.save_control(self.control, release=False)

    def due(self, found: Discovery) -> list[WatchedRun]:
        """The runs to read now; one whose messages still wait is not among them."""
        self.report.runs_open = len(found.runs)
        self.checkpoints = self.parts.store.checkpoints([watched.run.id for watched in found.runs])
        for run_id, checkpoint in self.checkpoints.items():
            if checkpoint.outbox:  # committed a moment ago, or not published above
                self.checkpoints[run_id] = self.outboxes.publish(checkpoint, unless_pending=True)
        period = max(self.parts.staleness, MIN_STALENESS) * TURNS_PER_SWEEP
        if self.control.polled_at is not None:
            turns = (watched.run.id for watched in found.runs)
            self.unswept |= {
                run_id for run_id in turns if is_turn(run_id, period, self.control.polled_at, self.started)
            }
        return due_runs(
            found,
            self.checkpoints,
            watch=self.watch,
            overlap=self.parts.scope.overlap,
            staleness=self.parts.staleness,
            undone={
                **dict.fromkeys(self.undone | self.unswept | self.hidden.keys(), self.started),
                **self.control.undone_since,
            },
            polled_at=self.control.polled_at,
            now=self.started,
            shuffle=self.parts.shuffle,
        )

    def read(self, due: list[WatchedRun]) -> Iterator[tuple[WatchedRun, Future[Reading]]]:
        """Read runs, a few at a time, and give back each as soon as it is read."""
        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                readings = {pool.submit(self.read_run, watched): watched for watched in due}
                waiting = set(readings)
                while waiting:
                    done, waiting = wait(waiting, RENEW_AFTER.total_seconds(), FIRST_COMPLETED)
                    self.still_alive()
                    yield from ((readings[reading], reading) for reading in done)
            except BaseException:
                self.rate_limit.close(OutOfTime("the poll is over"))  # nobody waits for what is still being read
                raise

    def read_run(self, watched: WatchedRun) -> Reading:
        """Read one run from its checkpoint on. Runs in a worker: reads and decides, writes nothing."""
        run, watch = watched.run, self.watch
        checkpoint = self.checkpoints.get(run.id) or first_checkpoint(run.id, run.project_id, watched.start, watch)
        news = DigestBuilder(self.parts.testmo_url, run, watched.project_name, version=checkpoint.version)
        return read_run(
            self.testmo,
            run,
            checkpoint,
            watch,
            news,
            overlap=self.parts.scope.overlap,
            sweep=run.id in self.unswept,
            ceased=self.control.ceased.get(checkpoint.watching),
            now=self.parts.now,
        )

    def commit(self, watched: WatchedRun, future: Future[Reading]) -> None:
        """Write checkpoint and outbox in one, then hand over. What goes wrong with one run stays with that run."""
        run = watched.run
        self.undone.add(run.id)
        try:
            reading = future.result()
            outbox = self.outbox(reading)
        except StopReading as exc:
            self.report.left(str(exc))
        except Invisible as exc:
            self.out_of_sight(watched, exc)
        except (Unreadable, RequestRejected) as exc:
            self.report.settings_problems += isinstance(exc, RequestRejected)
            self.report.unfinished(f"run {run.id} ({run.name}): {exc}")
        except Exception as exc:  # noqa: BLE001 - whatever a row did to us, the other runs are announced
            self.report.unfinished(f"run {run.id} ({run.name}): {unexpected(exc)}")
        else:
            if self.write(reading, outbox):
                self.undone.discard(run.id)
                self.hidden.pop(run.id, None)
                if not reading.owes_sweep:
                    self.unswept.discard(run.id)
                if reading.is_unfinished:
                    self.half_read.add(run.id)
                self.report.count(reading)

    def outbox(self, reading: Reading) -> tuple[Outgoing, ...]:
        """What a reading has to tell, for each destination."""
        return tuple(
            Outgoing(reading.news.notification_id(destination), destination, digest)
            for digest in ([reading.news.build()] if reading.news.total else [])
            for destination in self.parts.destinations
        )

    def write(self, reading: Reading, outbox: tuple[Outgoing, ...]) -> bool:
        """The one write, and the hand-over after it; False when another poller was faster."""
        before = self.checkpoints.get(reading.checkpoint.run_id)
        if not outbox and before is not None and not is_worth_writing(before, reading.checkpoint):
            return True
        checkpoint = replace(reading.checkpoint, outbox=outbox)
        try:
            try:
                committed = self.parts.store.commit(checkpoint)
            except TooLarge:  # it can do without what earlier results of its tests were
                committed = self.parts.store.commit(replace(checkpoint, older={}))
        except (LostRace, TooLarge) as exc:
            self.report.unfinished(str(exc))
            return False
        self.checkpoints[committed.run_id] = self.outboxes.publish_if_named(committed)
        return True

    def out_of_sight(self, watched: WatchedRun, why: Invisible) -> None:
        """A run is hidden, which every poll says until it is shown again, or deleted, which is said once."""
        run = watched.run
        before = self.checkpoints.get(run.id)
        if why.status == FORBIDDEN:
            self.hidden.setdefault(run.id, self.parts.now())
            self.refused.add(run.id)
            self.report.invisible += 1
            self.report.problems.append(f"run {run.id} ({run.name}): {why}; it is tried again in an hour")
        else:
            was_said = before is not None and before.gone_at is not None and run.id not in self.hidden
            self.report.problems += [] if was_said else [f"run {run.id} ({run.name}) is gone: {why}"]
            self.hidden.pop(run.id, None)
            self.deleted.add(run.id)
        self.mark_gone(watched)

    def mark_gone(self, watched: WatchedRun) -> None:
        """Keep the checkpoint of a run that Testmo does not show, and leave it alone for an hour."""
        run = watched.run
        checkpoint = self.checkpoints.get(run.id) or first_checkpoint(run.id, run.project_id, watched.start, self.watch)
        try:
            self.parts.store.commit(replace(checkpoint, gone_at=self.parts.now()))
        except LostRace as exc:
            self.report.problems.append(str(exc))
        self.undone.discard(run.id)

    def remember(self, found: Discovery) -> None:
        """Keep what the next discovery builds on: per project its runs, and when this discovery began.

        A closed run stays among those to look at until a read began late enough after its closing.
        """
        overlap = self.parts.scope.overlap
        for project_id, state in found.states.items():
            closing = dict(state.closing) | {
                run.id: run.closed_at
                for run in (watched.run for watched in found.runs)
                if run.project_id == project_id
                and run.closed_at
                and run.id not in self.deleted
                and not is_done(run, self.checkpoints.get(run.id), overlap)
            }
            before = found.known[project_id]
            after = replace(
                state,
                open_runs=state.open_runs - self.deleted,
                closing=closing,
                looked_at=before.looked_at if found.complete else state.looked_at,
            )
            try:
                if after != before:
                    self.parts.store.commit_project(after)
            except LostRace as exc:
                self.report.unfinished(str(exc))
                return
        if found.complete:
            watched_runs = {watched.run.id for watched in found.runs}
            self.undone &= watched_runs
            self.unswept &= watched_runs
        for state in (state for project_id, state in found.known.items() if project_id not in found.states):
            self.undone |= state.open_runs | state.closing.keys()  # their turn may have come in this poll
            if state.gone_at is not None:
                self.in_hidden_projects |= state.open_runs | state.closing.keys()
        if found.complete:
            there = self.run_names.keys() | found.hidden_runs | self.in_hidden_projects
            self.hidden = {run_id: since for run_id, since in self.hidden.items() if run_id in there}
        self.control = replace(
            self.control,
            polled_at=self.started,
            discovered_at=found.began_at if found.complete else self.control.discovered_at,
            projects=found.listed if found.complete else self.control.projects,
            run_ids=frozenset(self.parts.scope.run_ids) if found.complete else self.control.run_ids,
            closed_checked_at=found.began_at if found.checked_closed else self.control.closed_checked_at,
        )

    def still_alive(self) -> None:
        """Stay the one poller; raises `LeaseTaken` when another took over after we stalled."""
        now = self.parts.now()
        if now - self.renewed >= RENEW_AFTER:
            self.parts.store.take_lease(now, LEASE)
            self.renewed = now

    def finish(self) -> None:
        """Write down what holds however the poll ended, and let the next poller in."""
        closed_by = self.rate_limit.closed_by
        not_before = self.control.not_before
        if not_before is not None and self.parts.now() >= not_before:
            not_before = None
        if isinstance(closed_by, Throttled):
            not_before = self.parts.now() + timedelta(seconds=closed_by.retry_after_seconds)
            self.report.retry_at = not_before
            self.report.throttled = True
        if isinstance(closed_by, OutOfBudget) and not self.report.looked:
            self.report.status, self.report.retry_at = "waiting", self.rate_limit.frees_at
        self.report.requests = self.rate_limit.requests
        self.report.published = self.outboxes.published
        self.report.pending = len(self.outboxes.pending)
        self.look_after_mail()
        undone_since = self.undone_since()
        self.report.lag_seconds = self.lag_seconds(undone_since)
        self.report.template_errors = len(dict.fromkeys(self.parts.renderer.problems))
        self.report.hidden += len(self.hidden)
        self.report.problems += [
            *self.hidden_in_words(),
            *self.outboxes.problems,
            *dict.fromkeys(self.parts.renderer.problems),
        ]
        found = troubles.after(self.control.troubles, self.troubles(), self.parts.now(), looked=self.report.looked)
        self.report.over = troubles.over(found)
        control = replace(
            self.control,
            troubles=found,
            not_before=not_before,
            undone=frozenset(self.undone),
            undone_since=undone_since,
            unswept=frozenset(self.unswept),
            hidden=self.hidden,
            requests=self.rate_limit.spent,
            ended_at=self.parts.now(),
            pauses=self.pauses,
        )
        try:
            self.parts.store.save_control(control, release=True)
        except LostRace as exc:
            self.report.problems.append(str(exc))

    def hidden_in_words(self) -> list[str]:
        """The runs that stay hidden, whether this poll asked for them or not."""
        names = {run_id: f" ({name})" for run_id, name in self.run_names.items()}
        return [
            f"run {run_id}{names.get(run_id, '')} is hidden since {since.isoformat(timespec='minutes')}: "
            "give the token's user access; it is tried again every hour"
            for run_id, since in sorted(self.hidden.items())
            if run_id not in self.refused
        ]

    def troubles(self) -> list[str]:
        """The metrics of the troubles that this poll met."""
        counts = {
            "Invisible": self.report.invisible,
            "SettingsProblems": self.report.settings_problems,
            "Unsubscribed": self.report.unsubscribed,
            troubles.TOKEN: isinstance(self.rate_limit.closed_by, TokenRefused),
        }
        return [name for name, number in counts.items() if number]

    def look_after_mail(self) -> None:
        """Say which of our addresses get no mail; look once an hour. Nothing that happens here ends a poll."""
        boxes = self.parts.mailboxes
        if boxes is None or not boxes.expected:
            return
        check, now = self.control.mail, self.parts.now()
        if mail.is_due(check, now) and self.parts.seconds_left() >= MAIL_SECONDS:
            try:
                check = self.tell_by_mail(mail.found(check, boxes.lost(), at=now), boxes)
            except Unlisted as exc:
                check = mail.not_found(check, str(exc), at=now)
            except Exception as exc:  # noqa: BLE001 - the poll before it was a good one
                check = mail.not_found(check, unexpected(exc), at=now)
            self.control = replace(self.control, mail=check)
        if check is not None:
            self.report.unsubscribed = sum(box.name in check.lost for box in boxes.expected)
            self.report.problems += mail.problems(check, boxes.expected)

    def tell_by_mail(self, check: MailCheck, boxes: Mailboxes) -> MailCheck:
        """Where the alarms' own mailbox is lost, tell the other one."""
        notice = mail.notice(check, boxes.expected)
        if notice is None:
            return check
        names, notification = notice
        try:
            self.parts.topic.publish(notification)
        except Unpublished as exc:  # told at the next look
            return replace(check, problem=str(exc))
        return replace(check, told=check.told | names)

    def undone_since(self) -> dict[int, datetime]:
        """Since which poll a run is left undone or half read. What is hidden is said by name, not by its age."""
        before = self.control.undone_since
        left = (self.undone | self.half_read) - self.in_hidden_projects
        return {run_id: before.get(run_id, self.started) for run_id in left}

    def lag_seconds(self, undone_since: Mapping[int, datetime]) -> float:
        """How long the oldest of the things left undone has been waiting; 0 when there is nothing.

        A pause of the schedule counts little. Times by Testmo's clock and by ours stand side by side here: it is a
        matter of minutes.
        """
        since = [*undone_since.values(), *self.outboxes.unpublished_since.values()]
        if self.is_behind and self.looked_at is not None:
            since.append(self.looked_at)
        return max(0.0, waited(min(since), self.parts.now(), self.pauses).total_seconds()) if since else 0.0


def with_watch(control: Control, watch: Watch, *, at: datetime) -> Control:
    """Keep what is watched, and of what was watched before, when that ended: results from then on are new ones."""
    ceased = dict(control.ceased)
    if control.watching and control.watched_at and control.watching != watch.fingerprint:
        ceased[control.watching] = control.watched_at
    ceased.pop(watch.fingerprint, None)
    latest = sorted(ceased, key=ceased.__getitem__)[-MAX_CEASED:]
    return replace(
        control, watching=watch.fingerprint, watched_at=at, ceased={watch: ceased[watch] for watch in latest}
    )


def is_worth_writing(before: Checkpoint, after: Checkpoint) -> bool:
    """Whether a read without news left anything to keep. Of a quiet open run nothing is written."""
    return after.closed_at is not None or replace(after, read_at=before.read_at) != before


def unexpected(exc: Exception) -> str:
    """An error that nobody thought of, by type and place; its words could quote anything."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"unexpected {type(exc).__name__} at {Path(frame.filename).name}:{frame.lineno}, please report it"
