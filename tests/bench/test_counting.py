"""What the bench's AWS counts is what AWS bills, in cases small enough to do by hand.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.fakes.aws import Aws
from benchmarks.fakes.expressions import holds, size, updated
from benchmarks.fakes.web import Asked, Said


def call(aws: Aws, operation: str, **request: Any) -> Said:  # noqa: ANN401 - requests have many types
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}"}
    return aws.answer(Asked("POST", "/", headers, json.dumps({"TableName": "state", **request}).encode()))


def item(number: int, **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 - the same
    return {"pk": {"S": f"RUN#{number}"}, "sk": {"S": "CHECKPOINT"}, **attributes}


def test_an_item_weighs_its_names_and_values() -> None:
    assert size(item(1)) == len("pk") + len("RUN#1") + len("sk") + len("CHECKPOINT")
    assert size({"n": {"N": "1234"}}) == 1 + 3
    assert size({"b": {"B": "AAECAw=="}}) == 1 + 4
    assert size({"m": {"M": {"a": {"S": "xyz"}}}}) == 1 + 3 + (1 + 1 + 3)
    assert size({"t": {"BOOL": True}}) == 1 + 1


@pytest.mark.parametrize(("weight", "reads", "writes"), [(100, 1, 1), (1_025, 1, 2), (4_097, 2, 5)])
def test_units_are_begun_kilobytes(weight: int, reads: int, writes: int) -> None:
    aws = Aws({})
    padded = item(1, text={"S": "x" * (weight - size(item(1)) - len("text"))})
    call(aws, "PutItem", Item=padded)
    assert aws.used().write_units == writes
    call(aws, "GetItem", Key=item(1), ConsistentRead=True)
    assert aws.used().read_units == reads
    call(aws, "GetItem", Key=item(1))
    assert aws.used().read_units == reads / 2


def test_what_is_not_there_is_read_for_a_unit_too() -> None:
    aws = Aws({})
    keys = [item(number) for number in range(3)]
    call(aws, "BatchGetItem", RequestItems={"state": {"Keys": keys, "ConsistentRead": True}})
    assert aws.used().read_units == 3


def test_a_transaction_costs_twice_and_an_index_once_more() -> None:
    aws = Aws({})
    put = {"Put": {"Item": item(1)}}
    call(aws, "TransactWriteItems", TransactItems=[put, {"Put": {"Item": item(2)}}])
    assert aws.used().write_units == 4
    call(aws, "PutItem", Item=item(1, pending={"S": "1"}))
    assert aws.used().write_units == 2
    call(aws, "PutItem", Item=item(1, pending={"S": "1"}, more={"S": "x"}))
    assert aws.used().write_units == 1


def test_a_refused_write_changes_nothing_and_is_paid_for() -> None:
    aws = Aws({})
    call(aws, "PutItem", Item=item(1))
    aws.used()
    refused = call(aws, "PutItem", Item=item(1, new={"S": "x"}), ConditionExpression="attribute_not_exists(pk)")
    assert json.loads(refused.body)["__type"] == "ConditionalCheckFailedException"
    assert (aws.used().write_units, aws.items["RUN#1", "CHECKPOINT"]) == (1, item(1))


@pytest.mark.parametrize(
    ("condition", "is_so"),
    [
        ("attribute_exists(a) AND NOT attribute_exists(z)", True),
        ("a = :one OR a = :two", True),
        ("(a = :two OR attribute_not_exists(a)) AND b < :two", False),
        ("a BETWEEN :one AND :two", True),
        ("#name IN (:two, :one)", True),
        ("begins_with(text, :te)", True),
        ("deep.inner = :two", True),
        ("z = :one", False),
    ],
)
def test_conditions_mean_what_they_mean_in_dynamodb(condition: str, is_so: bool) -> None:  # noqa: FBT001 - the case
    stored: dict[str, Any] = {
        "a": {"N": "1"},
        "b": {"N": "10"},
        "text": {"S": "text"},
        "deep": {"M": {"inner": {"N": "2"}}},
    }
    request = {
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {"#name": "a"},
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":two": {"N": "2.0"}, ":te": {"S": "te"}},
    }
    assert holds(request, stored) is is_so


def test_updates_set_count_and_remove() -> None:
    request = {
        "UpdateExpression": "SET a = :one, deep.#run = :one, n = if_not_exists(n, :one) + :one REMOVE gone ADD t :one",
        "ExpressionAttributeNames": {"#run": "12"},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    before: dict[str, Any] = {"deep": {"M": {"13": {"N": "5"}}}, "gone": {"S": "x"}, "t": {"N": "4"}}
    assert updated(request, before) == {
        "a": {"N": "1"},
        "deep": {"M": {"13": {"N": "5"}, "12": {"N": "1"}}},
        "n": {"N": "2"},
        "t": {"N": "5"},
    }
    assert before["deep"] == {"M": {"13": {"N": "5"}}}


def test_a_call_that_this_aws_does_not_know_is_an_error_that_names_it() -> None:
    said = call(Aws({}), "ExecuteStatement")
    assert said.status == 400
    assert "DynamoDB_20120810.ExecuteStatement" in json.loads(said.body)["message"]
