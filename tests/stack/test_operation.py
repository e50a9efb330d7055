"""Operation's own path, on the deployed stack: every alarm reaches OpsTopic, and the optional parameters deploy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest

from testmo_notifier.channels.slack.alarms import ABOUT_SLACK
from tests.support.alarms import ALARMS
from tools.inbox.receiver import Inbox
from tools.lib.aws import CONFIG, Aws
from tools.local import stack
from tools.local.build import Build
from tools.local.stack import Stack

from .waiting import depth, until

KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def optional(aws: Aws, built: Build, parameters: Mapping[str, str]) -> Stack:
    """A stack with everything that is optional, its schedule on and so rare that it never comes."""
    everything = {
        **parameters,
        "PollScheduleState": "ENABLED",
        "PollSchedule": "rate(365 days)",
        "SilenceMinutes": "60",
        "HeartbeatSecretArn": stack.make_secret(aws, "heartbeat", "https://hc-ping.example/secret"),
        "KmsKeyArn": KEY,
        "PermissionsBoundaryArn": "arn:aws:iam::000000000000:policy/boundary",
    }
    return stack.deploy(aws, built, everything, name="optional")


@pytest.fixture
def ops_mail(aws: Aws, optional: Stack) -> Iterator[str]:
    """A queue that gets what operations would get."""
    resource = aws.cloudformation.describe_stack_resource(StackName=optional.name, LogicalResourceId="OpsTopic")
    topic = resource["StackResourceDetail"]["PhysicalResourceId"]
    queue = aws.sqs.create_queue(QueueName="ops-mail")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
        ],
    }
    aws.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    subscription = aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    yield queue
    aws.sns.unsubscribe(SubscriptionArn=subscription)
    aws.sqs.delete_queue(QueueUrl=queue)


def test_every_alarm_reaches_operations_with_what_to_do(aws: Aws, optional: Stack, ops_mail: str, inbox: Inbox) -> None:
    """By mail all of them, in Slack all but those about Slack itself, which end there without a trace."""
    cloudwatch: Any = boto3.client(
        "cloudwatch",
        endpoint_url=aws.endpoint,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
        config=CONFIG,
    )
    for name in ALARMS:
        resource = aws.cloudformation.describe_stack_resource(StackName=optional.name, LogicalResourceId=name)
        alarm = resource["StackResourceDetail"]["PhysicalResourceId"]
        for state in (
            "OK",
            "ALARM",
        ):  # the emulator's own judgement may have set it off before, and only a change is told
            cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="a test")
    told = set()
    while messages := aws.sqs.receive_message(QueueUrl=ops_mail, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            body = json.loads(json.loads(message["Body"])["Message"])
            assert "Runbook: docs/runbook.md" in body["AlarmDescription"]
            if body["NewStateValue"] == "ALARM":
                told.add(body["AlarmName"])
            aws.sqs.delete_message(QueueUrl=ops_mail, ReceiptHandle=message["ReceiptHandle"])
    assert {name for name in ALARMS if any(f"-{name}" in alarm for alarm in told)} == set(ALARMS)
    posted = set(ALARMS) - ABOUT_SLACK
    until(lambda: posted <= {name for name in ALARMS if any(says(inbox, name))}, "the alarms in Slack")
    until(lambda: depth(aws, optional.slack_queue) == 0, "an empty queue")
    assert {name for name in ABOUT_SLACK if any(says(inbox, name))} == set()
    assert depth(aws, optional.dead_letter_queues["Slack"]) == 0


def says(inbox: Inbox, alarm: str) -> Iterator[bool]:
    """Whether each message that the webhook got tells of this alarm."""
    return (f"ALARM: `{alarm}` of stack optional\n" in str(message.payload["text"]) for message in inbox.messages)


def test_what_else_is_published_on_the_topic_of_the_alarms_is_parked_and_holds_up_nothing(
    aws: Aws, optional: Stack
) -> None:
    resource = aws.cloudformation.describe_stack_resource(StackName=optional.name, LogicalResourceId="OpsTopic")
    topic = resource["StackResourceDetail"]["PhysicalResourceId"]
    aws.sns.publish(TopicArn=topic, Message="Your AWS budget is used up", Subject="AWS Budgets")
    until(lambda: depth(aws, optional.slack_queue) == 0, "an empty queue")
    dead = optional.dead_letter_queues["Slack"]
    (parked,) = aws.sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]
    assert parked["MessageAttributes"]["parked_because"]["StringValue"] == "not_ours"
    assert parked["Body"] == "Your AWS budget is used up"
    aws.sqs.delete_message(QueueUrl=dead, ReceiptHandle=parked["ReceiptHandle"])


def test_the_organisations_key_arrives_at_the_queue(aws: Aws, optional: Stack) -> None:
    """The emulator knows it of queues alone; tests/unit/test_template.py has the others."""
    queue = aws.sqs.get_queue_attributes(QueueUrl=optional.slack_queue, AttributeNames=["All"])["Attributes"]
    assert queue["KmsMasterKeyId"] == KEY
    assert queue.get("SqsManagedSseEnabled") in (None, "false")


def test_a_paused_stack_has_no_dead_mans_switch(aws: Aws, deployed: Stack) -> None:
    """Switched off by its parameter, it is silent on purpose."""
    found = aws.cloudformation.describe_stack_resources(StackName=deployed.name)["StackResources"]
    alarms = {
        resource["LogicalResourceId"] for resource in found if resource["ResourceType"] == "AWS::CloudWatch::Alarm"
    }
    assert set(ALARMS) - alarms == {"NoPollAlarm"}
