"""The machine that a function runs on: AWS, environment, clock, chance and threads. Tests put another in its place."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider

from testmo_notifier.adapters.aws import client_config


def environment() -> Mapping[str, str]:
    """The variables that template.yaml sets."""
    return os.environ


def new_client(service: str) -> Any:  # noqa: ANN401 - each service has its own
    """A client of a service of AWS."""
    return boto3.client(service, config=client_config())  # type: ignore[call-overload]  # any of them


def utc_now() -> datetime:
    """Our clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Everything a function does not make itself."""

    environ: Mapping[str, str] = field(default_factory=environment)
    client: Callable[[str], Any] = new_client
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    thread_time: Callable[[], float] = time.thread_time
    shuffle: Callable[[list[Any]], None] = random.shuffle
    executor: Callable[[int], Executor] = ThreadPoolExecutor

    def secrets(self) -> SecretsProvider:
        """Where secrets are kept, each for some minutes."""
        return SecretsProvider(boto3_client=self.client("secretsmanager"))
