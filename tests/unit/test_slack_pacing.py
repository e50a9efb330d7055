"""Slack delivery, one message a second and webhook: `pacing`, and what it adds up to over hours (virtual time)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from testmo_notifier.adapters.http import Answer
from testmo_notifier.channels.slack.secret import Bot
from testmo_notifier.channels.slack.transport import TRANSPORT, judge
from testmo_notifier.delivery.pacing import (
    Slot,
    after_answer,
    after_failure,
    after_throttle,
    backoff_seconds,
    gate_of,
    take_slot,
)
from testmo_notifier.errors import DeliveryDelayed
from testmo_notifier.model import Pace
from tests.support.slack_world import World
from tests.support.virtual_time import START

HOUR = 3_600


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_free_webhook_is_posted_to_at_once_and_the_next_slot_is_a_second_away() -> None:
    pace, slot = take_slot(Pace(), START, receives=1)

    assert slot == Slot(START, granted=True, failures=0)
    assert pace.next_slot == later(1)


def test_a_slot_that_is_near_is_taken_and_waited_for() -> None:
    pace, slot = take_slot(Pace(next_slot=later(1.2)), START, receives=1)

    assert slot == Slot(later(1.2), granted=True, failures=0)
    assert pace.next_slot == later(2.2)


def test_a_message_whose_slot_is_further_away_takes_no_slot_but_a_place_in_the_line() -> None:
    busy = Pace(next_slot=later(2))

    pace, first = take_slot(busy, START, receives=1)
    pace, second = take_slot(pace, START, receives=1)

    assert (first.at, second.at) == (later(1), later(2)), "a second before their slots: SQS rounds up"
    assert not first.granted
    assert not second.granted
    assert (pace.next_slot, pace.line_end) == (busy.next_slot, later(3))


def test_who_waits_for_edits_comes_back_when_their_slots_are_due() -> None:
    """An edit that came back too early would be received once more, and of receives there are a hundred."""
    spacing = timedelta(seconds=1.25)
    pace, _ = take_slot(Pace(next_slot=later(2)), START, receives=1, spacing=spacing)
    pace, second = take_slot(pace, START, receives=1, spacing=spacing)

    assert (second.at, pace.line_end) == (later(2.25), later(3.25))
    pace, _ = take_slot(Pace(), START, receives=1, more=2, spacing=spacing)
    assert pace.line_end == later(2.5)


BOT, OF_ANOTHER_APP = Bot("xoxb-1", "C012AB3CD").as_address(), Bot("xoxb-2", "C012AB3CD").as_address()
ELSEWHERE = Bot("xoxb-1", "C012AB3CE").as_address()


@pytest.mark.parametrize(
    ("addresses", "destination", "gate"),
    [
        ({"default": "https://1", "payments": "https://2"}, "slack:payments", "slack:payments"),
        # one webhook by two names
        ({"payments": "https://1", "default": "https://1"}, "slack:payments", "slack:default"),
        # one channel by two bots, or by two names of one
        ({"a": BOT, "b": OF_ANOTHER_APP}, "slack:b", "slack:a"),
        ({"a": BOT, "b": BOT}, "slack:b", "slack:a"),
        # one bot in two channels
        ({"a": BOT, "b": ELSEWHERE}, "slack:b", "slack:b"),
        # a name that is not in the secret
        ({"a": BOT}, "slack:b", "slack:b"),
    ],
)
def test_names_that_lead_to_one_place_share_a_pace(addresses: Mapping[str, str], destination: str, gate: str) -> None:
    assert gate_of(destination, addresses, TRANSPORT.place) == gate


def test_one_webhook_by_two_names_is_posted_to_once_a_second() -> None:
    world = World(addresses={"default": "slack:default", "payments": "slack:default"})
    for number in range(60):
        world.put(f"{number:03}", destination=("slack:default", "slack:payments")[number % 2])

    world.run(HOUR)

    assert world.throttled == 0
    assert len(world.delivered_at) == 60
    assert max(world.delivered_at.values()) < 75
    assert max(world.receives.values()) <= 3
    assert set(world.paces) == {"slack:default"}


def test_the_line_begins_behind_those_that_follow_in_the_batch_of_who_holds_the_slot() -> None:
    pace, _ = take_slot(Pace(), START, receives=1, more=4)
    pace, other = take_slot(pace, later(-0.3), receives=1)

    assert other == Slot(later(4), granted=False, failures=0)
    assert pace.line_end == later(5)


def test_a_batch_never_moves_the_end_of_the_line_forward() -> None:
    pace, _ = take_slot(Pace(line_end=later(60)), START, receives=1, more=4)

    assert pace.line_end == later(60)


def test_in_trouble_who_waits_comes_back_behind_who_failed() -> None:
    _, other = take_slot(Pace(next_slot=later(15), failures=1), START, receives=1)

    assert other == Slot(later(20), granted=False, failures=1)


def test_a_message_without_patience_takes_no_slot_even_if_one_is_free() -> None:
    _, slot = take_slot(Pace(), START, receives=1, patience=timedelta(seconds=-1))

    assert not slot.granted


def test_in_trouble_one_message_probes_while_all_others_wait() -> None:
    pace, probe = take_slot(Pace(next_slot=START, failures=3), START, receives=4)
    _, other = take_slot(pace, later(10), receives=4)

    assert probe.granted
    assert pace.next_slot == later(15)
    assert not other.granted


def test_an_answered_probe_opens_the_gate_for_all() -> None:
    pace, _ = take_slot(Pace(failures=3), START, receives=4)
    pace, _ = after_answer(pace, later(0.2))

    assert pace.failures == 0
    assert take_slot(pace, later(0.3), receives=1)[1].granted


@pytest.mark.parametrize(
    ("times", "seconds"), [(0, 0), (1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (10, 900), (10_000, 900)]
)
def test_waits_double_from_5_seconds_to_15_minutes(times: int, seconds: float) -> None:
    assert backoff_seconds(times) == seconds


def test_a_failed_message_waits_by_its_receives_and_the_webhook_a_minute_at_most() -> None:
    pace, slot = after_failure(Pace(failures=8), START, receives=9)

    assert slot.at == later(900)
    assert pace == Pace(next_slot=later(60), failures=9)


def test_many_receives_in_a_healthy_line_do_not_make_a_long_wait_of_the_first_trouble() -> None:
    _, slot = take_slot(Pace(next_slot=later(3), failures=1), START, receives=9)

    assert slot.at == later(8)


def test_the_first_429_waits_as_long_as_slack_asks_and_no_longer() -> None:
    pace, slot = after_throttle(Pace(), START, receives=7, retry_after_seconds=2)

    assert slot.at == later(2)
    assert pace == Pace(next_slot=later(2), failures=1)


def test_429_after_429_waits_longer_so_that_the_receives_last() -> None:
    _, slot = after_throttle(Pace(failures=6), START, receives=6, retry_after_seconds=30)

    assert slot.at == later(160)


def test_a_short_retry_after_never_moves_the_gate_back() -> None:
    pace, _ = after_throttle(Pace(next_slot=later(40)), START, receives=1, retry_after_seconds=1)

    assert pace.next_slot == later(40)


def test_500_waiting_messages_drain_at_one_a_second_and_are_received_about_twice() -> None:
    world = World()
    for number in range(500):
        world.put(f"m{number}")

    world.run(3_600)

    assert len(world.delivered_at) == 500
    assert 499 <= max(world.delivered_at.values()) < 530
    assert world.throttled <= 5
    assert sum(world.receives.values()) < 500 * 2.5
    assert max(world.receives.values()) <= 6


@pytest.mark.parametrize("gap", [0, 0.04, 0.3])
@pytest.mark.parametrize("batch", [1, 3, 10])
@pytest.mark.parametrize("count", [1, 2, 5, 50])
def test_of_messages_that_come_at_once_one_goes_out_every_second_and_no_second_is_left_unused(
    count: int, batch: int, gap: float
) -> None:
    """However SQS deals them out. With the minute until the poll 5 messages take about 65 s, and 50 take 110."""
    world = World(batch=batch)
    for number in range(count):
        world.put(f"m{number}", at=gap * number)

    world.run(HOUR)

    assert len(world.delivered_at) == count
    assert max(world.delivered_at.values()) < count - 1 + 0.5
    assert world.throttled == 0
    assert max(world.receives.values()) <= 4


def test_a_hundred_messages_a_minute_are_bound_by_one_a_second_and_by_nothing_else() -> None:
    world = World()
    for minute in range(10):
        for number in range(100):
            world.put(f"m{minute}-{number}", at=60 * minute + number / 20)

    world.run(HOUR)

    assert sum(at < 600 for at in world.delivered_at.values()) == 600
    assert max(world.delivered_at.values()) < 1_000
    assert max(world.receives.values()) <= 3


def test_newcomers_overtake_nobody_again_and_again() -> None:
    """Nearly a message a second: whoever waits in the line finds that the gate was taken a moment ago."""
    world = World()
    for number in range(200):
        world.put(f"m{number}", at=0.9 * number)

    world.run(HOUR)

    assert max(world.delivered_at[f"m{number}"] - 0.9 * number for number in range(200)) < 25
    assert max(world.receives.values()) <= 3


@pytest.mark.parametrize("batch", [1, 3, 10])
def test_two_webhooks_with_fifty_messages_each_get_theirs_side_by_side(batch: int) -> None:
    world = World(batch=batch)
    for number in range(50):
        world.put(f"m{number}")
        world.put(f"p{number}", destination="slack:payments")

    world.run(HOUR)

    assert max(world.delivered_at.values()) < 55


def test_a_backlog_of_one_webhook_does_not_hold_up_another() -> None:
    world = World()
    for number in range(500):
        world.put(f"m{number}")
    for number in range(10):
        world.put(f"p{number}", destination="slack:payments", at=20 * number)

    world.run(3_600)

    waits = [world.delivered_at[f"p{number}"] - 20 * number for number in range(10)]
    assert max(waits) < 30


def test_what_slack_throttles_is_not_asked_again_before_retry_after() -> None:
    def throttle_once(_url: str, _seconds: float) -> None:
        if len(world.posts) == 5:
            world.posts.append((world.time.seconds(), "slack:default", "429"))
            raise DeliveryDelayed("429", reason="throttled", retry_after_seconds=45)

    world = World(throttle_once)
    for number in range(50):
        world.put(f"m{number}")

    world.run(3_600)

    refused_at = next(at for at, _, end in world.posts if end == "429")
    assert [at for at, _, _ in world.posts if refused_at < at < refused_at + 44.9] == []
    assert len(world.delivered_at) == 50


@pytest.mark.parametrize("waiting", [1, 2, 40, 500])
def test_half_a_day_of_outage_needs_no_re_drive_and_ends_within_half_an_hour(waiting: int) -> None:
    half_a_day = 12 * 3_600

    def down(_url: str, seconds: float) -> None:
        world.posts.append((seconds, "slack:default", "503"))
        if seconds < half_a_day:
            raise DeliveryDelayed("503", reason="http_503")
        world.posts.pop()

    world = World(down)
    for number in range(waiting):
        world.put(f"m{number}", at=number % 7)

    world.run(2 * half_a_day)

    assert len(world.delivered_at) == waiting
    assert max(world.receives.values()) < 75  # maxReceiveCount is 100
    assert max(world.delivered_at.values()) < half_a_day + 1_800 + 2 * waiting


def test_a_throttle_of_half_a_day_needs_no_re_drive_either() -> None:
    half_a_day = 12 * 3_600

    def throttled(_url: str, seconds: float) -> None:
        if seconds < half_a_day:
            raise DeliveryDelayed("429", reason="throttled", retry_after_seconds=30)

    world = World(throttled)
    for number in range(60):
        world.put(f"m{number}")

    world.run(2 * half_a_day)

    assert len(world.delivered_at) == 60
    assert max(world.receives.values()) < 75


def test_a_webhook_that_times_out_does_not_hold_up_another() -> None:
    def dead(url: str, _seconds: float) -> None:
        if url == "slack:default":
            world.time.sleep(10)
            raise DeliveryDelayed("no answer", reason="no_answer")

    world = World(dead)
    for number in range(200):
        world.put(f"m{number}")
    for number in range(60):
        world.put(f"p{number}", destination="slack:payments", at=60 * number)

    world.run(4_000)

    waits = [world.delivered_at[f"p{number}"] - 60 * number for number in range(60)]
    assert max(waits) < 25
    assert sum(waits) / len(waits) < 2


# ----- One message that fails, among healthy ones (fairness) -------------------------------------------------

Taste = Callable[[Mapping[str, Any], float], None]


def dislikes(*sick: str, status: int = 500, body: bytes = b"", until: float = 12 * HOUR, text: bool = True) -> Taste:
    """A Slack that answers like this to some messages only; `text` is False where it takes them without blocks."""

    def taste(payload: Mapping[str, Any], seconds: float) -> None:
        if payload["text"] in sick and seconds < until and (text or "blocks" in payload):
            problem = judge(Answer(status=status, headers={}, body=body), START)
            assert problem is not None
            raise problem

    return taste


@pytest.mark.parametrize("first", range(4))
def test_one_of_four_digests_whose_blocks_are_refused_by_a_word_that_nobody_listed_holds_up_no_other(
    first: int,
) -> None:
    world = World(taste=dislikes(f"m{first}", status=400, body=b"some_new_word", text=False))
    for number in range(4):
        world.put(f"m{number}")

    world.run(HOUR)

    assert max(world.delivered_at.values()) < 15
    assert max(world.receives.values()) <= 2
    assert len(world.delivered_at) == 4
    assert world.parked == []


@pytest.mark.parametrize("sick", range(4))
def test_a_message_to_which_slack_answers_500_for_hours_holds_up_none_of_its_batch(sick: int) -> None:
    world = World(taste=dislikes(f"m{sick}"))
    for number in range(4):
        world.put(f"m{number}")

    world.run(24 * HOUR)

    healthy = [f"m{number}" for number in range(4) if number != sick]
    assert max(world.delivered_at[key] for key in healthy) < 20
    assert max(world.receives[key] for key in healthy) <= 2
    assert 12 * HOUR <= world.delivered_at[f"m{sick}"] < 12 * HOUR + 900
    assert world.receives[f"m{sick}"] < 75


@pytest.mark.parametrize(("sick", "seconds"), [(("s0",), 15), (("s0", "s1", "s2"), 60)])
def test_what_comes_while_slack_chokes_on_other_messages_goes_out_within_seconds(
    sick: tuple[str, ...], seconds: float
) -> None:
    """A digest every half minute for two hours. Until the first is taken, three that fail look like a sick webhook."""
    world = World(taste=dislikes(*sick))
    for key in sick:
        world.put(key)
    for number in range(240):
        world.put(f"m{number}", at=1 + 30 * number)

    world.run(2 * HOUR + 60)

    waits = [world.delivered_at[f"m{number}"] - (1 + 30 * number) for number in range(240)]
    assert max(waits[:2]) < seconds
    assert max(waits[2:]) < 2
    assert max(world.receives[f"m{number}"] for number in range(240)) <= 4


def test_a_backlog_goes_out_at_its_pace_although_one_message_in_it_fails_again_and_again() -> None:
    world = World(taste=dislikes("m7"))
    for number in range(200):
        world.put(f"m{number}")

    world.run(HOUR)

    assert len(world.delivered_at) == 199
    assert max(world.delivered_at.values()) < 240
    assert sum(world.receives.values()) < 200 * 3


def test_a_message_that_times_out_every_time_lets_others_probe() -> None:
    def dead_for_one(payload: Mapping[str, Any], _seconds: float) -> None:
        if payload["text"] == "m0":
            world.time.sleep(10)
            raise DeliveryDelayed("no answer", reason="no_answer")

    world = World(taste=dead_for_one)
    for number in range(4):
        world.put(f"m{number}")
    for number in range(60):
        world.put(f"n{number}", at=60 * number)

    world.run(2 * HOUR)

    assert max(world.delivered_at[f"m{number}"] for number in range(1, 4)) < 40
    assert max(world.delivered_at[f"n{number}"] - 60 * number for number in range(60)) < 40


def test_who_failed_comes_back_behind_all_who_wait() -> None:
    waits = Pace(next_slot=later(5), line_end=later(12), failures=1, failed=("a",))

    _, other = take_slot(waits, later(6), "b", receives=2)
    pace, failed = take_slot(waits, later(6), "a", receives=2)

    assert other.granted
    assert not failed.granted
    assert failed.at == later(13)
    assert take_slot(pace, later(13), "a", receives=3)[1].granted, "nobody else is there"


def test_a_message_alone_that_fails_again_and_again_does_not_lengthen_the_pause() -> None:
    pace, slot = after_failure(Pace(), START, "a", receives=1)
    pace, slot = after_failure(pace, later(60), "a", receives=6)

    assert pace == Pace(next_slot=later(65), failures=1, failed=("a",))
    assert slot.at == later(60 + 160)


def test_failures_of_different_messages_lengthen_the_pause_as_time_outs_and_429_do() -> None:
    pace = Pace()
    for number, key in enumerate("ababab"):
        pace, _ = after_failure(pace, later(100 * number), key, receives=number)
    assert pace.failures == 6
    pace, _ = after_failure(pace, later(1_000), "b", receives=9, answered=False)
    pace, _ = after_throttle(pace, later(2_000), receives=9, retry_after_seconds=1)
    assert pace.failures == 8


def test_who_failed_and_saw_others_get_through_fails_at_its_own_expense() -> None:
    pace, _ = after_failure(Pace(), START, "a", receives=1)
    healthy, _ = after_answer(pace, later(6))

    pace, slot = after_failure(healthy, later(20), "a", receives=3)

    assert (pace.next_slot, pace.failures) == (healthy.next_slot, 0)
    assert slot == Slot(later(40), granted=False, failures=0)
    assert after_failure(healthy, later(20), "b", receives=3)[0].failures == 1
    assert after_failure(healthy, later(20), "a", receives=3, answered=False)[0].failures == 1


def test_a_handful_of_ids_is_remembered_and_not_more() -> None:
    pace = Pace()
    for number in range(100):
        pace, _ = after_failure(pace, later(number), f"m{number}", receives=1)

    assert pace.failed == tuple(f"m{number}" for number in range(80, 100))


def test_nobody_is_granted_a_post_by_an_answer_that_came() -> None:
    """What a failure, a throttle or an answer gives is when to come back; a post needs a slot of its own."""
    turns = [
        after_failure(Pace(), START, receives=1)[1],
        after_throttle(Pace(), START, receives=1, retry_after_seconds=9)[1],
        after_answer(Pace(failures=1), START)[1],
    ]

    assert [slot.granted for slot in turns] == [False, False, False]
    assert [slot.failures for slot in turns] == [1, 1, 0]
    assert [slot.at for slot in turns] == [later(5), later(9), later(1)]
