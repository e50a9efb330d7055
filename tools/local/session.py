"""Polls, prints what arrives, and says at the end whether everything was read and delivered."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final

from rich.text import Text

from testmo_notifier.adapters.queue import PARKED_BECAUSE
from testmo_notifier.model import Held
from testmo_notifier.text.cleaning import printable
from tools.inbox.receiver import Message
from tools.lib import blocks, sqs
from tools.lib.addresses import address_of
from tools.lib.aws import Aws
from tools.lib.folders import NumberedFolder
from tools.lib.stopping import Stopping
from tools.lib.terminal import Terminal
from tools.local import poller
from tools.local.captures import Captured, Captures
from tools.local.environment import Settings
from tools.local.poller import PollFailed, Summary
from tools.local.stack import Stack
from tools.ops.held import volume
from tools.ops.times import counted

TICK_SECONDS: Final = 0.2
GIVE_UP_SECONDS: Final = 180.0  # without any change; twice as long as a killed function holds its messages
LOOK_AGAIN_SECONDS: Final = 5.0  # at a lease: the other poller is usually done long before it ends
MAX_PAUSE_SECONDS: Final = 90.0  # that Testmo or the budget asks for; a longer one is told, not waited for
SAY_SECONDS: Final = 10.0
STORY_SECONDS: Final = 10.0
MAX_MORE_POLLS: Final = 5  # after the end of a story, until Testmo has let everything be read
BUSY_SECONDS: Final = 300.0  # a lease that a killed poller left behind ends within half a minute
MAX_LETTERS: Final = 200  # parked messages that are looked at; the rest is counted
NO_REASON: Final = "for no reason that is given"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is polled: a stack, the AWS it is on, and where its mail and events arrive."""

    aws: Aws
    stack: Stack
    captures: Captures


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, and waiting for it; tests have one of their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Session:
    """One run of `testmo-notifier local`, from the first poll to the verdict.

    Args:
        settings: what was asked for.
        deployment: what is polled.
        arrivals: Slack messages of our own webhook; None where Slack is somebody else's.
        show: shows what went out on a page, too.
        advance: plays the next step of the story, None when it is over (or there is none).
        terminal: where it is told.
        stopping: whether somebody wants it to end.
        clock: the time, and how to wait.
        held: what is told later on purpose.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        deployment: Deployment,
        arrivals: SimpleQueue[Message] | None,
        show: Callable[[Captured], None],
        advance: Callable[[], str | None],
        terminal: Terminal,
        stopping: Stopping,
        clock: Clock | None = None,
        held: Callable[[], Sequence[Held]] = tuple,
    ) -> None:
        self._settings = settings
        self._aws, self._stack, self._captures = deployment.aws, deployment.stack, deployment.captures
        self._arrivals = arrivals
        self._show = show
        self._advance = advance
        self._terminal = terminal
        self._stopping = stopping
        self._clock = clock or Clock()
        self._held = held
        self._emails = NumberedFolder(settings.emails) if settings.emails else None
        self._events = NumberedFolder(settings.events) if settings.events else None
        self._began = self._clock.now()
        self._parked_before = self._parked()
        self._delivered = 0
        self._story_goes_on = True
        self._more_polls = MAX_MORE_POLLS
        self._failed: list[int] = []
        self._last: Summary | None = None

    def play(self) -> bool:
        """Poll until it is enough; True if every poll succeeded and nothing is undelivered."""
        number = 0
        while not self._stopping.is_asked:
            number += 1
            if number > 1:  # the first poll takes stock: what failed before it is nobody's news
                self._tell()
            started = self._clock.monotonic()
            self._poll(number)
            self._show_arrivals()
            if number == self._settings.polls or self._is_told():
                break
            self._pause(started + self._settings.interval_seconds - self._clock.monotonic())
            if self._settings.ends_with_story:  # a reader shall see what came of a step before the next one
                self._settle(give_up_seconds=STORY_SECONDS)
        return self._report(number, waiting=self._settle())

    def _is_told(self) -> bool:
        """Whether the story is over and read to its end; where Testmo asks for a pause, that takes some more polls."""
        if not self._settings.ends_with_story or self._story_goes_on:
            return False
        is_throttled = self._last is not None and self._last.status != "ok" and self._last.retry_at is not None
        if not is_throttled or not self._more_polls:
            return True
        self._more_polls -= 1
        self._terminal.note("Testmo asks for a pause: another poll after it")
        return False

    def _tell(self) -> None:
        """Play the next step of the story, if there is one."""
        narration = self._advance() if self._story_goes_on else None
        if narration is not None:
            self._terminal.story(narration)
        elif self._story_goes_on and self._settings.ends_with_story:
            self._terminal.story("The story is over: one more poll, which has nothing to tell")
        self._story_goes_on = narration is not None

    def _poll(self, number: int) -> None:
        """One poll that counts; one that finds another poller at work, or has to wait, is repeated after that."""
        give_up = self._clock.monotonic() + BUSY_SECONDS
        is_told = False
        while True:
            started = self._clock.monotonic()
            try:
                summary = poller.poll(self._aws, self._stack.poller)
                if summary.status == "busy" and self._clock.monotonic() > give_up:
                    raise PollFailed(f"another poller is at work since {BUSY_SECONDS:.0f} s")
            except PollFailed as exc:
                self._failed.append(number)
                self._last = None
                self._terminal.failed_poll(number, str(exc))
                if "refuses the token" in str(exc):
                    self._terminal.note("here the token is TESTMO_TOKEN: set it to the new one and run this again")
                return
            seconds = self._seconds_to_wait(summary)
            if seconds is None or self._stopping.is_asked or self._clock.monotonic() > give_up:
                break
            if not is_told:
                self._terminal.note(f"{summary.words or 'another poller is at work'}; trying again when it is over")
                is_told = True
            self._pause(seconds)
        self._last = summary
        seconds = self._clock.monotonic() - started
        self._terminal.poll(number, summary.words, seconds, is_ok=summary.status == "ok" and not summary.hidden)
        for problem in summary.problems:
            self._terminal.problem(problem)

    def _seconds_to_wait(self, summary: Summary) -> float | None:
        """How long until it is worth another try, None for a poll that counts."""
        if summary.status != "busy" and (summary.status != "waiting" or summary.retry_at is None):
            return None
        left = ((summary.retry_at or self._clock.now()) - self._clock.now()).total_seconds() + 0.1
        if summary.status == "busy":
            return min(max(1.0, left), LOOK_AGAIN_SECONDS)
        return max(1.0, left) if left <= MAX_PAUSE_SECONDS else None

    def _pause(self, seconds: float) -> None:
        """Wait, but print what arrives, and wake up when asked to stop."""
        deadline = self._clock.monotonic() + seconds
        while not self._stopping.is_asked and (left := deadline - self._clock.monotonic()) > 0:
            self._clock.sleep(min(left, TICK_SECONDS))
            self._show_slack()

    def _show_arrivals(self) -> None:
        self._show_slack()
        self._captures.drain("email", self._show_mail)
        self._captures.drain("event", self._keep_event)
        self._captures.drain("slack", self._show_capture)

    def _show_slack(self) -> None:
        while self._arrivals is not None:
            try:
                message = self._arrivals.get_nowait()
            except Empty:
                return
            self._delivered += message.place != "edited"
            where = f"slack:{message.webhook}" if message.webhook not in ("", "default") else ""
            told = ", ".join(filter(None, (where, message.place)))
            self._terminal.message(f"Slack ({told})" if told else "Slack", blocks.lines(message.payload))

    def _show_capture(self, captured: Captured) -> None:
        """Somebody else's Slack: what was handed over for it, for we do not see it arrive."""
        if self._arrivals is None and not captured.is_silent:
            payload: Mapping[str, object] = json.loads(captured.body)
            self._terminal.message(f"For {captured.destination}", blocks.lines(payload))
            self._show(captured)

    def _show_mail(self, mail: Captured) -> None:
        where, address = "", address_of(mail.destination)
        if self._emails:
            path = self._emails.write(mail.subject, ".txt", mail.as_mail(address).encode())
            where = f"  ({path})"
        subject = Text(printable(mail.subject), "bold")
        body = [Text(line) for line in printable(mail.body).splitlines()]
        self._terminal.message(f"Mail to {address}{where}", [subject, Text(), *body])
        self._show(mail)

    def _keep_event(self, event: Captured) -> None:
        if self._events:
            self._events.write(_run_of(event.body), ".json", event.body.encode())
        self._show(event)

    def _settle(self, *, give_up_seconds: float = GIVE_UP_SECONDS) -> int:
        """Wait until the Slack queue is empty; returns how many messages are still in it.

        Gives up when nothing moved for so long.
        """
        changed = said = self._clock.monotonic()
        known: tuple[int, int] | None = None
        while True:
            self._show_arrivals()
            waiting = sqs.depth(self._aws.sqs, self._stack.slack_queue)
            if not waiting:
                self._show_arrivals()
                return 0
            now = self._clock.monotonic()
            if (waiting, self._delivered) != known:
                changed, known = now, (waiting, self._delivered)
            if now - changed > give_up_seconds:
                return waiting
            if now - said > SAY_SECONDS:
                said = now
                self._terminal.note(f"{counted(waiting, 'message')} on the way to Slack")
            self._clock.sleep(TICK_SECONDS)

    def _report(self, polls: int, waiting: int) -> bool:
        """Say how it ended."""
        problems = list(self._left_undone(waiting))
        held = self._held()
        if held:
            self._terminal.note(f"{volume(held)} for later: {self._later}")
        for problem in problems:
            self._terminal.verdict(problem, is_ok=False)
        if not problems:
            told = self._last.problems if self._last else ()
            what = "everything that is visible was read and delivered, see the notes above" if told else ""
            what = what or f"everything read and delivered{', but for what is held' if held else ''}"
            self._terminal.verdict(f"{counted(polls, 'poll')}, {what}", is_ok=True)
        return not problems

    def _left_undone(self, waiting: int) -> Sequence[str]:
        found = []
        if self._failed:
            which = ", ".join(map(str, self._failed[:20]))
            found.append(f"{counted(len(self._failed), 'poll')} failed: number {which}")
        if self._last is not None and self._last.status != "ok":
            found.append(f"The last poll did not read everything: {self._last.words}")
        if self._last is not None and self._last.hidden:
            which = "1 run or project" if self._last.hidden == 1 else f"{self._last.hidden} runs and projects"
            found.append(
                f"{which} {_is(self._last.hidden)} hidden from the token's user, and nobody knows what failed there: "
                "see the notes above, and give the user access in Testmo"
            )
        if self._last is not None and self._last.pending:
            found.append(f"{counted(self._last.pending, 'run')} with messages that the next poll would hand over")
        if waiting:
            found.append(f"{counted(waiting, 'message')} still on the way to Slack; they stay in the queue")
        for whose, count in self._parked().items():
            new = count - self._parked_before[whose]
            if new > 0:
                why = ", ".join(self._reasons(self._stack.dead_letter_queues[whose], new))
                found.append(
                    f"{counted(new, 'message')} could not be delivered and {_is(new)} parked: {why}. {self._next_step}"
                )
        return found

    @property
    def _next_step(self) -> str:
        """What to do about parked messages: only an emulator of one's own still has them when this ends."""
        if self._settings.aws:
            return "Fix that, then: testmo-notifier redrive --yes"
        return "Fix that; this stack ends with the command, BACKFILL_HOURS=1 announces them at the next start"

    @property
    def _later(self) -> str:
        """What becomes of what is held."""
        if self._settings.aws:
            return "this stack keeps it, and polls after the next start tell it when it is due"
        return "it is gone with this stack, which ends with the command; AWS_ENDPOINT_URL leads to one that stays"

    def _parked(self) -> dict[str, int]:
        return {whose: sqs.depth(self._aws.sqs, url) for whose, url in self._stack.dead_letter_queues.items()}

    def _reasons(self, url: str, new: int) -> list[str]:
        """Why messages were parked since this began, most frequent first. They are left where they are."""
        found: Counter[str] = Counter()
        for message in sqs.looked_at(self._aws.sqs, url, limit=MAX_LETTERS):
            stamp = message.get("Attributes", {}).get("SentTimestamp")
            if stamp is not None and int(stamp) < self._began.timestamp() * 1000:
                continue
            given = message.get("MessageAttributes", {})
            words = [given[name].get("StringValue", "") for name in ("destination", PARKED_BECAUSE) if name in given]
            found[" ".join(filter(None, words)) or NO_REASON] += 1
        untold = new - found.total()  # what SQS itself parks keeps the time at which it was sent
        if untold > 0:
            found[NO_REASON] += untold
        return [f"{number} {words}" for words, number in found.most_common()]


def _run_of(event: str) -> str:
    """A name for an event's file."""
    try:
        return f"run {json.loads(event)['run']['id']}"
    except (ValueError, KeyError, TypeError):
        return "event"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
