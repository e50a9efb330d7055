"""The built functions, each under an emulator of its own, with a simulated Testmo, an embedded AWS and a fake Slack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml

from tests.artefact import rie
from tests.artefact.rie import Rie
from tests.support.fakes import FakeSlack
from tools.local.build import Build
from tools.local.sam_local import queue_event
from tools.local.sam_local.queue_event import Record
from tools.simulator import Simulator, StatusId, World
from tools.simulator.model import Run

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

EVENTS = Path(__file__).parents[2] / "events"
VARIABLES: Mapping[str, Mapping[str, str]] = json.loads((EVENTS / "env.json").read_text())
WHY_NOT = rie.why_not()

Start = Callable[..., Rie]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is of the artefact lane; where it cannot run, each test says why."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.artefact)
            if WHY_NOT:
                item.add_marker(pytest.mark.skip(reason=WHY_NOT))


@dataclass(frozen=True)
class Bundle:
    """What `sam build` made of one function."""

    folder: Path
    layers: tuple[Path, ...]
    timeout_seconds: int

    @property
    def path(self) -> list[Path]:
        """What Lambda imports from."""
        return [self.folder, *(layer / "python" for layer in self.layers)]


@pytest.fixture(scope="session")
def bundles(built: Build) -> Mapping[str, Bundle]:
    """Both functions, with the layers the built template gives them."""
    template: Mapping[str, Any] = yaml.safe_load(built.template.read_text())
    resources, root = template["Resources"], built.template.parent

    def folder(name: str, key: str) -> Path:
        return Path(root / resources[name]["Properties"][key]).resolve()

    return {
        name: Bundle(
            folder(name, "CodeUri"),
            tuple(folder(layer["Ref"], "ContentUri") for layer in resources[name]["Properties"]["Layers"]),
            template["Globals"]["Function"]["Timeout"],
        )
        for name in ("PollerFunction", "SlackFunction")
    }


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Python compiled, shared by all runtimes: compiling is most of a cold start."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def start(bundles: Mapping[str, Bundle], bytecode: Path) -> Iterator[Start]:
    """Starts a function: with the variables of events/env.json and those given, or exactly `only`."""
    with ExitStack() as running:

        def start(
            name: str, *, only: Mapping[str, str] | None = None, timeout_seconds: int | None = None, **variables: str
        ) -> Rie:
            bundle = bundles[name]
            return running.enter_context(
                Rie(
                    bundle.folder,
                    bundle.layers,
                    {**VARIABLES[name], **variables} if only is None else only,
                    bytecode=bytecode,
                    timeout_seconds=timeout_seconds or bundle.timeout_seconds,
                )
            )

        yield start


class Testmo(Simulator):
    """A Testmo with one project and one open run, `Nightly`, of a few tests."""

    __test__ = False  # pytest: not a class of tests

    def __init__(self) -> None:
        super().__init__(World())
        shop = self.world.add_project("Shop")
        cases = [self.world.add_case(shop, f"Case {number}") for number in range(1, 4)]
        self.run: Run = self.world.add_run(shop, "Nightly", cases=cases)

    def fail(self, number: int = 1) -> None:
        """Save a failing result of the n-th test, from 1."""
        self.world.save_result(self.world.tests_of(self.run)[number - 1], StatusId.FAILED)


@pytest.fixture
def testmo() -> Iterator[Testmo]:
    with Testmo() as simulator:
        yield simulator


@dataclass(frozen=True)
class Around:
    """What template.yaml would have made around the functions, on the embedded AWS."""

    sqs: SQSClient
    queue_url: str
    poller: Mapping[str, str]  # what the poller's variables are here
    slack: Mapping[str, str]  # the Slack function's

    def receive(self) -> Sequence[Record]:
        """The Slack queue's messages as Lambda would hand them over; SNS is done when `Publish` returns."""
        return queue_event.receive(self.sqs, self.queue_url)


@pytest.fixture
def around(clean_aws: str, built: Build, testmo: Testmo, slack: FakeSlack) -> Around:
    dynamodb, sqs, sns = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("sns")
    secrets = boto3.client("secretsmanager")
    resources = yaml.safe_load(built.template.read_text())["Resources"]
    table = resources["StateTable"]["Properties"]
    keys = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    dynamodb.create_table(TableName="state", **{key: table[key] for key in keys})
    queue_url = sqs.create_queue(QueueName="slack")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic_arn = sns.create_topic(Name="notifications")["TopicArn"]
    sns.subscribe(
        TopicArn=topic_arn,
        Protocol="sqs",
        Endpoint=queue_arn,
        Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"channel": ["slack"]})},
    )

    def secret(name: str, value: str) -> str:
        return secrets.create_secret(Name=name, SecretString=value)["ARN"]

    everywhere = {"AWS_ENDPOINT_URL": clean_aws, "TABLE_NAME": "state"}
    return Around(
        sqs,
        queue_url,
        poller={
            **everywhere,
            "TESTMO_URL": testmo.url,
            "TESTMO_SECRET_ARN": secret("testmo", testmo.token),
            "TOPIC_ARN": topic_arn,
        },
        slack={
            **everywhere,
            "SLACK_SECRET_ARN": secret("slack", slack.webhook()),
            "QUEUE_URL": queue_url,
            "DEAD_LETTER_QUEUE_URL": sqs.create_queue(QueueName="dead")["QueueUrl"],
        },
    )
