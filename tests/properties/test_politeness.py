"""However requests come, no minute ever holds more of them than allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.errors import StopReading
from testmo_notifier.politeness import MAX_WAIT_SECONDS, Gate

pauses = st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=60)


@given(limit=st.integers(1, 12), polls=st.lists(pauses, min_size=1, max_size=6))
def test_no_minute_holds_more_requests_than_allowed_and_no_wait_is_long(limit: int, polls: list[list[float]]) -> None:
    now = 1_000_000.0
    spent: dict[int, int] = {}
    sent: list[float] = []
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        waits.append(seconds)
        now += seconds

    for poll in polls:  # each invocation has a gate of its own and inherits what the last one spent
        gate = Gate(limit, spent=spent, now=lambda: now, sleep=sleep, seconds_left=lambda: 60.0)
        for pause in poll:
            now += pause
            try:
                gate.enter()
            except StopReading:
                break
            sent.append(now)
        spent = gate.spent
        now += 5

    assert all(len([other for other in sent if moment <= other < moment + 60]) <= limit for moment in sent)
    assert all(0 < wait <= MAX_WAIT_SECONDS for wait in waits)
