"""Rule 9: how many requests are under way at a time, by what Testmo answers."""

from __future__ import annotations

import threading

import pytest

from testmo_notifier.errors import Invisible, Unreadable
from testmo_notifier.polling.lanes import Lanes


def make_lanes(most: int = 16, *, careful: bool = False) -> Lanes:
    return Lanes(most, careful=careful, now=lambda: 0.0)


def test_an_answer_that_does_not_come_closes_half_of_the_lanes_down_to_one() -> None:
    lanes = make_lanes(6)
    seen = []
    for _ in range(4):
        with pytest.raises(Unreadable), lanes.one(float):
            raise Unreadable("no answer came in time")
        seen.append(lanes.open)

    assert seen == [3, 1, 1, 1]


def test_what_testmo_says_of_a_run_closes_none() -> None:
    lanes = make_lanes(6)
    with pytest.raises(Invisible), lanes.one(float):
        raise Invisible("403", status=403)

    assert lanes.open == 6


def test_after_a_pause_that_testmo_asked_for_one_lane_is_open_and_good_answers_open_the_others() -> None:
    lanes = make_lanes(4, careful=True)
    seen = [lanes.open]
    for _ in range(12):
        lanes.open_more()
        seen.append(lanes.open)

    assert seen == [1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4]


def test_a_lane_that_is_left_is_free_once() -> None:
    lanes = make_lanes(1)
    for _ in range(3):
        with lanes.one(float):
            pass

    with lanes.one(float):
        assert lanes._used == lanes.open == 1, "the next request waits"


def test_whoever_finds_no_lane_waits_until_one_is_left() -> None:
    lanes = make_lanes(2)
    under_way, most, lock = 0, 0, threading.Lock()
    start = threading.Barrier(8)

    def ask() -> None:
        nonlocal under_way, most
        start.wait()
        for _ in range(50):
            with lanes.one(float):
                with lock:
                    under_way += 1
                    most = max(most, under_way)
                with lock:
                    under_way -= 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most <= 2
