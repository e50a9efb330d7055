"""What the pages say it costs is what the measured calls come to: `make cost` writes the tables, and this compares."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from benchmarks.cost import PAGES, Bill, bills, cents
from tests.support.template import RESOURCES, ROOT
from tools.maintain.pages import renewed

SIZES = (100, 1_000)


def apart(table: str) -> tuple[str, list[float]]:
    """The words and the figures. Threads may take their turns otherwise, and a poll then counts a request less."""
    figure = r"\d[\d,]*(?:\.\d+)?"
    return re.sub(figure, "#", table), [float(one.replace(",", "")) for one in re.findall(figure, table)]


@cache
def measured() -> dict[int, Bill]:
    """Both sizes, measured once."""
    return bills()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_table_of_costs_is_the_one_that_is_measured(page: Path) -> None:
    text = page.read_text("utf-8")
    told, found = apart(text), apart(renewed(text, {"cost": PAGES[page](measured())}, "make cost"))
    assert told[0] == found[0], "run `make cost`"
    assert told[1] == pytest.approx(found[1], rel=0.05, abs=0.02), "run `make cost`"


def test_alarms_cost_what_there_are() -> None:
    alarms = [one for one in RESOURCES.values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    for bill in measured().values():
        assert bill.watching[0].name == f"{len(alarms)} alarms"


def test_the_parts_make_the_sums_to_the_cent() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| \**([^|*]+?)\** \| " + r"\**(\$[\d.]+|nothing)\** \| " * 4, page, re.MULTILINE)
    assert [name for name, *_ in rows if name in ("the app", "observability")] == ["the app", "observability"]
    sums = [0] * 4
    for name, *told in rows:
        figures = [0 if one == "nothing" else round(float(one[1:]) * 100) for one in told]
        if name in ("the app", "observability"):
            assert figures == sums, name
            sums = [0] * 4
        else:
            sums = [one + more for one, more in zip(sums, figures, strict=True)]


def test_prices_are_printed_in_cents() -> None:
    assert (cents(1.239), cents(0.004)) == ("$1.24", "nothing")
