"""Which runs this poll reads, and their checkpoints: no more of these are in hand than can be read (rule 8)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from testmo_notifier.lean import dataclass
from testmo_notifier.model import Checkpoint, WatchedRun
from testmo_notifier.polling.due import Due, DueRules, in_order
from testmo_notifier.polling.marks import moved_at
from testmo_notifier.polling.setup import Poll, Setup
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.watch import Watch

AT_A_TIME: Final = 100  # checkpoints in memory while it is asked what is due


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs to read in this order, how many are due and have to wait, and the checkpoints in hand.

    The checkpoints include those of closed runs. `follow_ups` are due for a follow-up question alone, `marked` are runs
    whose marks are right, `unsent` are checkpoints whose outbox the index did not show yet when this poll began.
    """

    due: list[WatchedRun]
    left: int
    checkpoints: dict[int, Checkpoint]
    follow_ups: Collection[int]
    marked: Collection[int]
    unsent: Collection[Checkpoint]


def choose(setup: Setup, this: Poll, found: Discovery, watch: Watch) -> Chosen:
    """Decide for every run whether it is due; where its mark still fits, without reading its checkpoint."""
    backlog, limit = this.backlog, setup.requests_per_minute  # each run takes a request at least
    lasts = backlog.last_looks(found)
    backlog.add_sweeps(found, lasts, setup.staleness)
    rules = DueRules(
        watch=watch,
        ceased=this.lease.control.watching.ceased,
        overlap=setup.scope.overlap,
        staleness=setup.staleness,
        waiting=backlog.waiting(this.hidden.since),
        began_at=found.began_at,
        now=this.lease.started,
    )
    kept: dict[int, Checkpoint] = {}
    marked: set[int] = set()
    reasons: dict[Due | None, list[WatchedRun]] = {why: [] for why in (*Due, None)}
    unmarked: list[WatchedRun] = []
    marks = setup.store.marks(watched.run.id for watched in found.runs)
    for watched in found.runs:
        run, mark = watched.run, marks.get(watched.run.id)
        if mark is None or not this.marks.fits(mark, run, watch):
            unmarked.append(watched)
        else:
            marked.add(run.id)
            reasons[rules.turn(run, moved_at(mark), lasts.get(run.project_id))].append(watched)
    unread: set[int] = set()
    unsent: dict[int, Checkpoint] = {}
    for first in range(0, len(unmarked), AT_A_TIME):
        some = unmarked[first : first + AT_A_TIME]
        checkpoints = in_hand(setup, this, (watched.run.id for watched in some))
        unread |= {watched.run.id for watched in some} - checkpoints.keys()
        unsent |= with_outbox(checkpoints, this)
        for watched in some:
            run, checkpoint = watched.run, checkpoints.get(watched.run.id)
            reason = rules.why_due(run, checkpoint, lasts.get(run.project_id))
            reasons[reason].append(watched)
            if checkpoint and (run.is_closed or (reason and len(kept) < limit)):
                kept[run.id] = checkpoint
    order = in_order(reasons[Due.MOVED], reasons[Due.TURN], backlog.since, this.lease.started, setup.shuffle)
    setup.shuffle(reasons[Due.FOLLOW_UP])
    order += reasons[Due.FOLLOW_UP]
    backlog.chosen(found, reasons[Due.MOVED], reasons[Due.TURN])
    rest = in_hand(setup, this, (one.run.id for one in order[:limit] if one.run.id not in unread | kept.keys()))
    unsent |= with_outbox(rest, this)
    follow_ups = {watched.run.id for watched in reasons[Due.FOLLOW_UP]}
    return Chosen(order[:limit], len(order[limit:]), kept | rest, follow_ups, marked, unsent.values())


def in_hand(setup: Setup, this: Poll, run_ids: Iterable[int]) -> dict[int, Checkpoint]:
    """Checkpoints as they are now."""
    this.lease.renew()
    return setup.store.checkpoints(run_ids)


def with_outbox(checkpoints: Mapping[int, Checkpoint], this: Poll) -> dict[int, Checkpoint]:
    """Those with an outbox that this poll did not try to send."""
    return {key: one for key, one in checkpoints.items() if one.outbox and key not in this.outboxes.pending}
