"""Rule 20: what was held of one run is one message: what is failing, then what passed again, then that it is over."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from testmo_notifier.adapters.outbox import pack_outbox, unpack_outbox
from testmo_notifier.channels.email.rendering import mail
from testmo_notifier.channels.render import Renderer, reasons, statuses
from testmo_notifier.model import FAILING, FINISHED, RECOVERED, Counters, Digest, Outgoing
from testmo_notifier.notices.merge import sections_of, told_of, with_passed
from testmo_notifier.notices.routes import Options
from testmo_notifier.notices.view import Limits, message_view
from tests.support.bots import Bots, make_message
from tests.support.factories import START, URL, make_digest, make_named, make_outgoing
from tests.support.holding import ADA, DESTINATION, failing_news, finished_news, hold, recovered_news
from tests.support.slack_payload import details, top
from tools.lib.blocks import as_text

ALL = Limits(results=50, name_chars=200, note_chars=500)
OVER = Counters({2: 95, 3: 5}, success=95, failure=5, completed=100, total=100)
FAILED = failing_news({1: 11, 2: 12})
WELL = recovered_news({3: 13}, routes=("good news",))


def the_end(*tests: int, total: int | None = None) -> Outgoing:
    """A run that is over, with these tests still failing."""
    rows = [make_named(100 + n, test_id=n, case_name=f"Test {n}") for n in tests]
    n = len(rows) if total is None else total
    counts = {"Failed": n} if n else {}
    return finished_news(
        results=tuple(rows), total=n, omitted=n - len(rows), counts=counts, counters=OVER, routes=("ends",)
    )


def told(*news: Outgoing) -> Digest:
    (one,) = told_of(hold(*news))
    return one.digest


NIGHT = told(FAILED, WELL, the_end(11, 12, 14))


@pytest.mark.parametrize("news", list(permutations([FAILED, WELL, the_end(11, 12)])))
def test_it_begins_with_what_is_failing_in_whichever_order_it_was_found(news: tuple[Outgoing, ...]) -> None:
    digest = told(*news)

    assert [(one.about, one.total) for one in (digest, *digest.parts)] == [(FAILING, 2), (RECOVERED, 1), (FINISHED, 2)]
    assert (digest.counts, digest.mentions) == ({"Failed": 2}, (ADA,))
    assert digest.keys == {1, 2, 3}
    assert digest.routes == ("team", "good news", "ends")
    assert [one.held_since for one in (digest, *digest.parts)] == [START, None, None], "that is said once"


def test_where_nothing_is_failing_it_begins_with_what_passed_again() -> None:
    digest = told(WELL, the_end(14))

    assert [(one.about, one.total) for one in (digest, *digest.parts)] == [(RECOVERED, 1), (FINISHED, 1)]


@pytest.mark.parametrize("news", [FAILED, WELL, the_end(11)])
def test_one_thing_alone_is_told_as_ever(news: Outgoing) -> None:
    held = hold(news)

    assert told_of(held) == sections_of(held)
    assert told(news).parts == ()


def test_it_comes_out_of_an_envelope_as_it_went_in() -> None:
    outgoing = make_outgoing(NIGHT)

    assert unpack_outbox(pack_outbox((outgoing,))) == (outgoing,)


def test_filters_find_each_reason_and_each_status_in_it() -> None:
    assert reasons(NIGHT) == ("new", "recovered", "finished")
    assert reasons(told(WELL, the_end(14))) == ("recovered", "finished")
    assert statuses(NIGHT) == ("Failed", "Passed")


# ----- As templates see it


def test_no_test_is_named_twice_and_what_is_not_named_is_counted_exactly() -> None:
    seen = message_view(told(FAILED, WELL, the_end(11, 12, 14, total=9)), ALL)

    well, end = seen.also
    assert [len(one.results) for one in (seen, well, end)] == [2, 1, 1]
    assert (end.results[0].name, end.total, end.more) == ("Test 14", 9, 6)


def test_what_has_passed_since_and_fails_at_the_end_is_named_there() -> None:
    (one,) = told_of(with_passed(hold(FAILED, the_end(11)), {11}))

    assert [line.name for line in message_view(one.digest, ALL).also[0].results] == ["Test 11"]


def test_lines_are_for_what_is_failing_first() -> None:
    digest = told(failing_news({n: n for n in range(8)}), recovered_news({n: n for n in range(20, 30)}), the_end(99))

    for lines, named in ((5, [5, 0, 0]), (10, [8, 2, 0]), (19, [8, 10, 1])):
        seen = message_view(digest, replace(ALL, results=lines, tests=lines))
        assert [len(one.lines) for one in (seen, *seen.also)] == named
        assert [len(one.lines) + one.more for one in (seen, *seen.also)] == [8, 10, 1]


def test_the_headline_is_what_is_failing_and_the_facts_beside_it_are_the_rest() -> None:
    seen = message_view(NIGHT, ALL)

    assert (seen.news, seen.symbol, [count.n for count in seen.counts]) == ("", "✖", [2])
    assert seen.run.details[-2:] == ("1 test passed again", "Run finished: 95% passed, 3 still failing")


@pytest.mark.parametrize(
    ("news", "headline", "symbol"),
    [
        ([WELL, the_end(14)], "1 test passed again, run finished: 95% passed, 1 still failing", "✖"),
        ([WELL, the_end()], "1 test passed again, run finished: 95% passed", "✔"),
    ],
)
def test_without_failures_the_headline_says_all_of_it(news: list[Outgoing], headline: str, symbol: str) -> None:
    seen = message_view(told(*news), ALL)

    assert (seen.news, seen.symbol) == (headline, symbol)


def test_if_all_has_passed_the_headline_says_so_too() -> None:
    (one,) = told_of(with_passed(hold(FAILED, WELL, the_end()), {11, 12}))
    words = "2 tests failed and have passed since, 1 test passed again, run finished: 95% passed"

    assert message_view(one.digest, ALL).news == words


# ----- As people get it


def in_slack(digest: Digest, folder: Path | None = None, **given: Any) -> Any:  # noqa: ANN401 - JSON
    renderer = Renderer(UTC, folder, **given)
    payload = json.loads(renderer.notification(make_outgoing(digest, DESTINATION)).message)
    assert renderer.problems == []
    return payload


def test_in_slack_each_of_it_has_its_own_heading_and_the_run_is_named_once() -> None:
    payload = in_slack(NIGHT)

    shown = as_text(payload)
    assert [
        block["text"]["text"] for block in details(payload) if block.get("text", {}).get("text", "")[:1] == "*"
    ] == [
        "*✔ 1 test passed again*",
        "*✖ Run finished: 95% passed, 3 still failing*",
    ]
    assert shown.count("Release 4.2 regression") == 1
    assert shown.index("95 passed") < shown.index("Test 14")
    lines = payload["text"].split("\n")
    assert [line for line in lines if line[:1] in ("✖", "✔")][1:] == [
        "✔ 1 test passed again",
        "✖ Run finished: 95% passed, 3 still failing",
    ]
    assert sum(line[:1] == "•" for line in lines) == 4


@pytest.mark.parametrize(
    ("news", "color"), [([WELL, the_end()], "#2eb67d"), ([WELL, the_end(14)], "#e01e5a"), ([FAILED, WELL], "#e01e5a")]
)
def test_the_bar_is_green_only_if_nothing_of_it_fails(news: list[Outgoing], color: str) -> None:
    assert in_slack(told(*news))["attachments"][0]["color"] == color


def test_in_mail_the_rest_stands_below_and_the_subject_says_what_is_failing() -> None:
    subject, body = mail(Renderer(UTC), NIGHT)

    assert subject == "[Testmo] 2 failed: Release 4.2 regression"
    assert "\n\n\n1 test passed again\n\nPASSED: " in body
    assert "\n\n\nRun finished: 95% passed, 3 still failing\n95 passed, 5 failed\n\nFAILED: Test 14\n" in body
    assert body.count(f"{URL}/runs/view/12\n") == 1


def test_words_that_a_team_wrote_for_failures_alone_lose_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "email_body.j2").write_text("{{ message.total }} broken")
    (tmp_path / "slack_result.j2").write_text("{{ result.name }} is broken")
    (tmp_path / "slack_text.j2").write_text("{{ message.total }} broken")
    (tmp_path / "email_recovered_body.j2").write_text("{{ message.total }} well")

    _, body = mail(Renderer(UTC, tmp_path), NIGHT)
    payload = in_slack(NIGHT, tmp_path)

    assert body.startswith("2 broken\n\n\n1 well\n\n\nRun finished: 95% passed, 3 still failing\n")
    assert payload["text"].startswith("2 broken\nFor ada\n✔ 1 test passed again\n• Passed: ")
    assert "Test 14 is broken" not in json.dumps(payload)
    assert "✔ *Passed*" in json.dumps(payload, ensure_ascii=False)


def test_mail_that_a_teams_words_make_too_long_says_what_else_there_is(tmp_path: Path) -> None:
    for name in ("email_body.j2", "email_recovered_body.j2", "email_finished_body.j2"):
        (tmp_path / name).write_text("{{ 'x' * 90000 }}")

    _, body = mail(Renderer(UTC, tmp_path), NIGHT)

    assert len(body) < 91_000
    assert body.endswith("\n\n1 test passed again\n\nRun finished: 95% passed, 3 still failing\n")


@pytest.mark.parametrize("lines", [None, 1, 45, 120])
def test_however_much_there_is_of_it_slack_takes_the_message(lines: int | None) -> None:
    long = "&<>😀" * 60
    rows = {n: n for n in range(60)}
    failed, well = failing_news(rows, note=long), recovered_news({n: n for n in range(100, 160)})
    digest = told(failed, well, the_end(*range(200, 250), total=900))
    named = [replace(one, case_name=long) for one in digest.results]
    parts = [replace(one, results=tuple(replace(row, case_name=long) for row in one.results)) for one in digest.parts]
    options = {DESTINATION: Options(lines=lines)}

    payload = in_slack(replace(digest, results=tuple(named), parts=tuple(parts)), options=options)

    assert len(top(payload)) + len(details(payload)) <= 50
    assert len(json.dumps(payload, ensure_ascii=False).encode("utf-16-le")) // 2 < 13_200
    assert "60 tests passed again" in payload["text"]
    assert "900 still failing" in payload["text"]


# ----- As a bot keeps it


def test_a_bot_posts_one_reply_and_edits_once_and_its_message_of_the_run_is_right() -> None:
    before = make_digest([make_named(1, test_id=13, case_name="Pay"), make_named(2, test_id=14, case_name="Test 14")])
    bots = Bots()
    bots.settle(make_message(before, "a", 1_000))

    bots.settle(make_message(NIGHT, "b", 2_000))

    assert [method for method, _ in bots.workspace.calls] == ["chat.postMessage", "chat.postMessage", "chat.update"]
    parent, reply = bots.workspace.messages
    lines = str(parent.payload["text"]).split("\n")
    assert (lines[0], reply.thread_ts) == ("✖ 3 failed: Release 4.2 regression", parent.ts)
    assert lines[1].endswith("1 passed again · Run finished: 95% passed, 3 still failing")
    assert "Pay" not in parent.payload["text"]


def test_the_end_in_it_takes_out_what_is_not_failing_any_more() -> None:
    before = make_digest([make_named(1, test_id=77, case_name="Pay")])
    bots = Bots()
    bots.settle(make_message(before, "a", 1_000), make_message(told(WELL, the_end(14)), "b", 2_000))

    assert bots.texts()[0] == "✖ 1 failed: Release 4.2 regression"


def test_as_the_first_message_of_a_run_it_is_the_one_that_later_news_edit() -> None:
    bots = Bots()
    bots.settle(make_message(NIGHT, "a", 1_000))
    assert [method for method, _ in bots.workspace.calls] == ["chat.postMessage"]

    bots.settle(make_message(make_digest([make_named(5, test_id=15)]), "b", 2_000))

    assert bots.texts()[0] == "✖ 4 failed: Release 4.2 regression"
