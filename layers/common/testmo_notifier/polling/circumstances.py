"""Why something is held in this poll, in which order, and until when. Pure.

What the team set comes from `notices/holding.py`: silences, quiet, times, folding. The rest goes on around that: who
was told a moment ago (`RATE`), whom nobody reaches (`UNREACHABLE`), what is not published yet (`OUTBOX`), and what is
only kept as a copy (`MAILED`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from testmo_notifier.lean import dataclass
from testmo_notifier.model import MAILED, OUTBOX, RATE, TIMES, UNREACHABLE, Held, HeldKey, Hold, MailCheck, Outgoing
from testmo_notifier.notices.calm import ALWAYS
from testmo_notifier.notices.digest import hash_of
from testmo_notifier.notices.holding import Holding


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides what is held.

    `destinations` are those that a route names, `unreachable` those that nobody gets, `instead` those that are told
    what nobody gets. `waiting` are runs and destinations with a message that is not published yet, `late` those whose
    message waited when this poll began. What goes to one of `copied` is kept until `copies_due`, unless `check`, the
    last look at the mailboxes, is later and found somebody there.
    """

    holding: Holding
    copies_due: datetime
    destinations: Collection[str] = ()
    unreachable: frozenset[str] = frozenset()
    instead: Sequence[str] = ()
    waiting: Collection[tuple[int, str]] = ()
    late: Collection[tuple[int, str]] = ()
    copied: Collection[str] = ()
    check: MailCheck | None = None

    @property
    def decides(self) -> str | None:
        """What decides about what is held, as a hash; None where nothing holds anything back."""
        holding, unreachable = self.holding, sorted(self.unreachable)
        calm = sorted((name, repr(holding.calm(name)), str(holding.zone_of(name))) for name in holding.options)
        calm = [one for one in calm if one[1] != repr(ALWAYS)]
        silences = sorted(one.cause for one in holding.silences_now)
        if not (calm or silences or unreachable or holding.is_draining):
            return None
        where = [sorted(self.destinations), list(self.instead), unreachable]
        return hash_of(map(repr, (calm, silences, where, holding.is_draining)))

    def hold_news(self, news: Outgoing, interval: Held | None, *, run_id: int, now: datetime) -> Hold | None:
        """What holds news, if anything does: what the team set for later, `RATE`, `UNREACHABLE`, `OUTBOX`, `FOLD`.

        `interval` says until when its destination, told of the run a moment ago, hears no more.
        """
        set_for, to = news.hold, news.destination  # by the team
        if set_for is not None and set_for.due > now:
            return set_for
        if interval is not None and interval.due > now and self.holding.calm(to).at_most_every:
            return Hold(RATE, interval.due)
        if to in self.unreachable:
            return Hold(UNREACHABLE, now)
        if (run_id, to) in self.waiting:
            return Hold(OUTBOX, now)
        return set_for

    def hold_longer(self, held: Held, interval: Held | None) -> Hold | None:
        """What holds what is held already; None if it is due.

        That is `UNREACHABLE` or `MAILED`, what the team set, `RATE`, `OUTBOX`. What waits for its time comes with what
        it waits for, so the interval does not hold it.
        """
        now, to = self.holding.now, (held.run_id, held.destination)
        if self.is_lost(held):  # and nobody is told instead; an older version must not find it in an envelope, either
            return Hold(UNREACHABLE, held.due if held.cause == UNREACHABLE else now)
        if held.cause == MAILED:
            return Hold(MAILED, self.copies_due if to in self.late else held.due)
        hold = self.holding.hold_on(held)
        if hold is None and interval is not None and interval.due > now and held.cause not in (RATE, TIMES):
            hold = Hold(RATE, interval.due)
        if hold is None and to in self.waiting:
            hold = Hold(OUTBOX, held.due if held.cause == OUTBOX else now)
        return hold

    def is_lost(self, held: Held | HeldKey) -> bool:
        """Whether nobody gets it, or, unless it is a copy of mail, no route names its destination any more."""
        is_unreachable = held.destination in self.unreachable
        return is_unreachable or (held.cause != MAILED and held.destination not in self.destinations)

    def is_heard(self, copy: Held) -> bool:
        """Whether it is a copy, and the look after the message found that the mailbox is subscribed."""
        if copy.cause != MAILED or self.is_lost(copy):
            return False
        is_looked_at = self.check is not None and not self.check.problem and self.check.at >= copy.due
        return self.holding.is_draining or (is_looked_at and (copy.run_id, copy.destination) not in self.late)
