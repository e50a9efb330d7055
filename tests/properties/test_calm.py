"""Rule 20: whatever the options of a destination say, every moment has an answer: now, or a later time that ends it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given
from hypothesis import strategies as st

from testmo_notifier.notices.calm import Calm, Window, never_ends, next_time, quiet_until

MINUTE = timedelta(minutes=1)
NAMES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo")
ZONES = st.sampled_from([ZoneInfo(name) for name in (*NAMES, "Pacific/Apia")])  # Apia had no 2011-12-30
CHANGES = [  # moments at which clocks jump there
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2026, 4, 23, 22, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
]
NEAR = st.builds(
    lambda change, minutes: change + minutes * MINUTE, st.sampled_from(CHANGES), st.integers(-3 * 1440, 3 * 1440)
)
ANY = st.builds(
    lambda hours, minutes: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(hours=hours, minutes=minutes),
    st.integers(0, 876_000),
    st.integers(0, 59),
)
MOMENTS = NEAR | ANY
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from((0, 1, 15, 29, 30, 45, 59)))
DAYS = st.frozensets(st.integers(0, 6), max_size=7)
WINDOWS = st.one_of(
    st.builds(Window, days=DAYS),
    st.tuples(TIMES, TIMES, DAYS).filter(lambda one: one[0] != one[1]).map(lambda one: Window(*one)),
)
QUIET = st.lists(WINDOWS, max_size=5).map(tuple).filter(lambda quiet: not never_ends(quiet))


def shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def jumps(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks skip what they would have shown at that moment."""
    return shown(moment, zone) - shown(moment - MINUTE, zone) > MINUTE


@given(quiet=QUIET, zone=ZONES, now=MOMENTS)
def test_a_quiet_ends_later_and_then_there_is_none(quiet: tuple[Window, ...], zone: ZoneInfo, now: datetime) -> None:
    calm = Calm(quiet=quiet)
    end = quiet_until(calm, zone, now)
    assert end is None or now < end <= now + timedelta(days=22)
    assert end is None or quiet_until(calm, zone, end) is None


@given(quiet=QUIET, zone=ZONES, now=MOMENTS, percent=st.integers(0, 99))
def test_every_moment_until_then_is_quiet_and_has_the_same_end(
    quiet: tuple[Window, ...], zone: ZoneInfo, now: datetime, percent: int
) -> None:
    calm = Calm(quiet=quiet)
    end = quiet_until(calm, zone, now)
    assume(end is not None)
    assert end is not None
    assert quiet_until(calm, zone, now + (end - now) * percent / 100) == end


@given(window=WINDOWS, zone=ZONES, now=MOMENTS)
@example(window=Window(days=frozenset((5,))), zone=ZoneInfo("UTC"), now=datetime(2026, 11, 28, tzinfo=UTC))
def test_it_is_quiet_just_where_the_clocks_say_so(window: Window, zone: ZoneInfo, now: datetime) -> None:
    clock = shown(now, zone)
    assume(shown(now - timedelta(days=2), zone) == clock - timedelta(days=2))  # no change of clocks nearby
    assume(shown(now + timedelta(days=2), zone) == clock + timedelta(days=2))
    assume(not never_ends([window]))
    begins, ends = window.begins or time(), window.ends or time()
    yesterday = (clock.weekday() - 1) % 7
    today_counts, yesterday_counts = (not window.days or day in window.days for day in (clock.weekday(), yesterday))
    is_quiet = (
        today_counts and begins <= clock.time() < ends
        if begins < ends
        else (today_counts and clock.time() >= begins) or (yesterday_counts and clock.time() < ends)
    )
    assert (quiet_until(Calm(quiet=(window,)), zone, now) is not None) is is_quiet


@given(times=st.lists(TIMES, max_size=4), zone=ZONES, after=MOMENTS)
def test_the_next_time_is_one_of_those_given_and_none_lies_in_between(
    times: list[time], zone: ZoneInfo, after: datetime
) -> None:
    calm = Calm(digest_at=tuple(times))
    found = next_time(calm, zone, after)
    assert (found is None) is (not times)
    if found is not None:
        assert found > after
        assert shown(found, zone).time() in times or jumps(found, zone)
        halfway = after + (found - after) / 2
        assert next_time(calm, zone, halfway) == found
        assert found - after <= timedelta(hours=49 if zone.key == "Pacific/Apia" else 25)
