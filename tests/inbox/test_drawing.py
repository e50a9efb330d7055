"""Payload by payload: what the page makes of Slack's markup, in a real browser."""

from __future__ import annotations

import pytest

from tests.inbox.conftest import NOW, arrived, post, section
from tools.inbox.receiver import Inbox
from tools.maintain.chromium import Chromium

STAMP = int(NOW.timestamp())
DATE = f"<!date^{STAMP}^{{date_short_pretty}} {{time}}|2026-11-23 14:03 UTC>"


def drawn(browser: Chromium, inbox: Inbox, payload: object) -> str:
    """What the page makes of one payload, as HTML without the sender."""
    assert post(inbox, payload) == (200, b"ok")
    arrived(browser, 1)
    return str(
        browser.ask("[...document.querySelectorAll('.words > :not(.sender)')].map(block => block.outerHTML).join('')")
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _italic_ ~gone~ `a*b*c`", "<strong>bold</strong> <em>italic</em> <s>gone</s> <code>a*b*c</code>"),
        # marks inside words are letters
        ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
        ("*_both_*", "<strong><em>both</em></strong>"),
        # each entity is read once, and only these three are entities
        ("&lt;b&gt; &amp;lt; &quot;", "&lt;b&gt; &amp;lt; &amp;quot;"),
        (
            "<https://example.com/?a=1&amp;b=2|A &amp; B>",
            '<a href="https://example.com/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">A &amp; B</a>',
        ),
        # verbatim: a bare address is no link
        ("https://example.com", "https://example.com"),
        ("<javascript:alert(1)|click>", '<span class="no-link">click</span>'),
        ("<!channel> <@U123>", '<span class="mention">@channel</span> <span class="mention">@U123</span>'),
        ("<!subteam^S1>", '<span class="mention">@S1</span>'),
        ("• one\n• two 💥 :bug:", "• one\n• two 💥 :bug:"),
        # an unknown date format shows the fallback
        (f"<!date^{STAMP}^{{nope}}|then>", "<span>then</span>"),
    ],
)
def test_mrkdwn_is_drawn_as_slack_does(browser: Chromium, inbox: Inbox, text: str, html: str) -> None:
    assert drawn(browser, inbox, section(text)) == f'<div class="section"><p>{html}</p></div>'


def test_quotes_and_code_blocks_stand_apart(browser: Chromium, inbox: Inbox) -> None:
    html = drawn(browser, inbox, section("before\n> one\n&gt; two &lt;\nafter\n```\n*x*\n  y\n```"))

    assert html == (
        '<div class="section"><p>before</p><blockquote>one\ntwo &lt;</blockquote><p>after\n</p>'
        '<pre class="code-block">*x*\n  y</pre></div>'
    )


def test_plain_text_is_not_parsed(browser: Chromium, inbox: Inbox) -> None:
    html = drawn(browser, inbox, section("*no* <https://example.com|x> &amp;amp;", kind="plain_text"))

    assert html == '<div class="section"><p>*no* &lt;https://example.com|x&gt; &amp;amp;</p></div>'


def test_a_payload_of_text_alone_is_drawn_with_its_addresses_as_links(browser: Chromium, inbox: Inbox) -> None:
    html = drawn(browser, inbox, {"text": "*Run* https://example.com/1."})

    link = '<a href="https://example.com/1" target="_blank" rel="noopener noreferrer">https://example.com/1</a>'
    assert html == f'<div class="section"><p><strong>Run</strong> {link}.</p></div>'


def test_a_block_we_do_not_draw_is_named(browser: Chromium, inbox: Inbox) -> None:
    assert drawn(browser, inbox, {"text": "x", "blocks": [{"type": "video"}]}) == '<p class="unknown">[video]</p>'


def test_an_attachment_stands_beside_a_bar_of_its_color(browser: Chromium, inbox: Inbox) -> None:
    attached = {"color": "#2eb67d", "fallback": "x", "blocks": section("*3* passed")["blocks"]}
    html = drawn(browser, inbox, {"text": "x", "blocks": section("at the top")["blocks"], "attachments": [attached]})

    bar = '<div class="attachment" style="border-left-color: rgb(46, 182, 125);">'
    assert html == (
        '<div class="section"><p>at the top</p></div>'
        f'{bar}<div class="section"><p><strong>3</strong> passed</p></div></div>'
    )


@pytest.mark.parametrize(
    ("color", "style"),
    [("danger", ' style="border-left-color: rgb(224, 30, 90);"'), ("url(//evil.example)", ""), (7, ""), (None, "")],
)
def test_an_attachment_without_blocks_shows_its_fallback(
    browser: Chromium, inbox: Inbox, color: object, style: str
) -> None:
    html = drawn(browser, inbox, {"text": "a", "attachments": [{"color": color, "fallback": "<b>"}]})

    assert html == (
        f'<div class="section"><p>a</p></div><div class="attachment"{style}><p class="unknown">[&lt;b&gt;]</p></div>'
    )


def test_the_list_says_what_is_the_first_line_beside_the_bar(browser: Chromium, inbox: Inbox) -> None:
    attached = {"color": "#2eb67d", "blocks": section("*Failed*   Login")["blocks"]}
    post(inbox, {"text": "x", "blocks": section("For Grace")["blocks"], "attachments": [attached]})
    arrived(browser, 1)

    assert browser.ask("document.querySelector('.row-snippet').textContent") == "Failed Login"


@pytest.mark.parametrize(
    "payload",
    [
        {"text": 7},
        {"text": ["x"]},
        {"text": "x", "blocks": "no"},
        {"text": "x", "attachments": [7, {}, {"blocks": [7]}]},
    ],
)
def test_a_payload_of_odd_types_stops_nothing(browser: Chromium, inbox: Inbox, payload: object) -> None:
    post(inbox, payload)
    post(inbox, {"text": "next"})

    arrived(browser, 2)


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "Today 2:03 PM"),
        ("America/Los_Angeles", "Today 6:03 AM"),
        ("Pacific/Auckland", "Today 3:03 AM"),  # where it is the 24th already, now as then
    ],
)
def test_dates_are_in_the_readers_zone(browser: Chromium, inbox: Inbox, zone: str, words: str) -> None:
    browser.go(inbox.url, time_zone=zone)

    assert f">{words}</time>" in drawn(browser, inbox, section(DATE))


def rich_text(*parts: dict[str, object]) -> dict[str, object]:
    return {"text": "x", "blocks": [{"type": "rich_text", "elements": list(parts)}]}


def text(words: str, **style: bool) -> dict[str, object]:
    return {"type": "text", "text": words, **({"style": style} if style else {})}


@pytest.mark.parametrize(
    ("element", "html"),
    [
        # nothing is markup, not even an entity
        (text("*a* _b_ :x: &amp; <https://example.com|x>"), "*a* _b_ :x: &amp;amp; &lt;https://example.com|x&gt;"),
        (text("a", bold=True, italic=True), "<strong><em>a</em></strong>"),
        (text("a", strike=True), "<s>a</s>"),
        (text("a", code=True, bold=False), "<code>a</code>"),
        (
            {"type": "link", "url": "https://example.com/?a&b", "text": "*x*"},
            '<a href="https://example.com/?a&amp;b" target="_blank" rel="noopener noreferrer">*x*</a>',
        ),
        ({"type": "link", "url": "javascript:alert(1)", "text": "x"}, '<span class="no-link">x</span>'),
        ({"type": "emoji", "name": "fire"}, ":fire:"),
        ({"type": "broadcast", "range": "here"}, '<span class="mention">@here</span>'),
        ({"type": "user", "user_id": "U1"}, '<span class="mention">@U1</span>'),
        ({"type": "date", "timestamp": STAMP, "format": "{nope}", "fallback": "then"}, "<span>then</span>"),
        ({"type": "colour"}, '<span class="unknown">[colour]</span>'),
    ],
)
def test_rich_text_is_drawn_as_it_says(browser: Chromium, inbox: Inbox, element: dict[str, object], html: str) -> None:
    payload = rich_text({"type": "rich_text_section", "elements": [element]})

    assert drawn(browser, inbox, payload) == f'<div class="section"><p>{html}</p></div>'


def test_rich_text_has_sections_quotes_and_code_blocks(browser: Chromium, inbox: Inbox) -> None:
    kinds = ("rich_text_section", "rich_text_quote", "rich_text_preformatted", "rich_text_list")
    parts: list[dict[str, object]] = [{"type": kind, "elements": [text("a")]} for kind in kinds]
    html = drawn(browser, inbox, rich_text(*parts))

    assert html == (
        '<div class="section"><p>a</p><blockquote>a</blockquote><pre class="code-block">a</pre>'
        '<p class="unknown">[rich_text_list]</p></div>'
    )


def test_a_date_in_rich_text_is_in_the_readers_zone(browser: Chromium, inbox: Inbox) -> None:
    date = {"type": "date", "timestamp": STAMP, "format": "{date_short_pretty} {time}", "fallback": "then"}
    html = drawn(browser, inbox, rich_text({"type": "rich_text_section", "elements": [date]}))

    assert ">Today 2:03 PM</time>" in html


def test_a_mark_kept_apart_from_its_words_is_a_character(browser: Chromium, inbox: Inbox) -> None:
    words = "\u200b*\u200ba\u200b*\u200b \u200b_\u200bb\u200b_\u200b \u200b`\u200bc\u200b`\u200b"
    html = drawn(browser, inbox, section(words))

    assert html.replace("\u200b", "") == '<div class="section"><p>*a* _b_ `c`</p></div>'
