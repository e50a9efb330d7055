"""Whatever testers write, a message keeps every limit, names enough, counts exactly and pings nobody."""
# ruff: noqa: ANN401 - what a test gives is handed on

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import Counters, Digest, Issue, Outgoing, Result
from testmo_notifier.notices.issue_links import IssueLinks
from tests.support.factories import START, URL, make_builder, make_expands, make_result, make_run

FIRST_FOUND = (Phase.generate,)  # making a failing digest smaller takes minutes, and the first one says enough
NAMES = IssueLinks({4: "https://tracker.example/browse/{display_id}"})

hostile = st.sampled_from(
    [
        *(
            "<!channel>",
            "<!here|x>",
            "<@U1>",
            "<#C1|x>",
            "<!subteam^S1>",
            "<http://evil.example|ok>",
            "&lt;!channel&gt;",
        ),
        *(
            "<!date^1^{date}|x>",
            "&",
            "&&&&&&",
            "|",
            ">",
            "<",
            "<<<>>>",
            "*_~`*",
            "```",
            "http://evil.example",
            "@everyone",
        ),
        *("{{ 7*7 }}", "{% raise %}", '"', "\\", "\n", "\r\n", "\t", "\x00", "\x1b[31m", "\u202e", "\u2028", "\ud800"),
        *(
            "😀",
            "👩\u200d👩\u200d👧",
            "Z" + "\u0301" * 99,
            "漢字",
            "عربى",
            "\ufeff",
            "x" * 3_000,
            "& " * 900,
            "😀" * 900,
            "\n" * 99,
        ),
        *("a<br>" * 400, "<li>" * 99, "<script>", "</p>", "<!--", "-->", "<img alt='<!channel>'>", "%s%n", "${jndi:x}"),
    ]
)
texts = st.lists(hostile | st.text(max_size=20), max_size=4).map("".join)
moments = st.none() | st.just(START) | st.datetimes(timezones=st.just(UTC))
numbers = st.none() | st.integers(-(2**62), 2**62)
statuses = st.sampled_from((3, 3, 3, 5, 9, 25, None))


@st.composite
def digests(draw: st.DrawFn) -> tuple[Digest, int]:
    """A digest as the code itself makes one, and how many results went into it."""
    total = draw(st.sampled_from((1, 2, 19, 20, 21, 31, 49, 60, 130)))
    kinds = draw(
        st.lists(
            st.tuples(statuses, texts, moments, numbers, st.booleans(), st.lists(st.integers(1, 9), max_size=12)),
            min_size=1,
            max_size=4,
        )
    )
    tests = draw(st.sampled_from((1, 3, 25, 1_000)))
    texts_of = {number: draw(texts) for number in range(1, 10)}
    rows: list[Result] = []
    for n in range(total):
        status, note, created, elapsed, flag, issues = kinds[n % len(kinds)]
        rows.append(
            make_result(
                n + 1,
                test_id=n % tests + 1 if flag else None,
                status_id=status,
                note=note,
                created_at=created,
                elapsed_us=elapsed,
                is_latest=flag,
                issue_ids=tuple(issues),
                created_by=n % 9 + 1,
                assignee_id=n % 7 + 1,
            )
        )
    counters = Counters({}, *draw(st.tuples(*[st.integers(0, 99_999)] * 4)))
    builder = make_builder(
        make_run(
            name=draw(texts),
            milestone=draw(st.none() | texts),
            configuration=draw(st.none() | texts),
            counters=counters,
        ),
        draw(texts),
    )
    expands = make_expands(texts_of, None, {9: draw(texts), 25: draw(texts), 3: draw(st.just("Failed") | texts)})
    expands = type(expands)(expands.users, {n: Issue(n, draw(texts), 4) for n in range(1, 6)}, expands.statuses)
    builder.add(rows, expands)
    return builder.build(), total


def renderer() -> Renderer:
    return Renderer(ZoneInfo("Europe/Berlin"), links=NAMES)


# A little reader of what we send that shares no code with the writer.

LINK = re.compile(rf"<(?:{re.escape(URL)}|https://tracker\.example)/[^\s<>|&]*\|([^<>]*)>")
DATE = re.compile(r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|\d{4,}-\d\d-\d\d \d\d:\d\d \S+>")
ENTITY = re.compile(r"&(?:amp|lt|gt);")
OWN_MARKS = re.compile(r"^. \*[^*\n]+\*   ")
MARKS = re.compile(r"[*~`]|(?<![^\W_])_|_(?![^\W_])|:[\w+'-]+:|^\s*&gt;", re.MULTILINE)
ELEMENTS = {"text": {"text"}, "link": {"url", "text"}, "date": {"timestamp", "format", "fallback"}}


def live(text: str) -> list[str]:
    """What Slack would take for something else than plain text, after our own links and dates are gone."""
    text = ENTITY.sub("", text)
    rest = DATE.sub("", LINK.sub(lambda found: found[1], text))
    return re.findall(r"[<>&]", re.sub(r"(?m)^> ", "", rest))


def acting(text: str) -> list[str]:
    """What Slack would take for a style, an emoji or a quote, and the template did not write."""
    rest = DATE.sub("", LINK.sub(lambda found: found[1], text))
    return MARKS.findall(OWN_MARKS.sub("", re.sub(r"(?m)^> ", "", rest)))


def objects(payload: Any, *kinds: str) -> list[dict[str, Any]]:
    """Every object of these types."""
    if isinstance(payload, list):
        return [found for item in payload for found in objects(item, *kinds)]
    if not isinstance(payload, dict):
        return []
    own = [payload] if payload.get("type") in kinds else []
    return own + [found for item in payload.values() for found in objects(item, *kinds)]


def shown_rows(digest: Digest, lines: int) -> int:
    """How many results the first so many lines stand for: the rows of a test are one line."""
    keys = [row.test_id if row.test_id is not None else f"row {n}" for n, row in enumerate(digest.results)]
    first = list(dict.fromkeys(keys))[:lines]
    return sum(key in first for key in keys)


@settings(max_examples=250, phases=FIRST_FOUND)
@given(digests())
def test_a_slack_message_keeps_every_limit_whatever_is_in_it(drawn: tuple[Digest, int]) -> None:
    digest, total = drawn
    slack = renderer()

    message = slack.notification(Outgoing("n-1", "slack:default", digest)).message
    payload = json.loads(message)

    assert slack.problems == []
    assert len(message.encode("utf-16-le")) // 2 <= 12_000
    assert len(payload["text"]) <= 4_000
    assert payload["text"].strip()
    assert live(payload["text"]) == []
    assert (payload["unfurl_links"], payload["unfurl_media"]) == (False, False)
    for shown in objects(payload["blocks"], "mrkdwn", "plain_text"):
        assert shown["text"].strip()
        assert len(shown["text"]) <= (150 if payload["blocks"][0]["text"] is shown else 3_000)
        if shown["type"] == "plain_text":
            assert shown["emoji"] is False
        else:
            assert shown["verbatim"] is True
            assert acting(shown["text"]) == []
        assert live(shown["text"]) == []
    for part in objects(payload["blocks"], "rich_text_section", "rich_text_quote"):
        assert part["elements"]
        for element in part["elements"]:
            assert element.keys() - {"type", "style"} == ELEMENTS[element["type"]]
            assert element.get("text", "x")
            assert element.get("style", {"bold": True}) == {"bold": True}
    assert [block["type"] for block in payload["blocks"][:3]] == ["header", "context", "divider"]
    assert len(payload["blocks"]) <= 45

    assert {block["type"] for block in payload["blocks"][3:-1]} <= {"section", "rich_text"}
    lines = len(payload["blocks"]) - 4
    named = shown_rows(digest, lines)
    assert named >= min(20, total)
    more = re.match(r"and (\d+) more · ", payload["blocks"][-1]["elements"][0]["text"])
    assert named + (int(more[1]) if more else 0) == total


@settings(max_examples=150, phases=FIRST_FOUND)
@given(digests())
def test_a_mail_keeps_the_limits_of_sns_whatever_is_in_it(drawn: tuple[Digest, int]) -> None:
    digest, total = drawn
    mail = renderer()

    notification = mail.notification(Outgoing("n-1", "email:default", digest))

    assert mail.problems == []
    assert re.fullmatch(r"\[Testmo\] .{1,90}", notification.subject)
    assert not re.search(
        r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef]", notification.subject
    )
    assert len(notification.message.encode()) <= 250_000
    body = [line for line in notification.message.split("\n") if not line.startswith("  > ")]
    urls = sum(line.startswith(f"  {URL}/runs/view/12") for line in body)
    more = re.search(r"^and (\d+) more: ", notification.message, re.MULTILINE)
    assert shown_rows(digest, urls) >= min(20, total)
    assert shown_rows(digest, urls) + (int(more[1]) if more else 0) == total
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", notification.message)


@settings(max_examples=150, phases=FIRST_FOUND)
@given(digests())
def test_an_event_is_exact_and_small_enough_whatever_is_in_it(drawn: tuple[Digest, int]) -> None:
    digest, total = drawn

    notification = renderer().notification(Outgoing("n-1", "event", digest))
    event = json.loads(notification.message)

    assert len(notification.message.encode()) <= 250_000
    assert len(event["results"]) + event["omitted"] == event["total"] == total == sum(event["counts"].values())
    assert len(event["results"]) >= min(20, total)
    assert {"schema", "id", "run", "total", "omitted", "counts", "results"} <= event.keys()
    assert {"id", "name", "project_id", "url"} <= event["run"].keys()
    fields = (
        "id test_id case_id case_name status_id status is_latest created_at created_by updated_at updated_by "
        "assignee_id assignee elapsed_us issues note url"
    )
    assert all(set(fields.split()) <= result.keys() for result in event["results"])
    assert event["schema"] == 1
    for result in event["results"]:
        assert result["created_at"] is None or datetime.fromisoformat(result["created_at"]).tzinfo == UTC
