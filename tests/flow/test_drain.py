"""The way back to an older version: what is committed is told, nothing more is read; docs/runbook.md stays true."""

from __future__ import annotations

from testmo_notifier.poll import poll
from tests.support.story import Story
from tools.simulator.model import Run


def run_whose_message_waits(story: Story) -> Run:
    run = story.add_run_and_poll()
    story.save(run)
    story.topic.refused = {"slack:default"}
    story.wait_and_poll()
    story.topic.refused = set()
    story.wait()
    return run


def test_a_drain_hands_over_what_waits_and_asks_testmo_nothing(story: Story) -> None:
    run = run_whose_message_waits(story)
    story.save(run, 2)
    asked = len(story.requests())

    report = poll(story.setup(), drain=True)

    assert (report.status, report.published, report.pending, report.looked) == ("waiting", 1, 0, False)
    assert report.words == "drained: nothing is read until 2026-11-23T09:17:00+00:00"
    assert len(story.channel("slack")) == 1
    assert len(story.requests()) == asked


def test_no_poll_reads_for_15_minutes_after_a_drain_and_then_all_of_it_is_told(story: Story) -> None:
    run = run_whose_message_waits(story)
    poll(story.setup(), drain=True)
    later = story.save(run, 2)
    asked = len(story.requests())

    drained = story.wait_and_poll(14)
    assert (drained.status, len(story.requests())) == ("waiting", asked)
    assert drained.lag_seconds == 840 + 60, "since the last poll that looked: the alarm of what is late stays true"

    report = story.wait_and_poll()
    assert (report.status, report.new_failing) == ("ok", 1)
    assert story.announced[-1] == later.id
    assert story.store.take_lease(story.time, story.settings["staleness"]).budget.draining_until is None


def test_each_poll_that_drains_begins_the_15_minutes_anew(story: Story) -> None:
    run_whose_message_waits(story)
    poll(story.setup(), drain=True)
    story.wait(600)
    poll(story.setup(), drain=True)
    assert story.wait_and_poll(14).status == "waiting"
    assert story.wait_and_poll().status == "ok"


def test_who_stays_ends_a_drain_at_once(story: Story) -> None:
    run = run_whose_message_waits(story)
    poll(story.setup(), drain=True)
    story.save(run, 2)
    report = poll(story.setup(), drain=False)
    assert (report.status, report.new_failing) == ("ok", 1)
    assert story.wait_and_poll().status == "ok"


def test_the_pause_that_testmo_asked_for_outlives_a_drain(story: Story) -> None:
    run_whose_message_waits(story)
    story.testmo.faults.add("429", times=1, retry_after=1200)
    story.poll()
    poll(story.setup(), drain=True)
    assert story.wait_and_poll(16).problems[0].startswith("Testmo asked for a pause until")
