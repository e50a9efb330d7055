"""docs/limits.md says every named number of the product: whoever changes one decides so, and does not slip."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tools.maintain import limits


def test_the_page_is_up_to_date() -> None:
    assert limits.PAGE.read_text("utf-8") == limits.limits_page(), "run `make docs`"


@dataclass(frozen=True)
class Size:
    """Two limits that go together."""

    most: int
    is_least: bool = False


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MAX_TOLD", 50_000, "50,000"),
        ("MAX_BODY_BYTES", 33_554_432, "33,554,432 bytes"),
        ("LEAST_SECONDS_LEFT", 20.0, "20 s"),
        ("KEEP", timedelta(days=180), "180 d"),
        ("LASTS", {"Invisible": timedelta(minutes=70)}, "'Invisible': 70 min"),
        ("SPACING", timedelta(seconds=1.25), "1.25 s"),
        ("GONE_STATUSES", frozenset({410, 404}), "404, 410"),
        ("SHARE", 5 / 6, "0.833"),
        ("SIZES", (Size(3), Size(0, is_least=True)), "(most: 3, is_least: False), (most: 0, is_least: True)"),
        ("NAMES", ("a", 1), None),
        ("HAS_TOLD", True, None),
    ],
)
def test_numbers_durations_and_several_of_them_are_told_in_plain_units(
    name: str, value: object, told: str | None
) -> None:
    assert limits.shown(name, value) == told


def test_a_number_that_does_not_say_what_it_bounds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "testmo_notifier_sizes.py"
    module.write_text("# Of a cup, in all.\nMOST = 3\nNAMES = ('a',)\n\nLEAST = 2\n")
    monkeypatch.setattr(limits, "SOURCES", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    told = limits.limits_in(module)
    assert next(told) == ("MOST", "3", "Of a cup, in all.")
    with pytest.raises(ValueError, match=r"sizes\.py: LEAST does not say what it bounds"):
        next(told)
    del sys.modules["testmo_notifier_sizes"]
