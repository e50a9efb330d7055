"""Rule 8: a mark says that nothing is left to do, and fits nothing else. What it does not say is read."""
# ruff: noqa: ANN401 - what a test gives is handed on

from __future__ import annotations

from typing import Any

import pytest

from testmo_notifier.model import Counters, Looked, Resume
from testmo_notifier.polling.marks import Marks, moved_at
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import START, at, make_checkpoint, make_outgoing, make_run

WATCH = Watch((3, 5))
MARKS = Marks("2026-11-23")
SETTLED: dict[str, Any] = {"counters": {2: 54, 3: 7}, "watching": WATCH.fingerprint, "read_at": at(7)}
RUN = make_run(counters=Counters({3: 7, 2: 54}))


def mark(**given: Any) -> bytes | None:
    return MARKS.of(make_checkpoint(**{**SETTLED, **given}))


def test_the_mark_of_a_run_that_is_as_it_was_fits_it() -> None:
    assert MARKS.fits(mark(), RUN, WATCH)


def test_a_mark_knows_when_its_run_was_read_last_that_had_moved() -> None:
    made = mark()
    assert made is not None
    assert moved_at(made) == at(7)
    assert len(made) == 13  # 250 of them are an item of 5 KB


@pytest.mark.parametrize(
    "unsettled",
    [
        {"outbox": (make_outgoing(),)},
        {"resume": Resume(START, 2, 9)},
        {"sweep": Resume(None, 1, None)},
        {"gone_at": START},
        {"closed_at": START},
        {"counters": None},
        {"read_at": None},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_run_of_which_something_is_left_to_do_has_no_mark(unsettled: dict[str, Any]) -> None:
    assert mark(**unsettled) is None


@pytest.mark.parametrize(
    ("run", "watch", "marks"),
    [
        (make_run(counters=Counters({2: 54, 3: 8})), WATCH, MARKS),
        (make_run(counters=Counters({2: 54, 5: 7})), WATCH, MARKS),
        (make_run(counters=Counters({2: 54})), WATCH, MARKS),
        (make_run(counters=RUN.counters, is_closed=True, closed_at=START), WATCH, MARKS),
        (make_run(counters=RUN.counters, is_closed=True), WATCH, MARKS),
        (RUN, Watch((3,)), MARKS),
        (RUN, Watch((3, 5), assignee_ids=(7,)), MARKS),
        (RUN, WATCH, Marks("2026-11-24")),
    ],
    ids=["one-more", "another-status", "passed", "closed", "closed-at-some-time", "statuses", "filters", "epoch"],
)
def test_a_mark_fits_no_run_that_moved_no_other_settings_and_no_other_epoch(
    run: Any, watch: Watch, marks: Marks
) -> None:
    assert not marks.fits(mark(), run, watch)


def test_a_run_without_a_mark_is_not_taken_as_settled() -> None:
    assert not MARKS.fits(None, RUN, WATCH)


@pytest.mark.parametrize(
    ("looked", "epoch"),
    [
        (Looked(polled_at=at(60), marks_at=at(60), marks_epoch="old"), "old"),
        (Looked(polled_at=at(120), marks_at=at(60), marks_epoch="old"), at(180).isoformat()),  # it knows no marks
        (Looked(polled_at=at(60)), at(180).isoformat()),
        (Looked(), at(180).isoformat()),
    ],
    ids=["our-poll", "an-older-versions-poll", "only-older-versions", "nobody"],
)
def test_marks_hold_as_long_as_every_poll_keeps_them(looked: Looked, epoch: str) -> None:
    assert Marks.of_poll(looked, at(180)).epoch == epoch
