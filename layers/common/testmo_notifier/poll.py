"""One poll: the way of a result from the schedule to SNS.

What must never happen is that a failing result is handled and not announced. So the checkpoint that marks it as
handled and the outbox that will announce it are one write; a crash before it repeats the read, a crash after it
repeats the hand-over. Everything else here may fail, be late or happen twice without losing anything.
"""

from __future__ import annotations

from dataclasses import replace

from testmo_notifier.errors import LeaseTaken, LostRace, OutOfBudget, OutOfTime, StopReading, Throttled, TokenRefused
from testmo_notifier.model import MailCheck
from testmo_notifier.polling import mail, remember, troubles
from testmo_notifier.polling.commit import Committer
from testmo_notifier.polling.due import due_runs
from testmo_notifier.polling.lease import Lease
from testmo_notifier.polling.parts import Parts, Poll
from testmo_notifier.polling.reader import Reader
from testmo_notifier.polling.report import Report
from testmo_notifier.polling.share import ListShare
from testmo_notifier.polling.statuses import watch_by_name, with_watch
from testmo_notifier.sources.testmo_runs.crew import Crew
from testmo_notifier.sources.testmo_runs.discovery import discover
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.watch import Watch

__all__ = ["Parts", "poll"]


def poll(parts: Parts) -> Report:
    """Poll once. Raises `PollFailed` or `TokenRefused` when nothing could be watched; nothing is lost by that."""
    try:
        lease = Lease(parts.store, now=parts.now)
    except LeaseTaken as exc:
        return Report(status="busy", problems=[str(exc)], retry_at=exc.until)
    this = Poll.begin(parts, lease)
    try:
        # What an earlier poll committed and did not send goes out first, whatever the lists of runs say (rule 10).
        this.outboxes.publish_waiting(parts.store.pending(), lease.renew)
        until = lease.control.not_before
        if until is not None and parts.now() < until:
            this.report.paused(until)
        else:
            read_and_tell(parts, this)
    except (StopReading, LeaseTaken) as exc:
        this.report.unfinished(str(exc))
    finally:
        finish(parts, this)
    if isinstance(this.rate_limit.closed_by, TokenRefused):
        raise this.rate_limit.closed_by
    return this.report


def read_and_tell(parts: Parts, this: Poll) -> None:
    """Read, decide, write and send, in this order."""
    lease, backlog, outboxes, report = this.lease, this.backlog, this.outboxes, this.report

    # Read: which projects and runs there are, which statuses are watched, and how far each run was read.
    found = look_around(parts, this)
    watch = find_statuses(parts, this, found)
    report.runs_open = len(found.runs)
    checkpoints = parts.store.checkpoints([watched.run.id for watched in found.runs])
    for run_id, checkpoint in checkpoints.items():
        if checkpoint.outbox:  # committed a moment ago, or not published above
            checkpoints[run_id] = outboxes.publish(checkpoint, unless_pending=True)

    # Decide: which runs are due, and which of them are to be swept.
    backlog.add_sweeps((watched.run.id for watched in found.runs), parts.staleness)
    due = due_runs(
        found,
        checkpoints,
        watch=watch,
        overlap=parts.scope.overlap,
        staleness=parts.staleness,
        undone=backlog.waiting_since(this.hidden.since),
        polled_at=lease.control.polled_at,
        now=lease.started,
        shuffle=parts.shuffle,
    )

    # Read each of them in a worker; here, write its checkpoint and its outbox in one, and send.
    reader = Reader(
        testmo=this.testmo,
        testmo_url=parts.testmo_url,
        watch=watch,
        overlap=parts.scope.overlap,
        checkpoints=checkpoints,
        unswept=backlog.unswept,
        ceased=lease.control.ceased,
        now=parts.now,
    )
    committer = Committer(
        store=parts.store,
        outboxes=outboxes,
        backlog=backlog,
        hidden=this.hidden,
        report=report,
        checkpoints=checkpoints,
        watch=watch,
        destinations=parts.destinations,
        now=parts.now,
    )
    for watched, reading in reader.read(due, parts.executor, this.rate_limit, lease):
        committer.commit(watched, reading)

    # Send what waited for the name of a case; names are learnt with what is left of the budget.
    outboxes.learn_names(found.states)
    checkpoints |= {rest.run_id: rest for rest in outboxes.publish_unnamed(lease.renew)}

    # Write what the next discovery builds on.
    try:
        remember.keep_projects(parts.store, found, checkpoints, committer.deleted, parts.scope.overlap)
    except LostRace as exc:
        report.unfinished(str(exc))
        return
    backlog.left_out(found, parts.staleness)
    this.hidden.keep_only(found, backlog.in_hidden_projects)
    lease.control = remember.with_discovery(lease.control, found, parts.scope, polled_at=lease.started)


def look_around(parts: Parts, this: Poll) -> Discovery:
    """List what there is to watch."""
    asked_at = parts.now()
    since, started = this.backlog.undone_since, this.lease.started
    share = ListShare(parts.requests_per_minute, this.rate_limit, parts.store, since, started)
    with parts.executor(this.rate_limit.workers) as pool:
        try:
            found = discover(
                this.testmo,
                parts.store,
                this.lease.control,
                parts.scope,
                now=asked_at,
                installed=this.lease.installed,
                crew=Crew(pool, this.rate_limit.workers, this.lease.renew),
                has_room=share.has_room,
                shuffle=parts.shuffle,
            )
        except BaseException:
            this.rate_limit.close(OutOfTime("the poll is over"))  # nobody waits for what is still being listed
            raise
    this.report.discovered(found, asked_at)
    this.backlog.discovered(found)
    this.hidden.discovered(found, asked_at)
    return found


def find_statuses(parts: Parts, this: Poll, found: Discovery) -> Watch:
    """Complete the watch with the ids of the statuses that are watched by name, and keep since when it is this one."""
    lease, report = this.lease, this.report
    watch, problems, names = watch_by_name(
        this.testmo, parts.watch, parts.status_names, lease.control.statuses, found, go_on=lease.renew
    )
    lease.control = with_watch(replace(lease.control, statuses=names.learned), watch, at=found.began_at)
    report.problems += [*names.problems, *problems]
    report.settings_problems += len(problems)
    return watch


def finish(parts: Parts, this: Poll) -> None:
    """Look after our own mailboxes, then write down what holds however the poll ended, and let the next poller in."""
    lease, report, closed_by = this.lease, this.report, this.rate_limit.closed_by
    not_before = remember.pause_after(lease.control.not_before, closed_by, parts.now())
    if isinstance(closed_by, Throttled):
        report.throttled, report.retry_at = True, not_before
    if isinstance(closed_by, OutOfBudget) and not report.looked:
        report.status, report.retry_at = "waiting", this.rate_limit.frees_at
    check = look_after_mail(parts, lease.control.mail, report)
    broken_templates = list(dict.fromkeys(parts.renderer.problems))
    report.requests = this.rate_limit.requests
    report.published = this.outboxes.published
    report.pending = len(this.outboxes.pending)
    report.lag_seconds = this.backlog.lag_seconds(this.outboxes.unpublished_since, parts.now())
    report.template_errors = len(broken_templates)
    report.hidden += len(this.hidden.since)
    report.problems += [*this.hidden.problems, *this.outboxes.problems, *broken_templates]
    control = replace(lease.control, not_before=not_before, mail=check)
    lease.control = remember.with_end(control, this, parts.now())
    report.over = troubles.over(lease.control.troubles)
    try:
        lease.release()
    except LostRace as exc:
        report.problems.append(str(exc))


def look_after_mail(parts: Parts, check: MailCheck | None, report: Report) -> MailCheck | None:
    """Say which of our addresses get no mail; look once an hour."""
    boxes, now = parts.mailboxes, parts.now()
    if boxes is None or not boxes.expected:
        return check
    if mail.is_due(check, now) and parts.seconds_left() >= mail.SECONDS:
        check = mail.look(check, boxes, parts.topic, now=now)
    if check is not None:
        report.unsubscribed = sum(box.name in check.lost for box in boxes.expected)
        report.problems += mail.problems(check, boxes.expected)
    return check
