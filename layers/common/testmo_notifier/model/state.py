"""What is kept between two polls. docs/state.md says how it is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from testmo_notifier.model.digests import Outgoing


@dataclass(frozen=True, slots=True)
class Resume:
    """Where an unfinished read goes on: the same lower bound (None is no bound), one page earlier.

    `began_at` is Testmo's clock when the read began, in an earlier poll. `watching` says what was asked for, because
    the pages of another question are other pages; empty where an older version wrote it.
    """

    bound: datetime | None
    page: int
    total: int | None
    began_at: datetime | None = None
    watching: str = ""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A result that was its test's latest failing one: its status, and whether a sweep no longer found it failing."""

    status: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Apart:
    """A set that has items of its own: since which version of the checkpoint, how many, and the hash of all of it."""

    version: int
    items: int
    hash: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What we keep per run; docs/state.md says how it is stored.

    `seen` maps the keys of handled results to their time, for the window above `floor`. `failing` maps a test to the
    latest announced result (key, status id), `superseded` the keys that were there before to what is known of them.
    `counters` are the run's as they were before the last finished read, None until there was one; `read_at` is Testmo's
    clock when that read began. `watching` names the statuses and filters it was read with. `sweep` says that a sweep is
    due or goes on, `unconfirmed` which tests it has still to find of those that were failing when it began and that no
    read announced since (None: not known), `swept_for` what one was looking for that came to its end before the read
    did. While `silent_before` is set, sweeps take over what was failing before that moment without announcing it.
    `gone_at` is our clock when Testmo last said 403 or 404. `rewound` is when somebody last rewound the run, else
    empty. `version` counts the writes; it is 0 for a checkpoint that was never written. `apart` names the items that
    hold what has no room in this one, by attribute.
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
    apart: Mapping[str, Apart] = field(default_factory=dict)


MarkOf = Callable[[Checkpoint], bytes | None]  # see polling/marks.py


def unmarked(_checkpoint: Checkpoint) -> None:
    """No mark: whoever wants to know has to read the checkpoint."""


@dataclass(frozen=True, slots=True)
class ProjectState:
    """What we keep per project: watched since when, its last counts, and its runs that are not done with.

    `open_runs` were open at the last discovery. `closing` are closed but not yet read after closing plus
    the overlap: run id to closing time. `looked_at` is Testmo's clock when it was last looked into to the end; it is
    kept only while the projects are too many, or too troubled, for all of them to be looked into in one poll.
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
    """One look at the mailboxes: which of them have no confirmed subscription, or why AWS did not tell.

    `told` are those of which somebody was told by mail.
    """

    at: datetime
    lost: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked at, and when: by Testmo's clock, but for `polled_at` and `hidden_runs`.

    `installed_at` is the first discovery ever, `discovered_at` the last complete one; `projects` were listed then,
    `run_ids` is what `RunIds` was. `closed_checked_at` is when closed runs were last listed regardless of counts.
    `hidden_runs` are runs that Testmo does not let the token's user see, and since when. `marks_at` is the `polled_at`
    at which the marks of the runs were right, `marks_epoch` is what they were made with.
    """

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
    """What is left for later polls.

    `undone` are runs that had moved, or could not be read, `unswept` those whose turn for a sweep came meanwhile.
    `undone_since` says since which poll (our clock) a run is left undone or half read. `turns` are runs whose turn came
    and for which no request was left, and since when (our clock, to the minute).
    """

    undone: frozenset[int] = frozenset()
    undone_since: Mapping[int, datetime] = field(default_factory=dict)
    unswept: frozenset[int] = frozenset()
    turns: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watching:
    """What is watched: `watched_at` is Testmo's clock at the last poll that did, `ceased` the same of what was before.

    `statuses` are the ids of the statuses that are watched by name.
    """

    watching: str = ""
    watched_at: datetime | None = None
    ceased: Mapping[str, datetime] = field(default_factory=dict)
    statuses: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests of the last minute by epoch second, and until when Testmo wants to be left alone (our clock).

    `sent` are the milliseconds of the same requests, if there were many.
    """

    requests: Mapping[int, int] = field(default_factory=dict)
    sent: tuple[int, ...] | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How the poller itself is doing, by our clock.

    `ended_at` is when the last poll was over, however it ended, `pauses` are the latest long times between two polls,
    `mail` is what the last look at the mailboxes found, `troubles` are those whose alarms are on, by their metrics.
    """

    ended_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    mail: MailCheck | None = None
    troubles: Mapping[str, Trouble] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Control:
    """What the poller keeps about itself, by subject. It is one item."""

    looked: Looked = Looked()
    left: Left = Left()
    watching: Watching = Watching()
    asked: Asked = Asked()
    health: Health = Health()


@dataclass(frozen=True, slots=True)
class CaseProgress:
    """How far the names of a project's cases are known.

    `next_page` is where the paging of all of them goes on until `completed_at` (our clock) says it ended. `newest`
    is the newest creation time seen, from which on later ones are asked for.
    """

    newest: datetime | None = None
    next_page: int = 1
    completed_at: datetime | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every page was read."""
        return self.completed_at is not None
