"""Large sets of ids as few bytes: sorted, delta-coded, variable-length numbers, deflated.

50,000 results of one run take well under 200 KB here, as lists of DynamoDB numbers they would not fit an item.
The first byte is the format, so that a later version can still read what this one wrote.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from operator import sub
from typing import Final

FORMAT: Final = b"\x01"
# What each single byte stands for: nearly all numbers are as short as that.
_one_byte = tuple(byte >> 1 ^ -(byte & 1) for byte in range(0x80))
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)  # the unit of what is stored of times


def pack_times(times: Mapping[int, datetime]) -> bytes:
    """Keys (also negative ones) and their moments, to the microsecond."""
    keys = sorted(times)
    ages = [times[key] - EPOCH for key in keys]
    # As `age // MICROSECOND`, which takes three times as long.
    moments = [(age.days * 86_400 + age.seconds) * 1_000_000 + age.microseconds for age in ages]
    unit = 1 if any(age.microseconds % 1000 for age in ages) else 1000  # Testmo's results have whole milliseconds
    return pack([len(keys), unit, *deltas(keys), *deltas([moment // unit for moment in moments])])


def unpack_times(packed: bytes) -> dict[int, datetime]:
    """The inverse of `pack_times`."""
    numbers = unpack(packed)
    count, unit = next(numbers), next(numbers)
    keys = list(accumulate(islice(numbers, count)))
    times: dict[int, datetime] = {}
    last, time = 0, EPOCH
    for key, moment in zip(keys, accumulate(islice(numbers, count)), strict=True):
        if moment != last:
            last, time = moment, EPOCH + moment * unit * MICROSECOND
        times[key] = time  # one for all that tie
    return times


def pack_pairs(pairs: Mapping[int, tuple[int, int]]) -> bytes:
    """Keys and two numbers each."""
    keys = sorted(pairs)
    first, second = [pairs[key][0] for key in keys], [pairs[key][1] for key in keys]
    return pack([len(keys), *deltas(keys), *deltas(first), *second])


def unpack_pairs(packed: bytes) -> dict[int, tuple[int, int]]:
    """The inverse of `pack_pairs`."""
    numbers = unpack(packed)
    count = next(numbers)
    keys = list(accumulate(islice(numbers, count)))
    first = list(accumulate(islice(numbers, count)))
    return dict(zip(keys, zip(first, islice(numbers, count), strict=True), strict=True))


def pack_ids(ids: Iterable[int]) -> bytes:
    """A set of ids."""
    return pack(deltas(sorted(ids)))


def unpack_ids(packed: bytes) -> frozenset[int]:
    """The inverse of `pack_ids`."""
    return frozenset(accumulate(unpack(packed)))


def unpack_sorted(packed: bytes) -> tuple[int, ...]:
    """The inverse of `pack_ids` where a number may come twice, in order."""
    return tuple(accumulate(unpack(packed)))


def deltas(numbers: Sequence[int]) -> Iterator[int]:
    """Each number less the one before it."""
    return map(sub, numbers, [0, *numbers])


def pack(numbers: Iterable[int]) -> bytes:
    """Whole numbers, sign in the lowest bit, seven bits to a byte, deflated."""
    out = bytearray()
    append = out.append  # looked up once, for there are 30,000 numbers in 10,000 results
    for number in numbers:
        rest = number << 1 if number >= 0 else (-number << 1) - 1
        while rest > 0x7F:  # noqa: PLR2004 - seven bits
            append(rest & 0x7F | 0x80)
            rest >>= 7
        append(rest)
    return FORMAT + zlib.compress(bytes(out), 9)


def unpack(packed: bytes) -> Iterator[int]:
    """The inverse of `pack`."""
    if packed[:1] != FORMAT:
        raise ValueError(f"unknown format {packed[:1]!r} of a compact set: written by a newer version?")
    numbers: list[int] = []
    append = numbers.append  # looked up once, and no generator: a poll reads 10,000 numbers of known failing tests
    rest, shift = 0, 0
    for byte in zlib.decompress(packed[1:]):
        if byte > 0x7F:  # noqa: PLR2004 - seven bits
            rest |= (byte & 0x7F) << shift
            shift += 7
        elif shift:
            rest |= byte << shift
            append(rest >> 1 ^ -(rest & 1))
            rest, shift = 0, 0
        else:
            append(_one_byte[byte])
    return iter(numbers)
