"""What must have arrived after a play, and what of it may have arrived twice (rules 10 and 11)."""

from __future__ import annotations

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
            case ["SNS", "Publish", destination, "of", "run", run]:
                left.published.add((destination, run))
            case ["DynamoDB", "TransactWriteItems", key]:
                left.published = {pair for pair in left.published if key != f"RUN#{pair[1]}/CHECKPOINT"}
            case ["Slack", "POST", webhook]:
                left.posted.add(destination_of[webhook])
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
    assert max(times.values()) <= 2, f"more than twice on {place}"
    twice = {(destination, run) for (destination, run, _), n in times.items() if n > 1}
    assert twice == {pair for pair in left.published if pair[0].startswith(place)}, f"twice on {place}"


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
    assert [item["pk"] for item in stage.cloud.items() if "pending" in item] == []
    assert stage.cloud.in_progress() == []
