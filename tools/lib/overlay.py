"""A store that reads the real state and keeps what is written to itself: for polls that must not move anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from testmo_notifier.model import CASES, CaseProgress, Checkpoint, Control, MarkOf, Notification, Outgoing, ProjectState


class Below(Protocol):
    """What is read of the real state."""

    def checkpoints(self, run_ids: Iterable[int]) -> dict[int, Checkpoint]:
        """Checkpoints by run."""

    def projects(self, project_ids: Iterable[int]) -> dict[int, ProjectState]:
        """What is kept of projects."""

    def pending(self) -> list[Checkpoint]:
        """Checkpoints with an outbox."""

    def case_names(self, project_id: int, case_ids: Collection[int], of: str = CASES) -> dict[int, str]:
        """The known names of cases."""

    def case_progress(self, project_id: int, of: str = CASES) -> CaseProgress:
        """How far the names of a project are known."""


class Nothing:
    """No state at all: everything is seen for the first time."""

    def checkpoints(self, run_ids: Iterable[int]) -> dict[int, Checkpoint]:  # noqa: ARG002 - there are none
        """None."""
        return {}

    def projects(self, project_ids: Iterable[int]) -> dict[int, ProjectState]:  # noqa: ARG002 - the same
        """None."""
        return {}

    def pending(self) -> list[Checkpoint]:
        """None."""
        return []

    def case_names(self, project_id: int, case_ids: Collection[int], of: str = CASES) -> dict[int, str]:  # noqa: ARG002 - the same
        """None."""
        return {}

    def case_progress(self, project_id: int, of: str = CASES) -> CaseProgress:  # noqa: ARG002 - the same
        """Not begun."""
        return CaseProgress()


class Overlay:
    """The store and the topic of a poll that nobody notices. Nobody else writes to it, so no race is ever lost."""

    def __init__(self, below: Below, control: Control) -> None:
        self._below = below
        self._control = control
        self._checkpoints: dict[int, Checkpoint] = {}
        self._projects: dict[int, ProjectState] = {}
        self._names: dict[tuple[str, int], dict[int, str]] = {}
        self._progress: dict[tuple[str, int], CaseProgress] = {}
        self.published: list[Notification] = []

    def publish(self, notification: Notification) -> None:
        """Keep a message instead of sending it."""
        self.published.append(notification)

    def take_lease(self, now: datetime, duration: timedelta) -> Control:  # noqa: ARG002 - nobody else wants this one
        """Be the one poller up here."""
        return self._control

    def save_control(self, control: Control, *, release: bool) -> None:  # noqa: ARG002 - the same
        """Keep what the poller knows about itself."""
        self._control = control

    def checkpoints(self, run_ids: Iterable[int]) -> dict[int, Checkpoint]:
        """Checkpoints by run."""
        wanted = list(run_ids)
        found = self._below.checkpoints([key for key in wanted if key not in self._checkpoints])
        return found | {key: self._checkpoints[key] for key in wanted if key in self._checkpoints}

    def projects(self, project_ids: Iterable[int]) -> dict[int, ProjectState]:
        """What is kept of projects."""
        wanted = list(project_ids)
        found = self._below.projects([key for key in wanted if key not in self._projects])
        return found | {key: self._projects[key] for key in wanted if key in self._projects}

    def pending(self) -> list[Checkpoint]:
        """Checkpoints with an outbox."""
        real = [checkpoint for checkpoint in self._below.pending() if checkpoint.run_id not in self._checkpoints]
        return [*real, *(checkpoint for checkpoint in self._checkpoints.values() if checkpoint.outbox)]

    def marks(self, run_ids: Iterable[int]) -> dict[int, bytes]:  # noqa: ARG002 - those below are of another poller
        """None: every checkpoint is read."""
        return {}

    def commit(self, checkpoint: Checkpoint, mark: MarkOf | None = None) -> Checkpoint:  # noqa: ARG002 - there are none
        """Keep a checkpoint."""
        self._checkpoints[checkpoint.run_id] = checkpoint
        return checkpoint

    def commit_project(self, state: ProjectState) -> ProjectState:
        """Keep a project."""
        self._projects[state.project_id] = state
        return state

    def clear(
        self,
        checkpoint: Checkpoint,
        handed_over: Sequence[Outgoing],
        *,
        at: datetime,  # noqa: ARG002 - nobody asks later
        mark: MarkOf | None = None,  # noqa: ARG002 - the same
    ) -> Checkpoint:
        """Take what was published out of an outbox."""
        rest = tuple(outgoing for outgoing in checkpoint.outbox if outgoing not in handed_over)
        return self.commit(replace(checkpoint, outbox=rest))

    def case_names(self, project_id: int, case_ids: Collection[int], of: str = CASES) -> dict[int, str]:
        """The known names of cases."""
        new = self._names.get((of, project_id), {})
        return self._below.case_names(project_id, case_ids, of) | {key: new[key] for key in case_ids if key in new}

    def save_case_names(self, project_id: int, names: Mapping[int, str], of: str = CASES) -> None:
        """Keep names of cases."""
        self._names.setdefault((of, project_id), {}).update(names)

    def case_progress(self, project_id: int, of: str = CASES) -> CaseProgress:
        """How far the names of a project are known."""
        return self._progress.get((of, project_id)) or self._below.case_progress(project_id, of)

    def save_case_progress(self, project_id: int, progress: CaseProgress, of: str = CASES) -> None:
        """Keep that."""
        self._progress[of, project_id] = progress
