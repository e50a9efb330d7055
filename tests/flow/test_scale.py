"""Scale of one run: 50,000 failing results at once, on one millisecond, read over several polls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from testmo_notifier.model import Change, Checkpoint, Expands, MarkOf, Result, ResultsPage, ResultsQuery
from testmo_notifier.polling.rate_limit import RateLimit
from tests.support.story import START, SpoiledTestmo, Story

COUNT = 50_000
PER_PAGE = 100
ROOM_BYTES = 350_000  # DynamoDB takes 400 KB


class Flooded(SpoiledTestmo):
    """One run has 50,000 failing results of one millisecond; everything else is the simulator's."""

    def results(self, run_id: int, query: ResultsQuery, _told: object = None, /) -> ResultsPage:
        del run_id  # there is one
        with self._rate_limit.request():
            page = query.page or 1
        keys = range((page - 1) * PER_PAGE, min(page * PER_PAGE, COUNT))
        rows = tuple(
            Result(
                key=7_000_000 + 3 * key,
                id=7_000_000 + 3 * key,
                test_id=900_000 + key,
                case_id=None,
                status_id=3,
                note="<p>It does not work at all.</p>" * 20,
                created_at=START + timedelta(seconds=30),
            )
            for key in keys
        )
        more = page * PER_PAGE < COUNT
        return ResultsPage(rows, Expands(), page + 1 if more else None, COUNT, self._now())


def flood(story: Story) -> list[int]:
    """Let it rain from now on; the sizes of what is committed."""

    def connect(rate_limit: RateLimit) -> Flooded:
        testmo = Flooded(
            url=story.testmo.url, token=story.token, pool=story.pool, rate_limit=rate_limit, now=lambda: story.time
        )
        testmo.spoil = raining
        return testmo

    def raining(path: str, body: dict[str, Any]) -> None:
        for row in body["result"] if path.endswith("/runs") else ():
            row["status2_count"] = COUNT

    sizes: list[int] = []
    commit = story.store.commit

    def weighed(checkpoint: Checkpoint, mark: MarkOf, held: Sequence[Change] = ()) -> Checkpoint:
        written = commit(checkpoint, mark, held)
        item = story.store.items[f"RUN#{checkpoint.run_id}"]
        sizes.append(
            sum(len(str(value.get("S", value.get("N", ""))) or value.get("B", b"")) for value in item.values())
        )
        return written

    story.store.commit = weighed  # type: ignore[assignment,method-assign]  # the same, and weighed
    story.settings["connect"] = connect
    return sizes


@pytest.mark.parametrize("requests_per_minute", [120, 600])
def test_fifty_thousand_at_once_are_counted_exactly_in_a_handful_of_messages(
    story: Story, requests_per_minute: int
) -> None:
    run = story.add_run_and_poll()
    story.settings["requests_per_minute"] = requests_per_minute
    sizes = flood(story)
    story.wait_and_poll(6)

    polls = -(-COUNT // PER_PAGE // (requests_per_minute - 2))
    assert story.total == COUNT
    assert len(story.events) <= polls + 1
    assert len(story.topic.notifications) == 3 * len(story.events)
    assert max(sizes) < ROOM_BYTES
    assert story.checkpoint(run).resume is None

    told = Counter(key for sent in story.store.sent(run.id) for key in sent.keys)
    assert (len(told), set(told.values())) == (COUNT, {1})


def test_a_flood_that_stands_still_is_swept_to_its_end_and_told_no_second_time(story: Story) -> None:
    run = story.add_run_and_poll()
    sizes = flood(story)
    story.settings["requests_per_minute"] = 400  # a hundred pages less than a read, or a sweep, has
    last = story.wait_and_poll(16, every=300)

    assert story.total == COUNT
    assert max(sizes) < ROOM_BYTES
    assert len(story.checkpoint(run).failing) == COUNT
    assert last.lag_seconds < 900
