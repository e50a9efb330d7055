"""When `testmo-notifier local` ends, what it says then, and with which status; what is hidden was not read (rule 7)."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any, cast

import pytest
from botocore.exceptions import ReadTimeoutError
from rich.console import Console

from testmo_notifier.model import Held
from tests.support.holding import failing_news, hold
from tools.inbox.receiver import Message
from tools.lib.aws import Aws
from tools.lib.stopping import Stopping
from tools.lib.terminal import Terminal
from tools.local.captures import Captures
from tools.local.environment import Flags, read
from tools.local.session import Clock, Deployment, Session
from tools.local.stack import Stack

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STACK = Stack(
    name="stack", topic_arn="topic", table="table", poller="poller", slack_function="slack", slack_queue="queue",
    dead_letter_queues={"Slack": "slack-dead", "SNS": "sns-dead"}, is_new=True,
)  # fmt: skip


class Raised(Exception):
    """What the function raised."""


Answer = Mapping[str, object] | Exception


def summary(status: str = "ok", words: str = "nothing new", **more: object) -> Mapping[str, object]:
    return {"status": status, "words": words, "problems": [], "pending": 0, "retry_at": None, **more}


class FakeTime:
    """Stands still unless somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.wakes: list[Callable[[], None]] = []

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for wake in self.wakes:
            wake()

    def clock(self) -> Clock:
        return Clock(lambda: START + timedelta(seconds=self.seconds), lambda: self.seconds, self.sleep)


class FakeAws:
    """A poller that answers from a list (its last answer for ever), and queues with a given depth."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.polls = 0
        self.depths: dict[str, Callable[[], int]] = {}
        self.letters: dict[str, list[dict[str, object]]] = {}
        self.hidden: set[str] = set()
        self.invoked = self.sqs = self

    def invoke(self, **_: object) -> Mapping[str, object]:
        answer = self.answers[min(self.polls, len(self.answers) - 1)]
        self.polls += 1
        if isinstance(answer, Raised):
            return {
                "Payload": io.BytesIO(json.dumps({"errorMessage": str(answer)}).encode()),
                "FunctionError": "Unhandled",
            }
        if isinstance(answer, Exception):
            raise answer
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def receive_message(self, *, QueueUrl: str, **_: object) -> Mapping[str, object]:  # noqa: N803 - boto3's name
        """Ten at a time, as SQS does; what was handed out is hidden until somebody puts it back."""
        waiting = [letter for letter in self.letters.get(QueueUrl, []) if letter["MessageId"] not in self.hidden]
        self.hidden |= {str(letter["MessageId"]) for letter in waiting[:10]}
        return {"Messages": waiting[:10]} if waiting else {}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803 - boto3's name
        self.letters[QueueUrl] = [one for one in self.letters[QueueUrl] if one["ReceiptHandle"] != ReceiptHandle]

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_: object) -> None:  # noqa: N803
        assert VisibilityTimeout == 0
        self.hidden.discard(ReceiptHandle)

    def get_queue_attributes(self, *, QueueUrl: str, **_: object) -> Mapping[str, object]:  # noqa: N803 - boto3's name
        depth = self.depths.get(QueueUrl, lambda: 0)()
        return {"Attributes": {"ApproximateNumberOfMessages": str(depth)}}


class NoCaptures:
    def drain(self, channel: str, handle: object) -> int:
        del channel, handle
        return 0


class SomebodysSlack(Captures):
    """What was handed over for a Slack that is not ours."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws, STACK)
        self._urls = {"slack": "handed over", "email": "mails", "event": "events"}


class Stage:
    """A session with everything around it replaced."""

    def __init__(
        self,
        *answers: Answer,
        story: Iterator[str] | None = None,
        environ: Mapping[str, str] | None = None,
        held: tuple[Held, ...] = (),
        **flags: str,
    ) -> None:
        self.aws = FakeAws(list(answers))
        self.time = FakeTime()
        self.stopping = Stopping()
        self.printed = io.StringIO()
        self.inbox: SimpleQueue[Message] = SimpleQueue()
        self.session = Session(
            settings=read(environ or {}, Flags(**flags)),
            deployment=Deployment(cast("Aws", self.aws), STACK, cast("Captures", NoCaptures())),
            arrivals=self.inbox,
            show=lambda _: None,
            advance=lambda: next(story, None) if story else None,
            terminal=Terminal(Console(file=self.printed, width=200)),
            stopping=self.stopping,
            clock=self.time.clock(),
            held=lambda: held,
        )

    def play(self) -> tuple[bool, str]:
        return self.session.play(), self.printed.getvalue()


@pytest.fixture(autouse=True)
def everything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.local.environment._missing_tools", lambda _: [])


def throttled(at_seconds: float) -> Mapping[str, object]:
    return summary("partial", "read 0 of 1 run", retry_at=(START + timedelta(seconds=at_seconds)).isoformat())


def test_what_is_held_is_not_said_to_be_delivered() -> None:
    held = (hold(failing_news({1: 11, 2: 12})),)
    is_fine, printed = Stage(summary("ok", "nothing new"), held=held, polls="1").play()

    assert is_fine
    assert "2 results of 1 run held for later: it is gone with this stack" in printed
    assert "1 poll, everything read and delivered, but for what is held" in printed

    own = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    assert (
        "held for later: this stack keeps it" in Stage(summary("ok", ""), held=held, environ=own, polls="1").play()[1]
    )
    assert "held" not in Stage(summary("ok", "nothing new"), polls="1").play()[1]


def test_of_what_somebody_elses_slack_gets_only_what_people_read_is_shown() -> None:
    stage = Stage(summary(), polls="1")
    told = {"order": 1, "about": "recovered"}
    letters = [("2 failed in 45 runs", told), ("1 failed: Nightly 7", {**told, "silent": True})]
    stage.aws.letters["handed over"] = [
        {
            "MessageId": words,
            "ReceiptHandle": words,
            "Body": json.dumps({"text": words}),
            "MessageAttributes": {
                "destination": {"StringValue": "slack:payments"},
                "aside": {"StringValue": json.dumps(aside)},
            },
        }
        for words, aside in letters
    ]
    aws = cast("Aws", stage.aws)
    stage.session._arrivals = None
    stage.session._captures = SomebodysSlack(aws)

    _, printed = stage.play()

    assert printed.count("For slack:payments") == 1
    assert "2 failed in 45 runs" in printed
    assert "Nightly 7" not in printed, "it only changes the message that a bot has of that run"
    assert stage.aws.letters["handed over"] == []


def test_a_story_ends_when_testmo_has_let_everything_be_read() -> None:
    waiting = summary("waiting", "a pause", retry_at=(START + timedelta(seconds=60)).isoformat())
    stage = Stage(summary(), throttled(60), waiting, summary(), story=iter(()), scenario="throttled", interval="1")
    is_fine, printed = stage.play()
    assert is_fine is True
    assert stage.aws.polls == 4
    assert "Testmo asks for a pause: another poll after it" in printed
    assert stage.time.seconds >= 60


def test_a_story_that_testmo_never_lets_be_read_ends_with_status_1() -> None:
    stage = Stage(summary(), throttled(1), story=iter(()), scenario="throttled", interval="1")
    is_fine, printed = stage.play()
    assert is_fine is False
    assert stage.aws.polls == 7, "the first, the last of the story, five more"
    assert "The last poll did not read everything" in printed


def test_as_many_polls_as_asked_for_are_made_whatever_testmo_asks_for() -> None:
    stage = Stage(throttled(1), polls="2", interval="1")
    assert stage.play()[0] is False
    assert stage.aws.polls == 2


def test_as_many_polls_as_asked_for_at_the_interval_asked_for() -> None:
    stage = Stage(summary(), polls="3", interval="60")
    assert stage.play()[0] is True
    assert stage.aws.polls == 3
    assert stage.time.seconds == pytest.approx(120)


def test_a_failed_poll_is_one_too_many_even_if_the_next_one_succeeds() -> None:
    is_ok, printed = Stage(Raised("the token was refused"), summary(), polls="2", interval="0").play()
    assert is_ok is False
    assert "failed: the token was refused" in printed
    assert "1 poll failed: number 1" in printed


def test_an_invocation_without_an_answer_is_a_failed_poll() -> None:
    is_ok, printed = Stage(ReadTimeoutError(endpoint_url="http://127.0.0.1"), polls="1").play()
    assert is_ok is False
    assert "no answer from the function" in printed


@pytest.mark.parametrize("answer", [{"statusCode": 200}, [], None])
def test_an_answer_that_is_no_summary_is_a_failed_poll(answer: object) -> None:
    is_ok, printed = Stage(cast("Answer", answer), polls="1").play()
    assert is_ok is False
    assert "something else than a summary" in printed


@pytest.mark.parametrize("status", ["partial", "waiting"])
def test_what_an_earlier_poll_left_and_the_last_one_read_is_no_problem(status: str) -> None:
    stage = Stage(summary(status, problems=["run 7 could not be read"]), summary(), polls="2", interval="0")
    is_ok, printed = stage.play()
    assert is_ok is True
    assert "! run 7 could not be read" in printed


@pytest.mark.parametrize("status", ["partial", "waiting"])
def test_what_the_last_poll_left_unread_is_a_problem(status: str) -> None:
    is_ok, printed = Stage(summary(), summary(status, "read 1 of 2 runs"), polls="2", interval="0").play()
    assert is_ok is False
    assert "did not read everything: read 1 of 2 runs" in printed


def test_messages_that_wait_for_the_next_poll_are_undelivered() -> None:
    is_ok, printed = Stage(summary(pending=5), polls="1").play()
    assert is_ok is False
    assert "5 runs with messages" in printed


def test_a_poll_that_found_another_at_work_does_not_count_and_is_repeated_when_that_is_done() -> None:
    retry_at = (START + timedelta(seconds=20)).isoformat()
    stage = Stage(summary("busy", retry_at=retry_at), summary(), polls="1")
    is_ok, printed = stage.play()
    assert is_ok is True
    assert stage.aws.polls == 2
    assert 5 <= stage.time.seconds < 6  # the other one was done long before its lease ended
    assert "1 poll, everything read and delivered" in printed


def test_a_pause_that_testmo_asks_for_is_waited_for_and_the_poll_repeated() -> None:
    retry_at = (START + timedelta(seconds=30)).isoformat()
    stage = Stage(summary("waiting", retry_at=retry_at), summary(), polls="1")
    is_ok, _ = stage.play()
    assert (is_ok, stage.aws.polls) == (True, 2)
    assert 30 <= stage.time.seconds < 31


def test_a_pause_longer_than_a_minute_and_a_half_is_told_and_not_waited_for() -> None:
    retry_at = (START + timedelta(seconds=600)).isoformat()
    stage = Stage(summary("waiting", retry_at=retry_at), summary(), polls="1")
    is_ok, _ = stage.play()
    assert (is_ok, stage.aws.polls) == (False, 1)


def test_a_refused_token_is_set_in_the_environment_here() -> None:
    is_ok, printed = Stage(Raised("Testmo refuses the token (401 on /projects): …"), polls="1").play()
    assert is_ok is False
    assert "TESTMO_TOKEN" in printed


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1 run or project is hidden"), (3, "3 runs and projects are hidden")]
)
def test_what_testmo_hides_is_never_called_everything(number: int, words: str) -> None:
    hidden = summary(hidden=number, problems=["run 12 (Release 4.2) is hidden since …"])
    is_ok, printed = Stage(hidden, polls="1").play()
    assert is_ok is False
    assert f"{words} from the token's user" in printed
    assert "everything" not in printed


def test_what_was_hidden_and_is_shown_again_is_no_problem() -> None:
    assert Stage(summary(hidden=1), summary(), polls="2", interval="0").play()[0] is True


def test_what_a_poll_had_to_leave_out_is_not_called_everything() -> None:
    is_ok, printed = Stage(summary(problems=["run 7 of RunIds is gone"]), polls="1").play()
    assert is_ok is True
    assert "everything that is visible was read and delivered, see the notes above" in printed


def test_a_lease_that_never_ends_is_a_failed_poll() -> None:
    stage = Stage(summary("busy"), polls="1")
    assert stage.play()[0] is False
    assert 300 <= stage.time.seconds < 310


def test_it_waits_until_slack_has_everything() -> None:
    stage = Stage(summary(), polls="1")
    stage.aws.depths["queue"] = lambda: 2 if stage.time.seconds < 50 else 0
    is_ok, printed = stage.play()
    assert is_ok is True
    assert "2 messages on the way to Slack" in printed


def test_it_gives_up_when_nothing_moves_for_three_minutes() -> None:
    stage = Stage(summary(), polls="1")
    stage.aws.depths["queue"] = lambda: 3 if stage.time.seconds < 100 else 2
    is_ok, printed = stage.play()
    assert is_ok is False
    assert stage.time.seconds == pytest.approx(280, abs=2)
    assert "2 messages still on the way to Slack" in printed


def test_only_what_was_parked_now_counts_as_undelivered() -> None:
    before = Stage(summary(), polls="1")
    before.aws.depths["slack-dead"] = lambda: 0 if before.aws.polls else 4  # re-driven meanwhile
    assert before.play()[0] is True

    now = Stage(summary(), polls="1")
    now.aws.depths["slack-dead"] = lambda: 5 if now.aws.polls else 0
    is_ok, printed = now.play()
    assert is_ok is False
    assert "5 messages could not be delivered and are parked: 5 for no reason that is given" in printed


def letter(number: int, *, minutes: float, destination: str = "slack:default", reason: str = "no_service") -> Any:  # noqa: ANN401 - boto3's
    """A parked message that was written so long after the start."""
    at = START + timedelta(minutes=minutes)
    return {
        "MessageId": f"m-{number}",
        "ReceiptHandle": f"m-{number}",
        "Attributes": {"SentTimestamp": str(int(at.timestamp() * 1000))},
        "MessageAttributes": {"destination": {"StringValue": destination}, "parked_because": {"StringValue": reason}},
    }


def test_why_messages_were_parked_is_said_of_this_call_alone_with_counts_and_what_to_do() -> None:
    """Older ones lie in the same queue, more than SQS hands out at once."""
    stage = Stage(summary(), polls="1")
    older = [letter(n, minutes=-30, reason="channel_is_archived") for n in range(15)]
    new = [letter(100 + n, minutes=1) for n in range(11)]
    new += [letter(200, minutes=1, destination="slack:payments", reason="no_webhook")]
    stage.aws.letters["slack-dead"] = [*older, *new]
    stage.aws.depths["slack-dead"] = lambda: (
        13 if stage.aws.polls else 0
    )  # the older ones aside; and one that SQS itself moved there
    is_ok, printed = stage.play()
    assert is_ok is False
    assert (
        "13 messages could not be delivered and are parked: 11 slack:default no_service, 1 slack:payments no_webhook, "
        "1 for no reason that is given. Fix that; this stack ends with the command, BACKFILL_HOURS=1 announces them "
        "at the next start"
    ) in printed
    assert "channel_is_archived" not in printed
    assert stage.aws.hidden == set(), "everybody can have them again"


def test_an_emulator_of_ones_own_keeps_what_was_parked_for_redrive() -> None:
    stage = Stage(summary(), polls="1", environ={"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})
    stage.aws.letters["slack-dead"] = [letter(1, minutes=1)]
    stage.aws.depths["slack-dead"] = lambda: stage.aws.polls
    printed = stage.play()[1]
    assert "1 message could not be delivered and is parked: 1 slack:default no_service. " in printed
    assert "Fix that, then: testmo-notifier redrive --yes" in printed


def test_a_story_begins_after_a_poll_that_takes_stock_and_ends_with_a_quiet_one() -> None:
    stage = Stage(
        summary(), story=iter(["Ada fails a test", "Grace closes the run"]), scenario="release-day", interval="1"
    )
    is_ok, printed = stage.play()
    assert is_ok is True
    told = [line[10:16] if line[2] == ":" else line for line in printed.splitlines() if line]
    assert told == [
        "poll 1",
        "▸ Ada fails a test",
        "poll 2",
        "▸ Grace closes the run",
        "poll 3",
        "▸ The story is over: one more poll, which has nothing to tell",
        "poll 4",
        "✓ 4 polls, everything read and delivered",
    ]


def test_being_asked_to_stop_ends_the_pause_and_still_settles() -> None:
    stage = Stage(summary(), interval="60")

    def ask() -> None:
        stage.stopping.is_asked = True

    stage.time.wakes.append(ask)
    is_ok, printed = stage.play()
    assert is_ok is True
    assert stage.time.seconds < 1
    assert "1 poll, everything read and delivered" in printed


def test_a_message_says_which_of_several_webhooks_it_came_to() -> None:
    stage = Stage(summary(), polls="1", interval="0")
    for webhook in ("default", "payments"):
        stage.inbox.put(Message({"text": f"to {webhook}"}, START, webhook))
    _, printed = stage.play()
    assert printed.count("Slack\n") == 1
    assert printed.count("Slack (slack:payments)\n") == 1
