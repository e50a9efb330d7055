"""Rule 12: two pollers at once, at every point of each other, with and without the lease."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testmo_notifier.model import Notification
from testmo_notifier.polling.report import Report
from tests.flow.power import Power, powered_poll
from tests.support.executors import AtOnce
from tests.support.memory import MemoryStore, MemoryTopic, WithoutLease
from tests.support.story import Story, one_worker, playing
from tools.simulator.model import Run

CHANNELS = ("slack", "email", "event")


class Overtaken(MemoryTopic):
    """Lets something happen right after the third message."""

    after_third: Callable[[], None]

    def publish(self, notification: Notification) -> None:
        super().publish(notification)
        if len(self.notifications) == 3:
            self.after_third()


@pytest.fixture(autouse=True)
def effects_in_the_same_order(story: Story) -> None:
    story.settings["executor"] = one_worker


def second_poll(story: Story) -> Report:
    return story.poll(store=story.store.as_seen_by("the second poller"))


def second_process(story: Story) -> None:
    first = story.store
    powered_poll(story, Power())
    story.store = first


def prepare(story: Story) -> list[Run]:
    """Three runs, one of which has messages waiting, and news in each."""
    runs = [story.add_run(f"Run {n}") for n in range(3)]
    powered_poll(story, Power())
    story.wait()
    story.save(runs[0], 1)
    story.topic.refused = {"slack:default"}
    powered_poll(story, Power())
    story.topic.refused = set()
    story.wait()
    for run in runs:
        story.save(run, 2)
    story.world.close_run(runs[1])
    return runs


def interleave(store: Callable[[], MemoryStore], pause: float) -> int:
    """Let a second poller do a whole poll before each effect of the first one; the number of effects."""
    at = effects = 0
    while at <= effects:
        with playing(executor=one_worker) as story:
            story.store = store()
            prepare(story)

            def meanwhile(story: Story = story) -> None:
                story.save(story.world.runs[3], 3)
                story.wait(pause)
                second_process(story)

            power = Power(at, strike=meanwhile)
            powered_poll(story, power)
            effects = max(effects, len(power.effects))
            if power.struck is None:
                return at
            for _ in range(3):
                story.wait(301)
                powered_poll(story, Power())

            assert set(story.announced) == {1, 2, 3, 4, 5}, f"effect {at}, {power.struck}"
            assert len({len({n.id for n in story.topic.notifications if n.channel == c}) for c in CHANNELS}) == 1
            assert story.store.pending() == []
        at += 1
    return at


def test_a_second_poller_is_busy_while_the_first_holds_the_lease(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    seen: list[Report] = []
    story.before_page(1, lambda: seen.append(second_poll(story)), path="/runs/*/results")
    story.poll()

    assert [(summary.status, summary.requests) for summary in seen] == [("busy", 0)]
    assert "another poller is at work" in seen[0].words
    assert story.announced == [result.id]


def test_the_lease_of_a_killed_poller_ends_by_itself(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    powered_poll(story, Power(5))
    story.wait(29)
    busy = second_poll(story)
    story.wait(2)
    second_poll(story)

    assert busy.status == "busy"
    assert story.announced == [result.id]


def test_a_poller_that_has_finished_lets_the_next_one_in_at_once(story: Story) -> None:
    story.poll()

    assert second_poll(story).status == "ok"


def test_a_poll_that_takes_longer_than_its_lease_stays_the_only_one(story: Story) -> None:
    """Twelve lists of runs, four of them asked for at a time, each of which takes five seconds."""
    for number in range(12):
        story.add_run(project=story.world.add_project(f"Project {number}"))
    lists: list[int] = []
    seen: list[str] = []

    def take_five_seconds() -> None:
        story.wait(5)
        lists.append(len(lists))
        if len(lists) == 10:
            seen.append(second_poll(story).status)

    story.before_page(1, take_five_seconds, path="/projects/*/runs", times=None)
    story.poll(executor=AtOnce)

    assert seen == ["busy"]


def test_two_pollers_interleaved_anywhere_with_a_lease_lose_nothing() -> None:
    assert interleave(MemoryStore, pause=0) > 20


def test_two_pollers_interleaved_anywhere_after_the_lease_ran_out_lose_nothing() -> None:
    assert interleave(MemoryStore, pause=40) > 20


def test_two_pollers_interleaved_anywhere_without_a_lease_lose_nothing() -> None:
    assert interleave(WithoutLease, pause=0) > 20


def test_a_poller_that_was_overtaken_clears_nothing_that_is_not_its_own(story: Story) -> None:
    """The first poller publishes, stalls, and comes back when the second one has already committed new messages."""
    topic = Overtaken()
    story.store, story.topic = WithoutLease(), topic
    run = story.add_run_and_poll()
    story.wait()
    first = story.save(run, 1)

    def overtake() -> None:
        second_poll(story)  # hands over and clears the same outbox
        story.wait()
        story.save(run, 2)
        topic.refused = {"slack:default"}
        second_poll(story)  # commits a new outbox, of which one message waits
        topic.refused = set()

    topic.after_third = overtake
    summary = story.poll()
    waiting = [outgoing.destination for outgoing in story.checkpoint(run).outbox]
    story.wait_and_poll(2)

    assert waiting == ["slack:default"]
    assert any("its messages may go out twice" in problem for problem in summary.problems)
    assert set(story.announced) == {first.id, first.id + 1}
    assert len({n.id for n in story.topic.notifications if n.channel == "slack"}) == 2


def test_two_pollers_that_read_the_same_run_write_one_checkpoint(story: Story) -> None:
    story.store = WithoutLease()
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)
    story.before_page(1, lambda: second_poll(story), path="/runs/*/results")
    summary = story.poll()
    story.wait_and_poll(7)

    assert "written by another poller meanwhile" in summary.problems[0]
    assert story.announced == [result.id]
