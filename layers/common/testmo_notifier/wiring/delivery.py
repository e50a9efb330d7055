"""What delivery runs on: the adapters of one stack as the effects of a batch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from testmo_notifier.adapters.destinations import States, change_pace
from testmo_notifier.adapters.http import new_pool
from testmo_notifier.adapters.idempotency import DeliveryRecords
from testmo_notifier.adapters.machine import Machine
from testmo_notifier.adapters.queue import Queue
from testmo_notifier.adapters.secrets import read_secret
from testmo_notifier.config import DeliverySettings
from testmo_notifier.delivery.effects import Effects

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Deliverer:
    """Everything that outlives an invocation."""

    def __init__(self, settings: DeliverySettings, machine: Machine) -> None:
        dynamodb, table_name = machine.client("dynamodb"), settings.table_name
        queue = Queue(machine.client("sqs"), settings.queue_url, settings.dead_letter_queue_url)
        self.pool, self.states = new_pool(), States(dynamodb, table_name, machine.now)
        self._records = DeliveryRecords(dynamodb, table_name)
        self._effects = partial(
            Effects.of,
            settings.secret_arns,
            read_secret=partial(read_secret, machine.secrets()),
            pool=self.pool,
            change_state=self.states.change,
            forget=self.states.keeps_none,
            change_pace=partial(change_pace, dynamodb, table_name),
            hide=queue.hide,
            park=queue.park,
            now=machine.now,
            sleep=machine.sleep,
        )

    def effects(self, context: LambdaContext) -> Effects:
        """Those of one invocation."""
        self.pool.clear()  # a connection that slept with the function may be dead, and a post is not repeated blindly
        return self._effects(
            once=partial(self._records.once, context=context),
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        )
