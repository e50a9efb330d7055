"""What is held survives being stored, whatever it is; and twenty thousand results of it are far from an item's end."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.adapters.held import due_from, due_item, envelope_from, envelope_item, held_from, held_item
from testmo_notifier.adapters.outbox import pack_outbox, unpack_outbox
from testmo_notifier.model import Digest, Envelope, Held, HeldKey, Kind, Mention, Outgoing, Silenced
from tests.support.factories import make_digest, make_held, make_named

ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(8999, 1, 1), timezones=st.just(UTC) | ZONES)  # noqa: DTZ001
IDS = st.integers(-(2**60), 2**60)
SETS = st.frozensets(IDS, max_size=5)
WORDS = st.text(max_size=5)
NAMES = st.lists(WORDS, max_size=2).map(tuple)
MENTIONS = st.lists(st.builds(Mention, WORDS, st.none() | IDS, st.booleans()), max_size=2).map(tuple)
SILENCED = st.lists(st.builds(Silenced, IDS, WORDS, MOMENTS), max_size=2).map(tuple)
KINDS = st.lists(st.builds(Kind, WORDS, IDS, WORDS, WORDS, NAMES, MENTIONS), max_size=3).map(tuple)
DESTINATIONS = st.sampled_from(["slack:default", "slack:a_b-1", "email:qa"])


def digests(parts: st.SearchStrategy[tuple[Digest, ...]]) -> st.SearchStrategy[Digest]:
    return st.builds(
        make_digest,
        st.lists(st.builds(make_named, st.none() | IDS, note=WORDS, since=st.none() | MOMENTS), max_size=2),
        run_id=IDS,
        keys=SETS,
        routes=NAMES,
        mentions=MENTIONS,
        reasons=NAMES,
        held_since=st.none() | MOMENTS,
        passed_since=st.integers(0, 99),
        silenced=SILENCED,
        parts=parts,
    )


DIGESTS = digests(st.lists(digests(st.just(())), max_size=2).map(tuple))
OUTBOXES = st.lists(st.builds(Outgoing, WORDS, DESTINATIONS, DIGESTS), min_size=1, max_size=3).map(tuple)
HELD = st.builds(
    Held,
    run_id=st.integers(1, 2**60),
    destination=DESTINATIONS,
    cause=st.sampled_from(["rate", "times", "silence:5f2a-1"]),
    due=MOMENTS,
    since=MOMENTS,
    frame=DIGESTS,
    rows=st.dictionaries(IDS, st.tuples(IDS, st.integers(0, 40)), max_size=5),
    kinds=KINDS,
    passed=SETS,
    between=SETS,
    end=st.none() | DIGESTS,
    order=st.integers(0, 2**40),
    version=st.integers(1, 2**40),
)


@given(HELD)
def test_what_is_held_comes_back_as_it_was(held: Held) -> None:
    assert held_from(held_item(held)) == held


@given(OUTBOXES)
def test_an_outbox_comes_back_with_all_that_was_held(outbox: tuple[Outgoing, ...]) -> None:
    assert unpack_outbox(pack_outbox(outbox)) == outbox


@given(st.builds(Envelope, WORDS, OUTBOXES, MOMENTS, IDS, st.integers(1, 2**40)))
def test_an_envelope_comes_back_as_it_was(envelope: Envelope) -> None:
    assert envelope_from(envelope_item(envelope)) == envelope


KEYS = st.builds(HeldKey, st.integers(1, 2**60), DESTINATIONS, st.sampled_from(["rate", "silence:5f2a-1"]), MOMENTS)


@given(KEYS, KEYS)
def test_the_index_knows_when_each_is_due_in_the_order_of_time(one: HeldKey, other: HeldKey) -> None:
    first, second = due_item(one), due_item(other)

    assert (due_from(first), due_from(second)) == (one, other)
    assert (str(first["pk"]) < str(second["pk"])) == (one.due < other.due)


def test_twenty_thousand_results_that_are_held_take_less_than_a_hundred_kilobytes() -> None:
    """Three of four ids in a row, their tests in no order: as of runs in which much is going on at once."""
    chance = random.Random(1)
    keys = sorted(chance.sample(range(7_000_000, 7_000_000 + 27_000), 20_000))
    tests = chance.sample(range(2_000_000, 2_000_000 + 30_000), 20_000)
    rows = {key: (test, chance.choice((0, 0, 0, 0, 1, 2))) for key, test in zip(keys, tests, strict=True)}
    item = held_item(make_held(rows=rows, passed=frozenset(tests[:5_000])))

    assert len(item["rows"]["B"]) + len(item["passed_since"]["B"]) < 75_000
    assert held_from(item).rows == rows
