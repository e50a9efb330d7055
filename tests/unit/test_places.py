"""Rule 16: where something stands in a team's file, however much of it is wrong."""

from __future__ import annotations

import re
from unittest.mock import patch

from testmo_notifier.settings.places import Place

ROUTES = r"\[\[routes\]\]"


def test_a_file_is_searched_for_its_tables_once_however_many_of_them_are_wrong() -> None:
    place = Place("[[routes]]\nto = 1\n" * 100, "routes.toml")

    with patch.object(re, "finditer", wraps=re.finditer) as searched:
        lines = [place.line(ROUTES, number, "to") for number in range(1, 101)]

    assert lines == list(range(2, 201, 2))
    assert searched.call_count == 1


def test_tables_of_another_kind_and_of_another_file_are_found_where_they_stand() -> None:
    first = Place("# [[routes]]\n[fallback]\nto = 1\n[[routes]]\nto = 2\n", "routes.toml")
    second = Place("\n\n[[routes]]\nto = 3\n", "other.toml")

    assert (first.line(ROUTES, 1, "to"), first.line(r"\[fallback\]", 1, "to"), second.line(ROUTES, 1, "to")) == (
        5,
        3,
        4,
    )
    assert (first.line(ROUTES, 1, "to"), first.line(ROUTES, 2, "nothing like it")) == (5, 1)
