"""Rule 16: twenty destinations and 50,000 failing results at once: exact totals, and an item far from its limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from testmo_notifier.adapters.outbox import pack_outbox, unpack_outbox
from testmo_notifier.adapters.told import pack_told, unpack_told
from testmo_notifier.model import Counters, Expands, Outgoing, Result, Run, Told
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.gathered import Gathered
from testmo_notifier.notices.matching import run_facts
from testmo_notifier.notices.routes import destinations
from testmo_notifier.settings.routes_file import parse_routes

START = datetime(2026, 11, 26, tzinfo=UTC)
RUN = Run(1, 3, "Release 4.2", False, None, None, Counters())
PEOPLE = range(1, 21)
EXPANDS = Expands(users={one: f"Tester {one}" for one in PEOPLE}, statuses={3: "Failed"})
REST = '[[routes]]\ncatch_all = true\nto = ["slack:default"]\n'
PAGES = 500


def routes(key: str) -> str:
    return "".join(f'[[routes]]\n{key} = {{ tester = {one} }}\nto = ["slack:t{one}"]\n' for one in PEOPLE) + REST


def result(number: int, note: str) -> Result:
    return Result(
        key=number * 7 % 1_000_003 + 10_000_000,
        id=number * 7 % 1_000_003 + 10_000_000,
        test_id=number,
        case_id=number,
        status_id=3,
        note=note,
        created_at=START + timedelta(milliseconds=number * 37),
        created_by=number * 13 % 20 + 1,
    )


def parts(text: str, note: str = "<p>provider unreachable</p>") -> list[tuple[tuple[Outgoing, ...], dict[int, Told]]]:
    """What is committed, part after part, until all of it is told."""
    made = parse_routes(text)
    audience = Audience(made, destinations(made, ("slack",)), run_facts(RUN, "Shop"))
    rows = [[result(page * 100 + number, note) for number in range(1, 101)] for page in range(PAGES)]
    done: list[tuple[tuple[Outgoing, ...], dict[int, Told]]] = []
    while rows:
        builder = DigestBuilder("https://example.testmo.net", RUN, "Shop", audience=audience, version=len(done))
        while rows and not builder.is_full:
            builder.add(rows.pop(0), EXPANDS)
        told = builder.judge()
        done.append((builder.outgoing(), told))
    return done


@pytest.mark.parametrize(("key", "each"), [("match", 2_500), ("exclude", 47_500)])
def test_totals_are_exact_everywhere_and_the_outbox_is_small(key: str, each: int) -> None:
    done = parts(routes(key))

    totals: dict[str, int] = {}
    for outbox, told in done:
        packed = pack_outbox(outbox)
        assert len(packed) < 190_000
        assert unpack_outbox(packed) == outbox
        assert len(pack_told(told)["told"]["B"]) < 350_000
        assert unpack_told(pack_told(told)) == told
        for one in outbox:
            assert one.digest.total == len(one.digest.keys) == sum(one.digest.counts.values())
            assert len(one.digest.results) >= 20
            totals[one.destination] = totals.get(one.destination, 0) + one.digest.total
    assert totals == {**{f"slack:t{one}": each for one in PEOPLE}, "event": 50_000}
    assert len(done) <= 3  # a handful of messages each


def test_long_notes_for_many_destinations_leave_the_names_and_not_the_item() -> None:
    notes = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(500))
    done = parts(routes("match"), f"<p>{notes}</p>")

    assert max(len(pack_outbox(outbox)) for outbox, _ in done) < 190_000
    assert {len(one.digest.results) for outbox, _ in done for one in outbox} == {20}


def test_destinations_that_are_told_the_same_are_told_as_many_by_name_as_one_would_be() -> None:
    text = '[[routes]]\ncatch_all = true\nto = ["slack:default", "slack:qa", "email:default"]\n'
    found = parse_routes(text)
    audience = Audience(found, destinations(found, ("slack", "email")), run_facts(RUN, "Shop"))
    builder = DigestBuilder("https://example.testmo.net", RUN, "Shop", audience=audience)
    builder.add([result(number, "word " * 100) for number in range(60)], EXPANDS)
    builder.judge()

    assert {one.destination: len(one.digest.results) for one in builder.outgoing()} == {
        "slack:default": 50,
        "slack:qa": 50,
        "email:default": 50,
        "event": 50,
    }


@pytest.mark.parametrize(("text", "most"), [("", 50_000), (routes("match"), 43_500)], ids=["to all", "divided"])
def test_where_routes_divide_a_message_leaves_room_for_who_is_told_what(text: str, most: int) -> None:
    """Rule 3: that stands beside the ids, in the item that they are committed in."""
    made = parse_routes(text or REST)
    gathered = Gathered(Audience(made, destinations(made, ("slack",)), run_facts(RUN, "Shop")), (), lambda _: {})
    for page in range(PAGES):
        if gathered.is_full:
            break
        numbers = range(page * 100, page * 100 + 100)
        gathered.add([result(number, "")._replace(key=10_000_000 + number * 7) for number in numbers], EXPANDS)

    assert len(gathered.found) == most
