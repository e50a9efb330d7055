"""Five seconds on a phone: what broke, where, since when, whose. And what passed again, and what was closed.

Nobody's text calls anybody, only people.toml does (SECURITY.md).
"""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.channels.email.rendering import mail
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.rendering import slack_payload
from testmo_notifier.channels.slack.transport import plainer
from testmo_notifier.model import FINISHED, RECOVERED, Counters, Digest, Mention
from testmo_notifier.notices.routes import Options
from testmo_notifier.notices.story import story
from testmo_notifier.settings.people import People
from tests.support.factories import URL, at, make_digest, make_named, make_outgoing
from tests.support.slack_payload import details, top, words

RED, AMBER, GREEN = "#e01e5a", "#ecb22e", "#2eb67d"
RUN = f"{URL}/runs/view/12"
SAVED = at(60)
SINCE = "<!date^1795424460^{date_short_pretty} {time}|2026-11-23 09:01 UTC>"
ALL_PASSED = Counters({2: 102}, success=102, completed=102, total=102)


def payload_of(digest: Digest, **given: Any) -> Any:  # noqa: ANN401 - JSON
    renderer = Renderer(ZoneInfo("UTC"), **given)
    payload = json.loads(renderer.notification(make_outgoing(digest, "slack:default")).message)
    assert renderer.problems == []
    return payload


def storm(size: int, note: str = "provider_unreachable") -> Digest:
    return make_digest([make_named(n, case_name=f"Test {n}", note=note) for n in range(1, size + 1)])


def recovered(*streaks: int) -> Digest:
    rows = [
        make_named(n, case_name=f"Test {n}", status_id=2, status="Passed", reason=RECOVERED, streak=streak, since=SAVED)
        for n, streak in enumerate(streaks, start=1)
    ]
    return make_digest(rows, about=RECOVERED)


def finished(size: int, **given: Any) -> Digest:  # noqa: ANN401
    counters = Counters({2: 93, 3: 6, 5: 1, 1: 2}, success=93, failure=6, completed=100, total=102)
    rows = [make_named(n, case_name=f"Test {n}", streak=2, since=SAVED) for n in range(1, size + 1)]
    return make_digest(rows, about=FINISHED, **{"counters": counters, **given})


# Where it stands


def test_what_broke_stands_at_the_top_with_the_link_and_the_lines_beside_a_bar() -> None:
    payload = payload_of(storm(1))

    assert [block["type"] for block in top(payload)] == ["header", "context"]
    assert top(payload)[0]["text"]["text"] == "✖ 1 failed: Release 4.2 regression"
    assert top(payload)[1]["elements"][0]["text"].startswith(f"<{RUN}|Open run> · Shop")
    assert [block["type"] for block in details(payload)] == ["section"]
    assert payload["attachments"][0]["fallback"] == "1 failed"


@pytest.mark.parametrize(
    ("digest", "color"),
    [
        (make_digest([make_named(1), make_named(2, status_id=5, status="Blocked")]), RED),
        (make_digest([make_named(1, status_id=5, status="Blocked")]), AMBER),
        (make_digest([make_named(1, status_id=5, status="Waits")]), AMBER),  # by whatever name
        (make_digest([make_named(1, status_id=9, status="Needs info")]), RED),
        (recovered(1), GREEN),
        (finished(1), RED),
        (finished(0, counters=ALL_PASSED), GREEN),
    ],
)
def test_the_bar_is_red_amber_or_green(digest: Digest, color: str) -> None:
    assert payload_of(digest)["attachments"][0]["color"] == color


def test_the_plainer_form_has_neither_blocks_nor_attachments() -> None:
    payload = payload_of(storm(3))
    plain = json.loads(plainer(json.dumps(payload)))

    assert plain.keys() == {"text", "unfurl_links", "unfurl_media"}
    assert plain["text"] == payload["text"]


# Equal notes


def test_tests_with_the_same_note_are_one_line_with_their_names() -> None:
    payload = payload_of(storm(12))

    assert len(details(payload)) == 1
    title, _, names = words(payload).split("\n")
    assert title == "✖ *Failed*   *12 tests: provider_unreachable*"
    assert names == " · ".join(f"<{RUN}?test_id={n}|Test {n}>" for n in range(1, 13))
    assert payload["text"].split("\n")[1:] == [
        "• Failed: 12 tests: provider_unreachable",
        "   " + " · ".join(f"Test {n}" for n in range(1, 13)),
    ]


def test_mail_folds_the_same_tests_and_keeps_their_links() -> None:
    _, body = mail(Renderer(ZoneInfo("UTC")), storm(2))

    assert body.split("\n\n", 1)[1] == (
        "FAILED: 2 tests: provider_unreachable\n"
        "  Ada L. · 2026-11-23 09:00 UTC\n"
        f"  - Test 1\n    {RUN}?test_id=1\n  - Test 2\n    {RUN}?test_id=2\n"
    )


def test_thirty_tests_that_failed_again_are_named_as_ever() -> None:
    rows = [
        make_named(n, case_name=f"Checkout in country {n}", note=f"note {n}", reason="again", streak=3, since=SAVED)
        for n in range(1, 41)
    ]
    payload = payload_of(make_digest(rows))

    lines = json.dumps(payload["attachments"])
    assert lines.count("|Checkout in country ") == lines.count("failed again, 3rd in a row") == 30


def test_a_storm_of_sixty_names_fifty_and_says_how_many_more() -> None:
    """Fifty is what a digest knows by name; a storm of ordinary names fits into one message."""
    rows = [make_named(n, case_name=f"Checkout in country {n}", note="500") for n in range(1, 51)]
    payload = payload_of(make_digest(rows, omitted=10, counts={"Failed": 60}))

    line, more = details(payload)
    assert line["type"] == "rich_text"  # a section takes 3,000 characters
    assert json.dumps(line).count('"link"') == 50
    assert more["elements"][0]["text"] == f"and 10 more · <{RUN}|Open run>"


def test_a_note_of_several_lines_is_shown_below_its_first() -> None:
    payload = payload_of(storm(2, "Timeout\nat checkout.js:7"))

    assert words(payload).split("\n")[0] == "✖ *Failed*   *2 tests: Timeout*"
    assert words(payload).split("\n")[2] == "> at checkout.js:7"


# Since when


@pytest.mark.parametrize(
    ("given", "phrase"),
    [
        ({"reason": "new"}, ""),
        ({"reason": "new", "streak": 1, "since": at(0)}, ""),
        ({"reason": "new", "streak": 2, "since": SAVED}, f" · 2nd failure in a row since {SINCE}"),  # `after = 2`
        ({"reason": "new", "since": SAVED}, f" · failing since {SINCE}"),  # told elsewhere before
        ({"reason": "again"}, " · failed again"),
        ({"reason": "again", "streak": 3, "since": SAVED}, f" · failed again, 3rd in a row since {SINCE}"),
        ({"reason": "again", "streak": 11}, " · failed again, 11th in a row"),
        ({"reason": "again", "streak": 101}, " · failed again, 101st in a row"),
        ({"reason": "again", "streak": 112}, " · failed again, 112th in a row"),
        ({"reason": "changed", "previous_status": "Failed"}, " · was Failed"),
    ],
)
def test_a_line_says_whether_it_failed_before_as_far_as_that_is_known(given: dict[str, Any], phrase: str) -> None:
    payload = payload_of(make_digest([make_named(1, **given)]))
    facts = words(payload).split("\n")[1]

    assert facts == f"Ada L. · <!date^1795424400^{{date_short_pretty}} {{time}}|2026-11-23 09:00 UTC>{phrase}"


@pytest.mark.parametrize(
    ("reason", "phrase"),
    [
        ("recovered", "had failed 3 times in a row since 2026-11-23 09:01 UTC"),
        ("finished", "failed 3 times in a row since 2026-11-23 09:01 UTC"),
        ("again", "failed again, 3rd in a row since 2026-11-23 09:01 UTC"),
        ("passed in between", "had passed in between"),
    ],
)
def test_what_waited_in_the_table_tells_how_it_failed_as_what_did_not(reason: str, phrase: str) -> None:
    stored = json.loads(json.dumps(reason))  # equal to the word in the code, and not the same object

    assert story(make_named(1, reason=stored, streak=3, since=SAVED)) == phrase


def test_mail_says_since_when_in_the_stacks_time() -> None:
    _, body = mail(
        Renderer(ZoneInfo("Europe/Berlin")), make_digest([make_named(1, reason="again", streak=3, since=SAVED)])
    )

    assert "  Ada L. · 2026-11-23 10:00 CET · failed again, 3rd in a row since 2026-11-23 10:01 CET\n" in body


# What passed again, and what was closed


def test_a_recovery_says_what_passed_again_and_what_is_over() -> None:
    digest = recovered(3, 1, 0)
    payload, (subject, body) = payload_of(digest), mail(Renderer(ZoneInfo("UTC")), digest)

    assert top(payload)[0]["text"]["text"] == "✔ 3 tests passed again: Release 4.2 regression"
    assert words(payload).startswith(f"✔ *Passed*   <{RUN}?test_id=1|Test 1>\n")
    assert words(payload).endswith(f" · had failed 3 times in a row since {SINCE}")
    assert words(payload, 1).endswith(f" · had failed since {SINCE}")
    assert payload["text"].startswith(
        f"✔ 3 tests passed again: <{RUN}|Release 4.2 regression>\n• Passed: Test 1 · had "
    )
    assert subject == "[Testmo] 3 tests passed again: Release 4.2 regression"
    assert body.startswith("3 tests passed again in Release 4.2 regression\n")
    assert "had failed 3 times in a row since 2026-11-23 09:01 UTC" in body


def test_a_finished_run_says_how_much_passed_its_totals_and_who_still_fails() -> None:
    digest = finished(7)
    payload, (subject, body) = payload_of(digest), mail(Renderer(ZoneInfo("UTC")), digest)

    assert top(payload)[0]["text"]["text"] == "✖ Run finished: 93% passed, 7 still failing: Release 4.2 regression"
    assert words(payload) == "✔ 93 passed · ✖ 6 failed · ⊘ 1 blocked · ● 2 untested"
    assert len(details(payload)) == 8
    assert words(payload, 1).endswith(f" · failed 2 times in a row since {SINCE}")
    assert payload["text"].split("\n")[1] == "93 passed, 6 failed, 1 blocked, 2 untested"
    assert subject == "[Testmo] Run finished: 93% passed, 7 still failing: Release 4.2 regression"
    assert "\n93 passed, 6 failed, 1 blocked, 2 untested\n" in body
    assert body.count("FAILED: Test ") == 7


def test_a_finished_run_counts_whom_it_does_not_name() -> None:
    digest = finished(31, total=40, omitted=9, counts={"Failed": 40})

    assert words(payload_of(digest), -1) == f"and 10 more · <{RUN}|Open run>"
    assert "\nand 9 more: " in mail(Renderer(ZoneInfo("UTC")), digest)[1]


def test_a_finished_run_without_a_failure_is_told_in_two_lines() -> None:
    payload = payload_of(finished(0, counters=ALL_PASSED))

    assert top(payload)[0]["text"]["text"] == "✔ Run finished: 100% passed: Release 4.2 regression"
    assert [words(payload)] == ["✔ 102 passed"]
    assert len(details(payload)) == 1


def test_a_run_that_was_closed_untouched_is_told_too() -> None:
    payload = payload_of(finished(0, counters=Counters()))

    assert top(payload)[0]["text"]["text"] == "✔ Run finished: Release 4.2 regression"
    assert words(payload) == "No tests"


# As many as a destination asks for


@pytest.mark.parametrize("lines", [1, 10, 45, 47, 50])
def test_a_destination_names_as_many_tests_as_it_asks_for_and_counts_the_others(lines: int) -> None:
    rows = [make_named(n, case_name=f"Test {n}", note=f"note {n}") for n in range(1, 48)]
    given: dict[str, Any] = {"options": {"slack:default": Options(lines=lines), "email:default": Options(lines=lines)}}
    payload = payload_of(make_digest(rows), **given)
    renderer = Renderer(ZoneInfo("UTC"), **given)
    body = renderer.notification(make_outgoing(make_digest(rows), "email:default")).message

    named = min(lines, 47)
    lines_of = json.dumps(payload["attachments"], ensure_ascii=False)
    assert lines_of.count("|Test ") == named
    assert len(details(payload)) <= 48
    assert (f"and {47 - named} more · " in lines_of) == (lines < 47)
    assert payload["text"].count("•") == min(named, 20)
    assert body.count("FAILED: Test ") == named
    assert (f"and {47 - named} more: " in body) == (lines < 47)


def test_of_equal_notes_a_destination_names_as_many_tests_too() -> None:
    payload = payload_of(storm(47), options={"slack:default": Options(lines=10)})

    assert words(payload).startswith("✖ *Failed*   *47 tests: provider_unreachable*\n")
    assert words(payload).count("|Test ") == 10
    assert words(payload, 1) == f"and 37 more · <{RUN}|Open run>"


def test_more_lines_than_have_room_are_as_many_as_ever() -> None:
    rows = [make_named(n, case_name="*" * 200, note=f"{n}" + "&" * 400, created_by_name="&" * 40) for n in range(1, 51)]
    payload = payload_of(make_digest(rows), options={"slack:default": Options(lines=50)})

    assert json.dumps(payload["attachments"]).count('"link"') == 20
    assert words(payload, -1).startswith("and 30 more · ")


def test_a_destination_may_have_its_own_time() -> None:
    renderer = Renderer(ZoneInfo("UTC"), options={"email:berlin": Options(time_zone=ZoneInfo("Europe/Berlin"))})
    digest = storm(1)

    assert "09:00 UTC" in renderer.notification(make_outgoing(digest, "email:default")).message
    assert "10:00 CET" in renderer.notification(make_outgoing(digest, "email:berlin")).message
    assert "09:00 UTC" in renderer.notification(make_outgoing(digest, "email:default")).message


# By name

PEOPLE = People(
    by_id={2: "U0GRACE"},
    by_name={"ada lovelace": "W0ADA"},
    groups={"payments-oncall": "S0ONCALL", "everyone": "channel", "awake": "here"},
)


def calling(*mentions: Mention, **given: Any) -> Any:  # noqa: ANN401
    rows = [make_named(1, assignee="<!channel> @here <@U0EVE>")]
    return payload_of(make_digest(rows, mentions=mentions, **given), people=PEOPLE)


def test_people_are_called_once_in_the_text_and_at_the_top() -> None:
    payload = calling(
        Mention("Grace H.", 2),
        Mention("Grace Hopper", 2),
        Mention("payments-oncall", is_group=True),
        Mention("Ada Lovelace", 7),
        Mention("Alan Turing", 9),
    )

    call = "For <@U0GRACE>, <!subteam^S0ONCALL>, <@W0ADA>, Alan Turing"
    assert payload["text"].split("\n")[1] == call
    assert top(payload)[2] == {"type": "section", "text": {"type": "mrkdwn", "text": call, "verbatim": True}}
    assert "U0GRACE" not in json.dumps(payload["attachments"])


@pytest.mark.parametrize(("group", "call"), [("awake", "<!here>"), ("everyone", "<!channel>")])
def test_the_whole_channel_is_called_where_the_file_says_so(group: str, call: str) -> None:
    assert calling(Mention(group, is_group=True))["text"].split("\n")[1] == f"For {call}"


@pytest.mark.parametrize(
    "mention",
    [Mention("here", is_group=True), Mention("<!channel>"), Mention("<@U0EVE>", 3), Mention("@here"), Mention("awake")],
)
def test_who_is_in_no_file_appears_by_name_and_is_not_called(mention: Mention) -> None:
    payload = calling(mention)

    name = mention.name.replace("<", "&lt;").replace(">", "&gt;")
    assert payload["text"].split("\n")[1] == f"For {name}"
    assert "<!" not in payload["text"].replace("&lt;!", "")


def test_two_hundred_characters_of_names_are_shown_and_the_others_counted() -> None:
    """Those that a file knows are called whatever their number."""
    names = [f"{letter * 40}" for letter in "ABCDEF"]

    (call,) = (calling(*map(Mention, names))["text"].split("\n")[1],)

    assert call == f"For {', '.join(names[:5])} and 1 more"


@pytest.mark.parametrize("about", [RECOVERED, FINISHED])
def test_good_news_calls_nobody(about: str) -> None:
    payload = calling(Mention("Grace H.", 2), about=about)

    assert "U0GRACE" not in json.dumps(payload)


def test_a_person_whose_entry_calls_everybody_is_called_by_nobody() -> None:
    people = People(by_id={2: "here"}, groups={"odd": "everyone"})
    digest = make_digest([make_named(1)], mentions=(Mention("Grace", 2), Mention("odd", is_group=True)))

    assert payload_of(digest, people=people)["text"].split("\n")[1] == "For Grace, odd"


def test_a_message_at_its_limits_keeps_its_calls() -> None:
    rows = [
        make_named(n, case_name="a & b" * 40, note=f"{n}" + "& " * 200, created_by_name="Ada & Co", assignee="~ &" * 20)
        for n in range(1, 51)
    ]
    mentions = [Mention(f"Group {n}", is_group=True) for n in range(30)] + [Mention("&" * 40, n) for n in range(50)]
    people = People(groups={f"group {n}": f"S{n:010}" for n in range(30)})
    renderer = Renderer(ZoneInfo("UTC"), people=people)
    digest = make_digest(rows, run_name="& " * 100, mentions=tuple(mentions))
    message = renderer.notification(make_outgoing(digest, "slack:default")).message
    payload = json.loads(message)

    assert len(message.encode("utf-16-le")) // 2 <= 12_000
    called = [f"<!subteam^S{n:010}>" for n in range(20)]
    assert all(call in payload["text"] for call in called)
    assert all(f"S{n:010}" in json.dumps(top(payload)) for n in range(20))
    assert json.dumps(payload["attachments"]).count("test_id=") == 20


def test_mail_names_whom_slack_calls() -> None:
    digest = make_digest(
        [make_named(1)], mentions=(Mention("Grace Hopper", 2), Mention("payments-oncall", is_group=True))
    )

    assert "\nFor Grace Hopper, payments-oncall\n" in mail(Renderer(ZoneInfo("UTC"), people=PEOPLE), digest)[1]


def test_a_payload_is_made_of_its_digest_alone() -> None:
    renderer = Renderer(ZoneInfo("UTC"), people=PEOPLE)

    assert slack_payload(renderer, storm(3)) == slack_payload(renderer, storm(3))
