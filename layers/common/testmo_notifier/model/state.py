"""What is kept between two polls.

docs/state.md says of each field what it means and how it is stored, under the name of its attribute (few differ, see
`adapters.items.ATTRIBUTES`). Here stands what is not stored so, or what a reader of the code needs first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import field, replace
from datetime import datetime

from testmo_notifier.lean import dataclass
from testmo_notifier.model.digests import NamedResult, Outgoing
from testmo_notifier.model.held import Silence


@dataclass(frozen=True, slots=True)
class Resume:
    """Where an unfinished read goes on: the same lower bound (None is no bound), one page earlier.

    `watching` says what was asked for, because the pages of another question are other pages.
    """

    bound: datetime | None
    page: int
    total: int | None
    began_at: datetime | None = None
    watching: str = ""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A result that was its test's latest failing one: its status, and whether a sweep no longer found it failing.

    `recovered`: it was told that its test passed again. So it is news if it is the latest again.
    """

    status: int
    gone: bool = False
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a failing test beside its result, where routes make a difference.

    `streak` is 0 where it is not known for sure, `last` is None where somebody rewound it. What fails after `passed_at`
    is new.
    """

    streak: int = 0
    since: datetime | None = None
    last: datetime | None = None
    destinations: frozenset[str] = frozenset()
    passed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecoveryGroup:
    """Recoveries with one status that are told to the same destinations; the first of them by name.

    At `held_at` nobody asks to be told, but what is held there is not to say that these tests fail.
    """

    destinations: frozenset[str]
    status: str
    named: tuple[NamedResult, ...] = ()
    held_at: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Look:
    """How far a look at the latest results of a run came that goes on in the next poll, for tests that may be well.

    `tests` are those of which nothing else than passes was seen, `passed` those of them with a pass: its key, and the
    number of the group that its recovery is in.
    """

    resume: Resume
    tests: frozenset[int] = frozenset()
    passed: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    groups: tuple[RecoveryGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class Passing:
    """How far the passing results of a run were read.

    `due` are tests told as failing that passed since, and that are to be looked at (stored as `awaited`). If
    `look_first`, a look goes on before passes are read, which left it no room the last time.
    """

    cursor: datetime
    resume: Resume | None = None
    due: frozenset[int] = frozenset()
    looked_at: datetime | None = None
    short_by: int = 0
    look: Look | None = None
    look_first: bool = False

    @property
    def is_unfinished(self) -> bool:
        """Whether the next poll has to go on."""
        return self.resume is not None or self.look is not None or bool(self.due)


@dataclass(frozen=True, slots=True)
class Passes:
    """When tests passed since the last look, by test; `complete` if that is all of it, and nothing was left unasked."""

    complete: bool = False
    times: Mapping[int, tuple[datetime, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overflow:
    """A set that has items of its own: since which version of the checkpoint, how many, and the hash of all of it."""

    version: int
    items: int
    hash: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What we keep per run.

    `seen` is for the window above `floor`. `counters` are None until a read was finished, `unconfirmed` where no sweep
    goes on. While `silent_before` is set, sweeps take over what was failing before that moment without announcing it. A
    `version` of 0 was never written. `overflow` names the items that hold what has no room in this one, by attribute. A
    test without an entry in `told` was told to everybody. `outbox_bytes` is how much of the item the outbox was when it
    was read from there. `passing` is None where nobody asks for passes.
    """

    run_id: int
    project_id: int
    cursor: datetime
    floor: datetime
    seen: Mapping[int, datetime] = field(default_factory=dict)
    failing: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    superseded: Mapping[int, Superseded] = field(default_factory=dict)
    counters: Mapping[int, int] | None = None
    watching: str = ""
    resume: Resume | None = None
    sweep: Resume | None = None
    swept_for: str = ""
    silent_before: datetime | None = None
    outbox: tuple[Outgoing, ...] = ()
    version: int = 0
    read_at: datetime | None = None
    closed_at: datetime | None = None
    gone_at: datetime | None = None
    rewound: str = ""
    unconfirmed: frozenset[int] | None = None
    overflow: Mapping[str, Overflow] = field(default_factory=dict)
    told: Mapping[int, Told] = field(default_factory=dict)
    waiting_since: datetime | None = None
    outbox_bytes: int = field(default=0, compare=False)
    passing: Passing | None = None
    finished_for: datetime | None = None

    @property
    def is_half_read(self) -> bool:
        """Whether its failing results were begun, or swept, and not to the end: the next poll has to go on."""
        return self.resume is not None or self.sweep is not None

    def after(self, handed_over: Collection[Outgoing]) -> Checkpoint:
        """The same without what was handed over."""
        rest = tuple(outgoing for outgoing in self.outbox if outgoing not in handed_over)
        return replace(self, outbox=rest, waiting_since=self.waiting_since if rest else None)


MarkOf = Callable[[Checkpoint], bytes | None]  # see polling/marks.py


def unmarked(_checkpoint: Checkpoint) -> None:
    """No mark: whoever wants to know has to read the checkpoint."""


@dataclass(frozen=True, slots=True)
class ProjectState:
    """What we keep per project: watched since when, its last counts, and its runs that are not done with.

    `closing` are closed but not yet read after closing plus the overlap. `looked_at` is kept only while the projects
    are too many, or too troubled, for all of them to be looked into in one poll.
    """

    project_id: int
    watched_since: datetime
    run_closed_count: int | None = None
    open_runs: frozenset[int] = frozenset()
    closing: Mapping[int, datetime] = field(default_factory=dict)
    gone_at: datetime | None = None
    looked_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """A long time between two polls, by our clock."""

    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """When the last poll saw it; once it is over, since which poll."""

    seen_at: datetime
    over_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address that a parameter names, and the topic it should be subscribed to. `gets` says to what, in words."""

    name: str
    address: str
    topic_arn: str
    gets: str


@dataclass(frozen=True, slots=True)
class MailCheck:
    """One look at the mailboxes: which of them have no confirmed subscription, or why AWS did not tell."""

    at: datetime
    lost: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    problem: str = ""
    of: frozenset[str] = frozenset()
    since: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked at, and when: by Testmo's clock, but for `polled_at` and `hidden_runs`."""

    installed_at: datetime | None = None
    polled_at: datetime | None = None
    discovered_at: datetime | None = None
    closed_checked_at: datetime | None = None
    projects: frozenset[int] = frozenset()
    run_ids: frozenset[int] = frozenset()
    hidden_runs: Mapping[int, datetime] = field(default_factory=dict)
    marks_at: datetime | None = None
    marks_epoch: str = ""

    @property
    def has_marks(self) -> bool:
        """Whether the marks hold; if not, a version polled last that knows none, and may have moved what they say."""
        return bool(self.marks_epoch) and self.marks_at == self.polled_at


@dataclass(frozen=True, slots=True)
class Left:
    """What is left for later polls: runs that had moved, or could not be read, and turns that came meanwhile."""

    undone: frozenset[int] = frozenset()
    undone_since: Mapping[int, datetime] = field(default_factory=dict)
    unswept: frozenset[int] = frozenset()
    turns: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watching:
    """What is watched, and what was watched before. `held_by` is None where nothing is held.

    `untold_since`, of names of statuses that Testmo does not tell now, is when it may last have told each.
    """

    watching: str = ""
    watched_at: datetime | None = None
    ceased: Mapping[str, datetime] = field(default_factory=dict)
    statuses: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    untold_since: Mapping[str, datetime] = field(default_factory=dict)
    passed_statuses: frozenset[int] | None = None
    finished_since: datetime | None = None
    held_by: str | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """The requests of the last minute by epoch second, and until when nothing is asked of Testmo (our clock).

    `sent` are the milliseconds of the same requests, if there were many.
    """

    requests: Mapping[int, int] = field(default_factory=dict)
    sent: tuple[int, ...] | None = None
    not_before: datetime | None = None
    draining_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How the poller itself is doing, by our clock. `wrong_files` is None where all are right."""

    ended_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    mail: MailCheck | None = None
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    wrong_files: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """What the poller keeps about itself, by subject. It is one item, so that a poll gets all of it with its lease.

    People's `silences` and the delivering function's `bots` no poll ever writes. Silences that nobody understands,
    because a later version wrote them, are left aside and have their ids in `unread_silences`.
    """

    looked: Looked = field(default_factory=Looked)
    left: Left = field(default_factory=Left)
    watching: Watching = field(default_factory=Watching)
    budget: Budget = field(default_factory=Budget)
    health: Health = field(default_factory=Health)
    silences: tuple[Silence, ...] = ()
    unread_silences: tuple[str, ...] = ()
    bots: frozenset[str] = frozenset()


CASES, FOLDERS = "CASES", "FOLDERS"  # what is kept of cases: their names, and the folders that they are in


@dataclass(frozen=True, slots=True)
class CaseProgress:
    """How far the names of a project's cases are known."""

    newest: datetime | None = None
    next_page: int = 1
    completed_at: datetime | None = None  # when every page was read
