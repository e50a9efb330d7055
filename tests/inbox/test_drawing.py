"""Payload by payload: what the page makes of Slack's markup, in a real browser."""

from __future__ import annotations

import pytest

from tests.inbox.conftest import NOW, arrived, post, section
from tools.chromium import Chromium
from tools.inbox.receiver import Inbox

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


@pytest.mark.parametrize("payload", [{"text": 7}, {"text": ["x"]}, {"text": "x", "blocks": "no"}])
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
    browser.call("Emulation.setTimezoneOverride", timezoneId=zone)

    assert f">{words}</time>" in drawn(browser, inbox, section(DATE))
