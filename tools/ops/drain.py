"""`drain`: prepare the way back to an older version: what is committed is told, and nothing more is read meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from botocore.exceptions import ClientError

from testmo_notifier.ports import Store
from tools.lib import sqs
from tools.local import poller
from tools.ops import records
from tools.ops.aws_errors import in_words
from tools.ops.exit_status import FINE, WRONG, Desk, NotDone
from tools.ops.times import counted, iso

PATIENCE_SECONDS: Final = 120.0  # for a poll that is under way; it takes a minute at most
LOOK_SECONDS: Final = 2.0
TRIES: Final = 3  # polls in a row that hand nothing over, before what waits counts as stuck


def drain(desk: Desk) -> int:
    """Poll without reading until nothing waits; wrong if something is stuck."""
    published = idle = 0
    while True:
        summary = ask(desk, drain=True)
        until = records.control(desk.account)[0].budget.draining_until
        if until is None or summary.retry_at != until:  # it has not understood; what a newer one left may stand there
            runs = f"runs {desk.account.stack.version or '1.0'}"
            raise NotDone(f"the stack {desk.account.stack.name} {runs}, which cannot drain: it can go back as it is")
        published += summary.published
        left = Left.of(records.store(desk.account))
        idle = 0 if summary.published else idle + 1
        if idle and not left.messages:  # one poll more than handed something over: the index may be a moment late
            return drained(desk, published, until)
        if idle >= TRIES:
            return stuck(desk, published, until, left, summary.problems)
        desk.progress.note(f"{counted(published, 'message')} handed over, {counted(len(left.places), 'place')} left")
        if idle:
            time.sleep(LOOK_SECONDS)


def cancel(desk: Desk) -> int:
    """Let polls read again."""
    summary = ask(desk, drain=False)
    desk.out.verdict(f"polls read again: {summary.words}", is_ok=True)
    desk.answer({"ok": True, "draining_until": None})
    return FINE


def ask(desk: Desk, *, drain: bool) -> poller.Summary:
    """One poll that is told so, when no other one is under way."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            summary = poller.poll(desk.account, desk.account.stack.poller, {"drain": drain})
        except poller.PollFailed as exc:
            cause = exc.__cause__
            words = in_words(cause) if isinstance(cause, ClientError) else f"{exc}; `testmo-notifier doctor` says more"
            raise NotDone(f"{desk.account.stack.poller}: {words}") from exc
        if summary.status != "busy":
            return summary
        if time.monotonic() > deadline:
            raise NotDone(f"{summary.words}; try again in a minute")
        desk.progress.note(f"{summary.words}; waiting")
        time.sleep(LOOK_SECONDS)


def drained(desk: Desk, published: int, until: datetime) -> int:
    """Everything is told, and this is what to do with the time that is left."""
    account = desk.account
    on_the_way = sqs.depth(account.sqs, account.stack.slack_queue)
    words = f"everything committed is told ({counted(published, 'message')} just now)"
    desk.out.verdict(f"{words}; nothing is read until {iso(until)}", is_ok=True)
    if on_the_way:
        words = f"{counted(on_the_way, 'message')} on the way to {account.queue_leads_to}"
        desk.out.note(f"{words}: every version goes on with them")
    desk.out.note("→ deploy the older version now: its tag, then sam build && sam deploy; it reads on from here")
    desk.out.note(f"→ to stay: testmo-notifier drain --cancel, or wait; after {iso(until)} polls read by themselves")
    desk.answer(as_json(published, until, Left(), ()))
    return FINE


def stuck(desk: Desk, published: int, until: datetime, left: Left, problems: Sequence[str]) -> int:
    """Something cannot be handed over; says what, and why."""
    for place, some in left.places.items():
        to = ", ".join(dict.fromkeys(one.destination for one in some))
        desk.out.verdict(f"{place}: {counted(len(some), 'message')} for {to} cannot be handed over", is_ok=False)
    for problem in problems:
        desk.out.problem(problem)
    desk.out.note("→ fix that, then run it again; what waits is kept, and told by this version or a later one")
    desk.answer(as_json(published, until, left, problems))
    return WRONG


def as_json(published: int, until: datetime, left: Left, problems: Sequence[str]) -> dict[str, object]:
    """The same for machines. What is held has no notification yet."""
    waiting = [
        {"run_id": one.run_id, "destination": one.destination, "notification": one.notification}
        for one in left.messages
    ]
    told = {"published": published, "draining_until": iso(until)}
    return {"ok": not waiting, **told, "waiting": waiting, "problems": list(problems)}


class Message(NamedTuple):
    """Something that is not handed over yet; a message about several runs is about run 0."""

    run_id: int
    destination: str
    notification: str | None


@dataclass(frozen=True, slots=True)
class Left:
    """What an older version would leave lying: in outboxes, held, and in envelopes."""

    messages: tuple[Message, ...] = ()

    @classmethod
    def of(cls, store: Store) -> Left:
        """What there is of it now."""
        keys, envelopes = store.held_until(None)
        outboxes = (checkpoint.outbox for checkpoint in store.pending())
        leaving = (envelope.outbox for envelope in envelopes)
        sealed = [Message(one.digest.run_id, one.destination, one.id) for box in (*outboxes, *leaving) for one in box]
        return cls((*sealed, *(Message(key.run_id, key.destination, None) for key in keys)))

    @property
    def places(self) -> dict[str, list[Message]]:
        """The same by run, in words."""
        found: dict[str, list[Message]] = {}
        for one in self.messages:
            found.setdefault(f"run {one.run_id}" if one.run_id else "several runs", []).append(one)
        return found
