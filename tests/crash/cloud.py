"""What template.yaml makes for the two functions, on an embedded AWS, as far as messages pass through it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from tests.integration.slack_stack import EVENT, to_record
from tests.support.template import make_table, properties

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType as QueueAttribute

    from testmo_notifier.adapters.queue import SqsRecord
    from testmo_notifier.model import QueuedMessage

TABLE: Final = "state"
Place = Literal["slack", "dead", "email", "event", "news"]
SUBSCRIBERS: Final[tuple[Place, ...]] = ("email", "event", "news")
FILTERS: Final[dict[Place, Any]] = {
    "slack": properties("SlackSubscription")["FilterPolicy"],
    "email": properties("EmailSubscription")["FilterPolicy"],
    "event": {"channel": ["event"]},  # as docs/events.md has it
    "news": {"channel": ["news"]},
}


@dataclass(frozen=True)
class Clients:
    """One client of each service for everybody: making them is most of what a new process costs."""

    dynamodb: DynamoDBClient
    sns: SNSClient
    sqs: SQSClient
    secretsmanager: SecretsManagerClient


@dataclass
class Cloud:
    """Table, topic, queues and secrets of one play."""

    clients: Clients
    topic_arn: str = ""
    queues: dict[Place, str] = field(default_factory=dict)
    testmo_secret_arn: str = ""
    slack_secret_arn: str = ""
    in_flight: dict[str, str] = field(default_factory=dict)  # messages of the Slack queue by id, with their handles

    def set_up(self, token: str) -> None:
        """Make everything on an empty AWS."""
        make_table(self.clients.dynamodb, TABLE)
        self.topic_arn = self.clients.sns.create_topic(Name="notifications")["TopicArn"]
        dead_arn = self._add_queue("dead", {})
        queue = properties("SlackQueue")
        redrive = {**queue["RedrivePolicy"], "deadLetterTargetArn": dead_arn}
        visibility = str(queue["VisibilityTimeout"])
        self._subscribe("slack", {"VisibilityTimeout": visibility, "RedrivePolicy": json.dumps(redrive)})
        for place in SUBSCRIBERS:
            self._subscribe(place, {})
        secrets = self.clients.secretsmanager
        self.testmo_secret_arn = secrets.create_secret(Name="testmo", SecretString=token)["ARN"]
        self.slack_secret_arn = secrets.create_secret(Name="slack", SecretString="{}")["ARN"]

    def _add_queue(self, place: Place, attributes: dict[QueueAttribute, str]) -> str:
        """Make a queue; returns its ARN."""
        sqs = self.clients.sqs
        url = self.queues[place] = sqs.create_queue(QueueName=place, Attributes=attributes)["QueueUrl"]
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def _subscribe(self, place: Place, attributes: dict[QueueAttribute, str]) -> None:
        """Make a queue that gets what its filter lets through."""
        self.clients.sns.subscribe(
            TopicArn=self.topic_arn,
            Protocol="sqs",
            Endpoint=self._add_queue(place, attributes),
            Attributes={
                "RawMessageDelivery": "true",
                "FilterPolicyScope": "MessageAttributes",
                "FilterPolicy": json.dumps(FILTERS[place]),
            },
        )

    def change_secret(self, value: Mapping[str, object]) -> None:
        """Keep other webhooks or bots in Slack's secret."""
        self.clients.secretsmanager.put_secret_value(SecretId=self.slack_secret_arn, SecretString=json.dumps(value))

    def put(self, destination: str, test: int) -> None:
        """Send a message about a test straight to the Slack queue, in the form of the sample event's."""
        record = EVENT["Records"][0]
        values = {name: raw["stringValue"] for name, raw in record["messageAttributes"].items()}
        values |= {"id": f"about {test}", "destination": destination}
        self.clients.sqs.send_message(
            QueueUrl=self.queues["slack"],
            MessageBody=json.dumps({**json.loads(record["body"]), "text": f"/runs/view/42?test_id={test}"}),
            MessageAttributes={
                name: {"DataType": raw["dataType"], "StringValue": values[name]}
                for name, raw in record["messageAttributes"].items()
            },
        )

    def send(self, message: QueuedMessage) -> None:
        """Put a message into the Slack queue as it would come from the topic."""
        self.clients.sqs.send_message(
            QueueUrl=self.queues["slack"],
            MessageBody=message.body,
            MessageAttributes={
                one.name: {"DataType": one.type, "StringValue": str(one.value)} for one in message.attributes
            },
        )

    def receive(self) -> list[SqsRecord]:
        """What is in the Slack queue, as Lambda would hand it over: nothing there stays hidden until now."""
        sqs, url = self.clients.sqs, self.queues["slack"]
        for handle in self.in_flight.values():
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
        records = [to_record(message) for message in self._receive("slack")]
        self.in_flight |= {record["messageId"]: record["receiptHandle"] for record in records}
        return records

    def delete(self, record: SqsRecord) -> None:
        """Acknowledge a message of the Slack queue."""
        self.clients.sqs.delete_message(QueueUrl=self.queues["slack"], ReceiptHandle=record["receiptHandle"])
        del self.in_flight[record["messageId"]]

    def drive_back(self) -> int:
        """Move everything from the dead-letter queue to the Slack queue; how many messages that was."""
        parked = self.drain("dead")
        for message in parked:
            self.clients.sqs.send_message(
                QueueUrl=self.queues["slack"],
                MessageBody=message["Body"],
                MessageAttributes=message["MessageAttributes"],
            )
        return len(parked)

    def drain(self, place: Place) -> list[dict[str, Any]]:
        """Everything in a queue, which is empty afterwards."""
        drained: list[dict[str, Any]] = []
        while messages := self._receive(place):
            for message in messages:
                self.clients.sqs.delete_message(QueueUrl=self.queues[place], ReceiptHandle=message["ReceiptHandle"])
            drained += messages
        return drained

    def items(self) -> list[dict[str, Any]]:
        """The whole table."""
        return self.clients.dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]

    def in_progress(self) -> list[dict[str, Any]]:
        """The deliveries that an invocation has in hand, or had when it was killed."""
        return [item for item in self.items() if item.get("status") == {"S": "INPROGRESS"}]

    def lease_until(self) -> str:
        """Until when somebody is the one poller, as text; empty if nobody is."""
        control = next((item for item in self.items() if item["pk"]["S"] == "CONTROL"), {})
        return str(control.get("lease_until", {"S": ""})["S"])

    def _receive(self, place: Place) -> list[Any]:
        answer = self.clients.sqs.receive_message(
            QueueUrl=self.queues[place],
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return answer.get("Messages", [])
