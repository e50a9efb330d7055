"""A digest as templates see it (`context`). Pure.

Everything is ready to print: names are on one line, numbers are counted, several rows of one test are one result.
A template formats these and computes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Final

from testmo_notifier.model import STATUS_NAMES, Digest, NamedResult
from testmo_notifier.notices.context import Count, Linked, MessageView, ResultView, RunView
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.text import clip

SYMBOLS: Final = {3: "✖", 5: "⊘"}  # by id: an instance may call them what it likes
OTHER_SYMBOL: Final = "●"
SHOWN_ISSUES: Final = 3
PERSON_CHARS: Final = 40
NO_LINKS: Final = IssueLinks()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a digest a message shows: results, characters of a name and of a note, links to issues."""

    results: int
    name_chars: int
    note_chars: int
    details: bool = True
    issue_links: bool = True


def message_view(digest: Digest, limits: Limits, links: IssueLinks = NO_LINKS) -> MessageView:
    """A digest as templates see it."""
    links = links if limits.issue_links else NO_LINKS
    lines = one_line_a_test(digest.results)[: limits.results]
    ids = {name: status_id for status_id, name in STATUS_NAMES.items()}
    # Of two statuses that share a name, the most urgent one gives the symbol; it is the first.
    ids |= {result.status: result.status_id for result in reversed(digest.results) if result.status_id is not None}
    return MessageView(
        run=run_view(digest),
        counts=tuple(count(status, ids.get(status, 0), n) for status, n in digest.counts.items()),
        total=digest.total,
        results=tuple(result_view(rows, limits, links) for rows in lines),
        more=digest.total - sum(len(rows) for rows in lines),
    )


def run_view(digest: Digest) -> RunView:
    """The run of a digest."""
    done, total = digest.counters.completed, digest.counters.total
    pass_rate = percent(digest.counters.success, done)
    progress = f"{done} of {total} done" if total else ""
    details = (
        f"milestone {digest.milestone}" if digest.milestone else "",
        digest.configuration or "",
        f"{progress}, {pass_rate} % passed" if progress and pass_rate is not None else progress,
    )
    return RunView(
        id=digest.run_id,
        name=digest.run_name,
        url=digest.run_url,
        project=digest.project_name,
        milestone=digest.milestone,
        configuration=digest.configuration,
        total=total,
        done=done,
        pass_rate=pass_rate,
        details=tuple(filter(None, details)),
    )


def one_line_a_test(results: tuple[NamedResult, ...]) -> list[list[NamedResult]]:
    """The rows of each test together, tests in the order of their most urgent row; rows without a test stay alone."""
    order: dict[object, int] = {}
    for index, result in enumerate(results):
        order.setdefault(test_key(result), index)
    ordered = sorted(results, key=lambda result: order[test_key(result)])
    return [list(rows) for _, rows in groupby(ordered, key=test_key)]


def test_key(result: NamedResult) -> object:
    """What rows of one test have in common."""
    return result.test_id if result.test_id is not None else id(result)


def result_view(rows: list[NamedResult], limits: Limits, links: IssueLinks) -> ResultView:
    """The rows of one test as one line, told by the most urgent of them."""
    result = rows[0]
    took = duration(result.elapsed_us) if result.elapsed_us else ""
    issues = tuple(Linked((issue.display_id, links.url(issue))) for issue in result.issues)
    is_outdated = result.is_latest is False
    details = (
        f"was {result.previous_status}" if result.previous_status else "",
        f"took {took}" if took else "",
        f"assigned to {clip(result.assignee, PERSON_CHARS)}" if result.assignee else "",
        first_of(issues),
        f"{len(rows)} results" if len(rows) > 1 else "",
        "since re-tested" if is_outdated else "",
    )
    return ResultView(
        name=clip(test_name(result), limits.name_chars),
        url=result.url,
        status=result.status,
        symbol=SYMBOLS.get(result.status_id or 0, OTHER_SYMBOL),
        who=clip(result.created_by_name or "somebody", PERSON_CHARS),
        at=result.created_at,
        took=took,
        assignee=result.assignee or "",
        issues=issues if limits.details else (),
        note=tuple(clip(result.note, limits.note_chars).split("\n")) if result.note and limits.note_chars else (),
        rows=len(rows),
        is_outdated=is_outdated,
        details=tuple(filter(None, details)) if limits.details else (),
    )


def first_of(issues: tuple[Linked, ...]) -> Linked:
    """The first few issues as one phrase."""
    others = len(issues) - SHOWN_ISSUES
    parts = [part for issue in issues[:SHOWN_ISSUES] for part in ((", ", ""), *issue.parts)]
    return Linked(*parts[1:], *([(f" and {others} more", "")] if others > 0 else []))


def test_name(result: NamedResult) -> str:
    """The case's name, or its number as Testmo shows it."""
    if result.case_name:
        return result.case_name
    return f"C-{result.case_id}" if result.case_id is not None else "A test without a case"


def count(status: str, status_id: int, n: int) -> Count:
    """A count in words; Testmo's own statuses are plain words, an instance's own keep their spelling."""
    word = status.lower() if status in STATUS_NAMES.values() else status
    return Count(status=status, word=word, symbol=SYMBOLS.get(status_id, OTHER_SYMBOL), n=n)


def percent(part: int, whole: int) -> int | None:
    """Whole percent, rounded down so that 100 means all of them."""
    return part * 100 // whole if whole > 0 else None


def duration(microseconds: int) -> str:
    """`45 s`, `4 min`, `1 h 5 min`; nothing for what is not a duration."""
    seconds = microseconds // 1_000_000
    if seconds <= 0:
        return ""
    minutes, hours = seconds // 60 % 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"
