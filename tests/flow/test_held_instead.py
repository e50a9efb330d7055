"""Rule 20: what nobody gets is told to others as they want to be told: by their own quiet, times, limits, silences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from unittest.mock import patch

import pytest

from testmo_notifier.errors import LostRace, TooLarge
from testmo_notifier.model import FOLDED, RECOVERED, Checkpoint, Outgoing, Silence
from testmo_notifier.poll import poll
from tests.flow.power import Power, powered_poll
from tests.flow.test_held import BLOCKED, PASSED, Recording, begin, hour, told
from tests.flow.test_routes import follow
from tests.support.fakes import FakeMailboxes
from tests.support.story import Story, one_worker, playing
from tools.simulator.model import Run

QA, REST, LEAD = "email:qa", "slack:default", "slack:lead"
NOTHING: tuple[list[object], list[object]] = ([], [])


@pytest.fixture
def story() -> Iterator[Story]:
    with playing() as story:
        story.renderer = Recording(story.renderer)  # type: ignore[assignment]
        yield story


def file(*options: str, to: str = REST, match: str = "") -> str:
    """Everything goes to a mailbox where it is quiet for hours; the rest, by these options, to those that catch all."""
    tables = (f'[destinations."{QA}"]', quiet(-1, 5), f'[destinations."{REST}"]', *options)
    rest = f'[[routes]]\ncatch_all = true\nto = ["{to}"]'
    return "\n".join((f'[[routes]]\nto = ["{QA}"]\n{match}', rest, *tables))


def quiet(begins: float, ends: float) -> str:
    return f'quiet = {{ from = "{hour(begins)}", to = "{hour(ends)}" }}'


def mailboxes() -> FakeMailboxes:
    """One of them is lost from the first, so that there is a look every five minutes."""
    return FakeMailboxes(routed=[QA, "email:other"], lost={"email:other"})


def lose(story: Story, *options: str, runs: int = 1) -> list[Run]:
    """Something is held for a mailbox, then that is lost; ten minutes have passed."""
    boxes = mailboxes()
    found = [begin(story, file(*options), boxes), *(story.add_run(f"Run {number}") for number in range(1, runs))]
    story.poll()
    for run in found:
        story.save(run, 1)
    story.wait_and_poll()
    assert told(story) == []
    boxes.now_lost |= {QA}
    story.wait_and_poll(9)
    return found


def test_where_nothing_is_asked_for_it_is_told_at_once(story: Story) -> None:
    lose(story)
    assert [digest.total for digest in told(story)] == [1]
    assert (told(story, QA), story.store.held_until(None)) == ([], NOTHING)


def test_it_waits_for_the_end_of_their_quiet(story: Story) -> None:
    run, *_ = lose(story, quiet(-1, 1))
    assert told(story) == []
    story.save(run, 2)  # goes to them, too, and waits there
    story.wait_and_poll(49)
    assert told(story) == []
    story.wait_and_poll(2)
    assert [digest.total for digest in told(story)] == [2]
    assert story.store.held_until(None) == NOTHING


def test_it_waits_for_the_next_of_their_times(story: Story) -> None:
    lose(story, f'digest_at = ["{hour(0.02)}", "{hour(1)}"]')  # the first is over before they hear of it
    story.wait_and_poll(48)
    assert told(story) == []
    story.wait_and_poll(2)
    assert [digest.total for digest in told(story)] == [1]


def test_it_waits_where_they_were_told_of_the_run_a_moment_ago(story: Story) -> None:
    boxes = mailboxes()
    route = 'match = { status = "Failed" }'
    run = begin(story, file('at_most_every = "30m"', match=route), boxes)
    story.save(run, 1)
    story.wait_and_poll(59)
    story.save(run, 2, BLOCKED)
    story.wait_and_poll()
    boxes.now_lost |= {QA}
    story.wait_and_poll(10)
    assert [digest.counts for digest in told(story)] == [{"Blocked": 1}]
    story.wait_and_poll(20)
    assert [digest.counts for digest in told(story)] == [{"Blocked": 1}, {"Failed": 1}]


def test_they_were_told_of_the_run_then(story: Story) -> None:
    run, *_ = lose(story, 'at_most_every = "30m"')
    assert [digest.total for digest in told(story)] == [1]
    story.save(run, 2)
    story.wait_and_poll(20)
    assert len(told(story)) == 1
    story.wait_and_poll(12)
    assert [digest.total for digest in told(story)] == [1, 1]


@pytest.mark.parametrize("match", [{}, {"status": ("Failed",)}], ids=["the run", "a status"])
def test_what_is_silenced_is_silenced_there_too(story: Story, match: dict[str, tuple[str, ...]]) -> None:
    boxes = mailboxes()
    run = begin(story, file(), boxes)
    story.store.put_silence(Silence("s", story.time + timedelta(minutes=30), "Ada", "", story.time, match))
    story.save(run, 1)
    story.fail_and_poll(run, 2)
    boxes.now_lost |= {QA}
    story.wait_and_poll(10)
    story.save(run, 2, PASSED)
    story.wait_and_poll(18)
    assert told(story) == []
    story.wait_and_poll(2)
    assert [(digest.total, digest.passed_since) for digest in told(story)] == [(1, 1)]


def test_many_runs_are_one_message_there(story: Story) -> None:
    lose(story, runs=3)
    assert [(digest.about, digest.total) for digest in told(story)] == [(FOLDED, 3)]


def test_who_drains_has_it_told_at_once(story: Story) -> None:
    lose(story, quiet(-1, 5))
    poll(story.setup(), drain=True)
    assert [digest.total for digest in told(story)] == [1]
    assert story.store.held_until(None) == NOTHING


def test_each_of_several_is_told_as_it_wants_to_be(story: Story) -> None:
    begun = begin(story, file(), FakeMailboxes(routed=[QA]))
    story.fail_and_poll(begun, 1)
    both = f'[[routes]]\ncatch_all = true\nto = ["{REST}", "{LEAD}"]\n[destinations."{LEAD}"]\n{quiet(-1, 1)}\n'
    follow(story, both)
    story.wait_and_poll()
    assert (len(told(story)), len(told(story, LEAD))) == (1, 0)
    story.wait_and_poll(60)
    assert (len(told(story)), len(told(story, LEAD)), len(told(story, QA))) == (1, 1, 0)
    assert story.store.held_until(None) == NOTHING


def test_what_passed_while_it_waits_there_is_said_so(story: Story) -> None:
    run, *_ = lose(story, quiet(-1, 1))
    story.fail_and_poll(run, 2)
    story.save(run, 1, PASSED)
    story.wait_and_poll(50)
    assert [(digest.total, digest.passed_since) for digest in told(story)] == [(1, 1)]


def test_what_passed_is_said_so_where_no_route_names_those_that_were_told(story: Story) -> None:
    run = begin(story, file(), FakeMailboxes(routed=[QA]))
    story.save(run, 1)
    story.fail_and_poll(run, 2)
    follow(story, f'[[routes]]\ncatch_all = true\nto = ["{REST}"]\n[destinations."{REST}"]\n{quiet(-1, 1)}\n')
    story.wait_and_poll()
    story.save(run, 1, PASSED)
    story.wait_and_poll(60)
    assert [(digest.total, digest.passed_since) for digest in told(story)] == [(1, 1)]


@pytest.mark.parametrize("since", ["no route leads there", "the mailbox is there again"])
def test_what_passed_is_said_so_where_it_could_not_be_kept_who_is_told_instead(story: Story, since: str) -> None:
    boxes = mailboxes()
    run = begin(story, file(calm := quiet(-1, 1)), boxes)
    story.save(run, 1)
    story.fail_and_poll(run, 2)
    boxes.now_lost |= {QA}
    with patch.object(story.store, "commit", side_effect=LostRace("overtaken")):
        story.wait_and_poll(9)
    assert story.checkpoint(run).told[story.test(run).id].destinations == {QA}

    if since == "no route leads there":
        follow(story, f'[[routes]]\ncatch_all = true\nto = ["{REST}"]\n[destinations."{REST}"]\n{calm}\n')
    else:
        boxes.now_lost -= {QA}
    story.wait_and_poll(9)
    story.save(run, 1, PASSED)
    story.wait_and_poll(3)
    story.wait_and_poll(60)

    assert [(digest.total, digest.passed_since) for digest in told(story)] == [(1, 1)]


def test_who_was_told_of_a_recovery_and_of_an_end_is_not_told_again_for_a_mailbox_that_is_lost(story: Story) -> None:
    notify = 'notify = ["new", "recovered", "finished"]'
    run = begin(story, f'[[routes]]\nto = ["{REST}", "{QA}"]\n{notify}\n', boxes := mailboxes())
    story.fail_and_poll(run, 1)
    boxes.now_lost |= {QA}
    story.wait_and_poll(9)

    story.save(run, 1, PASSED)
    story.wait_and_poll(3)
    story.world.close_run(run)
    story.wait_and_poll(12)

    assert [digest.about for digest in told(story)] == ["failing", "recovered", "finished"]
    assert story.store.held_until(None) == NOTHING


def test_who_was_told_of_a_recovery_is_not_told_again_when_a_mailbox_is_lost_where_that_is_held(story: Story) -> None:
    notify = 'notify = ["new", "recovered"]'
    text = f'[[routes]]\nto = ["{REST}", "{QA}"]\n{notify}\n'
    run = begin(story, text, boxes := mailboxes())
    story.fail_and_poll(run, 1)
    follow(story, f'{text}[destinations."{QA}"]\n{quiet(-1, 5)}\n')
    story.save(run, 1, PASSED)
    story.wait_and_poll()
    boxes.now_lost |= {QA}
    story.wait_and_poll(9)

    assert [digest.about for digest in told(story)] == ["failing", "recovered"]
    assert story.store.held_until(None) == NOTHING


@pytest.mark.parametrize("held", [True, False])
def test_who_was_told_that_a_run_is_over_is_not_told_again_for_a_mailbox_that_is_lost_later(
    story: Story,
    held: bool,  # noqa: FBT001 - for quiet, or because somebody was subscribed
) -> None:
    quiet_there = f'[destinations."{QA}"]\n{quiet(-1, 5)}\n' if held else ""
    match = 'match = { run = "Rel*" }\nnotify = ["new", "finished"]'
    rest = f'[[routes]]\ncatch_all = true\nto = ["{REST}"]\n'
    run = begin(story, f'[[routes]]\nto = ["{REST}", "{QA}"]\n{match}\n{rest}{quiet_there}', boxes := mailboxes())
    story.save(run, 1)
    story.world.close_run(run)
    story.wait_and_poll()
    story.wait_and_poll(10)
    assert [digest.about for digest in told(story)] == ["failing", "finished"]
    boxes.now_lost |= {QA}
    story.wait_and_poll(70)

    assert [digest.about for digest in told(story)] == ["failing", "finished"]
    assert story.store.held_until(None) == NOTHING


@pytest.mark.parametrize("who", ["a bot", "who is told later"])
def test_who_was_told_for_a_mailbox_hears_what_passed_when_that_is_there_again(story: Story, who: str) -> None:
    """A bot's message shows it, and what waits for the end of a quiet says so."""
    boxes = mailboxes()
    calm = quiet(-1, 3) if who == "who is told later" else ""
    if not calm:
        story.store.put_bots(REST)
    run = begin(story, file(calm), boxes)
    story.fail_and_poll(run, 1)
    boxes.now_lost |= {QA}
    story.wait_and_poll(9)
    boxes.now_lost -= {QA}
    story.wait_and_poll(9)

    story.save(run, 1, PASSED)
    story.wait_and_poll(3)
    story.wait_and_poll(180)

    if calm:
        assert [(digest.total, digest.passed_since) for digest in told(story)] == [(0, 1)]
    else:
        assert [(digest.about, digest.is_silent) for digest in told(story)] == [("failing", False), ("recovered", True)]


def test_they_hear_that_a_run_is_over_where_the_mailbox_alone_asks_for_it(story: Story) -> None:
    asking = f'[[routes]]\nto = ["{QA}"]\nnotify = ["new", "finished"]\n[[routes]]\ncatch_all = true\nto = ["{REST}"]\n'
    run = begin(story, asking, boxes := mailboxes())
    boxes.now_lost |= {QA}
    story.wait_and_poll(9)
    story.world.close_run(run)
    story.wait_and_poll(12)

    assert [(digest.about, digest.held_since) for digest in told(story)] == [("finished", None)], "not held first"
    assert told(story, QA) == []


def passed_on(power: Power) -> Story:
    """What two runs hold for a mailbox goes to two others, one of which is told when its quiet ends."""
    with playing(executor=one_worker) as story:
        story.renderer = Recording(story.renderer)  # type: ignore[assignment]
        runs = [begin(story, file(), FakeMailboxes(routed=[QA])), story.add_run("Nightly")]
        for run in runs:
            story.save(run, 1)
        story.wait_and_poll()
        follow(story, f'[[routes]]\nto = ["{REST}", "{LEAD}"]\n[destinations."{LEAD}"]\n{quiet(-1, 1)}\n')
        for seconds in (60, 60, 3600, 60):
            story.wait(seconds)
            powered_poll(story, power)
        return story


def test_a_crash_while_it_is_given_to_others_loses_nothing_and_tells_nobody_twice() -> None:
    whole = Power()
    passed_on(whole)
    writes = [at for at, effect in enumerate(whole.effects) if effect in ("release", "publish_all", "clear_envelope")]
    assert len(writes) > 8
    for at in (None, *writes):
        story = passed_on(Power(at))
        for destination in (REST, LEAD):
            keys = {one.id: one.digest for one in seen(story, destination)}
            found = [key for digest in keys.values() for part in digest.parts or (digest,) for key in part.keys]
            assert sorted(found) == sorted(story.announced), f"{destination}, before effect {at}"
        assert (told(story, QA), story.store.held_until(None)) == ([], NOTHING)


def seen(story: Story, destination: str) -> list[Outgoing]:
    """What went there, as it was rendered; perhaps more than once."""
    rendered: list[Outgoing] = story.renderer.seen  # type: ignore[attr-defined]
    sent = {one.id for one in story.topic.notifications}
    return [one for one in rendered if one.destination == destination and one.id in sent]


def test_who_was_told_in_the_place_of_another_counts_as_told(story: Story) -> None:
    """Of two tests one fails again, which is no new failure there; and both pass, which is told of both."""
    notify = 'notify = ["new", "again", "changed", "recovered"]'
    run = begin(story, file())
    story.save(run, 1)
    story.fail_and_poll(run, 2)
    follow(story, f'[[routes]]\ncatch_all = true\nto = ["{REST}"]\n{notify}\n')
    story.wait_and_poll()
    story.save(run, 1)
    story.wait_and_poll(6)
    story.save(run, 1, PASSED)
    story.save(run, 2, PASSED)
    story.wait_and_poll(3)

    assert [(digest.reasons, digest.total) for digest in told(story)] == [
        (("new",), 2),
        (("again",), 1),
        ((), 2),
    ]
    assert told(story)[-1].about == RECOVERED


def test_who_counts_as_told_is_looked_up_once_for_all_the_runs_that_are_passed_on(story: Story) -> None:
    runs = lose_route(story)
    asked: list[list[int]] = []
    look_up = story.store.checkpoints

    def checkpoints(run_ids: Iterable[int]) -> dict[int, Checkpoint]:
        asked.append(sorted(run_ids))
        return look_up(asked[-1])

    with patch.object(story.store, "checkpoints", checkpoints):
        story.wait_and_poll()

    assert sum(digest.total for digest in told(story)) == 2
    assert sorted(run.id for run in runs) in asked
    assert not [ids for ids in asked if len(ids) == 1], "not run by run"
    assert [story.checkpoint(run).told[story.test(run).id].destinations for run in runs] == [{QA, REST}] * 2


def test_who_could_not_be_given_it_does_not_count_as_told(story: Story) -> None:
    runs = lose_route(story)

    def overtaken(*_: object, **__: object) -> None:
        raise LostRace("overtaken")

    with patch.object(story.store, "release", overtaken):
        story.wait_and_poll()

    assert told(story) == []
    assert [story.checkpoint(run).told[story.test(run).id].destinations for run in runs] == [{QA}] * 2


@pytest.mark.parametrize("error", [TooLarge("RUN#1 is too large"), LostRace("RUN#1 was overtaken")])
def test_where_it_cannot_be_kept_who_was_told_in_the_place_of_another_they_are_told_all_the_same(
    story: Story, error: Exception
) -> None:
    runs = lose_route(story)

    with patch.object(story.store, "commit", side_effect=error):
        assert set(story.wait_and_poll().problems) == {str(error)}
    assert [(digest.about, digest.total) for digest in told(story)] == [(FOLDED, len(runs))]


def lose_route(story: Story) -> list[Run]:
    """Something of two runs is held for a mailbox, and then no route leads there."""
    runs = [begin(story, file(), FakeMailboxes(routed=[QA])), story.add_run("Nightly")]
    story.poll()
    for run in runs:
        story.save(run, 1)
    story.wait_and_poll()
    follow(story, f'[[routes]]\ncatch_all = true\nto = ["{REST}"]\n')
    return runs
