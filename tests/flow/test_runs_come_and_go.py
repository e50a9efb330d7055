"""Rule 7: runs open, close, come back and disappear; nothing that was saved in them is lost."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from testmo_notifier.errors import PollFailed, TooLarge, Unreadable
from testmo_notifier.model import Checkpoint
from tests.support.story import Story, one_worker
from tools.simulator.model import Project, Result, Run


def test_a_run_opened_and_closed_between_two_polls_is_announced(story: Story) -> None:
    story.poll()
    story.wait(10)
    run = story.add_run()
    result = story.save(run)
    story.wait(10)
    story.world.close_run(run)
    story.wait_and_poll(8)

    assert story.announced == [result.id]


def test_the_last_failing_result_just_before_closing_is_announced(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    story.world.close_run(run)
    story.wait_and_poll(8)

    assert story.announced == [result.id]


@pytest.mark.parametrize("seconds", [1, 100, 299])
def test_a_result_saved_right_at_closing_and_visible_late_is_announced(story: Story, seconds: float) -> None:
    run = story.add_run_and_poll()
    story.wait(600)
    first = story.save(run, 1)
    story.poll()
    story.wait(600)
    late = story.save(run, 2, visible_from=story.time + timedelta(seconds=seconds))
    story.world.close_run(run)
    story.wait_and_poll(8)

    assert story.announced == [first.id, late.id]


def test_a_closed_run_is_read_until_a_read_began_after_closing_plus_the_overlap_then_no_longer(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    story.world.close_run(run)
    closed_at = story.time
    story.wait_and_poll(4)
    before = len(story.reads(run))
    story.wait_and_poll(130)
    reads = story.reads(run)

    assert [read.at for read in reads[before:]] == [closed_at + timedelta(seconds=300)]


def test_a_closed_run_leaves_no_request_behind_but_the_lists(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    story.world.close_run(run)
    story.wait_and_poll(8)
    before = len(story.testmo.requests)
    story.wait_and_poll(10)

    assert len(story.testmo.requests) - before == 10  # the projects; nothing is open, nothing is closing


def test_a_reopened_run_goes_on_where_it_stopped(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    first = story.save(run, 1)
    story.world.close_run(run)
    story.wait_and_poll(10)
    story.world.reopen_run(run)
    story.wait()
    second = story.save(run, 2)
    story.wait_and_poll(7)
    third = story.save(run, 1)  # the same status on the same test
    story.wait_and_poll(7)

    assert story.announced == [first.id, second.id, third.id]


def test_a_result_added_while_a_run_was_closed_is_announced_when_it_is_opened_again(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    story.world.close_run(run)
    story.wait_and_poll(20)
    result = story.save(run)
    story.wait_and_poll(5)
    story.world.reopen_run(run)
    story.wait_and_poll(2)

    assert story.announced == [result.id]


def test_a_run_reopened_and_closed_again_between_two_polls_is_read_within_an_hour(story: Story) -> None:
    """No count moves and nothing left a list, so only the hourly look can find it."""
    run = story.add_run()
    story.add_run_and_poll("always open")
    story.world.close_run(run)
    story.wait_and_poll(15)
    story.wait(10)
    story.world.reopen_run(run)
    result = story.save(run)
    story.world.close_run(run)
    story.wait_and_poll(61)

    assert story.announced == [result.id]


def test_a_run_that_closes_while_another_is_deleted_is_read_within_an_hour(story: Story) -> None:
    """The count of closed runs stays what it was."""
    old = story.add_run("old")
    story.world.close_run(old)
    story.wait(3600)
    story.poll()
    story.wait_and_poll(15)
    story.world.delete_run(old)
    short = story.add_run("opened and closed between two polls")
    result = story.save(short)
    story.world.close_run(short)
    story.wait_and_poll(61)

    assert story.announced == [result.id]


def test_a_known_run_that_left_the_list_has_the_closed_ones_listed_though_their_count_stands_still(
    story: Story,
) -> None:
    """Two are closed and two deleted: one of the new ones was never seen while it was open."""
    known, *old = (story.add_run(name) for name in ("known", "old", "older"))
    for run in old:
        story.world.close_run(run)
    story.poll()
    story.wait_and_poll(8)
    short = story.add_run("short")
    result = story.save(short)
    for run in (known, short):
        story.world.close_run(run)
    for run in old:
        story.world.delete_run(run)
    story.wait_and_poll()

    assert story.announced == [result.id]


def test_a_run_that_shows_in_the_list_of_closed_ones_a_poll_late_is_found_where_testmo_counts_nothing(
    story: Story,
) -> None:
    """The overlap holds for this list as well; counts, where there are any, would tell that one is missing."""
    hidden: list[int] = []

    def spoil(path: str, body: dict[str, Any]) -> None:
        if path == "/projects":
            for row in body["result"]:
                del row["run_closed_count"]
        elif path.endswith("/runs"):
            body["result"] = [row for row in body["result"] if row["id"] not in hidden]

    story.spoil = spoil
    story.poll()
    story.wait()
    short = story.add_run("short")
    result = story.save(short)
    story.world.close_run(short)
    hidden.append(short.id)
    story.wait_and_poll()
    assert story.announced == []

    hidden.clear()
    story.wait_and_poll()
    assert story.announced == [result.id]


def test_a_deleted_run_is_named_once_and_holds_up_nothing(story: Story) -> None:
    deleted, other = story.add_run("deleted"), story.add_run("other")
    story.poll()
    story.wait()
    story.save(deleted)
    story.world.delete_run(deleted)
    result = story.save(other)
    first = story.poll()
    second = story.wait_and_poll()

    assert story.announced == [result.id]
    assert any(f"run {deleted.id} is gone" in problem for problem in first.problems)
    assert second.problems == []


def deleted_while_it_is_read(story: Story) -> tuple[Run, Result]:
    """A run that is listed and has no results any more, and what fails in another one."""
    deleted, other = story.add_run("deleted"), story.add_run("other")
    story.poll()
    story.wait()
    for path in (f"/runs/{deleted.id}", f"/runs/{deleted.id}/results"):
        story.testmo.faults.add("404", path=path, times=None)
    story.save(deleted)
    return deleted, story.save(other)


def test_a_run_deleted_between_the_lists_and_its_results_is_left_alone_for_an_hour(story: Story) -> None:
    deleted, result = deleted_while_it_is_read(story)
    first = story.poll()
    before = len(story.requests(f"/runs/{deleted.id}/results"))
    story.wait_and_poll(59)
    assert len(story.requests(f"/runs/{deleted.id}/results")) == before
    story.wait_and_poll(2)

    assert story.announced == [result.id]
    assert f"run {deleted.id} (deleted)" in first.problems[0]
    assert len(story.requests(f"/runs/{deleted.id}/results")) == before + 1


def test_a_deleted_run_whose_checkpoint_has_no_room_holds_up_nothing(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted, result = deleted_while_it_is_read(story)
    commit = story.store.commit

    def has_no_room(checkpoint: Checkpoint, *rest: object) -> Checkpoint:
        if checkpoint.run_id == deleted.id:
            raise TooLarge("RUN#1 is larger than DynamoDB takes (400 KB)")
        return commit(checkpoint, *rest)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(story.store, "commit", has_no_room)

    assert "RUN#1 is larger than DynamoDB takes (400 KB)" in story.poll().problems
    assert story.announced == [result.id]


@pytest.mark.parametrize("fault", ["403", "404"])
def test_a_run_that_is_shown_again_has_lost_nothing(story: Story, fault: str) -> None:
    run = story.add_run_and_poll()
    story.wait()
    before = story.save(run, 1)
    story.poll()
    story.testmo.faults.add(fault, path=f"/runs/{run.id}/results", times=2)
    story.wait()
    meanwhile = story.save(run, 2)
    story.wait_and_poll(200)

    assert story.announced == [before.id, meanwhile.id]


@pytest.mark.parametrize("minutes", [1, 5, 30, 300, 3000])
def test_a_project_hidden_and_shown_again_has_lost_nothing_in_the_runs_we_knew(story: Story, minutes: int) -> None:
    still_open, closed = story.add_run("still open"), story.add_run("closed meanwhile")
    story.world.add_project("Garden")
    story.poll()
    story.wait()
    story.world.hide_project(story.shop)
    story.wait_and_poll()
    first, second = story.save(still_open), story.save(closed)
    story.world.close_run(closed)
    story.wait_and_poll(2, every=minutes * 30)
    story.world.show_project(story.shop)
    story.wait_and_poll(65)

    assert sorted(story.announced) == [first.id, second.id]


@pytest.mark.parametrize("minutes", [10, 300])
def test_a_project_hidden_and_shown_again_has_lost_no_run_opened_and_closed_meanwhile(
    story: Story, minutes: int
) -> None:
    story.world.add_project("Garden")
    story.poll()
    story.wait()
    story.world.hide_project(story.shop)
    story.wait_and_poll()
    run = story.add_run("opened and closed meanwhile")
    result = story.save(run)
    story.world.close_run(run)
    story.wait_and_poll(minutes)
    story.world.show_project(story.shop)
    story.wait_and_poll(65)

    assert story.announced == [result.id]


@pytest.mark.parametrize("minutes", [10, 70, 200])
def test_a_project_that_answers_403_for_hours_has_lost_no_run_opened_and_closed_meanwhile(
    story: Story, minutes: int
) -> None:
    story.world.add_project("Garden")
    story.add_run_and_poll("always open")
    story.wait()
    story.testmo.faults.add("403", path=f"/projects/{story.shop.id}/runs", times=None)
    first = story.poll()
    story.wait(10)
    run = story.add_run("opened and closed meanwhile")
    result = story.save(run)
    story.world.close_run(run)
    story.wait_and_poll(minutes)
    story.testmo.faults.clear()
    story.wait_and_poll(65)

    assert f"project {story.shop.id} (Shop)" in first.problems[0]
    assert story.announced == [result.id]


def test_a_project_that_answers_403_is_asked_once_an_hour(story: Story) -> None:
    story.add_run_and_poll()
    story.testmo.faults.add("403", path="/projects/*/runs", times=None)
    before = len(story.requests("/projects/*/runs"))
    story.wait_and_poll(180)

    assert len(story.requests("/projects/*/runs")) - before == 3


def unlist(story: Story, project: Project) -> None:
    """Leave a project out of the list of projects, as for a token that may not see it any more."""

    def hide(path: str, body: dict[str, Any]) -> None:
        if path == "/projects":
            body["result"] = [row for row in body["result"] if row["id"] != project.id]

    story.spoil = hide


def test_a_project_without_open_runs_that_vanishes_from_the_list_is_named_once_and_sets_off_the_alarm(
    story: Story,
) -> None:
    """That is how an API forgets a deleted one."""
    garden = story.world.add_project("Garden")
    run = story.add_run_and_poll(project=garden)

    unlist(story, garden)
    story.world.close_run(run)
    first, second = story.wait_and_poll(), story.wait_and_poll()
    assert (first.invisible, second.invisible) == (1, 0)
    assert first.problems == [f"project {garden.id} is listed no more: deleted, or hidden from the token's user"]

    story.world.reopen_run(run)
    result = story.save(run)
    story.spoil = lambda _path, _body: None
    story.wait_and_poll()
    assert story.announced == [result.id]


@pytest.mark.parametrize(
    ("fault", "runs", "words"),
    [
        ("", None, "its open runs are shown all the same; to leave it, name the others in ProjectIds"),
        ("", [{"id": "none"}], "its open runs are shown all the same"),
        ("500", None, "answered with 500"),
    ],
)
def test_a_project_that_is_listed_no_more_and_still_there_is_named_in_every_poll_and_counts_for_the_lag(
    story: Story, fault: str, runs: list[object] | None, words: str
) -> None:
    """Nobody reads its runs meanwhile: that must not look like a good poll, nor end with the first hour."""
    garden = story.world.add_project("Garden")
    run = story.add_run(project=garden)
    story.add_run_and_poll("in the shop")

    unlist(story, garden)
    hide = story.spoil

    def spoil(path: str, body: dict[str, Any]) -> None:
        hide(path, body)
        if runs is not None and path.endswith(f"/projects/{garden.id}/runs"):
            body["result"] = runs

    story.spoil = spoil
    if fault:
        story.testmo.faults.add(fault, path=f"/projects/{garden.id}/runs", times=None)
    result = story.save(run)
    summaries = [story.wait_and_poll() for _ in range(90)]
    assert {summary.status for summary in summaries} == {"partial"}
    assert all(f"project {garden.id} is listed no more: " in summary.problems[0] for summary in summaries)
    assert words in summaries[-1].problems[0]
    assert summaries[-1].lag_seconds == 90 * 60
    assert {summary.invisible for summary in summaries} == {0}

    story.spoil = lambda _path, _body: None
    story.testmo.faults.clear()
    last = story.wait_and_poll()
    assert (story.announced, last.status, last.lag_seconds) == ([result.id], "ok", 0)


@pytest.mark.parametrize(("fault", "polls", "asked"), [("403", 130, 3), ("404", 1, 1)])
def test_a_hidden_project_is_named_in_every_poll_though_it_is_not_listed_and_a_deleted_one_once(
    story: Story, fault: str, polls: int, asked: int
) -> None:
    garden = story.world.add_project("Garden")
    run = story.add_run_and_poll(project=garden)

    unlist(story, garden)
    lists = f"/projects/{garden.id}/runs"
    story.testmo.faults.add(fault, path=lists, times=None)
    before = len(story.requests(lists))
    summaries = [story.wait_and_poll() for _ in range(130)]

    assert sum(bool(summary.problems) for summary in summaries) == polls
    assert sum(summary.hidden > 0 for summary in summaries) == (polls if fault == "403" else 0)
    assert len(story.requests(lists)) - before == asked
    assert summaries[-1].lag_seconds == 0

    result = story.save(run)
    story.spoil = lambda _path, _body: None
    story.testmo.faults.clear()
    story.wait_and_poll(61)
    assert story.announced == [result.id]


def test_a_stranger_s_403_about_a_run_of_run_ids_is_asked_again_in_the_next_poll(story: Story) -> None:
    run = story.add_run()
    story.settings["scope"] = story.scope(run_ids=(run.id, 4711))
    story.testmo.faults.add("403-page", path="/runs/4711", times=1)
    first, second, third = story.poll(), story.wait_and_poll(), story.wait_and_poll()

    assert "run 4711 of RunIds could not be looked at" in first.problems[0]
    assert first.status == "partial"
    assert "run 4711 of RunIds is gone" in second.problems[0]
    assert (second.invisible, third.problems) == (1, [])


def test_a_hidden_project_is_named_in_every_poll_and_counted_when_it_is_tried(story: Story) -> None:
    story.add_run_and_poll()
    story.testmo.faults.add("403", path="/projects/*/runs", times=None)
    tried = story.wait_and_poll()
    between = story.wait_and_poll(5)

    assert (tried.invisible, between.invisible) == (1, 0)
    assert between.problems == [f"project {story.shop.id} (Shop) is hidden since 2026-11-23T09:01+00:00"]


def test_a_list_of_closed_runs_that_cannot_be_had_holds_up_no_open_run(story: Story) -> None:
    run, closing = story.add_run("stays open"), story.add_run("closes")
    story.poll()
    story.wait()
    broken = [True]

    def break_it(_path: str, body: dict[str, Any]) -> None:
        if broken[0] and any(row.get("is_closed") for row in body["result"]):
            raise Unreadable("Testmo answered 500")

    story.spoil = break_it
    last = story.save(closing)
    story.world.close_run(closing)
    result = story.save(run)
    summary = story.poll()
    assert story.announced == [result.id]
    assert summary.problems == ["the closed runs of project 1 (Shop): Testmo answered 500"]
    assert story.wait_and_poll(120).lag_seconds == 7260

    broken[0] = False
    story.wait_and_poll()
    assert story.announced == [result.id, last.id]


@pytest.mark.parametrize("path", ["/projects/1/runs", "/projects"])
def test_a_row_of_a_list_that_cannot_be_understood_holds_up_no_other(story: Story, path: str) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)

    def stray(asked: str, body: dict[str, Any]) -> None:
        if asked == path:
            body["result"] = [{"id": None, "name": "strange"}, *body["result"]]

    story.spoil = stray
    summary = story.poll()
    assert story.announced == [result.id]
    assert summary.status == "partial"
    assert "cannot be watched" in summary.problems[0]
    assert f"{path} holds something unknown: a " in summary.problems[0]
    assert story.wait_and_poll(60).lag_seconds > 3600


def test_a_list_of_projects_in_which_nothing_can_be_understood_is_a_failed_poll(story: Story) -> None:
    story.add_run()

    def strange(path: str, body: dict[str, Any]) -> None:
        if path == "/projects":
            body["result"] = ["strange"]

    story.spoil = strange
    with pytest.raises(PollFailed, match="a project is not an object"):
        story.poll()


def test_a_project_that_is_said_to_have_no_open_run_is_looked_into_hourly(story: Story) -> None:
    """A count is a hint that saves requests, no more."""
    run = story.add_run_and_poll()

    def lie(path: str, body: dict[str, Any]) -> None:
        if path == "/projects":
            body["result"][0]["run_active_count"] = 0

    story.spoil = lie
    result = story.save(run)
    story.wait_and_poll(61)
    new = story.save(story.add_run("unknown before"))
    story.wait_and_poll(61)

    assert story.announced == [result.id, new.id]


def test_more_projects_than_a_minute_allows_are_looked_into_in_turns(story: Story) -> None:
    """Each has a run that fails and closes between two looks; a poll may look into a handful of thirty."""
    story.settings["executor"] = one_worker  # which runs the budget cuts off is no race then
    projects = [story.world.add_project(f"Project {n}") for n in range(30)]
    for project in projects:
        story.add_run(project=project)
    story.settings |= {"requests_per_minute": 20, "shuffle": random.Random(1).shuffle}
    story.wait_and_poll(20)
    saved = []
    for project in projects:
        run = story.add_run("short", project=project)
        saved.append(story.save(run).id)
        story.world.close_run(run)
        summary = story.wait_and_poll()
        assert summary.status == "partial"
    last = story.wait_and_poll(20)

    assert sorted(story.announced) == saved
    assert last.lag_seconds < 900


def test_run_ids_narrow_to_these_runs(story: Story) -> None:
    wanted, other = story.add_run("wanted"), story.add_run("other")
    story.settings["scope"] = story.scope(run_ids=(wanted.id,))
    story.poll()
    story.wait()
    result = story.save(wanted)
    story.save(other)
    story.wait_and_poll(6)

    assert story.announced == [result.id]
    assert story.requests(f"/runs/{other.id}/results") == []


def test_a_run_of_run_ids_that_closes_is_read_to_its_end(story: Story) -> None:
    run = story.add_run()
    story.settings["scope"] = story.scope(run_ids=(run.id,))
    story.poll()
    story.wait()
    result = story.save(run, visible_from=story.time + timedelta(seconds=200))
    story.world.close_run(run)
    story.wait_and_poll(10)

    assert story.announced == [result.id]


def test_runs_that_closed_while_run_ids_named_another_are_announced_when_it_names_none(story: Story) -> None:
    named, known = story.add_run("named"), story.add_run("known")
    story.poll()
    story.settings["scope"] = story.scope(run_ids=(named.id,))
    story.wait_and_poll()
    short = story.add_run("opened and closed")
    results = [story.save(run).id for run in (known, short)]
    for run in (known, short):
        story.world.close_run(run)
    story.wait_and_poll(30)
    assert story.announced == []
    story.settings["scope"] = story.scope(run_ids=())
    story.wait_and_poll(2)

    assert sorted(story.announced) == results


def test_run_ids_that_are_not_there_are_named_once_an_hour(story: Story) -> None:
    story.settings["scope"] = story.scope(run_ids=(story.add_run().id, 4711))
    problems = [story.wait_and_poll().problems for _ in range(62)]
    said = [n for n, words in enumerate(problems) if any("run 4711 of RunIds is gone" in word for word in words)]

    assert len(said) == 2
    assert said[0] == 0
    assert said[1] - said[0] == 60


def test_project_ids_narrow_to_these_projects_completed_ones_included(story: Story) -> None:
    garden = story.world.add_project("Garden")
    run, other = story.add_run(project=garden), story.add_run()
    story.settings["scope"] = story.scope(project_ids=(garden.id,))
    story.poll()
    story.world.complete_project(garden)
    story.wait()
    result = story.save(run)
    story.save(other)
    story.wait_and_poll(6)

    assert story.announced == [result.id]


def test_a_project_that_project_ids_name_for_the_first_time_is_watched_from_then_on(story: Story) -> None:
    story.settings["scope"] = story.scope(project_ids=(story.shop.id,))
    story.wait_and_poll(2)
    garden = story.world.add_project("Garden")  # made after we came
    run, over = story.add_run(project=garden), story.add_run("over", project=garden)
    story.save(run, 1)
    story.save(over)
    story.world.close_run(over)
    story.wait_and_poll(3, every=86_400)
    story.settings["scope"] = story.scope(project_ids=(story.shop.id, garden.id))
    story.wait_and_poll(2)
    result = story.save(run, 2)
    story.wait_and_poll(62)

    assert story.announced == [result.id]


@pytest.mark.parametrize("made", ["before we came", "since"])
def test_what_was_saved_after_the_last_poll_that_left_its_project_out_is_announced(story: Story, made: str) -> None:
    garden = story.world.add_project("Garden") if made == "before we came" else None
    story.wait()
    story.settings["scope"] = story.scope(project_ids=(story.shop.id,))
    story.wait_and_poll(2)
    garden = garden or story.world.add_project("Garden")
    run = story.add_run(project=garden)
    story.wait_and_poll(5)
    story.wait(30)
    result = story.save(run)
    story.settings["scope"] = story.scope(project_ids=(story.shop.id, garden.id))
    story.wait_and_poll(2)

    assert story.announced == [result.id]


def test_project_ids_that_are_not_visible_are_named(story: Story) -> None:
    run = story.add_run()
    story.settings["scope"] = story.scope(project_ids=(story.shop.id, 4711))
    story.poll()
    story.wait()
    result = story.save(run)
    summary = story.poll()

    assert story.announced == [result.id]
    assert "project 4711 of ProjectIds is not visible to the token's user" in summary.problems


def test_nothing_but_invisible_project_ids_is_a_failed_poll_in_words(story: Story) -> None:
    story.settings["scope"] = story.scope(project_ids=(4711, 4712))

    with pytest.raises(PollFailed, match="correct ProjectIds, or give the user access"):
        story.poll()


def test_a_project_that_was_completed_long_ago_is_not_looked_into(story: Story) -> None:
    story.add_run()
    story.world.complete_project(story.shop)
    story.wait(2 * 3600)
    story.poll()

    assert story.requests("/projects/*/runs") == []


def test_a_run_that_closes_between_the_list_of_open_runs_and_the_next_is_found(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    story.before_page(1, lambda: story.world.close_run(run), path="/projects/*/runs")
    story.poll()
    story.wait_and_poll(7)

    assert story.announced == [result.id]


def test_more_runs_than_fit_a_page_of_the_list_are_all_watched(story: Story) -> None:
    runs = [story.add_run(f"Run {n}", tests=1) for n in range(230)]
    story.settings["requests_per_minute"] = 1_000
    story.poll()
    story.wait()
    for run in runs:
        story.save(run)
    story.poll()
    story.wait_and_poll(15)

    assert sorted(story.announced) == list(range(1, 231))


def test_a_run_closed_between_two_pages_of_the_list_hides_none_of_the_others(story: Story) -> None:
    runs = [story.add_run(f"Run {n}", tests=1) for n in range(150)]
    story.settings["requests_per_minute"] = 1_000
    story.poll()
    story.wait()
    for run in runs:
        story.save(run)
    story.before_page(2, lambda: story.world.close_run(runs[0]), path="/projects/*/runs")
    story.poll()
    story.wait_and_poll(10)

    assert sorted(story.announced) == list(range(1, 151))


def test_a_run_without_a_creation_date_or_name_is_watched(story: Story) -> None:
    run = story.add_run()
    story.save(run, 1)
    story.wait()

    def strip(path: str, body: dict[str, object]) -> None:
        rows = body["result"]
        if path.endswith("/runs") and isinstance(rows, list):
            for row in rows:
                row.update(created_at=None, name=None, milestone_id=99, config_id=99)

    story.spoil = strip
    story.poll()
    story.wait()
    result = story.save(run, 2)
    story.poll()

    assert story.announced == [result.id]


def test_what_was_saved_just_before_a_project_was_completed_is_announced_and_then_it_is_left_alone(
    story: Story,
) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    story.world.complete_project(story.shop)
    story.poll()
    story.wait(3 * 3600)
    story.wait_and_poll(2)
    asked = len(story.requests("/projects/*/runs"))
    story.wait_and_poll(3)

    assert story.announced == [result.id]
    assert len(story.requests("/projects/*/runs")) == asked


@pytest.mark.parametrize("fault", ["503", "403"])
def test_what_cannot_be_read_when_its_project_is_completed_is_announced_whenever_it_can(
    story: Story, fault: str
) -> None:
    run = story.add_run_and_poll()
    result = story.save(run)
    story.testmo.faults.add(fault, path="/runs/*/results", times=None)
    story.wait_and_poll()
    story.world.complete_project(story.shop)
    story.wait_and_poll(200)
    story.testmo.faults.clear()
    story.wait_and_poll(62)
    asked = len(story.requests("/projects/*/runs"))
    story.wait_and_poll(80)

    assert story.announced == [result.id]
    assert len(story.requests("/projects/*/runs")) == asked


def test_what_is_in_a_project_that_is_hidden_when_it_is_completed_is_announced_once_it_is_shown(story: Story) -> None:
    run = story.add_run()
    story.world.add_project("Other")
    story.wait_and_poll(2)
    story.testmo.faults.add("403", path=f"/projects/{story.shop.id}/runs", times=None)
    result = story.save(run)
    story.wait_and_poll(2)
    story.world.complete_project(story.shop)
    later = story.wait_and_poll(200)
    story.testmo.faults.clear()
    story.testmo.faults.add("503", path=f"/runs/{run.id}/results", times=3)  # of the poll that finds it shown, too
    story.wait_and_poll(70)
    asked = len(story.requests(f"/projects/{story.shop.id}/runs"))
    story.wait_and_poll(80)

    assert "project 1 (Shop)" in later.problems[0]
    assert story.announced == [result.id]
    assert len(story.requests(f"/projects/{story.shop.id}/runs")) == asked


def test_a_hidden_run_keeps_no_other_completed_project_among_the_watched(story: Story) -> None:
    """It may stay hidden for years, and all that is completed meanwhile would be asked for at every poll."""
    other = story.world.add_project("Other")
    hidden, _ = story.add_run(), story.add_run(project=other)
    story.wait_and_poll(2)
    story.testmo.faults.add("403", path=f"/runs/{hidden.id}/results", times=None)
    story.save(hidden)
    story.wait_and_poll(2)
    story.world.complete_project(other)
    story.wait_and_poll(80)
    asked = len(story.requests(f"/projects/{other.id}/runs"))
    story.wait_and_poll(80)

    assert len(story.requests(f"/projects/{other.id}/runs")) == asked


def test_a_project_that_was_completed_is_looked_into_until_the_turns_of_its_runs(story: Story) -> None:
    """No counter shows that a test failed again."""
    story.settings["staleness"] = timedelta(days=1)
    run = story.add_run_and_poll()
    first = story.save(run)
    story.wait_and_poll(6)
    again = story.save(run)
    story.wait()
    story.world.complete_project(story.shop)
    story.wait_and_poll(60, every=1_800)
    asked = len(story.requests("/projects/*/runs"))
    story.wait_and_poll(12, every=1_800)

    assert story.announced == [first.id, again.id]
    assert len(story.requests("/projects/*/runs")) == asked


@pytest.mark.parametrize("closed", [False, True])
def test_a_run_that_is_moved_to_another_project_is_read_there_alone(story: Story, closed: bool) -> None:  # noqa: FBT001 - a case
    run, other = story.add_run(), story.world.add_project("Billing")
    story.poll()
    first = story.fail_and_poll(run, 1)

    run.project_id = other.id
    second = story.save(run, 2)
    second.project_id = other.id
    if closed:
        story.world.close_run(run)
    for _ in range(8):
        assert story.wait_and_poll().problems == []
    assert story.announced == [first.id, second.id]
    assert len(story.requests(f"/runs/{run.id}")) == 1

    story.world.delete_run(run)
    told = [problem for _ in range(3) for problem in story.wait_and_poll().problems]
    assert [problem.partition(":")[0] for problem in told] == ([] if closed else [f"run {run.id} is gone"])
