"""Rules 10, 13 and 15: from the outbox to SNS."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.adapters.topic import attributes
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import Checkpoint, Notification, Outgoing
from testmo_notifier.polling import due
from testmo_notifier.polling.handover import OFF_STACK
from tests.flow.test_routes import REST, follow
from tests.support.memory import MemoryStore, MemoryTopic
from tests.support.story import Story
from tools.simulator.model import Run


def runs_with_news(story: Story, count: int) -> list[Run]:
    runs = [story.add_run(f"Run {n}") for n in range(count)]
    story.poll()
    story.wait()
    for run in runs:
        story.save(run)
    return runs


def destinations(story: Story) -> list[str]:
    return [notification.destination for notification in story.topic.notifications]


def test_a_destination_that_sns_refuses_waits_and_the_others_go_out(story: Story) -> None:
    (run,) = runs_with_news(story, 1)
    story.topic.refused = {"slack:default"}
    summary = story.poll()
    assert sorted(destinations(story)) == ["email:default", "event"]
    assert summary.pending == 1
    assert f"it stays in the outbox of run {run.id}" in summary.problems[0]
    story.topic.refused = set()
    story.wait_and_poll(2)

    assert sorted(destinations(story)) == ["email:default", "event", "slack:default"]


def test_what_waits_for_a_channel_that_leaves_the_stack_waits_on_and_is_named(story: Story) -> None:
    lead = '[[routes]]\nmatch = { status = "Failed" }\nto = ["slack:lead"]\n'
    follow(story, lead + REST.replace("slack", "email"))
    runs_with_news(story, 1)
    story.topic.refused = {"slack:lead"}
    story.poll()
    story.topic.refused = set()
    story.settings |= {"destinations": ("email:default", "event"), "channels": ("email", "event")}
    summary = story.wait_and_poll()

    assert (destinations(story), summary.pending) == (["event"], 1)
    assert summary.problems == [f"slack:lead {OFF_STACK}"]
    assert story.wait_and_poll(30).lag_seconds > 1_000  # LagAlarm

    del story.settings["channels"]
    assert (story.wait_and_poll().pending, destinations(story)) == (0, ["event", "slack:lead"])


def test_what_waits_for_a_destination_that_no_route_names_any_more_goes_out_where_its_channel_is_there(
    story: Story,
) -> None:
    follow(story, '[[routes]]\nto = ["email:default"]\n')
    runs_with_news(story, 1)
    story.topic.refused = {"email:default"}
    story.poll()
    story.topic.refused = set()
    follow(story, '[[routes]]\nto = ["slack:default"]\n')

    assert (story.wait_and_poll().pending, destinations(story)) == (0, ["event", "email:default"])


def test_what_the_index_does_not_show_yet_leaves_with_the_next_poll(story: Story) -> None:
    """An index of DynamoDB shows what was committed a moment later."""

    class Lagging(MemoryStore):
        def pending(self) -> list[Checkpoint]:
            return []

    runs_with_news(story, 1)
    story.topic.refused = {"slack:default"}
    story.poll()
    story.topic.refused = set()
    story.store.__class__ = Lagging
    story.wait_and_poll()

    assert sorted(destinations(story)) == ["email:default", "event", "slack:default"]


@pytest.mark.parametrize("name", ["🔥 Broken", "Größe", "Fehler\u00a0\u2013 \u202ewichtig", "日本語"])
def test_no_name_of_a_status_or_a_route_keeps_a_message_from_leaving(story: Story, name: str) -> None:
    def spoil(_path: str, body: dict[str, Any]) -> None:
        expands = body.get("expands")
        for status in expands.get("statuses", ()) if isinstance(expands, dict) else ():
            status["name"] = name

    follow(story, f'[[routes]]\nname = "{name}"\nto = ["slack:default", "email:default"]\n')
    story.spoil = spoil
    runs_with_news(story, 1)

    assert story.poll().problems == []
    assert sorted(destinations(story)) == ["email:default", "event", "slack:default"]
    given = attributes(story.topic.notifications[0])
    assert json.loads(given["status"]["StringValue"]) == [" ".join(name.replace("\u202e", "").split())]
    assert json.loads(given["route"]["StringValue"]) == [name]


def test_an_outbox_that_waits_for_one_destination_keeps_no_news_from_the_others(story: Story) -> None:
    run, other = runs_with_news(story, 2)
    story.topic.refused = {"slack:default"}
    story.poll()
    later = [story.save(run, 2), story.save(other, 2)]
    story.wait_and_poll()

    assert story.channel("slack") == []
    assert len(story.channel("email")) == 4
    assert sorted(story.announced) == [1, 2, *(result.id for result in later)]

    story.topic.refused = set()
    story.wait_and_poll()

    assert len(story.channel("slack")) == 4
    assert ["2 failed" in text for text in story.channel("slack")] == [False] * 4
    assert sorted(story.announced) == [1, 2, *(result.id for result in later)]


def test_an_outbox_that_is_full_keeps_its_run_from_being_read_and_nothing_is_lost(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "MAX_WAITING_BYTES", 400)
    (run,) = runs_with_news(story, 1)
    story.topic.refused = {"slack:default"}
    story.poll()
    reads = len(story.requests(f"/runs/{run.id}/results"))
    later = story.save(run, 2)
    story.wait_and_poll(10)
    assert len(story.requests(f"/runs/{run.id}/results")) == reads

    story.topic.refused = set()
    story.wait_and_poll()

    assert len(story.channel("slack")) == 2
    assert sorted(story.announced) == [1, later.id]


def test_an_outbox_is_handed_over_whatever_the_lists_say(story: Story) -> None:
    (run,) = runs_with_news(story, 1)
    story.topic.refused = {"slack:default", "email:default", "event"}
    story.poll()
    story.world.delete_run(run)
    story.world.hide_project(story.shop)
    story.topic.refused = set()
    story.wait_and_poll()

    assert len(story.topic.notifications) == 3


def test_a_hundred_runs_with_news_are_told_in_the_poll_that_reads_them(story: Story) -> None:
    """Minute after minute: what Slack takes of it, one a second, is the queue's business."""
    story.settings |= {"requests_per_minute": 1_000}
    runs = runs_with_news(story, 100)
    for minute in range(1, 4):
        summary = story.poll()
        assert (summary.published, summary.pending) == (300, 0)
        for channel in ("slack", "email", "event"):
            assert len(story.channel(channel)) == 100 * minute
        story.wait()
        for run in runs:
            story.save(run, 1 + minute)


def test_more_mails_than_a_poll_has_time_for_wait_and_nothing_else_does(story: Story) -> None:
    story.settings |= {"requests_per_minute": 1_000}
    runs_with_news(story, 130)
    sizes, waiting = [], []
    for _ in range(3):
        summary = story.poll()
        sizes.append([len(story.channel(channel)) for channel in ("event", "slack", "email")])
        waiting.append(summary.pending)
        story.wait()

    assert sizes == [[130, 130, 100], [130, 130, 130], [130, 130, 130]]
    assert waiting == [30, 0, 0]
    assert sorted(story.announced) == list(range(1, 131))


def test_what_has_waited_longest_goes_out_first(story: Story) -> None:
    """Runs that fail at every poll must not keep those behind them waiting for ever."""
    runs = [story.add_run(f"Run {n}", tests=50) for n in range(45)]
    story.poll()
    for number in range(1, 11):
        story.wait()
        for run in runs:
            story.save(run, number)
        story.poll()

    assert {event["run"]["id"] for event in story.events} == {run.id for run in runs}


def test_mails_are_paced(story: Story) -> None:
    moments = []

    class Watching(MemoryTopic):
        def publish(self, notification: Notification) -> None:
            super().publish(notification)
            if notification.channel == "email":
                moments.append(story.time)

    story.topic = Watching()
    runs_with_news(story, 20)
    story.poll()
    gaps = [(b - a).total_seconds() for a, b in pairwise(moments)]

    assert len(moments) == 20
    assert min(gaps) >= 0.2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("slack_result.j2", "{{ nothing.here }}"),
        ("slack_text.j2", "{% if %}"),
        ("slack_header.j2", "{{ 1 / 0 }}"),
        ("email_body.j2", "{{ message.secret }}"),
        ("email_subject.j2", ""),
    ],
)
def test_a_broken_template_goes_out_in_the_built_in_words_and_is_named(
    story: Story, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    story.renderer = Renderer(ZoneInfo("UTC"), tmp_path)
    runs_with_news(story, 2)
    summary = story.poll()

    assert len(story.topic.notifications) == 6
    assert sum(name in problem for problem in summary.problems) == 1
    assert summary.template_errors == 1
    assert summary.to_json()["problems"] == summary.problems, "and the log has it"


def test_a_message_nobody_can_render_stays_in_its_outbox_and_holds_up_no_other(story: Story) -> None:
    class Stumbling(Renderer):
        def notification(self, outgoing: Outgoing) -> Notification:
            if outgoing.digest.run_name == "Run 0" and outgoing.destination == "slack:default":
                raise RecursionError("quotes a secret")
            return super().notification(outgoing)

    story.renderer = Stumbling(ZoneInfo("UTC"))
    runs_with_news(story, 2)
    summary = story.poll()
    story.wait_and_poll(2)
    assert (len(story.channel("slack")), len(story.channel("email")), len(story.events)) == (1, 2, 2)
    assert "a message for slack:default could not be rendered, it stays in the outbox of run" in summary.problems[0]
    assert "secret" not in "".join(summary.problems)
    story.renderer = Renderer(ZoneInfo("UTC"))
    story.wait_and_poll()

    assert len(story.channel("slack")) == 2


def test_too_little_time_left_leaves_the_rest_in_the_outbox(story: Story) -> None:
    runs_with_news(story, 3)
    left = iter([60.0] * 12)
    story.settings["seconds_left"] = lambda: next(left, 3.0)
    story.poll()
    story.settings["seconds_left"] = lambda: 60.0
    story.wait_and_poll(3)

    assert sorted(story.announced) == [1, 2, 3]
    assert len(story.topic.notifications) == 9


def test_without_destinations_nothing_is_announced_and_nothing_waits(story: Story) -> None:
    story.settings["destinations"] = ()
    runs_with_news(story, 1)
    summary = story.poll()

    assert (summary.new_failing, summary.published, summary.pending) == (1, 0, 0)
