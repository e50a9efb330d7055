"""template.yaml as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ROOT = Path(__file__).parents[2]


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref X` is `{"Ref": "X"}`)."""


def _short_form(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    raise AssertionError(node)


Loader.add_multi_constructor("!", _short_form)

TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)  # noqa: S506 - a SafeLoader
PARAMETER: dict[str, dict[str, Any]] = TEMPLATE["Parameters"]
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[name].get("Properties", {})
    return found


def make_table(client: DynamoDBClient, name: str) -> None:
    """Make the state table on an embedded AWS."""
    table = properties("StateTable")
    names = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    client.create_table(TableName=name, **{given: table[given] for given in names})


def statements(role: str) -> dict[str, dict[str, Any]]:
    """The statements of a role's policy by Sid, those under a condition included."""
    listed = [
        statement["Fn::If"][1] if "Fn::If" in statement else statement
        for policy in properties(role)["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    return {statement["Sid"]: statement for statement in listed}


def actions(statement: dict[str, Any]) -> set[str]:
    return {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
