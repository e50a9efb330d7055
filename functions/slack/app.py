"""Takes messages from the queue and delivers each once, by its channel's transport. `deliver` decides."""
# ruff: noqa: INP001 - Lambda loads app.py as a file; a package would only make its path longer

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from testmo_notifier.importing import uncollected

with uncollected():
    from aws_lambda_powertools import Logger, Metrics

    from testmo_notifier.adapters.destinations import Paces, States
    from testmo_notifier.adapters.http import new_pool
    from testmo_notifier.adapters.idempotency import Ledger
    from testmo_notifier.adapters.machine import Machine
    from testmo_notifier.adapters.queue import BatchResponse, Queue, SqsEvent, read_record
    from testmo_notifier.adapters.secrets import read_secret
    from testmo_notifier.config import DeliverySettings
    from testmo_notifier.delivery.deliver import deliver
    from testmo_notifier.delivery.effects import Effects
    from testmo_notifier.observability import flush, report

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    """Deal with one batch of the queue."""
    return _service().run(event, context)


class Service:
    """Everything that outlives an invocation."""

    def __init__(self, settings: DeliverySettings, machine: Machine) -> None:
        dynamodb, table_name = machine.client("dynamodb"), settings.table_name
        queue = Queue(machine.client("sqs"), settings.queue_url, settings.dead_letter_queue_url)
        self.logger, self.metrics, self.pool, self.now = Logger(), Metrics(), new_pool(), machine.now
        self.ledger, self.states = Ledger(dynamodb, table_name), States(dynamodb, table_name, machine.now)
        self.effects = partial(
            Effects.of,
            settings.secret_arns,
            read_secret=partial(read_secret, machine.secrets()),
            pool=self.pool,
            change_state=self.states.change,
            forget=self.states.keeps_none,
            change_pace=Paces(dynamodb, table_name).change,
            hide=queue.hide,
            park=queue.park,
            now=machine.now,
            sleep=machine.sleep,
        )

    def run(self, event: SqsEvent, context: LambdaContext) -> BatchResponse:
        """Deliver one batch; log and count how each message ended."""
        self.pool.clear()  # a connection that slept with the function may be dead, and a post is not repeated blindly
        self.logger.append_keys(request_id=context.aws_request_id)
        effects = self.effects(
            once=partial(self.ledger.once, context=context),
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        )
        left = []
        for outcome in deliver(map(read_record, event["Records"]), effects):
            report(outcome, self.logger, self.metrics, now=self.now())
            if outcome.end == "returned":
                left.append({"itemIdentifier": outcome.message.queue_id})
        flush(self.metrics)
        self.states.announce(self.logger.warning)
        return {"batchItemFailures": left}


@cache
def _service() -> Service:
    machine = Machine()
    return Service(DeliverySettings.from_env(machine.environ), machine)
