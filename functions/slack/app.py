"""Takes messages from the queue and delivers each once, by its channel's transport. `deliver` decides."""
# ruff: noqa: INP001 - Lambda loads app.py as a file; a package would only make its path longer

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from testmo_notifier.importing import quick_imports, uncollected

with quick_imports():
    from aws_lambda_powertools import Logger, Metrics

    from testmo_notifier.adapters.machine import Machine
    from testmo_notifier.adapters.queue import BatchResponse, SqsEvent, read_record
    from testmo_notifier.config import DeliverySettings
    from testmo_notifier.delivery.deliver import deliver
    from testmo_notifier.observability import flush, report
    from testmo_notifier.wiring.delivery import Deliverer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    """Deal with one batch of the queue."""
    return _service().run(event, context)


class Service:
    """Everything that outlives an invocation."""

    def __init__(self, settings: DeliverySettings, machine: Machine) -> None:
        self.logger, self.metrics, self.now = Logger(), Metrics(), machine.now
        self.deliverer = Deliverer(settings, machine)

    def run(self, event: SqsEvent, context: LambdaContext) -> BatchResponse:
        """Deliver one batch; log and count how each message ended."""
        self.logger.append_keys(request_id=context.aws_request_id)
        left = []
        for outcome in deliver(map(read_record, event["Records"]), self.deliverer.effects(context)):
            report(outcome, self.logger, self.metrics, now=self.now())
            if outcome.end == "returned":
                left.append({"itemIdentifier": outcome.message.queue_id})
        flush(self.metrics)
        self.deliverer.states.announce(self.logger.warning)
        return {"batchItemFailures": left}


@cache
def _service() -> Service:
    machine = Machine()
    with uncollected():  # its clients stay, too
        return Service(DeliverySettings.from_env(machine.environ), machine)
