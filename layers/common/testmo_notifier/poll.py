"""One poll: the way of a result from the schedule to SNS.

What must never happen is that a failing result is handled and not announced. So the checkpoint that marks it as
handled and the outbox that will announce it are one write; a crash before it repeats the read, a crash after it
repeats the hand-over. Everything else here may fail, be late or happen twice without losing anything.
"""

from __future__ import annotations

from testmo_notifier.errors import LeaseTaken, StopReading, TokenRefused
from testmo_notifier.polling.report import Report
from testmo_notifier.polling.steps import LEASE, OnePoll, Parts

__all__ = ["Parts", "poll"]


def poll(parts: Parts) -> Report:
    """Poll once. Raises `PollFailed` or `TokenRefused` when nothing could be watched; nothing is lost by that."""
    try:
        control = parts.store.take_lease(parts.now(), LEASE)
    except LeaseTaken as exc:
        return Report(status="busy", problems=[str(exc)], retry_at=exc.until)
    this = OnePoll(parts, control)
    try:
        this.hand_over_what_waits()
        if not this.must_wait():
            found = this.discover()
            this.complete_watch(found)
            for watched, reading in this.read(this.due(found)):
                this.commit(watched, reading)
            this.publish_unnamed(found)
            this.remember(found)
    except (StopReading, LeaseTaken) as exc:
        this.report.unfinished(str(exc))
    finally:
        this.finish()
    if isinstance(this.rate_limit.closed_by, TokenRefused):
        raise this.rate_limit.closed_by
    return this.report
