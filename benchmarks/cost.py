"""What the stack costs a month, from measured calls and list prices: `make cost` writes it into the pages.

Measured: requests to Testmo, DynamoDB's units, publishes, log bytes and metrics of quiet polls and of one with news.
From the template: alarms, dashboard, memory, queues. Assumed, because a table in a page must not depend on a machine:
how long Testmo takes to answer, how long a poll computes (see `benchmarks/RESULTS.md`), how much news there is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any, Final

import yaml

from benchmarks import prices
from benchmarks.bundles import Bundle, Python, from_sources, tools_python
from benchmarks.prices import Price
from benchmarks.stack import Polled, stack
from tests.support.template import Loader
from tools.lib.processes import ROOT
from tools.maintain.pages import renewed

SIZES: Final = (100, 1_000)
ANSWER_SECONDS: Final = 0.15  # of Testmo, assumed
WORKERS: Final = 4  # results are read side by side
OWN_SECONDS: Final = 0.15  # a poll's own work at 512 MB
OWN_SECONDS_PER_RUN: Final = 0.0004
MESSAGES: Final = 500  # digests a month, each to Slack, by mail and as an event
WORKING_HOURS: Final = 176  # in which metrics of news and trouble are written
SLACK_SECONDS: Final = 1.0  # of one message
IDLE_RECEIVES: Final = prices.HOURS * 3600 / 20 * 5  # Lambda asks an idle queue with five long polls of 20 s
SECRET_SECONDS: Final = 300  # how long a secret is kept, adapters/secrets.py
POLLS_MEASURED: Final = 20
ENOUGH: Final = "600"  # requests a minute: what a budget cuts off would depend on which thread was faster


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the bill: the list price, and what is left of it with the free tier."""

    name: str
    basis: str
    whole: float
    rest: float

    @classmethod
    def of(cls, name: str, basis: str, *parts: tuple[Price, float]) -> Line:
        """From units."""
        return cls(name, basis, sum(p.of(n) for p, n in parts), sum(p.beyond_free(n) for p, n in parts))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a poll uses, on average of a quiet time; `news` is what one message adds."""

    runs: int
    lists: float
    other_requests: float
    read_units: float
    write_units: float
    log_bytes: float
    metrics: frozenset[str]
    news_read_units: float
    news_write_units: float
    news_publishes: float
    news_log_bytes: float
    news_metrics: frozenset[str]

    @property
    def seconds(self) -> float:
        """How long a poll takes."""
        own = OWN_SECONDS + OWN_SECONDS_PER_RUN * self.runs
        return own + ANSWER_SECONDS * (self.lists + self.other_requests / WORKERS)


@dataclass(frozen=True, slots=True)
class Bill:
    """A month."""

    app: tuple[Line, ...]
    watching: tuple[Line, ...]

    @property
    def sums(self) -> tuple[float, float, float, float]:
        """App and observability at list price, then both with the free tier. What is printed is added."""
        return (
            total(line.whole for line in self.app),
            total(line.whole for line in self.watching),
            total(line.rest for line in self.app),
            total(line.rest for line in self.watching),
        )


def total(dollars: Iterable[float]) -> float:
    """A sum of what is printed."""
    return sum(round(one * 100) for one in dollars) / 100


@cache
def measure(bundle: Bundle, python: Python, runs: int) -> Measured:
    """Poll for a while after a quiet day, then once with news."""
    with stack(bundle, python, variables={"REQUESTS_PER_MINUTE": ENOUGH}) as up:
        watched = up.testmo.add_project(runs)
        up.settle(idle=timedelta(hours=25))
        quiet = [up.poll() for _ in range(POLLS_MEASURED)]
        up.testmo.save(watched[runs // 2])
        news = up.poll()
    reads, writes = (mean(getattr(one.usage, unit) for one in quiet) for unit in ("read_units", "write_units"))
    log = mean(len(one.run.log) for one in quiet)
    always = metrics(quiet)
    return Measured(
        runs=runs,
        lists=mean(one.lists for one in quiet),
        other_requests=mean(len(one.requests) - one.lists for one in quiet),
        read_units=reads,
        write_units=writes,
        log_bytes=log,
        metrics=always,
        news_read_units=max(0.0, news.usage.read_units - reads),
        news_write_units=max(0.0, news.usage.write_units - writes),
        news_publishes=len(news.published),
        news_log_bytes=len(news.run.log) - log,
        news_metrics=metrics([news]) - always,
    )


def metrics(polls: Iterable[Polled]) -> frozenset[str]:
    """Each metric with its dimensions, as CloudWatch would count them out of the log."""
    found = set()
    for line in "".join(one.run.log for one in polls).splitlines():
        if not line.startswith('{"_aws"'):
            continue
        told = json.loads(line)
        for group in told["_aws"]["CloudWatchMetrics"]:
            for dimensions in group["Dimensions"]:
                where = ",".join(f"{name}={told[name]}" for name in dimensions)
                found |= {f"{metric['Name']} {where}" for metric in group["Metrics"]}
    return frozenset(found)


def bill(measured: Measured, root: Path = ROOT) -> Bill:
    """The month of a stack with Slack and mail and every parameter at its default."""
    template: Mapping[str, Any] = yaml.load((root / "template.yaml").read_text(), Loader)  # noqa: S506 - a SafeLoader
    resources = template["Resources"]
    poller = resources["PollerFunction"]["Properties"]["MemorySize"] / 1024
    slack = resources["SlackFunction"]["Properties"]["MemorySize"] / 1024
    polls = prices.POLLS
    app = (
        Line.of(
            "Lambda",
            f"polls of {measured.seconds:.1f} s at {poller * 1024:.0f} MB",
            (prices.LAMBDA_REQUEST, polls + MESSAGES),
            (prices.LAMBDA_GB_SECOND, polls * measured.seconds * poller + MESSAGES * SLACK_SECONDS * slack),
        ),
        Line.of(
            "state (DynamoDB)",
            f"{measured.read_units:.1f} read units and {measured.write_units:.1f} write units a poll",
            (prices.DYNAMODB_READ, polls * measured.read_units + MESSAGES * measured.news_read_units),
            (prices.DYNAMODB_WRITE, polls * measured.write_units + MESSAGES * measured.news_write_units),
        ),
        Line.of(
            "queue, schedule",
            f"an idle queue is asked {IDLE_RECEIVES / 1e6:.2f} million times; one schedule",
            (prices.SQS_REQUEST, IDLE_RECEIVES + 3 * MESSAGES),
            (prices.SCHEDULE, polls),
        ),
        Line.of(
            "messages",
            f"{MESSAGES} messages, each to Slack, by mail and as an event",
            (prices.SNS_PUBLISH, MESSAGES * measured.news_publishes),
            (prices.SNS_MAIL, MESSAGES),
        ),
        Line.of(
            "two secrets",
            "$0.40 each, the token read every five minutes",
            (prices.SECRET, 2),
            (prices.SECRET_CALL, prices.HOURS * 3600 / SECRET_SECONDS + MESSAGES),
        ),
    )
    alarms = [one for one in resources.values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    watched = sum(max(1, json.dumps(one).count('"MetricStat"')) for one in alarms)
    dashboards = [
        one for one in resources.values() if one["Type"] == "AWS::CloudWatch::Dashboard" and is_made(one, template)
    ]
    hours = WORKING_HOURS / prices.HOURS
    always, sometimes = len(measured.metrics), len(measured.news_metrics)
    watching = (
        Line.of(
            f"{len(alarms)} alarms",
            f"$0.10 for each of the {watched} metrics they watch",
            (prices.ALARM_METRIC, watched),
        ),
        Line.of(
            "metrics",
            f"{always} always there, {sometimes} more in {WORKING_HOURS} hours with news",
            (prices.METRIC, always + sometimes * hours),
        ),
        Line.of(
            "logs",
            f"{measured.log_bytes / 1000:.1f} KB a poll",
            (prices.LOG_GB, (polls * measured.log_bytes + MESSAGES * measured.news_log_bytes) / 1e9),
        ),
        *[Line.of("the dashboard", "three are free", (prices.DASHBOARD, 1)) for _ in dashboards],
    )
    return Bill(app, watching)


def is_made(resource: Mapping[str, Any], template: Mapping[str, Any]) -> bool:
    """Whether a resource is there when every parameter has its default."""

    def holds(condition: Any) -> bool:
        ((kind, given),) = condition.items()
        if kind == "Condition":
            return holds(template["Conditions"][given])
        if kind == "Fn::Not":
            return not holds(given[0])
        if kind == "Fn::Equals":
            values = [
                template["Parameters"][one["Ref"]].get("Default", "") if isinstance(one, dict) else one for one in given
            ]
            return str(values[0]) == str(values[1])
        return (any if kind == "Fn::Or" else all)(holds(one) for one in given)

    return "Condition" not in resource or holds({"Condition": resource["Condition"]})


def cents(dollars: float) -> str:
    """As the pages print it."""
    return f"${dollars:.2f}" if round(dollars * 100) else "nothing"


def readme_table(bills: Mapping[int, Bill]) -> str:
    """The sums."""
    head = "| quiet runs | app | observability | together | with the free tier |\n| --- | --- | --- | --- | --- |\n"
    rows = []
    for runs, one in bills.items():
        app, watching, app_rest, watching_rest = one.sums
        figures = (cents(app), cents(watching), f"**{cents(app + watching)}**", cents(app_rest + watching_rest))
        rows.append(f"| {runs:,} | {' | '.join(figures)} |")
    return head + "\n".join(rows)


def page_table(bills: Mapping[int, Bill]) -> str:
    """Every part, for the smaller size; what the larger changes beside it."""
    (small, one), (large, other) = bills.items()
    head = (
        f"| part | {small:,} runs | with the free tier | {large:,} runs | with the free tier | what it is based on |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    )
    rows = []
    for lines, more, name in ((one.app, other.app, "the app"), (one.watching, other.watching, "observability")):
        for line, big in zip(lines, more, strict=True):
            basis = line.basis if line.basis == big.basis else f"{line.basis}; {big.basis}"
            figures = map(cents, (line.whole, line.rest, big.whole, big.rest))
            rows.append(f"| {line.name} | {' | '.join(figures)} | {basis} |")
        sums = [total(getattr(line, kind) for line in some) for some in (lines, more) for kind in ("whole", "rest")]
        rows.append(f"| **{name}** | " + " | ".join(f"**{cents(one)}**" for one in sums) + " | |")
    return head + "\n".join(rows)


PAGES: Final = {ROOT / "README.md": readme_table, ROOT / "docs" / "metrics.md": page_table}


def bills(bundle: Bundle | None = None, python: Python | None = None) -> dict[int, Bill]:
    """Of these sources, on the tools' Python: counts depend on neither the build nor the machine."""
    bundle, python = bundle or from_sources(ROOT, "now"), python or tools_python()
    return {runs: bill(measure(bundle, python, runs)) for runs in SIZES}


def main() -> None:
    """Measure, write the pages, print the long table."""
    found = bills()
    for page, table in PAGES.items():
        page.write_text(renewed(page.read_text("utf-8"), {"cost": table(found)}, "make cost"), "utf-8")
    sys.stdout.write(f"{page_table(found)}\n\n{readme_table(found)}\n")


if __name__ == "__main__":
    main()
