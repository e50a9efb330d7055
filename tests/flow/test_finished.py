"""Rule 19: that a run is over is told once it was closed and read for the last time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from testmo_notifier.model import FINISHED
from testmo_notifier.notices.matching import Matcher
from testmo_notifier.notices.routes import BY_DEFAULT, Route
from testmo_notifier.sources.testmo_runs.passes import RunQuestions
from tests.flow.power import Power, powered_poll
from tests.support.memory import WithoutLease
from tests.support.story import BLOCKED, PASSED, one_worker
from tests.support.telling import EVERYTHING, LEADS, TEAM, Telling, telling
from tools.simulator.model import Run, StatusId

ENDS = frozenset((*BY_DEFAULT, FINISHED))


@pytest.fixture
def story() -> Iterator[Telling]:
    with telling() as story:
        story.route(notify=ENDS)
        yield story


def close(story: Telling, run: Run) -> None:
    """Close a run, and poll until it was read for the last time."""
    story.world.close_run(run)
    story.wait_and_poll(8)


def test_a_closed_run_is_told_once_with_its_counters_and_who_is_still_failing(story: Telling) -> None:
    run = story.add_run_and_poll(tests=5)
    failed, blocked = story.save(run, 1), story.save(run, 2, BLOCKED)
    story.save(run, 3, PASSED)
    story.wait_and_poll()
    story.fail_and_poll(run, 4)
    story.save(run, 4, PASSED)
    close(story, run)

    (digest,) = story.digests(FINISHED)
    assert (digest.total, digest.omitted, dict(digest.counts)) == (2, 0, {"Failed": 1, "Blocked": 1})
    assert {(one.id, one.reason) for one in digest.results} == {(failed.id, FINISHED), (blocked.id, FINISHED)}
    assert (digest.counters.success, digest.counters.total) == (2, 5)

    story.wait_and_poll(4, every=3600)
    assert len(story.digests(FINISHED)) == 1


def test_it_calls_the_statuses_as_the_instance_does(story: Telling) -> None:
    """Their names are asked for where no page said them; if Testmo does not tell, their numbers stand there."""
    told = []
    for is_untold in (False, True):
        run = story.add_run_and_poll(tests=3)
        story.save(run, 1, StatusId.WIP)
        story.save(run, 2, PASSED)
        story.world.close_run(run)
        story.wait_and_poll(4)
        if is_untold:
            story.testmo.faults.add("no-statuses", times=None)
        story.wait_and_poll(8)
        told.append(dict(story.digests(FINISHED)[-1].status_names).get(StatusId.WIP))
    assert told == ["WIP", None]


def test_of_a_run_whose_end_nobody_is_told_no_name_is_asked_for(story: Telling) -> None:
    story.route(notify=ENDS, matcher=Matcher({"run": ("Nightly",)}))
    run = story.add_run_and_poll("Release", tests=3)
    story.save(run, 1, StatusId.WIP)
    with patch.object(RunQuestions, "status_names", return_value={}) as asked:
        close(story, run)
    assert not asked.called
    assert not story.digests(FINISHED)


def test_it_waits_for_the_last_reading(story: Telling) -> None:
    """A result that was saved before the closing may become visible within the overlap after it."""
    run = story.add_run_and_poll()
    story.world.close_run(run)
    story.wait_and_poll(4)
    assert story.digests(FINISHED) == []

    story.wait_and_poll(2)
    assert [digest.total for digest in story.digests(FINISHED)] == [0]


def test_it_is_told_once_although_counters_that_never_fit_have_a_run_read_on_for_an_hour(story: Telling) -> None:
    def one_more_is_failing(path: str, body: dict[str, Any]) -> None:
        for row in body["result"] if path.endswith("/runs") else ():
            row["status2_count"] += 1

    run = story.add_run_and_poll()
    story.spoil = one_more_is_failing
    story.world.close_run(run)
    story.wait_and_poll(20)

    assert len(story.reads(run)) > 10
    assert len(story.digests(FINISHED)) == 1


def test_a_run_that_is_opened_and_closed_again_is_told_again(story: Telling) -> None:
    run = story.add_run_and_poll()
    close(story, run)
    story.world.reopen_run(run)
    story.wait_and_poll()
    late = story.fail_and_poll(run)
    close(story, run)

    assert [[one.id for one in digest.results] for digest in story.digests(FINISHED)] == [[], [late.id]]
    assert len({one.id for one in story.kept.told if one.digest.about == FINISHED}) == 2


def test_what_was_closed_before_a_route_asked_is_old(story: Telling) -> None:
    story.route()
    runs = [story.add_run(f"Run {number}") for number in range(3)]
    story.poll()
    close(story, runs[0])
    story.world.close_run(runs[1])
    story.wait()
    story.route(notify=ENDS)
    story.wait_and_poll(8)
    assert story.digests(FINISHED) == []

    close(story, runs[2])
    assert [digest.run_id for digest in story.digests(FINISHED)] == [runs[2].id]


def test_the_moment_since_when_it_is_asked_for_is_forgotten_when_no_route_asks_any_more(story: Telling) -> None:
    first, second = story.add_run("First"), story.add_run("FollowUp")
    story.poll()
    story.route()
    close(story, first)
    story.route(notify=ENDS)
    story.wait_and_poll(2)
    close(story, second)

    assert [digest.run_id for digest in story.digests(FINISHED)] == [second.id]


def test_runs_of_a_project_that_was_hidden_when_they_were_closed_are_not_told_if_that_was_before(
    story: Telling,
) -> None:
    story.route()
    run = story.add_run_and_poll()
    story.world.hide_project(story.shop)
    story.wait_and_poll(2)
    story.world.close_run(run)
    story.wait()
    other = story.add_run("Elsewhere", project=story.world.add_project("Garden"))
    story.route(notify=ENDS)
    story.wait_and_poll(2)
    story.world.show_project(story.shop)
    story.wait_and_poll(70)
    assert story.digests(FINISHED) == []

    close(story, other)
    assert [digest.run_id for digest in story.digests(FINISHED)] == [other.id]


def test_it_goes_where_a_route_with_this_run_asks_for_it(story: Telling) -> None:
    story.routes(
        Route((TEAM,), name="all"),
        Route((LEADS,), name="nightly", matcher=Matcher({"run": ("Nightly*",)}), notify=frozenset((FINISHED,))),
    )
    nightly, other = story.add_run("Nightly 12"), story.add_run("Release")
    story.poll()
    close(story, nightly)
    close(story, other)

    assert [(digest.run_id, digest.routes) for digest in story.digests(FINISHED, to=LEADS)] == [
        (nightly.id, ("nightly",))
    ]
    assert story.digests(FINISHED, to=TEAM) == []


def test_a_route_that_catches_all_hears_of_the_end_of_what_no_other_took(story: Telling) -> None:
    """By what is known of a run; which results it has says nothing about its end."""
    story.routes(
        Route((LEADS,), name="nightly", matcher=Matcher({"run": ("Nightly*",)}), notify=EVERYTHING),
        Route(("slack:blocked",), name="blocked", matcher=Matcher({"status": ("Blocked",)})),
        Route(
            ("slack:managers",), name="summary", matcher=Matcher({"project": ("Shop",)}), notify=frozenset((FINISHED,))
        ),
        Route((TEAM,), name="rest", catch_all=True, notify=EVERYTHING),
    )
    nightly, other = story.add_run("Nightly 12"), story.add_run("Release")
    story.poll()
    close(story, nightly)
    close(story, other)

    ends = {to: [one.run_id for one in story.digests(FINISHED, to=to)] for to in (LEADS, "slack:managers", TEAM)}
    assert ends == {LEADS: [nightly.id], "slack:managers": [nightly.id, other.id], TEAM: [other.id]}


def test_it_asks_testmo_for_nothing_more(story: Telling) -> None:
    def played(story: Telling) -> list[tuple[str, object]]:
        run = story.add_run_and_poll()
        story.fail_and_poll(run)
        close(story, run)
        return [(request.path, sorted(request.query.items())) for request in story.requests()]

    with telling() as plain:
        plain.route()
        assert played(story) == played(plain)


def test_of_many_that_are_still_failing_fifty_are_named_and_all_are_counted(story: Telling) -> None:
    run = story.add_run_and_poll(tests=130)
    for number in range(1, 121):
        story.save(run, number)
    story.wait_and_poll()
    close(story, run)

    (digest,) = story.digests(FINISHED)
    assert (digest.total, len(digest.results), digest.omitted) == (120, 50, 70)


def test_what_still_fails_is_named_failed_first_and_the_newest_of_each_status_before_the_others(story: Telling) -> None:
    run = story.add_run_and_poll(tests=60)
    first = story.fail_and_poll(run, 1)
    newer = story.fail_and_poll(run, 2)
    for number in range(3, 58):
        story.save(run, number, BLOCKED)
    story.wait_and_poll()
    close(story, run)

    (digest,) = story.digests(FINISHED)
    assert [one.id for one in digest.results[:2]] == [newer.id, first.id], "newer blocked tests leave them their room"
    assert {one.status for one in digest.results[2:]} == {"Blocked"}
    assert dict(digest.counts) == {"Failed": 2, "Blocked": 55}


@pytest.mark.parametrize("at", range(18))
def test_it_survives_a_power_cut_wherever_it_strikes(at: int) -> None:
    with telling(executor=one_worker) as story:
        story.route(notify=ENDS)
        run = story.add_run_and_poll()
        story.fail_and_poll(run)
        story.world.close_run(run)
        story.wait_and_poll(4)
        story.wait()
        powered_poll(story, Power(at))
        story.wait_and_poll(3)

        assert len({one.id for one in story.kept.told if one.digest.about == FINISHED}) == 1


@pytest.mark.parametrize("at", range(2, 18, 3))
def test_two_pollers_tell_it_once(at: int) -> None:
    with telling(executor=one_worker) as story:
        story.route(notify=ENDS)
        story.store = WithoutLease()
        run = story.add_run_and_poll()
        story.fail_and_poll(run)
        story.world.close_run(run)
        story.wait_and_poll(4)
        story.wait()
        powered_poll(story, Power(at, strike=lambda: second(story)))
        story.wait_and_poll(3)

        assert len({one.id for one in story.kept.told if one.digest.about == FINISHED}) == 1


def second(story: Telling) -> None:
    """Another poller's whole poll."""
    first = story.store
    powered_poll(story, Power())
    story.store = first


def test_while_messages_wait_that_a_run_is_over_waits_with_them(story: Telling) -> None:
    run = story.add_run_and_poll()
    story.topic.refused.add(TEAM)
    story.fail_and_poll(run)
    close(story, run)
    story.topic.refused.clear()
    story.wait_and_poll(3)

    assert len({one.id for one in story.kept.told if one.digest.about == FINISHED and one.destination == TEAM}) == 1
    assert story.checkpoint(run).outbox == ()
