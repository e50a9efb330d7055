"""Waiting for other processes: for what is the case, not for time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tools.lib.aws import Aws

PATIENCE_SECONDS = 180.0  # a webhook in trouble pauses a minute, and the machine may be slow
PAUSE_SECONDS = 0.05  # between two looks
LOOKS = 60


def until(is_so: Callable[[], object], what: str) -> None:
    """Come back when something is the case; fails with its name when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}"
        time.sleep(PAUSE_SECONDS)


def is_soon(is_so: Callable[[], object]) -> bool:
    """Whether something is the case in a moment; for what may not come by itself, so the number of looks is bounded."""
    for _ in range(LOOKS):
        if is_so():
            return True
        time.sleep(PAUSE_SECONDS)
    return False


def depth(aws: Aws, url: str) -> int:
    """How many messages a queue has: those that wait, those in hand and those that come back later."""
    names: Any = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    return sum(map(int, aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))
