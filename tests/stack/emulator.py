"""What the emulator does otherwise than AWS, and tests have to know."""

from __future__ import annotations

import re
from typing import Any


def silence(cloudwatch: Any, stack_name: str) -> None:  # noqa: ANN401 - boto3's client of CloudWatch
    """Take a stack's alarms over Lambda's own metrics away: the emulator rings them after one failed invocation."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack_name}-")
    names = [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]
    cloudwatch.delete_alarms(AlarmNames=[name for name in names if re.search(r"(Errors|Throttles|Slow)Alarm", name)])
