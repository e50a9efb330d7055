"""Rule 2: sets of ids as few bytes."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta

import pytest

from testmo_notifier.adapters import compact
from tests.support.factories import START, at


def test_fifty_thousand_neighbouring_ids_on_one_millisecond_take_a_few_hundred_bytes() -> None:
    packed = compact.pack_times(dict.fromkeys(range(1_000_000, 1_050_000), START))

    assert len(packed) < 500


def test_microseconds_are_kept_where_there_are_any() -> None:
    times = {1: START, 2: START + timedelta(microseconds=1)}

    assert compact.unpack_times(compact.pack_times(times)) == times


def test_the_first_and_last_moments_that_python_knows_are_kept() -> None:
    times = {1: datetime.min.replace(tzinfo=UTC), 2: datetime.max.replace(tzinfo=UTC)}

    assert compact.unpack_times(compact.pack_times(times)) == times


def test_empty_sets_come_back_empty() -> None:
    assert compact.unpack_times(compact.pack_times({})) == {}
    assert compact.unpack_pairs(compact.pack_pairs({})) == {}
    assert compact.unpack_ids(compact.pack_ids([])) == frozenset()


def test_what_an_older_version_wrote_is_read_for_ever() -> None:
    """These bytes are in somebody's table: a change of the format needs a new first byte and this reader."""
    times = bytes.fromhex("0178da63b9c0cfa9d4706ae2af03192fd801240f05fb")
    pairs = bytes.fromhex("0178da636117131266e3020001520057")

    assert compact.unpack_times(times) == {-5: START, 12: at(0.5)}
    assert compact.unpack_pairs(pairs) == {-4: (9, 3), 7: (-1, 5)}


def test_a_newer_format_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="written by a newer version"):
        list(compact.unpack(b"\x02abc"))


def test_a_number_takes_as_few_bytes_as_it_can() -> None:
    """An item has 400 KB, and holds tens of thousands of them."""
    assert zlib.decompress(compact.pack([0, 63, -64])[1:]) == bytes([0, 126, 127])
    assert zlib.decompress(compact.pack([64, -65])[1:]) == bytes([128, 1, 129, 1])
