"""Rule 3: rows that are heavy block no run: all of it is told, and the place in the paging is where it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testmo_notifier.adapters import testmo as adapter
from testmo_notifier.adapters.http import send
from testmo_notifier.errors import Unreadable
from testmo_notifier.model import ResultsQuery
from testmo_notifier.polling.rate_limit import RateLimit
from tests.support.story import Story
from tools.simulator.model import Run

PICTURE = '<p><img src="data:image/png;base64,' + "iVBORw0KGgo/" * 3_500_000 + '"></p>'  # 42 MB


def at_most(monkeypatch: pytest.MonkeyPatch, max_bytes: int) -> None:
    """Every answer is too heavy that is larger; a row of these tests has about 350 bytes, and nothing to leave out."""
    monkeypatch.setattr(adapter, "send", lambda *args, **more: send(*args, **more, max_bytes=max_bytes))


def failing(story: Story, count: int) -> Run:
    run = story.add_run_and_poll("heavy", tests=count)
    story.wait()
    for number in range(1, count + 1):
        story.save(run, number)
    return run


def sizes(story: Story, run: Run) -> list[str]:
    return [f"{request.query['per_page']}/{request.query['page']}" for request in story.reads(run)]


def connect(story: Story) -> adapter.Testmo:
    rate_limit = RateLimit(500, spent={}, now=lambda: 0.0, sleep=lambda _: None, seconds_left=lambda: 60.0)
    return story.connect(rate_limit)


def test_a_page_of_a_hundred_pasted_pictures_is_told_at_once(story: Story) -> None:
    run = failing(story, 104)
    story.testmo.faults.add("heavy-notes", path="/runs/*/results", times=None)
    before = len(story.reads(run))
    summary = story.poll()

    assert (summary.status, summary.problems, story.total) == ("ok", [], 104)
    assert len(story.reads(run)) - before == 2, "no request more than for light rows"
    assert story.checkpoint(run).resume is None


def test_a_row_with_a_note_of_42_megabytes_is_told(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run, note=f"<p>The undo button removes line 2.</p>{PICTURE}")
    other = story.save(run, 2, note="<p>Blank screen.</p>")

    assert story.poll().status == "ok"
    assert sorted(story.announced) == [result.id, other.id]
    assert "The undo button removes line 2." in story.channel("email")[0]


def test_the_sentence_between_two_pictures_is_told(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    image = '<p><img src="data:image/png;base64,' + "iVBORw0KGgo/" * 60_000 + '"></p>'
    story.save(run, note=f"{image}<p>Sentence between</p>{image}")

    assert story.poll().status == "ok"
    assert "Sentence between" in story.channel("email")[0]


def test_a_hundred_sentences_between_pictures_are_told(story: Story) -> None:
    run = story.add_run_and_poll("heavy", tests=100)
    story.wait()
    image = '<p><img src="data:image/png;base64,' + "iVBORw0KGgo/" * 8_500 + '"></p>'
    for number in range(1, 101):
        story.save(run, number, note=f"{image}<p>Sentence {number} between</p>{image}")
    page = connect(story).results(run.id, ResultsQuery(page=1))

    assert [f"Sentence {n} between" in str(row.note) for n, row in enumerate(page.results, 1)] == [True] * 100


def test_a_run_with_a_huge_description_is_watched(story: Story) -> None:
    run = story.add_run_and_poll()

    def describe(path: str, body: dict[str, Any]) -> None:
        assert len(str(body)) < 10_000_000, f"{path} was not made light"

    story.spoil = describe
    story.testmo.faults.add("heavy-notes", times=None)
    story.wait()
    result = story.save(run)
    assert story.poll().status == "ok"
    assert story.announced == [result.id]


# What a hundred rows may weigh, how they are read then, and how many requests that takes for 237 rows.
WEIGHTS = [
    (100_000, ["100/1", "100/2", "100/3"]),
    (25_000, ["100/1", "50/1", "50/2", "50/3", "50/4", "50/5"]),
    (12_000, ["100/1", "50/1", *(f"25/{n}" for n in range(1, 11))]),
    (7_000, ["100/1", "50/1", "25/1", *(f"15/{n}" for n in (*range(1, 8), *range(7, 15), *range(14, 17)))]),
]


@pytest.mark.parametrize(("max_bytes", "asked"), WEIGHTS, ids=["100", "50", "25", "15"])
def test_a_page_that_is_too_heavy_all_the_same_is_read_in_smaller_ones(
    story: Story, monkeypatch: pytest.MonkeyPatch, max_bytes: int, asked: list[str]
) -> None:
    run = failing(story, 237)
    testmo = connect(story)
    before = len(story.reads(run))
    whole = [testmo.results(run.id, ResultsQuery(page=n, order="asc", created_after=story.ago(600))) for n in (1, 2, 3)]
    del story.testmo.requests[-3:]
    at_most(monkeypatch, max_bytes)
    parts = [testmo.results(run.id, ResultsQuery(page=n, order="asc", created_after=story.ago(600))) for n in (1, 2, 3)]

    assert parts == whole, "whoever counts pages of a hundred notices nothing"
    assert [(len(page.results), page.next_page, page.total) for page in parts] == [
        (100, 2, 237),
        (100, 3, 237),
        (37, None, 237),
    ]
    assert sizes(story, run)[before:] == asked


@pytest.mark.parametrize(
    ("rows", "pages"), [(1, 1), (15, 1), (99, 1), (100, 1), (101, 2), (105, 2), (200, 2), (210, 3), (300, 3)]
)
@pytest.mark.parametrize("max_bytes", [25_000, 7_000])
def test_wherever_a_list_ends_its_smaller_pages_end_there_too(
    story: Story, monkeypatch: pytest.MonkeyPatch, max_bytes: int, rows: int, pages: int
) -> None:
    run = failing(story, rows)
    at_most(monkeypatch, max_bytes)
    testmo = connect(story)
    found: list[int] = []
    asked: list[int] = []
    page: int | None = 1
    while page is not None:
        asked.append(page)
        answer = testmo.results(run.id, ResultsQuery(page=page, order="asc"))
        found += [row.key for row in answer.results]
        page = answer.next_page

    assert found == [result.id for result in story.world.results_of(run)]
    assert asked == [*range(1, pages + 1)], "one page of a hundred for each hundred, and none behind the last"


def test_where_it_goes_on_is_counted_in_pages_of_a_hundred_whatever_the_size(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version before knows no other pages."""
    run = failing(story, 450)
    at_most(monkeypatch, 12_000)
    story.settings["requests_per_minute"] = 14
    story.poll()
    resume = story.checkpoint(run).resume
    assert resume is not None
    assert (resume.page, resume.total) == (3, 450)
    last = story.reads(run)[-1].query
    assert (last["per_page"], last["page"]) == ("25", "10"), "in the middle of the third hundred"

    monkeypatch.undo()  # as the version before reads on: with light rows, from the page before
    asked = len(story.reads(run))
    story.wait_and_poll(3)
    assert sizes(story, run)[asked:][:2] == ["100/2", "100/3"]
    assert story.total == 450
    assert len(set(story.announced)) == len(story.announced)


def test_every_row_is_told_once_though_polls_end_in_the_middle(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(story, 450)
    at_most(monkeypatch, 12_000)
    story.settings["requests_per_minute"] = 14
    story.wait_and_poll(12)

    assert story.total == 450
    assert len(set(story.announced)) == len(story.announced)


def test_a_row_that_is_deleted_between_two_parts_hides_no_other(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    run = failing(story, 80)
    rows = story.world.results_of(run)
    at_most(monkeypatch, 20_000)
    story.before_page(2, lambda: story.world.delete_result(rows[3], hard=True))
    first = story.poll()
    assert "lost rows while it was read in parts" in first.problems[0]

    story.wait_and_poll(2)
    assert story.total == 79


def test_rows_that_are_too_heavy_in_the_smallest_page_are_said(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    run = failing(story, 80)
    at_most(monkeypatch, 3_000)
    with pytest.raises(Unreadable, match="/results could not be read: the answer is larger than 3000 bytes"):
        connect(story).results(run.id, ResultsQuery(page=1))


LISTS: dict[str, Callable[[adapter.Testmo, Story], int]] = {
    "runs": lambda testmo, story: len(testmo.open_runs(story.shop.id)),
    "cases": lambda testmo, story: len(testmo.cases(story.shop.id, page=1, created_after=None).names),
}


@pytest.mark.parametrize("count", LISTS.values(), ids=LISTS)
def test_other_lists_are_read_in_smaller_pages_too(
    story: Story, monkeypatch: pytest.MonkeyPatch, count: Callable[[adapter.Testmo, Story], int]
) -> None:
    for number in range(60):
        story.add_run(f"Run {number}", tests=1)
    at_most(monkeypatch, 40_000)

    assert count(connect(story), story) == 60
