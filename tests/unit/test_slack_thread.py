"""A bot has one message per run, true as of the latest news, and each news in its thread (Slack delivery)."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import permutations
from typing import Any
from unittest.mock import patch

import pytest

from testmo_notifier.channels.slack import run_message
from testmo_notifier.channels.slack.notation import LIVE
from testmo_notifier.channels.slack.secret import Bot
from testmo_notifier.model import (
    AGAIN,
    FINISHED,
    FOLDED,
    NEW,
    PASSED_SINCE,
    RECOVERED,
    Counters,
    Digest,
    NamedResult,
    QueuedMessage,
    Silenced,
    Standing,
)
from testmo_notifier.polling.handover import ORDERS_PER_VERSION
from tests.contract.test_channels import HOSTILE, calls
from tests.support.bots import Bots, Killed, make_message
from tests.support.factories import START, make_digest, make_named
from tools.inbox.workspace import no
from tools.simulator.answers import Answer

FIRST = make_digest([make_named(1, case_name="Log in"), make_named(2, case_name="Pay")], reasons=(NEW,))
SECOND = make_digest([make_named(3, case_name="Log out")], reasons=(NEW,))
FAILED_AGAIN = make_digest([make_named(1, case_name="Log in", reason=AGAIN)], reasons=(AGAIN,))
PASSED = make_digest([make_named(1, case_name="Log in", status_id=2, status="Passed")], about=RECOVERED)
CLOSED = make_digest([make_named(2, case_name="Pay")], about=FINISHED)
A, B, C = make_message(FIRST, "a", 1_000), make_message(SECOND, "b", 2_000), make_message(PASSED, "c", 3_000)
SILENT = make_message(replace(PASSED, is_silent=True, keys=frozenset({1})), "s", 3_000)
RUN = "Release 4.2 regression"


def parent(bots: Bots) -> dict[str, Any]:
    (only,) = (one for one in bots.visible() if not one.thread_ts)
    return only.payload


def named(payload: dict[str, Any]) -> list[str]:
    """The tests that the details of a parent name."""
    (block,) = payload["attachments"][0]["blocks"]
    return [one["text"] for one in block["elements"][0]["elements"] if one["type"] == "link"]


def test_the_first_message_of_a_run_is_the_parent_as_it_was_rendered() -> None:
    bots = Bots()

    bots.settle(A)

    (only,) = bots.workspace.messages
    assert only.payload == {name: json.loads(A.body)[name] for name in ("text", "blocks", "attachments")}
    assert not only.before


def test_a_parent_names_forty_tests_and_says_on_a_line_of_its_own_how_many_more_there_are() -> None:
    many = make_digest([make_named(n, case_name=f"Test {n}") for n in range(1, 46)], reasons=(NEW,))
    bots = Bots()

    bots.settle(make_message(many, "a", 1_000))
    bots.settle(make_message(make_digest([make_named(46, case_name="Log out")], reasons=(NEW,)), "b", 2_000))

    payload = parent(bots)
    (block,) = payload["attachments"][0]["blocks"]
    assert len(named(payload)) == 40 + len(["Testmo"])
    assert [one["text"] for one in block["elements"][0]["elements"]][-2:] == ["\nand 6 more in ", "Testmo"]


def test_a_message_about_several_runs_has_no_parent_and_changes_none() -> None:
    folded = replace(FIRST, about=FOLDED, run_id=0, parts=(FIRST, replace(SECOND, run_id=13)))
    bots = Bots()
    bots.settle(A)
    before = copy.deepcopy(bots.states)

    message = make_message(folded, "f", 2_000)
    bots.settle(message, replace(message, id="g", run_id="12"))  # whichever run it would name

    assert message.aside == ""
    assert [(one.thread_ts, bool(one.before)) for one in bots.workspace.messages] == [("", False)] * 3
    assert bots.states == before
    bots.settle(B)
    assert [one.thread_ts for one in bots.workspace.replies()] == [bots.workspace.messages[0].ts]


def test_what_passed_while_it_was_held_is_not_shown_as_failing() -> None:
    rows = [make_named(3, case_name="Log out"), make_named(1, case_name="Log in", reason=PASSED_SINCE)]
    held = replace(make_digest(rows, reasons=(NEW,)), total=1, passed_since=1)
    bots = Bots()
    bots.settle(A)
    bots.settle(make_message(held, "b", 2_000))

    assert named(parent(bots)) == ["Log out", "Pay"]
    assert bots.texts()[0] == f"✖ 2 failed: {RUN}"
    assert "1 passed again" in parent(bots)["text"]


def test_of_what_was_held_those_are_not_named_that_still_fail() -> None:
    rows = [make_named(3, case_name="Log out"), make_named(4, reason=PASSED_SINCE)]
    held = replace(make_digest(rows, reasons=(NEW,)), total=3, omitted=7, passed_since=6)

    told = json.loads(make_message(held, "b", 2_000).aside)

    assert (told["unnamed"], told["passed"]) == (2, list(told["tests"])[1:])


def test_a_parent_says_what_is_silenced_until_that_is_told() -> None:
    until = datetime(2026, 11, 26, 16, 0, tzinfo=timezone(timedelta(hours=1)))
    bots = Bots()
    bots.settle(A)
    bots.settle(make_message(replace(SECOND, silenced=(Silenced(2, "Ada *L*", until),)), "b", 2_000))
    said = parent(bots)

    words = said["text"].replace("\u200b", "").split("\n")[1]
    assert words.endswith(" · 2 silenced by Ada *L* until 2026-11-26 15:00 UTC")
    (line,) = said["blocks"][1]["elements"]
    assert line["elements"][-2:] == [
        {"type": "text", "text": " · 2 silenced by Ada *L* until "},
        {
            "type": "date",
            "timestamp": 1_795_705_200,
            "format": "{date_short_pretty} {time}",
            "fallback": "2026-11-26 15:00 UTC",
        },
    ]
    bots.settle(make_message(FAILED_AGAIN, "c", 3_000))
    assert "silenced" not in json.dumps(parent(bots))


def test_a_parent_says_no_more_that_something_is_silenced_once_that_is_told() -> None:
    """It was found before what was told last, and comes after it."""
    bots = Bots()
    bots.settle(A)
    bots.settle(make_message(replace(FAILED_AGAIN, silenced=(Silenced(1, "Ada", START),)), "c", 3_000))
    assert "1 silenced by Ada" in parent(bots)["text"]
    bots.settle(make_message(replace(SECOND, held_since=START), "b", 2_000))

    assert "silenced" not in json.dumps(parent(bots))


def test_a_status_of_many_letters_is_cut_short_in_the_parent() -> None:
    row = make_named(1, case_name="Log in", status="Blocked by " + "x" * 60, status_id=9)

    (test,) = json.loads(make_message(make_digest([row]), "a", 1_000).aside)["tests"].values()

    assert test[1] == "Blocked by xxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    assert len(test[1]) == 40


def test_each_further_message_is_a_reply_and_an_edit_of_the_parent() -> None:
    bots = Bots()
    bots.settle(A)
    bots.settle(B)

    assert bots.texts() == [f"✖ 3 failed: {RUN}", f"- ✖ 1 failed: {RUN}"]
    assert named(parent(bots)) == ["Log out", "Log in", "Pay"]


def test_an_edit_carries_the_whole_message() -> None:
    bots = Bots()
    bots.settle(A)
    bots.settle(B)

    ((_, values),) = (call for call in bots.workspace.calls if call[0] == "chat.update")
    assert {"text", "blocks", "attachments"} < values.keys()
    assert (values["parse"], values["link_names"]) == ("none", False)


def test_what_passed_again_is_no_longer_named_in_the_parent() -> None:
    bots = Bots()
    bots.settle(A)
    bots.settle(C)

    assert bots.texts() == [f"✖ 1 failed: {RUN}", f"- ✔ 1 test passed again: {RUN}"]
    assert named(parent(bots)) == ["Pay"]
    assert "1 passed again" in parent(bots)["text"]


def test_a_parent_is_green_when_nothing_that_was_told_is_failing() -> None:
    bots = Bots()
    bots.settle(make_message(FAILED_AGAIN, "a", 1))
    bots.settle(C)

    assert bots.texts()[0] == f"✔ nothing told here is still failing: {RUN}"
    assert parent(bots)["attachments"][0]["color"] == "#2eb67d"


def test_the_parent_tells_that_the_run_is_finished_and_what_is_failing_then() -> None:
    bots = Bots()
    bots.settle(A)
    bots.settle(make_message(CLOSED, "c", 2_000))

    assert named(parent(bots)) == ["Pay"]
    assert "Run finished: 87% passed, 1 still failing" in parent(bots)["text"]


def test_the_parent_never_claims_a_number_that_it_does_not_know() -> None:
    bots = Bots()
    bots.settle(make_message(replace(FIRST, total=302, omitted=300), "a", 1))
    bots.settle(B)

    assert bots.texts()[0] == f"at least ✖ 3 failed: {RUN}"
    assert "300 results not named here" in json.dumps(parent(bots))


def test_of_what_no_message_named_no_more_is_failing_than_the_counters_of_the_run_leave_open() -> None:
    """A hundred tests fail, more than a message names, then some pass, and in the end all."""
    tests = {n: make_named(n, test_id=n) for n in range(1, 101)}
    failing = make_digest([tests[n] for n in range(51, 101)], total=100, omitted=50, counters=counters(0, 100))
    bots = Bots()
    bots.settle(make_message(failing, "a", 1_000))

    bots.settle(make_message(well(tests, range(1, 31), counters(30, 70)), "b", 2_000))
    assert bots.texts()[0] == f"at least ✖ 50 failed: {RUN}"
    assert "about 20 results not named here" in json.dumps(parent(bots))
    bots.settle(make_message(well(tests, range(31, 51), counters(50, 50)), "c", 3_000))
    assert bots.texts()[0] == f"✖ 50 failed: {RUN}"
    assert "not named here" not in json.dumps(parent(bots))
    bots.settle(make_message(well(tests, range(51, 101), counters(100, 0)), "d", 4_000))
    assert bots.texts()[0] == f"✔ nothing told here is still failing: {RUN}"
    assert " · 100 passed again" in parent(bots)["text"]


def test_where_a_run_counts_nothing_all_that_no_message_named_may_be_failing_still() -> None:
    bots = Bots()
    bots.settle(make_message(replace(FIRST, total=302, omitted=300, counters=Counters()), "a", 1_000))
    bots.settle(make_message(replace(PASSED, counters=Counters()), "b", 2_000))

    assert bots.texts()[0] == f"at least ✖ 1 failed: {RUN}"
    assert "and 300 results not named here" in json.dumps(parent(bots))


def test_counters_that_are_older_than_the_results_hide_no_failure_that_a_message_tells() -> None:
    """They are listed first: a machine may save a hundred results before these are read."""
    tests = {n: make_named(n, test_id=n) for n in range(1, 102)}
    bots = Bots()
    bots.settle(make_message(make_digest([tests[101]], counters=counters(0, 1)), "a", 1_000))
    bots.settle(make_message(well(tests, [101], counters(1, 0)), "b", 2_000))

    burst = make_digest([tests[n] for n in range(1, 51)], total=100, omitted=50, counters=counters(1, 2))
    bots.settle(make_message(burst, "c", 3_000), make_message(well(tests, [101], counters(1, 2)), "d", 3_001))
    assert bots.texts()[0] == f"at least ✖ 50 failed: {RUN}"
    assert "50 results not named here" in json.dumps(parent(bots))


def test_where_more_passed_than_a_message_names_the_parent_says_at_least_how_many() -> None:
    tests = {n: make_named(n, test_id=n) for n in range(1, 61)}
    bots = Bots()
    bots.settle(make_message(make_digest(tests.values(), counters=counters(0, 60)), "a", 1_000))
    bots.settle(make_message(well(tests, range(1, 61), counters(60, 0)), "b", 2_000))

    assert "at least 50 passed again" in parent(bots)["text"]


def counters(passed: int, failed: int) -> Counters:
    return Counters({2: passed, 3: failed, 1: 7}, passed, failed, passed + failed, passed + failed + 7)


def well(tests: dict[int, NamedResult], those: Iterable[int], left: Counters) -> Digest:
    """Tests that passed again, fifty of them by name."""
    rows = [replace(tests[n], status_id=2, status="Passed", reason=RECOVERED) for n in those]
    counts = {"Passed": len(rows)}
    return make_digest(
        rows[:50], about=RECOVERED, total=len(rows), omitted=len(rows[50:]), counts=counts, counters=left
    )


@pytest.mark.parametrize("case", [case for case, digest in HOSTILE.items() if digest.about != FOLDED])
def test_a_hostile_run_has_a_parent_within_the_limits_that_calls_nobody(case: str) -> None:
    bots = Bots()
    message = make_message(HOSTILE[case], "a", 1)
    bots.settle(message, replace(message, id="b"))

    made = parent(bots)
    assert list(calls(made)) == []
    assert len(json.dumps(made, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) / 2 <= 12_100
    assert 1 <= len(made["blocks"][0]["text"]["text"]) <= 150
    assert all(one["text"].strip() for one in made["attachments"][0]["blocks"][0]["elements"][0]["elements"])


@pytest.mark.parametrize("name", ["*_~`" * 40, "test_a_b_" * 20, "`a`" * 60, "&<>" * 60, "😀*" * 60, ":x:" * 60])
def test_the_text_of_an_edit_is_no_longer_than_slack_takes(name: str) -> None:
    """Marks that were typed are guarded, which makes three characters of one; an edit of more than 4,000 is refused."""
    rows = [make_named(n, test_id=n, case_name=f"{n} {name}") for n in range(1, 31)]
    authors = tuple(Silenced(1, name[:40], START) for _ in range(20))
    bots = Bots()
    for order, digest in ((1_000, make_digest(rows, reasons=(NEW,))), (2_000, SECOND)):
        called = replace(digest, run_name=name, project_name=name, silenced=authors)
        bots.settle(make_message(called, str(order), order))

    text = parent(bots)["text"]
    assert text.startswith("✖ 30 failed: ")
    assert 0 < len(text.encode("utf-16-le")) / 2 <= 4_000


def test_marks_that_only_a_template_may_write_call_nobody_in_a_parent() -> None:
    forged = f"{LIVE['<']}{LIVE['!']}here{LIVE['>']}"
    bots = Bots()
    digest = make_digest([make_named(1, case_name=forged, status=forged)], run_name=forged, project_name=forged)
    bots.settle(make_message(digest, "a", 1), make_message(digest, "b", 2))

    assert list(calls(parent(bots))) == []


def test_the_parent_counts_by_status_what_is_most_urgent_first() -> None:
    bots = Bots()
    blocked = make_named(9, status_id=5, status="Blocked", case_name="Pay by phone")
    bots.settle(make_message(make_digest([blocked]), "a", 1))
    bots.settle(make_message(make_digest([replace(blocked, test_id=8)]), "b", 2))
    assert (bots.texts()[0], parent(bots)["attachments"][0]["color"]) == (f"⊘ 2 blocked: {RUN}", "#ecb22e")
    bots.settle(make_message(FIRST, "c", 3))
    assert (bots.texts()[0], parent(bots)["attachments"][0]["color"]) == (f"✖ 2 failed · ⊘ 2 blocked: {RUN}", "#e01e5a")


def test_what_passed_in_the_message_that_says_that_the_run_is_finished_is_counted() -> None:
    bots = Bots()
    bots.settle(A, make_message(replace(PASSED, parts=(CLOSED,)), "c", 2_000))

    assert "1 passed again · Run finished: 87% passed, 1 still failing" in parent(bots)["text"]


def test_a_run_that_is_finished_names_all_that_are_failing() -> None:
    bots = Bots()
    bots.settle(make_message(replace(FIRST, total=302, omitted=300), "a", 1))
    bots.settle(make_message(CLOSED, "c", 2_000))

    assert bots.texts()[0] == f"✖ 1 failed: {RUN}"


def test_a_huge_run_has_a_parent_within_slacks_limits() -> None:
    bots = Bots()
    for n in range(8):
        rows = [make_named(n * 50 + i, case_name="👩<&>*_~`" * 20) for i in range(50)]
        bots.settle(make_message(make_digest(rows), f"m{n}", n))

    made = parent(bots)
    assert len(json.dumps(made, ensure_ascii=False)) <= 12_100
    assert bots.texts()[0] == f"at least ✖ 200 failed: {RUN}"
    (state,) = bots.states.values()
    assert len(json.dumps(state)) < 350_000


def test_of_names_and_addresses_that_are_too_long_together_ten_fewer_are_named() -> None:
    bots = Bots()
    host = f"https://{'a' * 60}.testmo.net"
    rows = [make_named(n, case_name="👩" * 100, url=f"{host}/runs/view/12?test_id={n}") for n in range(50)]
    bots.settle(make_message(make_digest(rows), "a", 1), make_message(make_digest(rows[:1]), "b", 2))

    *names, _testmo = named(parent(bots))
    assert len(names) == 30


@pytest.mark.parametrize(("digest", "is_broadcast"), [(SECOND, True), (FAILED_AGAIN, False), (PASSED, False)])
def test_only_what_is_new_is_shown_in_the_channel_too(digest: Digest, *, is_broadcast: bool) -> None:
    bots = Bots()
    bots.settle(A)
    bots.settle(make_message(digest, "b", 2_000))

    assert [one.is_broadcast for one in bots.workspace.replies()] == [is_broadcast]


@pytest.mark.parametrize("order", list(permutations("abc")), ids="".join)
def test_the_order_in_which_messages_come_makes_no_difference_to_the_parent(order: tuple[str, ...]) -> None:
    bots, by_id = Bots(), {"a": A, "b": B, "c": C}

    for key in order:
        bots.settle(by_id[key])

    bots.settle(make_message(FAILED_AGAIN, "d", 2_500))

    assert bots.texts()[0] == f"✖ 2 failed: {RUN}"
    assert sorted(named(parent(bots))) == ["Log out", "Pay"]
    assert len(bots.workspace.messages) == 4


def test_a_message_that_is_received_twice_is_told_once() -> None:
    bots = Bots()
    bots.settle(A)
    bots.settle(B)
    calls = list(bots.workspace.calls)

    assert [one.end for one in bots.run(B)] == ["duplicate"]
    assert bots.workspace.calls == calls


def test_a_whole_batch_of_one_run_is_one_parent() -> None:
    bots = Bots()
    messages = [make_message(make_digest([make_named(n)]), f"m{n}", n) for n in range(10)]

    bots.settle(*messages)

    assert len(bots.workspace.parents()) == 1
    assert len(bots.workspace.replies()) == 9
    assert bots.texts()[0] == f"✖ 10 failed: {RUN}"


def test_two_runs_have_two_parents() -> None:
    bots = Bots()
    bots.settle(A, make_message(replace(SECOND, run_id=13), "b", 1))

    assert len(bots.workspace.parents()) == 2


def test_a_deleted_parent_is_followed_by_the_next_news_which_is_told_in_its_thread() -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.delete(bots.workspace.messages[0].ts)
    bots.settle(B)

    assert bots.texts() == [f"✖ 3 failed: {RUN}", f"- ✖ 1 failed: {RUN}"]
    assert named(parent(bots)) == ["Log out", "Log in", "Pay"]
    bots.settle(C)
    assert len(bots.workspace.parents()) == 1


@pytest.mark.parametrize("word", ["message_not_found", "cannot_reply_to_message", "thread_not_found"])
def test_where_slack_takes_no_reply_there_is_a_new_parent_that_shows_all(word: str) -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.postMessage", word)
    bots.settle(B)

    first, second, reply = bots.workspace.messages
    assert named(second.payload) == ["Log out", "Log in", "Pay"]
    assert reply.thread_ts == second.ts
    assert not first.before


def test_where_slack_takes_no_reply_to_a_new_parent_either_it_is_told_in_the_channel() -> None:
    bots = Bots()
    bots.settle(A)
    handled = bots.workspace.handle

    def handle(method: str, query: str, authorization: str | None, body: bytes) -> Answer:
        is_reply = method == "chat.postMessage" and b"thread_ts" in body
        assert len(bots.workspace.messages) < 5, "it would go on for ever"
        return no("cannot_reply_to_message") if is_reply else handled(method, query, authorization, body)

    with patch.object(bots.workspace, "handle", handle):
        bots.settle(B)

    first, second, told = bots.workspace.messages
    assert named(second.payload) == ["Log out", "Log in", "Pay"]
    assert (told.thread_ts, told.payload["blocks"]) == ("", json.loads(B.body)["blocks"])
    assert not first.before


@pytest.mark.parametrize("word", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_where_slack_takes_no_edit_there_is_a_new_parent_that_shows_all(word: str) -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.update", word)
    bots.settle(B)
    bots.settle(C)

    _, reply, second, third = bots.workspace.messages
    assert "Log out" in json.dumps(reply.payload)
    assert third.thread_ts == second.ts
    assert named(second.payload) == ["Log out", "Pay"]


@pytest.mark.parametrize("word", ["update_failed", "internal_error", "external_channel_migrating"])
def test_an_edit_that_fails_for_a_while_is_made_later(word: str) -> None:
    """Else the parent would say until the next news that what has passed is failing."""
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.update", word)
    bots.workspace.answer_next("chat.update", word)
    bots.settle(C)

    assert named(parent(bots)) == ["Pay"]
    assert len(bots.workspace.messages) == 2, "and the news is told once"


def test_a_test_that_was_over_with_its_run_keeps_its_name_if_it_fails_anew() -> None:
    """The run was opened again, and a message about several runs said it of a test that it did not name."""
    bots = Bots()
    bots.settle(A, make_message(CLOSED, "c", 3_000))
    assert named(parent(bots)) == ["Pay"]
    failing = (Standing(3, "Failed", frozenset({1})),)
    again = replace(FIRST, results=(), total=1, omitted=1, counts={"Failed": 1}, is_silent=True, standings=failing)
    bots.settle(make_message(again, "d", 4_000))

    assert named(parent(bots)) == ["Log in", "Pay"]


def test_a_parent_that_is_made_while_an_earlier_message_waits_shows_both_in_the_end() -> None:
    bots = Bots()
    bots.workspace.answer_next("chat.postMessage", "internal_error")
    assert [one.end for one in bots.run(A)] == ["returned"]
    bots.now += timedelta(minutes=2)
    bots.settle(B)
    bots.settle(replace(A, receives=2))

    assert sorted(named(parent(bots))) == ["Log in", "Log out", "Pay"]


def test_a_new_parent_that_slack_dislikes_is_posted_as_text_and_costs_the_reply_nothing() -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.postMessage", "message_not_found")
    bots.workspace.answer_next("chat.postMessage", "invalid_blocks")
    bots.settle(B)

    _, second, reply = bots.workspace.messages
    assert (second.payload["blocks"], second.payload["attachments"]) == ([], [])
    assert (reply.thread_ts, reply.payload["blocks"]) == (second.ts, json.loads(B.body)["blocks"])


def test_a_parent_of_the_bot_that_the_secret_named_before_takes_no_reply_of_the_one_it_names_now() -> None:
    bots = Bots()

    def meanwhile(what: str) -> None:
        if what == "before chat.postMessage":
            bots.between = lambda _what: None
            bots.bot = Bot("xoxb-2", "C0OTHER")
            bots.run(B)

    bots.between = meanwhile
    bots.run(A)
    bots.settle(C)

    new, _, reply = bots.workspace.messages
    assert (new.channel, reply.channel, reply.thread_ts) == ("C0OTHER", "C0OTHER", new.ts)


def test_an_edit_of_the_bot_that_the_secret_named_before_opens_nothing_that_the_one_of_now_has_in_hand() -> None:
    bots = Bots()
    bots.settle(A)

    def meanwhile(what: str) -> None:
        if what == "before chat.update":
            bots.between = lambda _what: None
            bots.bot = Bot("xoxb-2", "C0OTHER")
            bots.workspace.answer_next("chat.postMessage", "internal_error")
            bots.run(C)

    bots.between = meanwhile
    bots.run(B)

    (state,) = bots.states.values()
    assert (state["busy"]["by"], state["shown"]) == ("c", 0)


def test_edits_of_one_token_are_at_least_one_and_a_quarter_seconds_apart() -> None:
    bots = Bots()
    others = [replace(message, run_id="13", id=f"other {message.id}") for message in (A, B)]
    bots.settle(A, others[0])
    bots.now += timedelta(minutes=1)
    edited: list[float] = []
    bots.between = lambda what: edited.append(bots.now.timestamp()) if what == "before chat.update" else None

    bots.settle(B, others[1])

    first, second = edited
    assert second - first >= 1.25


def test_an_answer_without_a_place_is_a_yes_all_the_same_and_nothing_is_posted_twice() -> None:
    bots = Bots()
    with patch.object(bots.workspace, "handle", lambda *_: Answer(200, b'{"ok": true}', {})):
        assert [one.end for one in bots.run(A)] == ["delivered"]
    bots.settle(B)
    with patch.object(bots.workspace, "handle", lambda *_: Answer(200, b'{"ok": true}', {})):
        assert [one.end for one in bots.run(C)] == ["delivered"]

    assert len(bots.workspace.parents()) == 1


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"channel": None, "ts": None, "message": None},
        {"channel": {"id": "C012AB3CD"}, "ts": 1795705200.0001, "message": "sent"},
        {"channel": "", "ts": "1795705200.000900", "message": None},
        {"ts": "1795705200.000900"},
        {"ts": "1795705200.000900", "message": {}},
        {"ts": "1795705200.000900", "message": [], "warning": "missing_charset"},
    ],
)
def test_slacks_yes_is_one_whatever_else_it_says_and_no_news_is_posted_twice(said: dict[str, Any]) -> None:
    bots = Bots()
    yes, calls = Answer(200, json.dumps({"ok": True, **said}).encode(), {}), []

    def answer(path: str, *_: object) -> Answer:
        calls.append(path.rsplit("/", maxsplit=1)[-1])
        return yes

    bots.settle(A)
    with patch.object(bots.workspace, "handle", answer):
        assert [one.end for one in bots.run(B)] == ["delivered"]
        assert [one.end for one in bots.run(make_message(replace(FIRST, run_id=13), "c", 1_000))] == ["delivered"]

    assert calls.count("chat.postMessage") == 2
    assert bots.parked == {}


def test_an_edit_that_fails_and_fails_holds_up_the_other_edits_of_its_token_for_a_minute_at_most() -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.update", "internal_error")
    (outcome,) = bots.run(replace(B, receives=9))

    (gate,) = bots.paces.keys() - {"slack:default"}
    assert bots.paces[gate].next_slot - bots.now == timedelta(minutes=1)
    assert outcome.seconds == 900


def test_an_edit_that_slack_throttles_for_half_a_day_is_still_received_fewer_than_a_hundred_times() -> None:
    bots = Bots()
    other = replace(B, run_id="13", id="d")
    bots.settle(A, replace(A, run_id="13", id="c"))
    began, at, receives = bots.now, {"b": bots.now, "d": bots.now}, {"b": 0, "d": 0}
    while bots.now - began < timedelta(hours=12):
        message = min((B, other), key=lambda one: at[one.id])
        bots.now = max(bots.now, at[message.id])
        receives[message.id] += 1
        bots.workspace.answer_next("chat.update", "ratelimited", status=429, retry_after=30)
        (outcome,) = bots.run(replace(message, receives=receives[message.id]))
        at[message.id] = bots.now + timedelta(seconds=outcome.seconds)

    assert max(receives.values()) < 70
    assert len(bots.workspace.replies()) == 2


def test_in_a_locked_thread_the_news_goes_to_the_channel() -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.locked.add(bots.workspace.messages[0].ts)
    bots.settle(B)

    assert [bool(one.thread_ts) for one in bots.workspace.messages] == [False, False]
    assert bots.texts()[0] == f"✖ 3 failed: {RUN}"


@pytest.mark.parametrize("bot", [Bot("xoxb-2", "C012AB3CD"), Bot("xoxb-1", "C0OTHER")])
def test_another_token_or_channel_has_a_parent_of_its_own(bot: Bot) -> None:
    bots = Bots()
    bots.settle(A)
    bots.bot = bot
    bots.settle(B)
    bots.settle(C)

    first, second, reply = bots.workspace.messages
    assert (first.thread_ts, second.thread_ts, reply.thread_ts) == ("", "", second.ts)
    assert (second.channel, reply.channel) == (bot.channel, bot.channel)
    assert named(second.payload) == ["Log out", "Pay"]


def test_nothing_of_the_token_is_kept() -> None:
    bots = Bots(bot=Bot("xoxb-XsecretX", "C0A"))
    bots.settle(A, B)

    assert "XsecretX" not in repr(bots.states) + repr(bots.paces)


@pytest.mark.parametrize("word", ["internal_error", "ratelimited", "fatal_error"])
def test_an_edit_that_fails_costs_no_reply_and_is_repeated_alone(word: str) -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.update", word)

    assert [one.end for one in bots.run(B)] == ["returned"]
    assert len(bots.workspace.replies()) == 1
    bots.now += timedelta(minutes=1)
    assert [one.end for one in bots.run(B)] == ["delivered"]
    assert len(bots.workspace.replies()) == 1
    assert bots.texts()[0] == f"✖ 3 failed: {RUN}"


def test_an_edit_that_slack_dislikes_is_made_as_text() -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.update", "invalid_blocks")
    bots.settle(B)

    assert (parent(bots)["blocks"], parent(bots)["attachments"]) == ([], [])
    assert bots.texts()[0] == f"✖ 3 failed: {RUN}"


def test_an_edit_that_slack_refuses_in_every_form_parks_nothing_that_was_told() -> None:
    bots = Bots()
    bots.settle(A)
    for _ in range(2):
        bots.workspace.answer_next("chat.update", "invalid_blocks")
    bots.settle(B)

    assert bots.parked == {}
    assert len(bots.workspace.replies()) == 1


def test_a_reply_that_slack_dislikes_is_told_as_text() -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.postMessage", "invalid_blocks")
    bots.settle(B)

    (reply,) = bots.workspace.replies()
    assert (reply.payload["blocks"], reply.payload["attachments"]) == ([], [])


@pytest.mark.parametrize("word", ["is_archived", "not_in_channel", "token_revoked"])
def test_where_a_bot_may_not_post_any_more_messages_are_parked(word: str) -> None:
    bots = Bots()
    for _ in range(2):
        bots.workspace.answer_next("chat.postMessage", word)
    bots.settle(A)

    assert bots.parked == {"a": word}


def test_an_edit_by_a_token_that_was_changed_meanwhile_is_no_reason_to_park() -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.update", "internal_error")
    bots.run(B)  # told, and to be shown yet
    bots.cached, bots.bot = bots.bot, Bot("xoxb-2", "C012AB3CD")
    bots.workspace.refused["xoxb-1"] = "token_revoked"
    bots.now += timedelta(minutes=1)
    bots.settle(B, C)

    assert bots.parked == {}
    assert bots.texts() == ["✖ 2 failed: " + RUN, "- ✖ 1 failed: " + RUN, "✖ 2 failed: " + RUN]


@pytest.mark.parametrize(("former", "other"), [("xoxb-1", "xoxb-2"), ("xoxb-2", "xoxb-1")])
def test_what_a_former_bot_has_not_shown_yet_is_no_edit_of_another(former: str, other: str) -> None:
    bots, asked = Bots(bot=Bot(former, "C012AB3CD")), list[str]()
    bots.settle(A)
    bots.workspace.answer_next("chat.update", "internal_error")
    bots.run(B)  # told, and to be shown yet
    bots.bot, bots.between = Bot(other, "C012AB3CD"), asked.append
    bots.now += timedelta(minutes=1)
    bots.settle(B)

    assert "before chat.update" not in asked


def test_an_edit_by_a_token_that_is_still_what_the_secret_says_is_parked() -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.answer_next("chat.update", "token_revoked")
    bots.settle(B)

    assert bots.parked == {"b": "token_revoked"}
    assert len(bots.workspace.replies()) == 1


def test_many_edits_that_wait_for_their_turn_are_one_edit_and_no_reply_waits_for_it() -> None:
    bots = Bots()
    bots.settle(A)
    bots.settle(B)
    (gate,) = bots.paces.keys() - {"slack:default"}
    bots.paces[gate] = replace(bots.paces[gate], next_slot=bots.now + timedelta(minutes=1))
    messages = [make_message(make_digest([make_named(n)]), f"m{n}", 2_000 + n) for n in range(4, 14)]

    assert {one.reason for one in bots.run(*messages)} == {"paced"}
    assert len(bots.workspace.replies()) == 11
    bots.now += timedelta(minutes=2)
    bots.settle(*messages)

    assert [method for method, _ in bots.workspace.calls].count("chat.update") == 2
    assert bots.texts()[0] == f"✖ 13 failed: {RUN}"


def test_a_test_message_is_posted_and_edited_and_belongs_to_no_run() -> None:
    bots = Bots()
    body = json.dumps({"text": "[TEST] hello", "blocks": []})

    bots.settle(QueuedMessage("q", "q", 1, body, id="test-1", destination="slack:default", run_id="0"))

    (only,) = bots.workspace.messages
    assert only.payload["text"] == "[TEST] hello (Posted, then edited.)"
    assert bots.states == {}


def test_what_an_older_poller_says_goes_to_the_channel() -> None:
    bots = Bots()
    bots.settle(replace(A, attributes=()))

    assert len(bots.workspace.messages) == 1
    assert bots.states == {}


def test_while_another_makes_the_parent_a_message_waits_and_nobody_else_does() -> None:
    bots = Bots()
    ends: list[str] = []

    def meanwhile(what: str) -> None:
        if what == "after chat.postMessage" and not ends:
            ends.append("")
            ends[0] = bots.run(B)[0].reason

    bots.between = meanwhile
    bots.run(A)

    assert ends == ["in_progress"]
    assert bots.paces["slack:default"].failures == 0, "which is no trouble of the channel's"
    bots.settle(B)
    assert bots.texts() == [f"✖ 3 failed: {RUN}", f"- ✖ 1 failed: {RUN}"]


def test_while_another_edits_nobody_does_so_that_no_older_state_comes_over_a_newer_one() -> None:
    bots = Bots()
    bots.settle(A)
    ends: list[tuple[str, str]] = []

    def meanwhile(what: str) -> None:
        if what == "before chat.update" and not ends:
            ends.append(("", ""))
            (outcome,) = bots.run(C)
            ends[0] = (outcome.end, outcome.reason)

    bots.between = meanwhile
    bots.settle(B)

    assert ends[0][0] == "returned"
    assert {pace.failures for pace in bots.paces.values()} == {0}, "which is no trouble of the token's"
    assert len(bots.workspace.replies()) == 2
    bots.now += timedelta(minutes=1)
    bots.settle(C)
    assert sorted(named(parent(bots))) == ["Log out", "Pay"]


def test_a_parent_that_is_recorded_is_not_told_again_after_a_kill() -> None:
    bots = Bots()

    def dies_once(what: str) -> None:
        if what == "before the record":
            bots.between = lambda _what: None
            raise Killed

    bots.between = dies_once
    bots.settle(A)

    assert len(bots.workspace.messages) == 1
    assert bots.delivered == {"a"}


def effects_of(with_deletion: bool) -> int:  # noqa: FBT001 - one of two stories
    bots = Bots()
    play(bots, with_deletion=with_deletion)
    return bots.effects_done


def play(bots: Bots, *, with_deletion: bool) -> None:
    bots.settle(A)
    if with_deletion:
        bots.workspace.delete(bots.workspace.parents()[0].ts)
    bots.settle(B)
    bots.settle(C)


@pytest.mark.parametrize("with_deletion", [False, True])
def test_killed_at_any_call_or_write_no_news_is_lost_and_at_most_one_parent_is_too_many(*, with_deletion: bool) -> None:
    for at in range(1, effects_of(with_deletion) + 1):
        bots = Bots(kill_at=at)
        play(bots, with_deletion=with_deletion)
        texts = [json.dumps(one.payload, ensure_ascii=False) for one in bots.workspace.messages]
        parents = bots.workspace.parents()
        assert any("Log out" in text for text in texts), at
        assert any("passed again" in text for text in texts), at
        assert bots.delivered == {"a", "b", "c"}, at
        assert len(parents) <= 2, at
        (state,) = bots.states.values()
        (kept,) = (one for one in bots.workspace.messages if one.ts == state["ts"])
        assert sorted(named(kept.payload)) == ["Log out", "Pay"], at
        assert "busy" not in state, at


# ----- What passes in silence


def test_what_passed_in_silence_is_taken_out_of_the_parent_and_nothing_is_posted() -> None:
    bots = Bots()
    bots.settle(A)

    assert [one.end for one in bots.run(SILENT)] == ["delivered"]

    assert bots.texts() == [f"✖ 1 failed: {RUN}"]
    assert named(parent(bots)) == ["Pay"]
    assert "1 passed again" in parent(bots)["text"]
    assert [one.end for one in bots.run(SILENT)] == ["duplicate"]
    assert [method for method, _ in bots.workspace.calls] == ["chat.postMessage", "chat.update"]


def test_what_passed_in_silence_makes_no_parent_and_is_not_failing_in_the_one_that_comes() -> None:
    bots = Bots()
    bots.settle(SILENT)
    assert bots.workspace.calls == []

    bots.settle(A)  # which was told before and came later

    assert bots.texts() == [f"✖ 1 failed: {RUN}"]
    assert named(parent(bots)) == ["Pay"]


def test_what_passes_in_silence_twice_and_was_never_told_here_did_not_pass_again_either() -> None:
    bots = Bots()
    bots.settle(make_message(replace(PASSED, is_silent=True, keys=frozenset({1})), "r", 500), SILENT)

    bots.settle(B)

    assert parent(bots)["text"].startswith("✖ 1 failed: ")
    assert "passed again" not in parent(bots)["text"]


def test_what_passes_in_silence_and_was_never_told_here_did_not_pass_again() -> None:
    bots = Bots()
    bots.settle(A)

    bots.settle(make_message(replace(PASSED, is_silent=True, keys=frozenset({1, 99})), "s", 3_000))

    assert "· 1 passed again" in parent(bots)["text"]


def test_of_what_passed_in_silence_more_is_taken_out_than_a_message_names() -> None:
    rows = [make_named(n, case_name=f"Case {n}") for n in range(80)]
    bots = Bots()
    bots.settle(make_message(make_digest(rows[:40]), "a", 1), make_message(make_digest(rows[40:]), "b", 2))
    passed = make_digest(rows[:50], about=RECOVERED, is_silent=True, keys=frozenset(range(79)), omitted=29, total=79)
    again = make_message(make_digest(rows[60:61]), "d", 4)

    bots.settle(again)
    bots.settle(make_message(passed, "c", 3))

    assert sorted(named(parent(bots))) == ["Case 60", "Case 79"]


def test_what_passed_in_silence_and_was_never_told_here_takes_no_room_from_what_is_failing() -> None:
    """Two hundred tests are kept of a run."""
    bots = Bots()
    bots.settle(make_message(replace(PASSED, is_silent=True, keys=frozenset(range(180))), "s", 1))

    bots.settle(make_message(make_digest([make_named(n, case_name=f"Case {n}") for n in range(200, 230)]), "a", 2))

    assert len(named(parent(bots))) == 30
    assert parent(bots)["text"].startswith(f"✖ 30 failed: {RUN}")


def test_a_parent_that_somebody_deleted_comes_back_for_news_alone() -> None:
    bots = Bots()
    bots.settle(A)
    bots.workspace.delete(bots.workspace.messages[0].ts)

    bots.settle(SILENT)
    assert bots.texts() == []

    bots.settle(B)
    assert sorted(named(parent(bots))) == ["Log out", "Pay"]


def test_what_passed_in_silence_waits_for_no_post_and_takes_the_place_of_none() -> None:
    bots = Bots()
    bots.settle(A)
    before = bots.paces["slack:default"]

    bots.run(SILENT)

    assert bots.paces["slack:default"] == before


def test_where_a_webhook_took_the_place_of_the_bot_silence_is_no_message() -> None:
    bots = Bots(webhook="https://hooks.slack.com/services/T0/B0/x")

    assert [(one.end, one.reason) for one in bots.run(SILENT)] == [("skipped", "nothing_to_edit")]
    assert bots.workspace.messages == []
    assert bots.forgotten == ["slack:default"]


def test_a_bot_that_has_nothing_to_edit_yet_is_not_forgotten() -> None:
    bots = Bots()
    bots.run(SILENT)

    assert bots.forgotten == []


@pytest.mark.parametrize("order", list(permutations("abs")), ids="".join)
@pytest.mark.parametrize("kill_at", range(1, 14))
def test_killed_anywhere_and_in_any_order_the_parent_shows_what_passed_in_silence(
    order: tuple[str, ...], kill_at: int
) -> None:
    bots = Bots(kill_at=kill_at)
    by_id = {"a": A, "b": B, "s": SILENT}

    for key in order:
        bots.settle(by_id[key])

    last = bots.workspace.parents()[-1]
    assert sorted(named(last.payload)) == ["Log out", "Pay"]
    assert len(bots.workspace.messages) <= 3  # at most one too many for a kill
    assert bots.parked == {}


@pytest.mark.parametrize("name", ["silent", '"silent": true', '", "silent": true, "'])
def test_no_name_makes_a_message_silent(name: str) -> None:
    digest = make_digest([make_named(1, case_name=name)], run_name=name, project_name=name)
    bots = Bots()
    bots.settle(make_message(digest, "a", 1))

    assert len(bots.workspace.parents()) == 1


def test_a_bots_message_knows_how_many_orders_one_reading_has() -> None:
    assert run_message.READING == ORDERS_PER_VERSION
