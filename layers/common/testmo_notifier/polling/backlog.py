"""What is left for later polls, and how long the oldest of it has been waiting. No effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.model import Control
from testmo_notifier.polling.pauses import waited, with_pause
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.reading import Reading
from testmo_notifier.sources.testmo_runs.turns import is_turn

TURNS_PER_SWEEP: Final = 12  # rule 5: once an hour, with the default staleness
MIN_STALENESS: Final = timedelta(minutes=1)  # for sweeps alone, where every poll is a turn


class Backlog:
    """`undone` are the runs that are due and not read, `unswept` those whose turn for a sweep came meanwhile."""

    def __init__(self, control: Control, *, started: datetime) -> None:
        self._before = control.left
        self._looked = control.looked
        self._started = started
        self._half_read: set[int] = set()
        self._looked_at = control.looked.discovered_at or control.looked.installed_at
        self._is_behind = True
        self.undone = set(control.left.undone)
        self.unswept = set(control.left.unswept)
        self.in_hidden_projects: set[int] = set()
        self.pauses = with_pause(control.health.pauses, control.health.ended_at or control.looked.polled_at, started)

    def discovered(self, found: Discovery) -> None:
        """Note how far the projects were looked into."""
        self._looked_at = found.oldest_look(self._looked.discovered_at)
        self._is_behind = not found.complete

    def add_sweeps(self, run_ids: Iterable[int], staleness: timedelta) -> None:
        """Add the runs whose turn for a sweep came since the last poll (rule 5)."""
        if self._looked.polled_at is not None:
            self.unswept |= self._turns(run_ids, max(staleness, MIN_STALENESS) * TURNS_PER_SWEEP)

    def waiting_since(self, hidden: Iterable[int]) -> dict[int, datetime]:
        """The runs to read before others, and since which poll each of them waits."""
        waiting = self.undone | self.unswept | set(hidden)
        return {**dict.fromkeys(waiting, self._started), **self._before.undone_since}

    def done(self, reading: Reading) -> None:
        """A run was read and written."""
        run_id = reading.checkpoint.run_id
        self.undone.discard(run_id)
        if not reading.owes_sweep:
            self.unswept.discard(run_id)
        if reading.is_unfinished:
            self._half_read.add(run_id)

    def left_out(self, found: Discovery, staleness: timedelta) -> None:
        """Forget runs that are in no list any more, and add what came due in projects that were not looked into."""
        if found.complete:
            watched = {watched.run.id for watched in found.runs}
            self.undone &= watched
            self.unswept &= watched
        for state in (state for project_id, state in found.known.items() if project_id not in found.states):
            self.undone |= self._turns(state.open_runs, staleness) | state.closing.keys()
            self.add_sweeps(state.open_runs, staleness)
            if state.gone_at is not None:
                self.undone |= state.open_runs  # to be read as soon as they can be
                self.in_hidden_projects |= state.open_runs | state.closing.keys()

    def _turns(self, run_ids: Iterable[int], period: timedelta) -> set[int]:
        return {run_id for run_id in run_ids if is_turn(run_id, period, self._looked.polled_at, self._started)}

    @property
    def undone_since(self) -> dict[int, datetime]:
        """Since which poll a run is left undone or half read. What is hidden is said by name, not by its age."""
        left = (self.undone | self._half_read) - self.in_hidden_projects
        return {run_id: self._before.undone_since.get(run_id, self._started) for run_id in left}

    def lag_seconds(self, unpublished_since: Mapping[int, datetime], now: datetime) -> float:
        """How long the oldest of the things left undone has been waiting; 0 when there is nothing.

        A pause of the schedule counts little. Times by Testmo's clock and by ours stand side by side here: it is a
        matter of minutes.
        """
        since = [*self.undone_since.values(), *unpublished_since.values()]
        if self._is_behind and self._looked_at is not None:
            since.append(self._looked_at)
        return max(0.0, waited(min(since), now, self.pauses).total_seconds()) if since else 0.0
