"""What templates see: one `message`, and for a line of it one `result`.

The words below a field are its documentation: docs/templates.md is made of them (`make docs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self


class Linked(str):
    """Text that leads somewhere: `parts` are pairs of text and address, which is empty where there is none.

    It is text like any other. Printed by a template, its parts are links in the channel's own notation.
    """

    __slots__ = ("parts",)
    parts: tuple[tuple[str, str], ...]

    def __new__(cls, *parts: tuple[str, str]) -> Self:
        """The text of all parts."""
        linked = super().__new__(cls, "".join(text for text, _ in parts))
        linked.parts = parts
        return linked

    def __getnewargs__(self) -> tuple[tuple[str, str], ...]:  # type: ignore[override]  # a copy is made of its parts
        return self.parts

    @property
    def url(self) -> str:
        """The first address in it."""
        return next((url for _, url in self.parts if url), "")


@dataclass(frozen=True, slots=True)
class Count:
    """How many new results have one status, like ✖ 3 failed."""

    status: str
    """The status in the instance's own words, like `Failed`."""
    word: str
    """The status inside a sentence, like `failed`; an instance's own statuses keep their spelling."""
    symbol: str
    """✖ for Failed, ⊘ for Blocked, ● for any other."""
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
    milestone: str | None
    """The name of its milestone, None without one."""
    configuration: str | None
    """The name of its configuration, None without one."""
    total: int
    """How many tests it has."""
    done: int
    """How many of them have a final status."""
    pass_rate: int | None
    """Passed tests as whole percent of those done, rounded down; None while nothing is done."""
    details: tuple[str, ...]
    """Ready phrases: milestone, configuration, how much is done and passed."""


@dataclass(frozen=True, slots=True)
class ResultView:
    """One failing test. Several new results of one test are one line, told by the most urgent of them."""

    name: str
    """The case's name, or its number like `C-120` while the name is not known."""
    url: str
    """The result's page in Testmo."""
    status: str
    """Its status in the instance's own words."""
    symbol: str
    """✖ for Failed, ⊘ for Blocked, ● for any other."""
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
    """Ready phrases: how long it took, the assignee, the first linked issues, several results, re-tested since.
    Empty where the message is short of room."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message: the new failing results of one run in one poll."""

    run: RunView
    """The run."""
    counts: tuple[Count, ...]
    """How many new results have which status, Failed first, then Blocked, then others."""
    total: int
    """How many new results there are in all, exactly."""
    results: tuple[ResultView, ...]
    """The tests that are named, most urgent first."""
    more: int
    """How many new results no line shows; 0 where all are named."""
