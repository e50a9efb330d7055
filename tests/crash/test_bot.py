"""Slack delivery by a bot, call by call: the function is killed at every call of the Web API and of the table.

Each news of a run stands in the channel or its thread, the message of the run ends as the run is, and what is posted
twice is what Slack took and nobody had recorded yet: of one message, once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from typing import Final

import pytest

from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import FOLDED, NEW, RECOVERED, QueuedMessage
from testmo_notifier.notices.standings import with_silent
from tests.crash.plays import every_play
from tests.crash.stage import TO_EVERYBODY, Play, Stage, port_of
from tests.crash.verdict import Left
from tests.support.bots import make_message, queued
from tests.support.factories import make_digest, make_named, make_outgoing
from tools.inbox.receiver import Inbox
from tools.inbox.workspace import Posted, Workspace

pytestmark = pytest.mark.aws

DESTINATION: Final = "slack:default"
POST: Final = "Bots POST /api/chat.postMessage"
RUN: Final = "Release 4.2 regression"
PAY, LOG_IN, LOG_OUT, SEARCH, CHECK_OUT = (make_named(n, case_name=f"case {n}") for n in range(1, 6))
PASSED = make_named(1, case_name="case 1", status_id=2, status="Passed")
FAILED = make_message(make_digest([PAY, LOG_IN], reasons=(NEW,)), "failed", 1_000, DESTINATION)
WELL = make_message(make_digest([PASSED], about=RECOVERED), "well", 2_000, DESTINATION)
MORE = make_message(make_digest([LOG_OUT, SEARCH], reasons=(NEW,)), "more", 3_000, DESTINATION)
SILENT = make_message(
    make_digest([replace(LOG_OUT, status_id=2, status="Passed")], about=RECOVERED, is_silent=True, keys=frozenset({3})),
    "silent",
    3_500,
    DESTINATION,
)
TOGETHER, *EDITS = (
    queued(replace(Renderer(UTC).notification(one), order=one.digest.order))
    for one in with_silent(
        make_outgoing(
            make_digest(
                about=FOLDED,
                run_id=0,
                total=2,
                parts=(
                    make_digest([CHECK_OUT], order=3_600),
                    make_digest([SEARCH], run_id=13, order=9_000),
                ),
            ),
            DESTINATION,
            "together",
        ),
        [DESTINATION],
    )
)
AGAIN = make_message(make_digest([PAY], reasons=(NEW,)), "again", 4_000, DESTINATION)


@pytest.fixture(scope="module")
def inbox() -> Iterator[Inbox]:
    """A Web API over HTTP. Each play has a workspace of its own."""
    with Inbox(0) as inbox:
        yield inbox


class OneRun:
    """A run's message, two replies while edits have to wait, and what passes in silence; then somebody deletes it.

    It is told of together with another run, too, before it has a message; the edits that go with that come late.
    """

    webhooks = ()
    settings = TO_EVERYBODY

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.bot = inbox.bot_of("default")

    def tell(self, stage: Stage) -> None:
        self.workspace = self.inbox.workspace = Workspace()
        stage.network.hosts[port_of(self.inbox.url)] = "Bots"
        stage.cloud.change_secret({"default": self.bot})
        stage.cloud.send(TOGETHER)
        stage.work_off()
        stage.cloud.send(FAILED)
        stage.work_off()
        self.workspace.answer_next("chat.update", "ratelimited", status=429, retry_after=30)
        stage.cloud.send(WELL)
        stage.cloud.send(MORE)
        stage.work_off()
        stage.cloud.send(SILENT)
        stage.work_off()
        for message in EDITS:
            stage.cloud.send(message)
            stage.work_off()
        self.headline = headline(self.workspace)
        for parent in self.workspace.parents():
            self.workspace.delete(parent.ts)
        stage.cloud.send(AGAIN)
        stage.work_off()

    def end(self, _stage: Stage, left: Left) -> None:
        """What people see."""
        messages = self.workspace.messages
        for message in (FAILED, WELL, MORE, TOGETHER, AGAIN):
            assert any(is_of(message, posted) for posted in messages), f"{message.id} is lost"
        assert len(messages) == 6 + (DESTINATION in left.posted), "posted twice"
        assert all(one.thread_ts for one in messages if is_of(WELL, one) or is_of(MORE, one)), "a reply in the channel"
        assert self.headline == f"✖ 3 failed: {RUN}", "those that failed and have not passed since"
        assert headline(self.workspace) == f"✖ 4 failed: {RUN}"
        newest = self.workspace.parents()[-1].ts
        assert [one.thread_ts for one in messages if is_of(AGAIN, one)][-1] == newest, "a reply somewhere else"


def headline(workspace: Workspace) -> str:
    """What the latest message in the channel says first."""
    return str(workspace.parents()[-1].payload["text"]).split("\n")[0]


def is_of(message: QueuedMessage, posted: Posted) -> bool:
    """Whether something is, or was before an edit, what a message says."""
    first = posted.before[0] if posted.before else posted.payload
    return bool(first["text"] == json.loads(message.body)["text"])


def test_a_bot_killed_at_any_call_loses_no_news_and_its_message_of_a_run_is_the_newest(
    play: Play, inbox: Inbox
) -> None:
    played = list(every_play(play, OneRun(inbox)))

    assert {p.call for p in played if p.left.posted} == {POST}
