"""What the use cases ask of the outside, in the words of the model. The adapters and the tests' fakes do it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Protocol

from testmo_notifier.errors import Problem, Unpublished
from testmo_notifier.model import (
    CaseProgress,
    CasesPage,
    Change,
    Checkpoint,
    Control,
    Envelope,
    Held,
    HeldKey,
    Listed,
    Mailbox,
    MarkOf,
    Notification,
    Outgoing,
    Project,
    ProjectState,
    ResultsPage,
    ResultsQuery,
    Run,
    User,
)


class Testmo(Protocol):
    """Reads an instance. Every call may raise `StopReading`, `Unreadable` or `RequestRejected`."""

    def user(self) -> str:
        """The name of the token's user."""

    def projects(self) -> tuple[Listed[Project], datetime | None]:
        """The visible projects, and Testmo's clock."""

    def open_runs(self, project_id: int, pool: Executor | None = None) -> Listed[Run]:
        """The open runs of a project; workers of `pool` may help."""

    def closed_runs(self, project_id: int, closed_after: datetime) -> Listed[Run]:
        """Its runs that were closed after a moment."""

    def run(self, run_id: int) -> Run:
        """One run, or `Invisible`."""

    def statuses(self, project_id: int) -> dict[int, str]:
        """The names of statuses, as far as the runs of a project tell them."""

    def passed_statuses(self, project_id: int) -> dict[int, bool]:
        """Which of these count as passed, as far as it says so."""

    def users(self) -> Listed[User]:
        """Everybody who may log in, with addresses, or `Invisible`."""

    def cases(self, project_id: int, *, page: int, created_after: datetime | None, in_folders: bool = ...) -> CasesPage:
        """One page of a project's cases, oldest first: their names, or the folders that they are in."""

    def results(self, run_id: int, query: ResultsQuery) -> ResultsPage:
        """One page of results, or `Invisible`."""


class Store(Protocol):
    """Keeps the state. Every write may raise `LostRace`."""

    def take_lease(self, now: datetime, duration: timedelta) -> Control:
        """Be, or stay, the one poller; or `LeaseTaken`."""

    def save_control(self, control: Control, *, release: bool) -> None:
        """Keep what the poller knows about itself, and give up the lease."""

    def checkpoints(self, run_ids: Iterable[int]) -> dict[int, Checkpoint]:
        """Checkpoints by run."""

    def projects(self, project_ids: Iterable[int]) -> dict[int, ProjectState]:
        """What is kept of projects."""

    def pending(self) -> list[Checkpoint]:
        """Checkpoints with an outbox."""

    def marks(self, run_ids: Iterable[int]) -> dict[int, bytes]:
        """Marks by run."""

    def commit(self, checkpoint: Checkpoint, mark: MarkOf = ..., held: Sequence[Change] = ()) -> Checkpoint:
        """Checkpoint, outbox, mark and what is held in one write; without `mark` that is deleted."""

    def held_of(self, run_id: int) -> list[Held]:
        """What is held of a run, as it is now."""

    def held_until(self, moment: datetime | None) -> tuple[list[HeldKey], list[Envelope]]:
        """What was due until a moment (None: everything that is held), oldest first; and envelopes, as they are now."""

    def held(self, keys: Sequence[HeldKey]) -> list[Held]:
        """What is held under these keys, as it is now; what is gone is left out."""

    def release(self, changes: Sequence[Change], envelope: Envelope | None = None) -> None:
        """Move what is held, or into an envelope, in one write: 45 of them at most."""

    def clear_envelope(self, envelope: Envelope, handed_over: Sequence[Outgoing], *, at: datetime) -> Envelope:
        """Take what was published out of an envelope, and keep for a while what it was, run by run."""

    def commit_project(self, state: ProjectState) -> ProjectState:
        """What is kept of a project."""

    def clear(
        self, checkpoint: Checkpoint, handed_over: Sequence[Outgoing], *, at: datetime, mark: MarkOf = ...
    ) -> Checkpoint:
        """Take what was published out of an outbox, and keep for a while what it was."""

    def case_names(self, project_id: int, case_ids: Collection[int], of: str = ...) -> dict[int, str]:
        """The known names of cases, and maybe of others, or their folders: `of` is `CASES` or `FOLDERS`."""

    def save_case_names(self, project_id: int, names: Mapping[int, str], of: str = ...) -> None:
        """Keep names of cases, or folders."""

    def case_progress(self, project_id: int, of: str = ...) -> CaseProgress:
        """How far these are known of a project."""

    def save_case_progress(self, project_id: int, progress: CaseProgress, of: str = ...) -> None:
        """Keep that."""


class Topic(Protocol):
    """Takes messages."""

    def publish(self, notification: Notification) -> None:
        """Publish one, or raise `Unpublished`."""

    def publish_all(self, notifications: Sequence[Notification]) -> list[Unpublished | None]:
        """Publish some; says of each why it was not taken, None where it was."""


class Mailboxes(Protocol):
    """Knows who is subscribed."""

    expected: Sequence[Mailbox]
    routed: Sequence[str]

    def lost(self, destinations: Collection[str]) -> frozenset[str]:
        """The names of the mailboxes, and of these destinations, without a confirmed subscription, or `Unlisted`."""


class Renderer(Protocol):
    """Turns digests into messages."""

    problems: list[Problem]

    def notification(self, outgoing: Outgoing) -> Notification:
        """One digest for one destination."""
