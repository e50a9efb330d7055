"""Who was told what: every notification reaches its destination once (Powertools Idempotency, rule 11)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)

from testmo_notifier.errors import NO_TABLE, DeliveryDelayed
from testmo_notifier.model import QueuedMessage, Receipt

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb.client import DynamoDBClient

KEEP_SECONDS: Final = 30 * 24 * 3_600  # twice as long as a message can live in the queues


class DeliveryRecords:
    """The delivery records in the table. Without the Lambda context a crash would block its message for 30 days."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._layer = cache(partial(layer, client, table_name))

    def once(self, message: QueuedMessage, send: Callable[[], Receipt], *, context: LambdaContext) -> Receipt | None:
        """Run `send` unless the message was delivered before (then None). What `send` raises is raised here.

        Raises `DeliveryDelayed` when another invocation has the message in hand, or the table does not answer.
        """
        receipts: list[Receipt] = []

        def deliver(*, delivery: dict[str, str]) -> dict[str, str]:
            receipt = send()
            receipts.append(receipt)
            form = "text" if receipt.text_only else "blocks"
            return {"id": delivery["id"], "at": receipt.at.isoformat(), "answer": "ok", "form": form}

        deliver_once = idempotent_function(
            deliver,
            data_keyword_argument="delivery",
            persistence_store=self._layer(message.destination),
            config=IdempotencyConfig(
                lambda_context=context,
                raise_on_no_idempotency_key=True,
                expires_after_seconds=KEEP_SECONDS,
                hash_function="sha256",
            ),
            key_prefix=message.destination.partition(":")[0],
        )
        try:
            deliver_once(delivery={"id": message.id, "destination": message.destination})
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError) as exc:
            raise DeliveryDelayed("another invocation has this message in hand", reason="in_progress") from exc
        except IdempotencyPersistenceLayerError as exc:
            if not receipts:
                raise DeliveryDelayed("the delivery record cannot be written", reason=NO_TABLE) from exc
            # It was delivered. Sending it again for want of a record would only double it.
        return receipts[0] if receipts else None


def layer(client: DynamoDBClient, table_name: str, destination: str) -> DynamoDBPersistenceLayer:
    """Where Powertools keeps the records of a destination."""
    return DynamoDBPersistenceLayer(
        table_name=table_name,
        key_attr="pk",
        sort_key_attr="sk",
        static_pk_value=f"DELIVERY#{destination}",
        expiry_attr="expires_at",
        boto3_client=client,
    )
