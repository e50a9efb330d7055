"""When a run is due (rule 8): what moved, whose turn it is, and an order in which nothing starves. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from testmo_notifier.lean import dataclass
from testmo_notifier.model import Checkpoint, Run, WatchedRun
from testmo_notifier.sources.testmo_runs.projects import HOURLY, LOOK_BACK
from testmo_notifier.sources.testmo_runs.turns import is_turn
from testmo_notifier.sources.testmo_runs.watch import Watch

# Of what waits for programs, or for bots in silence: neither is ever held. An item ends at 400 KB, one reading adds
# 190 KB at most.
MAX_WAITING_BYTES: Final = 150_000
QUIET_AFTER: Final = timedelta(days=1)  # a run that did not move for so long has its turn once an hour
MOVED_TO_A_TURN: Final = 9  # while both wait: a hundred runs with news a minute fit into the default budget


class Due(Enum):
    """Why a run is read."""

    MOVED = "something of it has changed, or is unfinished"
    TURN = "its turn has come"
    FOLLOW_UP = "a follow-up question goes on; of its failing results, what is new is enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRules:
    """What decides about every run. `began_at` is Testmo's clock, `now` ours; `waiting` are turns left by others.

    `ceased` says until when each former watch held.
    """

    watch: Watch
    ceased: Mapping[str, datetime]
    overlap: timedelta
    staleness: timedelta
    waiting: Collection[int]
    began_at: datetime
    now: datetime

    def why_due(self, run: Run, checkpoint: Checkpoint | None, last: datetime | None) -> Due | None:
        """Why to read a run whose checkpoint we have. `last` is when its project was looked into before.

        None: not in this poll. It has not changed, too much of it waits to be published, it was read for the last time
        after its closing, or Testmo did not show it within the hour.
        """
        if checkpoint is None:
            return Due.MOVED if run.is_closed or self.watch.shows_failing(run.counters.by_status) else Due.TURN
        is_full = checkpoint.outbox_bytes > MAX_WAITING_BYTES
        is_out_of_sight = checkpoint.gone_at is not None and self.now - checkpoint.gone_at < HOURLY
        if is_full or is_out_of_sight or is_done(run, checkpoint, self.overlap, self.ceased):
            return None
        if has_changed(run, checkpoint, self.watch, self.began_at, self.overlap):
            return Due.MOVED
        # A read that leaves nothing to keep does not move `read_at`, which so says since when a run is quiet.
        return self.turn(run, checkpoint.read_at, last) or (Due.FOLLOW_UP if owes_passes(checkpoint) else None)

    def turn(self, run: Run, moved_at: datetime | None, last: datetime | None) -> Due | None:
        """Whether it is the turn of a run that has not moved since `moved_at`."""
        is_quiet = moved_at is not None and self.began_at - moved_at >= QUIET_AFTER
        period = max(self.staleness, HOURLY) if is_quiet and self.staleness else self.staleness
        return Due.TURN if run.id in self.waiting or is_turn(run.id, period, last, self.now) else None


def in_order(
    moved: list[WatchedRun],
    turns: list[WatchedRun],
    since: Mapping[int, datetime],
    now: datetime,
    shuffle: Callable[[list[Any]], None],
) -> list[WatchedRun]:
    """What moved first, but every tenth is a turn while there are any; of each those first that wait longest.

    What waits equally long is shuffled, and so is the place of the turn among the ten: no run is always the one that
    is cut off.
    """
    for runs in (moved, turns):
        shuffle(runs)
        runs.sort(key=lambda watched: since.get(watched.run.id, now))
    first, other = deque(moved), deque(turns)
    places = [*[first] * MOVED_TO_A_TURN, other]
    shuffle(places)
    order: list[WatchedRun] = []
    while first or other:
        order += [place.popleft() for place in places if place]
    return order


def is_done(run: Run, checkpoint: Checkpoint | None, overlap: timedelta, ceased: Mapping[str, datetime]) -> bool:
    """Whether a closed run was read by a read that began after its closing plus the overlap, and nothing is missing.

    For an hour, while its counters show more failing tests than we know of or its last sweep goes on (or what is asked
    beside it), it is read again. `ceased` says until when each former watch held.
    """
    if not run.is_closed or run.closed_at is None or checkpoint is None or checkpoint.read_at is None:
        return False
    if checkpoint.closed_at != run.closed_at or checkpoint.read_at < run.closed_at + overlap:
        return False
    if is_missed(checkpoint, run.closed_at, ceased):
        return False
    is_old = checkpoint.read_at >= run.closed_at + overlap + HOURLY  # counters that never fit must not hold us for ever
    if is_old:
        return True
    return (
        checkpoint.sweep is None
        and not owes_passes(checkpoint)
        and not Watch.parse(checkpoint.watching).has_unknown(run.counters.by_status, checkpoint.failing)
    )


def is_missed(checkpoint: Checkpoint, closed_at: datetime, ceased: Mapping[str, datetime]) -> bool:
    """Whether a run was closed under another watch than was meant then: a name had come to mean another status.

    It is until it was read under the new watch; a sweep that does not end keeps it for a day.
    """
    meant_until = ceased.get(checkpoint.watching)
    if meant_until is None or closed_at < meant_until:
        return False
    return checkpoint.sweep is None or checkpoint.read_at is None or checkpoint.read_at < closed_at + LOOK_BACK


def owes_passes(checkpoint: Checkpoint) -> bool:
    """Whether a follow-up question was not answered to its end."""
    return checkpoint.passing is not None and checkpoint.passing.is_unfinished


def has_changed(run: Run, checkpoint: Checkpoint, watch: Watch, began_at: datetime, overlap: timedelta) -> bool:
    """Whether there is a reason to read a run before its turn, beside a follow-up question while it is open."""
    return (
        checkpoint.watching != watch.fingerprint
        or checkpoint.counters != run.counters.by_status
        or checkpoint.is_half_read
        or (run.is_closed and owes_passes(checkpoint))  # its last read has to be one of all of its window
        or checkpoint.gone_at is not None
        or (checkpoint.closed_at is not None and not run.is_closed)  # what is held may say that it is over
        or (run.closed_at is not None and began_at >= run.closed_at + overlap)
    )
