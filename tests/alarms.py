"""The alarms of template.yaml, judged as CloudWatch judges them, over metrics that real code wrote.

The embedded AWS makes no metrics of log lines, and its alarms know neither dimensions nor missing data.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from testmo_notifier import observability
from testmo_notifier.deliver import Outcome
from testmo_notifier.observability import new_metrics, report, report_failed_poll, report_poll
from tests.story import Story
from tests.template import RESOURCES

Key = tuple[str, str, frozenset[tuple[str, str]]]
STACK = "stack"
SILENCE_MINUTES = 15
ALARMS: dict[str, dict[str, Any]] = {
    name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == "AWS::CloudWatch::Alarm"
}


@dataclass
class CloudWatch:
    """Metrics as they arrive, by namespace, name and dimensions."""

    points: dict[Key, list[tuple[datetime, float]]] = field(default_factory=dict)

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
        """Whether an alarm is in ALARM at a moment: enough of its last periods breach, and missing data counts."""
        asked = ALARMS[alarm]
        periods = SILENCE_MINUTES if isinstance(asked["EvaluationPeriods"], dict) else asked["EvaluationPeriods"]
        needed = asked.get("DatapointsToAlarm", periods)
        needed = SILENCE_MINUTES if isinstance(needed, dict) else needed
        length = timedelta(seconds=asked["Period"])
        end = ceiling(at, length)
        breaching = 0
        for number in range(periods):
            value = self.value(alarm, end - (number + 1) * length, end - number * length)
            if value is None:
                breaching += asked["TreatMissingData"] == "breaching"
            else:
                breaching += breaches(asked, value)
        return bool(breaching >= needed)

    def value(self, alarm: str, begin: datetime, end: datetime) -> float | None:
        """The statistic of one period."""
        asked = ALARMS[alarm]
        dimensions = frozenset((d["Name"], literal(d["Value"])) for d in asked["Dimensions"])
        stored = self.points.get((asked["Namespace"], asked["MetricName"], dimensions), [])
        values = sorted(value for at, value in stored if begin <= at < end)
        if not values:
            return None
        match asked.get("Statistic") or asked["ExtendedStatistic"]:
            case "Sum":
                return sum(values)
            case "Maximum":
                return values[-1]
            case "p99":
                return values[math.ceil(0.99 * len(values)) - 1]
        raise AssertionError(asked)


def ceiling(at: datetime, length: timedelta) -> datetime:
    """The end of the period that holds a moment; periods begin at whole multiples of their length."""
    seconds = length.total_seconds()
    return datetime.fromtimestamp((at.timestamp() // seconds + 1) * seconds, UTC)


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

    def polls(self, minutes: int, **changed: Any) -> None:  # noqa: ANN401 - settings of many types
        """Poll once a minute, as the poller does, and look at the alarms after each."""
        for _ in range(minutes):
            self.story.wait()
            with self.lines("poller") as logger:
                try:
                    summary = self.story.poll(**changed)
                except Exception as exc:  # noqa: BLE001 - as in functions/poller/app.py
                    report_failed_poll(exc, logger)
                else:
                    report_poll(summary, logger, new_metrics())
            self.look()

    def passes(self, minutes: int) -> None:
        """Let time pass without a poll."""
        for _ in range(minutes):
            self.story.wait()
            self.look()

    def ends(self, outcome: Outcome) -> None:
        """A delivery ends like this."""
        with self.lines("slack") as logger:
            metrics = new_metrics()
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
