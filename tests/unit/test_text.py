"""Other people's text: what of it is shown, and what it cannot do to a message."""

from __future__ import annotations

import unicodedata

import pytest

from testmo_notifier.text import clip, note_text, one_line

FAMILY = "👩\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Login page shows a blank screen</p>", "Login page shows a blank screen"),
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("<p>One<br>Two<br/>Three</p>", "One\nTwo\nThree"),
        ("<ul><li>One</li><li>Two</li></ul>", "• One\n• Two"),
        ("<ol><li><p>One</p></li></ol>", "One"),
        ("<ul><li></li><li> </li></ul>", ""),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<p>a <b>bold</b> <em>word</em></p>", "a bold word"),
        ("line\nbreaks\tof the source\r\nare spaces", "line breaks of the source are spaces"),
        ("<pre>Traceback:\n  line 1\r\n  line 2</pre>", "Traceback:\nline 1\nline 2"),
        ("<p>before</p><pre>a\nb</pre><p>c\nd</p>", "before\na\nb\nc d"),
        ('<img src="x" alt="the screen">', "[the screen]"),
        ("<img src=x onerror=alert(1)>", "[image]"),
        ("<a href='http://evil.example'>ok</a>", "ok"),
        ("a<script>alert('</p>')</script>b", "ab"),
        ("a<style>p { color: red }</style>b", "ab"),
        ("a<svg><title>t</title><text>hidden</text></svg>b", "ab"),
        ("a<svg/>b", "ab"),
        ("a<template><p>hidden</p></template>b", "ab"),
        ("a<!-- hidden -->b", "ab"),
        ("a<!DOCTYPE html>b", "ab"),
        ("<head><title>hidden</title></head><body>shown</body>", "shown"),
        ("Fish &amp; chips &lt;3 &copy; &#x1F600; &#65;", "Fish & chips <3 © 😀 A"),
        ("a&nbsp;&nbsp;b", "a b"),
        ("&bogus; &#xFFFFFFFF; &", "&bogus; \ufffd &"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("</p></p></div>", ""),
        ("", ""),
        ("   \n ", ""),
    ],
)
def test_a_note_reads_as_it_does_on_a_page(html: str, text: str) -> None:
    assert note_text(html, 500) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        # Escaping is the channel's business: here these are texts like any other (facts, section 10.1).
        ("&lt;!channel&gt; &lt;@U1&gt;", "<!channel> <@U1>"),
        ("&lt;http://evil.example|ok&gt;", "<http://evil.example|ok>"),
        ("&amp;lt;!here&amp;gt;", "&lt;!here&gt;"),
        ("a\x00b\x07c\x1b[31md", "a b c [31md"),
        ("a\u202egnp.exe\u202c b\u200e", "agnp.exe b"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffbom", "softhyphen zerowidth bom"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("not a character \ufffe \U0010ffff", "not a character"),
        ("line\u2028separators\u2029and\x85next", "line separators and next"),
        ("private \ue000 use", "private \ue000 use"),
        (f"a family {FAMILY} stays", f"a family {FAMILY} stays"),
        ("crème brûlée, 日本語, עברית", "crème brûlée, 日本語, עברית"),
    ],
)
def test_characters_that_paint_over_others_are_gone_and_letters_stay(html: str, text: str) -> None:
    assert note_text(html, 500) == text


@pytest.mark.parametrize("joiner", ["", "\u200d", "\u200c", "\u202e", "\u00ad"])
def test_marks_on_one_letter_are_bounded_whatever_stands_between_them(joiner: str) -> None:
    text = note_text("Z" + f"\u0301{joiner}" * 400, 500)

    assert sum(1 for char in text if unicodedata.category(char) == "Mn") == 4


def test_marks_in_words_of_any_language_stay() -> None:
    assert (
        one_line("Tie\u0302\u0301ng Vie\u0323\u0302t ❤️\u200d🔥", 100) == "Tie\u0302\u0301ng Vie\u0323\u0302t ❤️\u200d🔥"
    )


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 50_000 + "deep",
        "<ul><li>" * 20_000 + "deep",
        "<b>" * 50_000 + "deep" + "</b>" * 50_000,
        "</div>" * 50_000 + "deep",
        "<p>" + "x" * 3_000_000,
        "&amp;" * 500_000,
        "<!" * 50_000,
        "<![CDATA[" * 20_000,
        "&#" * 100_000,
        "<pre>" * 20_000 + "\n" * 100_000 + "deep",
        "<svg>" * 20_000 + "hidden",
    ],
    ids=lambda html: html[:12],
)
def test_a_monstrous_note_becomes_a_short_text(html: str) -> None:
    assert len(note_text(html, 500)) <= 500


def test_what_is_hidden_ends_where_it_ends() -> None:
    assert note_text("<script>a</script>b<style>c</style>d</script>e", 500) == "bde"


@pytest.mark.parametrize(
    ("text", "limit", "clipped"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("words end cleanly", 7, "words…"),
        ("&&&&", 20, "&&&&"),  # five characters each once escaped
        ("&&&&&", 20, "&&&…"),
        ('""""', 7, '"""…'),
        ("😀😀😀", 6, "😀😀😀"),  # two each, as Slack counts
        ("😀😀😀😀", 6, "😀😀…"),
        ("abcde\u0301f", 6, "abcd…"),  # not the accent without its letter, nor on the ellipsis
        (f"ab{FAMILY}", 9, "ab…"),  # what joiners hold together goes together
        ("", 5, ""),
    ],
)
def test_a_cut_keeps_whole_characters_and_counts_what_they_become(text: str, limit: int, clipped: str) -> None:
    assert clip(text, limit) == clipped


def test_a_name_is_on_one_line() -> None:
    assert one_line("  Login\r\n\twith\x00an   expired\u2028password ", 100) == "Login with an expired password"
