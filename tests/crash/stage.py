"""Both functions between a simulated Testmo, a fake Slack and an embedded AWS, as schedule and queue run them.

Handlers, services and adapters are the real ones and so is every request; time is the story's and moves when told to.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from functions.poller import app as poller
from functions.slack import app as slack_function
from testmo_notifier.adapters.queue import SqsEvent
from testmo_notifier.adapters.store import lease_time
from tests.crash.cloud import TABLE, Cloud
from tests.crash.network import Network, Strike
from tests.support.fakes import FakeLambdaContext, FakeSlack
from tests.support.story import Story
from tests.support.template import properties

INVOCATION_MS: Final = 60_000  # Timeout in template.yaml
VISIBILITY_SECONDS: Final = float(properties("SlackQueue")["VisibilityTimeout"])
TOO_EARLY_SECONDS: Final = 10.0  # both the lease and a delivery record of a killed invocation still hold
MAX_ROUNDS: Final = 12  # of working off the queue; a story needs three or four
MAX_POLLS: Final = 5
TO_EVERYBODY: Final = {
    "routes.toml": '[[routes]]\ndestinations = ["slack:default", "slack:payments", "email:default"]\n'
}


@dataclass
class Stage:
    """One play. After each strike somebody comes back too early, and finds what the killed one had in hand locked."""

    story: Story
    slack: FakeSlack
    cloud: Cloud
    network: Network
    output: io.StringIO  # what the functions print
    destination_of: dict[str, str] = field(default_factory=dict)  # webhook → destination, former webhooks included
    polls: list[dict[str, Any]] = field(default_factory=list)  # the answers of those that were not killed
    invocations: int = 0

    def set_up(self, webhooks: Iterable[str]) -> None:
        """Make the AWS part; each destination has the webhook of its name."""
        self.network.hosts = {port_of(self.story.testmo.url): "Testmo", port_of(self.slack.webhook()): "Slack"}
        self.cloud.set_up(self.story.testmo.token)
        self.connect({name: name for name in webhooks})

    def connect(self, webhooks: Mapping[str, str]) -> None:
        """Keep in the secret which webhook is a destination's from now on."""
        self.cloud.change_secret({name: self.slack.webhook(webhook) for name, webhook in webhooks.items()})
        self.destination_of |= {webhook: f"slack:{name}" for name, webhook in webhooks.items()}

    @property
    def environ(self) -> dict[str, str]:
        """The variables of both functions."""
        return {
            "TESTMO_URL": self.story.testmo.url,
            "TESTMO_SECRET_ARN": self.cloud.testmo_secret_arn,
            "TABLE_NAME": TABLE,
            "TOPIC_ARN": self.cloud.topic_arn,
            "CHANNELS": "slack,email,event",
            "SLACK_SECRET_ARN": self.cloud.slack_secret_arn,
            "QUEUE_URL": self.cloud.queues["slack"],
            "DEAD_LETTER_QUEUE_URL": self.cloud.queues["dead"],
        }

    def poll(self) -> bool:
        """A minute later the schedule invokes the poller; False if that was killed."""
        self.story.wait()
        summary = self._invoke(poller, {})
        if summary is None:
            self._poll_too_early()
            return False
        assert summary["status"] == "ok", summary
        self.polls.append(summary)
        return True

    def poll_at_last(self) -> None:
        """Poll; if that is killed, poll again."""
        while not self.poll():
            pass

    def poll_until_quiet(self) -> None:
        """Poll on until a poll has nothing to hand over."""
        for _ in range(MAX_POLLS):
            if self.poll() and not (self.polls[-1]["published"] or self.polls[-1]["pending"]):
                return
            self.work_off()
        raise AssertionError(f"there is still something to hand over: {self.polls[-1]}")

    def work_off(self) -> None:
        """Let the queue invoke the Slack function until nothing is left, also of what was hidden for a while."""
        for _ in range(MAX_ROUNDS):
            event: SqsEvent = {"Records": self.cloud.receive()}
            if not event["Records"]:
                return
            is_killed = self._deliver(event) is None
            self.story.wait(TOO_EARLY_SECONDS)
            if is_killed:
                self._deliver_too_early()
            self.story.wait(VISIBILITY_SECONDS - TOO_EARLY_SECONDS)
        raise AssertionError(f"still in the Slack queue: {destinations(self.cloud.receive())}")

    def forget_processes(self) -> None:
        """The next invocations start in new processes."""
        for app in (poller, slack_function):
            self._bury(app)

    def _poll_too_early(self) -> None:
        """A lease that a killed poll held keeps out whoever polls before it ends."""
        self.story.wait(TOO_EARLY_SECONDS)
        if self.cloud.lease_until() >= lease_time(self.story.time):
            busy = self._invoke(poller, {})
            assert busy["status"] == "busy", "two pollers at once"

    def _deliver_too_early(self) -> None:
        """What a killed invocation had in hand goes back to the queue, and its record stays as it is."""
        in_hand = self.cloud.in_progress()
        assert len(in_hand) <= 1, "one message after the other is taken in hand"
        returned = self._deliver({"Records": self.cloud.receive()})
        assert returned is not None
        for record in in_hand:
            assert record in self.cloud.items(), "a record that still held was changed"
            assert record["pk"]["S"].removeprefix("DELIVERY#") in returned, "a message in hand was acknowledged"

    def _deliver(self, event: SqsEvent) -> list[str] | None:
        """Invoke the Slack function as its mapping does; the destinations of what was returned, None if killed.

        What was not returned is deleted. Of a killed batch nothing is.
        """
        answer = self._invoke(slack_function, event)
        if answer is None:
            return None
        returned = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] not in returned:
                self.cloud.delete(record)
        return destinations([record for record in event["Records"] if record["messageId"] in returned])

    def _invoke(self, app: Any, event: object) -> Any:  # noqa: ANN401 - two modules with the same three names
        self.invocations += 1
        context = FakeLambdaContext(remaining_ms=INVOCATION_MS, aws_request_id=f"invocation {self.invocations}")
        with redirect_stdout(self.output):
            answer = self.network.invoke(lambda: app.handler(event, context))
        if answer is None:
            self._bury(app)
        return answer

    def _bury(self, app: Any) -> None:  # noqa: ANN401 - the same
        """Forget a process; its sockets are closed as the system would."""
        if app._service.cache_info().currsize:
            service = app._service()
            (service.poller if app is poller else service.deliverer).pool.clear()
        app._service.cache_clear()


def destinations(records: list[Any]) -> list[str]:
    """Where messages of a batch should go."""
    return [record["messageAttributes"]["destination"]["stringValue"] for record in records]


def port_of(url: str) -> int:
    """The port of an address on loopback."""
    port = urlsplit(url).port
    assert port is not None
    return port


class Play(Protocol):
    """Sets the stage for one play; see the fixture of that name."""

    def __call__(
        self, strike: Strike | None = None, *, webhooks: tuple[str, ...], settings: Mapping[str, str]
    ) -> AbstractContextManager[Stage]: ...
