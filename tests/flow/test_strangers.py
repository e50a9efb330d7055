"""Rules 7 and 9: only Testmo itself decides about a token, a right or what exists; what it hides stays on the list.

A proxy, a firewall or a bot check on the way answers with the same numbers.
"""

from __future__ import annotations

import pytest

from testmo_notifier.errors import PollFailed
from tests.support.story import Story

STRANGERS = ["401-page", "403-page", "403-json", "403-list", "404-page", "404-empty"]
IN_TESTMOS_WORDS = ["401", "403", "404"]


@pytest.mark.parametrize("path", ["/projects", "/projects/*/runs", "/runs/*/results"])
@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_strangers_answer_costs_one_poll_and_nothing_else(story: Story, stranger: str, path: str) -> None:
    run = story.add_run_and_poll()
    before = story.checkpoint(run)
    story.testmo.faults.add(stranger, path=path)
    story.wait()
    result = story.save(run)
    if path == "/projects":
        with pytest.raises(PollFailed, match=f"answered with {stranger[:3]}, but not in Testmo's words"):
            story.poll()
    else:
        summary = story.poll()
        assert (summary.status, summary.invisible, summary.hidden) == ("partial", 0, 0)
        assert f"answered with {stranger[:3]}, but not in Testmo's words" in summary.problems[0]
    assert story.checkpoint(run) == before

    assert story.wait_and_poll().status == "ok"
    assert story.announced == [result.id]


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_strangers_answer_about_a_run_that_left_the_list_does_not_make_it_deleted(
    story: Story, stranger: str
) -> None:
    run = story.add_run_and_poll()
    listed = [False]

    def unlist(path: str, body: dict[str, object]) -> None:
        if path.endswith("/runs") and not listed[0]:
            body["result"] = []

    story.spoil = unlist
    story.testmo.faults.add(stranger, path=f"/runs/{run.id}", times=3)
    left = story.wait_and_poll(3)
    assert left.status == "partial"
    assert f"run {run.id} could not be looked at" in left.problems[0]

    result = story.save(run)
    assert story.wait_and_poll().status == "ok"
    assert story.announced == [result.id]


def test_a_stranger_at_user_leaves_it_open_whose_fault_the_403_is(story: Story) -> None:
    story.testmo.faults.add("403", path="/projects")
    story.testmo.faults.add("403-page", path="/user")

    with pytest.raises(PollFailed, match="/user answered with 403, but not in Testmo's words") as caught:
        story.poll()
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_strangers_answer_about_one_run_is_lag_for_as_long_as_it_lasts(story: Story, stranger: str) -> None:
    run = story.add_run_and_poll()
    story.testmo.faults.add(stranger, path=f"/runs/{run.id}/results", times=None)
    story.save(run)

    assert story.wait_and_poll(60).lag_seconds > 3_000
    assert len(story.requests(f"/runs/{run.id}/results")) > 60, "it is asked for at every poll"


def test_the_names_of_cases_outlive_a_stranger(story: Story) -> None:
    run = story.add_run()
    story.testmo.faults.add("404-page", path="/projects/*/cases", times=None)
    story.poll()
    story.save(run)
    summary = story.wait_and_poll()
    assert any("/cases answered with 404, but not in Testmo's words" in problem for problem in summary.problems)

    story.testmo.faults.clear()
    story.save(run, 2)
    story.wait_and_poll(2)
    assert [row["case_name"] for event in story.events[1:] for row in event["results"]] == ["Release 4.2 case 2"]


# ----- Hidden, and said so


def test_a_hidden_run_is_named_in_every_poll_and_no_longer_once_it_was_read(story: Story) -> None:
    run = story.add_run_and_poll()
    story.testmo.faults.add("403", path=f"/runs/{run.id}/results", times=None)
    result = story.save(run)
    tried, between = story.wait_and_poll(), story.wait_and_poll(30)

    assert [p for p in tried.problems if f"run {run.id} (Release 4.2): " in p and "in an hour" in p] == tried.problems
    since = f"run {run.id} (Release 4.2) is hidden since 2026-11-23T09:01+00:00"
    assert between.problems == [f"{since}: give the token's user access; it is tried again every hour"]
    assert (tried.invisible, tried.hidden, between.invisible, between.hidden) == (1, 1, 0, 1)
    assert "1 hidden" in between.words
    assert story.wait_and_poll(60).problems[-1].startswith(f"run {run.id}"), (
        "since it was first hidden, hours later too"
    )

    story.testmo.faults.clear()
    back = story.wait_and_poll(61)
    assert story.announced == [result.id]
    assert (back.hidden, back.problems) == (0, [])


def test_a_hidden_run_is_named_in_a_poll_that_has_to_wait_too(story: Story) -> None:
    run = story.add_run_and_poll()
    story.testmo.faults.add("403", path=f"/runs/{run.id}/results", times=None)
    story.fail_and_poll(run)
    story.testmo.faults.add("429", path="/projects", retry_after=300)
    story.wait_and_poll()
    waiting = story.wait_and_poll()

    assert (waiting.status, waiting.hidden) == ("waiting", 1)
    assert any(f"run {run.id} is hidden since" in problem for problem in waiting.problems)


@pytest.mark.parametrize("settings", ["all", "RunIds"])
def test_a_run_that_left_the_list_and_is_refused_is_hidden_not_gone(story: Story, settings: str) -> None:
    run = story.add_run()
    if settings == "RunIds":
        story.settings["scope"] = story.scope(run_ids=(run.id,))
    story.poll()
    is_shown = [False]

    def unlist(path: str, body: dict[str, object]) -> None:
        if path.endswith("/runs") and not is_shown[0]:
            body["result"] = []

    story.spoil = unlist
    story.testmo.faults.add("403", path=f"/runs/{run.id}", times=None)
    tried, between = story.wait_and_poll(), story.wait_and_poll(29)
    asked = len(story.requests(f"/runs/{run.id}"))
    assert f"run {run.id}: /runs/{run.id} is not visible to the token's user (403)" in tried.problems[0]
    since = f"run {run.id} is hidden since 2026-11-23T09:01+00:00"
    assert between.problems == [f"{since}: give the token's user access; it is tried again every hour"]
    assert (tried.hidden, between.hidden, asked) == (1, 1, 1)
    again = story.wait_and_poll(100)
    assert again.hidden == 1
    assert len(story.requests(f"/runs/{run.id}")) == 3, "it is tried every hour"

    result = story.save(run)
    is_shown[0] = True
    back = story.wait_and_poll(2)
    assert story.announced == [result.id]
    assert (back.hidden, back.problems) == (0, [])


def test_a_run_that_was_hidden_and_then_deleted_is_said_once_more(story: Story) -> None:
    run = story.add_run_and_poll()
    story.testmo.faults.add("403", path=f"/runs/{run.id}/results", times=None)
    story.fail_and_poll(run)
    story.testmo.faults.clear()
    story.world.delete_run(run)
    said = [story.wait_and_poll() for _ in range(130)]

    told = [problem for summary in said for problem in summary.problems if "is gone" in problem]
    assert len(told) == 1
    assert (said[-1].hidden, said[-1].problems) == (0, [])


# ----- Deleted, and said once


def test_a_run_that_is_shown_and_whose_results_are_not_there_is_asked_again_at_every_poll(story: Story) -> None:
    """A replica that lags behind a moment, or a right that the token's user lacks: said, and late."""
    run = story.add_run_and_poll()
    story.testmo.faults.add("404", path=f"/runs/{run.id}/results", times=None)
    result = story.save(run)
    polls = [story.wait_and_poll() for _ in range(30)]

    words = f"run {run.id} (Release 4.2), still there as far as Testmo tells: /runs/{run.id}/results is not there (404)"
    assert all(len(said.problems) == 1 and said.problems[0].startswith(words) for said in polls)
    assert polls[-1].lag_seconds > 900, "LagAlarm rings"
    story.world.close_run(run)
    story.testmo.faults.clear()
    assert story.wait_and_poll().problems == []
    assert story.announced == [result.id]


def test_a_run_of_which_nobody_can_tell_whether_it_is_there_is_not_taken_for_deleted(story: Story) -> None:
    run = story.add_run_and_poll()
    story.testmo.faults.add("404", path=f"/runs/{run.id}/results")
    story.testmo.faults.add("503", path=f"/runs/{run.id}")
    result = story.save(run)
    said = story.wait_and_poll()
    story.wait_and_poll()

    assert said.status == "partial"
    assert story.announced == [result.id]


@pytest.mark.parametrize("lists", ["at once", "lag behind"])
@pytest.mark.parametrize("settings", ["all", "RunIds"])
def test_a_deleted_run_is_said_once_and_is_no_fault(story: Story, settings: str, lists: str) -> None:
    """Deleted between the lists and its results; a list that lags behind may show it for hours."""
    run, other = story.add_run("deleted"), story.add_run("other")
    if settings == "RunIds":
        story.settings["scope"] = story.scope(run_ids=(run.id, other.id))
    story.poll()
    story.testmo.faults.add("404", path=f"/runs/{run.id}*", times=None)
    story.save(run)
    polls = [story.wait_and_poll()]
    if lists == "at once":
        story.world.delete_run(run)
    polls += [story.wait_and_poll() for _ in range(200)]

    (said,) = (problem for summary in polls for problem in summary.problems)
    assert said.startswith(f"run {run.id} (deleted) is gone: /runs/{run.id}/results is not there (404): deleted, or ")
    assert {(s.status, s.invisible, s.hidden, s.lag_seconds) for s in polls} == {("ok", 0, 0, 0.0)}
    result = story.fail_and_poll(other)
    assert story.announced == [result.id]
