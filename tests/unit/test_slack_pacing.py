"""Slack delivery, one message a second and webhook: `pacing`, and what it adds up to over hours (virtual time)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from testmo_notifier.errors import DeliveryDelayed
from testmo_notifier.model import Pace
from testmo_notifier.pacing import Turn, after_answer, after_failure, after_throttle, backoff_seconds, take_turn
from tests.slack_world import World
from tests.virtual_time import START


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_free_webhook_is_posted_to_at_once_and_the_next_slot_is_a_second_away() -> None:
    pace, turn = take_turn(Pace(), START, receives=1)

    assert turn == Turn(START, granted=True, failures=0)
    assert pace.next_slot == later(1)


def test_a_slot_that_is_near_is_taken_and_waited_for() -> None:
    pace, turn = take_turn(Pace(next_slot=later(1.2)), START, receives=1)

    assert turn == Turn(later(1.2), granted=True, failures=0)
    assert pace.next_slot == later(2.2)


def test_a_message_whose_slot_is_further_away_takes_no_slot_but_a_place_in_the_line() -> None:
    busy = Pace(next_slot=later(2))

    pace, first = take_turn(busy, START, receives=1)
    pace, second = take_turn(pace, START, receives=1)

    assert (first.at, second.at) == (later(7), later(8))
    assert not first.granted
    assert not second.granted
    assert pace.next_slot == busy.next_slot


def test_a_message_without_patience_takes_no_slot_even_if_one_is_free() -> None:
    _, turn = take_turn(Pace(), START, receives=1, patience=timedelta(seconds=-1))

    assert not turn.granted


def test_in_trouble_one_message_probes_while_all_others_wait() -> None:
    pace, probe = take_turn(Pace(next_slot=START, failures=3), START, receives=4)
    _, other = take_turn(pace, later(10), receives=4)

    assert probe.granted
    assert pace.next_slot == later(15)
    assert not other.granted


def test_an_answered_probe_opens_the_gate_for_all() -> None:
    pace, _ = take_turn(Pace(failures=3), START, receives=4)
    pace, _ = after_answer(pace, later(0.2))

    assert pace.failures == 0
    assert take_turn(pace, later(0.3), receives=1)[1].granted


@pytest.mark.parametrize(
    ("times", "seconds"), [(0, 0), (1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (10, 900), (10_000, 900)]
)
def test_waits_double_from_5_seconds_to_15_minutes(times: int, seconds: float) -> None:
    assert backoff_seconds(times) == seconds


def test_a_failed_message_waits_by_its_receives_and_the_webhook_a_minute_at_most() -> None:
    pace, turn = after_failure(Pace(failures=8), START, receives=9)

    assert turn.at == later(900)
    assert pace == Pace(next_slot=later(60), failures=9)


def test_many_receives_in_a_healthy_line_do_not_make_a_long_wait_of_the_first_trouble() -> None:
    _, turn = take_turn(Pace(next_slot=later(3), failures=1), START, receives=9)

    assert turn.at == later(8)


def test_the_first_429_waits_as_long_as_slack_asks_and_no_longer() -> None:
    pace, turn = after_throttle(Pace(), START, receives=7, retry_after_seconds=2)

    assert turn.at == later(2)
    assert pace == Pace(next_slot=later(2), failures=1)


def test_429_after_429_waits_longer_so_that_the_receives_last() -> None:
    _, turn = after_throttle(Pace(failures=6), START, receives=6, retry_after_seconds=30)

    assert turn.at == later(160)


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


def test_nobody_is_granted_a_post_by_an_answer_that_came() -> None:
    """What a failure, a throttle or an answer gives is when to come back; a post needs a turn of its own."""
    turns = [
        after_failure(Pace(), START, receives=1)[1],
        after_throttle(Pace(), START, receives=1, retry_after_seconds=9)[1],
        after_answer(Pace(failures=1), START)[1],
    ]

    assert [turn.granted for turn in turns] == [False, False, False]
    assert [turn.failures for turn in turns] == [1, 1, 0]
    assert [turn.at for turn in turns] == [later(5), later(9), later(1)]
