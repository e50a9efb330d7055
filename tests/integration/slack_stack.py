"""The Slack function between the queues, table and secret that template.yaml would have made, on an embedded AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.slack import app
from tests.support.fakes import FakeLambdaContext, FakeSlack

if TYPE_CHECKING:
    import pytest
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sqs.client import SQSClient

    from testmo_notifier.adapters.queue import SqsEvent, SqsRecord

EVENT: SqsEvent = json.loads((Path(__file__).parents[2] / "events" / "slack_queue.json").read_text())
ALARM: SqsEvent = json.loads((Path(__file__).parents[2] / "events" / "alarm.json").read_text())
TABLE = "state"


@dataclass
class Stack:
    """What template.yaml would have made, and the function on it."""

    slack: FakeSlack
    capsys: pytest.CaptureFixture[str]
    dynamodb: DynamoDBClient
    sqs: SQSClient
    secrets: SecretsManagerClient
    queue_url: str
    dead_letter_queue_url: str
    secret_arn: str
    printed: str = ""

    def put(self, key: str = "n1", *, destination: str = "slack:default", body: str | None = None) -> None:
        """Send a message as SNS does, with the attributes of the sample event."""
        record = EVENT["Records"][0]
        values = {name: raw["stringValue"] for name, raw in record["messageAttributes"].items()}
        values |= {"id": key, "destination": destination}
        self.sqs.send_message(
            QueueUrl=self.queue_url,
            MessageBody=record["body"] if body is None else body,
            MessageAttributes={
                name: {"DataType": record["messageAttributes"][name]["dataType"], "StringValue": value}
                for name, value in values.items()
            },
        )

    def receive(self, *, dead: bool = False) -> list[Any]:
        """What can be received now, without waiting; it stays invisible for a while."""
        answer = self.sqs.receive_message(
            QueueUrl=self.dead_letter_queue_url if dead else self.queue_url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return answer.get("Messages", [])

    def invoke(self) -> list[str]:
        """Do what the event source mapping does: receive, invoke, delete what was not reported. Returns ids left."""
        received = self.receive()
        event: SqsEvent = {"Records": [to_record(message) for message in received]}
        answer = app.handler(event, FakeLambdaContext())  # type: ignore[arg-type]  # the part of it that is used
        self.printed += self.capsys.readouterr().out
        left = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in received:
            if message["MessageId"] not in left:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [
            message.get("MessageAttributes", {}).get("id", {}).get("StringValue", "")
            for message in received
            if message["MessageId"] in left
        ]

    def pass_time(self) -> None:
        """Let the webhooks' paces be long ago."""
        for item in self.items():
            if item["sk"]["S"] == "SLOT":
                self.dynamodb.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})

    def end_pauses(self) -> None:
        """Let the webhooks' pauses be over, and what is known of them stay."""
        for item in self.items():
            if item["sk"]["S"] == "SLOT":
                self.dynamodb.put_item(TableName=TABLE, Item={**item, "next_slot": {"N": "0"}, "line_end": {"N": "0"}})

    def count(self, *, dead: bool = False) -> int:
        """How many messages there are, waiting ones included."""
        url = self.dead_letter_queue_url if dead else self.queue_url
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        waiting = int(attributes["ApproximateNumberOfMessages"])
        return waiting + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def items(self) -> list[dict[str, Any]]:
        """The whole table."""
        return self.dynamodb.scan(TableName=TABLE)["Items"]

    def logs(self) -> list[dict[str, Any]]:
        """The lines that were logged."""
        return [line for line in map(json.loads, self.printed.splitlines()) if "level" in line]

    def metrics(self) -> dict[str, float]:
        """The sums of what was counted."""
        sums: dict[str, float] = {}
        for line in map(json.loads, self.printed.splitlines()):
            for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"] if "_aws" in line else ():
                value = line[metric["Name"]]
                sums[metric["Name"]] = sums.get(metric["Name"], 0) + (value if isinstance(value, float) else sum(value))
        return sums


def to_record(message: dict[str, Any]) -> SqsRecord:
    """A received message as Lambda would hand it over."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"dataType": raw["DataType"], "stringValue": raw["StringValue"]}
            for name, raw in message.get("MessageAttributes", {}).items()
        },
    }
