"""A store that reads the real state and keeps what is written to itself: for polls that must not move anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from testmo_notifier.errors import Unpublished
from testmo_notifier.model import (
    CASES,
    CaseProgress,
    Change,
    Checkpoint,
    Control,
    Envelope,
    Held,
    HeldKey,
    MarkOf,
    Notification,
    Outgoing,
    ProjectState,
)


class Below(Protocol):
    """What is read of the real state. Here there is none."""

    def checkpoints(self, run_ids: Iterable[int]) -> dict[int, Checkpoint]:  # noqa: ARG002 - there is nothing to look for
        """Checkpoints by run."""
        return {}

    def projects(self, project_ids: Iterable[int]) -> dict[int, ProjectState]:  # noqa: ARG002 - the same
        """What is kept of projects."""
        return {}

    def pending(self) -> list[Checkpoint]:
        """Checkpoints with an outbox."""
        return []

    def held_of(self, run_id: int) -> list[Held]:  # noqa: ARG002 - the same
        """What is held of a run."""
        return []

    def held_until(self, moment: datetime | None) -> tuple[list[HeldKey], list[Envelope]]:  # noqa: ARG002 - the same
        """What is due, and envelopes."""
        return [], []

    def held(self, keys: Sequence[HeldKey]) -> list[Held]:  # noqa: ARG002 - the same
        """What is held under these keys."""
        return []

    def case_names(self, project_id: int, case_ids: Collection[int], of: str = CASES) -> dict[int, str]:  # noqa: ARG002 - the same
        """The known names of cases."""
        return {}

    def case_progress(self, project_id: int, of: str = CASES) -> CaseProgress:  # noqa: ARG002 - the same
        """How far the names of a project are known."""
        return CaseProgress()


class Nothing(Below):
    """No state at all: everything is seen for the first time."""


class Overlay:
    """The store and the topic of a poll that nobody notices. Nobody else writes to it, so no race is ever lost."""

    def __init__(self, below: Below, control: Control) -> None:
        self._below = below
        self._control = control
        self._checkpoints: dict[int, Checkpoint] = {}
        self._projects: dict[int, ProjectState] = {}
        self._held: dict[tuple[int, str, str], Held | None] = {}  # by run, destination and cause; None is gone
        self._envelopes: dict[str, Envelope] = {}
        self._names: dict[tuple[str, int], dict[int, str]] = {}
        self._progress: dict[tuple[str, int], CaseProgress] = {}
        self.published: list[Notification] = []

    def publish(self, notification: Notification) -> None:
        """Keep a message instead of sending it."""
        self.published.append(notification)

    def publish_all(self, notifications: Sequence[Notification]) -> list[Unpublished | None]:
        """Keep some."""
        for notification in notifications:
            self.publish(notification)
        return [None] * len(notifications)

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

    def commit(
        self,
        checkpoint: Checkpoint,
        mark: MarkOf | None = None,  # noqa: ARG002 - there are none
        held: Sequence[Change] = (),
    ) -> Checkpoint:
        """Keep a checkpoint, and what is held."""
        self.release(held)
        self._checkpoints[checkpoint.run_id] = checkpoint
        return checkpoint

    def held_of(self, run_id: int) -> list[Held]:
        """What is held of a run."""
        below = {held.key[:-1]: held for held in self._below.held_of(run_id)}
        mine = {key: held for key, held in self._held.items() if key[0] == run_id}
        return [held for held in {**below, **mine}.values() if held]

    def held_until(self, moment: datetime | None) -> tuple[list[HeldKey], list[Envelope]]:
        """What is due, and envelopes."""
        keys, envelopes = self._below.held_until(moment)
        keys = [key for key in keys if key[:-1] not in self._held]
        keys += [held.key for held in self._held.values() if held and (moment is None or held.due <= moment)]
        envelopes = [envelope for envelope in envelopes if envelope.id not in self._envelopes]
        envelopes += [envelope for envelope in self._envelopes.values() if envelope.outbox]
        return sorted(keys, key=lambda key: (key.due, key)), envelopes

    def held(self, keys: Sequence[HeldKey]) -> list[Held]:
        """What is held under these keys."""
        mine = (self._held.get(key[:-1]) for key in keys)
        return [
            *self._below.held([key for key in keys if key[:-1] not in self._held]),
            *(held for held in mine if held),
        ]

    def release(self, changes: Sequence[Change], envelope: Envelope | None = None) -> None:
        """Keep what is held, and an envelope."""
        for before, after in changes:
            version = before.version + 1 if before else 1
            self._held |= {before.key[:-1]: None} if before else {}
            self._held |= {after.key[:-1]: replace(after, version=version)} if after else {}
        if envelope:
            self._envelopes[envelope.id] = replace(envelope, version=1)

    def clear_envelope(self, envelope: Envelope, handed_over: Sequence[Outgoing], *, at: datetime) -> Envelope:  # noqa: ARG002 - nobody asks later
        """Take what was published out of an envelope."""
        rest = tuple(outgoing for outgoing in envelope.outbox if outgoing not in handed_over)
        self._envelopes[envelope.id] = replace(envelope, outbox=rest, version=envelope.version + 1)
        return self._envelopes[envelope.id]

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
        return self.commit(checkpoint.after(handed_over))

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
