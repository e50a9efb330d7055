"""Rule 4: the cursor moves forward only, by what was handled; what is broken stays with its run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from testmo_notifier.errors import PollFailed, Unreadable
from testmo_notifier.model import Outgoing
from testmo_notifier.notices.digest import DigestBuilder
from tests.support.story import START, Story

BROKEN = ["500", "502", "503", "login-page", "redirect", "truncated", "cut-json", "reset", "422", "405", "404-route"]


def test_the_cursor_is_the_newest_row_handled_and_never_our_clock(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    story.save(run, 1)
    story.wait(59)
    story.poll()
    story.wait_and_poll(5)

    assert story.checkpoint(run).cursor == START + timedelta(seconds=60)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_run_moves_nothing_and_holds_up_no_other(story: Story, fault: str) -> None:
    broken, healthy = story.add_run("broken"), story.add_run("healthy")
    story.poll()
    before = story.checkpoint(broken)
    story.testmo.faults.add(fault, path=f"/runs/{broken.id}/results", times=3)
    story.wait()
    first, second = story.save(broken, 1), story.save(healthy, 1)
    summaries = [story.poll()]
    while_broken = list(story.announced)
    story.wait()
    summaries.append(story.poll())
    assert story.checkpoint(broken) == before
    summaries.append(story.wait_and_poll(2))

    assert while_broken == [second.id]
    assert story.announced == [second.id, first.id]
    assert [summary.status for summary in summaries] == ["partial", "partial", "ok"]
    assert all(story.token.token not in problem for summary in summaries for problem in summary.problems)
    assert f"run {broken.id} (broken)" in summaries[0].problems[0]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_run_that_breaks_on_its_second_page_is_announced_once_when_it_is_well_again(story: Story, fault: str) -> None:
    run = story.add_run_and_poll(tests=250)
    story.wait()
    for number in range(1, 251):
        story.save(run, number)
    story.before_page(2, lambda: story.testmo.faults.add(fault, path="/runs/*/results"))
    story.poll()
    story.wait_and_poll(8)

    assert story.total == 250


def test_a_page_that_cannot_be_read_for_an_hour_holds_back_neither_the_pages_before_it_nor_the_poll(
    story: Story,
) -> None:
    run = story.add_run_and_poll(tests=250)
    story.wait()
    for number in range(1, 251):
        story.save(run, number)
    broken = [True]

    def break_it(_path: str, body: dict[str, Any]) -> None:
        if broken[0] and body.get("page") == 3:
            raise Unreadable("Testmo answered 500")

    story.spoil = break_it
    first = story.poll()
    assert story.total == 200
    assert first.problems[0] == "run 1 (Release 4.2), page 3: Testmo answered 500"
    last = story.wait_and_poll(60)
    assert (story.total, last.lag_seconds) == (200, 3600.0)

    broken[0] = False
    assert story.wait_and_poll(2).lag_seconds == 0
    assert story.total == 250


def test_what_nobody_thought_of_stays_with_its_run_and_is_named_without_its_words(story: Story) -> None:
    broken, healthy = story.add_run("broken"), story.add_run("healthy")
    story.poll()
    story.wait()
    story.save(broken, 1)
    second = story.save(healthy, 1)

    def break_it(path: str, _body: dict[str, Any]) -> None:
        if path == f"/runs/{broken.id}/results":
            raise ZeroDivisionError("quotes a secret")

    story.spoil = break_it
    summary = story.poll()

    assert story.announced == [second.id]
    assert summary.status == "partial"
    assert "unexpected ZeroDivisionError" in summary.problems[0]
    assert "secret" not in summary.words + "".join(summary.problems)


def test_a_digest_that_cannot_be_built_stays_with_its_run(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, healthy = story.add_run("broken"), story.add_run("healthy")
    story.poll()
    story.wait()
    story.save(broken, 1)
    second = story.save(healthy, 1)
    outgoing = DigestBuilder.outgoing

    def build_or_break(builder: DigestBuilder) -> tuple[Outgoing, ...]:
        if builder._run.id == broken.id:
            raise ZeroDivisionError
        return outgoing(builder)

    monkeypatch.setattr(DigestBuilder, "outgoing", build_or_break)
    assert story.poll().status == "partial"
    assert story.announced == [second.id]


@pytest.mark.parametrize("fault", ["500", "login-page", "cut-json", "422"])
def test_a_broken_project_holds_up_no_other_and_catches_up(story: Story, fault: str) -> None:
    run = story.add_run()
    garden = story.world.add_project("Garden")
    other = story.add_run_and_poll("Other", project=garden)
    story.testmo.faults.add(fault, path=f"/projects/{story.shop.id}/runs", times=2)
    story.wait()
    first, second = story.save(run), story.save(other)
    summary = story.poll()
    assert (summary.status, story.announced) == ("partial", [second.id])
    story.wait_and_poll(2)

    assert story.announced == [second.id, first.id]


def test_a_run_that_left_the_lists_and_cannot_be_looked_at_holds_up_no_other(story: Story) -> None:
    """Neither open nor closed as far as the lists say, and its own address answers 500 for an hour."""
    strange, healthy = story.add_run("strange"), story.add_run("healthy")
    story.poll()

    def hide(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/runs"):
            body["result"] = [row for row in body["result"] if row["id"] != strange.id]

    story.spoil = hide
    story.testmo.faults.add("500", path=f"/runs/{strange.id}", times=None)
    story.wait()
    first, second = story.save(strange), story.save(healthy)
    story.wait_and_poll(60)
    assert story.announced == [second.id]
    story.testmo.faults.clear()
    story.wait_and_poll(2)

    assert story.announced == [second.id, first.id]


@pytest.mark.parametrize("fault", [*BROKEN, "404", "403"])
def test_no_list_of_projects_is_a_failed_poll_and_loses_nothing(story: Story, fault: str) -> None:
    run = story.add_run_and_poll()
    story.testmo.faults.add(fault, path="/projects")
    story.wait()
    result = story.save(run)
    with pytest.raises(PollFailed) as failed:
        story.poll()
    story.wait_and_poll(2)

    assert story.announced == [result.id]
    assert story.token.token not in str(failed.value)


def test_a_row_dated_in_the_future_hides_none_of_the_rows_before_it(story: Story) -> None:
    run = story.add_run_and_poll(tests=9)
    story.wait()
    ahead = story.save(run, 1, created_at=story.time + timedelta(hours=2))
    expected = [ahead.id]
    for number in range(2, 9):
        story.poll()
        assert story.checkpoint(run).cursor <= story.time
        story.wait(600)
        expected.append(story.save(run, number).id)
    story.poll()
    story.wait_and_poll(15, every=600)

    assert story.announced == expected


def test_a_server_whose_clock_was_set_back_moves_no_cursor_back(story: Story) -> None:
    story.settings["staleness"] = timedelta(0)
    run = story.add_run_and_poll()
    story.wait(3600)
    saved = story.save(run, 1)
    story.poll()
    story.wait(-1800)
    behind = story.save(run, 2)
    story.poll()

    assert story.checkpoint(run).cursor == saved.created_at
    story.wait_and_poll(12, every=600)
    assert story.announced == [saved.id, behind.id]


@pytest.mark.parametrize("skew", [-86_400, -600, -90, 90, 600, 86_400])
def test_our_clock_may_be_wrong(story: Story, skew: float) -> None:
    story.settings["now"] = lambda: story.time + timedelta(seconds=skew)
    run = story.add_run(tests=30)
    story.save(run, 30)
    story.wait(1)
    story.poll()
    expected = []
    for number in range(1, 9):
        story.wait()
        expected.append(story.save(run, number).id)
        story.poll()
    story.world.close_run(run)
    expected.append(story.save(run, 9, visible_from=story.time + timedelta(seconds=100)).id)
    story.wait_and_poll(12)

    assert story.announced == expected


def test_rows_may_be_stamped_behind_the_clock_that_dates_the_answers(story: Story) -> None:
    run = story.add_run_and_poll(tests=30)
    story.wait(600)
    expected = []
    for number in range(1, 6):
        expected.append(story.save(run, number, created_at=story.ago(120)).id)
        story.wait_and_poll()

    assert story.announced == expected


def test_answers_without_a_date_do(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testmo_notifier.adapters.testmo.server_date", lambda _answer: None)
    run = story.add_run()
    story.save(run, 5)
    story.wait(1)
    story.poll()
    story.wait()
    first = story.save(run, 1)
    story.poll()
    story.world.close_run(run)
    story.wait_and_poll(10)

    assert story.announced == [first.id]
