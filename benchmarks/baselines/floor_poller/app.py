"""The floor of the poller's cold start: imports what it needs, makes the clients it needs, tries to take the lease.

No Jinja: the poller imports it with the first message.
"""
# ruff: noqa: INP001 - loaded as a file, like a function

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.config import Config
from botocore.exceptions import ClientError


def handler(_event: object, _context: object) -> str:
    """A busy poll."""
    dynamodb = _clients()
    try:
        dynamodb.update_item(
            TableName=os.environ["TABLE_NAME"],
            Key={"pk": {"S": "CONTROL"}, "sk": {"S": "POLLER"}},
            UpdateExpression="SET lease_holder = :me",
            ConditionExpression="attribute_not_exists(lease_until) OR lease_until < :now",
            ExpressionAttributeValues={":me": {"S": "floor"}, ":now": {"S": "2026"}},
        )
    except ClientError:
        return "busy"
    return "not busy"


@cache
def _clients() -> Any:
    session = boto3.session.Session()
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    session.client("sns", config=config)
    SecretsProvider(boto3_client=session.client("secretsmanager", config=config))
    Logger()
    Metrics()
    urllib3.PoolManager(num_pools=4)
    return session.client("dynamodb", config=config)
