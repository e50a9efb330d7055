"""`testmo-notifier drain`: what it makes of the poller's answers. The polls are in tests/flow/test_drain.py."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from testmo_notifier.model import Checkpoint, Control, Envelope, HeldKey
from tests.support.factories import make_checkpoint, make_control, make_digest, make_outgoing
from tools.lib.terminal import Terminal
from tools.ops import drain as command
from tools.ops import records
from tools.ops.account import Account
from tools.ops.exit_status import FINE, WRONG, Desk, NotDone

UNTIL = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
STUCK = make_checkpoint(outbox=(make_outgoing(make_digest(), "slack:payments"),))


@dataclass
class Stack:
    """A stack whose poller gives these answers, one after the other, and whose table holds this then."""

    answers: list[dict[str, Any]]
    waiting: list[list[Checkpoint]]
    control: Control = field(default_factory=lambda: make_control(draining_until=UNTIL))
    asked: list[object] = field(default_factory=list)
    held: list[HeldKey] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "poller"
        self.asked.append(json.loads(Payload))
        usual = {"status": "waiting", "words": "drained", "published": 0, "problems": [], "retry_at": UNTIL.isoformat()}
        answer = {**usual, **self.answers.pop(0)}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def pending(self) -> list[Checkpoint]:
        return self.waiting.pop(0)

    def held_until(self, moment: datetime | None) -> tuple[list[HeldKey], list[Envelope]]:
        assert moment is None
        return self.held, self.envelopes


Run = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_on(stack: Stack, body: Callable[[Desk], int] = command.drain) -> tuple[int, str, dict[str, Any]]:
        account = SimpleNamespace(
            invoked=stack,
            queue_leads_to="Slack",
            stack=SimpleNamespace(poller="poller", name="ours", version="1.1.0", slack_queue="queue"),
            sqs=SimpleNamespace(get_queue_attributes=lambda **_: {"Attributes": {"ApproximateNumberOfMessages": "7"}}),
        )
        monkeypatch.setattr(records, "control", lambda _: (stack.control, None))
        monkeypatch.setattr(records, "store", lambda _: stack)
        monkeypatch.setattr(time, "sleep", lambda _: None)
        out = Console(file=io.StringIO(), width=200, highlight=False)
        quiet = Terminal(Console(file=io.StringIO()))
        status = body(Desk(cast("Account", account), Terminal(out), quiet, as_json=True))
        assert isinstance(out.file, io.StringIO)
        return status, out.file.getvalue(), json.loads(capsys.readouterr().out)

    return run_on


def test_it_polls_without_reading_until_everything_committed_is_told(run: Run) -> None:
    stack = Stack([{"published": 100}, {"published": 3}, {}], [[STUCK], [], []])
    status, said, answer = run(stack)
    assert status == FINE
    assert stack.asked == [{"drain": True}] * 3
    assert (
        "everything committed is told (103 messages just now); nothing is read until 2026-11-23T09:15:00+00:00" in said
    )
    assert "7 messages on the way to Slack: every version goes on with them" in said
    assert "deploy the older version now" in said
    assert answer == {
        "ok": True,
        "published": 103,
        "draining_until": "2026-11-23T09:15:00+00:00",
        "waiting": [],
        "problems": [],
    }


def test_what_cannot_be_handed_over_is_named_with_the_reason(run: Run) -> None:
    problem = "SNS did not take a message for slack:payments"
    stack = Stack([{"problems": [problem]}] * 3, [[STUCK]] * 3)
    status, said, answer = run(stack)
    assert status == WRONG
    assert "run 12: 1 message for slack:payments cannot be handed over" in said
    assert problem in said
    assert "deploy" not in said
    assert (answer["ok"], [one["destination"] for one in answer["waiting"]]) == (False, ["slack:payments"])


def test_what_an_older_version_would_leave_lying_is_not_told(run: Run) -> None:
    stack = Stack([{}] * 3, [[]] * 3)
    stack.held = [HeldKey(13, "email:qa", "unreachable", UNTIL)]
    stack.envelopes = [Envelope("e-1", (make_outgoing(make_digest(), "slack:payments"),), UNTIL)]
    status, said, answer = run(stack)
    assert status == WRONG
    assert "run 13: 1 message for email:qa cannot be handed over" in said
    assert "run 12: 1 message for slack:payments cannot be handed over" in said
    assert [one["destination"] for one in answer["waiting"]] == ["slack:payments", "email:qa"]


def test_a_poll_that_is_under_way_is_waited_for(run: Run) -> None:
    stack = Stack([{"status": "busy", "words": "another poller is at work"}, {}], [[]])
    assert run(stack)[0] == FINE
    assert len(stack.asked) == 2


@pytest.mark.parametrize("left", [None, UNTIL])  # the other one was left by a newer version
def test_a_version_that_cannot_drain_can_go_back_as_it_is(run: Run, left: datetime | None) -> None:
    polled = {"status": "ok", "retry_at": None}
    with pytest.raises(NotDone, match=r"runs 1\.1\.0, which cannot drain: it can go back as it is"):
        run(Stack([polled], [[]], control=make_control(draining_until=left)))


def test_a_poller_that_may_not_be_invoked_is_told_with_the_step_that_helps(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "Invoke")

    stack = Stack([], [])
    monkeypatch.setattr(stack, "invoke", refuse)
    with pytest.raises(NotDone, match=r"^poller: AWS answers AccessDeniedException to Invoke .*: these credentials"):
        run(stack)


def test_who_stays_tells_the_poller(run: Run) -> None:
    stack = Stack([{"status": "ok", "words": "nothing new"}], [])
    status, said, _ = run(stack, command.cancel)
    assert (status, stack.asked) == (FINE, [{"drain": False}])
    assert "polls read again: nothing new" in said
