"""The bench still runs: every row at its smallest size, on the sources as they are. No figure is judged here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.__main__ import main, quick_bench
from benchmarks.bench import Outcome, Row
from benchmarks.bundles import Python
from benchmarks.rows import ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_of_the_bench_runs_and_says_what_it_measured(row: Row) -> None:
    outcomes = list(row.measure(quick_bench()))
    assert outcomes
    for one in outcomes:
        assert one.case
        assert one.baseline
        assert one.now
        assert (one.goal == "") == (one.met is None)


def test_a_row_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(SystemExit, match=r"no such row: speed\. There are waiting, .*capacity\."):
        main(["speed"])


def test_a_run_of_one_row_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    page = tmp_path / "RESULTS.md"
    first, second, *_ = ROWS
    here = results.where(Python("python3", "3.13.0"))
    for row, figure in ((second, "1 s"), (first, "2 s"), (second, "3 s")):
        outcome = Outcome("a case", "1.0.0: 9 s", figure, "≤ 2 s", figure != "3 s")
        results.write(ROWS, {row.name: results.section(row, [outcome], here)}, page)
    text = page.read_text("utf-8")
    assert text.index(first.title) < text.index(second.title)
    assert "| a case | 1.0.0: 9 s | 2 s | ≤ 2 s | yes |" in text
    assert "| a case | 1.0.0: 9 s | 3 s | ≤ 2 s | **no** |" in text
    assert "| 1 s |" not in text


def test_the_page_says_when_another_python_had_to_do() -> None:
    assert Python("python3", "3.13.4").note == "Python 3.13.4"
    assert Python("python3", "3.11.7").note == "Python 3.11.7 (no 3.13 found, which the functions run on)"
