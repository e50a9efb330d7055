"""Rule 8 (and rule 5 on counters): what changed is read at once, what did not at its turn; quiet polls cost nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.story import BLOCKED, FAILED, PASSED, Story


def test_quiet_runs_cost_no_request_but_at_their_turn(story: Story) -> None:
    runs = [story.add_run(f"Run {n}") for n in range(10)]
    story.poll()
    before = len(story.reads())
    story.wait_and_poll(30)
    turns = [request.path for request in story.reads()[before:]]

    # Each of ten, once in five minutes, for half an hour; the turn of a sweep, once an hour, may be one more.
    assert {turns.count(f"/api/v1/runs/{run.id}/results") for run in runs} <= {6, 7}


def test_turns_are_spread_over_the_period(story: Story) -> None:
    for n in range(50):
        story.add_run(f"Run {n}")
    story.poll()
    per_poll = []
    for _ in range(10):
        before = len(story.reads())
        story.wait_and_poll()
        per_poll.append(len(story.reads()) - before)

    assert max(per_poll) <= 16
    assert 100 <= sum(per_poll) <= 110  # two turns each, and a few of an hourly sweep


def test_a_quiet_poll_writes_the_control_item_only(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    story.save(run)
    story.wait_and_poll(2)
    story.store.written.clear()
    story.wait_and_poll(20)

    assert story.store.written == ["CONTROL"] * 20


@pytest.mark.parametrize("status", [FAILED, BLOCKED])
def test_a_run_whose_counters_changed_is_read_at_once(story: Story, status: int) -> None:
    story.settings["staleness"] = timedelta(days=1)
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run, status=status)
    story.wait(1)
    story.poll()

    assert story.announced == [result.id]


def test_counters_that_changed_while_a_run_was_read_are_read_again(story: Story) -> None:
    """Counters are recorded as they were before the read, so a row saved behind its back is not taken as known."""
    story.settings["staleness"] = timedelta(days=1)
    run = story.add_run_and_poll()
    story.wait()
    first = story.save(run, 1)
    late = []
    story.before_page(
        1, lambda: late.append(story.save(run, 2, visible_from=story.time + timedelta(seconds=30)).id), path="/runs/*"
    )
    story.poll()
    story.wait_and_poll()

    assert story.announced == [first.id, *late]


def test_a_row_saved_right_behind_a_read_is_read_at_the_next_poll(story: Story) -> None:
    """Counters that were asked for after the read would hold it already, and nothing would be seen to change."""
    story.settings["staleness"] = timedelta(days=1)
    run = story.add_run_and_poll()
    story.wait()
    saved = [story.save(run, 1).id]

    def save_behind_the_read(path: str, _body: dict[str, Any]) -> None:
        if path.endswith("/results") and len(saved) == 1:
            saved.append(story.save(run, 2).id)

    story.spoil = save_behind_the_read
    story.poll()
    story.wait_and_poll()

    assert story.announced == saved


@pytest.mark.parametrize("minutes", [1, 5, 30])
def test_the_same_status_again_on_the_same_test_is_found_within_the_staleness(story: Story, minutes: int) -> None:
    story.settings["staleness"] = timedelta(minutes=minutes)
    runs = [story.add_run(f"Run {n}") for n in range(5)]
    story.poll()
    story.wait()
    first = [story.save(run).id for run in runs]
    story.wait_and_poll(3)
    again = [story.save(run).id for run in runs]
    story.wait_and_poll(minutes)

    assert sorted(story.announced) == first + again


def test_staleness_0_reads_every_run_at_every_poll(story: Story) -> None:
    story.settings["staleness"] = timedelta(0)
    run = story.add_run_and_poll()
    story.wait()
    expected = []
    for _ in range(5):
        expected.append(story.save(run).id)
        story.wait_and_poll()

    assert story.announced == expected
    assert len(story.reads()) == 6


@pytest.mark.parametrize("pause", [300, 301, 3600, 86_400])
def test_after_a_long_pause_every_run_has_its_turn(story: Story, pause: float) -> None:
    runs = [story.add_run(f"Run {n}") for n in range(5)]
    story.poll()
    story.wait()
    first = [story.save(run).id for run in runs]
    story.wait_and_poll(2)
    again = [story.save(run).id for run in runs]
    story.wait_and_poll(every=pause)

    assert sorted(story.announced) == first + again


@pytest.mark.parametrize("every", [7, 59, 61, 299, 1000])
def test_turns_come_whatever_the_schedule(story: Story, every: float) -> None:
    run = story.add_run_and_poll()
    story.wait()
    first = story.save(run)
    story.poll()
    again = story.save(run)
    story.wait_and_poll(1 + int(300 // every) + 1, every=every)

    assert story.announced == [first.id, again.id]


def test_a_turn_that_fails_is_taken_at_the_next_poll(story: Story) -> None:
    """Nine runs, for the next turn of one in five falls into the minute after the failure."""
    runs = [story.add_run(f"Run {n}") for n in range(9)]
    story.poll()
    story.wait()
    first = [story.save(run).id for run in runs]
    story.wait_and_poll(2)
    again = [story.save(run).id for run in runs]
    story.testmo.faults.add("500", path="/runs/*/results", times=len(runs))
    story.wait(300)
    story.poll()
    assert sorted(story.announced) == first
    story.wait_and_poll()

    assert sorted(story.announced) == first + again


@pytest.mark.parametrize("fault", ["500", "429"])
def test_a_turn_that_came_while_its_project_could_not_be_listed_is_taken_at_the_next_poll(
    story: Story, fault: str
) -> None:
    runs = [story.add_run(f"Run {n}") for n in range(9)]
    story.poll()
    story.wait()
    first = [story.save(run).id for run in runs]
    story.wait_and_poll(2)
    again = [story.save(run).id for run in runs]
    story.testmo.faults.add(fault, path="/projects/*/runs", retry_after=1)
    story.wait(300)
    story.poll()
    story.wait_and_poll()

    assert sorted(story.announced) == first + again


def test_a_pass_after_a_failure_is_no_news(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    failed = story.fail_and_poll(run)
    story.save(run, status=PASSED)
    story.wait_and_poll(7)

    assert story.announced == [failed.id]


def test_a_run_that_could_not_be_read_at_its_turn_is_late_from_then_on(story: Story) -> None:
    run = story.add_run_and_poll()
    story.testmo.faults.add("500", path=f"/runs/{run.id}/results", times=100)
    lags = [story.wait_and_poll().lag_seconds for _ in range(8)]

    assert max(lags) >= 240  # it is no turn that merely waits: somebody is told when it goes on
