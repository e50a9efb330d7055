"""Rule 9, the rate limit: how many requests, how long a wait, and when it shuts."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from testmo_notifier.errors import OutOfBudget, OutOfTime, StopReading, Throttled, TokenRefused
from testmo_notifier.polling.rate_limit import RateLimit


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def make_rate_limit(
    limit: int = 5,
    *,
    clock: Clock | None = None,
    spent: dict[int, int] | None = None,
    sent: tuple[int, ...] = (),
    seconds_left: float = 60.0,
) -> RateLimit:
    clock = clock or Clock()
    return RateLimit(
        limit,
        spent=spent or {},
        sent=sent,
        now=lambda: clock.now,
        sleep=clock.sleep,
        seconds_left=lambda: seconds_left,
    )


def test_a_rate_limit_lets_as_many_through_as_a_minute_may_take() -> None:
    rate_limit = make_rate_limit(5)

    for _ in range(5):
        rate_limit.enter()
    with pytest.raises(OutOfBudget, match="the 5 requests that a minute may take are used up"):
        rate_limit.enter()

    assert (rate_limit.requests, rate_limit.spent) == (5, {1_000_000: 5})


def test_what_the_last_poll_spent_counts() -> None:
    rate_limit = make_rate_limit(5, spent={999_990: 4, 999_000: 100})

    rate_limit.enter()
    with pytest.raises(OutOfBudget):
        rate_limit.enter()

    assert rate_limit.spent == {999_990: 4, 1_000_000: 1}


def test_a_limit_that_was_lowered_holds_for_what_was_spent_under_the_higher_one() -> None:
    clock = Clock()
    rate_limit = make_rate_limit(2, clock=clock, spent={999_950: 3})

    rate_limit.enter()

    assert clock.sleeps == [11.0]


def test_a_second_counts_until_its_last_moment_is_a_minute_old() -> None:
    clock = Clock(1_000_060.9)  # a request in the last moment of second 1,000,000 is not yet a minute old
    rate_limit = make_rate_limit(1, clock=clock, spent={1_000_000: 1})

    rate_limit.enter()

    assert clock.now >= 1_000_061.0
    assert clock.sleeps == [pytest.approx(0.1, abs=0.01)]


def test_a_request_counts_for_a_minute_to_the_millisecond() -> None:
    clock = Clock(1_000_060.2)
    rate_limit = make_rate_limit(2, clock=clock, spent={1_000_000: 2}, sent=(1_000_000_100, 1_000_000_500))

    rate_limit.enter()
    assert clock.sleeps == []
    rate_limit.enter()

    assert clock.sleeps == [pytest.approx(0.301, abs=0.0001)]


def test_of_a_second_in_which_an_older_version_sent_more_none_is_known_to_the_millisecond() -> None:
    clock = Clock(1_000_060.6)
    rate_limit = make_rate_limit(2, clock=clock, spent={1_000_000: 2}, sent=(1_000_000_100,))

    rate_limit.enter()

    assert clock.sleeps == [pytest.approx(0.4, abs=0.0001)]


@pytest.mark.parametrize(("requests", "kept"), [(2, None), (3, (1_000_000_000,) * 3)])
def test_milliseconds_are_kept_where_the_next_poll_may_have_to_wait_for_them(
    requests: int, kept: tuple[int, ...] | None
) -> None:
    rate_limit = make_rate_limit(6)
    for _ in range(requests):
        rate_limit.enter()

    assert (rate_limit.spent, rate_limit.sent) == ({1_000_000: requests}, kept)


def test_a_short_wait_is_waited_out_and_a_long_one_left_to_the_next_poll() -> None:
    clock = Clock()
    make_rate_limit(1, clock=clock, spent={999_954: 1}).enter()
    assert clock.sleeps == [15.0]

    with pytest.raises(OutOfBudget):
        make_rate_limit(1, spent={999_955: 1}).enter()


@pytest.mark.parametrize(
    ("second", "counts"),
    [(999_939, False), (999_940, True), (1_000_000, True), (1_000_001, True), (1_000_002, False)],
)
def test_a_minute_ends_with_the_second_after_its_last_moment_and_a_second_ahead_still_counts(
    second: int, *, counts: bool
) -> None:
    assert make_rate_limit(5, spent={second: 2}).spent == ({second: 2} if counts else {})


def test_it_is_said_when_the_oldest_request_is_a_minute_old() -> None:
    assert make_rate_limit(5, spent={999_990: 1, 999_970: 1}).frees_at == datetime.fromtimestamp(1_000_031, UTC)
    assert make_rate_limit(5).frees_at == datetime.fromtimestamp(1_000_061, UTC)


@pytest.mark.parametrize(("limit", "spent", "has_room"), [(10, 4, True), (10, 5, False), (5, 1, True), (5, 2, False)])
def test_a_courtesy_has_room_until_half_of_the_budget_is_spent(limit: int, spent: int, *, has_room: bool) -> None:
    assert make_rate_limit(limit, spent={1_000_000: spent}).has_room() is has_room


def test_a_request_is_begun_while_there_is_time_for_it_and_for_what_comes_after() -> None:
    make_rate_limit(seconds_left=23.0).enter()


def test_a_clock_that_was_set_back_does_not_block_for_ever() -> None:
    make_rate_limit(1, spent={2_000_000: 1}).enter()


def test_nothing_is_asked_when_the_invocation_could_be_cut_off_meanwhile() -> None:
    rate_limit = make_rate_limit(seconds_left=22.9)

    with pytest.raises(OutOfTime):
        rate_limit.enter()

    assert rate_limit.requests == 0
    assert isinstance(rate_limit.closed_by, OutOfTime)


def test_time_is_looked_at_again_after_a_wait() -> None:
    clock = Clock()
    rate_limit = RateLimit(
        1,
        spent={999_944: 1},
        now=lambda: clock.now,
        sleep=clock.sleep,
        seconds_left=lambda: 24.0 - sum(clock.sleeps),
    )

    with pytest.raises(OutOfTime):
        rate_limit.enter()


def test_a_closed_rate_limit_says_why_to_everybody() -> None:
    rate_limit = make_rate_limit()
    rate_limit.close(Throttled("429", retry_after_seconds=60))

    for _ in range(2):
        with pytest.raises(Throttled):
            rate_limit.enter()
    assert rate_limit.requests == 0


@pytest.mark.parametrize("later", [Throttled("429", retry_after_seconds=9), TokenRefused("401")])
def test_what_testmo_said_outweighs_our_own_reasons(later: StopReading) -> None:
    rate_limit = make_rate_limit()
    rate_limit.close(OutOfTime("over"))
    rate_limit.close(later)
    rate_limit.close(OutOfTime("over"))

    assert repr(rate_limit.closed_by) == repr(later)


@pytest.mark.parametrize("reason", [OutOfBudget("used up"), Throttled("429", retry_after_seconds=9)])
def test_each_request_that_is_refused_gets_an_error_that_knows_nothing_of_the_others(reason: StopReading) -> None:
    """A traceback keeps every frame of its worker alive, with all that was read there."""
    rate_limit = make_rate_limit()
    rate_limit.close(reason)
    refused: list[StopReading] = []

    for _ in range(2):
        with pytest.raises(type(reason)) as raised:
            rate_limit.enter()
        refused.append(raised.value)

    first, second = refused
    assert first is not second
    assert vars(first) == vars(second) == vars(reason)
    assert rate_limit.closed_by is not None
    assert (rate_limit.closed_by.__traceback__, str(second)) == (None, str(reason))


def test_what_closes_by_itself_keeps_nothing_alive_either() -> None:
    for rate_limit in (make_rate_limit(seconds_left=1.0), make_rate_limit(1, spent={999_960: 1})):
        with pytest.raises(StopReading):
            rate_limit.enter()
        assert rate_limit.closed_by is not None
        assert rate_limit.closed_by.__traceback__ is None


def test_threads_share_one_budget() -> None:
    rate_limit = make_rate_limit(50)
    start = threading.Barrier(8)
    passed: list[int] = []

    def ask() -> None:
        start.wait()
        try:
            for _ in range(20):
                rate_limit.enter()
                passed.append(1)
        except OutOfBudget:
            pass

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(passed), rate_limit.requests, sum(rate_limit.spent.values())) == (50, 50, 50)


@pytest.mark.parametrize(
    ("took", "left", "may"),
    [
        (0.08, 15.0, True),  # 10 s to finish, 3 s to connect, 2 s for an answer
        (0.08, 14.9, False),
        (1.0, 16.0, True),  # three times the slowest answer so far
        (1.0, 15.9, False),
        (9.0, 23.0, True),  # never more than what a request may take at all
        (9.0, 22.9, False),
    ],
)
def test_what_an_answer_takes_says_how_late_one_may_be_asked_for(took: float, left: float, *, may: bool) -> None:
    clock, seconds = Clock(), [60.0]
    rate_limit = RateLimit(9, spent={}, now=lambda: clock.now, sleep=clock.sleep, seconds_left=lambda: seconds[0])
    with rate_limit.request() as allowed:
        clock.now += took
    assert allowed == 10.0
    seconds[0] = left

    if may:
        assert rate_limit.enter() == min(10.0, left - 13.0), "what is left to read the answer, so that all ends in time"
    else:
        with pytest.raises(OutOfTime):
            rate_limit.enter()


def test_waiting_for_the_budget_is_no_slow_answer() -> None:
    clock, seconds = Clock(), [60.0]
    spent = {999_949: 1}  # its second is over a minute ago in ten seconds
    rate_limit = RateLimit(1, spent=spent, now=lambda: clock.now, sleep=clock.sleep, seconds_left=lambda: seconds[0])
    with rate_limit.request():
        pass
    assert clock.now >= 1_000_009

    clock.now += 62  # and the next request may be sent
    seconds[0] = 15.0
    assert rate_limit.enter() == 2.0
