"""The alarms of template.yaml, judged as CloudWatch judges them, over metrics that real code wrote.

The embedded AWS makes no metrics of log lines, and its alarms know neither dimensions nor missing data.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics

from testmo_notifier import observability
from testmo_notifier.delivery.deliver import Outcome
from testmo_notifier.observability import observed, report
from tests.support.story import Story
from tests.support.template import RESOURCES

Key = tuple[str, str, frozenset[tuple[str, str]]]
STACK = "stack"


def on_aws(value: Any) -> Any:  # noqa: ANN401 - what the template has
    """A part of the template as AWS gets it; an emulator does without metric math."""
    match value:
        case {"Fn::If": ["KnowsMetricMath", yes, _]}:
            return on_aws(yes)
        case dict():
            resolved = {name: on_aws(one) for name, one in value.items()}
            return {name: one for name, one in resolved.items() if one != {"Ref": "AWS::NoValue"}}
        case list():
            return [on_aws(one) for one in value]
    return value


ALARMS: dict[str, dict[str, Any]] = {
    name: on_aws(resource["Properties"])
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}


@dataclass
class CloudWatch:
    """Metrics as they arrive, by namespace, name and dimensions, and the alarms over them.

    CloudWatch retrieves more data points than an alarm evaluates, and does not say how many: `extra`.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
    """

    points: dict[Key, list[tuple[datetime, float]]] = field(default_factory=dict)
    silence_minutes: int = 15
    extra: int = 2
    ringing: set[str] = field(default_factory=set)
    _sorted: dict[tuple[Key, int], tuple[int, dict[int, list[float]]]] = field(default_factory=dict)

    def put(self, namespace: str, name: str, at: datetime, *values: float, **dimensions: str) -> None:
        key = (namespace, name, frozenset(dimensions.items()))
        self.points.setdefault(key, []).extend((at, value) for value in values)

    def put_lines(self, printed: str, at: datetime) -> None:
        """Take what CloudWatch would take of log lines: those in the embedded metric format."""
        for line in map(json.loads, printed.splitlines()):
            for block in line["_aws"]["CloudWatchMetrics"] if "_aws" in line else ():
                for dimensions in block["Dimensions"]:
                    for metric in block["Metrics"]:
                        values = line[metric["Name"]]
                        self.put(
                            block["Namespace"],
                            metric["Name"],
                            at,
                            *(values if isinstance(values, list) else [values]),
                            **{name: line[name] for name in dimensions},
                        )

    def is_alarm(self, alarm: str, at: datetime) -> bool:
        """Whether an alarm is in ALARM at a moment, by its last periods and, where they do not tell, as it was before.

        Real data points count first, the latest of them, as many as are evaluated; only what lacks then is filled in.
        """
        asked = ALARMS[alarm]
        periods = self.minutes(asked["EvaluationPeriods"])
        needed = self.minutes(asked.get("DatapointsToAlarm", periods))
        length = period_of(asked)
        last = int(at.timestamp() // length)  # the period that holds the moment
        values = self.values(asked, range(last - periods - self.extra + 1, last + 1))
        real = [breaches(asked, value) for value in values if value is not None][-periods:]
        missing = periods - len(real)
        match asked["TreatMissingData"]:
            case _ if sum(real) >= needed:
                self.ringing.add(alarm)
            case "breaching" if sum(real) + missing >= needed:
                self.ringing.add(alarm)
            case "ignore" if all(real) and missing:
                pass
            case _:
                self.ringing.discard(alarm)
        return alarm in self.ringing

    def minutes(self, given: Any) -> int:  # noqa: ANN401 - a number or a parameter
        return self.silence_minutes if given == {"Ref": "SilenceMinutes"} else int(given)

    def values(self, asked: Mapping[str, Any], periods: range) -> list[float | None]:
        """What an alarm sees in each of some periods: a statistic of a metric, or the result of its last expression."""
        if "Metrics" not in asked:
            return self.statistic(asked, asked["Period"], asked.get("Statistic") or asked["ExtendedStatistic"], periods)
        series: dict[str, list[float | None]] = {}
        returned = ""
        for query in asked["Metrics"]:
            if "MetricStat" in query:
                metric = query["MetricStat"]
                series[query["Id"]] = self.statistic(metric["Metric"], metric["Period"], metric["Stat"], periods)
            else:
                series[query["Id"]] = calculate(query["Expression"], series)
            returned = query["Id"] if query.get("ReturnData", True) else returned
        return series[returned]

    def statistic(self, metric: Mapping[str, Any], length: int, name: str, periods: range) -> list[float | None]:
        """One metric in each of some periods; None where it has no data."""
        dimensions = frozenset((d["Name"], literal(d["Value"])) for d in metric["Dimensions"])
        by_period = self.by_period((metric["Namespace"], metric["MetricName"], dimensions), length)
        return [statistic(name, by_period[period]) if period in by_period else None for period in periods]

    def by_period(self, key: Key, length: int) -> Mapping[int, list[float]]:
        """The points of a metric by the number of their period."""
        stored = self.points.get(key, [])
        seen, found = self._sorted.get((key, length), (0, {}))
        for at, value in stored[seen:]:
            found.setdefault(int(at.timestamp() // length), []).append(value)
        self._sorted[key, length] = (len(stored), found)
        return found


def statistic(name: str, values: list[float]) -> float:
    match name:
        case "Sum":
            return sum(values)
        case "Maximum":
            return max(values)
        case "p99":
            return sorted(values)[math.ceil(0.99 * len(values)) - 1]
    raise AssertionError(name)


def calculate(expression: str, series: Mapping[str, list[float | None]]) -> list[float | None]:
    """The two forms of metric math that the template uses.

    SUM of several series has a value where any of them has one; what the others lack counts as 0. FILL with REPEAT puts
    the latest value in front of a gap into it, and nothing where there is none in front.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    if found := re.fullmatch(r"FILL\((\w+), REPEAT\)", expression):
        filled: list[float | None] = []
        for value in series[found[1]]:
            filled.append(filled[-1] if value is None and filled else value)
        return filled
    found = re.fullmatch(r"SUM\(\[(.+)\]\)", expression)
    assert found, expression
    terms = [re.fullmatch(r"(?:(-?\d+) \* )?(\w+)", term) for term in found[1].split(", ")]
    factors = [(float(term[1] or 1), series[term[2]]) for term in terms if term]
    assert len(factors) == len(terms), expression
    rows = zip(*([None if v is None else factor * v for v in values] for factor, values in factors), strict=True)
    return [sum(v for v in row if v is not None) if any(v is not None for v in row) else None for row in rows]


def metrics_of(alarm: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Namespace and name of every metric an alarm looks at."""
    queries = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    return [(metric["Namespace"], metric["MetricName"]) for metric in queries or [alarm]]


def period_of(alarm: Mapping[str, Any]) -> int:
    """The length of an alarm's periods in seconds; those of several metrics have to be equal."""
    lengths = {query["MetricStat"]["Period"] for query in alarm.get("Metrics", []) if "MetricStat" in query}
    (length,) = lengths or {alarm["Period"]}
    return int(length)


def breaches(alarm: Mapping[str, Any], value: float) -> bool:
    match alarm["ComparisonOperator"]:
        case "LessThanThreshold":
            return bool(value < alarm["Threshold"])
        case "GreaterThanThreshold":
            return bool(value > alarm["Threshold"])
        case "GreaterThanOrEqualToThreshold":
            return bool(value >= alarm["Threshold"])
    raise AssertionError(alarm)


def literal(value: Any) -> str:  # noqa: ANN401 - whatever CloudFormation has
    """A dimension's value in a stack called `stack`, whose resources are called as in the template."""
    match value:
        case {"Fn::Sub": str(text)}:
            return text.replace("${AWS::StackName}", STACK)
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": str(name)}:
            return name.partition(".")[0]
    return str(value)


class Operation:
    """A stack in operation: polls and deliveries minute by minute, their metrics, and the alarms over them."""

    def __init__(self, story: Story, folder: Path = Path()) -> None:
        self.story = story
        self.folder = folder
        self.cloudwatch = CloudWatch()
        self.gone_off: set[str] = set()
        self.printed = ""  # everything that CloudWatch Logs would have got

    def polls(self, minutes: int, *, every: int = 1, **changed: Any) -> None:  # noqa: ANN401 - settings of many types
        """Poll once a minute, or more rarely, as the poller does, and look at the alarms after each minute."""
        for minute in range(1, minutes + 1):
            if minute % every:
                self.passes(1)
                continue
            self.is_due()
            with self.lines("poller") as logger, contextlib.suppress(Exception):  # Lambda would take it
                observed(lambda: self.story.poll(**changed), logger, Metrics())
            self.look()

    def is_due(self) -> None:
        """A minute passes, and the scheduler attempts a poll."""
        self.story.wait()
        self.cloudwatch.put(
            "AWS/Scheduler", "InvocationAttemptCount", self.story.time, 1, ScheduleGroup="ScheduleGroup"
        )

    def is_dead(self, minutes: int) -> None:
        """Polls are due every minute, and whatever is invoked says nothing."""
        for _ in range(minutes):
            self.is_due()
            self.look()

    def passes(self, minutes: int) -> None:
        """Let time pass in which no poll is wanted."""
        for _ in range(minutes):
            self.story.wait()
            self.look()

    def ends(self, outcome: Outcome) -> None:
        """A delivery ends like this."""
        with self.lines("slack") as logger:
            metrics = Metrics()
            report(outcome, logger, metrics, now=self.story.time)
            observability.flush(metrics)
        self.look()

    def aws(self, namespace: str, metric: str, value: float, *, minutes: int = 1, **dimensions: str) -> None:
        """AWS itself says so, once a minute."""
        for _ in range(minutes):
            self.story.wait()
            self.cloudwatch.put(namespace, metric, self.story.time, value, **dimensions)
            self.look()

    def look(self) -> None:
        self.gone_off |= self.alarms()

    def alarms(self) -> set[str]:
        """The alarms that are in ALARM now."""
        return {alarm for alarm in ALARMS if self.cloudwatch.is_alarm(alarm, self.story.time)}

    @contextlib.contextmanager
    def lines(self, function: str) -> Iterator[Logger]:
        """Take what a function prints to CloudWatch."""
        with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.MonkeyPatch.context() as patch:
            patch.setenv("POWERTOOLS_SERVICE_NAME", f"{STACK}-{function}")
            patch.setenv("POWERTOOLS_METRICS_NAMESPACE", "TestmoNotifier")
            yield Logger(service=str(uuid.uuid4()))  # one of its own, because a logger keeps its first output
        self.printed += printed.getvalue()
        self.cloudwatch.put_lines(printed.getvalue(), self.story.time)
