"""Rules 8, 10 and 12, as far as they rely on the store: the same tests for the one in memory and DynamoDB.

DynamoDB is MiniStack's, and the one that counts for `make bench`: what it counts is worth what it understands.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from benchmarks.fakes.aws import Aws
from benchmarks.fakes.web import Web
from testmo_notifier.adapters import items
from testmo_notifier.adapters.destinations import States
from testmo_notifier.adapters.machine import client_config
from testmo_notifier.adapters.store import Store as DynamoDBStore
from testmo_notifier.errors import LeaseTaken, LostRace, TooLarge
from testmo_notifier.model import (
    CaseProgress,
    Checkpoint,
    Control,
    Counters,
    Issue,
    Outgoing,
    ProjectState,
    Resume,
    Sent,
    Silence,
    Superseded,
)
from tests.support.factories import (
    START,
    at,
    make_checkpoint,
    make_control,
    make_digest,
    make_named,
    make_outgoing,
    make_silence,
)
from tests.support.memory import MemoryStore
from tests.support.template import make_table
from tools.ops.silence import put

LEASE = timedelta(seconds=30)
Open = Callable[[str], DynamoDBStore | MemoryStore]
FULL_CONTROL = make_control(
    hidden_runs={12: at(7), 4711: at(8)},
    installed_at=at(-99),
    polled_at=at(1),
    discovered_at=at(2),
    closed_checked_at=at(3),
    not_before=at(4),
    undone=frozenset({7, 9}),
    requests={1_000_000: 3, 1_000_001: 4},
    watching="3,5//",
    projects=frozenset({3, 4}),
    run_ids=frozenset({12}),
    watched_at=at(5),
    ceased={"3//": at(-7), "3,4//": at(-8)},
)


def put_silence(store: DynamoDBStore | MemoryStore, silence: Silence) -> None:
    """As somebody's command does it, who has no lease."""
    if isinstance(store, MemoryStore):
        store.put_silence(silence)
    else:
        put(store._client, store._table, silence)


def sent(store: DynamoDBStore | MemoryStore, run_id: int) -> list[Sent]:
    """What was published of a run, oldest first, as the commands read it."""
    if isinstance(store, MemoryStore):
        return store.sent(run_id)
    found = [one for item in store._of_run(run_id, items.SENT) for one in items.sent_from(item)]
    return sorted(found, key=lambda one: one.at)


def put_bots(store: DynamoDBStore | MemoryStore, *destinations: str) -> None:
    """As the Slack function does it, which has no lease."""
    if isinstance(store, MemoryStore):
        store.put_bots(*destinations)
        return
    states = States(store._client, store._table, lambda: START)
    for destination in destinations:
        states.change(destination, "12", lambda state: (state, None))
    states.announce(pytest.fail)


def in_memory(_request: pytest.FixtureRequest) -> Open:
    first = MemoryStore("first")
    return first.as_seen_by


def in_dynamodb(request: pytest.FixtureRequest) -> Open:
    request.getfixturevalue("clean_aws")
    client = boto3.client("dynamodb", config=client_config())
    make_table(client, "state")
    return lambda holder: DynamoDBStore(client, "state", holder=holder)


def in_the_counting_dynamodb(request: pytest.FixtureRequest) -> Open:
    web = Web(Aws({}).answer)
    request.addfinalizer(lambda: web.__exit__(None, None, None))
    client = boto3.client(
        "dynamodb",
        config=client_config(),
        endpoint_url=web.__enter__().url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return lambda holder: DynamoDBStore(client, "state", holder=holder)


@pytest.fixture(params=[in_memory, in_the_counting_dynamodb, pytest.param(in_dynamodb, marks=pytest.mark.aws)])
def open_store(request: pytest.FixtureRequest) -> Open:
    """Opens the store for a poller; all pollers of one test share its content."""
    opened: Open = request.param(request)
    return opened


# The lease


def test_a_first_poller_gets_the_lease_and_an_empty_control(open_store: Open) -> None:
    assert open_store("a").take_lease(START, LEASE) == Control()


def test_a_lease_keeps_others_out_and_says_until_when(open_store: Open) -> None:
    open_store("a").take_lease(START, LEASE)

    with pytest.raises(LeaseTaken) as caught:
        open_store("b").take_lease(at(1), LEASE)

    assert caught.value.until == at(30)


@pytest.mark.parametrize(("seconds", "is_free"), [(29.999, False), (30, False), (30.001, True), (3600, True)])
def test_a_lease_ends_by_itself_to_the_millisecond(open_store: Open, seconds: float, is_free: bool) -> None:  # noqa: FBT001 - the case
    open_store("a").take_lease(START, LEASE)

    if is_free:
        open_store("b").take_lease(at(seconds), LEASE)
    else:
        with pytest.raises(LeaseTaken):
            open_store("b").take_lease(at(seconds), LEASE)


def test_a_poller_may_stay_the_one_poller(open_store: Open) -> None:
    first = open_store("a")
    first.take_lease(START, LEASE)
    first.take_lease(at(20), LEASE)

    with pytest.raises(LeaseTaken) as caught:
        open_store("b").take_lease(at(40), LEASE)

    assert caught.value.until == at(50)


def test_a_lease_that_is_given_up_is_free_at_once(open_store: Open) -> None:
    first = open_store("a")
    first.take_lease(START, LEASE)
    first.save_control(make_control(polled_at=at(5)), release=True)

    assert open_store("b").take_lease(at(1), LEASE).looked.polled_at == at(5)


def test_a_poller_that_stalled_loses_its_lease_and_writes_nothing_more(open_store: Open) -> None:
    stalled, thief = open_store("a"), open_store("b")
    stalled.take_lease(START, LEASE)
    thief.take_lease(at(31), LEASE)

    with pytest.raises(LeaseTaken):
        stalled.take_lease(at(32), LEASE)
    for release in (False, True):
        with pytest.raises(LostRace, match="the lease went to another poller"):
            stalled.save_control(make_control(polled_at=at(32)), release=release)
    thief.save_control(make_control(polled_at=at(33)), release=True)
    assert open_store("c").take_lease(at(34), LEASE).looked.polled_at == at(33)


def test_a_poller_that_stalled_may_go_on_when_nobody_came(open_store: Open) -> None:
    stalled = open_store("a")
    stalled.take_lease(START, LEASE)

    stalled.save_control(make_control(polled_at=at(99)), release=False)
    assert stalled.take_lease(at(100), LEASE).looked.polled_at == at(99)


# Control


def test_everything_the_poller_keeps_about_itself_comes_back(open_store: Open) -> None:
    store = open_store("a")
    store.take_lease(START, LEASE)
    store.save_control(FULL_CONTROL, release=True)

    assert open_store("b").take_lease(at(1), LEASE) == FULL_CONTROL


def test_a_poll_gets_silences_with_its_lease_and_overwrites_none_that_comes_meanwhile(open_store: Open) -> None:
    first, second = make_silence("a", until=at(60)), make_silence("b", until=at(90))
    poller, person = open_store("a"), open_store("somebody")
    put_silence(person, first)  # before any poll: there is no item yet
    control = poller.take_lease(START, LEASE)
    assert control == Control(silences=(first,))

    put_silence(person, second)
    poller.save_control(make_control(control, polled_at=at(1)), release=False)
    assert poller.take_lease(at(2), LEASE).silences == (first, second)
    put_silence(person, make_silence("c", until=at(99)))
    poller.save_control(Control(), release=True)

    control = open_store("b").take_lease(at(3), LEASE)
    assert [one.id for one in control.silences] == ["a", "b", "c"]
    assert control.looked.polled_at is None


def test_a_poll_gets_with_its_lease_which_destinations_are_bots_and_forgets_none(open_store: Open) -> None:
    poller, other = open_store("a"), open_store("slack")
    put_bots(other, "slack:default")  # before any poll: there is no item yet
    control = poller.take_lease(START, LEASE)
    assert control == Control(bots=frozenset({"slack:default"}))

    put_bots(other, "slack:lead", "slack:default")
    poller.save_control(make_control(control, polled_at=at(1)), release=True)

    assert open_store("b").take_lease(at(3), LEASE).bots == {"slack:default", "slack:lead"}


def test_a_silence_needs_no_lease_and_takes_none(open_store: Open) -> None:
    open_store("a").take_lease(START, LEASE)
    put_silence(open_store("somebody"), make_silence())

    with pytest.raises(LeaseTaken):
        open_store("b").take_lease(at(1), LEASE)
    assert open_store("b").take_lease(at(31), LEASE).silences == (make_silence(),)


def test_what_is_no_longer_true_is_forgotten(open_store: Open) -> None:
    store = open_store("a")
    store.take_lease(START, LEASE)
    store.save_control(FULL_CONTROL, release=False)
    store.save_control(make_control(installed_at=at(-99)), release=False)

    assert store.take_lease(at(1), LEASE) == make_control(installed_at=at(-99))


# Marks


def test_a_mark_comes_and_goes_with_the_write_of_its_checkpoint(open_store: Open) -> None:
    store = open_store("a")
    first = store.commit(make_checkpoint(12), lambda written: f"{written.version}".encode())
    other = store.commit(make_checkpoint(13), lambda _: b"other")
    far = store.commit(make_checkpoint(4_711), lambda _: b"far")
    assert store.marks([12, 13, 4_711, 999_999]) == {12: b"1", 13: b"other", 4_711: b"far"}

    store.commit(first, lambda _: None)
    assert store.marks([12]) == {13: b"other"}  # of the same bucket
    store.commit(other)  # as a version or a command does that knows nothing of it
    store.commit(far, lambda _: b"again")
    assert store.marks([12, 4_711]) == {4_711: b"again"}


def test_clearing_an_outbox_sets_the_mark_of_what_is_left(open_store: Open) -> None:
    store = open_store("a")
    waiting = store.commit(
        make_checkpoint(12, outbox=(make_outgoing(),)), lambda written: None if written.outbox else b"no"
    )
    assert store.marks([12]) == {}

    store.clear(waiting, waiting.outbox, at=at(9), mark=lambda rest: None if rest.outbox else b"settled")
    assert store.marks([12]) == {12: b"settled"}


def test_who_loses_the_race_for_a_checkpoint_leaves_its_mark_alone(open_store: Open) -> None:
    store = open_store("a")
    stale = make_checkpoint(12)
    store.commit(stale, lambda _: b"first")

    with pytest.raises(LostRace):
        store.commit(stale, lambda _: b"late")
    with pytest.raises(LostRace):
        store.commit(stale)
    assert store.marks([12]) == {12: b"first"}


# Checkpoints


def filled(run_id: int = 12) -> Checkpoint:
    digest = make_digest(
        [
            make_named(
                5,
                note="Zeile 1\nline 2 <!channel> 😀",
                issues=(Issue(1, "SHOP-1", 4), Issue(2, "issue 2")),
                updated_at=at(7.5),
                updated_by=8,
                updated_by_name="Grace H.",
                assignee_id=9,
                assignee="日本",
                elapsed_us=240_000_000,
                is_latest=False,
            ),
            make_named(
                None,
                test_id=None,
                case_id=None,
                case_name=None,
                status_id=None,
                status="Unknown status",
                is_latest=None,
                created_at=None,
                created_by=None,
                created_by_name=None,
            ),
        ],
        omitted=3,
        milestone="4.2",
        configuration="Safari 17",
        counters=Counters({1: 2, 25: 3}, success=1, failure=2, completed=3, total=4),
        keys=frozenset({5, 6, 2**40, -8}),
    )
    return make_checkpoint(
        run_id,
        cursor=at(0.123),
        floor=at(-300),
        seen={1: at(0.001), -(2**55): at(1), 2**62: datetime(9999, 1, 1, tzinfo=UTC)},
        failing={4711: (538, 3), -9: (-8, 0)},
        counters={1: 40, 25: 1},
        superseded={1: Superseded(5), -3: Superseded(0, gone=True)},
        resume=Resume(at(-301), 7, 650, at(-2), "3,5//"),
        sweep=Resume(None, 3, None),
        silent_before=at(5),
        rewound="2026-11-23T09:00:00",
        swept_for="3//",
        outbox=(
            Outgoing("id-1", "slack:default", digest),
            Outgoing("id-2", "event", digest),
            make_outgoing(destination="email:default", id="id-3"),
        ),
        read_at=at(2),
        closed_at=at(3),
        gone_at=at(4),
    )


def test_a_checkpoint_comes_back_as_it_was_written(open_store: Open) -> None:
    store = open_store("a")
    written = store.commit(filled())

    assert written == replace(filled(), version=1)
    assert store.checkpoints([12]) == {12: written}


def test_a_bare_checkpoint_comes_back_too(open_store: Open) -> None:
    store = open_store("a")
    written = store.commit(make_checkpoint(counters=None))

    assert store.checkpoints([12]) == {12: written}
    assert written.counters is None


def test_what_is_taken_out_of_a_checkpoint_is_gone(open_store: Open) -> None:
    store = open_store("a")
    full = store.commit(filled())
    bare = store.commit(make_checkpoint(version=full.version))

    assert store.checkpoints([12]) == {12: bare}
    assert bare == replace(make_checkpoint(), version=2)


def test_any_number_of_checkpoints_is_read_and_those_never_written_are_left_out(open_store: Open) -> None:
    store = open_store("a")
    for run_id in range(1, 212):
        store.commit(make_checkpoint(run_id))

    found = store.checkpoints(range(1, 300))

    assert sorted(found) == list(range(1, 212))
    assert all(checkpoint.run_id == run_id for run_id, checkpoint in found.items())
    assert store.checkpoints([]) == {}


def test_asking_for_a_run_twice_gives_it_once(open_store: Open) -> None:
    """A run that is closed between two requests is in both lists."""
    store = open_store("a")
    written = store.commit(make_checkpoint())

    assert store.checkpoints([12, 12]) == {12: written}


def test_a_first_write_that_comes_second_is_refused(open_store: Open) -> None:
    won = open_store("a").commit(make_checkpoint(watching="first"))

    with pytest.raises(LostRace, match="RUN#12 was written by another poller meanwhile"):
        open_store("b").commit(make_checkpoint(watching="second"))

    assert open_store("b").checkpoints([12]) == {12: won}


def test_an_update_of_what_somebody_else_updated_is_refused(open_store: Open) -> None:
    base = open_store("a").commit(make_checkpoint())
    won = open_store("a").commit(replace(base, watching="first"))

    with pytest.raises(LostRace):
        open_store("b").commit(replace(base, watching="second"))

    assert open_store("b").checkpoints([12]) == {12: won}


def test_an_update_of_what_is_not_there_is_refused(open_store: Open) -> None:
    with pytest.raises(LostRace):
        open_store("a").commit(make_checkpoint(version=5))

    assert open_store("a").checkpoints([12]) == {}


def test_eight_at_once_and_exactly_one_wins(open_store: Open) -> None:
    base = open_store("base").commit(make_checkpoint())
    start = threading.Barrier(8)
    won: list[str] = []
    lost: list[str] = []

    def race(name: str) -> None:
        store = open_store(name)
        start.wait()
        try:
            store.commit(replace(base, watching=name))
        except LostRace:
            lost.append(name)
        else:
            won.append(name)

    threads = [threading.Thread(target=race, args=(f"poller-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(won), len(lost)) == (1, 7)
    assert open_store("base").checkpoints([12])[12].watching == won[0]
    assert open_store("base").checkpoints([12])[12].version == 2


# The outbox


def test_only_runs_with_an_outbox_are_pending(open_store: Open) -> None:
    store = open_store("a")
    full = store.commit(make_checkpoint(30, outbox=(make_outgoing(),)))
    also = store.commit(make_checkpoint(4, outbox=(make_outgoing(),)))
    store.commit(make_checkpoint(5))
    store.commit_project(ProjectState(3, START))
    assert store.pending() == [also, full]

    store.clear(full, full.outbox, at=START)
    assert store.pending() == [also]
    store.commit(replace(also, outbox=()))
    assert store.pending() == []


def test_more_than_a_hundred_runs_may_be_pending(open_store: Open) -> None:
    store = open_store("a")
    for run_id in range(1, 131):
        store.commit(make_checkpoint(run_id, outbox=(make_outgoing(),)))

    assert [checkpoint.run_id for checkpoint in store.pending()] == list(range(1, 131))


def test_what_was_handed_over_leaves_the_outbox_and_the_rest_stays(open_store: Open) -> None:
    store = open_store("a")
    one, two = make_outgoing(id="1"), make_outgoing(id="2", destination="event")
    committed = store.commit(make_checkpoint(outbox=(one, two)))

    rest = store.clear(committed, [one], at=START)

    assert (rest.outbox, rest.version) == ((two,), 2)
    assert store.pending() == [rest]


def test_an_outbox_that_changed_meanwhile_is_not_cleared(open_store: Open) -> None:
    store = open_store("a")
    published = store.commit(make_checkpoint(outbox=(make_outgoing(id="1"),)))
    newer = store.commit(replace(published, outbox=(make_outgoing(id="2"),)))

    with pytest.raises(LostRace):
        store.clear(published, published.outbox, at=START)

    assert store.pending() == [newer]


def test_what_was_handed_over_is_remembered(open_store: Open) -> None:
    store = open_store("a")
    digest = make_digest([make_named(1)], omitted=2, keys=frozenset({1, 2, -3}))
    one, two = Outgoing("n-1", "slack:default", digest), Outgoing("n-2", "event", digest)
    committed = store.commit(make_checkpoint(outbox=(one, two)))
    assert sent(store, 12) == []

    rest = store.clear(committed, [one], at=at(1))
    store.clear(rest, [two], at=at(2))

    keys = frozenset({1, 2, -3})
    assert sent(store, 12) == [Sent(12, at(1), keys, {"slack:default": "n-1"}), Sent(12, at(2), keys, {"event": "n-2"})]
    assert sent(store, 13) == []


def test_who_was_told_what_is_remembered_apart_and_nothing_of_it_is_forgotten(open_store: Open) -> None:
    """Routes divide results, and an outbox that waited holds several digests for one destination."""
    store = open_store("a")
    both, lead = (make_digest([make_named(key)], keys=frozenset(keys)) for key, keys in ((1, {1, 2}), (2, {2})))
    outbox = (
        Outgoing("n-1", "slack:default", both),
        Outgoing("n-2", "event", both),
        Outgoing("n-3", "slack:lead", lead),
        Outgoing("n-4", "slack:default", lead),
        Outgoing("n-5", "slack:default", lead),
    )
    committed = store.commit(make_checkpoint(outbox=outbox))
    store.clear(committed, committed.outbox, at=at(1))

    assert sent(store, 12) == [
        Sent(12, at(1), frozenset({1, 2}), {"slack:default": "n-1", "event": "n-2"}),
        Sent(12, at(1), frozenset({2}), {"slack:lead": "n-3", "slack:default": "n-4"}),
        Sent(12, at(1), frozenset({2}), {"slack:default": "n-5"}),
    ]


def test_who_loses_the_race_remembers_nothing(open_store: Open) -> None:
    store = open_store("a")
    published = store.commit(make_checkpoint(outbox=(make_outgoing(),)))
    store.commit(published)

    with pytest.raises(LostRace, match="RUN#12"):
        store.clear(published, published.outbox, at=START)

    assert sent(store, 12) == []


def test_an_outbox_of_an_older_version_is_remembered_by_the_results_it_names(open_store: Open) -> None:
    """It has no keys: what it leaves out cannot be known any more."""
    store = open_store("a")
    committed = store.commit(make_checkpoint(outbox=(make_outgoing(make_digest([make_named(1), make_named(None)])),)))
    store.clear(committed, committed.outbox, at=START)
    assert sent(store, 12) == [Sent(12, START, frozenset({1}), {"slack:default": "n-1"})]


# Projects


def test_what_is_kept_of_a_project_comes_back(open_store: Open) -> None:
    store = open_store("a")
    bare = store.commit_project(ProjectState(3, START))
    full = store.commit_project(
        ProjectState(
            project_id=4,
            watched_since=at(0.5),
            run_closed_count=0,
            open_runs=frozenset({1, 2**40}),
            closing={9: at(1.001)},
            gone_at=at(2),
            looked_at=at(3),
        )
    )

    assert store.projects([3, 4, 4, 5]) == {3: bare, 4: full}
    assert (bare.run_closed_count, full.run_closed_count, full.version) == (None, 0, 1)


def test_a_project_that_somebody_else_wrote_is_not_overwritten(open_store: Open) -> None:
    won = open_store("a").commit_project(ProjectState(3, START))

    with pytest.raises(LostRace, match="PROJECT#3"):
        open_store("b").commit_project(ProjectState(3, at(9)))

    assert open_store("b").projects([3]) == {3: won}


@pytest.mark.aws
def test_an_item_beyond_dynamodbs_limit_is_refused_in_words(request: pytest.FixtureRequest) -> None:
    store = in_dynamodb(request)("a")

    with pytest.raises(TooLarge, match="RUN#1 is larger than DynamoDB takes"):
        store.commit(make_checkpoint(run_id=1, watching="3," * 250_000))


def test_sets_that_are_larger_than_an_item_come_back_and_are_given_up_one_by_one(open_store: Open) -> None:
    store = open_store("a")
    chance = random.Random(1)  # rising ids would be packed into a few bytes
    scattered = {chance.randrange(2**60): (chance.randrange(2**60), 3) for _ in range(60_000)}
    outbox = (make_outgoing(),)

    large = store.commit(
        make_checkpoint(run_id=1, failing=scattered, seen=dict.fromkeys(scattered, START), outbox=outbox)
    )
    assert store.checkpoints([1, 2]) == {1: large}
    assert open_store("b").pending() == [large]

    told = store.clear(large, outbox, at=START)
    more = store.commit(replace(told, failing={**scattered, 7: (8, 3)}))
    assert store.checkpoints([1]) == {1: more}
    with pytest.raises(LostRace):
        open_store("b").commit(replace(told, failing={}))
    assert store.checkpoints([1]) == {1: more}

    small = store.commit(replace(more, failing={7: (8, 3)}, seen={}))
    assert (store.checkpoints([1]), small.overflow) == ({1: small}, {})


# The names of cases


def test_names_of_cases_are_added_to_those_known_and_a_new_one_replaces_the_old(open_store: Open) -> None:
    store = open_store("a")
    store.save_case_names(3, {1: "Login", 2: "Log out", 251: "Pay"})
    store.save_case_names(3, {2: "Sign out", 3: "Search"})

    assert store.case_names(3, [1, 2, 3, 4, 251]) == {1: "Login", 2: "Sign out", 3: "Search", 251: "Pay"}
    assert store.case_names(4, [1]) == {}


@pytest.mark.aws
def test_names_of_cases_that_are_known_are_not_written_again(request: pytest.FixtureRequest) -> None:
    store = in_dynamodb(request)("a")
    assert isinstance(store, DynamoDBStore)
    written: list[str] = []
    store._client.meta.events.register(
        "provide-client-params.dynamodb.PutItem", lambda params, **_: written.append(params["Item"]["sk"]["S"])
    )

    store.save_case_names(3, {1: "Login", 251: "Pay"})
    store.save_case_names(3, {1: "Login", 251: "Pay"})
    store.save_case_names(3, {1: "Login", 251: "Pay with card", 600: "Ship"})

    assert written == ["00000000", "00000001", "00000001", "00000002"]


def test_how_far_names_are_known_comes_back(open_store: Open) -> None:
    store = open_store("a")
    assert store.case_progress(3) == CaseProgress(newest=None, next_page=1, completed_at=None)

    store.save_case_progress(3, half := CaseProgress(newest=at(1), next_page=7))
    assert store.case_progress(3) == half

    store.save_case_progress(3, done := CaseProgress(newest=at(1), next_page=1, completed_at=at(2)))
    assert (store.case_progress(3), store.case_progress(4)) == (done, CaseProgress())
