"""Whatever goes into a compact set comes out of it."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.adapters import compact

ids = st.integers(-(2**63), 2**63 - 1)
moments = st.datetimes(timezones=st.just(UTC)) | st.just(datetime(2026, 11, 23, 9, tzinfo=UTC))


@given(st.dictionaries(ids, moments))
def test_times_come_back(times: dict[int, datetime]) -> None:
    assert compact.unpack_times(compact.pack_times(times)) == times


@given(st.dictionaries(ids, st.tuples(ids, ids)))
def test_pairs_come_back(pairs: dict[int, tuple[int, int]]) -> None:
    assert compact.unpack_pairs(compact.pack_pairs(pairs)) == pairs


@given(st.frozensets(ids))
def test_ids_come_back(numbers: frozenset[int]) -> None:
    assert compact.unpack_ids(compact.pack_ids(numbers)) == numbers
