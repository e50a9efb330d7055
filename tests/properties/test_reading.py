"""Reading and detecting together against a plain list: every failing row exactly once, whatever happens between pages.

What was announced by everything that was committed is compared with the list.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from testmo_notifier.model import Checkpoint
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import START, at
from tests.support.plain_testmo import FAILED, PASSED, Api, Delete, PlainTestmo, Poll, Save, play

OVERLAPS = (5, 60, 300)  # seconds; no row is later than the smallest


def only_forward(before: Checkpoint, after: Checkpoint) -> None:
    assert after.cursor >= before.cursor
    assert after.floor >= before.floor


saves = st.builds(
    Save,
    count=st.sampled_from((1, 5, 3, 2)),
    apart=st.sampled_from((0, 1, 400)),
    late=st.sampled_from((0, 4_900, 1, 900, 2_500)),
    status=st.sampled_from((FAILED, FAILED, FAILED, PASSED)),
)
events = st.lists(saves | saves | st.builds(Delete, st.integers(0, 20)), max_size=2).map(tuple)
apis = st.builds(
    Api,
    per_page=st.integers(1, 3),
    inclusive=st.booleans(),
    whole_seconds=st.booleans(),
    ties=st.sampled_from(("asc", "desc")),
    has_date=st.sampled_from((True, True, False)),
)


def polls(*, sweeps: bool) -> st.SearchStrategy[list[Poll]]:
    return st.lists(
        st.builds(
            Poll,
            wait_ms=st.sampled_from((60_000, 0, 999, 5_000, 600_000)),
            overlap=st.sampled_from(OVERLAPS),
            between=st.lists(events, min_size=1, max_size=4).map(tuple),
            stops_at=st.integers(2, 5) | st.none(),
            breaks_at=st.sampled_from((None, None, None, 2)),
            sweep=st.booleans() if sweeps else st.just(False),
            most=st.sampled_from((50_000, 50_000, 1, 3)),
            only_new=st.booleans(),
        ),
        min_size=2,
        max_size=6,
    )


def compare(testmo: PlainTestmo, told: list[int], *, earliest: datetime) -> None:
    failing = [row for row in testmo.rows if row.status == FAILED]
    must = {row.id for row in failing if row.created_at >= START and not row.is_deleted}
    may = {row.id for row in failing if row.created_at >= earliest}
    assert sorted(told) == sorted(set(told)), "told twice"
    assert must <= set(told), "never told"
    assert set(told) <= may, "nobody's business"


@settings(max_examples=500)
@given(api=apis, before=st.lists(saves, max_size=3), history=polls(sweeps=False))
def test_every_failing_row_is_told_exactly_once(api: Api, before: list[Save], history: list[Poll]) -> None:
    """Without any sweep, which counters cannot ask for where people are filtered by."""
    testmo = PlainTestmo(api, masks_deletions=False, time=at(-10))
    testmo.happen(replace(save, late=0) for save in before)
    testmo.time = START
    quiet = [Poll(wait_ms=5_000, overlap=5)] * 3

    compare(
        testmo, play(testmo, [*history, *quiet], Watch((FAILED,), created_by_ids=(7,)), only_forward), earliest=START
    )


@settings(max_examples=300)
@given(api=apis, before=st.lists(saves, max_size=3), history=polls(sweeps=True))
def test_with_a_sweep_even_what_no_count_shows_is_told_exactly_once(
    api: Api, before: list[Save], history: list[Poll]
) -> None:
    """A row from before the start may be told too: it can slip through the very sweep that would take it over."""
    testmo = PlainTestmo(api, masks_deletions=True, time=at(-10))
    testmo.happen(replace(save, late=0) for save in before)
    testmo.time = START
    quiet = [Poll(wait_ms=5_000, overlap=5, sweep=True)] * 4

    compare(testmo, play(testmo, [*history, *quiet], Watch((FAILED,)), only_forward), earliest=at(-10))
