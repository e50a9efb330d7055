"""The list price of a month, from measured calls: see `benchmarks.cost`.

The goal leaves out what nobody can change: the $0.80 that two secrets cost whatever is done with them.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import prices
from benchmarks.bench import Bench, Outcome, at_most
from benchmarks.bundles import old_sources
from benchmarks.cost import Bill, bill, cents
from benchmarks.cost import measure as measured
from tools.lib.processes import ROOT

APP_GOALS = {100: 1.25, 1_000: 4.00}
WATCHING_GOAL = 5.50


def measure(bench: Bench) -> Iterator[Outcome]:
    """App and observability apart."""
    for runs, goal in ({10: 1.25} if bench.quick else APP_GOALS).items():
        bench.say(f"{runs:,} quiet runs")
        old = bill(measured(bench.old, bench.python, runs), old_sources())
        now = bill(measured(bench.now, bench.python, runs), ROOT)
        app, watching, *_ = now.sums
        app -= 2 * prices.SECRET.dollars
        yield Outcome(
            f"{runs:,} quiet runs: app, without the $0.80 of two secrets",
            f"1.0.0: {_told(old, 0)}",
            _told(now, 0),
            f"≤ ${goal:.2f}",
            at_most(app, goal),
        )
        yield Outcome(
            f"{runs:,} quiet runs: alarms, metrics, logs, dashboard",
            f"1.0.0: {_told(old, 1)}",
            _told(now, 1),
            f"about ${WATCHING_GOAL:.2f}",
            at_most(watching, WATCHING_GOAL),
        )


def _told(one: Bill, part: int) -> str:
    secrets = 0.0 if part else 2 * prices.SECRET.dollars
    return f"{cents(one.sums[part] - secrets)} ({cents(one.sums[part + 2] - secrets)} with the free tier)"
