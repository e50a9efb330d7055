"""Rule 3: a page of heavy rows is made light while it is read, and stays the same page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.adapters import light
from testmo_notifier.adapters.light import Lightened

PICTURES = ["A" * 40, "/" * 40, "+/=" * 12, "%2B" * 12, "u00e4" * 9, "-" * 61 + "\n" + "_" * 61, "x" * 23]
TEXTS = st.lists(
    st.sampled_from(['a"', "\\", "\\\\", "/", "ü", "あ", "😀", "\n", "u00e4", "\x00", " ", *PICTURES]), max_size=60
).map("".join)
VALUES = st.recursive(
    # A number of more digits is a run, where runs are as short as here.
    st.none() | st.integers(-(10**20), 10**20) | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=12,
)
ENDS = 12  # bytes that are kept of each end of a string, here


@pytest.fixture(autouse=True, scope="module")
def everything_is_heavy() -> object:
    with pytest.MonkeyPatch.context() as small:
        small.setattr(light, "LIGHT_BYTES", 0)
        small.setattr(light, "SHORT_BYTES", ENDS)
        small.setattr(light, "GATHER_BYTES", 1)
        small.setattr(light, "RUN_BYTES", 2 * ENDS)
        yield


def lightened(body: bytes, size: int) -> bytes:
    light = Lightened()
    return b"".join(light.feed(body[at : at + size]) for at in range(0, len(body), size)) + light.finish()


def same(before: object, after: object) -> bool:
    """Whether only long strings differ, and begin and end as they did."""
    if isinstance(before, str) and isinstance(after, str) and before != after:
        return len(json.dumps(before)) > 2 * ENDS and before[:1] == after[:1]
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(same(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(same, before, after))
    return before == after


@given(VALUES, st.sampled_from([1, 2, 3, 7, 64, 9_999]), st.booleans(), st.booleans())
def test_all_that_is_no_long_string_comes_through(value: object, size: int, ascii_: bool, slashes: bool) -> None:  # noqa: FBT001
    text = json.dumps([value], ensure_ascii=ascii_)
    body = (text.replace("/", "\\/") if slashes else text).encode()
    assert same([value], json.loads(lightened(body, size).decode("utf-8", "replace")))


@given(VALUES, st.integers(1, 40), st.sampled_from([1, 5, 9_999]))
def test_a_body_that_breaks_off_does_not_become_a_whole_one(value: object, missing: int, size: int) -> None:
    body = json.dumps([value]).encode()[:-missing]
    with pytest.raises(ValueError, match=r"."):
        json.loads(lightened(body, size).decode("utf-8", "replace"))


@pytest.mark.parametrize("size", [1, 2, 3, 9_999])
@pytest.mark.parametrize("text", ['"', '\\"', '\\\\"', "\\", '"\\'])
def test_a_quote_or_a_backslash_within_a_string_does_not_end_it(text: str, size: int) -> None:
    value = [text, list(range(100)), {"key": text}]
    assert json.loads(lightened(json.dumps(value).encode(), size)) == value


def test_of_a_picture_between_words_the_words_are_kept() -> None:
    note = "Before " + "iVBOR/" * 1_000_000 + " After"
    kept = json.loads(lightened(json.dumps({"note": note, "id": 7}).encode(), 65_536))
    assert kept["id"] == 7
    assert kept["note"].startswith("Before ")
    assert kept["note"].endswith(" After")
    assert len(kept["note"]) < 40


ESCAPED = {
    "as it is": json.dumps,
    "PHP": lambda text: json.dumps(text).replace("/", "\\/"),
    "percent": lambda text: json.dumps(text.replace("+", "%2B").replace("iV/", "iV%2F")),
    "unicode": lambda text: json.dumps(text).replace("+", "\\u002b"),
    "lines": lambda text: json.dumps(re.sub("([A-Za-z0-9+/]{76})", "\\1\r\n", text)),
}


@pytest.mark.parametrize("picture", ["iVBORw0KGgo/" * 60_000, "//+/" * 180_000, "A" * 700_000], ids=["/", "//+/", "A"])
@pytest.mark.parametrize("size", [300, 1_448, 65_536])
@pytest.mark.parametrize("escape", ESCAPED.values(), ids=ESCAPED)
def test_a_picture_costs_nothing_wherever_it_stands_and_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch, escape: Callable[[str], str], size: int, picture: str
) -> None:
    monkeypatch.setattr(light, "SHORT_BYTES", 32 * 1024)
    monkeypatch.setattr(light, "GATHER_BYTES", 64 * 1024)
    image = f'<p><img src="data:image/png;base64,{picture}"></p>'
    note = f"{image}<p>Sentence between</p>{image}<p>And last</p>"
    body = f'{{"note":{escape(note)},"id":7}}'.encode()
    kept = json.loads(lightened(body, size))

    assert kept["id"] == 7
    assert "<p>Sentence between<" in kept["note"].replace("\\/", "/")
    assert "<p>And last<" in kept["note"]
    assert "[…]" in kept["note"]
    assert len(kept["note"]) < 10_000


def test_where_the_middle_of_real_words_is_cut_out_it_shows() -> None:
    kept = json.loads(lightened(json.dumps({"note": "many words " * 100_000}).encode(), 65_536))

    assert kept["note"] == "many words many wo[…]words "


def test_one_string_takes_no_more_than_a_light_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light, "LIGHT_BYTES", 1_000)
    kept = json.loads(lightened(json.dumps({"note": "many words " * 1_000}).encode(), 300))

    assert 900 < len(kept["note"]) < 1_010


@pytest.mark.parametrize("filler", ["<style>p { margin: 0 }</style>", "<!-- a remark -->", "many words "])
def test_the_note_of_megabytes_of_a_single_row_is_whole(monkeypatch: pytest.MonkeyPatch, filler: str) -> None:
    monkeypatch.setattr(light, "LIGHT_BYTES", 6 * 1024 * 1024)
    note = filler * (2_500_000 // len(filler))
    value = [{"note": f"{note}<p>Mid</p>{note}", "id": 7}]
    assert json.loads(lightened(json.dumps(value).encode(), 65_536)) == value
