"""Rules 10 and 11, call by call: both functions are killed at every one of their network calls, on either side of it.

Whatever the call was, every new failing result arrives in Slack, by mail and as event, and only what docs/promise.md
allows arrives twice.
"""

from __future__ import annotations

import pytest

from tests.crash.plays import every_play
from tests.crash.stage import TO_EVERYBODY, Play, Stage
from tests.crash.verdict import Left, check_posts, check_subscriber
from tests.support.fakes import SlackAnswer
from tests.support.story import BLOCKED, PASSED

pytestmark = pytest.mark.aws

GONE = SlackAnswer(404, b"no_service")
SLOW_DOWN = SlackAnswer(429, b"", {"Retry-After": "30"})


class TwoRuns:
    """Three failing tests of two runs in two busy polls, while one webhook wants a pause and the other one moves."""

    webhooks = ("default", "payments")
    settings = TO_EVERYBODY

    def tell(self, stage: Stage) -> None:
        story = stage.story
        alpha = story.add_run("Alpha", tests=4)
        while not stage.poll():
            """What is there before the first poll is done stays quiet, so the story begins after it."""
        story.save(alpha, 1)
        story.save(alpha, 2, PASSED)
        stage.slack.answer(SLOW_DOWN, webhook="payments")
        stage.poll()
        stage.work_off()
        story.save(alpha, 3, BLOCKED)
        beta = story.add_run("Beta", tests=2)
        story.save(beta, 2)
        stage.slack.always(GONE)
        stage.connect({"default": "moved", "payments": "payments"})
        stage.poll()
        stage.work_off()
        self.failing = [story.test(alpha, 1).id, story.test(alpha, 3).id, story.test(beta, 2).id]

    def end(self, stage: Stage, left: Left) -> None:
        """Schedule and queue go on; then everything is announced everywhere."""
        stage.poll_until_quiet()
        check_subscriber(stage, "email", self.failing, left)
        check_subscriber(stage, "event", self.failing, left)
        check_posts(stage, {"slack:default": self.failing, "slack:payments": self.failing}, left)


class EveryAnswer:
    """One batch in which Slack gives each kind of answer, the last webhook until somebody fixes it."""

    webhooks = ("throttled", "plain", "down", "moved", "gone")
    settings = TO_EVERYBODY

    def tell(self, stage: Stage) -> None:
        stage.cloud.put("slack:moved", 1)
        stage.work_off()  # the function knows the secret as it was
        stage.slack.answer(SLOW_DOWN, webhook="throttled")
        stage.slack.answer(SlackAnswer(400, b"invalid_blocks"), webhook="plain")
        stage.slack.answer(SlackAnswer(503, b"oops"), webhook="down")
        stage.slack.always(GONE, webhook="moved")
        stage.slack.always(GONE, webhook="gone")
        stage.connect({**{name: name for name in self.webhooks}, "moved": "new"})
        for test, name in enumerate(self.webhooks, start=2):
            stage.cloud.put(f"slack:{name}", test)
        stage.work_off()

    def end(self, stage: Stage, left: Left) -> None:
        """The one that was parked goes out when it is driven back, once, even if it was parked twice."""
        stage.slack.always(SlackAnswer(), webhook="gone")
        assert stage.cloud.drive_back() == 1 + left.parked, "parked"
        stage.work_off()
        failing = {f"slack:{name}": [test] for test, name in enumerate(self.webhooks, start=2)}
        check_posts(stage, {**failing, "slack:moved": [1, 5]}, left)


def test_both_functions_killed_at_any_call_lose_nothing_and_double_only_what_they_may(play: Play) -> None:
    played = list(every_play(play, TwoRuns()))

    assert {p.call for p in played if p.left.posted} == {
        "Slack POST default",
        "Slack POST payments",
        "DynamoDB PutItem DESTINATION#slack:payments/SLOT",
        "Slack POST moved",
    }
    assert {p.call for p in played if any(not to.startswith("slack") for to, _ in p.left.published)} == {
        f"SNS PublishBatch slack:default,slack:payments,email:default,event of run {run}" for run in (1, 2)
    }


def test_the_slack_function_killed_at_any_call_loses_nothing_whatever_slack_answers(play: Play) -> None:
    played = list(every_play(play, EveryAnswer()))

    assert {p.call for p in played if p.left.posted} == {
        "Slack POST throttled",
        "Slack POST plain",
        "Slack POST down",
        "Slack POST moved",
        "Slack POST new",
        "DynamoDB PutItem DESTINATION#slack:throttled/SLOT",
        "DynamoDB PutItem DESTINATION#slack:down/SLOT",
    }
    assert {p.call for p in played if p.left.parked} == {"AmazonSQS SendMessage"}
