"""What templates see: one `message`, and for a line of it one `result`.

The words below a field are its documentation: docs/templates.md is made of them (`make docs`).
"""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Self

from testmo_notifier.lean import dataclass


class Linked(str):
    """Text that leads somewhere: `parts` are pairs of text and address, which is empty where there is none.

    It is text like any other. Printed by a template, its parts are links in the channel's own notation. A part with a
    moment instead of an address is that moment, as the filter `when` shows it.
    """

    __slots__ = ("parts",)
    parts: tuple[tuple[str, str | datetime], ...]

    def __new__(cls, *parts: tuple[str, str | datetime]) -> Self:
        """The text of all parts."""
        linked = super().__new__(cls, "".join(text for text, _ in parts))
        linked.parts = parts
        return linked

    def __getnewargs__(self) -> tuple[tuple[str, str | datetime], ...]:  # type: ignore[override]  # a copy is made of its parts
        return self.parts

    @property
    def url(self) -> str:
        """The first address in it."""
        return next((url for _, url in self.parts if url and isinstance(url, str)), "")


@dataclass(frozen=True, slots=True)
class Count:
    """How many results or tests have one status, like ✖ 3 failed."""

    status: str
    """The status in the instance's own words, like `Failed`."""
    word: str
    """The status inside a sentence, like `failed`; an instance's own statuses keep their spelling."""
    symbol: str
    """✖ for Failed, ⊘ for Blocked, ✔ for Passed, ● for any other."""
    n: int
    """How many, exactly."""


@dataclass(frozen=True, slots=True)
class RunView:
    """The test run that a message is about."""

    id: int
    """Its number in Testmo."""
    name: str
    """Its name, on one line."""
    url: str
    """Its page in Testmo."""
    project: str
    """The name of its project."""
    milestone: str | None = None
    """The name of its milestone, None without one."""
    configuration: str | None = None
    """The name of its configuration, None without one."""
    total: int = 0
    """How many tests it has."""
    done: int = 0
    """How many of them have a final status."""
    pass_rate: int | None = None
    """Passed tests as whole percent of those done, rounded down; None while nothing is done."""
    details: tuple[str, ...] = ()
    """Ready phrases: milestone, configuration, how much is done and passed."""


@dataclass(frozen=True, slots=True)
class TestView:
    """One of the tests that share a line, or in a message about several runs one of the runs that do."""

    name: str
    """The case's name, or its number like `C-120` while the name is not known; the name of a run."""
    url: str
    """The page of the result or the run in Testmo; empty for `21 more runs`."""


@dataclass(frozen=True, slots=True)
class PartView:
    """One run of a message about several; the last one may be all those that have no line, together."""

    name: str
    """Its name, on one line; of those without a line `and 12 more runs`."""
    url: str
    """Its page in Testmo; empty for several."""
    project: str
    """The name of its project, where the message is about several; else empty."""
    counts: tuple[Count, ...]
    """How many new results have which status, exactly."""
    details: tuple[str, ...]
    """Ready phrases: how many tests have passed since, how many passed again, whether it finished, what is
    silenced."""
    symbol: str
    """✔ where nothing is failing, else ✖."""
    others: tuple[TestView, ...] = ()
    """Further runs of which just the same is to be said, each with its page: they share the line."""


@dataclass(frozen=True, slots=True)
class ResultView:
    """One test. Several new results of one test are one line, told by the most urgent of them."""

    name: str
    """The case's name, or its number like `C-120` while the name is not known; of several tests in one line, how many
    and the note that they share, like `12 tests: provider_unreachable`."""
    url: str
    """The result's page in Testmo."""
    status: str
    """Its status in the instance's own words; `Failed, passed since` if its test passed while it was held."""
    symbol: str
    """✖ for Failed, ⊘ for Blocked, ✔ for Passed, ● for any other."""
    who: str
    """Who saved it."""
    at: datetime | None
    """When it was saved, for the filter `when`; None where Testmo does not say."""
    took: str
    """How long the test took, like `4 min`; empty where nobody measured."""
    assignee: str
    """Whom the test is assigned to; empty for nobody."""
    issues: tuple[Linked, ...]
    """The keys of the linked issues. Printed, a key is a link if issues.toml has a pattern for its tracker;
    `issue.url` is the address alone, empty where there is none. Empty where the message is short of room."""
    note: tuple[str, ...]
    """The note as clean text, line by line, shortened; empty without one. Lists keep bullets, numbers and margins,
    a row of a table is one line."""
    rows: int
    """How many of the test's results are new in this message."""
    is_outdated: bool
    """Whether the test was tested again since."""
    details: tuple[str, ...]
    """Ready phrases: `story`, the status it had, how long it took, the assignee, the first linked issues, several
    results, re-tested since. Empty where the message is short of room."""
    reason: str = "new"
    """Why it is told: `new`, `again` (it was failing before), `changed` (it had another status), `recovered`; of a run
    that finished, `finished`; of a result that was held until its test passed, `passed since`."""
    streak: int = 0
    """How many times in a row the test has failed, this one included; of a recovery, how many times it had. 0 where
    that is not known for sure."""
    since: datetime | None = None
    """When the first of these was saved, for the filter `when`; None where that is not known."""
    story: str = ""
    """That in words, like `failed again, 3rd in a row since` and when, or `had passed in between`; empty for what
    failed for the first time, and where the message is short of room."""
    folder: str = ""
    """The folder that the case is in, as far as folders are read: where a route or a silence asks for `folder`, or a
    destination has `fold`, `quiet` or `digest_at`. Empty where it is not known, and for tests of several folders."""
    tests: tuple[TestView, ...] = ()
    """The tests of a line of `message.lines` that several share, as many as there is room for; empty for one test. In a
    message about several runs these are the runs of the line, where not all of its tests can be named."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message: the new failing results of one run in one poll, or what became of them."""

    run: RunView
    """The run. Of a message about several it has their projects as its name, and no page."""
    counts: tuple[Count, ...]
    """How many new results have which status, Failed first, then Blocked, then others."""
    total: int
    """How many new results there are in all, exactly."""
    results: tuple[ResultView, ...]
    """The tests that are named, most urgent first, each by itself."""
    more: int
    """How many results are of tests that are not named; 0 where all are."""
    about: str = "failing"
    """What it is about: `failing`; `recovered` (the results are of tests that passed again); `finished` (the run was
    closed, and the results are of tests still failing); `folded` (several runs at once)."""
    lines: tuple[ResultView, ...] = ()
    """The same tests, those with equal notes as one line."""
    totals: tuple[Count, ...] = ()
    """How many tests of the run have which status, Passed first, then Failed, then Blocked, then others."""
    mentions: tuple[str, ...] = ()
    """Whom the message calls, by name. In Slack the call is made by itself, whatever the templates say."""
    symbol: str = ""
    """✔ for what passed or finished without a failure, else ✖."""
    rest: str = ""
    """A ready phrase of what the `more` are, like `3 failed, 7 blocked`; empty where all have one status."""
    news: str = ""
    """A ready phrase where nothing failed anew: `3 tests passed again`, `Run finished: 93% passed, 7 still failing`, or
    `2 tests failed and have passed since`, joined where several are true; else empty."""
    held: Linked = field(default_factory=Linked)
    """A ready phrase of what was held: `held since` and when, and `3 more tests failed and have passed since`; empty
    for what goes out at once."""
    silenced: Linked = field(default_factory=Linked)
    """A ready phrase of what is not told yet, like `2 silenced by Ada until` and when; else empty."""
    parts: tuple[PartView, ...] = ()
    """Of a message about several runs, each with its counts, those first that have most; else empty."""
    also: tuple[MessageView, ...] = ()
    """What else is told of the run, each like a message of its own, without the tests that are named above: what passed
    again, that it finished. Its templates are those of such a message, and what they write stands below this one's."""
    is_part: bool = False
    """Whether it is one of these: the run and since when it was held are said above."""
    in_runs: str = ""
    """What belongs behind the counts. Of a message about several runs, in how many something is failing, like
    ` in 45 runs`; where several results of a run are of one test, of how many tests, like ` (3 tests)`; else empty."""
