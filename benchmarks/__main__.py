"""`make bench`: measures rows of the table and writes them into `benchmarks/RESULTS.md`.

    python -m benchmarks [ROW[,ROW…]]

Rows that count run side by side, one on each processor; then those that time, each with the machine to itself.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from benchmarks import results
from benchmarks.bench import Bench, Outcome, Row
from benchmarks.bundles import OLD, built, from_sources, old_sources, runtime_python, tools_python
from benchmarks.rows import ROWS
from benchmarks.stack import BenchFailed
from tools.lib.processes import ROOT

MAX_WORDS = 300
NAMES = {row.name: row for row in ROWS}


def say(words: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {words}\n")
    sys.stderr.flush()


def measured(name: str, bench: Bench) -> list[Outcome]:
    """One row, from beginning to end."""
    say(f"{name}: begins")
    outcomes: list[Outcome] = []
    try:
        outcomes.extend(NAMES[name].measure(bench))
    except (BenchFailed, AssertionError) as exc:  # the other rows are worth having, and what this one has so far
        words = " ".join(str(exc).split())[:MAX_WORDS].replace("|", "/")
        say(f"{name}: {words}")
        outcomes.append(Outcome("ended early", "", words, "a figure", met=False))
    return outcomes


def quick_bench() -> Bench:
    """The smallest sizes, on the sources as they are and the Python at hand: for the test that the bench still runs."""
    return Bench(tools_python(), from_sources(ROOT, "now"), from_sources(old_sources(), OLD), quick=True)


def every(bench: Bench, chosen: Sequence[Row]) -> Iterator[tuple[Row, list[Outcome]]]:
    """Each row as soon as it is measured."""
    counting = [row for row in chosen if row.kind == "count"]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        futures = {pool.submit(measured, row.name, bench): row for row in counting}
        for future in as_completed(futures):
            yield futures[future], future.result()
    for row in chosen:
        if row.kind == "time":
            yield row, measured(row.name, bench)


def main(arguments: Sequence[str]) -> None:
    """Measure, print, write."""
    wanted = [name for argument in arguments for name in argument.replace(",", " ").split()] or list(NAMES)
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        sys.exit(f"no such row: {', '.join(unknown)}. There are {', '.join(NAMES)}.")
    python = runtime_python()
    say(f"on {python.note}; building both versions")
    bench = Bench(python, built(ROOT, "now"), built(old_sources(), OLD), say=_indented)
    where = results.where(python)
    missed = 0
    for row, outcomes in every(bench, [row for row in ROWS if row.name in wanted]):
        section = results.section(row, outcomes, where)
        results.write(ROWS, {row.name: section})
        sys.stdout.write(section + "\n")
        sys.stdout.flush()
        missed += sum(one.met is False for one in outcomes)
    say(
        f"{results.PAGE.relative_to(ROOT)} is written; "
        + (f"{missed} goals are not met" if missed else "all goals are met")
    )


def _indented(words: str) -> None:
    say(f"    {words}")


if __name__ == "__main__":
    main(sys.argv[1:])
