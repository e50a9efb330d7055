"""What the emulator does otherwise than AWS, and tests have to know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tools.lib.aws import Aws
from tools.local.ministack import PROGRAM, MiniStack

RUNNING: list[MiniStack] = []  # for the report of a test that fails


@contextmanager
def embedded_aws() -> Iterator[Aws]:
    """An account of one's own, in which roles and policies are enforced; skips the test where there is none."""
    if not PROGRAM.exists():
        pytest.skip(f"the embedded AWS is not installed ({PROGRAM} is missing): run `make setup`")
    with MiniStack() as ministack:
        RUNNING.append(ministack)
        try:
            yield ministack.aws
        finally:
            RUNNING.remove(ministack)


def silence(cloudwatch: Any, stack_name: str) -> None:  # noqa: ANN401 - boto3's client of CloudWatch
    """Take a stack's alarms over Lambda's own metrics away.

    The emulator rings them after one failed invocation, of whichever function in the account.
    """
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack_name}-")
    names = [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]
    cloudwatch.delete_alarms(AlarmNames=[name for name in names if re.search(r"(Errors|Throttles|Slow)Alarm", name)])
