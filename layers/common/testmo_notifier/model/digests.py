"""What one message is about, and what becomes of it. Notes are clean text here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Final

from testmo_notifier.lean import dataclass
from testmo_notifier.model.testmo import Counters, Issue

REASONS: Final = ("new", "again", "changed", "recovered", "finished")  # why something is told
NEW, AGAIN, CHANGED, RECOVERED, FINISHED = REASONS
FAILING: Final = "failing"  # what a digest is about that holds the first three
FOLDED: Final = "folded"  # what it is about if it is about several runs
PASSED_SINCE: Final = "passed since"  # the reason of a result that was held, and whose test has passed since
PASSED_BETWEEN: Final = "passed in between"  # the same, where it has passed and failed again
MAX_TOGETHER: Final = 10  # notifications that SNS takes in one call, see PublishBatch in its reference


@dataclass(frozen=True, slots=True)
class NamedResult:
    """What a digest says of one result: names instead of ids where they are known, the note as text.

    `previous_status` is set when the result was announced before and somebody changed its status since. `reason` says
    why it is told (one of `REASONS`; empty where an older version wrote it). `streak` counts the failures in a row of
    its test, this one included, 0 where that is not known for sure, and `since` is when the first of these was saved.
    Of a recovery, the row is the passing one, and the two tell what is over. `folder` is the one that the case is in,
    where folders are read at all.
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
    reason: str = ""
    streak: int = 0
    since: datetime | None = None
    folder_id: int | None = None
    folder: str | None = None


def plain(result: NamedResult) -> dict[str, object]:
    """What `asdict` gives, without a deep copy of what nobody can change; no folder where none is known."""
    fields = {name: getattr(result, name) for name in NamedResult.__slots__}
    for name in ("folder_id", "folder") if result.folder_id is None else ():
        del fields[name]
    return fields | {
        "issues": tuple({name: getattr(issue, name) for name in Issue.__slots__} for issue in result.issues)
    }


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody to be called: a Testmo user by id or name, or a group of people.toml by its name."""

    name: str
    id: int | None = None
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class Silenced:
    """What is not told yet because somebody silenced it: how many results, who did, and until when."""

    n: int
    author: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Tests of one run by how they are: failing, with this status; without one, they passed."""

    status_id: int
    status: str
    tests: frozenset[int]


@dataclass(frozen=True, slots=True)
class Digest:
    """What one message is about: the new failing results of one run in one poll.

    `about` says whether it is that (`FAILING`), or which tests passed again (`RECOVERED`: they are the `results`), or
    that the run was closed (`FINISHED`: `results` are tests still failing, `total` says how many of these there are),
    or several runs (`FOLDED`: `parts` has a digest for each, and the run's own fields are empty). About one run,
    `parts` are what else is told of that, in this order: what passed again, that it is over; their keys are among its
    own.

    `total` and `counts` (status name to number, in the order of the message) are exact; `results` is
    capped, most urgent first, and `omitted` says how many it leaves out. `keys` are all its results, those left out
    included; empty in an outbox that an older version wrote. So are `reasons`, for which any of its results is told.

    What was held tells more: it was held since `held_since`, and `passed_since` tests of it failed and passed
    meanwhile (of those in `results` the reason is `PASSED_SINCE`, and `total` and `counts` leave them out).
    `silenced` is what is kept back of this run. Of one of several runs `standings` are the tests
    that are told of, whether or not they are named, and `order` is that of what was found last in that run.

    One that `is_silent` nobody is to hear of: it only changes what a destination shows of the run, and it is no part of
    what was told. It takes recoveries out (`keys` are their tests then), or it is a part that was told with others.
    docs/state.md has every field.
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
    about: str = FAILING
    routes: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    reasons: tuple[str, ...] = ()
    held_since: datetime | None = None
    passed_since: int = 0
    parts: tuple[Digest, ...] = ()
    silenced: tuple[Silenced, ...] = ()
    is_silent: bool = False
    standings: tuple[Standing, ...] = ()
    order: int = 0
    status_names: tuple[tuple[int, str], ...] = ()

    @property
    def by_run(self) -> tuple[Digest, ...]:
        """A digest for each run that it is about."""
        return self.parts if self.about == FOLDED else (self,)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why something is told later, see `model/held.py`, and when, by our clock."""

    cause: str
    due: datetime


@dataclass(frozen=True, slots=True)
class Kind:
    """What many results of a digest have in common, so that each takes few bytes.

    `routes` are the names of those by which they go; a recovery without any is told nobody, it only takes out of what
    is held what passed. `also` are other destinations that are told of the same failures, or recoveries.
    """

    about: str
    status_id: int
    status: str
    reason: str
    routes: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A digest that is still to be handed over to one destination. The id is fixed at commit.

    Where it may be held, `hold` says why, and `rows` and `kinds` are all its results, see `Held`. None of the three is
    stored with it.
    """

    id: str
    destination: str
    digest: Digest
    rows: Mapping[int, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)
    kinds: tuple[Kind, ...] = field(default=(), compare=False, repr=False)
    hold: Hold | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was published of one run: the keys of the results, and the notification's id for each destination."""

    run_id: int
    at: datetime
    keys: frozenset[int]
    notifications: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Notification:
    """A rendered digest for one destination, ready for SNS.

    `aside` is what the channel's transport is told beside the message, for destinations with a state; empty for a
    channel that has none. Of two messages about a run the later one has the higher `order`.
    """

    id: str
    destination: str
    channel: str
    subject: str
    message: str
    run_id: int
    project_id: int
    statuses: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    aside: Mapping[str, object] = field(default_factory=dict, repr=False, hash=False)
    order: int = field(default=0, repr=False)

    @property
    def only_shows(self) -> bool:
        """Whether nobody is to hear of it, as `QueuedMessage.only_shows` finds it there."""
        return bool(self.aside.get("silent"))
