"""A small AWS on loopback that counts: calls, DynamoDB's units, messages. It is the same for every measured version.

One table with the key `pk`, `sk` and the sparse indexes of `template.yaml`; a topic; two secrets; SQS as far as the
Slack function calls it. What it does not know ends with an error that names the operation: a bench must not guess.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Final
from urllib.parse import parse_qsl

from benchmarks.fakes.expressions import Item, holds, size, updated
from benchmarks.fakes.web import Asked, Said
from tests.support.template import properties

WRITES: Final = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
MAX_ITEM_BYTES: Final = 400 * 1024
MAX_TRANSACTION_BYTES: Final = 4 * 1024 * 1024
MAX_TRANSACTION_ACTIONS: Final = 100
READ_UNIT, WRITE_UNIT = 4096, 1024
INDEXES: Final = {
    index["IndexName"]: next(key["AttributeName"] for key in index["KeySchema"] if key["KeyType"] == "HASH")
    for index in properties("StateTable")["GlobalSecondaryIndexes"]
}
MAILBOX: Final = {  # confirmed, and for every channel: mail goes out
    "Protocol": "email",
    "Endpoint": "qa@example.com",
    "SubscriptionArn": "arn:aws:sns:us-east-1:000000000000:notifications:1",
}
SUBSCRIPTIONS: Final = "".join(f"<{name}>{value}</{name}>" for name, value in MAILBOX.items())
Key = tuple[str, str]


class Refused(Exception):
    """An error of AWS's."""

    def __init__(self, code: str, **more: object) -> None:
        super().__init__(code)
        self.code, self.more = code, more


@dataclass(frozen=True, slots=True)
class Published:
    """A message that the topic took."""

    channel: str
    destination: str
    run_id: int
    id: str
    message: str

    @property
    def total(self) -> int:
        """How many results an event announces."""
        total: int = json.loads(self.message)["total"]
        return total


@dataclass
class Usage:
    """What was used since the last look."""

    calls: Counter[str] = field(default_factory=Counter)
    read_units: float = 0.0
    write_units: int = 0

    @property
    def writes(self) -> int:
        """Calls that write to the table."""
        return sum(self.calls[f"dynamodb.{name}"] for name in WRITES)


class Aws:
    """Everything behind AWS_ENDPOINT_URL. `secrets` are texts by ARN."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.secrets = dict(secrets)
        self.items: dict[Key, Item] = {}
        self.published: list[Published] = []
        self.hidden: dict[str, int] = {}  # seconds by receipt handle, as ChangeMessageVisibility said
        self.usage = Usage()
        self._of_pk: defaultdict[str, set[Key]] = defaultdict(set)
        self._of_index: defaultdict[str, set[Key]] = defaultdict(set)
        self._lock = RLock()

    def used(self) -> Usage:
        """What was used since the last look."""
        with self._lock:
            usage, self.usage = self.usage, Usage()
            return usage

    def answer(self, asked: Asked) -> Said:
        """One call."""
        target = asked.headers.get("x-amz-target", "")
        with self._lock:
            if not target:
                return self._query(dict(parse_qsl(asked.body.decode(), keep_blank_values=True)))
            service, _, operation = target.partition(".")
            service = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs"}.get(service, service)
            self.usage.calls[f"{service}.{operation}"] += 1
            handler = getattr(self, f"_{service}_{operation}", None)
            if handler is None:
                return _error("UnknownOperationException", message=f"this AWS has no {target}")
            try:
                return _json(handler(json.loads(asked.body)))
            except Refused as exc:
                return _error(exc.code, **exc.more)

    # -- DynamoDB ---------------------------------------------------------------------------------------------

    def _dynamodb_GetItem(self, request: Any) -> object:  # noqa: N802 - AWS's name
        found = self._read([request["Key"]], consistent=request.get("ConsistentRead", False))
        return {"Item": found[0]} if found else {}

    def _dynamodb_BatchGetItem(self, request: Any) -> object:  # noqa: N802
        ((table, asked),) = request["RequestItems"].items()
        if len(asked["Keys"]) > 100:
            raise Refused("ValidationException", message="Too many items requested for the BatchGetItem call")
        found = self._read(asked["Keys"], consistent=asked.get("ConsistentRead", False))
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def _dynamodb_Query(self, request: Any) -> object:  # noqa: N802
        index = request.get("IndexName")
        if index is not None:
            keys = self._of_index[INDEXES[index]]
        else:
            values = request["ExpressionAttributeValues"].values()
            keys = {key for value in values for key in self._of_pk.get(value.get("S", ""), ())}
        found = [self.items[key] for key in sorted(keys)]
        found = [item for item in found if holds(request, item, "KeyConditionExpression")]
        units = max(1, math.ceil(sum(map(size, found)) / READ_UNIT))
        self.usage.read_units += units if request.get("ConsistentRead") else units / 2
        found = [item for item in found if holds(request, item, "FilterExpression")]
        return {"Items": found, "Count": len(found)}

    def _dynamodb_PutItem(self, request: Any) -> object:  # noqa: N802
        return self._change([("Put", request)])

    def _dynamodb_UpdateItem(self, request: Any) -> object:  # noqa: N802
        self._change([("Update", request)])
        item = self.items[_key(request["Key"])]
        return {"Attributes": item} if request.get("ReturnValues") == "ALL_NEW" else {}

    def _dynamodb_DeleteItem(self, request: Any) -> object:  # noqa: N802
        return self._change([("Delete", request)])

    def _dynamodb_TransactWriteItems(self, request: Any) -> object:  # noqa: N802
        actions = [next(iter(action.items())) for action in request["TransactItems"]]
        if len(actions) > MAX_TRANSACTION_ACTIONS:
            raise Refused("ValidationException", message="Member must have length less than or equal to 100")
        if len({_key(_key_of(action)) for _, action in actions}) < len(actions):
            raise Refused(
                "ValidationException", message="Transaction request cannot include multiple operations on one item"
            )
        return self._change(actions, transaction=True)

    def _dynamodb_BatchWriteItem(self, request: Any) -> object:  # noqa: N802
        for actions in request["RequestItems"].values():
            for action in actions:
                ((kind, one),) = action.items()
                self._change([(kind.removesuffix("Request"), one)])
        return {"UnprocessedItems": {}}

    def _read(self, keys: list[Item], *, consistent: bool) -> list[Item]:
        found = []
        for key in keys:
            item = self.items.get(_key(key))
            units = max(1, math.ceil(size(item or {}) / READ_UNIT))
            self.usage.read_units += units if consistent else units / 2
            found += [item] if item is not None else []
        return found

    def _change(self, actions: list[tuple[str, Any]], *, transaction: bool = False) -> object:
        """Do all or nothing; what a refused write cost is counted, too."""
        results: list[tuple[Key, Item | None, Item | None]] = []
        reasons: list[dict[str, object]] = []
        total = 0
        for kind, action in actions:
            key = _key(_key_of(action))
            before = self.items.get(key)
            ok = holds(action, before or {})
            reasons.append({"Code": "None"} if ok else {"Code": "ConditionalCheckFailed"})
            after = before if not ok else _after(kind, action, before)
            results.append((key, before, after))
            weight = size(after or {})
            total += weight
            units = max(1, math.ceil(max(weight, size(before or {})) / WRITE_UNIT)) + _index_units(before, after)
            self.usage.write_units += units * (2 if transaction else 1)
            if weight > MAX_ITEM_BYTES:
                raise Refused("ValidationException", message="Item size has exceeded the maximum allowed size")
            if not ok and not transaction:
                old = {"Item": before} if before and "ReturnValuesOnConditionCheckFailure" in action else {}
                raise Refused("ConditionalCheckFailedException", message="The conditional request failed", **old)
        if transaction and total > MAX_TRANSACTION_BYTES:
            raise Refused("ValidationException", message="Transaction size exceeds 4 MB")
        if any(reason["Code"] != "None" for reason in reasons):
            raise Refused("TransactionCanceledException", message="cancelled", CancellationReasons=reasons)
        for key, before, after in results:
            self._store(key, before, after)
        return {}

    def _store(self, key: Key, before: Item | None, after: Item | None) -> None:
        for attribute in INDEXES.values():
            if before and attribute in before:
                self._of_index[attribute].discard(key)
            if after and attribute in after:
                self._of_index[attribute].add(key)
        if after is None:
            self.items.pop(key, None)
            self._of_pk[key[0]].discard(key)
        else:
            self.items[key] = after
            self._of_pk[key[0]].add(key)

    # -- the others -------------------------------------------------------------------------------------------

    def _secretsmanager_GetSecretValue(self, request: Any) -> object:  # noqa: N802
        arn = request["SecretId"]
        return {"ARN": arn, "Name": arn, "SecretString": self.secrets[arn], "VersionId": "1"}

    def _sqs_ChangeMessageVisibility(self, request: Any) -> object:  # noqa: N802
        self.hidden[request["ReceiptHandle"]] = int(request["VisibilityTimeout"])
        return {}

    def _sqs_SendMessage(self, request: Any) -> object:  # noqa: N802
        raise AssertionError(f"a message was parked: {request}")

    def _query(self, form: Mapping[str, str]) -> Said:
        """SNS speaks forms and XML."""
        action = form["Action"]
        self.usage.calls[f"sns.{action}"] += 1
        if action == "Publish":
            self._publish(form, "")
            inner = "<MessageId>1</MessageId>"
        elif action == "PublishBatch":
            numbers = sorted(
                {int(name.split(".")[2]) for name in form if name.startswith("PublishBatchRequestEntries.")}
            )
            inner = ""
            for number in numbers:
                prefix = f"PublishBatchRequestEntries.member.{number}."
                self._publish(form, prefix)
                inner += f"<member><Id>{form[f'{prefix}Id']}</Id><MessageId>1</MessageId></member>"
            inner = f"<Successful>{inner}</Successful><Failed/>"
        elif action == "ListSubscriptionsByTopic":
            inner = f"<Subscriptions><member>{SUBSCRIPTIONS}</member></Subscriptions>"
        elif action == "GetSubscriptionAttributes":
            inner = "<Attributes/>"
        else:
            raise AssertionError(f"this SNS has no {action}")
        text = f'<{action}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><{action}Result>{inner}</{action}Result>'
        return Said(f"{text}</{action}Response>".encode(), headers={"Content-Type": "text/xml"})

    def _publish(self, form: Mapping[str, str], prefix: str) -> None:
        values: dict[str, str] = {}
        number = 1
        while (name := form.get(f"{prefix}MessageAttributes.entry.{number}.Name")) is not None:
            values[name] = form[f"{prefix}MessageAttributes.entry.{number}.Value.StringValue"]
            number += 1
        self.published.append(
            Published(
                values["channel"],
                values["destination"],
                int(values["run_id"]),
                values["id"],
                form[f"{prefix}Message"],
            )
        )


def _key_of(action: Mapping[str, Any]) -> Item:
    key: Item = action["Key"] if "Key" in action else action["Item"]
    return key


def _key(key: Item) -> Key:
    return key["pk"]["S"], key["sk"]["S"]


def _after(kind: str, action: Mapping[str, Any], before: Item | None) -> Item | None:
    match kind:
        case "Put":
            item: Item = action["Item"]
            return item
        case "Update":
            return updated(action, before or dict(action["Key"]))
        case "Delete":
            return None
        case "ConditionCheck":
            return before
    raise AssertionError(f"this DynamoDB has no {kind}")


def _index_units(before: Item | None, after: Item | None) -> int:
    """The indexes hold keys alone: an entry is written when it comes and when it goes."""
    return sum(((before or {}).get(attribute) != (after or {}).get(attribute)) for attribute in INDEXES.values())


def _json(value: object, status: int = 200) -> Said:
    return Said(json.dumps(value).encode(), status, {"Content-Type": "application/x-amz-json-1.0"})


def _error(code: str, **more: object) -> Said:
    return _json({"__type": code, **more}, 400)
