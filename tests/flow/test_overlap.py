"""Rules 1 and 2: the window that is read again each time, and how what was handled is recognised in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from tests.support.story import BLOCKED, START, Story
from tools.simulator.model import Run

COMBINATIONS = list(
    product(("inclusive", "exclusive"), ("millisecond", "second"), ("ascending", "descending", "shuffled"))
)


def behave(story: Story, bounds: Any, precision: Any, ties: Any) -> None:  # noqa: ANN401 - three literals
    switches = story.testmo.switches
    switches.bounds, switches.precision, switches.ties = bounds, precision, ties


def bounds_asked(story: Story, run: Run) -> list[datetime]:
    queries = [request.query for request in story.reads(run)]
    return [datetime.fromisoformat(query["created_after"]) for query in queries]


def test_a_row_that_becomes_visible_late_inside_the_overlap_is_announced_once(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait(400)
    late = story.save(run, 1, visible_from=story.time + timedelta(seconds=200))
    story.wait(1)
    first = story.save(run, 2)
    story.poll()
    story.wait_and_poll(6)

    assert story.announced == [first.id, late.id]


def test_a_row_that_is_visible_a_millisecond_before_the_overlap_ends_is_announced(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait(600)
    newest = story.save(run, 1)
    story.poll()
    story.wait(60)
    late = story.save(run, 2, created_at=newest.created_at - timedelta(seconds=300))
    story.poll()

    assert story.announced == [newest.id, late.id]


@pytest.mark.parametrize(("bounds", "precision", "ties"), COMBINATIONS)
def test_the_answer_does_not_depend_on_how_the_bound_is_compared(
    story: Story, bounds: str, precision: str, ties: str
) -> None:
    behave(story, bounds, precision, ties)
    run = story.add_run(tests=12)
    story.save(run, 1, created_at=story.ago(1))  # before we came
    story.poll()
    expected = []
    for number in range(2, 12):
        story.wait(29.7)
        expected.append(story.save(run, number).id)
        story.wait(0.001)
        expected.append(story.save(run, number, BLOCKED).id)
        story.poll()
    story.wait_and_poll(8)

    assert sorted(story.announced) == expected


@pytest.mark.parametrize(("bounds", "precision", "ties"), COMBINATIONS)
def test_ties_on_one_millisecond_are_announced_once_each_across_polls(
    story: Story, bounds: str, precision: str, ties: str
) -> None:
    behave(story, bounds, precision, ties)
    run = story.add_run_and_poll(tests=9)
    story.wait()
    moment = story.time
    expected = []
    for first in (1, 4, 7):
        expected += [story.save(run, number, created_at=moment).id for number in range(first, first + 3)]
        story.wait_and_poll(2)

    assert sorted(story.announced) == expected


def test_ties_over_three_pages_in_another_order_at_each_request_are_announced_once_each(story: Story) -> None:
    """Shuffled for each request, a row may be on no page of one read; the overlap finds it in the next ones."""
    story.settings["staleness"] = timedelta(0)
    run = story.add_run_and_poll(tests=250)
    story.wait()
    behave(story, "inclusive", "millisecond", "shuffled")
    for number in range(1, 251):
        story.save(run, number)
    story.poll()
    story.wait_and_poll(20)

    assert story.total == 250


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
@pytest.mark.parametrize("precision", ["millisecond", "second"])
@pytest.mark.parametrize("later", [0, 60, 3600, 86400])
def test_raising_or_lowering_the_overlap_never_repeats_old_rows(
    story: Story, bounds: str, precision: str, later: int
) -> None:
    behave(story, bounds, precision, "ascending")
    story.settings["staleness"] = timedelta(0)
    run = story.add_run(tests=8)
    story.save(run, 8)
    story.wait(1.5)
    story.poll()
    expected = []
    for number in range(1, 7):
        story.wait(100)
        expected.append(story.save(run, number).id)
        story.poll()
    story.settings["scope"] = story.scope(overlap=timedelta(seconds=later))
    story.wait_and_poll(3)
    story.settings["scope"] = story.scope(overlap=timedelta(seconds=300))
    story.wait_and_poll(3)
    expected.append(story.save(run, 7).id)
    story.wait_and_poll(3)

    assert story.announced == expected


def test_every_bound_is_the_overlap_before_the_cursor_rounded_down_and_one_second_further(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait(1000.4)
    story.save(run, 1)
    story.poll()
    story.wait()
    story.save(run, 2)
    story.poll()

    first_sight = START - timedelta(seconds=1)
    assert bounds_asked(story, run) == [first_sight, first_sight, START + timedelta(seconds=1000 - 300 - 1)]


def test_a_bound_has_no_fraction_of_a_second(story: Story) -> None:
    """How precisely Testmo compares is written nowhere: a whole second means the same to every way."""
    run = story.add_run_and_poll()
    story.wait(1000.4)
    newest = story.save(run, 1)
    story.wait()
    story.poll()
    story.fail_and_poll(run, 2)

    assert newest.created_at == START + timedelta(seconds=1000.4)
    assert bounds_asked(story, run)[-1] == START + timedelta(seconds=1000 - 300 - 1)


def test_no_bound_lies_below_the_floor_however_large_the_overlap_grows(story: Story) -> None:
    story.settings["staleness"] = timedelta(0)
    run = story.add_run_and_poll()
    story.wait(1000)
    story.save(run, 1)
    story.poll()
    story.settings["scope"] = story.scope(overlap=timedelta(days=1))
    story.wait_and_poll()

    assert bounds_asked(story, run)[-1] == START + timedelta(seconds=1000 - 300 - 1)


def test_rows_below_the_floor_are_ignored_even_if_testmo_ignores_the_bound(story: Story) -> None:
    run = story.add_run()
    story.save(run, 1)
    story.wait(3600)
    everything = story.world.results_of(run)
    story.poll()
    story.wait()
    new = story.save(run, 2)

    def ignore_the_bound(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/results"):
            old = {**body["result"][-1], "id": everything[0].id, "created_at": "2026-11-23T09:00:00.000Z"}
            body["result"] = [old, *body["result"]]

    story.spoil = ignore_the_bound
    story.poll()

    assert story.announced == [new.id]


def test_a_result_announced_long_ago_is_recognised_when_its_millisecond_comes_up_again(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    first = story.save(run, 1)
    story.poll()
    story.wait(86_400)
    second = story.save(run, 2)
    story.poll()
    late = story.save(run, 3, created_at=second.created_at)
    story.wait_and_poll(6)

    assert story.announced == [first.id, second.id, late.id]
