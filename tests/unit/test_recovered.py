"""Rule 18: fifty thousand recoveries at once, for twenty destinations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from testmo_notifier.adapters import items
from testmo_notifier.model import Checkpoint, Counters, Expands, Passing, ResultsPage, ResultsQuery, Told
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.matching import run_facts
from testmo_notifier.notices.routes import Route, Routes
from testmo_notifier.sources.testmo_runs.passes import FollowUp, RunQuestions
from testmo_notifier.sources.testmo_runs.recovered import LookEnd, look_for_recoveries
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import START, URL, at, make_checkpoint, make_result, make_run
from tests.support.telling import ALL

TESTS = 50_000
RUN = make_run(counters=Counters({2: TESTS}))
NAMES = tuple(f"slack:team-{number}" for number in range(20))
ROUTES = Routes(tuple(Route((name,), name=name, notify=ALL) for name in NAMES))


class AllPassed:
    """A Testmo in which every test of the run passed."""

    def results(self, _run_id: int, query: ResultsQuery, _told: object = None, /) -> ResultsPage:
        page = query.page or 1
        rows = [
            make_result(2_000_000 + 7 * test, test_id=test, status_id=2, created_at=at(2000))
            for test in range((page - 1) * 100 + 1, page * 100 + 1)
        ]
        return ResultsPage(tuple(rows), Expands(), page + 1 if page * 100 < TESTS else None, TESTS, at(3000))


def looked(before: Checkpoint, requests: int) -> LookEnd:
    """One reading's look, with so many requests."""
    left = requests

    def may_ask(wanted: int) -> bool:
        nonlocal left
        left -= wanted if left >= wanted else 0
        return left > 0 or wanted < 0

    audience = Audience(ROUTES, (*NAMES, "event"), run_facts(RUN, "Shop"))
    news = DigestBuilder(URL, RUN, "Shop", audience=audience, failing=before.failing)
    pages = RunQuestions(AllPassed(), RUN, Watch((3, 5)), lambda: START, timedelta(0), FollowUp(may_ask=may_ask))  # type: ignore[arg-type]  # one call is made
    return look_for_recoveries(pages, before, news)


@pytest.mark.parametrize("disjoint", [True, False])
def test_fifty_thousand_recoveries_are_told_in_parts_with_exact_totals_and_each_once(disjoint: bool) -> None:  # noqa: FBT001 - a case
    told = {
        test: Told(1, at(0), at(0), frozenset({NAMES[test % 20]} if disjoint else NAMES))
        for test in range(1, TESTS + 1)
    }
    checkpoint = make_checkpoint(
        failing={test: (1_000_000 + 3 * test, 3) for test in told},
        told=told,
        passing=Passing(START, due=frozenset(told)),
        read_at=at(2500),
    )
    totals, sizes = [], []
    for _ in range(6):
        found = looked(checkpoint, requests=300)
        checkpoint = replace(found.checkpoint, outbox=found.outbox)
        item = items.checkpoint_item(checkpoint)
        sizes.append(sum(len(value["B"]) for value in item.values() if "B" in value))
        totals.append([outgoing.digest.total for outgoing in found.outbox])
        checkpoint = replace(items.checkpoint_from(item), outbox=())

    assert [total[:1] for total in totals] == [
        [],
        [1250 if disjoint else 25_000],
        [1250 if disjoint else 25_000],
        [],
        [],
        [],
    ]
    assert {len(total) for total in totals} == {0, 20}
    assert (checkpoint.told, checkpoint.failing) == ({}, {})
    assert max(sizes) < 100_000
