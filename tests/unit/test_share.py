"""Rule 9: what lists may take of the budget."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from testmo_notifier.model import Counters, WatchedRun
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.polling.share import ListShare, has_news
from tests.support.factories import START, make_checkpoint, make_outgoing, make_run
from tests.support.memory import MemoryStore

LATE = timedelta(minutes=10)


def room(*, left: int, news: int = 0, late: int = 0, not_so_late: int = 0) -> bool:
    """Whether one list more may be asked for, of 120 requests a minute, so many runs being listed."""
    store = MemoryStore()
    rate_limit = RateLimit(120, spent={}, now=lambda: 0.0, sleep=lambda _: None, seconds_left=lambda: 60.0)
    rate_limit.requests = 120 - left - 1
    known = range(100, 100 + late + not_so_late + 50)
    for run_id in known:
        store.commit(make_checkpoint(run_id=run_id, counters={}))
    runs = [
        WatchedRun(make_run(run_id, counters=Counters({})), "Shop", START) for run_id in (*range(1, news + 1), *known)
    ]
    since = dict.fromkeys(known[:late], START - LATE)
    since |= {run_id: START - LATE + timedelta(seconds=1) for run_id in known[late : late + not_so_late]}
    return ListShare(120, rate_limit, store, since, START).has_room(1, runs)


@pytest.mark.parametrize(
    ("runs", "kept"),
    [
        ({}, 12),  # a tenth, for turns
        ({"news": 4}, 12),
        ({"news": 5}, 15),  # three for each that has news
        ({"news": 20}, 60),
        ({"news": 400}, 60),  # half is the most
        ({"not_so_late": 40}, 12),
        ({"late": 40}, 40),
        ({"late": 400}, 60),
        ({"news": 5, "late": 7}, 22),
    ],
)
def test_lists_leave_what_runs_with_news_and_late_ones_need_up_to_a_half(runs: dict[str, int], kept: int) -> None:
    assert room(left=kept, **runs)
    assert not room(left=kept - 1, **runs)


@pytest.mark.parametrize(
    ("checkpoint", "counters", "news"),
    [
        ({"counters": {3: 1}}, {3: 1}, False),
        ({"counters": {3: 1}}, {3: 2}, True),
        ({"counters": None}, {}, True),
        ({"counters": {3: 1}, "gone_at": START}, {3: 2}, False),  # it cannot be read
        ({"counters": {3: 1}, "outbox": (make_outgoing(),)}, {3: 2}, False),  # nor is it, before that is published
    ],
)
def test_a_run_has_news_when_it_can_be_read_and_its_counters_moved(
    checkpoint: dict[str, Any], counters: dict[int, int], *, news: bool
) -> None:
    assert has_news(make_checkpoint(**checkpoint), Counters(counters).by_status) is news


def test_a_run_that_nobody_knows_has_news() -> None:
    assert has_news(None, {})
