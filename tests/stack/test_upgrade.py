"""From every release to this tree, while work is under way: nothing is lost, nothing doubled, every setting stays."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from click.testing import CliRunner

from testmo_notifier.adapters import items
from testmo_notifier.channels.slack.alarms import read_alarm
from testmo_notifier.model import Checkpoint
from tests.stack.emulator import embedded_aws
from tests.stack.waiting import depth, until
from tests.support.fakes import FakeSlack, SlackAnswer
from tools.cli import main
from tools.lib import processes
from tools.lib.aws import CONFIG, Aws
from tools.local import build, poller, stack
from tools.local.build import Build
from tools.local.stack import Stack
from tools.maintain.release import RELEASES, unpack
from tools.simulator import Simulator, StatusId, World
from tools.simulator.model import Project, Result, Run

NAME: Final = "upgraded"
GONE: Final = SlackAnswer(404, b"no_service")
HALF: Final = 120  # results of the run that is read by half: a page of 100, and a rest


class Installation:
    """A stack of an old release with a Testmo and a Slack, and what there is to see of it."""

    def __init__(self, aws: Aws, simulator: Simulator, slack: FakeSlack) -> None:
        self.aws, self.simulator, self.slack, self.world = aws, simulator, slack, simulator.world
        self.shop: Project = self.world.add_project("Shop")
        webhook = stack.make_secret(aws, "slack", slack.webhook(), name=NAME)
        self.parameters = {
            "TestmoUrl": simulator.url,
            "TestmoSecretArn": stack.make_secret(aws, "testmo", simulator.token, name=NAME),
            "SlackSecretArn": webhook,
            "EmailAddress": "qa@example.com",
            "PollScheduleState": "DISABLED",
            "RequestsPerMinute": "6000",
            "MaxStalenessMinutes": "0",
            "AlertStatusIds": "Failed, Blocked",
            "TimeZone": "Europe/Berlin",
            "SilenceMinutes": "33",
        }
        self.stack: Stack

    def deploy(self, built: Build) -> None:
        """As somebody's first deploy: every parameter is given."""
        self.stack = stack.deploy(self.aws, built, self.parameters, name=NAME)
        self.events = self.subscribe("event")

    def update(self, built: Build, *, to: str) -> None:
        """To another version as docs/deploy.md has it: no parameter is given again.

        The tag makes it an update even where no line has changed since.
        """
        command = [str(build.SAM), "deploy", "--template-file", str(built.template), "--stack-name", NAME]
        command += ["--s3-bucket", f"{NAME}-artefacts", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"]
        done = processes.run([*command, "--no-progressbar", "--tags", f"version={to}"], env=self.aws.environ())
        assert done.status == 0, done.tail()
        self.forget_alarms()

    def forget_alarms(self) -> None:
        """Take alarms out of the Slack queue, which nobody reads now.

        The emulator judges every alarm anew when a stack is updated, by whatever happened before.
        """
        url, kept = self.stack.slack_queue, []
        while messages := self.aws.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                if read_alarm(message["Body"]):
                    self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                else:
                    kept.append(message["ReceiptHandle"])
        for handle in kept:
            self.aws.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)

    def subscribe(self, channel: str) -> str:
        """A queue that gets a channel's messages as they are."""
        url = self.aws.sqs.create_queue(QueueName=f"{NAME}-{channel}")["QueueUrl"]
        arn = self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]}
        self.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        attributes = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"channel": [channel]})}
        self.aws.sns.subscribe(TopicArn=self.stack.topic_arn, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return url

    def poll(self) -> poller.Summary:
        return poller.poll(self.aws, self.stack.poller)

    def new_run(self, name: str, *, tests: int = 1) -> Run:
        return self.world.add_run(
            self.shop, name, cases=[self.world.add_case(self.shop, f"{name} {n}") for n in range(tests)]
        )

    def fail(self, run: Run, test: int = 0) -> Result:
        return self.world.save_result(self.world.tests_of(run)[test], StatusId.FAILED)

    @property
    def dynamodb(self) -> Any:  # noqa: ANN401 - as boto3 makes it
        return boto3.client(
            "dynamodb",
            endpoint_url=self.aws.endpoint,
            region_name=self.aws.region,
            aws_access_key_id=self.aws.access_key_id,
            aws_secret_access_key=self.aws.secret_access_key,
            config=CONFIG,
        )

    def state(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Every item of the table by its key."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.stack.table)
        return {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}

    def checkpoint(self, run: Run) -> Checkpoint:
        return items.checkpoint_from(self.state()[f"RUN#{run.id}", "CHECKPOINT"])

    def forget_the_pause(self) -> None:
        """As if the time that Testmo asked for had passed."""
        self.dynamodb.update_item(
            TableName=self.stack.table, Key=items.CONTROL_KEY, UpdateExpression="REMOVE not_before"
        )

    def publishing(self, *, may: bool, policies: list[str]) -> None:
        """Take the poller's right to publish away, and give it back as it was."""
        attributes = self.aws.sns.get_topic_attributes(TopicArn=self.stack.topic_arn)["Attributes"]
        if not may:
            policies.append(attributes["Policy"])
        deny = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": self.stack.topic_arn}
        policy = policies.pop() if may else json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        self.aws.sns.set_topic_attributes(TopicArn=self.stack.topic_arn, AttributeName="Policy", AttributeValue=policy)

    def feeding(self, *, is_on: bool) -> None:
        """Whether SlackFunction gets what is in its queue."""
        (mapping,) = self.aws.functions.list_event_source_mappings(FunctionName=str(self.stack.slack_function))[
            "EventSourceMappings"
        ]
        self.aws.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=is_on)

    def waiting(self) -> dict[str, int]:
        """How many messages are in each queue."""
        urls = {"slack": self.stack.slack_queue, **self.stack.dead_letter_queues}
        return {name: depth(self.aws, url) for name, url in urls.items()}

    def announced(self) -> Counter[int]:
        """How many results were announced of each run so far, by the exact totals of its events."""
        told: Counter[int] = Counter()
        while messages := self.aws.sqs.receive_message(QueueUrl=self.events, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])
                told[event["run"]["id"]] += event["total"]
                self.aws.sqs.delete_message(QueueUrl=self.events, ReceiptHandle=message["ReceiptHandle"])
        return told

    def resources(self) -> dict[str, str]:
        """The name of everything that holds something, by its logical id."""
        found = self.aws.cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
        holders = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::Logs::LogGroup")
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found if one["ResourceType"] in holders}

    def variables(self) -> Mapping[str, str]:
        configuration = self.aws.functions.get_function_configuration(FunctionName=self.stack.poller)
        return configuration["Environment"]["Variables"]

    def settings(self) -> dict[str, str]:
        (found,) = self.aws.cloudformation.describe_stacks(StackName=NAME)["Stacks"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}


@pytest.fixture(params=sorted(RELEASES.glob("*.tar.gz")), ids=lambda path: path.name.removesuffix(".tar.gz"))
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Build:
    """What `sam build` makes of a release; kept beside the builds of this tree."""
    unpack(request.param, tmp_path / "release")
    return build.build(tmp_path / "release", processes.ROOT / ".local" / "builds")


@pytest.fixture
def aws() -> Iterator[Aws]:
    """An account of its own for each upgrade.

    An alarm of the emulator looks at the metrics of every function in the account, whatever its dimensions say: it
    rings here after a failed invocation of another test. Told while the webhook is gone, it is one dead letter more.
    """
    with embedded_aws() as aws:
        yield aws


@pytest.fixture
def installation(aws: Aws, released: Build) -> Iterator[Installation]:
    with Simulator(World()) as simulator, FakeSlack() as slack:
        installation = Installation(aws, simulator, slack)
        installation.deploy(released)
        yield installation


@dataclass(frozen=True)
class Busy:
    """An installation in the middle of everything: one run for each thing that can be under way."""

    the: Installation
    parked: Run
    queued: Run
    pending: Run
    half: Run
    policies: list[str]

    def everything(self) -> tuple[object, ...]:
        """What an update must not move: state, messages, names."""
        return self.the.state(), self.the.waiting(), self.the.resources()


@pytest.fixture
def busy(installation: Installation) -> Busy:
    the = installation
    policies: list[str] = []
    parked, queued, pending = (the.new_run(name) for name in ("parked", "queued", "pending"))
    half = the.new_run("half", tests=HALF)
    the.poll()  # first sight
    the.poll()  # the rest of the names
    the.slack.always(GONE)
    the.fail(parked)
    the.poll()
    until(lambda: the.waiting() == {"slack": 0, "Slack": 1, "SNS": 0}, "the dead letter")
    the.feeding(is_on=False)
    the.fail(queued)
    the.poll()
    the.publishing(may=False, policies=policies)
    the.fail(pending)
    the.poll()
    for number in range(HALF):
        the.fail(half, number)
    faults, results = the.simulator.faults, f"/runs/{half.id}/results"
    faults.before_page(1, lambda: faults.add("429", path=results, retry_after=3_600), path=results)
    the.poll()
    return Busy(the, parked, queued, pending, half, policies)


def assert_it_is_busy(busy: Busy) -> None:
    """Or nothing would be proved."""
    the, state = busy.the, busy.the.state()
    assert the.checkpoint(busy.half).resume, "half read"
    assert the.checkpoint(busy.pending).outbox, "not published"
    assert the.checkpoint(busy.parked).seen
    assert the.checkpoint(busy.parked).failing
    assert state["CONTROL", "POLLER"]["not_before"]
    assert [key for key in state if key[0].startswith("CASES#")]
    assert the.waiting() == {"slack": 1, "Slack": 1, "SNS": 0}


def test_an_upgrade_loses_nothing_doubles_nothing_and_keeps_every_setting(
    busy: Busy, built: Build, released: Build
) -> None:
    the = busy.the
    assert_it_is_busy(busy)
    before, settings, variables = busy.everything(), the.settings(), the.variables()

    the.update(built, to="this tree")

    assert busy.everything() == before, "an upgrade by itself moves nothing and replaces nothing"
    assert settings.items() <= the.settings().items()
    assert variables.items() <= the.variables().items()

    # The new version goes on where the old one stopped.
    assert the.poll().status == "waiting", "it knows of the pause that Testmo asked the old version for"
    the.forget_the_pause()
    the.publishing(may=True, policies=busy.policies)
    the.fail(busy.queued)
    summaries = [the.poll() for _ in range(3)]
    assert [(summary.status, summary.pending) for summary in summaries] == [("ok", 0)] * 3, summaries
    assert the.checkpoint(busy.half).resume is None
    assert the.announced() == {busy.parked.id: 1, busy.queued.id: 2, busy.pending.id: 1, busy.half.id: HALF}
    assert_slack_is_told_once(the, {"parked": 1, "queued": 2, "pending": 1, "half": HALF})

    # And back: the old version understands what the new one wrote, an outbox included.
    the.publishing(may=False, policies=busy.policies)
    the.fail(busy.pending)
    the.poll()
    assert the.checkpoint(busy.pending).outbox
    the.update(released, to="the release")
    the.publishing(may=True, policies=busy.policies)
    the.fail(busy.queued)
    assert [the.poll().status for _ in range(2)] == ["ok"] * 2
    assert the.announced() == {busy.pending.id: 1, busy.queued.id: 1}


def assert_slack_is_told_once(the: Installation, results: Mapping[str, int]) -> None:
    """What waited and what was parked arrives: how many results of each run, summed over all messages."""
    the.slack.posts.clear()
    the.slack.always(SlackAnswer())
    the.feeding(is_on=True)
    ours = {name: None for name in os.environ if name.startswith(("AWS_", "TESTMO_", "SLACK_"))}
    environment = {**ours, "AWS_ENDPOINT_URL": the.aws.endpoint}
    redriven = CliRunner().invoke(main, ["redrive", "--yes", "--stack-name", NAME], env=environment)
    assert redriven.exit_code == 0, redriven.output
    until(lambda: the.waiting() == {"slack": 0, "Slack": 0, "SNS": 0}, "empty queues")
    told: Counter[str] = Counter()
    for text in the.slack.texts():
        head = re.search(r"(\d+) failed: <[^|]+\|(\w+)>", text)
        assert head, text
        told[head[2]] += int(head[1])
    assert told == results
    assert any("parked 0" in post.body.decode() for post in the.slack.posts), "the case's name, learnt long ago"


def test_every_release_can_be_upgraded_from() -> None:
    """`make release` keeps them; without one the test above would be skipped silently."""
    assert {path.name for path in RELEASES.iterdir()} >= {"1.0.0.tar.gz", "1.1.0.tar.gz"}
