"""Where the AWS is that the command works with, and its clients."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import boto3
import botocore.session
from botocore.config import Config

from testmo_notifier.config import is_loopback

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
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=30)
NO_PROXIES = Config(proxies={})  # a proxy's 127.0.0.1 is another one
INVOKE_ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=INVOKE_SECONDS)  # a retry would be a second poll


def service(name: str, config: Config = CONFIG) -> Any:  # noqa: ANN401 - each has a client of its own
    """A service: its client, made when it is first asked for."""
    return cached_property(lambda services: services.client(name, config))


class Services:
    """The services of an AWS, at its own addresses or at an emulator's."""

    endpoint: str | None
    session: boto3.Session

    cloudformation: CloudFormationClient = service("cloudformation")
    cloudwatch: Any = service("cloudwatch")  # of this and of the logs we have no types
    dynamodb: DynamoDBClient = service("dynamodb")
    functions: LambdaClient = service("lambda")
    # For whoever waits for a poll to end: one attempt, because a second one would be a second poll.
    invoked: LambdaClient = service("lambda", CONFIG.merge(INVOKE_ONCE))
    logs: Any = service("logs")
    s3: S3Client = service("s3")
    scheduler: EventBridgeSchedulerClient = service("scheduler")
    secrets: SecretsManagerClient = service("secretsmanager")
    sns: SNSClient = service("sns")
    sqs: SQSClient = service("sqs")

    def client(self, name: str, config: Config = CONFIG) -> Any:  # noqa: ANN401 - the attributes say which it is
        """A client of one service."""
        config = config.merge(NO_PROXIES) if is_loopback(urlsplit(self.endpoint or "").hostname or "") else config
        return self.session.client(name, endpoint_url=self.endpoint, config=config)  # type: ignore[call-overload]


@cache
def session_of(access_key_id: str, secret_access_key: str, session_token: str | None, region: str) -> boto3.Session:
    """A session with these keys. What profiles and files say is about other accounts, so none of them is read."""
    nowhere = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    bare = botocore.session.Session(session_vars={**nowhere, "profile": (None, None, None, None)})
    return boto3.Session(access_key_id, secret_access_key, session_token, region, botocore_session=bare)


def proxies() -> dict[str, str]:
    """The proxies of our own environment for a child, none of them for what is on this machine.

    In small letters and in capitals: programs differ in which of the two they prefer.
    """
    found = getproxies_environment()
    given = {f"{scheme}_proxy": found[scheme] for scheme in ("https", "http") if found.get(scheme)}
    given["no_proxy"] = ",".join(filter(None, ("127.0.0.1,localhost", found.get("no"))))
    return given | {name.upper(): value for name, value in given.items()}


@dataclass(frozen=True)
class Aws(Services):
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
    def session(self) -> boto3.Session:  # type: ignore[override]  # nobody sets it
        """These credentials."""
        return session_of(self.access_key_id, self.secret_access_key, self.session_token, self.region)
