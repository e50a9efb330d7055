"""Rewinding: what is failing since a moment is announced again, under new ids (rule 11); all else stays as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from testmo_notifier.adapters import items
from testmo_notifier.model import Resume, Superseded
from testmo_notifier.polling.rate_limit import RateLimit
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.factories import at, make_builder, make_checkpoint, make_expands, make_outgoing, make_result
from tests.support.story import Story
from tools.ops import records, wiring
from tools.ops.exit_status import NotDone
from tools.ops.rewind import Plan, go_back, make_plans, rewound


def rewind(story: Story, run_id: int, seconds: float, keys: set[int]) -> None:
    """As the command does it, for results that the test names."""
    rate_limit = RateLimit(1_000, spent={}, now=story.time.timestamp, sleep=story.wait, seconds_left=lambda: 60.0)
    go_back(story.store, Plan(story.connect(rate_limit).run(run_id), story.ago(seconds), frozenset(keys)))


def test_only_what_is_failing_since_then_comes_again_and_with_an_id_of_its_own(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait(10)
    old = story.fail_and_poll(run, 1)
    story.wait_and_poll(30)
    new = story.fail_and_poll(run, 2)
    assert story.announced == [old.id, new.id]

    story.wait()
    rewind(story, run.id, 300, {new.id})
    story.wait_and_poll(30)

    assert story.announced == [old.id, new.id, new.id]
    ids = [event["id"] for event in story.events]
    assert len(set(ids)) == 3


def test_results_that_come_after_a_rewind_are_announced_once(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait(10)
    first = story.fail_and_poll(run, 1)
    rewind(story, run.id, 3_600, {first.id})
    second = story.save(run, 2)
    story.wait_and_poll(20)
    assert sorted(story.announced) == [first.id, first.id, second.id]


def test_a_failure_that_a_route_has_waited_for_comes_again_without_waiting(story: Story) -> None:
    routes = parse_routes('[[routes]]\nafter = 2\nto = ["slack:twice"]\n[[routes]]\nto = ["slack:all"]\n')
    story.settings |= {"routes": routes, "destinations": ("slack:twice", "slack:all")}
    run = story.add_run_and_poll()
    story.wait(10)
    story.fail_and_poll(run, 1)
    story.wait()
    second = story.fail_and_poll(run, 1)
    assert sorted(one.destination for one in story.topic.notifications) == ["slack:all", "slack:all", "slack:twice"]
    known = dict(story.checkpoint(run).told)

    story.wait()
    rewind(story, run.id, 100, {second.id})
    story.wait_and_poll(5)

    assert sorted(one.destination for one in story.topic.notifications[3:]) == ["slack:all", "slack:twice"]
    assert [one.streak for one in story.checkpoint(run).told.values()] == [one.streak for one in known.values()]


def test_a_closed_run_that_is_done_is_read_again(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait(10)
    result = story.fail_and_poll(run, 1)
    story.world.close_run(run)
    story.wait_and_poll(20)
    rewind(story, run.id, 7_200, {result.id})
    story.wait_and_poll(3)
    assert story.announced == [result.id, result.id]
    story.wait_and_poll(70)
    assert story.announced == [result.id, result.id]


def test_a_rewound_checkpoint_forgets_only_what_it_shall_announce() -> None:
    before = make_checkpoint(
        cursor=at(100),
        floor=at(50),
        seen={1: at(60), 2: at(70), 3: at(80)},
        failing={11: (1, 3), 12: (2, 3), 13: (3, 5)},
        superseded={2: Superseded(3), 7: Superseded(3)},
        counters={3: 3},
        outbox=(make_outgoing(),),
        version=4,
        read_at=at(101),
        closed_at=at(99),
    )
    after = rewound(before, at(65), frozenset({2, 3}), at=at(200))
    assert after == replace(
        before,
        cursor=at(65),
        floor=at(50),
        seen={1: at(60)},
        failing={11: (1, 3)},
        superseded={7: Superseded(3)},
        counters=None,
        read_at=None,
        rewound=at(200).isoformat(),
    )


def test_a_rewind_never_moves_a_checkpoint_forwards_and_an_interrupted_read_begins_anew() -> None:
    before = make_checkpoint(cursor=at(10), floor=at(5), resume=Resume(at(4), 7, 650, at(11)))
    later = rewound(before, at(1_000), frozenset(), at=at(2_000))
    assert (later.cursor, later.floor, later.resume) == (at(10), at(5), Resume(at(4), 1, None))
    earlier = rewound(before, at(-60), frozenset(), at=at(2_000))
    assert earlier.resume == Resume(at(-61), 1, None)


def test_the_same_news_has_another_id_when_it_is_told_again() -> None:
    def news(version: int) -> str:
        builder = make_builder()
        builder._version = version
        builder.add([make_result(1)], make_expands())
        return builder.outgoing()[0].id

    assert news(1) == news(1)
    assert len({news(1), news(2), news(3)}) == 3


def test_a_digest_knows_all_its_results_those_left_out_included() -> None:
    builder = make_builder()
    builder.add([make_result(number) for number in range(1, 200)], make_expands())
    digest = builder.build()
    assert digest.omitted > 0
    assert digest.keys == frozenset(range(1, 200))


def test_what_was_published_is_kept_by_result_however_many_there_were(story: Story) -> None:
    run = story.add_run_and_poll(tests=120)
    story.wait(10)
    ids = {story.save(run, number).id for number in range(1, 121)}
    story.wait_and_poll()
    sent = story.store.sent(run.id)
    assert {destination for one in sent for destination in one.notifications} == {
        "slack:default",
        "email:default",
        "event",
    }
    assert all(one.keys == ids and one.at <= story.time for one in sent)
    (event,) = [json.loads(n.message)["id"] for n in story.topic.notifications if n.channel == "event"]
    assert event in [one.notifications.get("event") for one in sent]


def plans(story: Story, monkeypatch: pytest.MonkeyPatch, run_id: int, **settings: tuple[int, ...]) -> list[Plan]:
    """What the command would do for one run, on a stack with these settings."""
    rate_limit = RateLimit(1_000, spent={}, now=story.time.timestamp, sleep=story.wait, seconds_left=lambda: 60.0)
    monkeypatch.setattr(wiring, "connect", lambda *_: story.connect(rate_limit))
    monkeypatch.setattr(records, "control", lambda _: [items.control_from(story.store.items["CONTROL"])])
    monkeypatch.setattr(records, "store", lambda _: story.store)
    defaults = {"project_ids": (), "run_ids": (), "overlap_seconds": 300, "max_staleness_minutes": 5}
    account = SimpleNamespace(settings=SimpleNamespace(**{**defaults, **settings}))
    desk: Any = SimpleNamespace(account=account, progress=SimpleNamespace(note=lambda _: None))
    return make_plans(desk, None, run=run_id, since=None, project=None)


def test_a_run_that_no_poll_reads_any_more_is_refused_with_a_way_that_works(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said to come again, and never did. A project that was completed within the hour is still polled."""
    run = story.add_run_and_poll()
    failed = story.fail_and_poll(run)
    assert [plan.keys for plan in plans(story, monkeypatch, run.id)] == [{failed.id}]

    story.world.complete_project(story.shop)
    assert [plan.keys for plan in plans(story, monkeypatch, run.id)] == [{failed.id}]
    story.wait_and_poll(every=3_600)
    assert [plan.keys for plan in plans(story, monkeypatch, run.id)] == [{failed.id}]
    story.wait_and_poll(every=301)

    words = f"no poll reads run {run.id} any more.*or give --destination"
    for settings in ({}, {"project_ids": (run.project_id + 1,)}, {"run_ids": (run.id + 1,)}):
        with pytest.raises(NotDone, match=words):
            plans(story, monkeypatch, run.id, **settings)
    (plan,) = plans(story, monkeypatch, run.id, project_ids=(run.project_id,))
    assert plan.keys == {failed.id}
