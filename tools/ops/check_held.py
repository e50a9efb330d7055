"""`doctor` at what is held on purpose: who silenced what, and whether it is told when it is due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from tools.lib.stamps import utc_now
from tools.ops import held, records, silence
from tools.ops.exit_status import Desk
from tools.ops.findings import Finding, bad, good
from tools.ops.held import Keeping
from tools.ops.times import age, counted

LATE: Final = timedelta(minutes=10)  # as an outbox
NEXT_POLL: Final = "the next poll tells it; the poller's log says what keeps it from that"


def held_back(desk: Desk) -> Iterable[Finding]:
    """All of it."""
    return findings(held.read(desk.account, records.control(desk.account)[0]), utc_now())


def findings(keeping: Keeping, now: datetime) -> Iterable[Finding]:
    """Nobody has to do anything about what is held, unless it is late, or nobody wants that silence any more."""
    for one in keeping.open(now):
        yield good(
            "Silences",
            silence.line(keeping, one, now),
            f"testmo-notifier silence end {one.id} ends it" if one.until > now else "",
        )
    for key in silence.strangers(keeping, now):
        yield bad("Silences", silence.STRANGE.format(key=key), f"end it: testmo-notifier silence end {key}")
    for group in held.groups(keeping.held):
        words = f"{group.destination}: {group.words(keeping)}"
        late = now - keeping.due(group.first)
        if late > LATE and group.is_timed:
            yield bad("Held", f"{words}; it was due {age(late)} ago", NEXT_POLL)
        else:
            yield good("Held", f"{words}; the oldest for {age(now - group.since)}")
    for envelope in keeping.envelopes:
        words = f"{counted(len(envelope.outbox), 'message')} that had been held still to be published"
        late = now - envelope.since
        yield (bad("Held", f"{words}, for {age(late)}", NEXT_POLL) if late > LATE else good("Held", words))
    if not keeping.held and not keeping.envelopes:
        yield good("Held", "nothing is held")
