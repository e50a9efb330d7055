"""Rule 18 for bots: what passed is taken out of a bot's message of the run, whether anybody asks to be told or not."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Mapping

import pytest

from testmo_notifier.adapters.outbox import pack_outbox, unpack_outbox
from testmo_notifier.model import Outgoing
from tests.flow.test_held import Recording, calm, hour
from tests.flow.test_routes import follow
from tests.support.bots import Bots, queued
from tests.support.factories import make_digest, make_named, make_outgoing, make_silence
from tests.support.stored import DIGEST
from tests.support.story import FAILED, PASSED, Story, playing
from tools.simulator.model import Run

BOT = "slack:default"
PLAIN = '[[routes]]\nto = ["slack:default", "email:default"]\n'
ASKING = 'notify = ["new", "again", "changed", "recovered"]'


@pytest.fixture
def story() -> Iterator[Story]:
    with playing() as story:
        story.renderer = Recording(story.renderer)  # type: ignore[assignment]
        yield story


def told(story: Story) -> list[tuple[str, str, bool]]:
    """What went where, and whether nobody was to hear of it."""
    seen: list[Outgoing] = story.renderer.seen  # type: ignore[attr-defined]
    return [(one.destination, one.digest.about, one.digest.is_silent) for one in seen if one.destination != "event"]


def to_the_bot(story: Story) -> list[tuple[str, bool]]:
    return [(about, is_silent) for destination, about, is_silent in told(story) if destination == BOT]


def channel(story: Story) -> list[str]:
    """What stands in the bot's channel by now."""
    bots = Bots()
    bots.settle(*(queued(one) for one in story.topic.notifications if one.destination == BOT))
    return [text.split(":")[0] for text in bots.texts()]


def begin(story: Story, text: str) -> None:
    """A bot that is known, and a run with a failing test that it was told of."""
    follow(story, text)
    run = story.add_run()
    story.poll()
    story.save(run, 1)
    story.wait_and_poll()
    story.store.put_bots(BOT)
    story.wait_and_poll()


def passes(story: Story, number: int = 1) -> None:
    (run,) = story.world.runs.values()
    story.save(run, number, PASSED)
    story.wait_and_poll()


def fails(story: Story, number: int = 1) -> None:
    (run,) = story.world.runs.values()
    story.save(run, number, FAILED)
    story.wait_and_poll()


def test_what_passed_is_taken_out_of_a_bots_message_in_silence_where_nobody_asks_to_hear_of_it(story: Story) -> None:
    begin(story, PLAIN)

    passes(story)
    story.wait_and_poll(3)

    assert told(story) == [
        ("slack:default", "failing", False),
        ("email:default", "failing", False),
        ("slack:default", "recovered", True),
    ]
    assert channel(story) == ["✔ nothing that was told is failing"]


def test_what_passed_in_silence_and_fails_again_is_new_there(story: Story) -> None:
    begin(story, PLAIN)
    passes(story)

    fails(story)

    assert to_the_bot(story) == [("failing", False), ("recovered", True), ("failing", False)]
    assert story.topic.notifications[-1].reasons == ("new",)
    assert channel(story) == ["✖ 1 failed", "- ✖ 1 failed"]


def test_where_no_destination_of_a_run_is_a_bot_nothing_more_is_asked_and_nothing_more_is_told(story: Story) -> None:
    follow(story, PLAIN)
    story.store.put_bots("slack:payments")
    run = story.add_run()
    story.poll()
    story.save(run, 1)
    story.wait_and_poll()
    passes(story)

    assert told(story) == [("slack:default", "failing", False), ("email:default", "failing", False)]
    assert {asked.query.get("status_id") for asked in story.requests(f"/runs/{run.id}/results")} == {"3,5"}


def test_who_asks_to_hear_of_it_hears_of_it_and_that_is_all(story: Story) -> None:
    begin(story, f'[[routes]]\nto = ["slack:default"]\n{ASKING}\n')

    passes(story)

    assert to_the_bot(story) == [("failing", False), ("recovered", False)]


def test_what_passed_in_the_quiet_is_taken_out_at_once_and_told_when_that_ends(story: Story) -> None:
    begin(story, calm(f'quiet = {{ from = "{hour(0.1)}", to = "{hour(1)}" }}', ASKING))
    story.wait(600)

    passes(story)
    assert to_the_bot(story) == [("failing", False), ("recovered", True)]
    assert channel(story) == ["✔ nothing that was told is failing"]

    story.wait_and_poll(60)
    assert to_the_bot(story) == [("failing", False), ("recovered", True), ("recovered", False)]
    assert channel(story) == ["✔ nothing that was told is failing", "- ✔ 1 test passed again"]


@pytest.mark.parametrize("route", ["", ASKING])
def test_a_failure_that_is_held_says_later_that_it_has_passed_and_the_message_says_it_at_once(
    story: Story, route: str
) -> None:
    begin(story, calm(f'quiet = {{ from = "{hour(0.1)}", to = "{hour(1)}" }}', route))
    story.wait(600)
    fails(story)  # again: it is held
    assert to_the_bot(story) == [("failing", False)]

    passes(story)
    assert to_the_bot(story) == [("failing", False), ("recovered", True)]
    assert channel(story) == ["✔ nothing that was told is failing"]

    story.wait_and_poll(60)
    assert to_the_bot(story) == [("failing", False), ("recovered", True), ("failing", False)]
    assert channel(story)[0] == "✔ nothing that was told is failing"


@pytest.mark.parametrize("option", ['at_most_every = "1h"', 'digest_at = ["23:00"]', "fold = 1"])
def test_nothing_holds_back_what_passes_in_silence(story: Story, option: str) -> None:
    begin(story, PLAIN)
    follow(story, calm(option))
    story.store.put_silence(make_silence())

    passes(story)

    assert to_the_bot(story) == [("failing", False), ("recovered", True)]


def test_of_what_was_told_nobody_a_bot_has_no_message_when_it_has_passed(story: Story) -> None:
    """It was failing before the run was watched."""
    follow(story, PLAIN)
    story.store.put_bots(BOT)
    story.save(story.add_run(), 1, created_at=story.ago(86_400))
    story.poll()
    story.wait_and_poll()
    passes(story)

    assert told(story) == [("slack:default", "recovered", True)]
    assert channel(story) == []
    fails(story, 2)
    bots = Bots()
    bots.settle(*(queued(one) for one in story.topic.notifications if one.destination == BOT))
    assert bots.texts() == ["✖ 1 failed: Release 4.2"]
    assert "passed again" not in bots.workspace.messages[0].payload["text"]


def test_nothing_that_passes_in_silence_counts_as_told(story: Story) -> None:
    begin(story, PLAIN)
    passes(story)
    (run,) = story.world.runs.values()

    assert [one.notifications.keys() for one in story.store.sent(run.id)] == [
        {"slack:default", "email:default", "event"}
    ]
    assert story.store.checkpoints([run.id])[run.id].outbox == ()


def test_a_poll_leaves_the_bots_alone(story: Story) -> None:
    begin(story, PLAIN)
    assert story.store.items["CONTROL"]["bots"] == {"SS": [BOT]}


def test_silence_is_kept_in_an_outbox_and_whoever_does_not_know_it_finds_recoveries() -> None:
    silent = make_outgoing(make_digest([make_named(551)], about="recovered", keys=frozenset({7}), is_silent=True))
    loud = make_outgoing(DIGEST)

    assert unpack_outbox(pack_outbox((silent, loud))) == (silent, loud)
    assert b"is_silent" not in zlib.decompress(pack_outbox((loud,)))


QUIET = f'quiet = {{ from = "{hour(0.2)}", to = "{hour(0.5)}" }}'
OPTIONS = {"plain": "", "recovered": "", "quiet": QUIET, "rate": 'at_most_every = "7m"', "both": QUIET}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", OPTIONS)
def test_whatever_happens_a_bots_message_names_nothing_that_has_passed(story: Story, options: str, seed: int) -> None:
    """Tests fail and pass, and somewhere in between it is known that there is a bot."""
    drawn = random.Random(f"{options} {seed}")
    follow(story, calm(OPTIONS[options], ASKING if options in ("recovered", "both") else ""))
    run = story.add_run()
    story.poll()
    last = dict.fromkeys(range(1, 6), PASSED)
    known_from = drawn.randrange(12)
    for poll in range(40):
        for number in drawn.sample(range(1, 6), drawn.choice([0, 0, 1, 2])):
            last[number] = drawn.choice([FAILED, PASSED])
            story.save(run, number, last[number])
        if poll == known_from:
            story.store.put_bots(BOT)
        story.wait_and_poll()
        if poll > known_from and poll % 8 == 0:
            story.wait_and_poll(5)  # of changes that the counters do not show a poll hears at the run's turn
            assert shown(story, run) <= failing(last)
    story.wait_and_poll(20)
    assert shown(story, run) == failing(last)


def failing(last: Mapping[int, int]) -> set[str]:
    return {f"Release 4.2 case {number}" for number, status in last.items() if status == FAILED}


def shown(story: Story, run: Run) -> set[str]:
    """What the bot's message names as failing."""
    bots = Bots()
    bots.settle(*(queued(one) for one in story.topic.notifications if one.destination == BOT))
    state = bots.states.get((BOT, str(run.id)), {})
    if not state.get("ts"):
        return set()
    assert state["shown"] == state["changes"]
    return {name for _, known, _, _, name, _ in state["tests"].values() if known == 0}
