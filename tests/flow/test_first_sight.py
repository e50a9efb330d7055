"""Rule 6: what was there before we came is not announced; what is saved from then on is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.story import BLOCKED, FAILED, PASSED, START, Story
from tools.simulator import StatusId


def test_what_is_saved_in_the_minute_after_the_first_poll_is_announced(story: Story) -> None:
    run = story.add_run()
    story.save(run, 1)
    story.wait(5)
    story.poll()
    story.wait(0.001)
    new = story.save(run, 2)
    story.wait_and_poll(2)

    assert story.announced == [new.id]


def test_failures_of_years_flood_nobody(story: Story) -> None:
    run = story.add_run(tests=300)
    for number in range(1, 301):
        story.save(run, number)
    story.wait(86_400 * 400)
    story.poll()
    story.wait_and_poll(6)

    assert story.announced == []


def test_a_project_created_after_installation_counts_from_its_creation(story: Story) -> None:
    story.poll()
    story.wait(10)
    garden = story.world.add_project("Garden")
    run = story.add_run(project=garden)
    result = story.save(run)
    story.wait_and_poll(2)

    assert story.announced == [result.id]


def test_a_run_with_results_from_before_our_first_look_at_it_is_announced(story: Story) -> None:
    story.poll()
    story.wait(10)
    run = story.add_run()
    results = [story.save(run, number) for number in (1, 2, 3)]
    story.wait_and_poll(2)

    assert sorted(story.announced) == [result.id for result in results]


def test_results_that_are_imported_into_a_new_run_with_their_own_dates_are_announced(story: Story) -> None:
    story.poll()
    story.wait(10)
    run = story.add_run()
    results = [story.save(run, number, created_at=story.ago(86_400 * 7)) for number in (1, 2, 3)]
    story.wait_and_poll(2)

    assert sorted(story.announced) == [result.id for result in results]


def test_an_old_project_that_becomes_visible_later_is_watched_from_then_on(story: Story) -> None:
    garden = story.world.add_project("Garden")
    run = story.add_run(project=garden)
    story.world.hide_project(garden)
    story.wait(60)
    story.poll()
    story.wait(60)
    story.save(run, 1)
    story.wait(86_400)
    story.world.show_project(garden)
    story.poll()
    story.wait(10)
    new = story.save(run, 2)
    story.wait_and_poll(2)

    assert story.announced == [new.id]


def test_backfill_hours_reach_back_from_the_first_look(story: Story) -> None:
    run = story.add_run()
    story.save(run, 1)
    story.wait(3600 * 3)
    recent = story.save(run, 2)
    story.wait(3600 * 1.5)
    story.settings["scope"] = story.scope(backfill=timedelta(hours=2))
    story.poll()
    story.wait_and_poll(6)

    assert story.announced == [recent.id]


def test_backfill_hours_reach_runs_that_are_closed_by_now(story: Story) -> None:
    run = story.add_run()
    story.wait(3600 * 3)
    recent = story.save(run, 2)
    story.world.close_run(run)
    story.wait(3600)
    story.settings["scope"] = story.scope(backfill=timedelta(hours=2))
    story.poll()
    story.wait_and_poll(2)

    assert story.announced == [recent.id]


def test_another_backfill_after_installation_brings_up_nothing(story: Story) -> None:
    run = story.add_run()
    story.save(run, 1)
    story.wait(3600)
    story.poll()
    story.settings["scope"] = story.scope(backfill=timedelta(hours=48))
    story.deploy_again()
    story.wait_and_poll(70)

    assert story.announced == []


def test_a_status_watched_from_today_on_brings_up_none_of_its_old_rows(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    old = [story.save(run, 1, FAILED), story.save(run, 2, StatusId.RETEST)]
    story.wait(2)
    story.poll()
    story.wait()
    story.settings["watch"] = Watch((3, 4, 5))
    story.poll()
    story.wait(10)
    new = story.save(run, 3, StatusId.RETEST)
    story.wait_and_poll(6)

    assert story.announced == [old[0].id, new.id]


def test_a_result_saved_since_the_last_poll_with_the_old_settings_is_news_for_the_new_ones(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait(30)
    story.save(run, 1, StatusId.RETEST)
    story.wait(30)
    story.poll()
    story.wait(30)
    new = story.save(run, 2, StatusId.RETEST)
    story.settings["watch"] = Watch((3, 4, 5))
    story.testmo.faults.add("500", path=f"/runs/{run.id}/results", times=2)
    story.wait_and_poll(6)

    assert story.announced == [new.id]


def test_a_read_that_was_interrupted_under_other_settings_begins_anew(story: Story) -> None:
    """Its pages were those of another question: page 3 of Failed and Retest is not page 3 of Failed and Blocked."""
    run = story.add_run(tests=500)
    story.settings["watch"] = Watch((3, 4))
    story.poll()
    story.wait(7200)

    def save(status: int, *numbers: int) -> set[int]:
        return {story.save(run, n, status, created_at=START + timedelta(seconds=10 * n)).id for n in numbers}

    save(StatusId.RETEST, *range(1, 151))
    failing = save(FAILED, *range(151, 300))
    blocked = save(BLOCKED, *range(300, 500))
    for number in range(201, 251):
        story.save(run, number, PASSED)  # no sweep sees what came before a later result
    story.settings["requests_per_minute"] = 5
    story.poll()
    resume = story.checkpoint(run).resume
    assert resume is not None
    assert resume.page == 3
    story.settings |= {"watch": Watch((3, 5)), "requests_per_minute": 7}
    story.wait_and_poll(12)

    announced = {key for run_id in story.store.told for sent in story.store.sent(run_id) for key in sent.keys}
    assert failing <= announced
    assert announced.isdisjoint(blocked)
    assert story.checkpoint(run).resume is None


def test_a_result_dated_by_a_clock_a_little_behind_that_of_its_new_run_and_project_is_announced(story: Story) -> None:
    story.poll()
    story.wait(600)
    garden = story.world.add_project("Garden")
    results = [story.save(story.add_run(project=project), created_at=story.ago(3)) for project in (story.shop, garden)]
    story.wait_and_poll(2)

    assert sorted(story.announced) == [result.id for result in results]


def test_a_filter_by_creator_that_is_lifted_brings_up_none_of_the_rows_it_held_back(story: Story) -> None:
    ada = story.world.add_user("Ada")
    run = story.add_run()
    story.settings["watch"] = Watch((3, 5), created_by_ids=(ada.id,))
    story.poll()
    story.wait()
    by_ada = story.save(run, 1, by=ada)
    story.save(run, 2)
    story.wait(2)
    story.poll()
    story.settings["watch"] = Watch((3, 5))
    story.wait_and_poll()
    new = story.save(run, 3)
    story.wait_and_poll(6)

    assert story.announced == [by_ada.id, new.id]


def test_a_filter_by_assignee_takes_0_as_unassigned(story: Story) -> None:
    ada = story.world.add_user("Ada")
    run = story.add_run()
    story.settings["watch"] = Watch((3, 5), assignee_ids=(0,))
    story.poll()
    story.wait()
    story.save(run, 1, assignee=ada)
    unassigned = story.save(run, 2)
    story.poll()

    assert story.announced == [unassigned.id]


def test_what_is_saved_between_the_last_poll_and_a_change_of_settings_is_announced(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    first = story.save(run, 1, FAILED)
    story.poll()
    story.wait(30)
    second = story.save(run, 2, BLOCKED)
    story.settings["watch"] = Watch((3, 4, 5))
    story.wait_and_poll(6)

    assert story.announced == [first.id, second.id]


def test_a_deploy_moves_no_checkpoint_and_repeats_nothing(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    first = story.save(run, 1)
    story.poll()
    before = story.checkpoint(run)
    story.deploy_again()
    story.wait(3600)
    second = story.save(run, 2)
    third = story.save(run, 3, created_at=before.cursor + timedelta(seconds=1))
    story.wait_and_poll(6)

    assert sorted(story.announced) == [first.id, second.id, third.id]


def test_hours_without_a_poll_lose_nothing(story: Story) -> None:
    run, closed = story.add_run(), story.add_run("closed meanwhile")
    story.poll()
    expected = []
    for number in range(1, 6):
        story.wait(7200)
        expected.append(story.save(run, number).id)
        expected.append(story.save(closed, number).id)
    story.world.close_run(closed)
    short = story.add_run("opened and closed meanwhile")
    expected.append(story.save(short, 1).id)
    story.world.close_run(short)
    story.wait(7200)
    story.poll()
    story.wait_and_poll(6)

    assert sorted(story.announced) == expected


@pytest.mark.parametrize("budget", [3, 5, 8])
def test_a_project_that_the_first_poll_saw_and_could_not_look_into_is_watched_from_that_poll_on(
    story: Story, budget: int
) -> None:
    runs = [story.add_run(f"Run {n}", project=story.world.add_project(f"Project {n}")) for n in range(5)]
    story.settings["requests_per_minute"] = budget
    story.wait()
    story.poll()
    story.wait(10)
    expected = [story.save(run).id for run in runs]
    story.settings["requests_per_minute"] = 120
    story.wait_and_poll(3)

    assert sorted(story.announced) == expected


def test_a_first_poll_that_was_throttled_half_way_watches_from_then_on(story: Story) -> None:
    run = story.add_run()
    story.testmo.faults.add("429", path="/projects/*/runs", retry_after=30)
    story.wait()
    story.poll()
    story.wait(10)
    result = story.save(run)
    story.wait_and_poll(2)

    assert story.announced == [result.id]


def test_passes_at_first_sight_make_later_failures_no_less_new(story: Story) -> None:
    run = story.add_run()
    story.save(run, 1, PASSED)
    story.wait(5)
    story.poll()
    story.wait()
    failed = story.save(run, 1, FAILED)
    story.poll()

    assert story.announced == [failed.id]


def test_what_is_saved_between_the_first_read_of_a_run_and_its_first_sweep_is_announced(story: Story) -> None:
    """The sweep takes over in silence what failed before we came, and nothing that is newer."""
    run = story.add_run()
    story.save(run, 1)
    story.wait(5)
    saved: list[int] = []

    def save_behind_the_read(path: str, _body: dict[str, Any]) -> None:
        if path == f"/runs/{run.id}/results" and not saved:
            saved.append(story.save(run, 2).id)

    story.spoil = save_behind_the_read
    story.poll()
    story.wait_and_poll(6)

    assert story.announced == saved
