"""Rules 10, 11 and 20: the power goes off at every write of polls that hold, silence, fold and release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

from testmo_notifier.model import FAILING, FOLDED, RECOVERED, Digest, Silence
from tests.flow.power import Power, powered_poll
from tests.flow.test_held import Recording, hour
from tests.flow.test_routes import follow
from tests.support.bots import DESTINATION, Bots, queued
from tests.support.fakes import FakeMailboxes
from tests.support.story import BLOCKED, PASSED, Story, one_worker, playing

QUIET, RATE, TIMES, FOLD, MAIL, REST = (
    "slack:quiet",
    "slack:rate",
    "slack:times",
    "slack:fold",
    "email:qa",
    "slack:rest",
)
WRITES: Final = ("commit", "release", "publish_all", "clear", "clear_envelope", "save_control")
CALM: Final = f"""
[[routes]]
to = ["{QUIET}", "{RATE}", "{TIMES}", "{FOLD}", "{MAIL}"]
notify = ["new", "again", "changed", "recovered"]
[[routes]]
catch_all = true
to = ["{REST}"]
[destinations."{QUIET}"]
quiet = {{ from = "{hour(-1)}", to = "{hour(0.07)}" }}
quiet_except = ["Blocked"]
[destinations."{RATE}"]
at_most_every = "3m"
[destinations."{TIMES}"]
digest_at = ["{hour(0.1)}"]
[destinations."{FOLD}"]
fold = 1
"""


def play(story: Story) -> Iterator[None]:
    """Ten minutes; a poll is due at every `yield`. 8 failing results are saved in it, of 7 tests, two of which pass."""
    one, other = story.add_run("One"), story.add_run("Other")
    yield
    story.wait()
    story.save(one, 1)
    story.save(one, 2, BLOCKED)
    story.save(other, 1)
    yield
    story.wait()
    story.store.put_silence(
        Silence("s", story.time + timedelta(minutes=3), "Ada", "a deploy", story.time, {"run": ("Other",)})
    )
    story.topic.refused = {FOLD}
    story.save(one, 3)
    story.save(other, 2)
    yield
    story.wait()
    story.save(one, 4)
    story.save(one, 1, PASSED)
    yield
    story.wait()
    story.topic.refused = set()
    story.save(other, 3)
    yield
    story.wait()
    story.save(one, 4, BLOCKED)
    story.save(other, 2, PASSED)
    yield
    for seconds in (60, 60, 300, 3600, 86400, 3600):
        story.wait(seconds)
        yield


def run(power: Power) -> Story:
    """The whole story; the power counts from the second poll on."""
    with playing(executor=one_worker, mailboxes=FakeMailboxes(routed=[MAIL])) as story:
        follow(story, CALM)
        story.store.put_bots(FOLD)
        story.renderer = Recording(story.renderer)  # type: ignore[assignment]
        for number, _ in enumerate(play(story), start=1):
            powered_poll(story, power if number > 1 else Power())
        return story


def told(story: Story, destination: str) -> dict[str, Digest]:
    """What was told there, each id once."""
    seen = {one.id: one.digest for one in story.renderer.seen if one.destination == destination}  # type: ignore[attr-defined]
    heard = [one for one in story.topic.notifications if not one.only_shows]
    return {one.id: seen[one.id] for one in heard if one.destination == destination}


def kept_by_the_bot(story: Story) -> set[str]:
    """What its messages show as failing, or would if there were some."""
    bots = Bots()
    to_it = [replace(one, destination=DESTINATION) for one in story.topic.notifications if one.destination == FOLD]
    bots.settle(*map(queued, to_it))
    tests = [test for state in bots.states.values() for test in state.get("tests", {}).values()]
    return {name for _, known, _, _, name, _ in tests if known == 0}


def keys(digest: Digest) -> frozenset[int]:
    return frozenset(digest.keys if digest.about in (FAILING, FOLDED) else ()).union(*map(keys, digest.parts))


def check(story: Story, where: str) -> None:
    failing = {one.id: one.test_id for digest in told(story, "event").values() for one in digest.results}
    assert len(failing) == 8, where
    for destination in (QUIET, RATE, TIMES, FOLD, MAIL):
        digests = told(story, destination).values()
        found = Counter(key for digest in digests for key in keys(digest) if key in failing)
        assert set(found.values()) == {1}, f"{destination} is told twice, {where}"
        untold = {failing[key] for key in failing.keys() - found.keys()}
        assert len(untold) == sum(digest.passed_since for digest in digests), f"{destination} is not told, {where}"
        recovered = sum(digest.total for one in digests for digest in (one, *one.parts) if digest.about == RECOVERED)
        in_parts = sum(d.total for one in digests for part in one.parts for d in part.parts if d.about == RECOVERED)
        assert len(untold) + recovered + in_parts == 2, f"{destination} does not know what passed, {where}"
    assert told(story, REST) == {}, where
    failing_now = {"One case 2", "One case 3", "One case 4", "Other case 1", "Other case 3"}
    assert kept_by_the_bot(story) == failing_now, f"a bot's message does not know, {where}"
    times = Counter((one.destination, one.id) for one in story.topic.notifications)
    assert max(times.values()) <= 2, f"a message goes out three times, {where}"
    assert sum(times.values()) - len(times) <= 7, f"more than one outbox goes out again, {where}"
    assert (story.store.pending(), story.store.held_until(None)) == ([], ([], [])), where


def test_the_story_without_a_crash_tells_everything_once() -> None:
    check(run(Power()), "no crash")


def test_a_crash_before_or_after_any_effect_of_what_is_held_loses_nothing_and_tells_nothing_twice() -> None:
    whole = Power()
    run(whole)
    for at, effect in enumerate(whole.effects):
        if effect in WRITES:  # after one of them is before the next
            check(run(Power(at)), f"before effect {at}, {effect}")
