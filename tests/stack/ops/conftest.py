"""One stack with a Testmo and a Slack that can be broken and repaired; every command is run on it as people run it.

The tests share the stack and nothing else: each begins with an empty table, and nothing of another one is under way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

from tests.stack.emulator import silence
from tests.stack.waiting import PATIENCE_SECONDS, depth, is_soon, until
from tests.support.fakes import FakeSlack, SlackAnswer
from tools.cli import main
from tools.lib.aws import Aws
from tools.local import poller, stack
from tools.local.build import Build
from tools.local.stack import Stack
from tools.ops import schedule
from tools.ops.account import Account
from tools.ops.commands import COMMANDS
from tools.simulator import Simulator, StatusId, World
from tools.simulator.model import Project, Result, Run

NAME = "operated"
GONE = SlackAnswer(404, b"no_service")
SESSION = cache(boto3.Session)  # each one would read AWS's descriptions of itself anew
OF_A_STACK = {command.name for command in COMMANDS}
NO_TEXT = SlackAnswer(400, b"no_text")
BATCH = 25  # DynamoDB takes no more at once
# What a function has in hand when it ends comes back after 90 s (VisibilityTimeout), and on a busy machine one may end.
PATIENT = {"send-test": {"wait": PATIENCE_SECONDS}}


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.out)


@dataclass(frozen=True)
class Around:
    """What a stack talks to. `watch` is a dead man's switch outside of AWS."""

    simulator: Simulator
    slack: FakeSlack
    watch: FakeSlack
    shop: Project


class Operated:
    """A stack, what is around it, and somebody who operates it."""

    def __init__(self, aws: Aws, stack: Stack, around: Around, parameters: Mapping[str, str]) -> None:
        self.aws, self.stack, self.parameters = aws, stack, parameters
        self.simulator, self.slack, self.watch, self.shop = around.simulator, around.slack, around.watch, around.shop
        self.world = self.simulator.world
        self.secrets = {name: self.stored(name)[0] for name in ("TestmoSecretArn", "SlackSecretArn")}
        self._versions = {name: self.stored(name)[1] for name in self.secrets}
        session = boto3.Session("test", "test", region_name=aws.region)
        self.account = Account(session, stack.name, aws.endpoint)

    def command(self, *words: str, **environment: str) -> Said:
        """Run `testmo-notifier` with these words. Whatever it says holds no secret."""
        ours = {name: None for name in os.environ if name.startswith(("AWS_", "TESTMO_", "SLACK_"))}
        given = {**ours, "AWS_ENDPOINT_URL": self.aws.endpoint, **environment}
        is_named = "--stack-name" in words or words[0] not in OF_A_STACK
        named = () if is_named else ("--stack-name", NAME)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tools.ops.account.boto3.Session", SESSION)
            done = CliRunner().invoke(main, [*words, *named], env=given, default_map=PATIENT)
        said = Said(done.exit_code, done.stdout, done.stderr)
        assert done.exception is None or isinstance(done.exception, SystemExit), (done.exception, said)
        for secret in (FakeSlack.SECRET, self.simulator.token):
            assert secret not in said.out + said.err
        assert "this is a bug of ours" not in said.out + said.err
        return said

    def poll(self) -> poller.Summary:
        return poller.poll(self.aws, self.stack.poller)

    def new_run(self, *, tests: int = 3) -> Run:
        """A run that the poller has read once, so that what fails from now on is news."""
        cases = [self.world.add_case(self.shop, f"Case {number}") for number in range(tests)]
        run = self.world.add_run(self.shop, "Nightly", cases=cases)
        self.poll()
        return run

    def fail(self, run: Run, test: int = 0) -> Result:
        return self.world.save_result(self.world.tests_of(run)[test], StatusId.FAILED)

    def depth(self, url: str) -> int:
        return depth(self.aws, url)

    def settle(self) -> None:
        """Wait until what was published has arrived.

        The emulator's SNS hands over before a poll ends, and what a function has in hand is still in the queue.
        """
        until(self.is_settled, "an empty Slack queue")

    def is_settled(self) -> bool:
        return self.depth(self.stack.slack_queue) == 0

    def park_one(self) -> Result:
        """One message becomes a dead letter, because its webhook is gone."""
        result = self.fail(self.new_run())
        self.settle()
        self.slack.always(GONE)
        self.poll()
        until(lambda: self.depth(self.dead("Slack")) == 1, "the dead letter")
        self.settle()
        return result

    def dead(self, whose: str) -> str:
        return self.stack.dead_letter_queues[whose]

    @contextmanager
    def configured(self, function: str, **changed: str | None) -> Iterator[None]:
        """As a deploy with other parameters would leave a function; None takes a variable away."""
        functions = self.aws.functions
        before = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        after = {name: value for name, value in {**before, **changed}.items() if value is not None}
        functions.update_function_configuration(FunctionName=function, Environment={"Variables": after})
        try:
            yield
        finally:
            functions.update_function_configuration(FunctionName=function, Environment={"Variables": before})

    def stored(self, parameter: str) -> tuple[str, str]:
        """The value of the secret that a parameter names, and which version of it that is."""
        found = self.aws.secrets.get_secret_value(SecretId=self.parameters[parameter])
        return found["SecretString"], found["VersionId"]

    def store(self, parameter: str, value: str) -> None:
        """Store another value in the secret that a parameter names."""
        self.aws.secrets.put_secret_value(SecretId=self.parameters[parameter], SecretString=value)

    @contextmanager
    def made_for(self, parameter: str, value: str) -> Iterator[None]:
        """Another value of a secret is the right one, for a while."""
        before = self.secrets[parameter]
        self._adopt(parameter, value)
        try:
            yield
        finally:
            self._adopt(parameter, before)

    def rest(self) -> None:
        """Healthy, and as on its first day: nothing of a test is under way, stored or in the logs."""
        self.simulator.faults.clear()
        self.world.show_project(self.shop)
        self.slack.recover()
        self.watch.recover()
        if schedule.read(self.account)["State"] != "DISABLED":
            self.command("pause")
        self._end_deliveries()
        self._restore_secrets()
        for run in list(self.world.runs.values()):
            self.world.delete_run(run)
        self._empty_table()
        self._empty_logs()
        self.slack.posts.clear()
        self.watch.posts.clear()

    def _restore_secrets(self) -> None:
        """The token and the webhooks that are right."""
        for parameter, version in list(self._versions.items()):
            if self.stored(parameter)[1] != version:
                self._adopt(parameter, self.secrets[parameter])

    def _adopt(self, parameter: str, value: str) -> None:
        """Store what is right, and start the function that reads it anew: it keeps what it read for minutes."""
        self.store(parameter, value)
        self.secrets[parameter], self._versions[parameter] = self.stored(parameter)
        self._start_anew({"TestmoSecretArn": self.stack.poller, "SlackSecretArn": self.stack.slack_function}[parameter])

    def _start_anew(self, function: str | None) -> None:
        """New processes. Those before are gone when this comes back, with whatever they had in hand."""
        assert function
        functions = self.aws.functions
        variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})

    def _end_deliveries(self) -> None:
        """Every queue is empty, and no function has a message of it in hand.

        What is under way arrives in a moment. What does not waits for a webhook that was in trouble: it is taken away.
        So are the function's processes, because one of them may have it in hand all the same, and post it later.
        """
        if not is_soon(self.is_settled):
            self.aws.sqs.purge_queue(QueueUrl=self.stack.slack_queue)
            self._start_anew(self.stack.slack_function)
        for url in self.stack.dead_letter_queues.values():
            self.aws.sqs.purge_queue(QueueUrl=url)

    def _empty_table(self) -> None:
        client, table = self.account.dynamodb, self.stack.table
        pages = client.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk")
        keys = [item for page in pages for item in page["Items"]]
        for start in range(0, len(keys), BATCH):
            gone: Any = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + BATCH]]
            left = client.batch_write_item(RequestItems={table: gone})["UnprocessedItems"]
            assert not left, "the emulator does it at once"

    def _empty_logs(self) -> None:
        client = self.account.logs
        for group in self.account.stack.physical("AWS::Logs::LogGroup"):
            pages = client.get_paginator("describe_log_streams").paginate(logGroupName=group)
            for stream in [stream["logStreamName"] for page in pages for stream in page["logStreams"]]:
                client.delete_log_stream(logGroupName=group, logStreamName=stream)


@pytest.fixture(scope="session")
def around() -> Iterator[Around]:
    with Simulator(World()) as simulator, FakeSlack() as slack, FakeSlack() as watch:
        yield Around(simulator, slack, watch, simulator.world.add_project("Shop"))


@pytest.fixture(scope="session")
def whole(aws: Aws, built: Build, around: Around) -> Operated:
    webhooks = {"default": around.slack.webhook(), "payments": around.slack.webhook("payments")}
    parameters = {
        "TestmoUrl": around.simulator.url,
        "TestmoSecretArn": stack.make_secret(aws, "testmo", around.simulator.token, name=NAME),
        "SlackSecretArn": stack.make_secret(aws, "slack", json.dumps(webhooks), name=NAME),
        "HeartbeatSecretArn": stack.make_secret(aws, "heartbeat", around.watch.webhook(), name=NAME),
        "EmailAddress": "qa@example.com",
        "ProjectIds": str(around.shop.id),
        "PollScheduleState": "DISABLED",
        "RequestsPerMinute": "6000",
        "OverlapSeconds": "0",
        "MaxStalenessMinutes": "0",
    }
    operated = Operated(aws, stack.deploy(aws, built, parameters, name=NAME), around, parameters)
    silence(operated.account.cloudwatch, NAME)
    return operated


@pytest.fixture
def operated(whole: Operated) -> Iterator[Operated]:
    """A healthy stack that has polled and told nobody anything; whatever a test does to it, the next one gets it so."""
    until(lambda: whole.poll().status == "ok", "a healthy poll")
    yield whole
    whole.rest()
