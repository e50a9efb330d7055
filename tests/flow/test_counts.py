"""Rules 5, 8 and 9 in numbers: what a quiet poll costs, and how many polls a fresh failure waits."""

from __future__ import annotations

import pytest

from testmo_notifier.polling.choose import Chosen, choose
from testmo_notifier.polling.setup import Poll, Setup
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.many_runs import ManyRuns

DEFAULT = 120  # RequestsPerMinute
DAY = 86_400.0


def settled(*, runs: int, projects: int = 1, quiet: bool = True) -> ManyRuns:
    """Every run was read once; if they are `quiet`, that was more than a day ago."""
    many = ManyRuns(projects=projects, runs=runs)
    many.poll()
    many.wait(DAY if quiet else 60.0)
    many.poll()
    many.settings["requests_per_minute"] = DEFAULT
    many.wait(120.0)  # the requests of the first minutes count no longer
    many.poll()
    return many


def test_lists_leave_half_of_the_requests_while_what_moved_waits() -> None:
    many = settled(projects=300, runs=300)
    many.wait_and_poll(3)
    assert many.requests.count("runs") > 90
    for run_id in range(1, 301):
        many.fail(run_id)
    many.wait_and_poll(2)

    assert many.requests.count("runs") <= 60
    assert many.beyond_lists >= 50


@pytest.mark.parametrize("runs", [10, 100, 1_000])
def test_a_quiet_run_costs_a_request_an_hour(runs: int) -> None:
    many = settled(runs=runs)
    asked = 0
    for _ in range(60):
        many.wait_and_poll()
        asked += many.beyond_lists

    assert asked == runs
    assert asked / 60 <= 0.02 * runs


@pytest.mark.parametrize(("runs", "buckets"), [(10, 1), (100, 1), (1_000, 5)])
def test_a_quiet_poll_reads_no_checkpoint_but_of_the_runs_whose_turn_it_is(runs: int, buckets: int) -> None:
    many = settled(runs=runs)
    many.store.forget()
    for _ in range(60):
        many.wait_and_poll()
    checkpoints = [key for key in many.store.keys if key.startswith("RUN#")]
    marks = [key for key in many.store.keys if key.startswith("MARKS#")]

    assert len(checkpoints) == runs  # each once, in an hour
    assert len(marks) <= 60 * buckets
    assert many.store.units <= runs + 60 * 2 * buckets


@pytest.mark.parametrize("runs", [10, 100, 1_000])
def test_a_quiet_poll_writes_twice_the_lease_and_the_end(runs: int) -> None:
    many = settled(runs=runs)
    many.store.forget()
    many.wait_and_poll(10)

    assert many.store.leases == 10
    assert many.store.written == ["CONTROL"] * 10


@pytest.mark.parametrize(("runs", "polls"), [(1_000, 1), (5_000, 1), (10_000, 2)])
def test_a_fresh_failure_is_told_by_the_next_poll_however_many_turns_are_late(runs: int, polls: int) -> None:
    many = settled(runs=runs, quiet=False)
    report = many.wait_and_poll(8)
    assert bool(report.turns_left) is (runs > 500)
    many.fail(runs + runs // 2)

    many.wait_and_poll(polls)

    assert len(many.topic.notifications) == 1


def test_what_the_counters_hide_is_told_within_the_hour_where_the_budget_allows() -> None:
    many = settled(runs=2_500)
    for run_id in range(2_500, 2_510):
        many.fail(run_id, counted=False)

    report = many.wait_and_poll(61)

    assert len(many.topic.notifications) == 10
    assert report.oldest_turn_seconds <= 120


def test_where_the_budget_cannot_keep_turns_the_oldest_goes_first_and_its_age_is_said() -> None:
    many = settled(runs=10_000)  # a hundred lists a minute leave 19 requests
    asked: list[str] = []
    for _ in range(20):
        report = many.wait_and_poll()
        asked += [path for path in many.requests if path.startswith("results")]

    assert len(set(asked)) == len(asked)  # nobody a second time before everybody had a turn
    assert 1_000 < report.oldest_turn_seconds <= 1_320
    assert report.turns_left > 2_000
    assert "turns late by up to 19 minutes" in report.words
    assert report.lag_seconds == 0  # nothing that is known to be new waits


def test_a_fresh_failure_in_one_of_five_hundred_projects_is_told_in_six_polls() -> None:
    many = settled(projects=500, runs=500)
    many.wait_and_poll(10)
    for run_id in (1, 250, 500):
        before = len(many.topic.notifications)
        many.fail(run_id)
        many.wait_and_poll(6)
        assert len(many.topic.notifications) == before + 1


def test_no_more_checkpoints_are_in_hand_than_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of the settings each of a thousand is due, and each checkpoint may be large."""
    many = settled(runs=1_000)
    chosen: list[Chosen] = []

    def kept(parts: Setup, this: Poll, found: Discovery, watch: Watch) -> Chosen:
        chosen.append(choose(parts, this, found, watch))
        return chosen[-1]

    monkeypatch.setattr("testmo_notifier.poll.choose", kept)
    many.wait_and_poll()
    report = many.poll(watch=Watch((3, 4, 5)), requests_per_minute=50)

    assert len(chosen[-1].due) + chosen[-1].left == 1_000
    assert len(chosen[-1].checkpoints) == 50
    assert report.runs_left >= 950
