"""The nouns. Frozen values without behaviour beyond what their fields say.

Timestamps are aware and UTC. Ids are Testmo's own. `…_us` is microseconds, `…_seconds` seconds.
Notes are HTML as Testmo sends them in `Result`, clean text in `NamedResult`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeVar

T = TypeVar("T")

STATUS_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {1: "Untested", 2: "Passed", 3: "Failed", 4: "Retest", 5: "Blocked", 6: "Skipped"}
)  # Testmo's defaults, https://docs.testmo.com/api/reference/results; 7 to 25 are an instance's own
YEARS: Final = range(1971, 9000)  # a clock outside of them is broken, and reckoning with its dates would overflow
MAX_PER_PAGE: Final = 100  # of Testmo's lists; it takes 15, 25, 50 and 100


class Listed(list[T]):
    """What a list held, as far as it could be understood. `strays` says in words which rows could not."""

    def __init__(self, rows: Iterable[T] = (), strays: Iterable[str] = ()) -> None:
        super().__init__(rows)
        self.strays = tuple(strays)


@dataclass(frozen=True, slots=True)
class Project:
    """A project as `GET /projects` lists it. A count is None where the answer left it out."""

    id: int
    name: str
    is_completed: bool
    run_active_count: int | None
    run_closed_count: int | None
    created_at: datetime | None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    """How many tests of a run have which latest status.

    `by_status` maps status ids (1 is Untested) to counts and leaves zeros out. The rest is Testmo's own
    arithmetic: `success` is Passed, `failure` is Failed without Blocked, `completed` is what is final.
    """

    by_status: Mapping[int, int] = field(default_factory=dict)
    success: int = 0
    failure: int = 0
    completed: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A test run. `milestone` and `configuration` are names, None where the run has none."""

    id: int
    project_id: int
    name: str
    is_closed: bool
    created_at: datetime | None
    closed_at: datetime | None
    counters: Counters
    milestone: str | None = None
    configuration: str | None = None


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """A run to watch. Nothing in it before `start` is ever announced."""

    run: Run
    project_name: str
    start: datetime


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at. Empty tuples mean everything the token can see."""

    project_ids: tuple[int, ...]
    run_ids: tuple[int, ...]
    overlap: timedelta
    backfill: timedelta


@dataclass(frozen=True, slots=True)
class Issue:
    """A linked issue. `display_id` is the tracker's key (`SHOP-123`); `type` is Testmo's tracker number.

    `external_project_key` and `external_project_id` are the tracker's own project (`SHOP`), where Testmo tells it.
    """

    id: int
    display_id: str
    type: int | None = None
    external_project_key: str | None = None
    external_project_id: int | None = None


@dataclass(frozen=True, slots=True)
class Expands:
    """The objects that one page of results refers to, by id."""

    users: Mapping[int, str] = field(default_factory=dict)
    issues: Mapping[int, Issue] = field(default_factory=dict)
    statuses: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """One row of `GET /runs/{id}/results`, as far as it could be understood.

    `key` recognises the row: its id, or a negative hash of the row where it has none. A field that is
    missing or of the wrong type is None, and `problems` says which in words. `previous_status_id` is set on a row that
    was announced before under another status. `note` is HTML as it came, of any length: whoever keeps results makes it
    short (`text.short_note`).
    """

    key: int
    id: int | None
    test_id: int | None
    case_id: int | None
    status_id: int | None
    is_latest: bool | None = None
    note: str = ""
    elapsed_us: int | None = None
    assignee_id: int | None = None
    issue_ids: tuple[int, ...] = ()
    created_at: datetime | None = None
    created_by: int | None = None
    updated_at: datetime | None = None
    updated_by: int | None = None
    is_deleted: bool = False
    problems: tuple[str, ...] = ()
    previous_status_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsQuery:
    """Every parameter of `/runs/{id}/results`; None leaves one out, an empty tuple too. 0 is "unassigned"."""

    page: int | None = None
    per_page: int | None = MAX_PER_PAGE
    sort: str | None = None
    order: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    created_by: tuple[int, ...] = ()
    assignee_id: tuple[int, ...] = ()
    status_id: tuple[int, ...] = ()
    get_latest_result: bool | None = None
    expands: tuple[str, ...] = ("users", "issues", "statuses")


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """One page of results with its expands. `total` and `server_date` are None where the answer has none."""

    results: tuple[Result, ...]
    expands: Expands
    next_page: int | None
    total: int | None
    server_date: datetime | None


@dataclass(frozen=True, slots=True)
class NamedResult:
    """What a digest says of one result: names instead of ids where they are known, the note as text.

    `previous_status` is set when the result was announced before and somebody changed its status since.
    """

    id: int | None
    test_id: int | None
    case_id: int | None
    case_name: str | None
    status_id: int | None
    status: str
    is_latest: bool | None
    created_at: datetime | None
    created_by: int | None
    created_by_name: str | None
    updated_at: datetime | None
    updated_by: int | None
    updated_by_name: str | None
    assignee_id: int | None
    assignee: str | None
    elapsed_us: int | None
    issues: tuple[Issue, ...]
    note: str
    url: str
    previous_status: str | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """What one message is about: the new failing results of one run in one poll.

    `total` and `counts` (status name to number, in the order of the message) are exact; `results` is
    capped, most urgent first, and `omitted` says how many it leaves out. `keys` are all its results, those left out
    included; empty in an outbox that an older version wrote.
    """

    run_id: int
    run_name: str
    run_url: str
    project_id: int
    project_name: str
    milestone: str | None
    configuration: str | None
    counters: Counters
    total: int
    omitted: int
    counts: Mapping[str, int]
    results: tuple[NamedResult, ...]
    keys: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A digest that is still to be handed over to one destination. The id is fixed at commit."""

    id: str
    destination: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Sent:
    """What was published of one run: the keys of the results, and the notification's id for each destination."""

    run_id: int
    at: datetime
    keys: frozenset[int]
    notifications: Mapping[str, str]


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
class Checkpoint:
    """What we keep per run; docs/state.md says how it is stored.

    `seen` maps the keys of handled results to their time, for the window above `floor`. `failing` maps a test to the
    latest announced result (key, status id), `older` the keys that were there before to their status, inverted (`~`)
    where a sweep no longer found them failing. `counters` are the run's as they were before the last finished read,
    None until there was one; `read_at` is Testmo's clock when that read began. `watching` names the statuses and
    filters it was read with. `sweep` says that a sweep is due or goes on, `swept` what one was looking for that came
    to its end before the read did. While `silent_before` is set, sweeps take over what was failing before that moment
    without announcing it. `gone_at` is our clock when Testmo last said 403 or 404. `rewound` is when somebody last
    rewound the run, else empty. `version` counts the writes; it is 0 for a checkpoint that was never written.
    """

    run_id: int
    project_id: int
    cursor: datetime
    floor: datetime
    seen: Mapping[int, datetime] = field(default_factory=dict)
    failing: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    older: Mapping[int, int] = field(default_factory=dict)
    counters: Mapping[int, int] | None = None
    watching: str = ""
    resume: Resume | None = None
    sweep: Resume | None = None
    swept: str = ""
    silent_before: datetime | None = None
    outbox: tuple[Outgoing, ...] = ()
    version: int = 0
    read_at: datetime | None = None
    closed_at: datetime | None = None
    gone_at: datetime | None = None
    rewound: str = ""


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
class Control:
    """What the poller keeps about itself. Times are our clock, or Testmo's where it says so.

    `installed_at` is Testmo's clock at the first discovery ever, `discovered_at` at the last complete one.
    `closed_checked_at` is when, by Testmo's clock, closed runs were last listed regardless of counts. `undone` are
    runs that were due and not read, `unswept` those whose turn for a sweep came meanwhile. `undone_since` says since
    which poll (our clock) a run is left undone or half read. `requests` counts the requests of the last minute by
    epoch second. `statuses` are the ids of the statuses that are watched by name. `watching` is what is watched,
    `watched_at` Testmo's clock at the last poll that watched it, `ceased` the same of what was watched before.
    `projects` were listed at the last complete discovery, `run_ids` is what `RunIds` was then. `hidden` are runs that
    Testmo does not let the token's user see, and since when (our clock). `ended_at` is when the
    last poll was over, however it ended, `pauses` are the latest long times between two polls, `mail` is what the last
    look at the mailboxes found, `troubles` are those whose alarms are on, by their metrics.
    """

    installed_at: datetime | None = None
    polled_at: datetime | None = None
    discovered_at: datetime | None = None
    closed_checked_at: datetime | None = None
    not_before: datetime | None = None
    undone: frozenset[int] = frozenset()
    undone_since: Mapping[int, datetime] = field(default_factory=dict)
    unswept: frozenset[int] = frozenset()
    statuses: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    requests: Mapping[int, int] = field(default_factory=dict)
    watching: str = ""
    watched_at: datetime | None = None
    ceased: Mapping[str, datetime] = field(default_factory=dict)
    projects: frozenset[int] = frozenset()
    run_ids: frozenset[int] = frozenset()
    hidden: Mapping[int, datetime] = field(default_factory=dict)
    ended_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    mail: MailCheck | None = None
    troubles: Mapping[str, Trouble] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CasesPage:
    """One page of a project's cases: names by id, and the newest creation time on it."""

    names: Mapping[int, str]
    newest: datetime | None
    next_page: int | None


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


@dataclass(frozen=True, slots=True)
class Notification:
    """A rendered digest for one destination, ready for one plain SNS publish."""

    id: str
    destination: str
    channel: str
    subject: str
    message: str
    run_id: int
    project_id: int
    statuses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A message attribute as SQS knows it: a name, a type, text or (for Binary) bytes."""

    name: str
    type: str
    value: str | bytes


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A notification that waits in the Slack queue.

    `body` is the exact JSON to post, `text` its text alone. `queue_id` and `handle` are SQS's, `receives` counts
    how often it was received, this time included; `sent_at` is when it was put into the queue. `problem` says in
    words why a message is none of ours. An alarm has no destination of its own; `silent` is the reason, one word, why
    it is acknowledged without being posted.
    """

    queue_id: str
    handle: str
    receives: int
    body: str
    attributes: tuple[Attribute, ...] = ()
    id: str = ""
    destination: str = ""
    run_id: str = ""
    text: str = ""
    sent_at: datetime | None = None
    problem: str | None = None
    is_alarm: bool = False
    silent: str = ""

    @property
    def is_test(self) -> bool:
        """Whether somebody sent it to see whether it arrives (`testmo-notifier send-test`)."""
        return self.id.startswith(TEST_PREFIX)


TEST_PREFIX: Final = "test-"  # of ids; those of real notifications are 32 hexadecimal digits
LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Pace:
    """What we keep per webhook, shared by all invocations; `pacing` says how it is used.

    Nobody posts before `next_slot`. `line_end` is when the last waiting message was told to come back. `failures`
    counts the posts that failed in a row, those that Slack throttled included; one message that fails again and again
    counts once. `failed` are the ids of the messages that failed last, the latest at the end.
    """

    next_slot: datetime = LONG_AGO
    line_end: datetime = LONG_AGO
    failures: int = 0
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Slack took a message: when, and in which form."""

    at: datetime
    text_only: bool
