"""Rules 2 and 14: rows that no honest Testmo sends are announced as far as they can be understood, once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support.story import BLOCKED, FAILED, PASSED, Story

GOOD: dict[str, Any] = {
    "id": 900_001,
    "project_id": 1,
    "run_id": 1,
    "test_id": 1,
    "case_id": 1,
    "status_id": 3,
    "note": None,
    "elapsed": None,
    "assignee_id": None,
    "is_latest": True,
    "issues": [],
    "created_at": "2026-11-23T09:00:30.000Z",
    "created_by": 1,
    "updated_at": None,
    "updated_by": None,
    "deleted_at": None,
    "deleted_by": None,
}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name not in names}


def add_rows(story: Story, *rows: object) -> None:
    """Testmo sends these before the rows it has."""

    def add(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/results"):
            body["result"] = [*rows, *body["result"]]
            body["total"] += len(rows)

    story.spoil = add


MALFORMED = {
    "no id": without("id"),
    "no date": without("created_at"),
    "neither": without("id", "created_at"),
    "id of words": {**GOOD, "id": "many"},
    "id null": {**GOOD, "id": None},
    "date of words": {**GOOD, "created_at": "yesterday"},
    "date a number": {**GOOD, "created_at": 1764000000},
    "no status": without("status_id"),
    "status of words": {**GOOD, "status_id": "Failed"},
    "no test": without("test_id"),
    "no case": without("case_id"),
    "no author": without("created_by"),
    "note a list": {**GOOD, "note": ["a"]},
    "elapsed of words": {**GOOD, "elapsed": "long"},
    "date with an offset": {**GOOD, "created_at": "2026-11-23T11:00:30+02:00", "created_by": None},
}


@pytest.mark.parametrize("row", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_row_is_announced_once_and_counted_and_blocks_nothing_behind_it(
    story: Story, row: dict[str, Any]
) -> None:
    story.settings["staleness"] = timedelta(0)
    run = story.add_run_and_poll()
    story.wait()
    add_rows(story, row)
    behind = story.save(run, 2)
    first = story.poll()
    story.wait_and_poll(8)

    assert (first.new_failing, first.malformed) == (2, 1)
    assert story.total == 2
    assert behind.id in story.announced


@pytest.mark.parametrize("row", ["a string", 17, None, [], [[]], {}, True], ids=repr)
def test_a_row_that_is_no_row_is_announced_once_and_blocks_nothing_behind_it(story: Story, row: object) -> None:
    story.settings["staleness"] = timedelta(0)
    run = story.add_run_and_poll()
    story.wait()
    add_rows(story, row)
    behind = story.save(run, 2)
    story.poll()
    story.wait_and_poll(8)

    assert story.total == 2
    assert behind.id in story.announced


def test_two_rows_without_an_id_are_two(story: Story) -> None:
    story.add_run_and_poll()
    story.wait()
    add_rows(story, without("id"), {**without("id"), "test_id": 2})
    story.wait_and_poll(7)

    assert story.total == 2


def test_a_row_without_an_id_is_the_same_row_after_a_retest(story: Story) -> None:
    story.settings["staleness"] = timedelta(0)
    story.add_run_and_poll()
    story.wait()
    add_rows(story, without("id"))
    story.poll()
    add_rows(story, {**without("id"), "is_latest": False})
    story.wait_and_poll(3)

    assert story.total == 1


def test_a_row_without_a_date_is_announced_also_behind_a_row_that_is_too_old(story: Story) -> None:
    """It takes its predecessor's date; but a predecessor below the floor says nothing about it."""
    story.settings["staleness"] = timedelta(0)
    story.add_run_and_poll()
    story.wait()
    add_rows(story, {**GOOD, "created_at": "2026-11-23T08:59:59.500Z"}, {**without("created_at"), "id": 900_002})
    story.poll()
    story.wait_and_poll(3)

    assert story.announced == [900_002]


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z", "2038-01-19T03:14:08Z"]
)
def test_a_row_from_the_end_of_time_holds_up_nothing(story: Story, moment: str) -> None:
    story.settings["staleness"] = timedelta(0)
    run = story.add_run_and_poll()
    story.wait()
    add_rows(story, {**GOOD, "created_at": moment})
    first = story.save(run, 2)
    assert story.poll().status == "ok"
    story.wait_and_poll(3)
    second = story.save(run, 3)
    story.wait_and_poll(3)

    assert [key for key in story.announced if key != 900_001] == [first.id, second.id]
    assert story.announced.count(900_001) <= 1


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -(2**63) + 1, 2**70])
def test_a_row_with_absurd_numbers_holds_up_nothing(story: Story, number: int) -> None:
    run = story.add_run_and_poll()
    story.wait()
    names = ("id", "test_id", "case_id", "created_by", "elapsed", "assignee_id", "updated_by")
    add_rows(story, {**GOOD, **dict.fromkeys(names, number), "issues": [number]})
    behind = story.save(run, 2)
    story.poll()
    story.wait_and_poll(7)

    assert story.total == 2
    assert behind.id in story.announced


@pytest.mark.parametrize("text", ["\ud83d", "\x00", "\u202e", "<!channel>", "a" * 100_000, "{{ 1/0 }}", "😀" * 5_000])
def test_hostile_text_holds_up_nothing(story: Story, text: str) -> None:
    run = story.add_run_and_poll(name=f"R {text}")
    story.wait()
    add_rows(story, {**GOOD, "note": f"<p>{text}</p>"})
    behind = story.save(run, 2, note=text)

    assert story.poll().status == "ok"
    assert behind.id in story.announced
    assert len(story.channel("slack")) == len(story.channel("email")) == 1


def test_a_note_is_understood_before_it_is_cut(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    picture = '<p><img src="data:image/png;base64,' + "A" * 400_000 + '"></p>'
    story.save(run, 1, note=f"{picture}<ol><li><p>The undo button removes line 2.</p></li></ol>")
    story.poll()

    (slack,), (mail,), (event,) = (story.channel(name) for name in ("slack", "email", "event"))
    assert "1. The undo button removes line 2." in slack
    assert "1. The undo button removes line 2." in mail
    assert json.loads(event)["results"][0]["note"] == "[image]\n1. The undo button removes line 2."
    assert all("base64" not in told for told in (slack, mail, event))


@pytest.mark.parametrize("invisible", ["\u200d", "\u3164", "\u2800\u2800", "\x1b[31m", " \u200b"], ids=ascii)
def test_a_name_that_nobody_can_see_is_told_as_a_missing_one(story: Story, invisible: str) -> None:
    story.shop = story.world.add_project(invisible)
    case = story.world.add_case(story.shop, invisible)
    run = story.world.add_run(story.shop, invisible, cases=[case])
    person = story.world.add_user(invisible)
    story.poll()
    story.wait()
    story.world.save_result(story.test(run), FAILED, by=person, assignee=person)
    story.poll()

    (event,), (slack,) = story.channel("event"), story.channel("slack")
    told = json.loads(event)
    assert (told["run"]["name"], told["run"]["project"]) == (f"Run {run.id}", f"Project {story.shop.id}")
    (result,) = told["results"]
    assert (result["case_name"], result["created_by_name"]) == (None, f"user {person.id}")
    assert result["assignee"] == f"user {person.id}"
    assert f"C-{case.id}" in slack


def test_a_softly_deleted_row_is_skipped(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    deleted, kept = story.save(run, 1), story.save(run, 2)
    story.world.delete_result(deleted)
    story.poll()

    assert story.announced == [kept.id]


def test_a_row_retested_before_the_poll_is_announced_and_marked(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    failed = story.save(run, 1, FAILED)
    story.wait(1)
    story.save(run, 1, PASSED)
    story.poll()

    assert story.announced == [failed.id]
    assert story.events[0]["results"][0]["is_latest"] is False
    assert "since re-tested" in story.channel("slack")[0]
    assert "since re-tested" in story.channel("email")[0]


def test_several_rows_of_one_test_are_all_counted(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    rows = [story.save(run, 1, status) for status in (FAILED, FAILED, BLOCKED)]
    story.poll()

    assert sorted(story.announced) == [row.id for row in rows]
    assert story.events[0]["counts"] == {"Failed": 2, "Blocked": 1}


def test_a_row_with_an_unknown_status_id_that_is_watched_is_announced(story: Story) -> None:
    story.settings["watch"] = type(story.settings["watch"])((3, 5, 8))
    run = story.add_run_and_poll()
    story.wait()
    custom = story.save(run, 1, 8)
    story.poll()

    assert story.announced == [custom.id]
