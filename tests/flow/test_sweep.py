"""Rule 5: what `created_after` cannot see is found all the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from tests.support.story import BLOCKED, FAILED, PASSED, Story
from tools.simulator import StatusId


def sweeps(story: Story) -> int:
    return sum("get_latest_result" in request.query for request in story.requests("/runs/*/results"))


def test_an_old_result_edited_to_failed_is_announced_at_the_next_poll(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    old = story.save(run, 1, PASSED)
    story.wait(3600)
    fresh = story.save(run, 2, FAILED)
    story.poll()
    story.wait(3600)
    story.world.edit_result(old, status=FAILED)
    story.poll()

    assert story.announced == [fresh.id, old.id]


def test_an_edit_is_found_also_when_another_test_passes_at_the_same_moment(story: Story) -> None:
    """The counters stay the same then, so only the sweep of a later turn can tell."""
    run = story.add_run_and_poll()
    story.wait()
    old, other = story.save(run, 1, PASSED), story.save(run, 2, FAILED)
    story.poll()
    story.wait(3600)
    story.world.edit_result(old, status=FAILED)
    story.save(run, 2, PASSED)
    story.wait_and_poll(2, every=3600)

    assert story.announced == [other.id, old.id]


def test_every_twelfth_turn_of_a_run_brings_a_sweep(story: Story) -> None:
    """A turn is five minutes here, as by default: 48 of them are four hours."""
    run = story.add_run_and_poll()
    story.wait()
    story.save(run, 1)
    story.wait_and_poll(3)
    counts = []
    for _ in range(48):
        story.wait_and_poll(every=300)
        counts.append(sweeps(story))
    swept = [poll for poll, (before, after) in enumerate(pairwise(counts)) if after > before]

    assert [later - earlier for earlier, later in pairwise(swept)] == [12, 12, 12]


def test_the_log_says_why_runs_were_swept_and_nothing_where_none_was(story: Story) -> None:
    run, others = story.add_run(), [story.add_run(f"Run {n}") for n in range(2)]
    story.poll()
    story.wait()
    old = story.save(run, 1, PASSED)
    story.wait(400)  # longer than the overlap
    for one in (run, *others):
        story.save(one, 2)
    said = [story.poll().to_json().get("sweeps")]
    story.world.edit_result(old, status=FAILED)
    said += [story.wait_and_poll(every=seconds).to_json().get("sweeps") for seconds in (60, 3600)]
    for one in others:
        story.world.close_run(one)
    said += [story.wait_and_poll(every=seconds).to_json().get("sweeps") for seconds in (30, 300)]

    assert said == [None, {"counters": 1}, {"turn": 3}, None, {"turn": 1, "closing": 1}]


def test_a_row_that_becomes_visible_later_than_the_overlap_is_announced(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    late = story.save(run, 1, visible_from=story.ago(-2000))
    on_time = story.save(run, 2)
    story.poll()
    story.wait(1000)
    newer = story.save(run, 3)
    story.poll()
    story.wait(1500)
    story.poll()

    assert story.announced == [on_time.id, newer.id, late.id]


def test_an_edit_of_a_note_announces_nothing(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    story.poll()
    story.world.edit_result(result, note="<p>one more thing</p>")
    story.wait_and_poll(3, every=3600)

    assert story.announced == [result.id]


def test_a_result_with_an_edited_note_that_is_the_latest_again_announces_nothing(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    first = story.fail_and_poll(run)
    second = story.save(run)  # the counters stay the same
    story.wait_and_poll(6)
    story.world.edit_result(first, note="<p>one more thing</p>")
    story.world.delete_result(second)
    story.wait_and_poll(13, every=3600)

    assert sweeps(story) > 0
    assert story.announced == [first.id, second.id]


def test_a_change_from_failed_to_blocked_is_announced_as_a_change(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    story.poll()
    story.wait(4000)
    story.world.edit_result(result, status=BLOCKED)
    story.poll()

    results = [r for event in story.events for r in event["results"]]
    assert [(r["id"], r["status"], r["previous_status"]) for r in results] == [
        (result.id, "Failed", None),
        (result.id, "Blocked", "Failed"),
    ]
    assert "was Failed" in story.channel("slack")[-1]


def test_such_a_change_is_found_also_in_a_row_that_no_read_brings_again(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    old = story.save(run, 1, FAILED)
    story.wait(3600)
    fresh = story.save(run, 2, FAILED)
    story.poll()
    story.wait(3600)
    story.world.edit_result(old, status=BLOCKED)
    story.wait_and_poll(2, every=3600)

    results = [r for event in story.events for r in event["results"]]
    assert [(r["id"], r["previous_status"]) for r in results] == [(fresh.id, None), (old.id, None), (old.id, "Failed")]


def test_what_failed_before_the_first_sight_stays_quiet_in_every_sweep(story: Story) -> None:
    run = story.add_run()
    story.save(run, 1)
    story.save(run, 2, BLOCKED)
    story.wait(7200)
    story.poll()
    story.wait_and_poll(5, every=3600)

    assert story.announced == []
    assert sweeps(story) > 1


def test_an_old_result_that_is_the_latest_again_after_a_deletion_is_not_announced(story: Story) -> None:
    run = story.add_run()
    story.save(run, 1)
    story.wait(60)
    story.poll()
    story.wait()
    newer = story.save(run, 1)
    story.wait_and_poll(6)  # the same status again changes no counter: its turn brings it
    story.world.delete_result(newer, hard=True)
    story.wait_and_poll(4, every=3600)

    assert story.announced == [newer.id]


def test_a_result_that_was_mended_and_is_edited_to_failed_again_is_news_again(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    story.poll()
    story.world.edit_result(result, status=PASSED)
    story.wait_and_poll(2, every=3600)
    story.world.edit_result(result, status=FAILED)
    story.wait_and_poll()
    assert story.announced == [result.id, result.id]

    story.wait_and_poll(3, every=3600)
    assert story.announced == [result.id, result.id]


def test_a_failure_that_is_the_latest_again_after_a_passing_result_was_deleted_is_no_news(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    failing = story.save(run)
    story.poll()
    story.wait()
    passing = story.save(run, status=PASSED)
    story.wait_and_poll(2, every=3600)
    story.world.delete_result(passing, hard=True)
    story.wait_and_poll(3, every=3600)

    assert story.announced == [failing.id]


def test_each_change_back_and_forth_is_a_message_of_its_own(story: Story) -> None:
    """Slack gets an id once: with the id of the first message, the third would be taken for delivered."""
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    for status in (FAILED, BLOCKED, FAILED):
        story.world.edit_result(result, status=status)
        story.wait_and_poll()

    assert [event["results"][0]["status"] for event in story.events] == ["Failed", "Blocked", "Failed"]
    assert len({notification.id for notification in story.topic.notifications}) == 9


def all_are_latest(_path: str, body: dict[str, Any]) -> None:
    for row in body.get("result", []):
        if "is_latest" in row:
            row["is_latest"] = True


def test_several_latest_rows_of_one_test_are_not_repeated_by_every_sweep(story: Story) -> None:
    """Cases with steps may have a row for each step, and all of them are the latest."""
    run = story.add_run_and_poll()
    story.wait()
    rows = [story.save(run, 1, created_at=story.time) for _ in range(3)]
    story.spoil = all_are_latest
    story.poll()
    story.wait_and_poll(5, every=3600)

    assert sorted(story.announced) == [row.id for row in rows]


def test_a_sweep_of_many_pages_goes_on_in_the_next_poll(story: Story) -> None:
    run = story.add_run_and_poll(tests=250)
    story.wait()
    rows = [story.save(run, number, PASSED) for number in range(1, 251)]
    story.poll()
    story.wait(4000)
    newest = story.save(run, 1, FAILED)
    story.poll()
    for row in rows[1:]:
        story.world.edit_result(row, status=FAILED)
    story.wait(4000)
    story.settings["requests_per_minute"] = 6
    story.wait_and_poll(6)

    assert story.total == 250
    assert newest.id in story.announced


def test_a_sweep_comes_to_its_end_though_what_is_new_takes_nearly_all_requests(story: Story) -> None:
    """Two lists, four pages of results, and one request is left for the four pages of the sweep."""
    run = story.add_run(tests=351)
    passed = story.save(run, 351, PASSED)
    story.poll()
    story.wait(7200)
    for number in range(1, 351):
        story.save(run, number)
    story.poll()
    story.wait(3600)
    story.world.edit_result(passed, status=FAILED)
    story.settings["requests_per_minute"] = 7
    first = story.poll()
    story.wait_and_poll(4)

    assert (first.status, first.runs_left) == ("partial", 1)
    assert story.announced[-1] == passed.id
    assert story.wait_and_poll().status == "ok"
    assert story.checkpoint(run).sweep is None


def test_the_last_sweep_of_a_closed_run_goes_on_when_it_was_interrupted(story: Story) -> None:
    run = story.add_run_and_poll(tests=352)
    story.wait(7200)
    old = [story.save(run, number, PASSED, created_at=story.ago(3600)) for number in range(1, 352)]
    story.poll()
    for row in old[:-1]:
        story.world.edit_result(row, status=FAILED)
    old.append(story.save(run, 352))  # from now on the others are older than any read reaches
    story.wait_and_poll()
    story.wait(1000)
    story.save(run, 1, PASSED)
    story.world.edit_result(old[-2], status=FAILED)  # the counters stay the same
    story.world.close_run(run)
    story.settings["requests_per_minute"] = 5
    story.wait_and_poll(20)

    announced = {key for sent in story.store.sent(run.id) for key in sent.keys}
    assert announced == {row.id for row in old}


def test_a_sweep_that_testmo_refuses_takes_nothing_from_the_read_before_it(story: Story) -> None:
    run = story.add_run()
    story.save(run, 2)
    story.wait()
    result_to_come = story.save(run, 1, StatusId.PASSED)
    assert result_to_come.status_id == PASSED
    story.testmo.faults.add("500", path="/runs/*/results", times=1)
    first = story.poll()  # the read itself fails here, and the sweep with it
    story.wait()
    new = story.save(run, 3)
    story.wait_and_poll(2)

    assert first.status == "partial"
    assert story.announced == [new.id]


def test_a_run_that_closes_is_swept_a_last_time(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    old, other = story.save(run, 1, PASSED), story.save(run, 2, FAILED)
    story.poll()
    story.wait(1000)
    story.world.edit_result(old, status=FAILED)
    story.save(run, 2, PASSED)
    story.world.close_run(run)
    story.wait_and_poll(8)

    assert story.announced == [other.id, old.id]


def test_filters_by_creator_leave_the_counters_out_of_it(story: Story) -> None:
    """Other people's failures would look unexplained at every read."""
    ada = story.world.add_user("Ada")
    run = story.add_run()
    story.settings["watch"] = type(story.settings["watch"])((3, 5), created_by_ids=(ada.id,))
    story.poll()
    story.wait()
    story.save(run, 1)
    mine = story.save(run, 2, by=ada)
    story.poll()
    story.wait_and_poll(5)

    assert story.announced == [mine.id]
    assert sweeps(story) <= 1
