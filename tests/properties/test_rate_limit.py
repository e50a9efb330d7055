"""However requests come, no minute ever holds more of them than allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.errors import StopReading
from testmo_notifier.polling.rate_limit import MAX_WAIT_SECONDS, RateLimit


class Clock:
    """Seconds that pass by waiting."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


pauses = st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=60)


@given(limit=st.integers(1, 12), polls=st.lists(pauses, min_size=1, max_size=6))
def test_no_minute_holds_more_requests_than_allowed_and_no_wait_is_long(limit: int, polls: list[list[float]]) -> None:
    clock = Clock()
    spent: dict[int, int] = {}
    known: tuple[int, ...] | None = None
    sent: list[float] = []
    for poll in polls:  # each invocation has a rate_limit of its own and inherits what the last one spent
        rate_limit = RateLimit(
            limit, spent=spent, sent=known or (), now=clock, sleep=clock.sleep, seconds_left=lambda: 60.0
        )
        for pause in poll:
            clock.now += pause
            try:
                rate_limit.enter()
            except StopReading:
                break
            sent.append(clock.now)
        spent, known = rate_limit.spent, rate_limit.sent
        clock.now += 5

    assert all(len([other for other in sent if moment <= other < moment + 60]) <= limit for moment in sent)
    assert all(0 < wait <= MAX_WAIT_SECONDS for wait in clock.waits)
