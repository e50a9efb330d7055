"""Where the AWS is that the command works with, and its clients."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.request import getproxies_environment

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

INVOKE_SECONDS = 100  # the functions' 60 and a cold start on a busy machine; less would cut a poll off
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=3, read_timeout=30, proxies={}
)  # no proxies: everything is on loopback
INVOKE_ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=INVOKE_SECONDS)  # a retry would be a second poll


def proxies() -> dict[str, str]:
    """The proxies of our own environment for a child, none of them for what is on this machine.

    In small letters and in capitals: programs differ in which of the two they prefer.
    """
    found = getproxies_environment()
    given = {f"{scheme}_proxy": found[scheme] for scheme in ("https", "http") if found.get(scheme)}
    given["no_proxy"] = ",".join(filter(None, ("127.0.0.1,localhost", found.get("no"))))
    return given | {name.upper(): value for name, value in given.items()}


@dataclass(frozen=True)
class Aws:
    """An endpoint with a Region and credentials. Profiles and configuration files are never read."""

    endpoint: str
    region: str = "us-east-1"
    access_key_id: str = "test"
    secret_access_key: str = "test"  # noqa: S105 - what emulators take
    session_token: str | None = None

    @classmethod
    def from_env(cls, endpoint: str, environ: Mapping[str, str]) -> Aws:
        """What the environment says of Region and credentials, with an emulator's usual values where it is silent."""
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or cls.region
        if not (environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY")):
            return cls(endpoint, region)
        return cls(
            endpoint,
            region,
            environ["AWS_ACCESS_KEY_ID"],
            environ["AWS_SECRET_ACCESS_KEY"],
            environ.get("AWS_SESSION_TOKEN") or None,
        )

    def environ(self) -> dict[str, str]:
        """The environment for AWS tools: this endpoint and nothing of a developer's own AWS settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_CLI_"))}
        token = {"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}
        return kept | proxies() | token | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2",  # seconds; by default `sam deploy` looks every five whether it is done
        }  # fmt: skip

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(self.access_key_id, self.secret_access_key, self.session_token, self.region)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """Stacks."""
        return self._session.client("cloudformation", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """The table."""
        return self._session.client("dynamodb", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def functions(self) -> LambdaClient:
        """Lambda; one attempt, and patience beyond a function's own time-out."""
        return self._session.client("lambda", endpoint_url=self.endpoint, config=CONFIG.merge(INVOKE_ONCE))

    @cached_property
    def s3(self) -> S3Client:
        """Where `sam deploy` puts the code."""
        return self._session.client("s3", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        """Schedules."""
        return self._session.client("scheduler", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def secrets(self) -> SecretsManagerClient:
        """Secrets Manager."""
        return self._session.client("secretsmanager", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def sns(self) -> SNSClient:
        """Topics and subscriptions."""
        return self._session.client("sns", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def sqs(self) -> SQSClient:
        """Queues."""
        return self._session.client("sqs", endpoint_url=self.endpoint, config=CONFIG)
