"""Other people's text: what of it is shown, and what it cannot do to a message."""

from __future__ import annotations

import unicodedata

import pytest

from testmo_notifier.text.cleaning import printable
from testmo_notifier.text.notes import note_text
from testmo_notifier.text.shortening import clip, one_line

FAMILY = "👩\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Login page shows a blank screen</p>", "Login page shows a blank screen"),
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("<p>One<br>Two<br/>Three</p>", "One\nTwo\nThree"),
        ("<ul><li>One</li><li>Two</li></ul>", "• One\n• Two"),
        ("<ul><li></li><li> </li></ul>", ""),
        ("<p>a <b>bold</b> <em>word</em></p>", "a bold word"),
        ("<b>line</b>\nbreaks\tof the source\r\nare spaces", "line breaks of the source are spaces"),
        ("<pre>Traceback:\n  line 1\r\n  line 2</pre>", "Traceback:\n  line 1\n  line 2"),
        ("<p>before</p><pre>a\nb</pre><p>c\nd</p>", "before\na\nb\nc d"),
        ('<img src="x" alt="the screen">', "[the screen]"),
        ("<img src=x onerror=alert(1)>", "[image]"),
        ("<a href='http://evil.example'>ok</a>", "ok (http://evil.example)"),
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
        ("a\x00b\x07c\x1b[31md", "a b cd"),
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
        ("\\\\\\\\", 7, "\\\\\\…"),  # the same in JSON
        ("😀😀😀", 6, "😀😀😀"),  # two each, as Slack counts
        ("😀😀😀😀", 6, "😀😀…"),
        ("abcde\u0301f", 6, "abcd…"),  # not the accent without its letter, nor on the ellipsis
        (f"ab{FAMILY}", 9, "ab…"),  # what joiners hold together goes together
        ("", 5, ""),
    ],
)
def test_a_cut_keeps_whole_characters_and_counts_what_they_become(text: str, limit: int, clipped: str) -> None:
    assert clip(text, limit) == clipped


@pytest.mark.parametrize(
    ("text", "limit", "clipped"),
    [
        ("ab🇩🇪🇫🇷", 8, "ab🇩🇪…"),  # flags are pairs, and go or stay as one
        ("ab🇩🇪🇫🇷", 9, "ab🇩🇪…"),
        ("ab🇩🇪🇫🇷", 4, "ab…"),  # and take no letter before them along
        ("🇩🇪🇫🇷🇮🇹", 11, "🇩🇪🇫🇷…"),
        ("ab🇦🇿c", 6, "ab…"),  # from the first letter to the last
        ("a😀😀", 4, "a😀…"),  # and what is no flag is no pair
        ("ab👍🏽c", 6, "ab…"),  # a skin tone
        ("ab❤\ufe0f\u200d🔥c", 6, "ab…"),  # joined, with a variation selector
        ("ab1\ufe0f\u20e3c", 5, "ab…"),  # a keycap
        ("ab🏴\U000e0067\U000e0062\U000e007f", 9, "ab…"),  # a flag of tags
        ("ab\u1112\u1161\u11abc", 5, "ab…"),  # 한 in its parts
        ("ab\u0915\u094d\u0937c", 5, "ab…"),  # क्ष, a consonant that a virama joins
        ("ab\u0915\u093fcd", 4, "ab…"),  # a vowel sign that takes room
        ("ab\u0e19\u0e33cd", 4, "ab…"),  # and one that is a letter to Unicode
        ("ab\u1100\u11ffc", 4, "ab…"),  # the first and the last of each block of such parts
        ("ab\ua960\ud7b0c", 4, "ab…"),
        ("ab\ua97c\ud7fbc", 4, "ab…"),
        (FAMILY, 5, "…"),  # nor a part of the only one there is
        ("🇩🇪🇫🇷", 4, "…"),  # whatever the text ends with
        ("abc" + "\u200dd" * 99, 80, "abc" + "\u200dd" * 38 + "…"),  # what is joined on and on is cut anywhere
    ],
)
def test_a_cut_never_halves_what_a_reader_sees_as_one(text: str, limit: int, clipped: str) -> None:
    assert clip(text, limit) == clipped


@pytest.mark.parametrize(
    "text",
    [
        *("\u200d", "\u3164", "\u2800", "\u200b", "\u115f\u1160", "\uffa0", "\ufeff", "\u00ad", "\u2060", "\u180e"),
        *("\ufe0f", "\u034f", "\U000e0041\U000e0042", "\U0001d159", "\u0301", " \u00a0\u2003", "\u202e\u2066"),
        *("\x1b[31m\x1b[0m", "\x1b]0;title\x07", "\x00\x07", "\ud800", "", "\u3164" * 9_000),
    ],
    ids=ascii,
)
def test_a_name_that_nobody_can_see_is_none(text: str) -> None:
    assert one_line(text, 200) == ""


@pytest.mark.parametrize("text", ["-", "?", "\ue000", "a\u3164", "한", "❤\ufe0f", "\ufffd"])
def test_a_name_of_one_sign_is_a_name(text: str) -> None:
    assert one_line(text, 200) == text


@pytest.mark.parametrize("sign", ["\U0003fffd", "\U0001fbcb", "\U0001f8ff", "\ua7f0"], ids=ascii)
def test_letters_and_emoji_that_are_younger_than_this_python_stay(sign: str) -> None:
    """Each year brings new ones, and phones show them at once; the tables of the runtime are years behind."""
    assert one_line(sign, 200) == sign
    assert note_text(f"<p>Pay {sign} now</p>", 500) == f"Pay {sign} now"


@pytest.mark.parametrize("never", ["\uffff", "\ufdd0", "\U0001fffe", "\U000e0080", "\ufff0", "\u2065"], ids=ascii)
def test_what_will_never_be_a_sign_goes(never: str) -> None:
    assert one_line(never, 200) == ""
    assert one_line(f"a{never}b", 200) in ("a b", "ab")


ESCAPE_SEQUENCES = [
    "\x1b[31m",
    "\x1b[38;5;1m",
    "\x1b[2J",
    "\x1b[?25l",
    "\x1b]0;a title\x07",
    "\x1b]0;a title\x1b\\",
    "\x1b]8;;https://evil.example\x1b\\",
    "\x1b]8;;" + "x" * 5_000 + "\x07",
    "\x1bP1;2|data\x1b\\",
    "\x1b_payload\x1b\\",
    "\x1b^secret\x1b\\",
    "\x1b(B",
    "\x1b#8",
    "\x1b7",
    "\x1b=",
    "\x1bM",
    "\x1bc",
    "\x9b31m",
    "\x9d0;a title\x9c",
    "\x90data\x9c",
]


@pytest.mark.parametrize("sequence", ESCAPE_SEQUENCES, ids=ascii)
def test_what_a_terminal_obeys_vanishes_whole(sequence: str) -> None:
    assert one_line(f"Log{sequence}in fails", 200) == "Login fails"
    assert note_text(f"<p>Log{sequence}in <b>fails</b></p>", 500) == "Login fails"
    assert printable(f"Log{sequence}in\nfails") == "Login\nfails"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[31mred[0m", "[31mred[0m"),  # typed, with no escape before it
        ("100% ]0;x", "100% ]0;x"),
        ("broken \x1b[31", "broken"),
        ("never ends \x1b]0;what was said", "never ends what was said"),  # hides nothing of the text
        ("never ends \x9dwhat was said", "never ends what was said"),
        ("lone \x1b escape, \x1b[ bracket", "lone escape, bracket"),
        ("at the end \x1b", "at the end"),
        ("N\x08NA\x08AM\x08ME\x08E _\x08u_\x08l", "NAME ul"),  # bold and underlined, on a typewriter
        ("FAILED\x08\x08\x08PASSED", "FAILED PASSED"),  # nothing is painted over
        ("10%\r100%", "10% 100%"),
        ("a\u202egnp.exe\u202c \u2066b\u2069\u061c\u200e", "agnp.exe b"),
    ],
)
def test_what_steers_goes_and_what_was_said_stays(text: str, shown: str) -> None:
    assert one_line(text, 200) == shown


def test_escapes_written_as_references_vanish_too() -> None:
    assert note_text("<p>&#27;[31mred&#x1B;[0m &#x1b;]0;title&#7;text</p>", 500) == "red text"


def test_an_escape_around_markup_vanishes_too() -> None:
    """Editors make a link of every address, also of one within an escape sequence."""
    html = "\x1b]8;;<a href='https://x.example'>https://x.example</a>\x1b\\the log\x1b]8;;\x1b\\"

    assert note_text(html, 500) == "the log"


@pytest.mark.parametrize("junk", ["\x1b[31m", "\u200b", "\x1b]8;;https://x.example\x07", " ", "\n"], ids=ascii)
def test_a_name_is_understood_before_it_is_cut(junk: str) -> None:
    assert one_line(junk * 5_000 + "Login", 200) == "Login"


def test_the_flag_of_england_stays_and_no_other_hidden_tags_do() -> None:
    england = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"

    assert one_line(f"{england} a\U000e0068\U000e0069b", 200) == f"{england} ab"


def test_a_name_is_on_one_line() -> None:
    assert one_line("  Login\r\n\twith\x00an   expired\u2028password ", 100) == "Login with an expired password"
