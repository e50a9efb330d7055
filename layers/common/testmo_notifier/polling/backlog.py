"""What is left for later polls, and how long the oldest of it has been waiting. No effects.

A wanted pause, as at night, is not lateness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.model import Control, Pause, WatchedRun
from testmo_notifier.sources.testmo_runs.projects import Discovery, last_look
from testmo_notifier.sources.testmo_runs.reading import Reading
from testmo_notifier.sources.testmo_runs.turns import is_turn

TURNS_PER_SWEEP: Final = 12  # rule 5: once an hour, with the default staleness
MIN_STALENESS: Final = timedelta(minutes=1)  # for sweeps alone, where every poll is a turn
# What counts of the time between two polls, at most. A third of what LagAlarm waits for: whatever the schedule is,
# several polls in a row have to leave a thing undone before it rings.
COUNTED: Final = timedelta(minutes=5)
MAX_PAUSES: Final = 12  # as many as count for an hour together; what waits longer than these is late in any case


class Backlog:
    """`undone` are the runs that have moved, or could not be read, `unswept` those whose turn for a sweep came.

    `turns` are those whose turn it is, and since when.
    """

    def __init__(self, control: Control, *, started: datetime) -> None:
        self._before = control
        self._started = started
        self._half_read: set[int] = set()
        self._looked_at = control.looked.polled_at or control.looked.installed_at
        self._is_behind = True
        self.undone = set(control.left.undone)
        self.unswept = set(control.left.unswept)
        self.turns = dict(control.left.turns) if control.looked.has_marks else {}  # an older version has read them
        self.since = {**self.turns, **control.left.undone_since}
        self.in_hidden_projects: set[int] = set()
        self.pauses = with_pause(control.health.pauses, control.health.ended_at or control.looked.polled_at, started)

    def discovered(self, found: Discovery) -> None:
        """Note how far the projects were looked into."""
        looked = self._before.looked
        self._looked_at = found.oldest_look(looked.discovered_at or looked.installed_at)
        self._is_behind = not found.complete

    def last_looks(self, found: Discovery) -> dict[int, datetime | None]:
        """When each project was looked into before: at the last poll, unless it was left out of that."""
        last, at_last = self._before.looked, self._before.watching.watched_at
        looks = {key: last_look(state, last.discovered_at) for key, state in found.known.items()}
        return {
            key: look if look and at_last and last.polled_at and look < min(at_last, last.polled_at) else last.polled_at
            for key, look in looks.items()
        }

    def add_sweeps(self, found: Discovery, lasts: Mapping[int, datetime | None], staleness: timedelta) -> None:
        """Add the runs whose turn for a sweep came since they were looked at (rule 5)."""
        period = max(staleness, MIN_STALENESS) * TURNS_PER_SWEEP
        for run in (watched.run for watched in found.runs):
            last = lasts.get(run.project_id)
            if last is not None and is_turn(run.id, period, last, self._started):
                self.unswept.add(run.id)

    def waiting(self, hidden: Iterable[int]) -> set[int]:
        """The runs whose turn is not over."""
        return {*self.undone, *self.unswept, *self.turns, *hidden}

    def chosen(self, found: Discovery, moved: Iterable[WatchedRun], turns: Iterable[WatchedRun]) -> None:
        """What is due waits from now on, or from when it was left; so do the turns of projects that are left out."""
        self.undone |= {watched.run.id for watched in moved}
        for watched in found.runs:
            self.turns.pop(watched.run.id, None)
        self.turns |= {watched.run.id: self.since.get(watched.run.id, self._started) for watched in turns}

    def left(self, run_id: int) -> None:
        """Nothing may be asked any more: a turn waits among the turns, unless it could not be read before."""
        if run_id in self.turns and run_id not in self._before.left.undone:
            self.undone.discard(run_id)

    def done(self, reading: Reading) -> None:
        """A run was read and written."""
        run_id = reading.checkpoint.run_id
        self.forget(run_id)
        if not reading.owes_sweep:
            self.unswept.discard(run_id)
        if reading.checkpoint.is_half_read:
            self._half_read.add(run_id)

    def forget(self, run_id: int) -> None:
        """A run waits for nothing."""
        self.undone.discard(run_id)
        self.turns.pop(run_id, None)

    def left_out(self, found: Discovery) -> None:
        """Forget runs that are in no list any more, and add those of projects that are hidden."""
        watched, not_seen = {watched.run.id for watched in found.runs}, found.not_seen()
        self._half_read |= self._before.left.undone_since.keys() & not_seen - self._before.left.undone - watched
        if not found.has_strays:
            there = watched | not_seen
            self.undone &= there
            self.unswept &= there
            self.turns = {run_id: since for run_id, since in self.turns.items() if run_id in there}
        for state in {**found.known, **found.states}.values():
            if state.gone_at is not None:
                self.undone |= state.open_runs | state.closing.keys()  # their turn may have come in this poll
                self.in_hidden_projects |= state.open_runs | state.closing.keys()

    def oldest_turn_seconds(self, now: datetime) -> float:
        """The longest wait, in seconds, of any run whose turn has come; 0 if there is none."""
        return max(0.0, (now - min(self.turns.values(), default=now)).total_seconds())

    @property
    def undone_since(self) -> dict[int, datetime]:
        """Since which poll a run is left undone or half read. What is hidden is said by name, not by its age."""
        left = (self.undone | self._half_read) - self.in_hidden_projects
        return {run_id: self._before.left.undone_since.get(run_id, self._started) for run_id in left}

    def lag_seconds(self, left_since: Iterable[datetime], now: datetime) -> float:
        """How long the oldest of the things left undone has been waiting; 0 when there is nothing.

        A pause of the schedule counts little. Times by Testmo's clock and by ours stand side by side here: it is a
        matter of minutes.
        """
        since = [*self.undone_since.values(), *left_since]
        if self._is_behind and self._looked_at is not None:
            since.append(self._looked_at)
        return max(0.0, waited(min(since), now, self.pauses).total_seconds()) if since else 0.0


def with_pause(pauses: tuple[Pause, ...], before: datetime | None, now: datetime) -> tuple[Pause, ...]:
    """The pauses, and the one that a poll at this moment ends."""
    if before is None or now - before <= COUNTED:
        return pauses
    return (*pauses, Pause(before, now))[-MAX_PAUSES:]


def waited(since: datetime, now: datetime, pauses: tuple[Pause, ...]) -> timedelta:
    """For how long, each pause counting as `COUNTED`."""
    left_out = (pause.ended_at - max(pause.began_at, since) - COUNTED for pause in pauses)
    return now - since - sum((one for one in left_out if one > timedelta(0)), timedelta(0))
