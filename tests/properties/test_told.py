"""Rule 17: what is known of failing tests survives being stored, whatever it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.adapters.told import pack_told, unpack_told
from testmo_notifier.model import Told

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(8999, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
MILLISECONDS = st.integers(0, 10**12).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=n))
TIMES = st.none() | MOMENTS | MILLISECONDS
TOLD = st.builds(
    Told,
    streak=st.integers(0, 60_000),
    since=TIMES,
    last=TIMES,
    destinations=st.frozensets(st.sampled_from(["slack:a", "slack:b", "email:c"])),
    passed_at=TIMES,
)


@given(st.dictionaries(st.integers(-(2**60), 2**60), TOLD, max_size=20))
def test_what_is_known_of_failing_tests_comes_back_as_it_was(told: dict[int, Told]) -> None:
    assert unpack_told(pack_told(told)) == told
