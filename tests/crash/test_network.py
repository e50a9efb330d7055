"""The kill itself: what is killed does nothing more, whoever tries, and nobody can overlook it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal

import pytest

from tests.crash.network import READS, Network, Strike
from tests.flow.power import PowerCut


class World:
    """Takes every call, and answers it as urllib3 would."""

    status = 200

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, _method: str, url: str, **_: object) -> Any:  # noqa: ANN401 - the part of a response that is used
        self.calls.append(url)
        return self

    def drain_conn(self) -> None:
        """There is nothing to drain."""

    release_conn = drain_conn


@pytest.mark.parametrize(("side", "done"), [("before", ["/a"]), ("after", ["/a", "/b"])])
def test_a_killed_invocation_does_nothing_after_the_strike_not_even_by_a_worker(
    side: Literal["before", "after"], done: list[str]
) -> None:
    network, world = Network(Strike(1, side)), World()
    network.hosts = {80: "Testmo"}

    def work() -> None:
        network.urlopen(world, 80, "GET", "/a")
        try:
            network.urlopen(world, 80, "GET", "/b")
        finally:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(network.urlopen, world, 80, "GET", "/by a worker").exception()
            with suppress(PowerCut):
                network.urlopen(world, 80, "GET", "/in a finally")

    assert network.invoke(work) is None
    assert world.calls == done
    assert [effect.name for effect in network.struck or []] == [f"Testmo GET {url}" for url in done]


def test_a_kill_that_somebody_catches_fails_the_test() -> None:
    network, world = Network(Strike(0, "after")), World()
    network.hosts = {80: "Testmo"}

    def work() -> str:
        with suppress(BaseException):
            network.urlopen(world, 80, "GET", "/a")
        return "done"

    with pytest.raises(AssertionError, match="somebody caught the kill"):
        network.invoke(work)


def test_there_is_a_strike_for_each_state_that_the_world_can_be_left_in() -> None:
    network, world = Network(), World()
    network.hosts = {80: "Testmo"}
    for calls in ([("POST", "/a"), ("POST", "/b"), ("GET", "/read")], [("GET", "/read"), ("POST", "/c")]):
        network.invoke(lambda calls=calls: [network.urlopen(world, 80, *call) for call in calls])  # type: ignore[misc]

    assert set(network.every_strike()) == {
        Strike(0, "before"),
        Strike(0, "after"),  # also before the second
        Strike(1, "after"),  # also on either side of the third, which only reads
        Strike(3, "before"),
        Strike(4, "after"),
    }


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("Testmo GET /api/v1/projects", True),
        ("DynamoDB GetItem DESTINATION#slack:default/SLOT", True),
        ("DynamoDB BatchGetItem RUN#1/CHECKPOINT", True),
        ("DynamoDB Query pending", True),
        ("SNS ListSubscriptionsByTopic", True),
        ("SNS GetSubscriptionAttributes", True),
        ("secretsmanager GetSecretValue", True),
        ("DynamoDB PutItem DELIVERY#slack:default", False),
        ("DynamoDB UpdateItem CONTROL/POLLER", False),
        ("DynamoDB DeleteItem DELIVERY#slack:default", False),
        ("DynamoDB TransactWriteItems RUN#1/CHECKPOINT", False),
        ("SNS Publish event of run 1", False),
        ("AmazonSQS SendMessage", False),
        ("AmazonSQS ChangeMessageVisibility", False),
        ("Slack POST default", False),
        ("Bots POST /api/chat.postMessage", False),
    ],
)
def test_a_call_that_only_reads_is_told_by_its_name(name: str, *, is_one: bool) -> None:
    assert bool(READS.match(name)) is is_one
