"""Rule 10, of what is held on purpose and of envelopes: the same tests for the store in memory and DynamoDB."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from testmo_notifier.errors import LostRace, TooLarge
from testmo_notifier.model import (
    FOLDED,
    QUIET,
    RATE,
    RECOVERED,
    SILENCE,
    Change,
    Envelope,
    Held,
    HeldKey,
    Kind,
    Mention,
    Outgoing,
    Sent,
    Silenced,
)
from tests.contract.test_store import Open, open_store, sent  # noqa: F401 - the fixture
from tests.support.factories import START, at, make_checkpoint, make_digest, make_held, make_named, make_outgoing

KINDS = (
    Kind("failing", 3, "Failed", "again", ("payments", "all"), (Mention("Grace H.", 8), Mention("oncall"))),
    Kind(RECOVERED, 1, "Passed", "recovered"),
)
FULL = make_held(
    cause=SILENCE + "s-1",
    due=at(600.000001),
    since=at(-0.25),
    frame=make_digest(
        [make_named(5, note="Zeile 1 😀", updated_at=at(7.5)), make_named(None, test_id=None)],
        omitted=2,
        keys=frozenset({5, 6, -8}),
        routes=("payments",),
        mentions=(Mention("Grace H.", 8), Mention("oncall", is_group=True)),
        reasons=("new", "again"),
        silenced=(Silenced(2, "Ada", at(3_600)),),
    ),
    rows={5: (4711, 0), -8: (-9, 1), 2**60: (2**40, 0)},
    kinds=KINDS,
    passed=frozenset({4711, -9}),
    between=frozenset({2**40}),
    end=make_digest(about="finished", keys=frozenset({7})),
    order=41_007,
)


def opened(open_store: Open, *held: Held) -> tuple[Held, ...]:  # noqa: F811 - the fixture's value
    """These, held, as they are stored."""
    open_store("before").release([Change(None, one) for one in held])
    return tuple(replace(one, version=1) for one in held)


def test_what_is_held_comes_back_as_it_was_written(open_store: Open) -> None:  # noqa: F811
    full, bare, other = opened(open_store, FULL, make_held(), make_held(run_id=13))
    store = open_store("a")

    assert sorted(store.held_of(12), key=lambda held: held.cause) == [bare, full]
    assert (store.held_of(13), store.held_of(1)) == ([other], [])
    assert store.held([full.key, other.key, HeldKey(12, "slack:default", "gone", START)]) == [full, other]
    assert store.held([]) == []


def test_what_is_held_is_found_under_its_key_whenever_it_is_due_and_once(open_store: Open) -> None:  # noqa: F811
    """The index may be behind, and know two times at which one is due."""
    (held,) = opened(open_store, make_held(due=at(60)))

    assert open_store("a").held([held.key._replace(due=at(1)), held.key]) == [held]


def test_what_is_due_is_listed_oldest_first_and_nothing_else_is(open_store: Open) -> None:  # noqa: F811
    late, soon, tie, later = opened(
        open_store,
        make_held(run_id=9, due=at(60)),
        make_held(run_id=100, due=at(0.000001), cause=SILENCE + "s-1"),
        make_held(run_id=10, due=at(0.000001), destination="email:default"),
        make_held(run_id=8, due=at(60.000001)),
    )
    store = open_store("a")

    assert store.held_until(START) == ([], [])
    assert store.held_until(at(0.000001)) == ([tie.key, soon.key], [])
    assert store.held_until(at(60)) == ([tie.key, soon.key, late.key], [])
    assert store.held_until(None) == ([tie.key, soon.key, late.key, later.key], [])


def test_outboxes_and_what_is_held_are_not_taken_for_each_other(open_store: Open) -> None:  # noqa: F811
    store = open_store("a")
    waiting = store.commit(make_checkpoint(outbox=(make_outgoing(),)))
    (held,) = opened(open_store, make_held())
    store.release([], envelope := Envelope("e-1", (make_outgoing(),), START))

    assert store.pending() == [waiting]
    assert store.held_until(None) == ([held.key], [replace(envelope, version=1)])
    assert store.checkpoints([12]) == {12: waiting}
    assert sent(store, 12) == []


# One transaction with the checkpoint


def test_what_is_held_is_written_with_the_checkpoint(open_store: Open) -> None:  # noqa: F811
    store = open_store("a")
    first = store.commit(make_checkpoint(), lambda _: b"mark", [Change(None, FULL), Change(None, make_held())])
    full, bare = replace(FULL, version=1), replace(make_held(), version=1)
    assert (store.held([full.key, bare.key]), store.marks([12])) == ([full, bare], {12: b"mark"})

    more = replace(full, rows={6: (1, 0)}, passed=frozenset())
    second = store.commit(first, held=[Change(full, more), Change(bare, None), Change(None, None)])

    assert store.held_of(12) == [replace(more, version=2)]
    assert store.held_until(None) == ([full.key], [])
    assert store.checkpoints([12]) == {12: second}


def test_when_due_changes_the_old_time_is_forgotten(open_store: Open) -> None:  # noqa: F811
    (held,) = opened(open_store, make_held(due=at(60)))
    store = open_store("a")

    store.release([Change(held, moved := replace(held, due=at(90)))])
    assert store.held_until(None) == ([moved.key], [])
    store.release([Change(replace(moved, version=2), replace(moved, due=at(30)))])
    assert store.held_until(at(30)) == ([moved.key._replace(due=at(30))], [])
    assert store.held_of(12) == [replace(moved, due=at(30), version=3)]

    store.release([Change(store.held_of(12)[0], None)])
    assert (store.held_until(None), store.held_of(12)) == (([], []), [])


@pytest.mark.parametrize(
    "change",
    [
        Change(None, make_held(order=2)),  # somebody else held it first
        Change(make_held(version=2), make_held(order=2, due=at(9))),  # somebody else wrote since
        Change(make_held(version=2), None),
        Change(make_held(cause=RATE, version=1), make_held(cause=RATE)),  # somebody else told it
        Change(make_held(cause=RATE, version=1), None),
    ],
)
def test_where_somebody_wrote_meanwhile_nothing_is_written(open_store: Open, change: Change) -> None:  # noqa: F811
    (held,) = opened(open_store, make_held())
    store = open_store("a")
    checkpoint = store.commit(make_checkpoint())
    new = Change(None, make_held(destination="email:default"))

    with pytest.raises(LostRace, match="RUN#12 was written by another poller meanwhile"):
        store.commit(checkpoint, lambda _: b"late", [new, change])
    with pytest.raises(LostRace, match="RUN#12 was written by another poller meanwhile"):
        store.release([new, change], Envelope("e-1", (make_outgoing(),), START))

    assert (store.checkpoints([12]), store.marks([12])) == ({12: checkpoint}, {})
    assert (store.held_of(12), store.held_until(None)) == ([held], ([held.key], []))


def test_who_loses_the_race_for_a_checkpoint_holds_nothing(open_store: Open) -> None:  # noqa: F811
    store = open_store("a")
    store.commit(make_checkpoint())

    with pytest.raises(LostRace, match="RUN#12"):
        store.commit(make_checkpoint(), held=[Change(None, make_held())])

    assert (store.held_of(12), store.held_until(None)) == ([], ([], []))


def test_forty_five_are_told_in_one_write_and_more_than_a_hundred_writes_are_refused(open_store: Open) -> None:  # noqa: F811
    held = [make_held(run_id=run_id) for run_id in range(1, 46)]
    store, envelope = open_store("a"), Envelope("e-1", (make_outgoing(),), START)
    store.release([Change(None, one) for one in held])
    held = [replace(one, version=1) for one in held]

    with pytest.raises(TooLarge, match="writes belong together"):
        store.release([Change(one, replace(one, due=at(99))) for one in held], envelope)
    assert len(store.held_until(None)[0]) == 45

    store.release([Change(one, None) for one in held], envelope)
    assert store.held_until(None) == ([], [replace(envelope, version=1)])


def test_an_envelope_that_has_no_room_for_its_messages_is_refused_and_all_stays_held(open_store: Open) -> None:  # noqa: F811
    (held,) = opened(open_store, make_held())
    chance = random.Random(1)
    notes = [chance.randbytes(150_000).hex() for _ in range(4)]
    outbox = tuple(make_outgoing(make_digest([make_named(note=note)]), id=note[:8]) for note in notes)

    with pytest.raises(TooLarge, match="is larger than DynamoDB takes"):
        open_store("a").release([Change(held, None)], Envelope("e-1", outbox, START))
    assert open_store("a").held_until(None) == ([held.key], [])


def test_what_is_held_does_not_become_something_else(open_store: Open) -> None:  # noqa: F811
    with pytest.raises(ValueError, match="two changes"):
        open_store("a").release([Change(make_held(version=1), make_held(cause=RATE))])


# Envelopes


def folded(*runs: int, destination: str = "slack:default", id: str = "n-1") -> Outgoing:  # noqa: A002 - the field's name
    """One message about several runs."""
    parts = tuple(
        make_digest([make_named(run)], run_id=run, keys=frozenset({run, run + 100}), held_since=START) for run in runs
    )
    every = frozenset[int]().union(*(part.keys for part in parts))
    digest = make_digest(run_id=0, about=FOLDED, parts=parts, keys=every, held_since=START, passed_since=3)
    return Outgoing(id, destination, digest)


def test_what_was_held_goes_into_an_envelope_in_the_same_write(open_store: Open) -> None:  # noqa: F811
    one, two = opened(open_store, make_held(), make_held(run_id=13, cause=QUIET))
    outbox = (folded(12, 13), make_outgoing(destination="email:default", id="n-2"))
    store, envelope = open_store("a"), Envelope("e-1", outbox, at(-5), order=41_000)

    store.release([Change(one, None), Change(two, None)], envelope)

    assert store.held_until(START) == ([], [replace(envelope, version=1)])
    assert (store.held_of(12), store.held_of(13)) == ([], [])


def test_an_envelope_is_made_once(open_store: Open) -> None:  # noqa: F811
    store, envelope = open_store("a"), Envelope("e-1", (make_outgoing(),), START)
    store.release([], envelope)

    with pytest.raises(LostRace, match="ENVELOPE#e-1 was written by another poller meanwhile"):
        store.release([], replace(envelope, order=9))
    assert store.held_until(START)[1] == [replace(envelope, version=1)]


def test_envelopes_are_listed_oldest_first(open_store: Open) -> None:  # noqa: F811
    store = open_store("a")
    for name, seconds in (("e-1", 3), ("e-3", 1), ("e-2", 1)):
        store.release([], Envelope(name, (make_outgoing(),), at(seconds)))

    assert [envelope.id for envelope in store.held_until(START)[1]] == ["e-2", "e-3", "e-1"]


def test_what_was_handed_over_leaves_the_envelope_and_the_last_takes_it_away(open_store: Open) -> None:  # noqa: F811
    store = open_store("a")
    one, two = make_outgoing(id="1"), make_outgoing(id="2", destination="email:default")
    store.release([], envelope := Envelope("e-1", (one, two), START))

    rest = store.clear_envelope(replace(envelope, version=1), [one], at=at(1))
    assert (rest.outbox, store.held_until(START)) == ((two,), ([], [rest]))

    done = store.clear_envelope(rest, [two], at=at(2))
    assert (done.outbox, store.held_until(None)) == ((), ([], []))
    store.release([], envelope)  # its name is free again


def test_an_envelope_that_changed_meanwhile_is_not_cleared_and_nothing_is_remembered(open_store: Open) -> None:  # noqa: F811
    store = open_store("a")
    one, two = make_outgoing(id="1"), make_outgoing(id="2", destination="email:default")
    store.release([], envelope := replace(Envelope("e-1", (one, two), START), version=0))
    read = replace(envelope, version=1)
    left = store.clear_envelope(read, [one], at=at(1))

    for handed_over in ([one], [one, two]):
        with pytest.raises(LostRace, match="ENVELOPE#e-1"):
            store.clear_envelope(read, handed_over, at=at(2))

    assert store.held_until(START)[1] == [left]
    assert [sent.at for sent in sent(store, 12)] == [at(1)]


def test_of_each_run_in_an_envelope_it_is_remembered_what_was_told(open_store: Open) -> None:  # noqa: F811
    store = open_store("a")
    mail = Outgoing("n-2", "email:default", make_digest([make_named(12)], keys=frozenset({12})))
    store.release([], envelope := Envelope("e-1", (folded(12, 13), mail), START))

    store.clear_envelope(replace(envelope, version=1), envelope.outbox, at=at(1))

    assert sent(store, 12) == [
        Sent(12, at(1), frozenset({12, 112}), {"slack:default": "n-1"}),
        Sent(12, at(1), frozenset({12}), {"email:default": "n-2"}),
    ]
    assert sent(store, 13) == [Sent(13, at(1), frozenset({13, 113}), {"slack:default": "n-1"})]
    assert sent(store, 0) == []


def test_what_envelopes_and_outboxes_told_of_a_run_is_remembered_side_by_side_oldest_first(open_store: Open) -> None:  # noqa: F811
    store = open_store("a")
    first = store.commit(make_checkpoint(outbox=(make_outgoing(id="o-1"),)))  # cleared, it has version 2
    store.release([], one := Envelope("00000001", (make_outgoing(id="e-1"), make_outgoing(id="e-2")), START))

    rest = store.clear_envelope(replace(one, version=1), one.outbox[:1], at=at(1))  # this one, too
    cleared = store.clear(first, first.outbox, at=at(2))
    store.clear_envelope(rest, rest.outbox, at=at(3))
    store.clear(again := store.commit(replace(cleared, outbox=(make_outgoing(id="o-2"),))), again.outbox, at=at(4))

    assert [(sent.at, *sent.notifications.values()) for sent in sent(store, 12)] == [
        (at(1), "e-1"),
        (at(2), "o-1"),
        (at(3), "e-2"),
        (at(4), "o-2"),
    ]
