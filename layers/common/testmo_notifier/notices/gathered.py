"""The new failing results of one run in one poll, page by page, in flat memory. Pure.

However many there are, of each a few numbers are kept, and the whole of the most urgent ones only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from testmo_notifier.model import Expands, Mention, Result
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.matching import Facts
from testmo_notifier.notices.named import MAX_NAMED, Row, most_urgent, rank, status_name
from testmo_notifier.notices.routes import is_for_people
from testmo_notifier.text.notes import short_note

MAX_TOLD: Final = 50_000  # results of one message: what is more is told by the next poll
MAX_KEYS_BYTES: Final = 100_000  # that their ids may take in an item; some 20,000 where they are very far apart

CasesOf = Callable[[Collection[int]], Mapping[int, Facts]]  # what is known of these cases
Status = tuple[int, str]  # a rank and a name: where a result is counted


class Found(NamedTuple):
    """What is kept of every new result: its status, where it is counted, its test, its time, and its routing."""

    status_id: int
    status: Status
    test_key: int
    at: datetime | None
    is_changed: bool
    routing: int
    calls: int


class Gathered:
    """Collects them. `failing` are the tests that were failing before; `cases` looks up what routes ask about cases."""

    def __init__(self, audience: Audience, failing: Collection[int], cases: CasesOf) -> None:
        self._audience, self._failing, self._cases = audience, failing, cases
        self.found: dict[int, Found] = {}
        self._urgent: dict[object, list[Row]] = {}  # by who may be told of it, and why
        self._calls: dict[tuple[object, ...], int] = {}
        self._called: list[Mapping[str, list[Mention]]] = []
        self._least, self._greatest = 0, 0  # of their keys

    @property
    def tests(self) -> frozenset[int]:
        """The tests that they are of."""
        return frozenset(found.test_key for found in self.found.values())

    @property
    def is_full(self) -> bool:
        """Whether the rest has to wait for the next message: what is read must fit the item that it is committed in.

        Sorted, each key is as far from the next one as `gap` on average, and unequal gaps pack better than equal ones.
        Beside it stands, where routes divide, to whom it goes.
        """
        total = len(self.found)
        gap = (self._greatest - self._least) / max(1, total)
        divided = math.log2(len(self._urgent) + 1) / 6 if self._audience.keeps_told else 0
        return total >= MAX_TOLD or total * (1 + math.log2(2 * gap + 2) / 7 + divided) >= MAX_KEYS_BYTES

    def add(self, results: Iterable[Result], expands: Expands) -> None:
        """Add new failing results of one page, with that page's expands.

        A result that comes again, because somebody changed its status while we read, is told once, as it is now.
        """
        by_key = {result.key: result for result in results}
        if not by_key:
            return
        found, new = self.found, list(by_key.values())
        if again := found.keys() & by_key.keys():
            self._take_back(again)
        keys = [*by_key, self._least, self._greatest] if found else [*by_key]
        self._least, self._greatest = min(keys), max(keys)
        asked = {result.case_id for result in new if result.case_id} if self._audience.asks_for_cases else ()
        routings = self._audience.routings_of(new, expands, self._cases(asked) if asked else {})
        ids = {result.status_id for result in new}
        statuses = {one: (rank(one), status_name(one, expands.statuses)) for one in ids}
        failing, calls = self._failing, self._audience.calls
        rows: dict[object, list[Row]] = {}
        for result, routing in zip(new, routings, strict=True):
            status, test, is_changed = result.status_id, result.test_key, result.previous_status_id is not None
            call = self._call(routing, result, expands) if calls else 0
            found[result.key] = Found(status or 0, statuses[status], test, result.created_at, is_changed, routing, call)
            rows.setdefault((routing, is_changed, test in failing), []).append((result, expands))
        for like, some in rows.items():
            pool = [*self._urgent.get(like, ()), *some]
            kept = pool if len(pool) < 2 * MAX_NAMED else most_urgent(pool)
            self._urgent[like] = [with_short_note(row) for row in kept]

    def _take_back(self, keys: Collection[int]) -> None:
        """These come again, in another status."""
        for key in keys:
            del self.found[key]
        for pool in self._urgent.values():
            pool[:] = [row for row in pool if row[0].key not in keys]

    def most_urgent(self, keys: Collection[int]) -> list[Row]:
        """Of these results, the first in the order of the message."""
        return most_urgent(row for pool in self._urgent.values() for row in pool if row[0].key in keys)

    def _call(self, routing: int, result: Result, expands: Expands) -> int:
        """The number of whom the routes of a routing mention about a result: of thousands there are few kinds."""
        key = (routing, result.assignee_id, result.created_by, result.status_id)
        if key not in self._calls:
            self._calls[key] = len(self._called)
            self._called.append(self._audience.mentions(routing, result, expands))
        return self._calls[key]

    def mentions(self, destination: str, routes: Iterable[str], calls: Iterable[int]) -> dict[Mention, None]:
        """Whom routes mention about some results; a program calls nobody."""
        if not is_for_people(destination):
            return {}
        names = frozenset(routes)
        found = [self._called[call].items() for call in sorted(calls)]
        return {mention: None for some in found for name, mentions in some if name in names for mention in mentions}


def with_short_note(row: Row) -> Row:
    """A row whose note takes no more room than is needed."""
    result, expands = row
    note = short_note(result.note)
    return row if note is result.note else (result._replace(note=note), expands)
