"""Random histories whose every effect is written down: what Testmo was asked, what was stored, what was published.

A change of the structure must not change any of it. `python -m tests.model.recorded` records them anew, which is right
only after a change of behaviour that is wanted; `python -m tests.model.recorded 7` prints one history in full, so that
two versions can be compared line by line.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.model.history import TESTS, History, Minute, Switches
from tests.model.pages import short_pages
from tests.support.executors import AtOnce
from tests.support.story import BLOCKED, FAILED, PASSED, Story, playing
from tools.simulator import StatusId
from tools.simulator.faults import DESCRIPTIONS

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "histories.json"
SEEDS: Final = range(60)
FAULTS: Final = sorted({"401", "403", "404", "429", "500", "502", "truncated"} & DESCRIPTIONS.keys())
STATUSES: Final = (FAILED, FAILED, BLOCKED, PASSED, StatusId.RETEST)


def record(seed: int) -> dict[str, list[str]]:
    """One history, as lines: `requests`, `items` and `published`, each with the number of the poll."""
    lines: dict[str, list[str]] = {"requests": [], "items": [], "published": []}
    with (
        playing(executor=AtOnce) as story,
        short_pages(),
    ):
        for number in played(story, random.Random(seed)):
            note(story, number, lines)
    return lines


def played(story: Story, chance: random.Random) -> Iterator[int]:
    """Play a history minute by minute; gives the number of each poll after it."""
    switches = Switches(
        bounds=chance.choice(["inclusive", "exclusive"]),
        precision=chance.choice(["millisecond", "second"]),
        ties=chance.choice(["ascending", "descending"]),
        lists_deleted=chance.random() < 1 / 2,
        leases=chance.random() < 1 / 2,
    )
    history = History(story, switches)
    yield 0
    for number, (actions, seconds, fate) in enumerate(minutes(chance), start=1):
        for action in actions:
            history.act(*action)
        history.poll(*fate)
        yield number
        story.wait(seconds)
    history.settle()
    yield -1


def minutes(chance: random.Random) -> list[Minute]:
    """What happens, drawn by lot."""
    return [
        (
            [action(chance) for _ in range(chance.randint(0, 4))],
            chance.choice([1, 30, 60, 60, 60, 400, 4000]),
            fate(chance),
        )
        for _ in range(chance.randint(3, 10))
    ]


def action(chance: random.Random) -> tuple[Any, ...]:
    """One thing that somebody does."""
    late = chance.choice([{}, {}, {}, {"late": 90}, {"late": 1000}, {"skew": -150}, {"skew": 90}])
    save = ("save", chance.randint(0, 4), chance.randint(1, 4), chance.choice(STATUSES), late)
    return chance.choice(
        [
            save,
            save,
            save,
            ("bulk", chance.randint(0, 4), chance.choice(STATUSES), chance.choice([3, 14, 16, 31, TESTS])),
            ("edit", chance.randint(0, 5), chance.choice(STATUSES)),
            ("note", chance.randint(0, 5)),
            ("delete", chance.randint(0, 5), chance.random() < 1 / 2),
            ("open", chance.random() < 1 / 2),
            ("close", chance.randint(0, 4)),
            ("reopen", chance.randint(0, 4)),
            ("fault", chance.choice(FAULTS), chance.choice(["*", "/runs/*", "/projects/*/runs"]), chance.randint(1, 4)),
            ("between pages", chance.randint(1, 3), ("delete", 1, True), save),
            ("hide", chance.randint(0, 1)),
            ("show", chance.randint(0, 1)),
            chance.choice([("watch", 3, 5), ("watch", 3), ("watch", 3, 4, 5)]),
            ("set overlap", chance.choice([0, 60, 300, 900])),
            ("set budget", chance.choice([12, 30, 120])),
            ("set staleness", chance.choice([0, 5, 20])),
        ]
    )


def fate(chance: random.Random) -> tuple[Any, ...]:
    """What a poll comes to."""
    return chance.choice(
        [
            ("well",),
            ("well",),
            ("well", chance.randint(-100, 100)),
            ("not at all",),
            ("killed", chance.randint(0, 30)),
            ("twice", chance.randint(0, 30), chance.choice([0, 40])),
            ("cut short", chance.randint(1, 12)),
        ]
    )


def note(story: Story, number: int, lines: dict[str, list[str]]) -> None:
    """Write down what a poll did, and what is stored after it."""
    asked = story.testmo.requests[len(lines["requests"]) :]
    lines["requests"] += [f"{number} {r.method} {r.path} {sorted(r.query.items())}" for r in asked]
    lines["items"] += [f"{number} {key} {plain(item)}" for key, item in sorted(story.store.items.items())]
    lines["items"] += [f"{number} told {run_id} {plain(told)}" for run_id, told in sorted(story.store.told.items())]
    lines["items"] += [f"{number} cases {plain(dict(story.store.names))} {plain(dict(story.store.progress))}"]
    published = story.topic.notifications[len(lines["published"]) :]
    lines["published"] += [f"{number} {notification!r}" for notification in published]


def plain(value: object) -> object:
    """A stored value as text that is the same each time."""
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return unpacked(value) if isinstance(value, bytes) else str(value)


def unpacked(content: bytes) -> str:
    """Bytes as text; what is deflated, inflated, because libraries deflate each in its own way."""
    for start in (0, 1):  # sets have a byte in front that names their format
        with suppress(zlib.error):
            return zlib.decompress(content[start:]).hex()
    return content.hex()


def digest(seed: int) -> dict[str, str]:
    """A history in a few words: how many lines of each kind, and their hash."""
    return {kind: f"{len(lines)} {hash_of(lines)}" for kind, lines in record(seed).items()}


def hash_of(lines: list[str]) -> str:
    """The beginning of a hash."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def main(arguments: list[str]) -> None:
    """Record all, or print one."""
    if arguments:
        for kind, lines in record(int(arguments[0])).items():
            sys.stdout.writelines(f"{kind} {line}\n" for line in lines)
        return
    GOLDEN.write_text(json.dumps({str(seed): digest(seed) for seed in SEEDS}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
