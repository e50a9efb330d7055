"""A scenario played to its end in this process: the real simulator, poll and renderer; state and messages in memory.

No AWS is needed, and the clock is the rehearsal's own, so the same code gives the same messages every time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import CaseProgress, Checkpoint, Control, Notification, Outgoing, ProjectState, Scope
from testmo_notifier.poll import Parts, poll
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.sources.testmo_runs.detect import Watch
from tools.simulator import Simulator
from tools.simulator.scenarios import load

TESTMO_URL: Final = "https://example.testmo.net"  # where the links of the messages lead
BETWEEN_POLLS: Final = timedelta(minutes=1)
FAILED, BLOCKED = 3, 5


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, and when it was published."""

    at: datetime
    notification: Notification


class Memory:
    """Store and topic of one poller that is never disturbed: nothing is refused, no race is lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.sent: list[Sent] = []
        self._control = Control()
        self._checkpoints: dict[int, Checkpoint] = {}
        self._projects: dict[int, ProjectState] = {}
        self._names: defaultdict[int, dict[int, str]] = defaultdict(dict)
        self._progress: dict[int, CaseProgress] = {}

    def publish(self, notification: Notification) -> None:
        """Take a message."""
        self.sent.append(Sent(self._clock.time, notification))

    def take_lease(self, now: datetime, duration: timedelta) -> Control:  # noqa: ARG002 - nobody else wants it
        """Be the one poller."""
        return self._control

    def save_control(self, control: Control, *, release: bool) -> None:  # noqa: ARG002 - the same
        """Keep what the poller knows about itself."""
        self._control = control

    def checkpoints(self, run_ids: Iterable[int]) -> dict[int, Checkpoint]:
        """Checkpoints by run."""
        return {run_id: self._checkpoints[run_id] for run_id in run_ids if run_id in self._checkpoints}

    def projects(self, project_ids: Iterable[int]) -> dict[int, ProjectState]:
        """What is kept of projects."""
        return {id_: self._projects[id_] for id_ in project_ids if id_ in self._projects}

    def pending(self) -> list[Checkpoint]:
        """Checkpoints with an outbox."""
        return [checkpoint for checkpoint in self._checkpoints.values() if checkpoint.outbox]

    def commit(self, checkpoint: Checkpoint) -> Checkpoint:
        """Keep a checkpoint."""
        self._checkpoints[checkpoint.run_id] = checkpoint
        return checkpoint

    def commit_project(self, state: ProjectState) -> ProjectState:
        """Keep a project."""
        self._projects[state.project_id] = state
        return state

    def clear(self, checkpoint: Checkpoint, handed_over: Sequence[Outgoing], *, at: datetime) -> Checkpoint:  # noqa: ARG002 - nobody asks later
        """Take what was published out of an outbox."""
        return self.commit(
            replace(checkpoint, outbox=tuple(out for out in checkpoint.outbox if out not in handed_over))
        )

    def case_names(self, project_id: int, case_ids: Collection[int]) -> dict[int, str]:
        """The known names of cases."""
        names = self._names[project_id]
        return {case_id: names[case_id] for case_id in case_ids if case_id in names}

    def save_case_names(self, project_id: int, names: Mapping[int, str]) -> None:
        """Keep names of cases."""
        self._names[project_id] |= names

    def case_progress(self, project_id: int) -> CaseProgress:
        """How far the names of a project are known."""
        return self._progress.get(project_id, CaseProgress())

    def save_case_progress(self, project_id: int, progress: CaseProgress) -> None:
        """Keep that."""
        self._progress[project_id] = progress


@dataclass(frozen=True, slots=True)
class Token:
    """The simulator's token, which never changes."""

    value: str = field(repr=False)

    def get(self) -> str:
        """The token."""
        return self.value

    def refresh(self) -> str:
        """The same."""
        return self.value


class Clock:
    """The clock of one rehearsal; it moves when told to."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def now(self) -> datetime:
        """The time on it."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


def rehearse(scenario: str, *, start: datetime) -> list[Sent]:
    """Every message of a scenario, in order. The first poll is at `start`, each step and its poll a minute later."""
    clock = Clock(start)
    memory = Memory(clock)
    pool = new_pool()
    with Simulator(scenario=load(scenario, now=clock.now)) as simulator:

        def connect(rate_limit: RateLimit) -> Testmo:
            return Testmo(
                url=simulator.url, token=Token(simulator.token), pool=pool, rate_limit=rate_limit, now=clock.now
            )

        parts = Parts(
            store=memory,
            connect=connect,
            topic=memory,
            renderer=Renderer(ZoneInfo("UTC")),
            watch=Watch((FAILED, BLOCKED)),
            scope=Scope((), (), timedelta(minutes=5), timedelta(0)),
            destinations=("slack:default", "email:default", "event"),
            testmo_url=TESTMO_URL,
            staleness=timedelta(minutes=5),
            requests_per_minute=120,
            now=clock.now,
            sleep=clock.sleep,
            seconds_left=lambda: 60.0,
            shuffle=lambda _: None,
        )
        poll(parts)
        minute = start
        while True:
            minute += BETWEEN_POLLS
            clock.time = minute
            if simulator.advance() is None:
                break
            poll(parts)
    pool.clear()
    return in_order(memory.sent)


def in_order(sent: list[Sent]) -> list[Sent]:
    """By minute, then run: which of two runs is read first is a matter of threads."""
    whole = [replace(one, at=one.at.replace(second=0, microsecond=0)) for one in sent]
    return sorted(whole, key=lambda one: (one.at, one.notification.run_id))
