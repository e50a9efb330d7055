"""The floor of the Slack function's cold start: imports what it needs and makes the clients it needs."""
# ruff: noqa: INP001 - loaded as a file, like a function

from __future__ import annotations

import boto3
import urllib3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.config import Config


def handler(_event: object, _context: object) -> str:
    """An empty batch."""
    session = boto3.session.Session()
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    session.client("sqs", config=config)
    SecretsProvider(boto3_client=session.client("secretsmanager", config=config))
    DynamoDBPersistenceLayer(table_name="state", boto3_client=session.client("dynamodb", config=config))
    IdempotencyConfig()
    Logger()
    Metrics()
    urllib3.PoolManager(num_pools=4)
    return "empty"
