"""What is kept between two polls. docs/state.md says how it is stored."""

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
    """A result that was its test's latest failing one: its status, and whether a sweep no longer found it failing.

    `recovered`: it was told that its test passed again. So it is news if it is the latest again.
    """

    status: int
    gone: bool = False
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a failing test beside its result, where routes make a difference.

    `streak` is how many failures in a row it had, 0 where that is not known for sure, `since` when the first of these
    was saved and `last` the latest, None where somebody rewound it. `destinations` are those that were told of it.
    `passed_at` is when a later result of it that passed was saved; what fails after that is new.
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

    `cursor` is the newest that was, or where it began, `resume` where an unfinished read goes on. `due` are tests told
    as failing that passed since, and that are to be looked at; `looked_at` is Testmo's clock when the last look began
    that came to its end, `short_by` how many fewer tests than known the counters showed as failing after it.
    `look` is one that goes on; if `look_first`, before passes are read, which left it no room the last time.
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
    """What we keep per run; docs/state.md says how it is stored.

    `seen` maps the keys of handled results to their time, for the window above `floor`. `failing` maps a test to the
    latest announced result (key, status id), `superseded` the keys that were there before to what is known of them.
    `counters` are the run's as they were before the last finished read, None until there was one; `read_at` is Testmo's
    clock when that read began. `watching` names the statuses and filters it was read with. `sweep` says that a sweep is
    due or goes on, `unconfirmed` which tests it has still to find of those that were failing when it began and that no
    read announced since (None: not known), `swept_for` what one was looking for that came to its end before the read
    did. While `silent_before` is set, sweeps take over what was failing before that moment without announcing it.
    `gone_at` is our clock when Testmo last said 403 or 404. `rewound` is when somebody last rewound the run, else
    empty. `version` counts the writes; it is 0 for a checkpoint that was never written. `overflow` names the items that
    hold what has no room in this one, by attribute. `told` maps failing tests to what routes have to know of them; a
    test without an entry was told to everybody. `waiting_since` is our clock when the oldest message in the outbox was
    committed, `outbox_bytes` how much of the item it was when it was read from there. `passing` says how far the
    passing results were read, None where nobody asks for them. `finished_for` is the closing of which it was told that
    the run is over.
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

    `told` are those of which somebody was told by mail. `of` are the destinations that it was about, `since` is which
    look found each of the lost ones lost first.
    """

    at: datetime
    lost: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    problem: str = ""
    of: frozenset[str] = frozenset()
    since: Mapping[str, datetime] = field(default_factory=dict)


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

    `statuses` are the ids of the statuses that are watched by name, `passed_statuses` those that count as passed,
    None while no route needs to know.
    `finished_since` is Testmo's clock at the first poll whose routes asked for the ends of runs. `held_by` is a hash of
    what decided about what is held, None where nothing did.
    """

    watching: str = ""
    watched_at: datetime | None = None
    ceased: Mapping[str, datetime] = field(default_factory=dict)
    statuses: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    passed_statuses: frozenset[int] | None = None
    finished_since: datetime | None = None
    held_by: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests of the last minute by epoch second, and until when Testmo wants to be left alone (our clock).

    `sent` are the milliseconds of the same requests, if there were many.
    `draining_until` is until when polls only hand over what waits, as somebody is preparing a rollback (our clock).
    """

    requests: Mapping[int, int] = field(default_factory=dict)
    sent: tuple[int, ...] | None = None
    not_before: datetime | None = None
    draining_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How the poller itself is doing, by our clock.

    `ended_at` is when the last poll was over, however it ended, `pauses` are the latest long times between two polls,
    `mail` is what the last look at the mailboxes found, `troubles` are those whose alarms are on, by their metrics.
    `wrong_files` are the team's files that stand aside, a sentence for each, None where all are right.
    """

    ended_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    mail: MailCheck | None = None
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    wrong_files: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """What the poller keeps about itself, by subject. It is one item.

    People's silences stand in the same item, so that a poll gets them with its lease. It never writes them. Those that
    nobody understands, because a later version wrote them, are left aside and have their ids in `unread_silences`.
    So do `bots`, the destinations that show how a run is: those say so themselves that deliver there.
    """

    looked: Looked = field(default_factory=Looked)
    left: Left = field(default_factory=Left)
    watching: Watching = field(default_factory=Watching)
    asked: Asked = field(default_factory=Asked)
    health: Health = field(default_factory=Health)
    silences: tuple[Silence, ...] = ()
    unread_silences: tuple[str, ...] = ()
    bots: frozenset[str] = frozenset()


CASES, FOLDERS = "CASES", "FOLDERS"  # what is kept of cases: their names, and the folders that they are in


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
