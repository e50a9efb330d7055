"""What must have arrived after a play, and what of it may have arrived twice (rules 10 and 11)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.crash.cloud import Place
from tests.crash.network import Effect
from tests.crash.stage import Stage

TEST_LINK: Final = re.compile(r"test_id=(\d+)")


@dataclass
class Left:
    """What a killed invocation left behind that goes out once more, because nobody knows that it is out already."""

    published: set[tuple[str, str]] = field(default_factory=set)  # destination and run: taken by SNS, not cleared
    posted: set[str] = field(default_factory=set)  # destination: taken by Slack, not recorded
    parked: int = 0  # taken by the dead-letter queue, not acknowledged


def left_by(effects: Iterable[Effect], destination_of: Mapping[str, str]) -> Left:
    """Read it out of the calls that an invocation made."""
    left = Left()
    for effect in (effect for effect in effects if effect.is_accepted):
        match effect.name.split():
            case ["SNS", "Publish" | "PublishBatch", destinations, "of", "run", run]:
                left.published |= {(destination, run) for destination in destinations.split(",")}
            case ["DynamoDB", "TransactWriteItems", key]:
                left.published = {pair for pair in left.published if key != f"RUN#{pair[1]}/CHECKPOINT"}
            case ["Slack", "POST", webhook]:
                left.posted.add(destination_of[webhook])
            case ["Bots", "POST", "/api/chat.postMessage"]:
                left.posted.add("slack:default")
            case ["DynamoDB", "PutItem", key] if "/RUN#" in key:  # a bot's parent is recorded
                left.posted.discard(key.removeprefix("DESTINATION#").partition("/")[0])
            case ["DynamoDB", "UpdateItem", key]:
                left.posted.discard(key.removeprefix("DELIVERY#"))
            case ["AmazonSQS", "SendMessage"]:
                left.parked += 1
    return left


def check_subscriber(stage: Stage, place: Place, failing: Collection[int], left: Left) -> None:
    """Every failing test, and nothing else, was announced to a subscriber of the topic; twice what was left behind."""
    tests: dict[str, tuple[int, ...]] = {}
    times: Counter[tuple[str, str, str]] = Counter()
    for message in stage.cloud.drain(place):
        told = {name: raw["StringValue"] for name, raw in message["MessageAttributes"].items()}
        tests[told["id"]] = tests_in(message["Body"])
        times[told["destination"], told["run_id"], told["id"]] += 1
    assert sorted(test for named in tests.values() for test in named) == sorted(failing), f"announced on {place}"
    check_twice(times, {pair for pair in left.published if pair[0].startswith(place)}, place)


@dataclass(frozen=True)
class Told:
    """A message that arrived: why, and its text."""

    reason: str
    body: str


def check_told(
    stage: Stage, place: Place, expected: Mapping[str, Collection[tuple[str, int]]], left: Left
) -> list[Told]:
    """The same by destination, for messages of one reason each: every reason and test that is `expected`, as often."""
    messages: dict[tuple[str, str], Told] = {}
    times: Counter[tuple[str, str, str]] = Counter()
    for message in stage.cloud.drain(place):
        told = {name: raw["StringValue"] for name, raw in message["MessageAttributes"].items()}
        (reason,) = json.loads(told["reason"])
        messages[told["destination"], told["id"]] = Told(reason, message["Body"])
        times[told["destination"], told["run_id"], told["id"]] += 1
    found: dict[str, list[tuple[str, int]]] = {}
    for (destination, _), one in messages.items():
        found.setdefault(destination, []).extend((one.reason, test) for test in tests_in(one.body))
    assert {name: sorted(tests) for name, tests in found.items()} == {
        name: sorted(tests) for name, tests in expected.items()
    }, f"told on {place}"
    check_twice(times, {pair for pair in left.published if pair[0] in expected}, place)
    return list(messages.values())


def check_twice(times: Mapping[tuple[str, str, str], int], left: Collection[tuple[str, str]], place: Place) -> None:
    """Of messages by destination, run and id, those came twice that were left behind, and none more often."""
    assert max(times.values()) <= 2, f"more than twice on {place}"
    assert {(destination, run) for (destination, run, _), n in times.items() if n > 1} == left, f"twice on {place}"


def check_posts(stage: Stage, failing: Mapping[str, Collection[int]], left: Left) -> None:
    """The same for what Slack took; `failing` by destination."""
    for destination, bodies in posts_taken(stage, failing).items():
        times = Counter(map(tests_in, bodies))
        tests = sorted(test for named in times for test in named)
        assert tests == sorted(failing[destination]), f"announced at {destination}"
        twice = [named for named, n in times.items() if n > 1]
        assert len(twice) == (destination in left.posted), f"twice at {destination}"
        assert len(bodies) - len(times) == len(twice), f"more than twice at {destination}"


def posts_taken(stage: Stage, destinations: Iterable[str]) -> dict[str, list[str]]:
    """The bodies that Slack took, by destination."""
    taken: dict[str, list[str]] = {destination: [] for destination in destinations}
    for post, is_taken in zip(stage.slack.posts, stage.network.posts_taken, strict=True):
        if is_taken:
            taken[stage.destination_of[post.webhook]].append(post.body.decode())
    return taken


def tests_in(message: str) -> tuple[int, ...]:
    """The tests that a message leads to, once each."""
    return tuple(sorted({int(test) for test in TEST_LINK.findall(message)}))


def check_nothing_is_left(stage: Stage) -> None:
    """No message waits or is parked, no outbox holds anything, no delivery is in hand."""
    assert stage.cloud.receive() == []
    assert stage.cloud.drain("dead") == []
    pending = [item for item in stage.cloud.items() if "pending" in item]
    # A copy of what went to a mailbox is kept until its subscription was looked at.
    assert [item["pk"] for item in pending if "#mailed" not in str(item["sk"])] == []
    assert stage.cloud.in_progress() == []
