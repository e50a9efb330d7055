"""The machine that a function runs on: AWS, environment, clock, chance and threads. Tests put another in its place."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.config import Config

from testmo_notifier.lean import dataclass
from testmo_notifier.version import VERSION

CONNECT_SECONDS: Final = 2  # to open a connection to AWS
READ_SECONDS: Final = 5  # for an answer of AWS: what takes longer is tried again
ATTEMPTS: Final = 3  # of one call of AWS, the first included
# Stands in CloudTrail; botocore would make up its own for each call anew.
USER_AGENT: Final = f"testmo-notifier/{VERSION}"


def environment() -> Mapping[str, str]:
    """The variables that template.yaml sets."""
    return os.environ


def client_config() -> Config:
    """What every client of AWS states: time-outs and attempts, because botocore's own changed in November 2026."""
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent=USER_AGENT,
    )


def new_client(service: str) -> Any:  # noqa: ANN401 - each service has its own
    """A client of a service of AWS."""
    return boto3.client(service, config=client_config())  # type: ignore[call-overload]  # any of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Everything a function does not make itself."""

    environ: Mapping[str, str] = field(default_factory=environment)
    client: Callable[[str], Any] = new_client
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    thread_time: Callable[[], float] = time.thread_time
    shuffle: Callable[[list[Any]], None] = random.shuffle
    executor: Callable[[int], Executor] = ThreadPoolExecutor

    def secrets(self) -> SecretsProvider:
        """Where secrets are kept, each for some minutes."""
        return SecretsProvider(boto3_client=self.client("secretsmanager"))
