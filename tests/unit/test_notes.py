"""Notes as editors, Word and scripts write them: what of them is shown (SECURITY.md), however little of the HTML."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, SupportsIndex

import pytest

from testmo_notifier.text import markup, tags
from testmo_notifier.text.lines import Lines
from testmo_notifier.text.notes import note_text, short_note, without_addresses
from tests.support.factories import make_builder, make_expands, make_result, make_run

if TYPE_CHECKING:
    from _typeshed import TraceFunction

SENTENCE = "The undo button removes line 2."
WORD_COMMENT = "<!--[if gte mso 9]><xml><w:View>Normal</w:View>" + "<w:LsdException/>" * 2_000 + "</xml><![endif]-->"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<p><img src="data:image/png;base64,' + "iVBOR" * 6_000 + '"></p>', "[image]\n"),
        ("<p><img alt='the screen' src='data:image/png;base64," + "A" * 3_000_000 + "'></p>", "[the screen]\n"),
        ("<p><img alt='data:image/png;base64," + "A" * 30_000 + "'></p>", "[image]\n"),
        ("<p>data:image/png;base64," + "A" * 30_000 + " </p>", "[image]\n"),
        ("<p>![log](data:text/plain;base64," + "QUJD" * 9_000 + ")</p>", "![log]([data])\n"),
        ("<div style='background: url(data:image/png;base64," + "A" * 90_000 + ")'></div>", ""),
        ("<style>" + "p { margin: 0 }" * 2_000 + "</style>", ""),
        ("<script>" + "if (a < b) {}" * 3_000 + "</script>", ""),
        (WORD_COMMENT, ""),
        ("<!-- " + "x" * 33_000 + " > -->", ""),
        ("<xml>" + "<w:Zoom>0</w:Zoom>" * 3_000 + "</xml>", ""),
        ("<svg>" + "<path d='M0 0'></path><text>t</text>" * 1_000 + "</svg>", ""),
        ("<div hidden>" + "hidden <div>too</div> " * 2_000 + "</div>", ""),
        ("<p hidden>never closed", ""),
        ("<span style='display:none;mso-hide:all'>" + "preheader " * 3_000 + "</span>", ""),
        ('<div style="color: red; DISPLAY : NONE !important"><p>x</p></div>', ""),
        ('<div style="' + "margin: 0; " * 900 + 'visibility:hidden">' + "x" * 30_000 + "</div>", ""),
        ("<p style='mso-hide: all'>" + "x" * 30_000 + "</p>", ""),
        ("<p>&nbsp;</p>" * 3_000, ""),
        ("<p>\u200b<br></p>" * 3_000, ""),
        ("\n" * 90_000, ""),
        ("<o:p></o:p>" * 3_000, ""),
        ("<span>" * 3_000 + "</span>" * 3_000, ""),
    ],
    ids=lambda value: value[:30],
)
def test_what_shows_nothing_costs_nothing_of_a_note(html: str, text: str) -> None:
    assert note_text(f"{html}<p>{SENTENCE}</p>", 500) == text + SENTENCE


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><svg><path d='M0'><p>b</p><p>c</p>", "a\nb\nc"),
        ("<p>a</p><svg><g><text>t</text><p>b</p></svg>c", "a\nb\nc"),  # HTML ends it, as browsers do
        ("Look <SVG> at this", "Look at this"),
        ("<p>x</p><math><mi>y</mi><p>after</p></math>", "x\nafter"),
        ("<svg><foreignObject><p>hidden</p></foreignObject></svg><p>b</p>", "b"),
        ("a<svg><text>t</text></SVG >b", "ab"),
        ("<svg/>a", "a"),
    ],
)
def test_a_drawing_that_nobody_ended_hides_no_text_behind_it(html: str, text: str) -> None:
    assert note_text(html, 500) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        # a quote that nobody closed: the next one of its kind is another's
        ('<a href="x>text</a><p>more</p>', "text\nmore"),
        ('<a href="x>text</a><p class="b">more</p>', "text\nmore"),
        ('<a href="x>text</a><p class="">more</p>', "text\nmore"),
        ('<a href="x>text</a> 5" long', 'text 5" long'),
        ('<em title="x>text</em> 5" long', 'text 5" long'),
        ('<p class="x>text of 5" > 4</p>', 'text of 5" > 4'),
        ('<p title="x>he said "no" to it</p>', 'he said "no" to it'),
        ("<b class='x>text isn't it</b>", "text isn't it"),
        ('<p class="x text <b>more</b>', '<p class="x text more'),
        # a tag that nobody ended
        ("<p class=x text <b>more</b>", "<p class=x text more"),
        ("<p>a</p><p class=x text behind it", "a\n<p class=x text behind it"),
        ('<p>a</p><p class="x text behind it', 'a\n<p class="x text behind it'),
        ("a </b text <i>more</i>", "a </b text more"),
        ("a </b text", "a </b text"),
        # comments and their like
        ("a <!-- text <b>more</b> > b", "a <!-- text more > b"),
        ("a <!-- text -- more", "a <!-- text -- more"),
        ("a <![CDATA[text > <i>]]>b", "a text > <i>b"),
        ("a <![CDATA[text <b>more</b>", "a text more"),
        ("a <! text > b", "a <! text > b"),
        ("a <!text <b>more</b>", "a <!text more"),
        ("a <? text ?> b", "a <? text ?> b"),
        ("a <?php text <b>more</b>", "a <?php text more"),
        ("a </> text > b", "a </> text > b"),
        # what hides all that is in it, up to an end that does not come
        *(
            (f"No <{name}> here: <b>text</b>", f"No <{name}> here: text")
            for name in ("script", "style", "title", "noscript", "iframe", "template", "video", "canvas", "xml")
        ),
        ("<textarea>text<p>more</p>", "text\nmore"),
    ],
)
def test_no_text_vanishes_behind_what_nobody_ended(html: str, text: str) -> None:
    """A browser hides it. Whoever reads the message would not know that anything was said."""
    assert note_text(html, 500) == text
    assert note_text(f"<p>before</p>{html}", 500) == f"before\n{text}"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<img alt="a < b > c"><p title="<b>x</b>">text</p>', "[a < b > c]\ntext"),
        ("<p title='a > b'class='c'>text</p>", "text"),
        ('<p><a href="https://ci.example/?q=a>b">text</a> <b class="[&amp;>svg]:p-4">bold</b></p>', "text bold"),
        ("<img src=\"data:image/svg+xml,<svg x='1'></svg>\">text", "[image] text"),
        ('text<p class="cut off" id="o', "text"),
        ("text<img src='https://example.com/a.p", "text"),
        ("text</p", "text"),
        ("<!DOCTYPE html><?xml version='1.0'?><![if !mso]>text<![endif]>", "text"),
        ("<svg><svg></svg>in the outer one</svg>text", "text"),
    ],
)
def test_what_was_ended_or_only_cut_off_shows_nothing_of_its_tags(html: str, text: str) -> None:
    assert note_text(html, 500) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>See <a href='https://ci.example/log/7'>the log</a>.</p>", "See the log (https://ci.example/log/7)."),
        ("<A HREF=' HTTP://ci.example/?a=1&amp;b=|2 '>log</A>", "log (HTTP://ci.example/?a=1&b=|2)"),
        ("<p><a href=https://ci.example/7>the<br><b>log</b></a>", "the\nlog (https://ci.example/7)"),
        ("<a href=https://ci.example/7><div>the log</div></a>more", "the log (https://ci.example/7)\nmore"),
        ("<p><a href=https://ci.example/7>log<p>more</p>", "log (https://ci.example/7)\nmore"),  # nobody closed it
        ("<a href=http://a>1<a href=http://b>2</a>", "1 (http://a)2 (http://b)"),
        ("<a href=https://ci.example/7><img></a>", "[image] (https://ci.example/7)"),
        ("<ol><li><a href=http://a>b</a></ol>", "1. b (http://a)"),
        ("<table><tr><td><a href=http://a>b</a><td>c</table>", "b (http://a) | c"),
        ("<a href=http://a><table><tr><td>b<td>c</table></a>", "b | c (http://a)"),
        ("<pre><a href=http://a>b\n  c</a>\nd</pre>", "b\n  c (http://a)\nd"),
        # the text says it
        ("<a href='https://ci.example/log/'>https://ci.example/log</a>", "https://ci.example/log"),
        ("<a href='https://www.ci.example/'><b>CI</b>.example</a>", "CI.example"),
        # there is nothing that leads there
        ("a<a href=https://ci.example></a>b", "ab"),
        ("<div hidden><a href=https://ci.example>no</a></div>a", "a"),
        # no page
        ("<a href='javascript:alert(1)'>log</a>", "log"),
        ("<a href='java\nscript:alert(1)//https://ci.example'>log</a>", "log"),
        ("<a href='mailto:ada@example.com'>log</a>", "log"),
        ("<a href='/attachments/view/1'>log</a>", "log"),
        ("<a name='https://ci.example'>log</a>", "log"),
        # no address as anybody would read it
        ("<a href='https://ci.example/ a'>log</a>", "log"),
        ("<a href='https://ci.example/\u202egol'>log</a>", "log"),
        ("<a href='https://ci.example/&lt;b&gt;'>log</a>", "log"),
        (f"<a href='https://ci.example/?token={'a' * 180}'>log</a>", "log"),  # it would take all the room there is
    ],
    ids=lambda value: value[:60],
)
def test_a_link_says_where_it_leads_if_that_is_a_page_and_its_text_does_not_say_it(html: str, text: str) -> None:
    assert note_text(html, 500) == text


@pytest.mark.parametrize(
    "typed",
    [
        'File "pay.py", line 3, in <module>',
        "at Object.<anonymous> (cart.js:7:1)\n    at Cart.<init>(Cart.java:12)",
        "expected:<cart[]> but was:<cart[ 1]>",
        "Expected <null> but was <None>",
        "Map<String, List<Integer>> is not Foo<Bar>",
        "std::vector<std::string> of <T>",
        "Ada <ada@example.com> wrote: see <https://example.com/a?b=c>",
        "<order><id>7</id></order>",
        "if x<y and y>z then",
        "if (a<b && c>d || p<q || r>s) of a<b and c>d",
        "if a<b c >d",
        "List<Object> of Optional<Section>",
        "Expected <title> to be 'Shop', and an <iframe> to be there",
        "<tag>" * 40,
    ],
)
def test_what_is_no_tag_of_html_is_shown_with_its_lines_as_it_was_typed(typed: str) -> None:
    """Scripts save notes that no editor has escaped, and what an assertion expected is what matters in them."""
    assert note_text(typed, 500) == typed
    assert note_text(f"<p>{typed.splitlines()[-1]}</p>", 500) == typed.splitlines()[-1].strip()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p class=MsoNormal>a<o:p></o:p> <st1:place>b</st1:place></p>", "a b"),
        ("<my-note>a <g-emoji>b</g-emoji></my-note>", "a b"),
        ("<P>a <FONT color=red>b</FONT></p>", "a b"),
        ("<td nowrap>a</td><input checked disabled><div data-v-7ba5bd90>b</div>", "a\nb"),
        ("<title>no</title><iframe src=x>no</iframe>a", "a"),
        ("<svg><unknown>no</unknown></svg>a", "a"),
        ("<div style='display:none'><module>no</module></div>a", "a"),
        ("a<svg><path><lineargradient>b", "ab"),  # nobody ended the drawing
    ],
)
def test_the_tags_of_old_html_of_word_and_of_web_components_show_nothing(html: str, text: str) -> None:
    assert note_text(html, 500) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<div style='visibility:hidden'>no <b style='visibility: visible'>yes</b> no</div>", "yes"),
        ("<p style='visibility:collapse'>no<span style='VISIBILITY:VISIBLE'>yes</span>", "yes"),
        ("<p style='visibility:hidden; visibility:visible'>yes", "yes"),  # the last one counts
        ("<div style='display:none'>no <b style='visibility:visible'>no</b></div>yes", "yes"),
        ("<p style='visibility:hidden'><img alt='no'><img alt='yes' style='visibility:visible'></p>", "[yes]"),
    ],
)
def test_what_is_visible_within_what_is_not_is_shown(html: str, text: str) -> None:
    assert note_text(html, 500) == text


@pytest.mark.parametrize(
    ("attributes", "numbers"),
    [
        ("type=A", ["A.", "B."]),
        ("type=a start=26", ["z.", "aa."]),
        ("type=a start=702", ["zz.", "aaa."]),
        ("type=i start=3", ["iii.", "iv."]),
        ("type='I' start=1994", ["MCMXCIV.", "MCMXCV."]),
        ("type=I reversed", ["II.", "I."]),
        ("style='list-style-type: upper-roman'", ["I.", "II."]),
        ("style='list-style: inside lower-alpha'", ["a.", "b."]),
        ("type=i start=0", ["0.", "i."]),
        ("type=a start=-1", ["-1.", "0."]),
        ("type=I start=3999", ["MMMCMXCIX.", "4000."]),
        ("type=1", ["1.", "2."]),
        ("type=x", ["1.", "2."]),
    ],
)
def test_a_list_is_numbered_in_its_own_numerals(attributes: str, numbers: list[str]) -> None:
    lines = note_text(f"<ol {attributes}><li>x<li>y</ol>", 500).splitlines()

    assert lines == [f"{numbers[0]} x", f"{numbers[1]} y"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<pre>def f():\n    return 1\n\n\tx\n</pre>", "def f():\n    return 1\n    x"),
        ("<pre><code>if a:\n  <b>b</b>\n    c</code></pre>", "if a:\n  b\n    c"),
        ("<div style='white-space: pre-wrap'>a\n   b</div>", "a\n   b"),
        ("<pre>a\n" + " " * 90_000 + "b</pre>", "a\n" + " " * 40 + "b"),  # no more than anybody needs
        ("<p>a\n   b</p>", "a b"),
        ("line one\nline two\r\n  indented", "line one\nline two\n  indented"),  # a plain text has no other line breaks
        ("a < b\nc &amp; d", "a < b\nc & d"),
        ("line one\n<b>line</b> two", "line one line two"),
    ],
    ids=lambda value: value[:30],
)
def test_the_lines_of_code_and_of_plain_text_are_kept_with_their_indentation(html: str, text: str) -> None:
    assert note_text(html, 500) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Press <del>a</del><ins>b</ins>!</p>", "Press a b!"),
        ("<ins>b</ins><del>a</del>", "b a"),
        ("<del><b>a</b></del><ins><b>b</b></ins>", "a b"),
        ("un<del>a</del>b", "unab"),
        ("<del>a</del>, <ins>b</ins>", "a, b"),
    ],
)
def test_what_was_replaced_and_what_replaces_it_are_two_words(html: str, text: str) -> None:
    assert note_text(html, 500) == text


def test_a_digest_keeps_the_understood_text_of_a_note_and_no_more() -> None:
    builder = make_builder(make_run(), "Shop")
    picture = '<p><img src="data:image/png;base64,' + "A" * 400_000 + '"></p>'
    builder.add(
        [make_result(1, note=f"{picture}<p>{SENTENCE}</p>" + "<p>more</p>" * 9_000)], make_expands({}, None, {})
    )

    (result,) = builder.build().results

    assert result.note.startswith(f"[image]\n{SENTENCE}\nmore\n")
    assert result.note.endswith("…")
    assert len(result.note) <= 500


def test_a_long_note_is_kept_as_its_text_and_read_once() -> None:
    long = short_note("<p>&lt;b&gt; is typed</p><ul><li>One<ul><li>Two</li></ul></li></ul>" + "<i></i>" * 1_000)

    assert len(long) < 100
    assert note_text(long, 500) == "<b> is typed\n• One\n  • Two"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        # TipTap, CKEditor: a paragraph in each item
        (
            "<ul><li><p>One</p></li><li><p>Two</p><p>more of it</p></li></ul><p>after</p>",
            "• One\n• Two\n  more of it\nafter",
        ),
        ("<ol><li><p>One</p></li><li><p>Two</p></li></ol>", "1. One\n2. Two"),
        ("<ol start=4><li>Four</li><li value='9'>Nine</li><li>Ten</li></ol>", "4. Four\n9. Nine\n10. Ten"),
        ("<ol start='x'><li>One</li></ol>", "1. One"),
        ("<ol reversed start=10><li>a</li><li>b</li></ol>", "10. a\n9. b"),
        ("<ol reversed><li>a</li><li>b</li><li>c</li></ol>", "3. a\n2. b\n1. c"),
        ("<ol><li>a<ol><li>b</li><li>c</li></ol></li><li>d</li></ol>", "1. a\n  1. b\n  2. c\n2. d"),
        ("<ul><li><p>a</p><ul><li><p>b</p></li></ul></li><li>c</li></ul>", "• a\n  • b\n• c"),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "• a\n  • b"),  # Google Docs
        ("<ul><li>a<li>b<ol><li>c</ol><li>d</ul>e", "• a\n• b\n  1. c\n• d\ne"),  # nobody closed anything
        ("<ul><li>a<ul></li><li>b</li></ul>c</li></ul>", "• a\n  • b\n  c"),  # an end tag of no item in that list
        ("<ol><li>One</li></ol><ol><li>Again one</li></ol>", "1. One\n1. Again one"),
        ("<ol><li></li><li>Two</li></ol>", "2. Two"),
        ("<ul><li>&#8203;</li><li><br></li></ul>after", "after"),
        ("<li>alone</li>", "• alone"),
        ("<ul><li><pre>a\nb</pre></li></ul>", "• a\n  b"),
        # task lists: TipTap, CKEditor, Quill, Markdown
        (
            (
                "<ul data-type='taskList'><li data-checked='true'><label><input type='checkbox' checked='checked'>"
                "<span></span></label><div><p>Done</p></div></li><li data-checked='false'><label>"
                "<input type='checkbox'></label><div><p>Open</p></div></li></ul>"
            ),
            "☑ Done\n☐ Open",
        ),
        (
            (
                "<ul class='todo-list'><li><label class='todo-list__label'><input type='checkbox' disabled checked>"
                "<span class='todo-list__label__description'>Done</span></label></li></ul>"
            ),
            "☑ Done",
        ),
        ("<ul><li class='task-list-item'><input type='checkbox' disabled> Open</li></ul>", "☐ Open"),
        ("<ol><li data-list='checked'>Done</li><li data-list='unchecked'>Open</li></ol>", "☑ Done\n☐ Open"),
        # Quill's lists are flat
        (
            (
                "<ol><li data-list='ordered'>a</li><li data-list='ordered' class='ql-indent-1'>b</li>"
                "<li data-list='ordered' class='ql-indent-1'>c</li><li data-list='ordered'>d</li>"
                "<li data-list='ordered' class='ql-indent-1'>e</li><li data-list='bullet'>f</li></ol>"
            ),
            "1. a\n  1. b\n  2. c\n2. d\n  1. e\n• f",
        ),
        ("<ul><li>a</li><li class='ql-indent-2'>b</li></ul>", "• a\n    • b"),
        # Word
        (
            (
                "<p class=MsoListParagraph style='mso-list:l0 level1 lfo1'><![if !supportLists]><span "
                "style='font-family:Symbol'><span style='mso-list:Ignore'>·<span style='font:7.0pt'>&nbsp; "
                "</span></span></span><![endif]>First<o:p></o:p></p><p style='mso-list:l0 level2 lfo1'>"
                "<span style='mso-list:Ignore'>1.<span>&nbsp; </span></span>Second</p>"
            ),
            "• First\n  1. Second",
        ),
        # tables: a row is a line
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a | b\nc"),
        (
            (
                "<table><thead><tr><th><p>Step</p></th><th><p>Seen</p></th></tr></thead>\n<tbody>\n<tr>\n<td><p>1</p></td>\n"
                "<td><p>blank<br>screen</p><p>and a beep</p></td></tr></tbody></table>after"
            ),
            "Step | Seen\n1 | blank screen and a beep\nafter",
        ),
        ("<table><tr><td>a</td><td></td><td>c</td></tr><tr><td></td><td>&nbsp;</td></tr></table>", "a | | c"),
        ("<table><tr><td>a<td>b<tr><td>c<td>d</table>e", "a | b\nc | d\ne"),
        ("<table><td>a</td><td>b</td></table>", "a | b"),
        ("<table><tr><td>a</td><td><ul><li>x</li><li>y</li></ul></td></tr></table>", "a | • x • y"),
        ("<table><tr><td><p>One</p><p>Two</p></td></tr></table>", "One\nTwo"),  # Outlook's layout
        ("<table><tr><td><table><tr><td>a</td><td>b</td></tr></table><p>c</p></td></tr></table>", "a | b\nc"),
        ("<ul><li><table><tr><td>a</td><td>b</td></tr></table></li></ul>", "• a | b"),
        ("<table><tr><td>a<table></td><tr><td>b</td></tr></table></td><td>c</td></tr></table>", "a b | c"),
        ("<table><caption>Seen</caption><tr><td>a</td><td>b</td></tr></table>", "Seen\na | b"),
        # whatever stands for itself does not run into the next
        ("<details><summary>Log</summary>text</details>after", "Log\ntext\nafter"),
        ("<dl><dt>Browser</dt><dd>Safari</dd><dt>System<dd>macOS</dl>", "Browser\nSafari\nSystem\nmacOS"),
        ("<figure><img alt='screen'><figcaption>before</figcaption></figure>", "[screen]\nbefore"),
        ("<fieldset><legend>Steps</legend>open</fieldset>", "Steps\nopen"),
        ("<select><option>a<option>b</select>", "a\nb"),
        ("<h2>Seen</h2>text<hr>more", "Seen\ntext\nmore"),
        ("<td>a</td><td>b</td>", "a b"),
        # lines that are kept
        ("<pre><code>a\n  b\n\nc</code></pre>", "a\n  b\nc"),
        ("<div style='white-space: pre-wrap'>a\nb</div>c\nd", "a\nb\nc d"),
        ("<textarea>a\nb</textarea>", "a\nb"),
        # no markup at all, though it looks like some
        ("a <b and c", "a <b and c"),
        ("x<y", "x<y"),
        ("1 < 2 </ 3 <! 4", "1 < 2 </ 3 <! 4"),
        ("a <img src='data:image/png;base64,AAAA", "a"),
        ("a<!-->b<!--->c<!-- - -- > --!>d", "abcd"),
        ("<p title='a > b' data-x=\"it's\" class=it's>text", "text"),
        ("a<br/>b</br>c", "a\nbc"),
    ],
    ids=lambda value: value[:40],
)
def test_lists_tables_and_blocks_read_as_editors_mean_them(html: str, text: str) -> None:
    assert note_text(html, 500) == text


class Watched(str):
    """A note that counts the characters which are passed over in a search of it."""

    __slots__ = ("passed",)

    def find(self, sub: str, start: SupportsIndex | None = 0, end: SupportsIndex | None = None, /) -> int:
        found = super().find(sub, start, end)
        self.passed = getattr(self, "passed", 0) + (found if found >= 0 else len(self)) - int(start or 0)
        return found


class Pattern:
    """A pattern that does the same."""

    def __init__(self, pattern: re.Pattern[str], counted: list[int]) -> None:
        self._pattern, self._counted = pattern, counted

    def fullmatch(self, text: str, begin: int = 0) -> re.Match[str] | None:
        self._counted[0] += len(text) - begin
        return self._pattern.fullmatch(text, begin)

    def match(self, text: str, begin: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        found = self._pattern.match(text, begin, end)
        self._counted[0] += found.end() - begin if found else 1
        return found

    def search(self, text: str, begin: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        found = self._pattern.search(text, begin, end)
        self._counted[0] += (found.end() if found else min(end, len(text))) - begin
        return found

    def finditer(self, text: str, begin: int = 0, end: int = sys.maxsize) -> Iterator[re.Match[str]]:
        for found in self._pattern.finditer(text, begin, end):
            self._counted[0] += found.end() - begin
            begin = found.end()
            yield found
        self._counted[0] += min(end, len(text)) - begin


def work(html: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """What a note costs: lines of our code that run, and characters passed over in a search."""
    counted = [0]

    def count(_frame: FrameType, _event: str, _argument: object) -> TraceFunction:
        counted[0] += 1
        return count

    with monkeypatch.context() as patch:
        for name in (
            "SPACE",
            "NAME",
            "ATTRIBUTE",
            "UNQUOTED",
            "COMMENT_END",
            "CDATA_END",
            "DECLARATION",
            "END_TAG",
            "SIGN",
            "BLANK",
            "CUT_OFF",
            "RAW_END",
            "UNSEEN",
            "PREFORMATTED",
            "VISIBILITY",
            "NUMERALS",
            "MARKUP",
        ):
            module = markup if hasattr(markup, name) else tags
            patch.setattr(module, name, Pattern(getattr(module, name), counted))
        note = Watched(html)
        tracer = sys.gettrace()
        sys.settrace(count)
        try:
            note_text(note, 500)
        finally:
            sys.settrace(tracer)
    return counted[0] + getattr(note, "passed", 0)


@pytest.mark.parametrize(
    "flood",
    [
        *("<b/x=", "<b x=<", "<a b='>", "<a b=\">' ", "<p a='b>c'd ", "<!-- x -->", "<![CDATA[]]>", "<?a", "</b a"),
        *("<!--", "<!", "<![CDATA[", "</", "<", "<?", "<a", "<a ", "<a b='", '<a b="', "<a b=", "a=b ", "<p "),
        *(
            "<style>",
            "<title></script>",
            "<script></style>",
            "<svg>",
            "<svg><p>",
            "<p hidden>",
            "<textarea>",
            "<p>\u200b",
            "<b><div></div>",
            "<template><svg></math>",
        ),
        *("<div>", "</div>", "<b>", "</b>", "<div><b></i>", "<p>", "<li>", "<ul><li>", "<ol reversed><li>", "<pre>\n"),
        *(
            "<table>",
            "<tr>",
            "<td>",
            "<table><tr><td>",
            "<table><td>\u200b<td>",
            "<dt>",
            "<option>",
            "<input type=checkbox>",
        ),
        *(
            "<span style='mso-list:Ignore'>",
            "<p style='display:",
            "<p style='white-space: ",
            "<p style='visibility:visible ",
            "<p style='list-style:",
            "&",
            "&#",
            "&#0",
            "&nbsp;",
        ),
        *(
            "\x1b[",
            "\x1b]0;",
            "\x9d",
            "\x9b0",
            "a\x08",
            "\u200b",
            "\u0301",
            " ",
            "\n",
            "data:image/png;base64,",
            "data:a/",
        ),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("tail", ["deep", " <b>"])
def test_the_work_grows_no_faster_than_the_note(flood: str, tail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed. `html.parser` begins anew at each of a million `<!--`, in versions that are still in use."""
    half, whole = (work("<p><td>" + flood * (size // len(flood)) + tail, monkeypatch) for size in (8_000, 16_000))

    assert whole < 2.2 * half + 60_000  # until the tree is as deep as it may be, each level costs more
    assert whole < 300 * 16_000


def test_a_note_of_nothing_but_tags_is_read_to_an_end_that_is_known() -> None:
    assert note_text("<b>" * 150_000 + "seen", 500) == "seen"
    assert note_text("</b>" * 199_990 + "seen", 500) == "seen"
    assert note_text("<b>" * 1_000_000 + "not looked for any more", 500) == ""


def test_a_tag_of_nothing_but_attributes_is_read_to_an_end_that_is_known() -> None:
    assert note_text("<p" + " a=1" * 150_000 + ">seen", 500) == "seen"
    assert note_text("<p" + " a=1" * 250_000 + ">", 500).startswith("<p a=1 a=1"), "no tag: its end is not looked for"


@pytest.mark.parametrize(
    ("note", "without"),
    [
        ("see log (https://ci.example/7) of run 7", "see log of run 7"),
        ("see page (https://ci.example/a_(b)) again", "see page again"),
        ("log (https://ci.example/1)failed(b)", "logfailed(b)"),
        ("log (https://ci.example/lon…\nthe end", "log\nthe end"),
        ("open (https://ci.example and look", "open (https://ci.example and look"),
    ],
)
def test_what_notes_have_in_common_lacks_their_addresses_and_nothing_else(note: str, without: str) -> None:
    assert without_addresses(note) == without


@pytest.mark.parametrize("before", range(65_528, 65_537))
def test_a_character_that_is_written_as_a_reference_is_read_whole_wherever_it_stands(before: int) -> None:
    """A long text is read a piece at a time."""
    assert note_text("<p>" + "x" * before + "&amp;y", 70_000)[before:] == "&y"


@pytest.mark.parametrize(("words", "is_full"), [("x" * 9, False), ("x" * 30, True), (" " * 30, False)])
def test_of_a_note_that_shows_more_than_anybody_wants_the_rest_is_not_read(words: str, *, is_full: bool) -> None:
    lines = Lines(enough=10)
    lines.begin("")
    lines.add(words)

    assert lines.is_full is is_full
