"""One stack with a Testmo and a Slack that can be broken and mended; every command is run on it as people run it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

from tests.fakes import FakeSlack, SlackAnswer
from tests.stack.waiting import until
from tools import poller, stack
from tools.aws import Aws
from tools.build import Build
from tools.cli import main
from tools.ops.account import Account
from tools.simulator import Simulator, StatusId, World
from tools.simulator.model import Project, Result, Run
from tools.stack import Stack

NAME = "operated"
GONE = SlackAnswer(404, b"no_service")
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


class Operated:
    """A stack, what is around it, and somebody who operates it."""

    def __init__(self, aws: Aws, stack: Stack, simulator: Simulator, slack: FakeSlack, shop: Project) -> None:
        self.aws, self.stack, self.simulator, self.slack, self.shop = aws, stack, simulator, slack, shop
        self.world = simulator.world
        session = boto3.Session("test", "test", region_name=aws.region)
        self.account = Account(session, stack.name, aws.endpoint)

    def command(self, *words: str, **environment: str) -> Said:
        """Run `testmo-notifier` with these words. Whatever it says holds no secret."""
        ours = {name: None for name in os.environ if name.startswith(("AWS_", "TESTMO_", "SLACK_"))}
        given = {**ours, "AWS_ENDPOINT_URL": self.aws.endpoint, **environment}
        named = () if "--stack-name" in words else ("--stack-name", NAME)
        done = CliRunner().invoke(main, [*words, *named], env=given)
        said = Said(done.exit_code, done.stdout, done.stderr)
        assert done.exception is None or isinstance(done.exception, SystemExit), (done.exception, said)
        for secret in (FakeSlack.SECRET, self.simulator.token):
            assert secret not in said.out + said.err
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


@pytest.fixture(scope="session")
def neighbours() -> Iterator[tuple[Simulator, FakeSlack]]:
    with Simulator(World()) as simulator, FakeSlack() as slack:
        yield simulator, slack


@pytest.fixture(scope="session")
def whole(aws: Aws, built: Build, neighbours: tuple[Simulator, FakeSlack]) -> Operated:
    simulator, slack = neighbours
    shop = simulator.world.add_project("Shop")
    webhooks = {"default": slack.webhook(), "payments": slack.webhook("payments")}
    parameters = {
        "TestmoUrl": simulator.url,
        "TestmoSecretArn": stack.make_secret(aws, "testmo", simulator.token, name=NAME),
        "SlackSecretArn": stack.make_secret(aws, "slack", json.dumps(webhooks), name=NAME),
        "EmailAddress": "qa@example.com",
        "ProjectIds": str(shop.id),
        "PollScheduleState": "DISABLED",
        "RequestsPerMinute": "6000",
        "OverlapSeconds": "0",
        "MaxStalenessMinutes": "0",
    }
    deployed = stack.deploy(aws, built, parameters, name=NAME)
    return Operated(aws, deployed, simulator, slack, shop)


@pytest.fixture
def operated(whole: Operated) -> Iterator[Operated]:
    """A healthy stack, and healthy again afterwards."""
    whole.slack.posts.clear()
    yield whole
    whole.simulator.faults.clear()
    whole.world.show_project(whole.shop)
    for webhook in ("default", "payments"):
        whole.slack.always(SlackAnswer(), webhook=webhook)
    for url in (whole.stack.slack_queue, *whole.stack.dead_letter_queues.values()):
        whole.aws.sqs.purge_queue(QueueUrl=url)
    for run in list(whole.world.runs.values()):
        whole.world.delete_run(run)
    whole.command("pause")
