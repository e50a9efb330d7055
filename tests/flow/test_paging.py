"""Rules 3 and 7: pages that move under the reader, reads of several polls, and lists that end too early."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.support.story import PASSED, Story
from tools.simulator.model import Result, Run


def busy_run(story: Story, failing: int, *, spare: int = 0) -> tuple[Run, list[Result]]:
    """A run that was seen before it got so many failing results, a millisecond apart; `spare` tests have none."""
    run = story.add_run_and_poll(tests=failing + spare)
    story.wait()
    start = story.ago(10)
    results = [
        story.save(run, number, created_at=start + timedelta(milliseconds=number)) for number in range(1, failing + 1)
    ]
    return run, results


def pages_asked(story: Story, run: Run) -> list[str]:
    return [request.query["page"] for request in story.reads(run)]


def countdown(start: float, step: float) -> Callable[[], float]:
    """An invocation's time left, less at each look."""
    left = [start]

    def seconds_left() -> float:
        left[0] -= step
        return left[0]

    return seconds_left


@pytest.mark.parametrize("failing", [100, 101, 199, 200, 350])
def test_however_many_rows_are_new_each_is_announced_once(story: Story, failing: int) -> None:
    busy_run(story, failing)
    story.poll()
    story.wait_and_poll(6)

    assert story.total == failing
    assert len(story.events) == 1


def test_all_pages_have_one_lower_bound_oldest_first_and_only_watched_statuses(story: Story) -> None:
    run, _ = busy_run(story, 250)
    story.poll()
    queries = [request.query for request in story.reads(run)][1:]

    assert [query["page"] for query in queries] == ["1", "2", "3"]
    assert len({query["created_after"] for query in queries}) == 1
    assert {(query["order"], query["sort"], query["status_id"]) for query in queries} == {
        ("asc", "run_results:created_at", "3,5")
    }


def test_a_row_saved_between_two_pages_is_announced_once(story: Story) -> None:
    run, _ = busy_run(story, 150, spare=1)
    story.before_page(2, lambda: story.save(run, 151))
    story.poll()
    story.wait_and_poll(6)

    assert story.total == 151


def test_a_late_row_that_shows_on_a_page_already_read_is_announced_once(story: Story) -> None:
    run, results = busy_run(story, 150, spare=1)
    story.before_page(2, lambda: story.save(run, 151, created_at=results[0].created_at))
    story.poll()
    story.wait_and_poll(6)

    assert story.total == 151


@pytest.mark.parametrize("page", [2, 3])
def test_rows_deleted_between_two_pages_hide_none_of_the_others(story: Story, page: int) -> None:
    run, results = busy_run(story, 250)

    def delete() -> None:
        for result in results[:5]:
            story.world.delete_result(result, hard=True)

    story.before_page(page, delete)
    story.poll()

    assert story.total == 250
    assert pages_asked(story, run)[1:] == [*[str(n) for n in range(1, page + 1)], "1", "2", "3"]


def test_a_total_that_shrinks_at_every_look_ends_the_read_and_the_next_poll_starts_at_page_1(story: Story) -> None:
    run, results = busy_run(story, 250)
    left = iter(results)
    story.before_page(2, lambda: story.world.delete_result(next(left), hard=True), times=None)

    assert story.poll().status == "partial"
    story.testmo.faults.clear()
    story.wait()
    assert story.poll().status == "ok"
    assert pages_asked(story, run)[-3:] == ["1", "2", "3"]
    assert story.total == 250


BROKEN_PAGING = [
    {"next_page": 1},  # a page that was read
    {"next_page": None},
    {"next_page": None, "last_page": 1},
    {"next_page": None, "last_page": None, "page": None},
]


@pytest.mark.parametrize("frame", BROKEN_PAGING)
def test_a_full_page_is_no_end_while_there_is_said_to_be_more(story: Story, frame: dict[str, Any]) -> None:
    run, _ = busy_run(story, 250)

    def spoil(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/results") and len(body["result"]) == 100:
            body |= frame

    story.spoil = spoil
    story.poll()

    assert pages_asked(story, run)[1:] == ["1", "2", "3"]
    assert story.total == 250


@pytest.mark.parametrize("path", ["/projects", "/projects/*/runs"])
@pytest.mark.parametrize("frame", BROKEN_PAGING)
def test_a_run_behind_a_page_that_names_no_further_one_is_watched(
    story: Story, path: str, frame: dict[str, Any]
) -> None:
    for number in range(130):
        if path == "/projects":
            story.world.add_project(f"Project {number}")
        else:
            story.add_run(f"Run {number}", tests=1)
    run = story.add_run("The last", project=story.world.add_project("The last") if path == "/projects" else None)

    def spoil(asked: str, body: dict[str, Any]) -> None:
        if fnmatchcase(asked, path) and len(body["result"]) == 100:
            body |= frame

    story.spoil = spoil
    story.poll()
    result = story.save(run)
    assert story.wait_and_poll(2).status == "ok"
    assert story.announced == [result.id]


def test_a_list_whose_pages_are_all_the_same_is_not_taken_for_whole(story: Story) -> None:
    """So answers a server that does not know `page`: what stands behind the first page would never be watched."""
    for number in range(130):
        story.add_run(f"Run {number}", tests=1)
    first: list[Any] = []

    def spoil(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/runs"):
            first[:] = body["result"] if body["page"] == 1 else first
            body["result"] = first

    story.spoil = spoil
    summary = story.poll()
    assert summary.status == "partial"
    assert "/runs says that it has 130 rows and gave 100: its pages do not go on as they should" in summary.problems[0]
    assert story.wait_and_poll(10).lag_seconds >= 600

    story.spoil = lambda _path, _body: None
    # All runs stood in the list of closed ones, too, and are read as reopened: more than the requests of a minute.
    assert story.wait_and_poll(2).status == "ok"


def test_a_list_that_shows_less_than_it_counts_is_whole_where_its_page_has_room(story: Story) -> None:
    """What the token's user may not see can be counted all the same."""
    run = story.add_run()

    def spoil(path: str, body: dict[str, Any]) -> None:
        if path.endswith(("/runs", "/projects")):
            body["total"] = 7

    story.spoil = spoil
    assert story.poll().status == "ok"
    result = story.save(run)
    assert story.wait_and_poll().status == "ok"
    assert story.announced == [result.id]


@pytest.mark.parametrize("page", [1, 2])
def test_a_page_that_gives_none_of_the_rows_that_are_counted_could_not_be_read(story: Story, page: int) -> None:
    """Of an empty list Testmo says that it has 0 rows. Nobody would ever hear of what it counts and does not give."""
    run, results = busy_run(story, 150)

    def spoil(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/results") and body["page"] == page:
            body |= {"result": [], "next_page": None, "last_page": None}

    story.spoil = spoil
    for number in range(3):
        summary = story.poll() if number == 0 else story.wait_and_poll()
        assert summary.status == "partial"
        assert summary.problems[0].endswith(
            f"/runs/{run.id}/results says that it has 150 rows and gave none of page {page}"
        )
    assert story.total == (page - 1) * 100

    story.spoil = lambda _path, _body: None
    assert story.wait_and_poll().status == "ok"
    assert set(story.announced) <= {result.id for result in results}
    assert story.total == 150


def test_a_page_without_rows_ends_the_read(story: Story) -> None:
    run, _ = busy_run(story, 150)

    def empty(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/results"):
            body.update({"total": 100} if body["page"] == 1 else {"total": 100, "result": [], "next_page": 3})

    story.spoil = empty

    assert story.poll().status == "ok", "what stood there was deleted meanwhile"
    assert pages_asked(story, run)[1:] == ["1", "2"]


def test_a_read_cut_off_by_the_budget_goes_on_one_page_earlier(story: Story) -> None:
    run, _ = busy_run(story, 550)
    story.settings["requests_per_minute"] = 5  # two for the lists, three for pages
    assert story.poll().status == "partial"
    first = story.total
    story.wait(62)
    story.poll()
    story.wait_and_poll(8, every=62)

    assert first == 300
    assert pages_asked(story, run)[1:7] == ["1", "2", "3", "3", "4", "5"]
    assert story.total == 550
    assert story.checkpoint(run).resume is None


def test_a_read_cut_off_by_the_deadline_goes_on_in_the_next_poll(story: Story) -> None:
    busy_run(story, 550)
    seen = []
    for _ in range(12):
        story.settings["seconds_left"] = countdown(60, 8)
        story.poll()
        seen.append(story.total)
        story.wait()
    assert seen[0] < 550
    assert seen[-1] == 550


@pytest.mark.parametrize("page", [1, 2, 3, 6])
def test_a_read_cut_off_by_a_429_goes_on_when_the_pause_is_over(story: Story, page: int) -> None:
    run, _ = busy_run(story, 550)
    story.before_page(page, lambda: story.testmo.faults.add("429", path="/runs/*/results", retry_after=90))
    story.poll()  # the hook runs before the fault is looked for: the page asked for is the one refused, or the next
    cut = story.total
    story.wait_and_poll(4)

    assert cut in {0, 100 * (page - 1), 100 * page, 550}
    assert story.total == 550
    assert story.checkpoint(run).resume is None


def test_rows_deleted_while_a_read_waits_hide_none_of_the_others(story: Story) -> None:
    _, results = busy_run(story, 550)
    story.settings["requests_per_minute"] = 5
    story.poll()
    for result in results[:3] + results[250:253]:
        story.world.delete_result(result, hard=True)
    story.wait_and_poll(9, every=62)

    assert story.total == 550  # the deleted ones were announced before


def test_rows_saved_while_a_read_waits_are_announced_once(story: Story) -> None:
    run, _ = busy_run(story, 350, spare=60)
    story.settings["requests_per_minute"] = 5
    for number in range(351, 411):
        if number % 10 == 1:
            story.poll()
        story.wait(7)
        story.save(run, number)
    story.wait_and_poll(8, every=62)

    assert story.total == 410


def test_settings_changed_while_a_read_waits_lose_nothing_that_was_saved_after_it(story: Story) -> None:
    """What was already due under the old settings is read again from the newest row handled."""
    run, _ = busy_run(story, 550, spare=1)
    story.settings["requests_per_minute"] = 5
    story.poll()
    story.settings["watch"] = type(story.settings["watch"])((3, 4, 5))
    story.settings["requests_per_minute"] = 120
    story.wait(62)
    story.save(run, 551)
    story.poll()
    story.wait_and_poll(6)

    assert story.total == 551


def test_a_run_that_closes_while_its_read_waits_is_read_to_its_end(story: Story) -> None:
    run, _ = busy_run(story, 550)
    story.settings["requests_per_minute"] = 5
    story.poll()
    story.world.close_run(run)
    story.wait_and_poll(14, every=62)

    assert story.total == 550


def test_thousands_of_passes_cost_one_page(story: Story) -> None:
    run = story.add_run_and_poll(tests=5)
    story.wait()
    for n in range(2_000):
        story.save(run, 1 + n % 4, PASSED)
    failed = story.save(run, 5)
    story.poll()

    assert story.announced == [failed.id]
    assert pages_asked(story, run)[1:] == ["1"]


def test_rows_that_tie_and_change_places_with_every_request_are_all_announced_by_the_next_poll(story: Story) -> None:
    """Nobody promises the order of rows on one millisecond, so pages may overlap and leave rows out."""
    story.testmo.switches.ties = "shuffled"
    story.settings["requests_per_minute"] = 600
    run = story.add_run_and_poll(tests=250)
    story.wait()
    for number in range(1, 251):
        story.save(run, number, created_at=story.time)
    story.poll()
    story.wait(1)
    story.poll()

    assert story.total == 250
