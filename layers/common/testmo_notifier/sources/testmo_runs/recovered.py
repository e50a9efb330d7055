"""Which tests that were told as failing are well again: every latest result of theirs is a pass.

A pass that was read says no more than that it is worth a look: of a case with steps others may still be failing, and
an edit, a re-test or a deletion may have come since. So before a recovery is told, the latest results of the whole run
are looked at, whatever their status. A look may go on over several polls.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier import model
from testmo_notifier.lean import dataclass
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.named import MAX_NAMED, status_name
from testmo_notifier.notices.routes import EVENT_NEWS
from testmo_notifier.sources.testmo_runs.paging import NEWEST_FIRST, SORT
from testmo_notifier.sources.testmo_runs.passes import RunQuestions

LOOK_AFTER: Final = timedelta(hours=1)  # without news from counters, edits to a pass are looked for so often
MAX_RECOVERED: Final = 25_000  # in one write, in which news of failures may need as much room: the rest is told next
MAX_KEPT_NAMES: Final = 300  # of a look that goes on in the next poll
FROM_THE_NEWEST: Final = model.Resume(bound=None, page=1, total=None)


@dataclass(frozen=True, slots=True)
class LookEnd:
    """What came of a look: the checkpoint that follows, what is told of it, and what Testmo did wrong, in words."""

    checkpoint: model.Checkpoint
    outbox: tuple[model.Outgoing, ...] = ()
    problem: str | None = None


def awaited(told: Mapping[int, model.Told], audience: Audience) -> frozenset[int]:
    """The tests whose recovery matters: somebody asks for it who was told that they fail.

    Or what fails next is told as new or not at all.
    """
    if audience.tells_new_apart:
        return frozenset(test for test in told if test >= 0)
    destinations = audience.for_recoveries
    if not destinations:
        return frozenset()
    anyone = EVENT_NEWS in destinations
    return frozenset(
        test
        for test, one in told.items()
        if test >= 0 and (anyone or one.destinations & destinations or audience.held_at(one))
    )


def is_due(passing: model.Passing, tests: Collection[int], *, short_by: int, began_at: datetime) -> bool:
    """Whether to look at the latest results of a run. `short_by`: so many tests fewer are failing than are known."""
    if not tests:
        return False
    if passing.due:
        return True  # a pass of one of them was read, or a sweep did not find it any more
    if short_by > passing.short_by:
        return True  # an edit that no read can see
    return passing.looked_at is None or began_at - passing.looked_at >= LOOK_AFTER


def look_for_recoveries(pages: RunQuestions, after: model.Checkpoint, news: DigestBuilder) -> LookEnd:
    """Look at the latest results of a run, if a look is due, or goes on.

    `after` is the checkpoint as the failing results and the passes leave it.
    """
    passing, began_at = after.passing, after.read_at
    if passing is None or began_at is None:
        return LookEnd(after)
    tests = awaited(after.told, news.audience)
    counters = pages.run.counters.by_status
    short_by = max(0, len(after.failing) - sum(counters.get(status, 0) for status in pages.watch.status_ids))
    was_first = passing.look_first
    passing = replace(passing, due=passing.due & tests, short_by=min(passing.short_by, short_by), look_first=False)
    look = passing.look
    if look is None and not is_due(passing, tests, short_by=short_by, began_at=began_at):
        return LookEnd(replace(after, passing=passing))
    begin = replace(look, tests=look.tests & tests) if look else model.Look(FROM_THE_NEWEST, tests)
    search = Search(begin, after.told, news, pages.follow_up.statuses)
    query = model.ResultsQuery(sort=SORT, order=NEWEST_FIRST, get_latest_result=True)
    paged = pages.go_through(begin.resume, query, search.handle)
    later = passing.due if look else frozenset[int]()  # what passed since the look began takes another one
    if paged.resume is not None:
        # Passes and looks take turns, so that neither of the two keeps the other waiting for ever.
        passing = replace(passing, look_first=not was_first)
        if paged.began_at is not None:  # at least one page came
            passing = replace(passing, look=search.so_far(paged.resume), due=later)
        return LookEnd(replace(after, passing=passing), problem=paged.problem)
    recovered, gone = search.recovered(), search.nowhere() - after.failing.keys()
    passing = replace(
        passing,
        look=search.rest(recovered),
        due=later - recovered.keys(),
        looked_at=paged.began_at or began_at,
        short_by=max(0, short_by - len(recovered)),
    )
    told = {test: one for test, one in after.told.items() if test not in recovered and test not in gone}
    following = without(replace(after, told=told, passing=passing), recovered, told=search.is_told)
    return LookEnd(following, search.outbox(recovered))


def without(
    checkpoint: model.Checkpoint, tests: Mapping[int, tuple[int, int]], *, told: Callable[[int], bool]
) -> model.Checkpoint:
    """A checkpoint in which these tests are not failing any more.

    If it is `told` that they are well, a result of theirs that comes back is news, edited or not.
    """
    superseded = dict(checkpoint.superseded)
    failing = dict(checkpoint.failing)
    for test, (_, group) in tests.items():
        if test in failing:
            key, status = failing.pop(test)
            superseded[key] = model.Superseded(status, gone=True, recovered=told(group))
    return replace(checkpoint, failing=failing, superseded=superseded)


class Search:
    """One look: which tests can still turn out to be well, and what is to be told of them."""

    def __init__(
        self, look: model.Look, told: Mapping[int, model.Told], news: DigestBuilder, statuses: Collection[int]
    ) -> None:
        self._told = told
        self._news = news
        self._statuses = statuses
        self._tests = set(look.tests)
        self._groups = list(look.groups)
        self._last_page = look.resume.page
        self.passed = {test: one for test, one in look.passed.items() if test in self._tests}

    def handle(self, page: model.ResultsPage) -> None:
        """One page of latest results, of any status."""
        self._last_page = max(self._last_page, page.next_page or 1)
        for result in page.results:
            test = result.test_key
            if test not in self._tests or result.is_deleted or result.is_latest is False:
                continue
            if result.status_id not in self._statuses:
                self._tests.discard(test)
                self.passed.pop(test, None)
            elif test not in self.passed:
                self.passed[test] = (result.key, self._group(result, page.expands))

    def so_far(self, resume: model.Resume) -> model.Look:
        """What the next poll goes on with: of those that are told by name, no more than an item has room for."""
        each = max(1, MAX_KEPT_NAMES // max(1, len(self._groups)))
        groups = tuple(
            replace(group, named=tuple(replace(one, note="", issues=()) for one in group.named[:each]))
            for group in self._groups
        )
        return model.Look(resume, frozenset(self._tests), self.passed, groups)

    def nowhere(self) -> frozenset[int]:
        """The tests of which there is no result any more."""
        return frozenset(self._tests - self.passed.keys())

    def recovered(self) -> dict[int, tuple[int, int]]:
        """The tests that are well, at its end: as many as one write has room for, those first that are named."""
        if len(self.passed) <= MAX_RECOVERED:
            return self.passed
        named = {one.test_id for group in self._groups for one in group.named}
        order = sorted(self.passed, key=lambda test: (test not in named, test))
        return {test: self.passed[test] for test in order[:MAX_RECOVERED]}

    def rest(self, told: Collection[int]) -> model.Look | None:
        """What is told by the next reading, because this one has no room for it: a look that is nearly at its end."""
        self._tests = {test for test in self.passed if test not in told}
        self.passed = {test: self.passed[test] for test in self._tests}
        return self.so_far(model.Resume(None, self._last_page, None)) if self._tests else None

    def outbox(self, recovered: Mapping[int, tuple[int, int]]) -> tuple[model.Outgoing, ...]:
        """A digest for each destination that is told; those that are told the same share it."""
        keys: dict[int, set[int]] = {}
        for key, number in recovered.values():
            keys.setdefault(number, set()).add(key)
        groups = {number: self._groups[number] for number in sorted(keys)}
        tellings: dict[str, tuple[int, ...]] = {}
        for number, group in groups.items():
            for destination in group.destinations | group.held_at:
                tellings[destination] = (*tellings.get(destination, ()), number)
        digests = {}
        for numbers in set(tellings.values()):
            counts: dict[str, int] = {}
            for number in numbers:
                counts[groups[number].status] = counts.get(groups[number].status, 0) + len(keys[number])
            digests[numbers] = self._news.other(
                model.RECOVERED,
                [self._said(one) for number in numbers for one in groups[number].named if one.test_id in recovered],
                keys=frozenset().union(*(keys[number] for number in numbers)),
                counts=counts,
                shared_by=len(set(tellings.values())),
            )
        return tuple(
            replace(
                self._news.other_outgoing(one, digests[numbers]),
                rows={
                    key: (test, numbers.index(group)) for test, (key, group) in recovered.items() if group in numbers
                },
                kinds=tuple(self._kind(groups[number], one) for number in numbers),
            )
            for one, numbers in sorted(tellings.items())
        )

    def _kind(self, group: model.RecoveryGroup, destination: str) -> model.Kind:
        """What the recoveries of a group have in common, at a destination; without routes nobody is told there."""
        is_told = destination in group.destinations
        routes = self._news.audience.leading(model.RECOVERED, destination) if is_told else ()
        others = tuple(sorted(group.destinations - {destination})) if is_told else ()
        return model.Kind(model.RECOVERED, 0, group.status, model.RECOVERED, routes, also=others)

    def _said(self, named: model.NamedResult) -> model.NamedResult:
        """A pass, with what is over."""
        told = self._told[named.test_id or 0]
        return replace(named, reason=model.RECOVERED, streak=told.streak, since=told.since)

    def is_told(self, group: int) -> bool:
        """Whether anybody is told of the recoveries of this group."""
        return bool(self._groups[group].destinations or self._groups[group].held_at)

    def _group(self, result: model.Result, expands: model.Expands) -> int:
        """The number of the group that a recovery is in: of those that are told alike, or of those that nobody is."""
        destinations, held_at = self._news.for_recovered(result, self._told[result.test_key])
        status = status_name(result.status_id, expands.statuses)
        known = [(group.destinations, group.status, group.held_at) for group in self._groups]
        if (destinations, status, held_at) not in known:
            known.append((destinations, status, held_at))
            self._groups.append(model.RecoveryGroup(destinations, status, held_at=held_at))
        number = known.index((destinations, status, held_at))
        group = self._groups[number]
        if len(group.named) < MAX_NAMED and group.destinations | held_at & self._news.audience.holding.bots:
            self._groups[number] = replace(group, named=(*group.named, self._news.name(result, expands)))
        return number
