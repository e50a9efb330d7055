"""`rewind --destination`: one destination is told again, under new ids (rule 11), and nobody else is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from testmo_notifier.adapters.items import control_from
from testmo_notifier.model import Silence
from testmo_notifier.notices.holding import Holding
from testmo_notifier.notices.routes import destinations, is_for_people
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.story import BLOCKED, FAILED, PASSED, Story
from tools.ops.repeat import Repeat, Repeater, put
from tools.ops.rewind import failing_since
from tools.simulator.model import Run

BY_STATUS = """
[[routes]]
name = "leads"
match = { status = "Blocked" }
to = ["slack:leads"]

[[routes]]
name = "everything"
to = ["slack:default", "email:default"]
"""


def with_routes(story: Story, text: str) -> None:
    routes = parse_routes(text)
    people = tuple(name for name in destinations(routes, ("slack", "email")) if is_for_people(name))
    story.settings |= {"routes": routes, "destinations": people}


def repeat(story: Story, run: Run, destination: str, *, seconds: float = 3_600) -> Repeat:
    """As the command does it."""
    rate_limit = RateLimit(1_000, spent={}, now=story.time.timestamp, sleep=story.wait, seconds_left=lambda: 60.0)
    testmo, checkpoint = story.connect(rate_limit), story.checkpoint(run)
    routes = story.settings["routes"]
    holding = Holding(story.time, routes.options, silences=control_from(story.store.items["CONTROL"]).silences)
    names = {story.shop.id: "Shop"}
    repeater = Repeater(destination, routes, "https://example.testmo.net", names, holding=holding)
    asked = testmo.run(run.id)
    made = repeater.repeat(asked, checkpoint, failing_since(testmo, asked, checkpoint, story.ago(seconds)))
    put(story.store, run.id, made, destination, at=story.time, holding=repeater.holding)
    return made


def told(story: Story) -> list[str]:
    """Where messages went, in order."""
    return [one.destination for one in story.topic.notifications]


def test_one_destination_is_told_again_and_nobody_else_is(story: Story) -> None:
    with_routes(story, BY_STATUS)
    run = story.add_run_and_poll()
    story.wait()
    first, second = story.save(run, 1), story.save(run, 2)
    story.wait_and_poll()
    assert sorted(told(story)) == ["email:default", "slack:default"]

    story.wait(600)
    assert repeat(story, run, "slack:default").keys == {first.id, second.id}
    story.wait_and_poll(5)

    assert told(story)[2:] == ["slack:default"]
    ids = [one.id for one in story.topic.notifications]
    assert len(set(ids)) == len(ids)
    assert "2 failed" in story.channel("slack")[-1]


def test_only_what_the_routes_send_there_is_repeated(story: Story) -> None:
    with_routes(story, BY_STATUS)
    run = story.add_run_and_poll()
    story.wait()
    story.save(run, 1, FAILED)
    blocked = story.save(run, 2, BLOCKED)
    story.wait_and_poll()
    story.wait(600)
    assert repeat(story, run, "slack:leads").keys == {blocked.id}


def test_a_channel_that_was_left_out_gets_what_the_fixed_route_sends_there(story: Story) -> None:
    with_routes(story, BY_STATUS.replace('"Blocked"', '"Blokced"'))
    run = story.add_run_and_poll()
    story.wait()
    blocked = story.save(run, 2, BLOCKED)
    story.wait_and_poll()
    assert "slack:leads" not in told(story)

    with_routes(story, BY_STATUS)
    assert repeat(story, run, "slack:leads").keys == {blocked.id}
    story.wait_and_poll()

    assert told(story).count("slack:leads") == 1
    assert told(story).count("slack:default") == 1


def test_what_no_poll_has_read_yet_goes_where_the_routes_say_and_once(story: Story) -> None:
    with_routes(story, BY_STATUS)
    run = story.add_run_and_poll()
    story.wait()
    first = story.fail_and_poll(run, 1)
    story.wait(30)
    story.save(run, 2)

    assert repeat(story, run, "slack:default").keys == {first.id}
    story.wait_and_poll(5)

    assert told(story).count("slack:default") == 3
    assert told(story).count("email:default") == 2


def test_what_a_route_still_waits_for_is_not_repeated(story: Story) -> None:
    with_routes(story, '[[routes]]\nto = ["slack:twice"]\nafter = 2\n[[routes]]\nto = ["slack:default"]\nmatch = {}\n')
    run = story.add_run_and_poll()
    story.wait()
    story.fail_and_poll(run, 1)
    streaks = {one.streak for one in story.checkpoint(run).told.values()}
    assert streaks == {1}
    assert not repeat(story, run, "slack:twice").keys


def test_who_was_told_again_is_told_of_what_follows(story: Story) -> None:
    with_routes(story, BY_STATUS.replace('"Blocked"', '"Blokced"'))
    run = story.add_run_and_poll()
    story.wait()
    story.save(run, 2, BLOCKED)
    story.wait_and_poll()
    before = next(iter(story.checkpoint(run).told.values())).destinations
    with_routes(story, BY_STATUS)

    repeat(story, run, "slack:leads")

    after = next(iter(story.checkpoint(run).told.values())).destinations
    assert after - before == {"slack:leads"}


def test_what_waits_in_the_outbox_goes_out_as_well(story: Story) -> None:
    with_routes(story, BY_STATUS)
    run = story.add_run_and_poll()
    story.wait()
    story.save(run)
    story.topic.refused = {"slack:default"}
    story.wait_and_poll()
    story.topic.refused = set()
    repeat(story, run, "slack:default")
    story.wait_and_poll()
    assert told(story) == ["email:default", "slack:default", "slack:default"]


def test_what_is_repeated_is_late_from_then_on_and_not_from_the_last_reading(story: Story) -> None:
    with_routes(story, BY_STATUS)
    run = story.add_run_and_poll()
    story.wait()
    story.fail_and_poll(run)
    story.world.close_run(run)
    story.wait_and_poll(120)
    repeat(story, run, "slack:default", seconds=10_000)
    story.topic.refused = {"slack:default"}
    assert story.wait_and_poll().lag_seconds == 60


def test_a_closed_run_is_repeated_without_being_read(story: Story) -> None:
    with_routes(story, BY_STATUS)
    run = story.add_run_and_poll()
    story.wait()
    story.save(run)
    story.world.close_run(run)
    story.wait_and_poll(20)
    reads = len(story.reads(run))
    repeat(story, run, "email:default")
    asked = len(story.reads(run))
    story.wait_and_poll()
    assert told(story).count("email:default") == 2
    assert (asked - reads, len(story.reads(run)) - asked) == (1, 0)


@pytest.mark.parametrize("cause", ["quiet", "silence"])
def test_what_is_repeated_is_held_like_all_else_for_that_destination(story: Story, cause: str) -> None:
    quiet = '[destinations."slack:default"]\nquiet = { from = "09:05", to = "10:00" }\n'
    with_routes(story, BY_STATUS + (quiet if cause == "quiet" else ""))
    run = story.add_run_and_poll()
    story.wait()
    story.fail_and_poll(run, 1)
    assert sorted(told(story)) == ["email:default", "slack:default"]
    story.wait(600)
    if cause == "silence":
        story.store.put_silence(Silence("s1", story.time + timedelta(minutes=40), "Ada", "a deploy", story.time))
    story.fail_and_poll(run, 2)

    repeat(story, run, "slack:default")
    story.wait_and_poll(5)
    assert sorted(told(story)[2:]) == ["email:default"] * (cause == "quiet")

    story.wait_and_poll(50)
    assert told(story)[2:].count("slack:default") == 1
    assert "2 failed" in story.channel("slack")[-1], "each once, whether it was held before or not"


def test_what_was_re_tested_since_is_not_failing_now_and_is_not_repeated(story: Story) -> None:
    """It passed, or its next failure is what is repeated."""
    with_routes(story, BY_STATUS)
    run = story.add_run_and_poll()
    story.wait()
    story.save(run, 1), story.save(run, 2)
    story.wait_and_poll()
    story.save(run, 1, PASSED)
    latest = story.save(run, 2)
    story.wait_and_poll(6)

    assert repeat(story, run, "slack:default").keys == {latest.id}
