"""Rule 20 and Slack delivery: what is told of several runs at once is shown by the message of each run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from itertools import permutations
from typing import Any

import pytest

from testmo_notifier.adapters.held import envelope_item
from testmo_notifier.adapters.outbox import pack_outbox, unpack_outbox
from testmo_notifier.adapters.topic import attributes
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.run_entry import keys_of
from testmo_notifier.model import (
    NEW,
    RECOVERED,
    Digest,
    Envelope,
    Held,
    NamedResult,
    Notification,
    Outgoing,
    QueuedMessage,
    Silenced,
    Standing,
)
from testmo_notifier.notices.fold import folded
from testmo_notifier.notices.merge import with_passed
from testmo_notifier.notices.standings import with_silent
from tests.support.bots import DESTINATION, Bots, Killed, make_message, queued
from tests.support.factories import START, at, make_digest, make_named, make_outgoing
from tests.support.holding import failing_news, finished_news, hold, recovered_news
from tools.inbox.workspace import Posted

RUN = "Release 4.2 regression"
MAX_SNS_BYTES = 262_144
MAX_ITEM_BYTES = 409_600


def of_run(run_id: int, *news: Outgoing, order: int = 0) -> Held:
    """What is held of a run, as far as it was found by then."""
    facts: dict[str, Any] = {"run_id": run_id} if run_id == 12 else {"run_id": run_id, "run_name": f"Run {run_id}"}
    held = hold(*(replace(one, digest=replace(one.digest, **facts)) for one in news))
    return replace(held, order=order or held.order * 1_000)


def told(*held: Held, showing: Iterable[str] = (DESTINATION,)) -> list[Outgoing]:
    """A message about what is held, and what goes with it."""
    return list(with_silent(folded(DESTINATION, held), list(showing)))


def of_the_run(*held: Held) -> QueuedMessage:
    """What goes with it and is about run 12, on its way."""
    (edit,) = (one for one in told(*held, of_run(13, failing_news({90: 90}))) if one.digest.run_id == 12)
    return queued(replace(Renderer(UTC).notification(edit), order=edit.digest.order + 998))


def named(name: str, test: int, **given: Any) -> NamedResult:  # noqa: ANN401 - of the result
    return make_named(test, test_id=test, case_name=name, **given)


def news(*results: NamedResult) -> Outgoing:
    """Failing results with names of their own."""
    made = failing_news({one.test_id or 0: one.test_id or 0 for one in results})
    return replace(made, digest=replace(made.digest, results=results))


def parent(bots: Bots) -> Posted:
    (only,) = bots.workspace.parents()
    return only


def first(bots: Bots) -> str:
    """The first line of the message of the run."""
    return str(parent(bots).payload["text"]).split("\n")[0]


LOG_IN, PAY, LOG_OUT = named("Log in", 1), named("Pay", 2), named("Log out", 3)
FIRST = make_message(make_digest([LOG_IN, PAY], reasons=(NEW,)), "a", 1_000)
LATER = make_message(make_digest([named("Search", 4)], reasons=(NEW,)), "b", 3_000)
WELL = make_message(make_digest([replace(PAY, status="Passed", status_id=2)], about=RECOVERED), "c", 3_001)
EDIT = of_the_run(of_run(12, news(LOG_OUT), order=2_000))


def test_each_run_has_an_edit_of_its_own_which_is_the_same_whenever_it_is_made() -> None:
    held = [of_run(12, failing_news({1: 1})), of_run(13, failing_news({2: 2}))]

    whole, *edits = told(*held)

    assert whole == folded(DESTINATION, held)
    assert [(one.digest.run_id, one.digest.is_silent, one.destination) for one in edits] == [
        (12, True, DESTINATION),
        (13, True, DESTINATION),
    ]
    assert len({one.id for one in (whole, *edits)}) == 3
    assert told(*held) == [whole, *edits]
    restored = unpack_outbox(pack_outbox((whole,)))
    assert list(with_silent(restored[0], [DESTINATION])) == [whole, *edits]


def test_where_nothing_shows_how_a_run_is_nothing_goes_with_it_nor_with_what_1_3_put_into_an_envelope() -> None:
    held = [of_run(12, failing_news({1: 1})), of_run(13, failing_news({2: 2}))]
    whole = folded(DESTINATION, held)
    of_1_3 = replace(whole.digest, parts=tuple(replace(part, order=0, standings=()) for part in whole.digest.parts))

    assert told(*held, showing=["slack:payments"]) == [whole]
    assert list(with_silent(replace(whole, digest=of_1_3), [DESTINATION])) == [replace(whole, digest=of_1_3)]


def test_each_edit_has_the_order_of_what_was_found_in_its_own_run() -> None:
    """Runs count for themselves: by the order of the busiest of them, what a quiet run tells next would be old news."""
    busy, quiet = of_run(12, failing_news({1: 1}), order=900_000), of_run(13, failing_news({2: 2}), order=4_000)

    assert {one.digest.run_id: one.digest.order for one in told(busy, quiet)[1:]} == {12: 900_001, 13: 4_001}


def test_what_is_told_with_others_is_shown_and_nothing_is_posted() -> None:
    bots = Bots()
    bots.settle(FIRST)

    assert [one.end for one in bots.run(EDIT)] == ["delivered"]

    assert bots.texts() == [f"✖ 3 failed: {RUN}"]
    assert "Log out" in parent(bots).payload["text"]
    assert [method for method, _ in bots.workspace.calls] == ["chat.postMessage", "chat.update"]
    assert [one.end for one in bots.run(EDIT)] == ["duplicate"]


def test_it_makes_no_message_of_a_run_and_is_shown_by_the_one_that_comes() -> None:
    bots = Bots()
    bots.settle(EDIT)
    assert bots.workspace.calls == []

    bots.settle(LATER)

    assert bots.texts() == [f"✖ 2 failed: {RUN}"]


def test_what_failed_passed_and_ended_and_what_is_silenced_is_all_shown_by_one_edit() -> None:
    held = of_run(12, news(LOG_OUT), recovered_news({11: 1}), finished_news(total=1, omitted=0))
    told_before = replace(make_digest([LOG_IN, PAY], reasons=(NEW,)), silenced=(Silenced(2, "Ada", START),))
    bots = Bots()
    bots.settle(make_message(told_before, "a", 1_000))

    bots.settle(of_the_run(held))

    text = parent(bots).payload["text"]
    assert text.split("\n")[0] == f"✖ 2 failed: {RUN}"
    assert "1 passed again · Run finished: 87% passed, 1 still failing" in text
    assert "silenced" not in text


def test_what_passed_while_it_was_held_is_not_shown_as_failing() -> None:
    held = with_passed(of_run(12, news(LOG_OUT), failing_news({22: 2, 23: 5})), {2, 5})
    bots = Bots()
    bots.settle(FIRST)

    bots.settle(of_the_run(held))

    assert first(bots) == f"✖ 2 failed: {RUN}"
    assert "1 passed again" in parent(bots).payload["text"]


def test_what_passed_while_it_was_held_takes_no_room_from_what_is_failing() -> None:
    """Of a run 200 failing tests are shown at most."""
    held = with_passed(of_run(12, failing_news({n: n for n in range(1_000, 1_250)})), set(range(1_000, 1_240)))
    bots = Bots()
    bots.settle(FIRST)

    bots.settle(of_the_run(held))

    assert first(bots) == f"✖ 12 failed: {RUN}"


def test_the_end_of_a_run_that_is_told_with_others_names_who_is_failing_then() -> None:
    end = finished_news(total=1, omitted=0)
    end = replace(end, digest=replace(end.digest, results=(LOG_IN,)))
    bots = Bots()
    bots.settle(FIRST)

    bots.settle(of_the_run(of_run(12, end, order=2_000)))

    assert first(bots) == f"✖ 1 failed: {RUN}"
    assert "Log in" in parent(bots).payload["text"]


def test_the_end_of_a_run_of_which_not_all_who_are_failing_are_known_takes_out_nobody() -> None:
    end = finished_news(total=2, omitted=1)
    end = replace(end, digest=replace(end.digest, results=(LOG_IN,)))
    bots = Bots()
    bots.settle(FIRST)

    bots.settle(of_the_run(of_run(12, end, order=2_000)))

    assert first(bots) == f"✖ 2 failed: {RUN}"


def test_what_a_message_has_no_room_to_name_counts_and_is_taken_out_when_it_passes() -> None:
    bots = Bots()
    bots.settle(FIRST)
    bots.settle(in_a_crowd(of_run(12, failing_news({n: n for n in range(1_000, 1_150)}), order=2_000)))
    assert first(bots) == f"✖ 152 failed: {RUN}"
    assert sum(test[4] == "…" for test in kept_tests(bots).values()) == 143
    assert "…" not in json.dumps(parent(bots).payload, ensure_ascii=False), "what nobody named is named nowhere"

    passed = make_digest([], about=RECOVERED, is_silent=True, keys=frozenset(range(1_001, 1_150)))
    bots.settle(make_message(passed, "s", 4_000))

    assert first(bots) == f"✖ 3 failed: {RUN}"


def test_what_is_told_after_it_passed_in_silence_is_not_failing_whether_or_not_a_message_named_it() -> None:
    failed = in_a_crowd(of_run(12, failing_news({n: n for n in range(1_000, 1_150)}), order=2_000))
    passed = make_digest([], about=RECOVERED, is_silent=True, keys=frozenset(range(1_000, 1_149)))
    bots = Bots()
    bots.settle(FIRST)

    bots.settle(make_message(passed, "s", 4_000), make_message(passed, "t", 5_000), failed)

    assert first(bots) == f"✖ 3 failed: {RUN}"
    assert "passed again" not in parent(bots).payload["text"], "it was never told here that they failed"


def test_who_finds_in_the_queue_what_nobody_is_to_hear_of_reads_what_it_is_about() -> None:
    digest = make_digest([make_named(1), make_named(2), make_named(3, status="Blocked", status_id=5)], is_silent=True)

    told = Renderer(UTC).notification(make_outgoing(digest))

    assert json.loads(told.message)["text"] == "2 failed, 1 blocked: Release 4.2 regression"


def test_a_bot_knows_a_result_without_a_test_by_its_own_number() -> None:
    assert keys_of({11, -539, 0}) == ["result 538", 0, 11]


def in_a_crowd(held: Held) -> QueuedMessage:
    """The edit of run 12 that goes with a message about 45 runs, which names 300 results."""
    crowd = [of_run(n, failing_news({n * 1_000 + k: n * 1_000 + k for k in range(50)})) for n in range(20, 64)]
    (edit,) = (one for one in told(held, *crowd) if one.digest.run_id == 12)
    assert edit.digest.total - edit.digest.omitted == 7
    return queued(replace(Renderer(UTC).notification(edit), order=2_999))


def test_a_name_that_was_told_stays_with_a_test_that_is_told_without_one() -> None:
    bots = Bots()
    bots.settle(FIRST)

    bots.settle(in_a_crowd(of_run(12, failing_news({n: n for n in range(1, 100)}), order=2_000)))

    assert first(bots) == f"✖ 99 failed: {RUN}"
    for name in ("Log in", "Pay"):
        assert any(test[4] == name for test in kept_tests(bots).values())


def kept_tests(bots: Bots) -> dict[str, list[Any]]:
    kept: dict[str, list[Any]] = bots.states[DESTINATION, "12"]["tests"]
    return kept


def test_of_more_than_are_known_by_test_the_number_is_said_to_be_the_least() -> None:
    bots = Bots()
    bots.settle(FIRST)

    bots.settle(of_the_run(of_run(12, failing_news({n: n for n in range(1_000, 1_300)}), order=2_000)))

    assert first(bots) == f"at least ✖ 200 failed: {RUN}"
    assert "and 102 results not named here in " in json.dumps(parent(bots).payload), "the two of before, too"


@pytest.mark.parametrize("order", list(permutations("abce")), ids="".join)
def test_whatever_comes_first_an_edit_is_over_nothing_newer(order: tuple[str, ...]) -> None:
    by_id = {"a": FIRST, "b": LATER, "c": WELL, "e": EDIT}
    bots = Bots()
    for key in order:
        bots.settle(by_id[key])

    assert first(bots) == f"✖ 3 failed: {RUN}"
    assert sorted(name for _, known, _, _, name, _ in kept_tests(bots).values() if known == 0) == [
        "Log in",
        "Log out",
        "Search",
    ]


@pytest.mark.parametrize("kill_at", range(1, 18))
@pytest.mark.parametrize("order", ["aeb", "eab", "abe"])
def test_killed_anywhere_no_reply_is_lost_and_the_message_of_the_run_shows_it_all(order: str, kill_at: int) -> None:
    bots = Bots(kill_at=kill_at)
    for key in order:
        bots.settle({"a": FIRST, "b": LATER, "e": EDIT}[key])

    texts = [json.dumps(one.before[0] if one.before else one.payload) for one in bots.workspace.messages]
    assert all(
        any(json.loads(one.body)["text"] in json.loads(text)["text"] for text in texts) for one in (FIRST, LATER)
    )
    assert len(bots.workspace.messages) <= 3, "one too many for a kill"
    assert str(bots.workspace.parents()[-1].payload["text"]).startswith(f"✖ 4 failed: {RUN}")
    assert bots.delivered == {"a", "b", EDIT.id}


def test_an_edit_that_finds_no_message_leaves_a_new_one_to_the_news_that_waits_to_be_shown() -> None:
    """The reply is posted, its edit was hung up on; then somebody deletes the message."""
    bots = Bots()
    bots.settle(FIRST)

    def dies_at_its_edit(what: str) -> None:
        if what == "before chat.update":
            raise Killed

    bots.between = dies_at_its_edit
    with pytest.raises(Killed):
        bots.run(LATER)
    bots.between = lambda _what: None
    bots.workspace.delete(parent(bots).ts)
    bots.settle(EDIT)
    assert bots.workspace.parents() == []

    bots.settle(LATER)

    assert first(bots) == f"✖ 4 failed: {RUN}"


def test_an_edit_is_passes_alone_to_a_slack_function_of_1_3() -> None:
    """It knows nothing of `also`: it takes out what passed, and names nothing."""
    held = with_passed(of_run(12, news(LOG_OUT), failing_news({22: 2})), {2})

    aside = json.loads(of_the_run(held).aside)

    assert (aside["silent"], aside["about"], aside["tests"], aside["unnamed"]) == (True, "recovered", {}, 0)
    assert aside["passed"] == [2]


# ----- How much of it there may be


def in_silence(passed: int) -> Outgoing:
    keys = frozenset(range(10**9, 10**9 + passed))
    digest = make_digest([], about=RECOVERED, is_silent=True, keys=keys, total=passed, omitted=passed)
    return make_outgoing(digest, DESTINATION, "s")


def test_however_many_pass_in_silence_all_of_them_are_taken_out() -> None:
    made = list(with_silent(in_silence(12_000), ()))

    assert [len(one.digest.keys) for one in made] == [5_000, 5_000, 2_000]
    assert frozenset[int]().union(*(one.digest.keys for one in made)) == in_silence(12_000).digest.keys
    assert (made[0].id, len({one.id for one in made})) == ("s", 3)
    assert made == list(with_silent(in_silence(12_000), ()))
    assert list(with_silent(in_silence(5_000), ())) == [in_silence(5_000)]


def test_however_many_passed_in_a_run_that_is_told_of_with_others_all_of_them_are_taken_out() -> None:
    well = of_run(12, news(LOG_OUT), recovered_news({n: n for n in range(10, 12_010)}), order=2_000)

    edits = [one for one in told(well, of_run(13, failing_news({1: 1}))) if one.digest.run_id == 12]

    passed = [test for one in edits for test in json.loads(aside_of(one))["passed"]]
    assert sorted(passed) == list(range(10, 12_010))
    assert [one.digest.order for one in edits] == [2_000, 2_000, 2_001], "it is the last one that says how the run is"
    assert len({one.id for one in edits}) == 3


def aside_of(outgoing: Outgoing) -> str:
    return attributes(Renderer(UTC).notification(outgoing))["aside"]["StringValue"]


def size(notification: Notification) -> int:
    """As SNS and SQS count it."""
    values = attributes(notification)
    return len(notification.message.encode()) + sum(
        len(name) + len(one["DataType"]) + len(one["StringValue"].encode()) for name, one in values.items()
    )


def huge(run_id: int) -> Held:
    """A run in which very much failed, passed and is named at length."""
    long = "😀" * 199
    rows = [
        replace(named(f"{n}{long}", 10**9 + n), note="x" * 500, status="s" * 40, status_id=30 + n % 9)
        for n in range(3_000)
    ]
    failing = replace(
        failing_news({10**9 + n: 10**9 + n for n in range(3_000)}, (30, "s" * 40)),
    )
    failing = replace(failing, digest=replace(failing.digest, results=tuple(rows[:50])))
    well = recovered_news({n: n for n in range(2 * 10**9, 2 * 10**9 + 9_000)})
    return of_run(run_id, failing, well, order=10**9)


def test_the_largest_edit_fits_a_message_of_sns_and_a_state_an_item() -> None:
    bots = Bots()
    for edit in told(huge(12), huge(13)):
        notification = replace(Renderer(UTC).notification(edit), order=edit.digest.order)
        assert size(notification) < MAX_SNS_BYTES * 0.8
        if edit.digest.run_id == 12:
            bots.settle(queued(notification))

    assert len(json.dumps(bots.states[DESTINATION, "12"])) < MAX_ITEM_BYTES * 0.8


def test_what_is_kept_for_it_makes_an_envelope_little_larger() -> None:
    held = [of_run(n, failing_news({n * 1_000 + 7 * k: n * 1_000 + 7 * k for k in range(400)})) for n in range(45)]
    whole = folded(DESTINATION, held)
    bare = replace(whole.digest, parts=tuple(replace(part, standings=(), order=0) for part in whole.digest.parts))

    with_it, without = (packed(replace(whole, digest=digest)) for digest in (whole.digest, bare))

    assert with_it - without < 20_000
    assert with_it < MAX_ITEM_BYTES / 4


def packed(outgoing: Outgoing) -> int:
    return len(envelope_item(Envelope("e", (outgoing,), at(0)))["outbox"]["B"])


def test_how_tests_are_is_kept_in_an_envelope_and_is_left_aside_by_whoever_does_not_know_it() -> None:
    digest = make_digest(
        standings=(Standing(3, "Failed", frozenset({1, -8, 2**40})), Standing(0, "", frozenset({5}))), order=41_007
    )
    plain: Digest = make_digest()

    assert unpack_outbox(pack_outbox((make_outgoing(digest),))) == (make_outgoing(digest),)
    assert pack_outbox((make_outgoing(plain),)) == pack_outbox((make_outgoing(replace(plain, order=0)),))
