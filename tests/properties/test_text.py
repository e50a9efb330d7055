"""The short ways through other people's text lead where the long ones do (SECURITY.md: what cannot be shown is not)."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from testmo_notifier.text.cleaning import ESCAPES, cleaned, is_clean, printable, without_escapes
from testmo_notifier.text.markup import lines_of
from testmo_notifier.text.shortening import whole_weight

HOSTILE = "\u0301\u0308\u0945\u200d\u202e\x1b[m_\x08\x9b\ue000\U000e0041\ud800\xa0"
words = st.text(st.sampled_from('ab &<>"\\\né検й👩' + HOSTILE), max_size=12)
texts = words | st.text(st.characters(exclude_categories=()), max_size=12)


@settings(max_examples=1_000)
@given(texts)
@example("e\u0301\u0301\u0301\u0301\u0301")
@example("two\nlines")
def test_a_text_that_is_taken_as_it_is_holds_nothing_to_clean(text: str) -> None:
    assert printable(text) == cleaned(text)
    assert not is_clean(text) or cleaned(text) == text


@settings(max_examples=1_000)
@given(texts)
def test_the_weight_of_a_text_is_that_of_its_characters(text: str) -> None:
    assert whole_weight(text) == sum(map(whole_weight, text))


@settings(max_examples=1_000)
@given(texts)
def test_no_escape_sequence_hides_in_what_can_be_printed(text: str) -> None:
    assert without_escapes(text) == re.sub(ESCAPES, "", text)


@settings(max_examples=1_000)
@given(st.lists(texts | st.just("data:image/png;base64,iVBORw0KGgo="), min_size=1, max_size=4))
def test_plain_paragraphs_are_read_as_those_with_attributes_are(paragraphs: list[str]) -> None:
    plain, styled = ("".join(f"<p{of}>{text}</p>" for text in paragraphs) for of in ("", " id=x"))

    assert lines_of(plain, enough=1_000) == lines_of(styled, enough=1_000)
