"""How the tests of a run stand, and the silent messages that say so where a message shows how the run is. Pure.

A message about several runs is no reply to any of them. So each of its parts leads to a silent message about its run.
None of these is stored: they are the same whenever the message is handed over, and so are their ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from testmo_notifier.model import FOLDED, RECOVERED, Digest, Held, NamedResult, Outgoing, Standing
from testmo_notifier.notices.digest import hash_of
from testmo_notifier.notices.merge import Contents, test_key_of, tests_of
from testmo_notifier.notices.named import rank

MAX_FAILING: Final = 200  # tests of a part, named or not: as many as a bot keeps of a run
MAX_PASSED: Final = 5_000  # tests of one silent message: 60 of the 256 kilobytes that SNS takes
PASSED: Final = ""  # the status of those


def standings_of(held: Held) -> tuple[Standing, ...]:
    """How the tests are that are told of one run: those failing that are most urgent, and all that passed."""
    contents = Contents.of(held)
    rows = [(test, kind.status_id, kind.status) for test, kind in contents.failing.values()]
    passed = tests_of(contents.well) | contents.passed
    failing = by_status(row for row in rows if row[0] not in contents.passed)
    return (*failing, *([Standing(0, PASSED, passed)] if passed else ()))


def standings_at_the_end(results: Iterable[NamedResult]) -> tuple[Standing, ...]:
    """Those of the tests that are named as still failing when a run is over."""
    return tuple(by_status((test_key_of(one), one.status_id or 0, one.status) for one in results))


def by_status(rows: Iterable[tuple[int, int, str]]) -> Iterator[Standing]:
    """Tests that are failing, by status; of several rows of a test the most urgent one counts."""
    urgent: dict[int, tuple[int, str]] = {}
    for test, status_id, status in sorted(rows, key=lambda row: (rank(row[1] or None), row[0])):
        if len(urgent) < MAX_FAILING:
            urgent.setdefault(test, (status_id, status))
    found: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
    for test, of in urgent.items():
        found[of].add(test)
    for (status_id, status), tests in found.items():
        yield Standing(status_id, status, frozenset(tests))


def with_silent(outgoing: Outgoing, showing: Collection[str]) -> Iterator[Outgoing]:
    """A message, and the silent ones that go with it where its destination is one of those `showing` how a run is."""
    digest = outgoing.digest
    if digest.is_silent:
        yield from in_pieces(outgoing, sorted(digest.keys))
        return
    yield outgoing
    if digest.about == FOLDED and outgoing.destination in showing:
        for part in digest.parts if all(part.order for part in digest.parts) else ():  # 1.3 kept no order
            yield from edits_of(outgoing, part)


def edits_of(outgoing: Outgoing, part: Digest) -> Iterator[Outgoing]:
    """What is told of one of the runs, in silence; passes that it has no room for come before it."""
    silent = replace(part, is_silent=True, mentions=())
    passed = sorted(test for one in part.standings if one.status == PASSED for test in one.tests)
    first, *others = chunks(passed)
    rest = [test for some in others for test in some]
    made = Outgoing(hash_of([outgoing.id, str(part.run_id)]), outgoing.destination, silent)
    if rest:
        well = replace(silent, about=RECOVERED, total=len(rest), omitted=len(rest), counts={}, results=(), parts=())
        yield from in_pieces(replace(made, id=hash_of([made.id, "passed"]), digest=well), rest)
    failing = tuple(one for one in part.standings if one.status != PASSED)
    well_here = Standing(0, PASSED, frozenset(first))
    yield replace(made, digest=replace(silent, standings=(*failing, well_here), order=part.order + 1))


def in_pieces(outgoing: Outgoing, passed: Sequence[int]) -> Iterator[Outgoing]:
    """Recoveries in silence, in as many messages as they take."""
    first, *others = chunks(passed)
    yield replace(outgoing, digest=replace(outgoing.digest, keys=frozenset(first)))
    for number, some in enumerate(others):
        digest = replace(outgoing.digest, keys=frozenset(some), results=(), omitted=outgoing.digest.total)
        yield replace(outgoing, id=hash_of([outgoing.id, str(number)]), digest=digest)


def chunks(passed: Sequence[int]) -> list[Sequence[int]]:
    """As many at a time as one silent message takes, and one chunk at least."""
    return [passed[at : at + MAX_PASSED] for at in range(0, len(passed), MAX_PASSED)] or [()]
