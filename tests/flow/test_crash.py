"""Rules 10 and 11: the power goes off at every single effect of a story, before and after it, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from tests.flow.power import Power, powered_poll
from tests.support.story import BLOCKED, Story, one_worker, playing


def play(story: Story) -> Iterator[None]:
    """A busy half hour; a poll is due at every `yield`. 113 failing results are saved in it."""
    alpha, beta = story.add_run("Alpha", tests=120), story.add_run("Beta")
    yield
    story.wait()
    story.save(alpha, 1)
    story.save(beta, 1, BLOCKED)
    yield
    story.wait()
    for number in range(2, 107):
        story.save(alpha, number)
    story.save(beta, 2, visible_from=story.time + timedelta(seconds=90))
    story.world.close_run(beta)
    gamma = story.add_run("Gamma, opened and closed between two polls")
    story.save(gamma)
    story.world.close_run(gamma)
    yield
    story.wait()
    garden = story.world.add_project("Garden")
    story.save(story.add_run("Delta", project=garden))
    yield
    story.wait()
    story.save(alpha, 1)  # the same status on the same test
    yield
    for _ in range(2):
        story.wait(160)
        yield
    story.world.reopen_run(beta)
    story.wait()
    story.save(beta, 3)
    yield
    story.wait()
    story.world.delete_run(gamma)
    story.save(alpha, 107)
    for _ in range(3):
        yield
        story.wait(301)


def run(power: Power, *, from_poll: int = 2) -> Story:
    """The whole story; the power counts from that poll on."""
    with playing(executor=one_worker) as story:
        for number, _ in enumerate(play(story), start=1):
            powered_poll(story, power if number >= from_poll else Power())
        return story


def unique_total(story: Story) -> int:
    """How many results were announced, repetitions of one message left out."""
    return sum({event["id"]: event["total"] for event in story.events}.values())


def check(story: Story, where: str) -> None:
    sent = story.topic.notifications
    ids = [(notification.destination, notification.id) for notification in sent]
    doubled = [n for n, times in Counter((n.destination, n.id, n.run_id) for n in sent).items() if times > 1]
    messages = {channel: len({i for d, i in ids if d.startswith(channel)}) for channel in ("slack", "email", "event")}
    assert unique_total(story) == 113, where
    assert len(set(messages.values())) == 1, where
    assert len(ids) - len(set(ids)) == len(doubled), where  # none went out three times
    assert len({run_id for _, _, run_id in doubled}) <= 1, where  # one hand-over was cut off, at most
    assert story.store.pending() == [], where


def test_the_story_without_a_crash_announces_everything_once() -> None:
    story = run(Power())

    check(story, "no crash")
    assert story.total == 113


def test_a_crash_before_or_after_any_effect_loses_nothing_and_repeats_a_hand_over_at_most() -> None:
    whole = Power()
    run(whole)
    for at in range(len(whole.effects)):
        power = Power(at)
        story = run(power)
        check(story, f"before effect {at}, {whole.effects[at]}")
    print(f"{len(whole.effects)} crash points")  # noqa: T201 - shown by pytest -s


def test_a_crash_in_the_first_poll_ever_makes_it_the_first_poll_again() -> None:
    at = effects = 0
    while at <= effects:
        with playing(executor=one_worker) as story:
            beginning = story.add_run()
            story.save(beginning, 1)
            story.wait()
            power = Power(at)
            powered_poll(story, power)
            effects = len(power.effects)
            story.wait()
            powered_poll(story, Power())
            story.wait()
            new = story.save(beginning, 2)
            for _ in range(2):
                powered_poll(story, Power())
                story.wait(301)

            assert story.announced == [new.id], f"before effect {at}, {power.struck}"
            if power.struck is None:
                return
        at += 1
