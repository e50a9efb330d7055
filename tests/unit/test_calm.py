"""Rule 20: when a destination wants to be told: quiet as one stretch, times of the day, the clocks of its zone."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.notices.calm import ALWAYS, Calm, Window, never_ends, next_time, quiet_until
from testmo_notifier.notices.holding import time_out_of_quiet

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = Window(time(18), time(8))
WEEKENDS = Window(days=frozenset((5, 6)))
NIGHTS_AND_WEEKENDS = Calm(quiet=(NIGHTS, WEEKENDS))


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """A moment by what the clocks show there."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def until(calm: Calm, now: str, zone: ZoneInfo = BERLIN) -> str | None:
    """The end of the quiet as the clocks show it there."""
    end = quiet_until(calm, zone, at(now, zone))
    return f"{end.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" if end else None


def then(calm: Calm, after: datetime, zone: ZoneInfo = BERLIN) -> str | None:
    found = next_time(calm, zone, after)
    return f"{found.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" if found else None


def quiet(begins: str, ends: str, *days: int) -> Calm:
    return Calm(quiet=(Window(time.fromisoformat(begins), time.fromisoformat(ends), frozenset(days)),))


def test_without_options_it_is_never_quiet_and_nothing_waits_for_a_time() -> None:
    assert quiet_until(ALWAYS, BERLIN, at("2026-11-26 12:00")) is None
    assert next_time(ALWAYS, BERLIN, at("2026-11-26 12:00")) is None


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-26 17:59", None),
        ("2026-11-26 18:00", "Fri 2026-11-27 08:00 CET"),
        ("2026-11-27 07:59", "Fri 2026-11-27 08:00 CET"),
        ("2026-11-27 08:00", None),
        ("2026-11-27 18:00", "Mon 2026-11-30 08:00 CET"),  # Friday's night, both whole days, Sunday's night
        ("2026-11-28 12:00", "Mon 2026-11-30 08:00 CET"),
        ("2026-11-30 00:00", "Mon 2026-11-30 08:00 CET"),
        ("2026-11-30 08:00", None),
    ],
)
def test_windows_that_touch_or_overlap_are_one_quiet(now: str, end: str | None) -> None:
    assert until(NIGHTS_AND_WEEKENDS, now) == end


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-27 23:00", "Sat 2026-11-28 06:00 CET"),
        ("2026-11-28 05:00", "Sat 2026-11-28 06:00 CET"),  # Friday's window still
        ("2026-11-27 05:00", None),  # Thursday's would be
        ("2026-11-28 23:00", None),
    ],
)
def test_a_window_belongs_to_the_day_it_begins_on(now: str, end: str | None) -> None:
    assert until(quiet("22:00", "06:00", 4), now) == end


def test_the_day_is_that_of_the_destination_s_zone() -> None:
    saturdays = Calm(quiet=(Window(days=frozenset((5,))),))
    kathmandu = ZoneInfo("Asia/Kathmandu")
    friday_evening = datetime(2026, 11, 27, 18, 15, tzinfo=UTC)
    assert quiet_until(saturdays, kathmandu, friday_evening) == datetime(2026, 11, 28, 18, 15, tzinfo=UTC)
    assert quiet_until(saturdays, BERLIN, friday_evening) is None


def test_a_day_without_times_lasts_as_long_as_it_does_there() -> None:
    sundays = Calm(quiet=(Window(days=frozenset((6,))),))
    assert quiet_until(sundays, BERLIN, at("2026-03-29 00:00")) == datetime(2026, 3, 29, 22, tzinfo=UTC)  # 23 hours
    assert quiet_until(sundays, BERLIN, at("2026-10-25 00:00")) == datetime(2026, 10, 25, 23, tzinfo=UTC)  # 25


@pytest.mark.parametrize(
    ("begins", "ends", "now", "end"),
    [
        ("02:30", "06:00", "2026-03-29T01:00Z", "2026-03-29T04:00Z"),  # 02:30 is when the clocks jump to 03:00
        ("02:30", "06:00", "2026-03-29T00:59Z", None),
        ("22:00", "02:30", "2026-03-29T00:59Z", "2026-03-29T01:00Z"),
        ("22:00", "02:30", "2026-03-29T01:00Z", None),
        ("02:15", "02:45", "2026-03-29T01:00Z", None),  # there is no such stretch on that day
        ("02:30", "06:00", "2026-10-25T00:30Z", "2026-10-25T05:00Z"),  # 02:30 comes twice: the first
        ("02:30", "06:00", "2026-10-25T00:29Z", None),
        ("22:00", "02:30", "2026-10-25T00:29Z", "2026-10-25T00:30Z"),
        ("22:00", "02:30", "2026-10-25T01:00Z", None),  # 02:00 for the second time
    ],
)
def test_a_time_that_the_clocks_skip_is_when_they_jump_and_one_that_comes_twice_is_the_first(
    begins: str, ends: str, now: str, end: str | None
) -> None:
    found = quiet_until(quiet(begins, ends), BERLIN, datetime.fromisoformat(now))
    assert found == (end and datetime.fromisoformat(end))


def test_clocks_that_jump_by_half_an_hour_are_read_right() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")  # 02:00 is 02:30 on 2026-10-04, at 15:30 UTC the day before
    jump = datetime(2026, 10, 3, 15, 30, tzinfo=UTC)
    daily = Calm(digest_at=(time(2, 10),))
    assert next_time(daily, lord_howe, datetime(2026, 10, 3, 15, tzinfo=UTC)) == jump
    assert quiet_until(quiet("01:00", "02:10"), lord_howe, datetime(2026, 10, 3, 15, tzinfo=UTC)) == jump


def test_midnight_may_be_skipped() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # 2026-04-24 begins at 01:00
    fridays = Calm(quiet=(Window(days=frozenset((4,))),))
    assert until(fridays, "2026-04-24 01:00", cairo) == "Sat 2026-04-25 00:00 EEST"
    assert quiet_until(fridays, cairo, datetime(2026, 4, 23, 21, 59, tzinfo=UTC)) is None


def test_a_quiet_with_a_break_that_the_clocks_skip_goes_on_for_another_week() -> None:
    days, sunday = frozenset(range(6)), frozenset((6,))
    breaks = Calm(quiet=(Window(days=days), Window(time(0), time(2, 15), sunday), Window(time(2, 45), time(0), sunday)))
    assert until(breaks, "2026-03-15 02:45") == "Sun 2026-03-22 02:15 CET"
    assert until(breaks, "2026-03-22 02:45") == "Sun 2026-04-05 02:15 CEST"


@pytest.mark.parametrize(
    ("after", "then_is"),
    [
        ("2026-11-26 08:59", "Thu 2026-11-26 09:00 CET"),
        ("2026-11-26 09:00", "Thu 2026-11-26 16:00 CET"),  # after it, not at it
        ("2026-11-26 16:00", "Fri 2026-11-27 09:00 CET"),
        ("2026-12-31 23:59", "Fri 2027-01-01 09:00 CET"),
    ],
)
def test_the_next_of_the_times(after: str, then_is: str) -> None:
    assert then(Calm(digest_at=(time(9), time(16))), at(after)) == then_is


def test_the_times_are_those_of_the_zone_in_summer_and_winter() -> None:
    nine = Calm(digest_at=(time(9),))
    assert next_time(nine, BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert next_time(nine, BERLIN, datetime(2026, 10, 24, 12, tzinfo=UTC)) == datetime(2026, 10, 25, 8, tzinfo=UTC)


def test_a_time_that_comes_twice_counts_once() -> None:
    half_past_two = Calm(digest_at=(time(2, 30),))
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert next_time(half_past_two, BERLIN, datetime(2026, 10, 25, tzinfo=UTC)) == first
    assert next_time(half_past_two, BERLIN, first) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_however_many_times_lie_in_the_quiet_the_first_after_it_is_found() -> None:
    hourly = Calm(digest_at=tuple(time(hour) for hour in range(24)), quiet=(Window(days=frozenset(range(6))),))
    assert time_out_of_quiet(hourly, BERLIN, at("2026-11-23 00:00")) == at("2026-11-29 00:00")
    in_vain = Calm(digest_at=(time(20),), quiet=(NIGHTS,))
    assert time_out_of_quiet(in_vain, BERLIN, at("2026-11-23 00:00")) is None


def test_a_moment_may_be_given_in_any_zone() -> None:
    twice = datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN, fold=1)  # 01:45 UTC
    assert quiet_until(quiet("01:00", "02:50"), BERLIN, twice) is None
    assert until(quiet("03:00", "04:00"), "2026-10-25 03:30") == "Sun 2026-10-25 04:00 CET"


@pytest.mark.parametrize(
    ("windows", "is_so"),
    [
        ([], False),
        ([Window()], True),
        ([Window(days=frozenset(range(7)))], True),
        ([Window(days=frozenset(range(6)))], False),
        ([Window(days=frozenset(range(6))), Window(time(0), time(23, 59), frozenset((6,)))], False),
        ([Window(time(8), time(20)), Window(time(20), time(8))], True),
        ([Window(time(8), time(20)), Window(time(20, 1), time(8))], False),
        ([WEEKENDS, Window(time(0), time(12), frozenset(range(5))), Window(time(12), time(0))], True),
        ([WEEKENDS, Window(time(0), time(12), frozenset(range(5))), Window(time(12), time(23, 59))], False),
    ],
)
def test_a_quiet_that_never_ends_is_known(windows: list[Window], *, is_so: bool) -> None:
    assert never_ends(windows) is is_so
