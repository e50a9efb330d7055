"""Rules 18 and 20 for bots: a bot's message of a run shows all that was told of it, and nothing that has passed."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from testmo_notifier.adapters.outbox import pack_outbox, unpack_outbox
from testmo_notifier.errors import Unpublished
from testmo_notifier.model import Notification, Outgoing
from tests.flow.test_held import Recording, calm, hour
from tests.flow.test_routes import follow
from tests.support.bots import Bots, queued
from tests.support.factories import make_digest, make_named, make_outgoing, make_silence
from tests.support.memory import MemoryTopic
from tests.support.stored import DIGEST
from tests.support.story import BLOCKED, FAILED, PASSED, Story, playing
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
    run = story.add_run_and_poll()
    story.fail_and_poll(run, 1)
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
    assert channel(story) == ["✔ nothing told here is still failing"]


def test_what_passed_in_silence_and_fails_again_is_new_there(story: Story) -> None:
    begin(story, PLAIN)
    passes(story)

    fails(story)

    assert to_the_bot(story) == [("failing", False), ("recovered", True), ("failing", False)]
    assert story.topic.notifications[-1].reasons == ("new",)
    assert channel(story) == ["✖ 1 failed", "- ✖ 1 failed"]


def test_what_waited_behind_a_recovery_that_came_late_stands_as_it_is_now(story: Story) -> None:
    begin(story, f'[[routes]]\nto = ["slack:default"]\n{ASKING}\n')
    (run,) = story.world.runs.values()
    story.topic.refused = {BOT}
    story.save(run, 2)
    passes(story)  # behind the other's failure
    fails(story)  # and this behind the two
    story.wait_and_poll(3)

    story.topic.refused = set()
    story.wait_and_poll(3)

    assert channel(story)[0] == "✖ 2 failed"


def test_where_no_destination_of_a_run_is_a_bot_nothing_more_is_asked_and_nothing_more_is_told(story: Story) -> None:
    follow(story, PLAIN)
    story.store.put_bots("slack:payments")
    run = story.add_run_and_poll()
    story.fail_and_poll(run, 1)
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
    assert channel(story) == ["✔ nothing told here is still failing"]

    story.wait_and_poll(60)
    assert to_the_bot(story) == [("failing", False), ("recovered", True), ("recovered", False)]
    assert channel(story) == ["✔ nothing told here is still failing", "- ✔ 1 test passed again"]


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
    assert channel(story) == ["✔ nothing told here is still failing"]

    story.wait_and_poll(60)
    assert to_the_bot(story) == [("failing", False), ("recovered", True), ("failing", False)]
    assert channel(story)[0] == "✔ nothing told here is still failing"


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
    run = story.add_run_and_poll()
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


# ----- What is told of several runs at once


FOLD = f'[[routes]]\nto = ["slack:default"]\n{ASKING[:-1]}, "finished"]\n[destinations."slack:default"]\nfold = 1\n'


@pytest.fixture
def runs(story: Story) -> list[Run]:
    """Three runs and a bot that is known. The first one's message says that its first test failed."""
    follow(story, FOLD)
    story.store.put_bots(BOT)
    made = [story.add_run(name) for name in ("One", "Two", "Three")]
    story.poll()
    story.fail_and_poll(made[0], 1)
    return made


def in_slack(story: Story) -> Bots:
    """What the bot made of all that was published, in the order in which it was, and of what is published next."""
    bots = Bots()
    bots.settle(*(queued(one) for one in story.topic.notifications if one.destination == BOT))
    return bots


def parents(story: Story) -> list[str]:
    """The messages that stand alone in the channel: those of a run, and those about several."""
    return [one.payload["text"].split("\n•")[0] for one in in_slack(story).workspace.parents()]


def all_fail(story: Story, runs: list[Run], number: int = 2, status: int = FAILED) -> None:
    for run in runs:
        story.save(run, number, status)
    story.wait_and_poll()


def test_what_is_told_of_several_runs_is_shown_by_the_message_of_each(story: Story, runs: list[Run]) -> None:
    all_fail(story, runs)

    assert to_the_bot(story)[1:] == [("folded", False), *[("failing", True)] * 3]
    assert parents(story) == [
        "✖ 2 failed: One\nShop · 2 of 5 done, 0% passed\n✖ One case 2\n✖ One case 1",
        "✖ 3 failed in 3 runs: Shop",
    ]
    assert channel(story) == ["✖ 2 failed", "✖ 3 failed in 3 runs"], "and nothing else is posted"


def test_a_run_that_was_told_of_with_others_alone_has_a_message_from_its_own_news_on_that_shows_it_all(
    story: Story, runs: list[Run]
) -> None:
    all_fail(story, runs)
    story.fail_and_poll(runs[1], 3)

    assert parents(story)[2] == "✖ 2 failed: Two\nShop · 2 of 5 done, 0% passed\n✖ Two case 3\n✖ Two case 2"


def test_what_passed_and_is_told_of_several_runs_is_failing_in_none_of_their_messages(
    story: Story, runs: list[Run]
) -> None:
    all_fail(story, runs)
    all_fail(story, runs, status=PASSED)
    story.wait_and_poll(3)

    assert to_the_bot(story)[-4:] == [("folded", False), *[("failing", True)] * 3]
    assert parents(story)[0] == "✖ 1 failed: One\nShop · 2 of 5 done, 50% passed · 1 passed again\n✖ One case 1"
    story.fail_and_poll(runs[2], 3)
    assert parents(story)[-1] == "✖ 1 failed: Three\nShop · 2 of 5 done, 50% passed · 1 passed again\n✖ Three case 3"


def test_a_run_whose_end_is_told_with_others_is_over_in_its_own_message(story: Story, runs: list[Run]) -> None:
    all_fail(story, runs)
    for run in runs:
        story.save(run, 2, PASSED)
        story.world.close_run(run)
    story.wait_and_poll(12)

    assert to_the_bot(story)[-4:] == [("folded", False), *[("failing", True)] * 3]
    facts = "Shop · 2 of 5 done, 50% passed · Run finished: 50% passed, 1 still failing"
    assert parents(story)[0] == f"✖ 1 failed: One\n{facts}\n✖ One case 1"


def test_a_silence_whose_end_is_told_with_others_is_gone_from_the_message_of_each(
    story: Story, runs: list[Run]
) -> None:
    end = story.time + timedelta(hours=1)
    story.store.put_silence(make_silence(until=end, author="Ada", match={"status": (BLOCKED,)}))
    all_fail(story, runs, 3, BLOCKED)
    story.fail_and_poll(runs[0], 2)
    assert "1 silenced by Ada until 2026-11-23 10:01 UTC" in parents(story)[0]

    story.wait_and_poll(60)

    assert to_the_bot(story)[-4:] == [("folded", False), *[("failing", True)] * 3]
    assert parents(story)[0] == (
        "✖ 2 failed · ⊘ 1 blocked: One\nShop · 3 of 5 done, 0% passed\n✖ One case 2\n⊘ One case 3\n✖ One case 1"
    )


def test_of_a_run_that_was_told_of_with_others_more_tests_are_known_than_a_message_names(story: Story) -> None:
    """And each of them may pass."""
    follow(story, FOLD)
    story.store.put_bots(BOT)
    runs = [story.add_run(f"Run {n}", tests=60) for n in range(9)]
    story.poll()
    for run in runs:
        for number in range(1, 61):
            story.save(run, number)
    story.wait_and_poll()
    for number in range(1, 60):
        story.save(runs[0], number, PASSED)
    story.wait_and_poll(3)
    story.fail_and_poll(runs[0], 60)

    assert parents(story)[-1].split("\n")[0] == "✖ 1 failed: Run 0"


@pytest.mark.parametrize("known", [(), ("slack:payments",)])
def test_where_no_bot_is_told_of_several_runs_nothing_goes_with_it(story: Story, known: tuple[str, ...]) -> None:
    follow(story, FOLD)
    story.store.put_bots(*known)
    runs = [story.add_run(name) for name in ("One", "Two", "Three")]
    story.poll()
    all_fail(story, runs)

    assert to_the_bot(story) == [("folded", False)]


def test_what_counts_as_told_of_several_runs_is_told_once_by_the_message_about_them(
    story: Story, runs: list[Run]
) -> None:
    all_fail(story, runs)

    together = [one.id for one in story.topic.notifications if one.destination == BOT and not one.run_id]
    told = [one.notifications.get(BOT) for run in runs[1:] for one in story.store.sent(run.id)]
    assert list(filter(None, told)) == together * 2


class Weak(MemoryTopic):
    """Takes no silent message about one run."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run_id = run.id

    def publish(self, notification: Notification) -> None:
        if notification.only_shows and notification.run_id == self.run_id:
            raise Unpublished("SNS is tired")
        super().publish(notification)


def test_until_all_that_goes_with_it_is_published_a_message_about_several_runs_comes_again_and_is_the_same(
    story: Story, runs: list[Run]
) -> None:
    weak = story.topic = Weak(runs[1])
    all_fail(story, runs)
    assert [one.run_id for one in weak.notifications if one.destination == BOT] == [0, runs[0].id, runs[2].id]
    assert story.store.sent(runs[2].id)[1:] == []
    (envelope,) = story.store.held_until(None)[1]

    weak.run_id = 0
    report = story.wait_and_poll()

    assert report.pending == 0
    ids = [one.id for one in weak.notifications if one.destination == BOT]
    together, first, second, third = ids[3:]
    assert ids[:3] == [together, first, third]
    assert len({together, first, second, third}) == 4
    assert story.store.held_until(None) == ([], [])
    assert envelope.outbox[0].id == ids[0]


OPTIONS_OF_MANY = {
    "fold": "fold = 1",
    "quiet": f"fold = 1\n{QUIET}",
    "rate": 'fold = 1\nat_most_every = "5m"',
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", OPTIONS_OF_MANY)
def test_whatever_happens_the_messages_of_many_runs_show_in_the_end_what_is_failing_and_before_it_nothing_else(
    story: Story, options: str, seed: int
) -> None:
    drawn = random.Random(f"{options} {seed}")
    follow(story, calm(OPTIONS_OF_MANY[options], ASKING if seed % 2 else ""))
    story.store.put_bots(BOT)
    runs = [story.add_run(f"Run {n}") for n in range(4)]
    story.poll()
    last = {run.id: dict.fromkeys(range(1, 6), PASSED) for run in runs}
    for poll in range(30):
        for run in drawn.sample(runs, drawn.choice([0, 1, 3, 4])):
            number = drawn.randrange(1, 6)
            last[run.id][number] = drawn.choice([FAILED, FAILED, PASSED])
            story.save(run, number, last[run.id][number])
        story.wait_and_poll()
        if poll % 8 == 7:
            story.wait_and_poll(5)  # of changes that the counters do not show a poll hears at the run's turn
            for run in runs:
                assert shown(story, run) <= failing(last[run.id], run.name)
    story.wait_and_poll(20)
    for run in runs:
        story.save(run, 1)  # one after the other: whoever has no message yet gets one
        last[run.id][1] = FAILED
        story.wait_and_poll(7)
        assert shown(story, run) == failing(last[run.id], run.name)


def failing(last: Mapping[int, int], run: str = "Release 4.2") -> set[str]:
    return {f"{run} case {number}" for number, status in last.items() if status == FAILED}


def shown(story: Story, run: Run) -> set[str]:
    """What the bot's message names as failing."""
    bots = Bots()
    bots.settle(*(queued(one) for one in story.topic.notifications if one.destination == BOT))
    state = bots.states.get((BOT, str(run.id)), {})
    if not state.get("ts"):
        return set()
    assert state["shown"] == state["changes"]
    return {name for _, known, _, _, name, _ in state["tests"].values() if known == 0}


def test_what_passed_is_taken_out_of_a_bots_message_of_a_run_that_no_route_leads_there_any_more(story: Story) -> None:
    release = f'[[routes]]\nmatch = {{ run = "Release*" }}\nto = ["{BOT}"]\n'
    begin(story, f'{release}[[routes]]\ncatch_all = true\nto = ["slack:rest"]\n')
    (run,) = story.world.runs.values()

    run.name = "Postponed"
    passes(story)
    story.wait_and_poll(3)
    assert channel(story) == ["✔ nothing told here is still failing"]
