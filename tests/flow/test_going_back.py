"""Rule 6 across versions: what version 1.0 makes of a checkpoint whose sets have items of their own, and what then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import pytest

from testmo_notifier.adapters import items, overflow
from testmo_notifier.adapters.outbox import pack_outbox
from testmo_notifier.model import Counters
from testmo_notifier.sources.testmo_runs.passes import RunQuestions
from testmo_notifier.sources.testmo_runs.reading import first_checkpoint, read_run
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support import version_1_0
from tests.support.factories import START, at, make_builder, make_run
from tests.support.memory import MemoryStore
from tests.support.stored import CHECKPOINT, ENVELOPE
from tools.maintain.release import RELEASES, unpack

WATCH = Watch((3,))
OLD = [(key, at(key).isoformat()) for key in range(1, 11)]
NEW = [(key, at(600 + key).isoformat()) for key in (11, 12)]


@pytest.fixture(scope="module")
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("1.0.0")
    unpack(RELEASES / "1.0.0.tar.gz", folder)
    return folder / "layers" / "common"


def poll_as_before(
    layer: Path, item: dict[str, Any], rows: list[tuple[int, str]], now: datetime
) -> tuple[list[int], dict[str, Any]]:
    """Three polls of version 1.0; what it told, and what it left."""
    given = {"item": version_1_0.as_text(item), "rows": rows, "now": now.isoformat(), "polls": 3}
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, version_1_0.__file__],
        input=json.dumps(given),
        env={**os.environ, "PYTHONPATH": str(layer)},
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    return answer["told"], version_1_0.with_bytes(answer["item"])


def poll_now(store: MemoryStore, rows: list[tuple[int, str]], now: datetime, *, most: int = 50_000) -> list[int]:
    """A poll of this version, whose checkpoint has room for no set; what it told."""
    checkpoint = store.checkpoints([12]).get(12) or first_checkpoint(12, 3, START, WATCH)
    news = make_builder()
    with patch("testmo_notifier.notices.gathered.MAX_TOLD", most):
        testmo, run = cast("Any", version_1_0.PlainTestmo(rows, now)), make_run(counters=Counters({3: len(rows)}))
        about = RunQuestions(testmo, run, WATCH, lambda: now, timedelta(seconds=5))
        reading = read_run(about, checkpoint, news, turn=False)
    store.commit(reading.checkpoint)
    return sorted(news.build().keys)


def test_the_version_before_reads_an_outbox_in_which_something_was_held_or_silenced(version_before: Path) -> None:
    (first, *_) = CHECKPOINT.outbox
    silent = replace(first, id="silent", digest=replace(first.digest, is_silent=True))
    packed = pack_outbox((*CHECKPOINT.outbox, *ENVELOPE.outbox, silent))
    script = (
        "import sys; from testmo_notifier.adapters.items import unpack_outbox; "
        "print([(one.id, one.digest.total) for one in unpack_outbox(sys.stdin.buffer.read())])"
    )
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        input=packed,
        env={**os.environ, "PYTHONPATH": str(version_before)},
        capture_output=True,
        check=True,
    )

    assert done.stdout.decode() == "[('5e0c1d7a', 2), ('90af3b12', 2), ('3fdc6f09', 2), ('silent', 2)]\n"


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with patch.object(overflow, "MAX_SETS_BYTES", 0):
        yield MemoryStore()


def test_the_version_before_tells_what_is_new_and_nothing_again_and_this_one_goes_on_from_there(
    version_before: Path, store: MemoryStore
) -> None:
    assert poll_now(store, OLD, at(60)) == [key for key, _ in OLD]
    assert "apart" in store.items["RUN#12"]
    assert "failing" not in store.items["RUN#12"]

    told, item = poll_as_before(version_before, store.items["RUN#12"], [*OLD, *NEW], at(660))
    assert told == [11, 12]
    assert (items.checkpoint_from(item).silent_before, items.checkpoint_from(item).sweep) == (None, None)
    assert len(items.checkpoint_from(item).failing) == 12, "what was failing is taken over silently"

    store.items["RUN#12"] = {**item, "version": store.items["RUN#12"]["version"]}
    assert poll_now(store, [*OLD, *NEW, (13, at(900).isoformat())], at(960)) == [13]


def test_the_version_before_reads_on_where_a_part_ended(version_before: Path, store: MemoryStore) -> None:
    assert poll_now(store, OLD, at(60), most=5) == [1, 2, 3, 4, 5, 6]
    assert store.checkpoints([12])[12].resume is not None

    told, _ = poll_as_before(version_before, store.items["RUN#12"], [*OLD, *NEW], at(660))

    assert told == [7, 8, 9, 10, 11, 12]


def test_this_version_goes_on_as_if_nothing_had_been_where_the_one_before_wrote_nothing(store: MemoryStore) -> None:
    assert poll_now(store, OLD, at(60), most=5) == [1, 2, 3, 4, 5, 6]
    assert poll_now(store, OLD, at(120), most=5) == [7, 8, 9, 10]
    assert poll_now(store, OLD, at(180)) == []
