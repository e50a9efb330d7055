"""How a Slack message looks in a terminal."""

from __future__ import annotations

import pytest

from tools.lib import blocks


def section(text: str) -> dict[str, object]:
    return {"text": "fallback", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}


@pytest.mark.parametrize(
    ("mrkdwn", "shown"),
    [
        # links are written out, because a terminal has nothing to click on
        ("<https://x.testmo.net/runs/view/1|Open run>", "Open run (https://x.testmo.net/runs/view/1)"),
        ("<https://x.testmo.net>", "https://x.testmo.net"),
        # the three entities, and only once
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        # marks of style vanish, what only looks like them stays
        ("*Failed* and _later_ and ~gone~ and `code`", "Failed and later and gone and code"),
        ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
        # a date shows what a reader without Slack would see
        ("<!date^1795435200^{date_short_pretty} {time}|2026-11-23 14:03 UTC>", "2026-11-23 14:03 UTC"),
        # somebody called is shown as such; our own messages never do
        ("<!channel> <@U123> <!subteam^S1>", "@channel @U123 @S1"),
        # quotes have a bar
        ("first\n> second\n&gt; third", "first\n▏ second\n▏ third"),
    ],
)
def test_markup_is_shown_as_a_reader_would_see_it(mrkdwn: str, shown: str) -> None:
    assert blocks.as_text(section(mrkdwn)) == shown


def test_text_cannot_steer_the_terminal() -> None:
    """Names and notes come from anybody: no colours, no titles, no cursor, no reversed writing."""
    shown = blocks.as_text(section("red \x1b[31m \x07 \u202egnirts \x9b2J"))
    assert shown == "red    gnirts "


def test_all_kinds_of_blocks_of_ours_are_shown() -> None:
    payload = {
        "text": "fallback",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "✖ 1 failed: R&amp;D *nightly*"}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "Shop · 4.2"}]},
            {"type": "divider"},
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*a*"}, {"type": "plain_text", "text": "*b*"}]},
            {"type": "image", "alt_text": "a picture"},
        ],
    }
    assert blocks.as_text(payload).splitlines() == [
        "✖ 1 failed: R&D *nightly*",
        "Shop · 4.2",
        blocks.RULE,
        "a",
        "*b*",
        "[image]",
    ]


def test_what_is_attached_stands_beside_its_bar() -> None:
    attached = {"color": "#e01e5a", "blocks": section("first\n> second")["blocks"]}
    shown = blocks.lines({"text": "1 failed", "attachments": [attached, {"color": "\x1b", "blocks": "none"}]})

    assert [line.plain for line in shown] == ["1 failed", "▌ first", "▌ ▏ second"]
    assert "#e01e5a" in {str(span.style) for span in shown[1].spans} | {str(shown[1].style)}


def test_a_message_without_blocks_shows_its_text() -> None:
    assert (
        blocks.as_text({"text": "1 failed: <https://x.testmo.net|Nightly>"})
        == "1 failed: Nightly (https://x.testmo.net)"
    )


@pytest.mark.parametrize("payload", [{}, {"blocks": "none"}, {"blocks": [1, {"type": "section"}, {}]}])
def test_a_strange_payload_is_shown_as_far_as_it_goes(payload: dict[str, object]) -> None:
    assert isinstance(blocks.as_text(payload), str)
