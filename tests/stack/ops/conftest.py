"""One stack with a Testmo and a Slack that can be broken and repaired; every command is run on it as people run it."""

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
from tests.stack.waiting import until
from tests.support.fakes import FakeSlack, SlackAnswer
from tools.cli import main
from tools.lib.aws import Aws
from tools.local import poller, stack
from tools.local.build import Build
from tools.local.stack import Stack
from tools.ops.account import Account
from tools.ops.commands import COMMANDS
from tools.simulator import Simulator, StatusId, World
from tools.simulator.model import Project, Result, Run

NAME = "operated"
GONE = SlackAnswer(404, b"no_service")
SESSION = cache(boto3.Session)  # each one would read AWS's descriptions of itself anew
OF_A_STACK = {command.name for command in COMMANDS}
NO_TEXT = SlackAnswer(400, b"no_text")


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
        self.has_stored = False
        names = ("TestmoSecretArn", "SlackSecretArn")
        self.secrets = {name: aws.secrets.get_secret_value(SecretId=parameters[name])["SecretString"] for name in names}
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
            done = CliRunner().invoke(main, [*words, *named], env=given)
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
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(
            map(int, self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())
        )

    def settle(self) -> None:
        until(lambda: self.depth(self.stack.slack_queue) == 0, "an empty Slack queue")

    def park_one(self) -> Result:
        """One message becomes a dead letter, because its webhook is gone."""
        result = self.fail(self.new_run())
        self.settle()
        self.slack.always(GONE)
        self.poll()
        until(lambda: self.depth(self.dead("Slack")) == 1, "the dead letter")
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

    def store(self, parameter: str, value: str) -> None:
        """Store another value in the secret that a parameter names."""
        self.has_stored = True
        self.aws.secrets.put_secret_value(SecretId=self.parameters[parameter], SecretString=value)

    def restore_secrets(self) -> None:
        """The token and the webhooks that are right."""
        for parameter, value in self.secrets.items():
            self.store(parameter, value)

    def forget_secrets(self) -> None:
        """New processes, for a function keeps what it read for minutes."""
        for function in filter(None, (self.stack.poller, self.stack.slack_function)):
            with self.configured(function, MARK="a new process"):
                pass
        self.has_stored = False


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
    """A healthy stack, and healthy again afterwards."""
    whole.slack.posts.clear()
    whole.watch.posts.clear()
    yield whole
    whole.simulator.faults.clear()
    whole.world.show_project(whole.shop)
    for webhook in ("default", "payments"):
        whole.slack.always(SlackAnswer(), webhook=webhook)
    if whole.has_stored:
        whole.restore_secrets()
        whole.forget_secrets()
    for url in (whole.stack.slack_queue, *whole.stack.dead_letter_queues.values()):
        whole.aws.sqs.purge_queue(QueueUrl=url)
    for run in list(whole.world.runs.values()):
        whole.world.delete_run(run)
    whole.command("pause")
