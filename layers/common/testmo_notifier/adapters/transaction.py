"""Several writes to the table or none, and what AWS means when it refuses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from testmo_notifier.errors import LostRace, TooLarge, Unwritable
from testmo_notifier.model import Checkpoint, Envelope, Held, ProjectState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from testmo_notifier.adapters.items import Item

Action = dict[str, Any]  # one of Put, Update and Delete, without the table

MAX_ACTIONS: Final = 100  # of one transaction
REFUSED: Final = "ConditionalCheckFailed"
CROWDED: Final = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})  # botocore does not try these again
MAX_WORDS: Final = 200  # characters of what DynamoDB says of an item
# The same for all of it, after botocore's attempts.
ALL_CROWDED: Final = frozenset(
    {"ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"}
)
IN_PROGRESS: Final = "TransactionInProgressException"  # no answer came in time, nor to a second try of the same
NEVER_WRITTEN: Final = "attribute_not_exists(pk)"
UNCHANGED: Final = "version = :before"


def transact(client: DynamoDBClient, table: str, actions: Sequence[Action]) -> None:
    """Do all of it or nothing. Raises `LostRace` and `TooLarge`, which name the item."""
    if not actions:
        return
    first = key_of(actions[0])
    if len(actions) > MAX_ACTIONS:
        raise TooLarge(f"{first['pk']['S']}: {len(actions)} writes belong together, and DynamoDB takes {MAX_ACTIONS}")
    asked: Any = [{kind: {"TableName": table, **one} for kind, one in action.items()} for action in actions]
    try:
        client.transact_write_items(TransactItems=asked)
    except client.exceptions.TransactionCanceledException as exc:
        reasons = exc.response.get("CancellationReasons", [])
        refused = [key_of(action) for action, why in zip(actions, reasons, strict=False) if why.get("Code") == REFUSED]
        codes = {reason.get("Code") for reason in reasons}
        if refused or "TransactionConflict" in codes:
            raise lost(next(iter(refused), first)) from exc
        if codes & CROWDED:
            raise crowded(first) from exc
        unfitting = (unfit(key_of(action), why) for action, why in zip(actions, reasons, strict=False))
        raise next(filter(None, unfitting), exc) from exc
    except ClientError as exc:
        raise refusal(first, exc.response["Error"]) or exc from exc


def key_of(action: Action) -> Item:
    """The item that an action writes: its key, or all of it."""
    (one,) = action.values()
    item: Item = one["Item"] if "Item" in one else one["Key"]
    return item


def unchanged(noun: Checkpoint | ProjectState | Held | Envelope | None) -> Any:  # noqa: ANN401 - keyword arguments
    """The condition that nobody wrote since a noun was read, or, where it was not there, at all."""
    if noun is None or not noun.version:
        return {"ConditionExpression": NEVER_WRITTEN}
    return {"ConditionExpression": UNCHANGED, "ExpressionAttributeValues": {":before": {"N": str(noun.version)}}}


def refusal(item: Item, said: Mapping[str, Any]) -> LostRace | TooLarge | None:
    """What the error of a whole call means for an item: not now, or never; None for any other."""
    if said.get("Code") == IN_PROGRESS:
        return LostRace(f"{item['pk'].get('S')} may be written or not: DynamoDB is still at it")
    return crowded(item) if said.get("Code") in ALL_CROWDED else unfit(item, said)


def unfit(item: Item, said: Mapping[str, Any]) -> TooLarge | None:
    """What AWS says of an item or an action, if it is that it can never be written; others are not to wait for it."""
    if said.get("Code") not in ("ValidationException", "ValidationError"):
        return None
    name, words = item["pk"].get("S"), said.get("Message", "")
    if "size" in words.lower():
        return TooLarge(f"{name} is larger than DynamoDB takes (400 KB)")
    return Unwritable(f"{name} was not written: DynamoDB refuses it ({words[:MAX_WORDS]})")


def lost(item: Item) -> LostRace:
    """Somebody else's write of an item stands."""
    return LostRace(f"{item['pk'].get('S')} was written by another poller meanwhile")


def crowded(item: Item) -> LostRace:
    """The table has no room for a write at the moment: the next poll tries again."""
    return LostRace(f"{item['pk'].get('S')} was not written: DynamoDB takes no more writes just now")
