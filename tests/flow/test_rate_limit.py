"""Rule 9: Testmo is asked no more often than it likes, and what it refuses is caught up on."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from testmo_notifier.errors import PollFailed, TokenRefused
from tests.support.story import Story
from tools.simulator.model import Run


def busiest_minute(story: Story) -> int:
    """The most requests in any 60 seconds."""
    moments = [request.at for request in story.testmo.requests]
    return max(sum(0 <= (b - a).total_seconds() < 60 for b in moments) for a in moments)


def many_projects(story: Story, count: int) -> list[Run]:
    return [story.add_run(f"Run {n}", project=story.world.add_project(f"Project {n}"), tests=9) for n in range(count)]


@pytest.mark.parametrize("path", ["/projects", "/projects/*/runs", "/runs/*/results"])
@pytest.mark.parametrize("retry_after", [1, 59, 200, None])
def test_after_a_429_nothing_is_asked_before_the_pause_is_over_then_everything_is_caught_up(
    story: Story, path: str, retry_after: int | None
) -> None:
    run = story.add_run_and_poll()
    story.testmo.faults.add("429", path=path, retry_after=retry_after)
    story.wait()
    result = story.save(run)
    throttled = story.poll()
    refused_at = story.time
    asked = len(story.testmo.requests)
    for _ in range(50):
        story.wait(10)
        story.deploy_again()
        story.poll()

    pause = 60 if retry_after is None else retry_after
    assert throttled.status == "partial"
    assert throttled.retry_at == refused_at + timedelta(seconds=pause)
    assert all((request.at - refused_at).total_seconds() >= pause for request in story.testmo.requests[asked:])
    assert story.announced == [result.id]


@pytest.mark.parametrize("path", ["/projects", "/projects/*/runs", "/runs/*/results"])
def test_a_maintenance_that_says_how_long_it_takes_is_waited_out(story: Story, path: str) -> None:
    run = story.add_run_and_poll()
    story.testmo.faults.add("503", path=path, retry_after=200)
    story.wait()
    result = story.save(run)
    summary = story.poll()
    began, asked = story.time, len(story.testmo.requests)
    story.wait_and_poll(10, every=30)

    assert summary.retry_at == began + timedelta(seconds=200)
    assert all((request.at - began).total_seconds() >= 200 for request in story.testmo.requests[asked:])
    assert story.announced == [result.id]


def test_a_503_that_does_not_say_how_long_stops_nothing_but_its_own_run(story: Story) -> None:
    broken, healthy = story.add_run("broken"), story.add_run("healthy")
    story.poll()
    story.testmo.faults.add("503", path=f"/runs/{broken.id}/results", times=None)
    story.save(broken)
    result = story.save(healthy)
    summary = story.wait_and_poll()

    assert (story.announced, summary.retry_at) == ([result.id], None)


def test_a_poll_within_the_pause_says_that_it_waits(story: Story) -> None:
    story.poll()
    story.testmo.faults.add("429", retry_after=200)
    story.wait_and_poll()
    summary = story.wait_and_poll()

    assert (summary.status, summary.requests) == ("waiting", 0)
    assert "Testmo asked for a pause until 2026-11-23T09:04:20+00:00" in summary.words


def test_a_poll_that_fails_within_the_pause_does_not_end_it(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.poll()
    story.testmo.faults.add("429", retry_after=600)
    story.wait_and_poll()
    asked = len(story.testmo.requests)
    with monkeypatch.context() as broken:
        broken.setattr(type(story.store), "pending", lambda _self: 1 / 0)
        story.wait()
        with pytest.raises(ZeroDivisionError):
            story.poll()
    story.wait_and_poll(3)

    assert len(story.testmo.requests) == asked


def test_what_waits_in_outboxes_is_handed_over_during_a_pause(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    story.topic.refused = {"slack:default", "email:default", "event"}
    story.poll()
    story.testmo.faults.add("429", retry_after=600)
    story.wait_and_poll()
    story.topic.refused = set()
    assert story.wait_and_poll().status == "waiting"

    assert story.announced == [result.id]


@pytest.mark.parametrize("path", ["/projects", "/projects/*/runs", "/runs/*/results"])
def test_a_refused_token_stops_and_says_so_and_a_new_one_catches_up(story: Story, path: str) -> None:
    run = story.add_run_and_poll()
    before = story.checkpoint(run)
    story.testmo.faults.add("401", path=path, times=None)
    story.wait()
    result = story.save(run)
    for _ in range(3):
        with pytest.raises(TokenRefused, match="Make a new one") as refused:
            story.poll()
        assert story.token.token not in str(refused.value)
        story.wait()
    assert story.checkpoint(run) == before
    story.testmo.faults.clear()
    story.poll()

    assert story.announced == [result.id]


def test_a_token_that_was_rotated_is_fetched_again_without_a_word(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    story.token.token = "an old one"

    assert story.poll().status == "ok"
    assert story.announced == [result.id]


def test_a_user_who_may_do_nothing_is_a_refused_token(story: Story) -> None:
    story.testmo.faults.add("403", times=None)

    with pytest.raises(TokenRefused, match="give the user a role"):
        story.poll()


def test_a_user_who_may_not_list_projects_is_named(story: Story) -> None:
    story.testmo.faults.add("403", path="/projects")

    with pytest.raises(PollFailed, match="Testmo Notifier, whose token this is, may not list projects"):
        story.poll()


@pytest.mark.parametrize("path", ["/projects/*/runs", "/runs/*/results"])
def test_a_request_that_testmo_rejects_is_told_with_its_parameter_and_sets_off_an_alarm(
    story: Story, path: str
) -> None:
    """The alarm is over the metric of `settings_problems`."""
    run = story.add_run_and_poll()
    story.testmo.faults.add("422", path=path)
    story.wait()
    result = story.save(run)
    summary = story.poll()

    assert (summary.status, summary.settings_problems) == ("partial", 1)
    assert "because of per_page" in summary.problems[0]
    assert story.wait_and_poll().settings_problems == 0
    assert story.announced == [result.id]


@pytest.mark.parametrize(("budget", "workers"), [(1, 4), (120, 4), (149, 4), (150, 5), (480, 16), (10_000, 16)])
def test_no_more_requests_are_under_way_at_a_time_than_the_budget_is_worth(
    story: Story, budget: int, workers: int
) -> None:
    """Each worker sends one at a time, and the thread that waits for them none. Lists are read first, then runs."""
    counts: list[int] = []

    def counted(most: int) -> ThreadPoolExecutor:
        counts.append(most)
        return ThreadPoolExecutor(most)

    for n in range(9):
        story.add_run(f"Run {n}")
    story.poll(executor=counted, requests_per_minute=budget)

    assert set(counts) == {workers}


@pytest.mark.parametrize("budget", [1, 2, 3, 10, 20, 120])
@pytest.mark.parametrize("every", [10, 60, 61])
def test_the_budget_holds_in_every_sixty_seconds(story: Story, budget: int, every: float) -> None:
    runs = [story.add_run(f"Run {n}", tests=3) for n in range(25)]
    story.settings["requests_per_minute"] = budget
    for round_ in range(12):
        story.poll()
        story.wait(every)
        story.deploy_again()
        for run in runs:
            story.save(run, 1 + round_ % 3)

    assert busiest_minute(story) <= budget


def test_sixty_runs_with_twenty_requests_a_minute_are_all_read_in_bounded_time(story: Story) -> None:
    story.settings["requests_per_minute"] = 20
    story.settings["shuffle"] = random.Random(7).shuffle
    runs = [story.add_run(f"Run {n}", tests=1) for n in range(60)]
    story.poll()
    story.wait_and_poll(6)
    first = [story.save(run).id for run in runs]
    story.wait_and_poll(6)

    assert sorted(story.announced) == first


def test_runs_that_change_at_every_poll_keep_no_other_from_being_read(story: Story) -> None:
    story.settings["requests_per_minute"] = 20
    story.settings["shuffle"] = random.Random(7).shuffle
    runs = [story.add_run(f"Run {n}", tests=50) for n in range(40)]
    quiet = story.add_run("quiet")
    story.wait_and_poll(8)
    wanted = story.save(quiet)
    for number in range(1, 21):
        for run in runs:
            story.save(run, number)
        story.wait_and_poll()

    assert wanted.id in story.announced


@pytest.mark.parametrize(("projects", "budget"), [(10, 10), (24, 40)])
def test_more_projects_than_requests_keep_no_result_from_being_announced(
    story: Story, projects: int, budget: int
) -> None:
    story.settings["requests_per_minute"] = budget
    story.settings["shuffle"] = random.Random(7).shuffle
    runs = many_projects(story, projects)
    story.wait_and_poll(20)
    first = [story.save(run, 1).id for run in runs]
    story.wait_and_poll(30)
    story.world.close_run(runs[0])
    last = story.save(runs[0], 2).id
    story.wait_and_poll(30)

    assert sorted(set(first) - set(story.announced)) == []
    assert last in story.announced
    assert len(story.announced) == len(first) + 1


def test_a_testmo_with_a_limit_of_its_own_is_caught_up_with(story: Story) -> None:
    runs = [story.add_run(f"Run {n}") for n in range(30)]
    story.poll()
    story.wait(61)
    story.testmo.faults.limit(12)
    expected = [story.save(run).id for run in runs]
    story.wait_and_poll(12)

    assert sorted(story.announced) == expected


def test_a_poll_without_any_request_left_says_when_there_is_one_again(story: Story) -> None:
    story.add_run()
    story.settings["requests_per_minute"] = 5
    story.poll()
    story.poll()
    summary = story.poll()

    assert (summary.status, summary.requests) == ("waiting", 0)
    assert summary.retry_at is not None
    assert timedelta(seconds=50) < summary.retry_at - story.time <= timedelta(seconds=61)
