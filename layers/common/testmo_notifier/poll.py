"""One poll: the way of a result from the schedule to SNS.

What must never happen is that a failing result is handled and not announced. So the checkpoint that marks it as
handled and the outbox that will announce it are one write; a crash before it repeats the read, a crash after it
repeats the hand-over. Everything else here may fail, be late or happen twice without losing anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from testmo_notifier.errors import LeaseTaken, OutOfTime, StopReading, TokenRefused
from testmo_notifier.model import FOLDERS
from testmo_notifier.polling import mail, remember
from testmo_notifier.polling.choose import choose
from testmo_notifier.polling.commit import Committer
from testmo_notifier.polling.follow_up_questions import find_passed, follow_up_for
from testmo_notifier.polling.lease import Lease
from testmo_notifier.polling.reader import Reader
from testmo_notifier.polling.report import Report
from testmo_notifier.polling.setup import Poll, Setup
from testmo_notifier.polling.statuses import find_watch
from testmo_notifier.sources.testmo_runs.discovery import discover
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.worker_pool import WorkerPool

__all__ = ["Setup", "poll"]

LISTS_SHARE: Final = 1 / 2  # of the requests of a minute that lists of projects and runs may take
LISTS_SHARE_OF_QUIET: Final = 5 / 6  # while no run waits that has moved, or is read half


def poll(setup: Setup, *, drain: bool | None = None) -> Report:
    """Poll once. Raises `PollFailed` or `TokenRefused` when nothing could be watched; nothing is lost by that.

    With `drain`, this poll and those that follow for a while read nothing and hand over what waits. False: reading
    goes on at once.
    """
    try:
        lease = Lease(setup.store, now=setup.now)
    except LeaseTaken as exc:
        return Report(status="busy", problems=[str(exc)], retry_at=exc.until)
    lease.control = remember.with_drain(lease.control, drain, setup.now())
    lease.keep_mail(mail.before_anything_is_sent(setup, lease.control.health.mail))
    this = Poll.begin(setup, lease)
    try:
        # What an earlier poll committed and did not send goes out first, whatever the lists of runs say (rule 10).
        this.outboxes.publish_waiting(setup.store.pending(), lease.renew)
        tell_what_is_due(this)
        budget = lease.control.budget
        if budget.draining_until is not None:
            this.report.drained(budget.draining_until)
        elif budget.not_before is not None and setup.now() < budget.not_before:
            this.report.paused(budget.not_before)
        else:
            read_and_tell(setup, this)
    except (StopReading, LeaseTaken) as exc:
        this.report.unfinished(str(exc))
    finally:
        waiting = this.outboxes.destinations_left
        lease.keep_mail(mail.look_after(setup, lease.control.health.mail, this.report, waiting))
        ended_at = setup.now()
        remember.report_end(setup, this, ended_at)
        remember.save_control(setup, this, ended_at)
    if isinstance(this.rate_limit.closed_by, TokenRefused):
        raise this.rate_limit.closed_by
    return this.report  # what was published for Slack waits in its queue: `delivery/deliver.py` goes on


def tell_what_is_due(this: Poll) -> None:
    """Tell what was held until now; all of it is judged anew if options, routes or silences changed since."""
    lease = this.lease
    decides = this.around.decides
    this.release.tell_due(everything=decides != lease.control.watching.held_by)
    if this.release.items.problems:
        return
    lease.control = replace(lease.control, watching=replace(lease.control.watching, held_by=decides))


def read_and_tell(setup: Setup, this: Poll) -> None:
    """Read, decide, write and send, in this order."""
    outboxes = this.outboxes

    # Read: which projects and runs there are, which statuses are watched, whom an address calls, what counts as passed.
    found = find_runs(setup, this)
    watch = find_watch(setup, this, found)
    find_people(setup, this)
    find_passed(setup, this, found)

    # Decide: which of them are due, in which order, and whose turn for a sweep has come.
    chosen = choose(setup, this, found, watch)
    checkpoints = chosen.checkpoints
    follow_up = follow_up_for(setup, this, watch, due=len(chosen.due))

    # Send the outboxes that the index did not show yet when this poll began.
    for unsent in chosen.unsent:
        this.lease.renew()
        rest = outboxes.publish(unsent)
        if rest.run_id in checkpoints:
            checkpoints[rest.run_id] = rest

    # Read each of them in a worker, which asks the routes who is told of what is new (`reading.py:read_run`). Here,
    # decide who is told now and who later (`hold_or_tell.py`), write that and the checkpoint in one, then send.
    committer = Committer(setup, this, watch, checkpoints, chosen.marked)
    for watched, future in Reader(setup, this, watch, checkpoints, follow_up, chosen.follow_ups).read(chosen.due):
        committed = committer.commit(watched, future)
        if committed is not None:
            checkpoints[committed.run_id] = outboxes.publish_if_named(committed)
    this.report.left(str(this.rate_limit.closed_by or this.rate_limit.used_up), runs=chosen.left)

    # Send what waited for the name of a case; names are learnt with what is left of the budget.
    outboxes.learn_names(found.states)
    checkpoints |= {rest.run_id: rest for rest in outboxes.publish_unnamed(this.lease.renew)}

    tell_folds(this, found)
    remember.keep_discovery(setup, this, found, checkpoints, committer.deleted)


def tell_folds(this: Poll, found: Discovery) -> None:
    """Tell what was held until the end of the poll, so that many runs are one message.

    It tells by cause, so a folder of what is held is asked for first; the other folders are learnt after all else.
    """
    folders = this.cases.get(FOLDERS)
    if folders:
        folders.learn(folders.unknown(), [])
    this.release.tell(this.folds)
    if folders:
        folders.learn([], found.states)


def find_runs(setup: Setup, this: Poll) -> Discovery:
    """List what there is to watch."""
    asked_at = setup.now()
    unread = this.lease.control.left.undone_since.keys()
    share = LISTS_SHARE if unread else LISTS_SHARE_OF_QUIET  # of the requests, for lists (rule 9)
    limit, rate_limit = setup.requests_per_minute * share, this.rate_limit
    with setup.executor(rate_limit.workers) as executor:
        try:
            found = discover(
                this.testmo,
                setup.store,
                this.lease.control,
                setup.scope,
                now=asked_at,
                installed=this.lease.installed,
                pool=WorkerPool(executor, rate_limit.workers, this.lease.renew),
                has_room=lambda requests: rate_limit.requests + requests <= limit,
                shuffle=setup.shuffle,
                staleness=setup.staleness,
            )
        except BaseException:
            rate_limit.close(OutOfTime("the poll is over"))  # nobody waits for what is still being listed
            raise
    this.report.discovered(found, asked_at)
    this.backlog.discovered(found)
    this.hidden.discovered(found, asked_at)
    return found


def find_people(setup: Setup, this: Poll) -> None:
    """Ask who they are that people.toml names by email, as far as that is due and the budget has room."""
    if setup.emails:
        setup.emails.look(this.testmo, setup.now(), this.rate_limit.has_room)
        this.report.problems += filter(None, [setup.emails.problem])
