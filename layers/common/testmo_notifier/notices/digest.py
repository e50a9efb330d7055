"""What one message is about: the new failing results of one run in one poll, for one destination. Pure.

Totals are exact however many there are; details are kept for the most urgent ones only, so that neither the
item that carries them nor a message can grow without bound. One builder serves all destinations of a run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from testmo_notifier.lean import dataclass
from testmo_notifier.model import (
    FAILING,
    REASONS,
    Digest,
    Expands,
    Hold,
    Kind,
    Mention,
    NamedResult,
    Outgoing,
    Passes,
    Result,
    Run,
    Told,
)
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.gathered import CasesOf, Gathered, Status
from testmo_notifier.notices.matching import run_facts
from testmo_notifier.notices.named import (
    LONG_AGO,
    MAX_NAME_CHARS,
    MAX_NAMED,
    MAX_NAMED_BYTES,
    Row,
    fitting,
    named,
    optional_line,
    rank,
)
from testmo_notifier.notices.recipients import Recipients, Tellings
from testmo_notifier.notices.routes import PLAIN, is_for_people, programs
from testmo_notifier.text.shortening import one_line

MAX_MENTIONS: Final = 50  # people and groups that one message may call or name
NOT_ASKED: Final = Passes()


@dataclass(slots=True)
class Share:
    """What one destination is told at one time: keys, how many of which status, by which routes, whom these mention."""

    hold: Hold | None = None
    keys: list[int] = field(default_factory=list)
    counts: Counter[Status] = field(default_factory=Counter)
    reasons: set[str] = field(default_factory=set)
    routes: dict[str, None] = field(default_factory=dict)
    mentions: dict[Mention, None] = field(default_factory=dict)


class DigestBuilder:
    """Collects the new failing results of one run, page by page, in flat memory, and divides them by destination.

    `failing` are the tests that were failing before, and `cases` looks up what routes ask about cases.
    """

    def __init__(
        self,
        testmo_url: str,
        run: Run,
        project_name: str,
        *,
        audience: Audience | None = None,
        failing: Collection[int] = (),
        cases: CasesOf = lambda _: {},
        version: int = 0,
    ) -> None:
        self._run = run
        self._run_url = f"{testmo_url}/runs/view/{run.id}"
        self._project_name = project_name
        self._version = version
        self._cases = cases
        self.audience = audience or Audience(PLAIN, programs(), run_facts(run, project_name))
        self._gathered = Gathered(self.audience, failing, cases)
        self._tellings = Tellings(self.audience, self._gathered.found, failing)
        self.statuses: dict[int, str] = {}  # their names, as far as pages said them

    @property
    def total(self) -> int:
        """How many results there are so far, exactly."""
        return len(self._gathered.found)

    @property
    def tests(self) -> frozenset[int]:
        """The tests that they are of."""
        return self._gathered.tests

    @property
    def is_full(self) -> bool:
        """Whether the rest has to wait for the next message."""
        return self._gathered.is_full

    def add(self, results: Iterable[Result], expands: Expands) -> None:
        """Add new failing results of one page, with that page's expands."""
        self.statuses.update(expands.statuses)
        self._gathered.add(results, expands)

    def judge(self, passes: Passes = NOT_ASKED) -> dict[int, Told]:
        """Ask the routes who is told of each result, and why; gives back what is known of their tests then."""
        return self._tellings.judge(passes)

    def outgoing(self) -> tuple[Outgoing, ...]:
        """A digest for each destination that is told of anything, with its notification's id, once they are judged."""
        shares = self._shares()
        room = MAX_NAMED_BYTES // len({id(share.keys) for share in shares.values()}) if shares else 0
        known: dict[int, tuple[Digest, str]] = {}
        made: list[Outgoing] = []
        for (destination, _), share in shares.items():
            digest, lines = known.get(id(share.keys)) or (
                self._digest(share, destination, room),
                self._lines(share.keys),
            )
            known[id(share.keys)] = digest, lines
            told = replace(digest, routes=tuple(share.routes), mentions=tuple(share.mentions)[:MAX_MENTIONS])
            made.append(Outgoing(self.notification_id(destination, lines), destination, told, hold=share.hold))
        return tuple(made)

    def with_rows(self, outgoing: Outgoing) -> Outgoing:
        """A digest of failing results with every one of them, for those that are held: only there are they needed."""
        destination, routes, kinds = outgoing.destination, outgoing.digest.routes, dict[Kind, int]()
        numbers: dict[tuple[object, ...], int] = {}
        rows: dict[int, tuple[int, int]] = {}
        for key in outgoing.digest.keys:
            found = self._gathered.found[key]
            telling, people = self._tellings.telling(found, destination, routes), self._tellings.people(found)
            like = (found.status_id, found.status, telling.reason, telling.routes, found.calls, people)
            if like not in numbers:
                calls = [found.calls] if self.audience.calls else []
                mentions = tuple(self._gathered.mentions(destination, telling.routes, calls))[:MAX_MENTIONS]
                also = tuple(sorted(people - {destination}))
                kind = Kind(FAILING, found.status_id, found.status[1], telling.reason, telling.routes, mentions, also)
                numbers[like] = kinds.setdefault(kind, len(kinds))
            rows[key] = (found.test_key, numbers[like])
        return replace(outgoing, rows=rows, kinds=tuple(kinds))

    def build(self) -> Digest:
        """The digest of everything added so far, for nobody in particular."""
        return self._digest(self._everything(), "", MAX_NAMED_BYTES)

    def other(
        self,
        about: str,
        results: Sequence[NamedResult],
        *,
        counts: Mapping[str, int],
        keys: frozenset[int] = frozenset(),
        shared_by: int = 1,
    ) -> Digest:
        """A digest that is about something else: how many tests of which status, and some of their results by name.

        It shares its room with so many others, and with those of new failing results.
        """
        room = MAX_NAMED_BYTES // (2 * shared_by)
        newest_first = sorted(results, key=lambda one: one.created_at or LONG_AGO, reverse=True)
        fit = tuple(fitting(sorted(newest_first, key=lambda one: rank(one.status_id))[:MAX_NAMED], room))
        total = sum(counts.values())
        nothing = self._digest(Share(), "", room)
        return replace(
            nothing, about=about, results=fit, counts=counts, total=total, omitted=total - len(fit), keys=keys
        )

    def other_outgoing(self, destination: str, digest: Digest, *, when: str = "") -> Outgoing:
        """Such a digest for one destination, with an id like that of the others: a hash of what is told to whom."""
        keys = map(str, sorted(digest.keys))
        parts = [digest.about, destination, str(self._run.id), when, *keys, str(self._version)]
        routes = self.audience.leading(digest.about, destination)
        hold = self.audience.silence_of_run or self.audience.holding.hold(destination)
        return Outgoing(hash_of(parts), destination, replace(digest, routes=routes), hold=hold)

    def name(self, result: Result, expands: Expands) -> NamedResult:
        """One result as messages tell it."""
        return named(result, expands, self._run_url)

    def for_recovered(self, result: Result, told: Told) -> tuple[frozenset[str], frozenset[str]]:
        """Who is told that a test passed again, and where else a failure of it may be held."""
        cases = self._cases({result.case_id}) if self.audience.asks_for_cases and result.case_id else {}
        asked = self.audience.for_recovered(cases.get(result.case_id or 0, {}), told)
        return asked, self.audience.held_at(told) - asked

    def notification_id(self, destination: str, lines: str) -> str:
        """A hash of destination, run, each result's id and status, and the version of the checkpoint it is read from.

        An id is told once. A result that was Failed, then Blocked, then Failed again is news each time, and so is
        one that somebody rewound: without the version, which every commit raises, the last message would be taken for
        delivered.
        """
        return hash_of([destination, str(self._run.id), lines, str(self._version)])

    def _lines(self, keys: Iterable[int]) -> str:
        """What identifies some results, which several destinations may share: thousands of lines are made once."""
        found = self._gathered.found
        return "\n".join([f"{key}:{found[key].status_id}" for key in sorted(keys)])

    def _everything(self) -> Share:
        found = self._gathered.found.values()
        return Share(
            keys=list(self._gathered.found),
            counts=Counter(one.status for one in found),
            reasons=self._tellings.reasons(),
        )

    def _shares(self) -> dict[tuple[str, str], Share]:
        """What each destination is told, for each of what holds it back, in the order of the routes."""
        if not self._gathered.found:
            return {}
        if not self.audience.keeps_told:
            return {(one, ""): share for one, share in self._all_to_all()}
        kinds: dict[tuple[int, Status, int], list[int]] = {}  # of thousands of results there are few
        recipients: dict[int, Recipients] = {}
        for key, found in self._gathered.found.items():
            told = self._tellings.recipients(found)
            recipients[id(told)] = told
            kinds.setdefault((id(told), found.status, found.calls), []).append(key)
        shares: dict[tuple[str, str], Share] = {}
        heard: dict[tuple[str, str], list[tuple[object, str]]] = {}
        for (number, status, call), keys in kinds.items():
            for telling in recipients[number].tellings:
                to = (telling.destination, telling.hold.cause if telling.hold else "")
                share = shares.setdefault(to, Share(telling.hold))
                heard.setdefault(to, []).append(((number, status, call), telling.reason))
                share.keys += keys
                share.counts[status] += len(keys)
                share.reasons.add(telling.reason)
                share.routes |= dict.fromkeys(telling.routes)
                if self.audience.calls:
                    share.mentions |= self._gathered.mentions(telling.destination, telling.routes, [call])
        # Who is told the same for the same reasons shares it: there is room for more of it by name.
        alike: dict[tuple[tuple[object, str], ...], list[int]] = {}
        for to, share in shares.items():
            share.keys = alike.setdefault(tuple(heard[to]), share.keys)
        order = {name: number for number, name in enumerate(self.audience.destinations)}
        return dict(sorted(shares.items(), key=lambda pair: (order[pair[0][0]], pair[0][1])))

    def _all_to_all(self) -> Iterator[tuple[str, Share]]:
        """Where no route asks for anything: everything, for each destination."""
        all_of_it = self._everything()
        calls = {found.calls for found in self._gathered.found.values()} if self.audience.calls else set()
        for one in self.audience.told_all:
            routes = self.audience.routes.routes
            leading = dict.fromkeys(r.name for r in routes if one in r.destinations or not is_for_people(one))
            yield one, replace(all_of_it, routes=leading, mentions=self._gathered.mentions(one, leading, calls))

    def _digest(self, share: Share, destination: str, room: int) -> Digest:
        """A digest of some of the results."""
        keys = frozenset(share.keys)
        rows = self._gathered.most_urgent(keys)
        results = fitting([self._named(row, destination) for row in rows], room)
        return Digest(
            run_id=self._run.id,
            run_name=one_line(self._run.name, MAX_NAME_CHARS) or f"Run {self._run.id}",
            run_url=self._run_url,
            project_id=self._run.project_id,
            project_name=one_line(self._project_name, MAX_NAME_CHARS) or f"Project {self._run.project_id}",
            milestone=optional_line(self._run.milestone, MAX_NAME_CHARS),
            configuration=optional_line(self._run.configuration, MAX_NAME_CHARS),
            counters=self._run.counters,
            total=len(keys),
            omitted=len(keys) - len(results),
            counts=counts_in_order(share.counts),
            results=tuple(results),
            keys=keys,
            reasons=tuple(reason for reason in REASONS if reason in share.reasons),
        )

    def _named(self, row: Row, destination: str) -> NamedResult:
        """One result as one destination is told it."""
        result, expands = row
        found = self._gathered.found[result.key]
        reason = self._tellings.telling(found, destination).reason
        judgement = self._tellings.judged.get(found.test_key)
        streak, since = (judgement.streak, judgement.since) if judgement else (0, None)
        return named(result, expands, self._run_url, reason=reason, streak=streak, since=since)


def hash_of(parts: Iterable[str]) -> str:
    """An id of 32 hexadecimal digits."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def counts_in_order(counts: Mapping[Status, int]) -> dict[str, int]:
    """Counts by status name, in the order of the message; statuses that share a name share a number."""
    ordered: dict[str, int] = {}
    for (_, status), n in sorted(counts.items()):
        if n:
            ordered[status] = ordered.get(status, 0) + n
    return ordered
