"""What one message is about: the new failing results of one run in one poll, ordered, counted and capped. Pure.

Totals are exact however many there are; details are kept for the most urgent ones only, so that neither the
item that carries them nor a message can grow without bound.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from testmo_notifier.model import STATUS_NAMES, Digest, Expands, Issue, NamedResult, Result, Run, plain
from testmo_notifier.notices.text import note_text, one_line, short_note

MAX_TOLD: Final = 50_000  # results of one message: what is more is told by the next poll
MAX_KEYS_BYTES: Final = 100_000  # that their ids may take in an item; some 20,000 where they are very far apart
MAX_NAMED: Final = 50
MIN_NAMED: Final = 20  # as many are named in every message, however long their texts
MAX_NAMED_BYTES: Final = 90_000  # of details beyond those; an item ends at 400 KB, an SNS message at 256 KB
MAX_NAME_CHARS: Final = 200
MAX_NOTE_CHARS: Final = 500
MAX_PERSON_CHARS: Final = 80
MAX_ISSUES: Final = 10
MAX_ISSUE_CHARS: Final = 40
MAX_PROJECT_KEY_CHARS: Final = 60
MAX_STATUS_CHARS: Final = 40
FAILED: Final = 3
BLOCKED: Final = 5
RANKS: Final[Mapping[int | None, int]] = {FAILED: 0, BLOCKED: 1, None: 100}
LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)

Told = tuple[Result, Expands]  # a result with what its page said of people, issues and statuses


class DigestBuilder:
    """Collects the new failing results of one run, page by page, in flat memory."""

    def __init__(self, testmo_url: str, run: Run, project_name: str, *, version: int = 0) -> None:
        self._url = testmo_url
        self._run = run
        self._project_name = project_name
        self._version = version
        self._urgent: list[Told] = []
        self._counts: Counter[tuple[int, str]] = Counter()
        self._ids: dict[int, tuple[int, tuple[int, str]]] = {}  # a result's status, and where that is counted
        self._least, self._greatest = 0, 0  # of their keys
        self._told = ""  # all of these as text, once it was asked for

    @property
    def total(self) -> int:
        """How many results there are so far, exactly."""
        return len(self._ids)

    @property
    def is_full(self) -> bool:
        """Whether the rest has to wait for the next message: what is read must fit the item that it is committed in.

        Sorted, each key is as far from the next one as `gap` on average, and unequal gaps pack better than equal ones.
        """
        gap = (self._greatest - self._least) / max(1, self.total)
        return self.total >= MAX_TOLD or self.total * (1 + math.log2(2 * gap + 2) / 7) >= MAX_KEYS_BYTES

    def add(self, results: Iterable[Result], expands: Expands) -> None:
        """Add new failing results of one page, with that page's expands.

        A result that comes again, because somebody changed its status while we read, is told once, as it is now.
        """
        self._told = ""
        ranked: dict[int | None, tuple[int, str]] = {}
        for result in results:
            status = ranked.get(result.status_id)
            if status is None:
                status = (rank(result.status_id), status_name(result.status_id, expands.statuses))
                ranked[result.status_id] = status
            if result.key in self._ids:
                self._counts[self._ids[result.key][1]] -= 1
                self._urgent = [told for told in self._urgent if told[0].key != result.key]
            elif self._ids:
                self._least, self._greatest = min(self._least, result.key), max(self._greatest, result.key)
            else:
                self._least = self._greatest = result.key
            self._counts[status] += 1
            self._ids[result.key] = (result.status_id or 0, status)
            note = short_note(result.note)
            self._urgent.append((result if note is result.note else result._replace(note=note), expands))
            if len(self._urgent) >= 2 * MAX_NAMED:
                self._urgent = most_urgent(self._urgent)

    def notification_id(self, destination: str) -> str:
        """A hash of destination, run, each result's id and status, and the version of the checkpoint it is read from.

        An id is told once. A result that was Failed, then Blocked, then Failed again is news each time, and so is
        one that somebody rewound: without the version, which every commit raises, the last message would be taken for
        delivered.
        """
        self._told = self._told or "\n".join(f"{key}:{status}" for key, (status, _) in sorted(self._ids.items()))
        parts = [destination, str(self._run.id), *([self._told] if self._told else []), str(self._version)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def build(self) -> Digest:
        """The digest of everything added so far."""
        results = fitting([self._name(result, expands) for result, expands in most_urgent(self._urgent)])
        return Digest(
            run_id=self._run.id,
            run_name=one_line(self._run.name, MAX_NAME_CHARS) or f"Run {self._run.id}",
            run_url=f"{self._url}/runs/view/{self._run.id}",
            project_id=self._run.project_id,
            project_name=one_line(self._project_name, MAX_NAME_CHARS) or f"Project {self._run.project_id}",
            milestone=optional_line(self._run.milestone, MAX_NAME_CHARS),
            configuration=optional_line(self._run.configuration, MAX_NAME_CHARS),
            counters=self._run.counters,
            total=self.total,
            omitted=self.total - len(results),
            counts=counts_in_order(self._counts),
            results=tuple(results),
            keys=frozenset(self._ids),
        )

    def _name(self, result: Result, expands: Expands) -> NamedResult:
        issues = [
            expands.issues.get(issue) or Issue(issue, f"issue {issue}") for issue in result.issue_ids[:MAX_ISSUES]
        ]
        return NamedResult(
            id=result.id,
            test_id=result.test_id,
            case_id=result.case_id,
            case_name=None,
            status_id=result.status_id,
            status=status_name(result.status_id, expands.statuses),
            is_latest=result.is_latest,
            created_at=result.created_at,
            created_by=result.created_by,
            created_by_name=person(result.created_by, expands.users),
            updated_at=result.updated_at,
            updated_by=result.updated_by,
            updated_by_name=person(result.updated_by, expands.users),
            assignee_id=result.assignee_id,
            assignee=person(result.assignee_id, expands.users),
            elapsed_us=result.elapsed_us,
            issues=tuple(short_issue(issue) for issue in issues),
            note=note_text(result.note, MAX_NOTE_CHARS),
            previous_status=None
            if result.previous_status_id is None
            else status_name(result.previous_status_id, expands.statuses),
            url=f"{self._url}/runs/view/{self._run.id}"
            + (f"?test_id={result.test_id}" if result.test_id is not None else ""),
        )


def short_issue(issue: Issue) -> Issue:
    """An issue whose texts are harmless and short."""
    project_key = optional_line(issue.external_project_key, MAX_PROJECT_KEY_CHARS)
    display_id = one_line(issue.display_id, MAX_ISSUE_CHARS) or f"issue {issue.id}"
    return replace(issue, display_id=display_id, external_project_key=project_key)


def rank(status_id: int | None) -> int:
    """Failed before Blocked before an instance's own statuses before unknown ones."""
    return RANKS.get(status_id, status_id or 100)


def counts_in_order(counts: Mapping[tuple[int, str], int]) -> dict[str, int]:
    """Counts by status name, in the order of the message; statuses that share a name share a number."""
    ordered: dict[str, int] = {}
    for (_, status), n in sorted(counts.items()):
        if n:
            ordered[status] = ordered.get(status, 0) + n
    return ordered


def most_urgent(told: Iterable[Told]) -> list[Told]:
    """The first `MAX_NAMED` in the order of the message: by status, then newest first."""
    newest_first = sorted(told, key=lambda pair: (pair[0].created_at or LONG_AGO, pair[0].id or 0), reverse=True)
    return sorted(newest_first, key=lambda pair: rank(pair[0].status_id))[:MAX_NAMED]


def fitting(results: list[NamedResult]) -> list[NamedResult]:
    """As many as their texts leave room for, `MIN_NAMED` at least."""
    room = MAX_NAMED_BYTES
    for index, result in enumerate(results):
        room -= len(repr(plain(result)).encode())
        if room < 0 and index >= MIN_NAMED:
            return results[:index]
    return results


def status_name(status_id: int | None, names: Mapping[int, str]) -> str:
    """A status in the instance's own words, else in Testmo's, else by its number."""
    if status_id is None:
        return "Unknown status"
    name = names.get(status_id) or STATUS_NAMES.get(status_id) or f"Status {status_id}"
    return one_line(name, MAX_STATUS_CHARS) or f"Status {status_id}"


def person(user_id: int | None, users: Mapping[int, str]) -> str | None:
    """A person by name, or by number where the expands lack them (deleted, anonymised)."""
    if user_id is None:
        return None
    return one_line(users.get(user_id, ""), MAX_PERSON_CHARS) or f"user {user_id}"


def optional_line(text: str | None, limit: int) -> str | None:
    """A line that may be absent."""
    return (one_line(text, limit) or None) if text else None
