"""Rule 18: failures in a row, and tests that are well again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from testmo_notifier.model import AGAIN, NEW, RECOVERED
from testmo_notifier.notices.matching import Matcher
from testmo_notifier.notices.routes import BY_DEFAULT, Route
from testmo_notifier.polling.due import owes_passes
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.flow.power import Power, powered_poll
from tests.flow.test_rewind import rewind
from tests.model.pages import short_pages
from tests.support.memory import WithoutLease
from tests.support.story import BLOCKED, FAILED, PASSED, one_worker
from tests.support.telling import ALL, LEADS, TEAM, Telling, telling
from tools.simulator import StatusId

HOUR = 3600


@pytest.fixture
def story() -> Iterator[Telling]:
    with telling() as story:
        yield story


def test_a_test_that_passes_again_is_told_once_to_whom_its_failure_was_told(story: Telling) -> None:
    run = story.add_run_and_poll()
    failing = story.fail_and_poll(run)
    story.wait()
    passing = story.save(run, 1, PASSED)
    story.wait_and_poll()

    (digest,) = story.digests()
    (result,) = digest.results
    assert (digest.total, digest.omitted, dict(digest.counts)) == (1, 0, {"Passed": 1})
    assert digest.keys == {passing.id}
    assert (result.id, result.test_id, result.reason) == (passing.id, failing.test_id, RECOVERED)
    assert (result.streak, result.since) == (1, failing.created_at)

    story.wait_and_poll(3, every=HOUR)
    assert len(story.digests()) == 1


def test_what_fails_after_a_told_recovery_is_new(story: Telling) -> None:
    run = story.add_run_and_poll()
    first = story.fail_and_poll(run)
    story.save(run, 1, PASSED)
    story.wait_and_poll()
    second = story.fail_and_poll(run)
    third = story.fail_and_poll(run)
    story.wait_and_poll(6)

    assert story.reasons() == [(first.id, NEW, 1), (second.id, NEW, 1), (third.id, AGAIN, 2)]


def test_two_failures_with_a_pass_between_them_are_no_two_in_a_row(story: Telling) -> None:
    """All three are saved between two polls."""
    story.route(notify=BY_DEFAULT - {AGAIN})
    run = story.add_run_and_poll()
    first = story.fail_and_poll(run)
    story.save(run, 1, PASSED)
    story.wait(1)
    second = story.save(run, 1)
    story.wait_and_poll(6)

    assert story.reasons() == [(first.id, NEW, 1), (second.id, NEW, 1)]


def test_of_two_failures_in_a_row_only_the_first_is_told_where_a_route_asks_for_new_ones(story: Telling) -> None:
    story.route(notify=BY_DEFAULT - {AGAIN})
    run = story.add_run_and_poll()
    first = story.fail_and_poll(run)
    story.save(run, 1)
    story.wait_and_poll(6)

    assert story.reasons() == [(first.id, NEW, 1)]


@pytest.mark.parametrize("seconds", [60, 900])
def test_what_fails_after_a_failure_was_edited_to_passed_is_new_whoever_asks_for_the_recovery(
    story: Telling, seconds: int
) -> None:
    """At once, and when its result is older than what a read asks for."""
    story.route(notify=BY_DEFAULT - {AGAIN})
    run = story.add_run_and_poll()
    first = story.fail_and_poll(run)
    story.wait_and_poll(every=seconds)
    story.world.edit_result(first, status=PASSED)
    story.wait_and_poll()
    second = story.fail_and_poll(run)
    story.wait_and_poll(3)

    assert story.reasons() == [(first.id, NEW, 1), (second.id, NEW, 1)]
    assert story.recovered() == []


def test_a_failure_that_was_edited_to_passed_is_not_the_first_of_two_in_a_row(story: Telling) -> None:
    """The edit and the failure after it are between two polls."""
    story.route(after=2)
    run = story.add_run_and_poll()
    first = story.fail_and_poll(run)
    story.world.edit_result(first, status=PASSED)
    story.wait(1)
    story.save(run)
    story.wait_and_poll(6)
    assert story.reasons() == []

    third = story.save(run)
    story.wait_and_poll(6)
    assert story.reasons() == [(third.id, NEW, 2)]


def test_what_is_edited_back_after_it_was_well_and_nobody_was_told_is_told(story: Telling) -> None:
    story.route(notify=BY_DEFAULT - {AGAIN})
    run = story.add_run_and_poll()
    failing = story.fail_and_poll(run)
    story.world.edit_result(failing, status=PASSED)
    story.wait_and_poll()
    story.world.edit_result(failing, status=FAILED)
    story.wait_and_poll(6)

    assert story.reasons() == [(failing.id, NEW, 1), (failing.id, NEW, 1)]


def test_a_case_with_steps_is_well_when_every_step_is(story: Telling) -> None:
    run = story.add_run_and_poll()
    story.save(run, 1, BLOCKED, step=1)
    story.fail_and_poll(run, 1)
    story.wait()
    story.save(run, 1, PASSED)
    story.wait_and_poll(3, every=HOUR)
    assert story.recovered() == []

    story.save(run, 1, PASSED, step=1)
    story.wait_and_poll(6)  # no counter shows it
    assert story.recovered() == [story.test(run).id]


def test_a_result_that_is_edited_to_passed_is_a_recovery_at_once_where_the_counters_show_it(story: Telling) -> None:
    run = story.add_run_and_poll()
    failing = story.fail_and_poll(run)
    story.wait(2 * HOUR)
    story.poll()
    story.world.edit_result(failing, status=PASSED)
    story.wait_and_poll()

    assert story.recovered() == [failing.test_id]


def test_a_result_that_is_edited_to_passed_is_a_recovery_within_the_hour_where_the_counters_hide_it(
    story: Telling,
) -> None:
    run = story.add_run_and_poll()
    failing, other = story.save(run, 1), story.save(run, 2, PASSED)
    story.wait_and_poll()
    story.wait()
    story.world.edit_result(failing, status=PASSED)
    story.world.edit_result(other, status=StatusId.FAILED)
    story.wait_and_poll(13, every=300)

    assert story.recovered() == [failing.test_id]


@pytest.mark.parametrize("status", [StatusId.RETEST, StatusId.SKIPPED, StatusId.UNTESTED])
def test_another_status_than_passed_is_no_recovery(story: Telling, status: StatusId) -> None:
    run = story.add_run_and_poll()
    failing = story.fail_and_poll(run)
    story.world.edit_result(failing, status=status)
    other = story.fail_and_poll(run, 2)
    story.save(run, 2, status)
    story.wait_and_poll(3, every=HOUR)

    assert other.id in story.announced
    assert story.digests() == []


@pytest.mark.parametrize("hard", [True, False])
def test_a_failure_that_is_deleted_is_no_recovery_and_its_test_is_forgotten(story: Telling, hard: bool) -> None:  # noqa: FBT001 - a case
    run = story.add_run_and_poll()
    failing = story.fail_and_poll(run)
    story.world.delete_result(failing, hard=hard)
    story.wait_and_poll(4, every=HOUR)

    assert story.digests() == []
    assert story.checkpoint(run).told == {}
    before = len(story.follow_ups())
    story.wait_and_poll(4, every=HOUR)
    assert len(story.follow_ups()) == before, "nobody waits for anything any more"


def test_a_failure_that_is_the_latest_again_after_its_pass_was_deleted_is_no_recovery_before_it_was_told(
    story: Telling,
) -> None:
    run = story.add_run_and_poll()
    story.fail_and_poll(run)
    passing = story.save(run, 1, PASSED)
    story.world.delete_result(passing, hard=True)
    story.wait_and_poll(3, every=HOUR)

    assert story.digests() == []


def test_a_failure_that_is_the_latest_again_after_its_recovery_was_told_is_new(story: Telling) -> None:
    """Nothing of it changed, and the failing question keeps silent there: but the channel believes it to be well."""
    run = story.add_run_and_poll()
    failing = story.fail_and_poll(run)
    passing = story.save(run, 1, PASSED)
    story.wait_and_poll()
    assert story.recovered() == [failing.test_id]
    story.world.delete_result(passing, hard=True)
    story.wait_and_poll(2)

    assert [(id_, reason) for id_, reason, _ in story.reasons()] == [(failing.id, NEW), (failing.id, NEW)]


def test_a_result_that_is_edited_back_after_its_recovery_was_told_is_new(story: Telling) -> None:
    run = story.add_run_and_poll()
    failing = story.fail_and_poll(run)
    story.world.edit_result(failing, status=PASSED)
    story.wait_and_poll()
    story.world.edit_result(failing, status=StatusId.FAILED)
    story.wait_and_poll(2)

    assert story.recovered() == [failing.test_id]
    assert [(id_, reason) for id_, reason, _ in story.reasons()] == [(failing.id, NEW), (failing.id, NEW)]


def test_it_is_told_only_where_the_failure_was_told(story: Telling) -> None:
    story.routes(
        Route((TEAM,), name="all", notify=ALL),
        Route((LEADS,), name="blocked", matcher=Matcher({"status": ("Blocked",)}), notify=ALL),
    )
    run = story.add_run_and_poll()
    failed, blocked = story.save(run, 1), story.save(run, 2, BLOCKED)
    story.wait_and_poll()
    story.save(run, 1, PASSED)
    story.save(run, 2, PASSED)
    story.wait_and_poll()

    assert sorted(story.recovered(TEAM)) == [failed.test_id, blocked.test_id]
    assert story.recovered(LEADS) == [blocked.test_id]
    assert [digest.routes for digest in story.digests(to=TEAM)] == [("all",)]
    assert [digest.routes for digest in story.digests(to=LEADS)] == [("blocked",)]


@pytest.mark.parametrize(
    "matcher",
    [
        Matcher({"assignee": ("Grace",)}),
        Matcher({"tester": ("Ada",)}),
        Matcher({"issue": ("SHOP-*",)}),
        Matcher({"status": (FAILED,), "run": ("Release*",)}, exclude={"tester": ("Grace",), "assignee": (0,)}),
    ],
)
def test_it_is_told_whoever_saved_the_pass_and_whatever_else_that_says(story: Telling, matcher: Matcher) -> None:
    """A pass has no assignee and no issue, mostly, and is often somebody else's."""
    ada, grace = story.world.add_user("Ada"), story.world.add_user("Grace")
    story.routes(Route((LEADS,), name="hers", matcher=matcher, notify=ALL), Route((TEAM,), name="rest", catch_all=True))
    run = story.add_run_and_poll()
    failed = story.fail_and_poll(run, by=ada, assignee=grace, issues=[story.world.add_issue("SHOP-1")])
    story.save(run, 1, PASSED, by=grace)
    story.wait_and_poll()

    assert [id_ for id_, _, _ in story.reasons(LEADS)] == [failed.id]
    assert story.recovered(LEADS) == [failed.test_id]


def test_what_was_failing_before_the_upgrade_is_no_recovery_and_not_new(story: Telling) -> None:
    story.route()
    run = story.add_run_and_poll()
    first = story.fail_and_poll(run)
    assert story.checkpoint(run).told == {}
    story.route(notify=ALL)
    second = story.fail_and_poll(run, 2)
    story.save(run, 1)
    story.wait_and_poll(6)

    assert [(id_, reason, streak) for id_, reason, streak in story.reasons() if id_ not in (first.id, second.id)] == [
        (second.id + 1, AGAIN, 0)
    ]
    assert story.digests() == []


def test_where_no_route_asks_testmo_is_asked_what_it_was_always_asked() -> None:
    def played(story: Telling) -> list[tuple[str, object]]:
        run = story.add_run_and_poll()
        story.fail_and_poll(run)
        story.save(run, 1, PASSED)
        story.save(run, 2)
        story.wait_and_poll(15, every=300)
        story.world.close_run(run)
        story.wait_and_poll(8)
        return [(request.path, sorted(request.query.items())) for request in story.requests()]

    with telling() as plain, telling() as matching:
        plain.route()
        matching.routes(
            Route((TEAM,), name="failed", matcher=Matcher({"status": ("Failed",)})),
            Route((LEADS,), name="the rest", catch_all=True),
        )
        assert played(plain) == played(matching)
        assert plain.follow_ups() == []


def test_nothing_is_asked_of_runs_that_no_such_route_is_about(story: Telling) -> None:
    story.routes(
        Route((LEADS,), name="nightly", matcher=Matcher({"run": ("Nightly*",)}), notify=ALL),
        Route((TEAM,), name="all"),
    )
    other, nightly = story.add_run("Release"), story.add_run("Nightly 12")
    story.poll()
    for run in (other, nightly):
        story.fail_and_poll(run)
        story.save(run, 1, PASSED)
    story.wait_and_poll(3, every=HOUR)

    assert story.follow_ups(other) == []
    assert story.recovered(LEADS) == [story.test(nightly).id]


def test_a_status_that_is_watched_no_more_is_no_recovery(story: Telling) -> None:
    run = story.add_run_and_poll()
    blocked = story.fail_and_poll(run, status=BLOCKED)
    story.settings["watch"] = Watch((3,))
    story.wait_and_poll(3, every=HOUR)

    assert blocked.id in story.announced
    assert story.digests() == []


def test_what_passed_in_the_last_minute_of_a_run_is_told_after_its_closing(story: Telling) -> None:
    run = story.add_run_and_poll()
    failing = story.fail_and_poll(run)
    story.save(run, 1, PASSED)
    story.world.close_run(run)
    story.wait_and_poll(8)

    assert story.recovered() == [failing.test_id]


def test_what_failed_and_passed_before_the_only_reading_of_a_closed_run_is_told(story: Telling) -> None:
    """The last sweep is part of that reading, and nobody looks at the run later."""
    run = story.add_run_and_poll()
    story.wait()
    failing = story.save(run)
    story.wait(1)
    story.save(run, 1, PASSED)
    story.world.close_run(run)
    story.wait_and_poll(every=900)

    assert story.reasons() == [(failing.id, NEW, 1)]
    assert story.recovered() == [failing.test_id]


def test_what_failed_and_passed_before_a_run_was_first_read_is_told_at_once_and_counted(story: Telling) -> None:
    """The sweep of first sight is part of that reading: a test that passed at the end is not failing after it."""
    story.poll()
    run = story.add_run()
    other = story.save(run, 2)
    first = story.save(run)
    for status in (PASSED, FAILED, PASSED):
        story.wait(1)
        story.save(run, 1, status)
    story.wait_and_poll()

    assert story.reasons() == [(other.id, NEW, 1), (first.id, NEW, 1), (4, NEW, 1)]
    assert story.recovered() == [first.test_id]


def test_a_failure_that_somebody_rewound_is_no_second_one_in_a_row(story: Telling) -> None:
    run = story.add_run_and_poll()
    story.wait(10)
    failing = story.fail_and_poll(run)
    rewind(story, run.id, 300, {failing.id})
    story.wait_and_poll()
    story.save(run, 1, PASSED)
    story.wait_and_poll()

    assert [(id_, streak) for id_, _, streak in story.reasons()] == [(failing.id, 1), (failing.id, 1)]
    assert story.recovered() == [failing.test_id]


@pytest.mark.parametrize("at", range(2, 22, 4))
def test_two_pollers_tell_a_recovery_under_one_id(at: int) -> None:
    with telling(executor=one_worker) as story:
        story.store = WithoutLease()
        run = story.add_run_and_poll()
        failing = story.fail_and_poll(run)
        story.save(run, 1, PASSED)
        story.wait()
        powered_poll(story, Power(at, strike=lambda: second_poll(story)))
        story.wait_and_poll(2)

        assert len({one.id for one in story.kept.told if one.digest.about == RECOVERED}) == 1
        assert set(story.recovered()) == {failing.test_id}


def second_poll(story: Telling) -> None:
    """Another poller's whole poll."""
    first = story.store
    powered_poll(story, Power())
    story.store = first


def test_nothing_is_asked_of_runs_in_which_nothing_failed(story: Telling) -> None:
    run = story.add_run_and_poll()
    story.save(run, 1, PASSED)
    story.wait_and_poll(4, every=HOUR)

    assert story.follow_ups() == []


def test_follow_up_questions_take_a_quarter_of_the_requests_and_go_on_in_the_next_poll(story: Telling) -> None:
    story.settings["requests_per_minute"] = 20
    run = story.add_run_and_poll(tests=140)
    failing = story.fail_and_poll(run)
    with short_pages():
        for number in range(1, 131):
            story.save(run, number, PASSED)
        asked = []
        for _ in range(6):
            before = len(story.follow_ups())
            story.wait_and_poll()
            asked.append(len(story.follow_ups()) - before)

    assert max(asked) == 5
    assert asked[:3] == [5, 5, 5]
    assert story.recovered() == [failing.test_id]
    assert story.checkpoint(run).passing is None, "nothing is failing any more"


def test_while_a_follow_up_question_goes_on_a_flood_is_read_again_by_turn_alone(story: Telling) -> None:
    story.settings["requests_per_minute"] = 20
    run = story.add_run_and_poll(tests=140)
    asked: list[int] = []
    with short_pages():
        for number in range(1, 131):
            story.save(run, number)
        story.wait_and_poll(2)
        for number in range(1, 131):
            story.save(run, number, PASSED)
        story.wait_and_poll(2)
        while owes_passes(story.checkpoint(run)) and len(asked) < 20:
            before = failing_pages(story)
            story.wait_and_poll()
            asked.append(failing_pages(story) - before)

    assert asked, "it goes on for some polls"
    assert sum(pages > 1 for pages in asked) <= 1, asked
    assert story.recovered()
    assert not story.checkpoint(run).failing


def test_a_failure_that_counters_hide_is_told_at_once_while_a_follow_up_question_goes_on(story: Telling) -> None:
    story.settings["requests_per_minute"] = 12
    run = story.add_run_and_poll(tests=400)
    with short_pages():
        for number in range(1, 41):
            story.save(run, number)
        story.save(run, 399, PASSED)
        story.wait_and_poll(5)
        for number in range(100, 390):
            story.save(run, number, PASSED)
        story.save(run, 1, PASSED)
        story.wait_and_poll(2)
        assert owes_passes(story.checkpoint(run))
        before = story.checkpoint(run)
        story.save(run, 2, PASSED)  # one more that passed and one more that failed: the counters stand still
        hidden = story.fail_and_poll(run, 399)
        after = story.checkpoint(run)

    assert hidden.id in story.announced
    assert owes_passes(after)
    assert (after.cursor, after.floor) == (before.cursor, before.floor), (
        "what becomes visible late is still to be found"
    )


def test_a_test_that_fails_again_behind_counters_while_it_is_being_looked_at_is_not_told_to_be_well(
    story: Telling,
) -> None:
    story.settings["requests_per_minute"] = 12
    run = story.add_run_and_poll(tests=400)
    test = story.test(run, 1).id
    with short_pages():
        for number in range(1, 11):
            story.save(run, number)
        for number in range(100, 390):
            story.save(run, number, PASSED)
        story.wait_and_poll(8)
        story.wait_and_poll(8, every=300)
        story.save(run, 1, PASSED)
        for _ in range(40):
            story.wait_and_poll()
            passing = story.checkpoint(run).passing
            if passing and passing.look and test in passing.look.passed:
                break
        again = story.save(run, 1)
        story.save(run, 2, PASSED)  # the counters stand still
        story.wait_and_poll(30)

    assert again.id in story.announced
    assert test not in story.recovered()


def failing_pages(story: Telling) -> int:
    """How many pages of failing results were asked for."""
    return sum(request.query.get("status_id") == "3,5" for request in story.reads())


def test_what_the_failing_results_of_other_runs_need_is_left_to_them(story: Telling) -> None:
    story.settings["requests_per_minute"] = 8
    runs = [story.add_run(f"Run {number}") for number in range(4)]
    story.poll()
    for run in runs:
        story.save(run)
    story.wait_and_poll(3)
    for run in runs:
        story.save(run, 1, PASSED)
    before = len(story.reads())
    story.wait_and_poll()
    read = {request.path for request in story.reads()[before:] if request.query["status_id"] == "3,5"}

    assert len(read) == 4


def test_a_test_that_fails_again_while_it_is_being_looked_at_is_not_told_to_be_well(story: Telling) -> None:
    story.settings["requests_per_minute"] = 20
    run = story.add_run_and_poll(tests=140)
    story.fail_and_poll(run)
    with short_pages():
        for number in range(2, 131):
            story.save(run, number, StatusId.SKIPPED)
        story.wait(1)
        story.save(run, 1, PASSED)
        story.wait_and_poll()
        look = story.checkpoint(run).passing
        assert look is not None
        assert look.look is not None
        again = story.fail_and_poll(run)
        story.wait_and_poll(8)

    assert again.id in story.announced
    assert story.digests() == []


@pytest.mark.parametrize("at", range(0, 24, 1))
def test_a_recovery_survives_a_power_cut_wherever_it_strikes(at: int) -> None:
    with telling(executor=one_worker) as story:
        run = story.add_run_and_poll()
        failing = story.fail_and_poll(run)
        story.save(run, 1, PASSED)
        story.wait()
        powered_poll(story, Power(at))
        story.wait_and_poll(2)

        ids = {one.id for one in story.kept.told if one.digest.about == RECOVERED}
        assert len(ids) == 1
        assert set(story.recovered()) == {failing.test_id}


def test_a_recovery_is_told_with_the_statuses_that_count_as_passed_here(story: Telling) -> None:
    story.world.statuses[StatusId.WIP] = replace(story.world.statuses[StatusId.WIP], is_passed=True)
    run = story.add_run()
    story.save(run, 5, StatusId.WIP)
    story.poll()
    failing = story.fail_and_poll(run)
    story.save(run, 1, StatusId.WIP)
    story.wait_and_poll()

    assert story.recovered() == [failing.test_id]
    assert story.digests()[0].counts == {"WIP": 1}


def test_an_instance_that_does_not_tell_its_statuses_has_the_one_that_testmo_begins_with(story: Telling) -> None:
    story.testmo.faults.add("no-statuses", times=None)
    run = story.add_run_and_poll()
    failing = story.fail_and_poll(run)
    story.save(run, 1, PASSED)
    story.wait_and_poll()

    assert story.recovered() == [failing.test_id]
    assert "does not tell which statuses" not in " ".join(story.poll().problems), "said hourly, not in every poll"
