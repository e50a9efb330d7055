"""Rule 3: a page of heavy rows is made light while it is read, and stays the same page."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.adapters import light
from testmo_notifier.adapters.light import Lightened

TEXTS = st.lists(
    st.sampled_from(['a"', "\\", "\\\\", "/", "ü", "あ", "😀", "\n", "u00e4", "\x00", " "]), max_size=60
).map("".join)
VALUES = st.recursive(
    st.none() | st.integers() | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=12,
)
ENDS = 12  # bytes that are kept of each end of a string, here


@pytest.fixture(autouse=True, scope="module")
def everything_is_heavy() -> object:
    with pytest.MonkeyPatch.context() as small:
        small.setattr(light, "LIGHT_BYTES", 0)
        small.setattr(light, "SHORT_BYTES", ENDS)
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
    note = "Before" + "iVBOR/" * 1_000_000 + "After"
    kept = json.loads(lightened(json.dumps({"note": note, "id": 7}).encode(), 65_536))
    assert kept["id"] == 7
    assert kept["note"].startswith("Before")
    assert kept["note"].endswith("After")
    assert len(kept["note"]) < 40
