"""Whatever testers write, a message keeps every limit, names enough, counts exactly and pings nobody."""
# ruff: noqa: ANN401 - what a test gives is handed on

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.rendering import SEVERAL_LIMITS
from testmo_notifier.model import (
    FAILING,
    FINISHED,
    REASONS,
    RECOVERED,
    Counters,
    Digest,
    Hold,
    Issue,
    Kind,
    Mention,
    Outgoing,
    Result,
    Silenced,
)
from testmo_notifier.notices.fold import folded
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.merge import with_news, with_passed
from testmo_notifier.settings.people import People
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


def scalar(text: str) -> str:
    """What can stand in a file of a team's: TOML has no half of a character."""
    return text.encode("utf-8", "replace").decode()


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
    digest = builder.build()
    about = draw(st.sampled_from((FAILING, FAILING, FAILING, RECOVERED, FINISHED)))
    told = st.tuples(st.sampled_from(REASONS), st.integers(0, 120), moments)
    stories = draw(st.lists(told, min_size=1, max_size=3))
    results = [
        replace(row, reason=reason, streak=streak, since=since)
        for row, (reason, streak, since) in zip(digest.results, cycle(stories), strict=False)
    ]
    people = st.builds(Mention, texts, st.none() | st.integers(1, 9), st.booleans())
    return replace(
        digest,
        about=about,
        results=tuple(results),
        routes=tuple(draw(st.lists(texts.map(scalar), max_size=2))),
        mentions=tuple(draw(st.lists(people, max_size=60))) if about == FAILING else (),
    ), total


class Storm:
    """A digest too long to be written out."""

    def __init__(self, digest: Digest) -> None:
        self.digest = digest


@st.composite
def storms(draw: st.DrawFn) -> Storm:
    """Several runs whose texts are anybody's, as they are folded into one message."""
    size = draw(st.sampled_from((1, 2, 7, 45)))
    kinds = draw(st.lists(st.tuples(texts, texts, texts, texts, st.integers(0, 9)), min_size=1, max_size=4))
    named = {3: draw(st.just("Failed") | texts), 5: draw(st.just("Blocked") | texts)}
    held = []
    for n in range(size):
        name, project, note, person, rows = kinds[n % len(kinds)]
        run = make_run(n + 1, name=name, project_id=1 + n % 3)
        builder = make_builder(run, project)
        keys = range(100 * n + 1, 100 * n + 1 + rows)
        found = [make_result(key, status_id=3 + 2 * (key % 2), note=note, created_by=1 + key % 2) for key in keys]
        builder.add(found, make_expands({1: person, 2: ""}, None, named))
        digest = replace(builder.build(), mentions=(Mention(person, 1),), reasons=("new",))
        statuses = dict.fromkeys((row.status_id or 0, row.status) for row in digest.results)
        numbers = {status: number for number, status in enumerate(statuses)}
        news = replace(
            Outgoing("", "slack:default", digest),
            rows={row.id or 0: (row.test_id or 0, numbers[row.status_id or 0, row.status]) for row in digest.results},
            kinds=tuple(Kind(FAILING, *status, "new", ("team",), digest.mentions) for status in statuses),
        )
        one = with_news(None, news, Hold("fold", START), now=START, order=1)
        if draw(st.booleans()):
            over = replace(digest, about=FINISHED, results=(), keys=frozenset())
            end = Outgoing("", "slack:default", over)
            one = with_news(one, end, Hold("fold", START), now=START, order=2)
        silence = tuple(Silenced(n + 1, person, START) for _ in range(n % 3))
        one = replace(one, frame=replace(one.frame, silenced=silence))
        held.append(with_passed(one, draw(st.sets(st.sampled_from(keys), max_size=3)) if rows else ()))
    return Storm(folded("slack:default", held).digest)


def renderer(**given: Any) -> Renderer:
    return Renderer(ZoneInfo("Europe/Berlin"), links=NAMES, **given)


# A little reader of what we send that shares no code with the writer.

LINK = re.compile(rf"<(?:{re.escape(URL)}|https://tracker\.example)/[^\s<>|&]*\|([^<>]*)>")
DATE = re.compile(r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|\d{4,}-\d\d-\d\d \d\d:\d\d \S+>")
ENTITY = re.compile(r"&(?:amp|lt|gt);")
OWN_MARKS = re.compile(r"^. \*[^*\n]+\*   ", re.MULTILINE)
OF_SEVERAL = re.compile(r"^(. \*[^*\n]+\*   )\*(\d+ tests: [^*\n]*)\*$", re.MULTILINE)
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
    return MARKS.findall(OWN_MARKS.sub("", OF_SEVERAL.sub(r"\1\2", re.sub(r"(?m)^> ", "", rest))))


def objects(payload: Any, *kinds: str) -> list[dict[str, Any]]:
    """Every object of these types."""
    if isinstance(payload, list):
        return [found for item in payload for found in objects(item, *kinds)]
    if not isinstance(payload, dict):
        return []
    own = [payload] if payload.get("type") in kinds else []
    return own + [found for item in payload.values() for found in objects(item, *kinds)]


def named_rows(digest: Digest, addresses: list[str]) -> int:
    """How many results the tests with these addresses have; a row without a test has the run's."""
    alone = addresses.count(digest.run_url)
    assert len(set(addresses)) == len(addresses) - max(0, alone - 1), "no test is named twice"
    return alone + sum(row.test_id is not None and row.url in addresses for row in digest.results)


def addresses(blocks: Any) -> list[str]:
    """Where the links to the run lead."""
    written = [found for part in objects(blocks, "mrkdwn") for found in re.findall(r"<([^|<>]+)\|", part["text"])]
    linked = [element["url"] for element in objects(blocks, "link")]
    return [url for url in (*written, *linked) if url.startswith(f"{URL}/runs/view/12")]


def without_calls(payload: Any) -> Any:
    """The text, and the blocks, without what people.toml calls; they are the same in both."""
    first, *rest = payload["text"].split("\n")
    called = [part for part in payload["blocks"][2:] if part]
    assert len(called) <= 1
    if called:
        assert rest[0].startswith("For ")
    return "\n".join((first, *(rest[1:] if called else rest))), payload["blocks"][:2]


@settings(max_examples=250, phases=FIRST_FOUND)
@given(digests())
def test_a_slack_message_keeps_every_limit_whatever_is_in_it(drawn: tuple[Digest, int]) -> None:
    digest, total = drawn
    slack = renderer()

    message = slack.notification(Outgoing("n-1", "slack:default", digest)).message
    payload = json.loads(message)

    assert slack.problems == []
    assert len(message.encode("utf-16-le")) // 2 <= 12_000
    text, top = without_calls(payload)
    assert len(text) <= 4_000
    assert text.strip()
    assert live(text) == []
    assert (payload["unfurl_links"], payload["unfurl_media"]) == (False, False)
    (attachment,) = payload["attachments"]
    blocks = [*top, *attachment["blocks"]]
    assert attachment["color"] in ("#e01e5a", "#ecb22e", "#2eb67d")
    assert attachment["fallback"]
    assert [block["type"] in kinds for block, kinds in zip(top, (("header",), ("context", "rich_text")), strict=True)]
    for shown in objects(blocks, "mrkdwn", "plain_text"):
        assert shown["text"].strip()
        assert len(shown["text"]) <= (150 if top[0]["text"] is shown else 3_000)
        if shown["type"] == "plain_text":
            assert shown["emoji"] is False
        else:
            assert shown["verbatim"] is True
            assert acting(shown["text"]) == []
        assert live(shown["text"]) == []
    for part in objects(blocks, "rich_text_section", "rich_text_quote"):
        assert part["elements"]
        for element in part["elements"]:
            assert element.keys() - {"type", "style"} == ELEMENTS[element["type"]]
            assert element.get("text", "x")
            assert element.get("style", {"bold": True}) == {"bold": True}
    assert len(blocks) <= 45
    *lines, last = attachment["blocks"]
    begins = (
        last["elements"][0] if last["type"] == "context" else last.get("elements", [{}])[0].get("elements", [{}])[0]
    )
    more = re.match(r"and (\d+) more(?: \(.*\))? · ", begins.get("text", ""))
    lines += [] if more else [last]
    assert {block["type"] for block in lines} <= {"section", "rich_text"}
    named = named_rows(digest, addresses(lines))
    assert named >= min(20, total)
    assert named + (int(more[1]) if more else 0) == total


@settings(max_examples=80, phases=FIRST_FOUND)
@given(storms())
def test_a_message_about_several_runs_keeps_every_limit_and_counts_exactly_whatever_is_in_it(storm: Storm) -> None:
    digest, slack = storm.digest, renderer()
    message = slack.notification(Outgoing("n-1", "slack:default", digest)).message
    payload = json.loads(message)

    assert slack.problems == []
    assert len(message.encode("utf-16-le")) // 2 <= 12_000
    assert len(payload["text"]) <= 4_000
    assert live(payload["text"]) == []
    (attachment,) = payload["attachments"]
    blocks = [*payload["blocks"], *attachment["blocks"]]
    assert len(blocks) <= 45
    assert not objects(payload, "user", "usergroup", "broadcast", "channel")
    for shown in objects(blocks, "mrkdwn"):
        assert len(shown["text"]) <= 3_000
        assert shown["verbatim"] is True
        assert re.findall(r"<[!@#](?!date)", shown["text"]) == []
    view = slack.view(digest, SEVERAL_LIMITS[0])
    named = {url: part for part in view.parts for url in (part.url, *(other.url for other in part.others)) if url}
    assert named.keys() == {run.run_url for run in digest.parts}
    for run in digest.parts:
        assert [count.n for count in named[run.run_url].counts] == list(run.counts.values())
    fewer = slack.view(digest, SEVERAL_LIMITS[-1])
    assert sum(count.n * (1 + len(part.others)) for part in fewer.parts for count in part.counts) == digest.total
    assert sum(line.rows for line in view.lines) + view.more == digest.total

    body = renderer().notification(Outgoing("n-1", "email:default", digest))
    assert re.fullmatch(r"\[Testmo\] .{1,90}", body.subject)
    assert len(body.message.encode()) <= 250_000
    assert all(f"  {part.run_url}\n" in body.message for part in digest.parts)


CALLED = People({1: "U111", 2: "W222"}, {}, {"": "S333", "x": "here"})


@settings(max_examples=150, phases=FIRST_FOUND)
@given(digests())
def test_only_people_toml_calls_anybody_and_in_the_text_as_at_the_top(drawn: tuple[Digest, int]) -> None:
    digest, _ = drawn
    wanted = {call for mention in digest.mentions if (call := CALLED.slack_id(mention))}

    payload = json.loads(renderer(people=CALLED).notification(Outgoing("n-1", "slack:default", digest)).message)

    calls = re.findall(r"<[!@#](?!date)(?:subteam\^)?(\w+)>", payload["text"])
    assert sorted(calls) == sorted(wanted)
    at_the_top = [*objects(payload["blocks"], "user", "usergroup", "broadcast"), *objects(payload["blocks"], "mrkdwn")]
    assert all(any(call in json.dumps(part) for part in at_the_top) for call in wanted)
    assert not objects(payload["attachments"], "user", "usergroup", "broadcast")
    beside_the_bar = [part["text"] for part in objects(payload["attachments"], "mrkdwn")]
    assert not any(re.search(r"<[!@#](?!date)", text) for text in beside_the_bar)


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
    urls = [line.strip() for line in body if line.startswith((f"  {URL}/runs/view/12", f"    {URL}/"))]
    more = re.search(r"^and (\d+) more(?: \(.*\))?: ", notification.message, re.MULTILINE)
    assert named_rows(digest, urls) >= min(20, total)
    assert named_rows(digest, urls) + (int(more[1]) if more else 0) == total
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
