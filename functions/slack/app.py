"""The Slack function: takes messages from the queue, posts each to its webhook once. `deliver` decides."""
# ruff: noqa: INP001 - Lambda loads app.py as a file; a package would only make its path longer

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, TypedDict

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider

from testmo_notifier.adapters.aws import client_config
from testmo_notifier.adapters.http import new_pool
from testmo_notifier.adapters.idempotency import Ledger
from testmo_notifier.adapters.queue import Queue, SqsEvent, read_record
from testmo_notifier.adapters.secrets import read_secret
from testmo_notifier.adapters.slots import Slots
from testmo_notifier.channels.slack import transport as slack
from testmo_notifier.config import SlackSettings, usable_webhooks
from testmo_notifier.delivery.deliver import Effects, deliver
from testmo_notifier.observability import flush, new_logger, new_metrics, report

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class BatchResponse(TypedDict):
    """The messages that stay in the queue; Lambda deletes all others."""

    batchItemFailures: list[dict[str, str]]


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    """Deal with one batch of the Slack queue."""
    return _service().run(event, context)


class Service:
    """Everything that outlives an invocation."""

    def __init__(self, settings: SlackSettings) -> None:
        dynamodb = boto3.client("dynamodb", config=client_config())
        secrets = SecretsProvider(boto3_client=boto3.client("secretsmanager", config=client_config()))
        self.logger, self.metrics = new_logger(), new_metrics()
        self.pool = new_pool()
        self.slots = Slots(dynamodb, settings.table_name)
        self.ledger = Ledger(dynamodb, settings.table_name)
        sqs = boto3.client("sqs", config=client_config())
        self.queue = Queue(sqs, settings.queue_url, settings.dead_letter_queue_url)
        self.read_webhooks = partial(read_secret, secrets, settings.slack_secret_arn, usable_webhooks)

    def run(self, event: SqsEvent, context: LambdaContext) -> BatchResponse:
        """Deliver one batch; log and count how each message ended."""
        self.pool.clear()  # a connection that slept with the function may be dead, and a post is not repeated blindly
        self.logger.append_keys(request_id=context.aws_request_id)
        effects = Effects(
            webhooks=lambda fresh: self.read_webhooks(fresh=fresh),
            post=lambda url, payload: slack.post(self.pool, url, payload, now=datetime.now(UTC)),
            change_pace=self.slots.change,
            once=partial(self.ledger.once, context=context),
            hide=self.queue.hide,
            park=self.queue.park,
            now=lambda: datetime.now(UTC),
            sleep=time.sleep,
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        )
        failures = []
        for outcome in deliver([read_record(record) for record in event["Records"]], effects):
            report(outcome, self.logger, self.metrics, now=datetime.now(UTC))
            if outcome.end == "returned":
                failures.append({"itemIdentifier": outcome.message.queue_id})
        flush(self.metrics)
        return {"batchItemFailures": failures}


@cache
def _service() -> Service:
    return Service(SlackSettings.from_env(os.environ))
