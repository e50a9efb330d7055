"""What waits in the queue of a channel, and what is kept of its pace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from testmo_notifier.lean import dataclass

ASIDE: Final = "aside"  # the attribute with `Notification.aside`
SILENT: Final = '"silent": true'  # in it, as `json.dumps` has it: in what anybody typed each quote has a backslash
TEST_PREFIX: Final = "test-"  # of ids; those of real notifications are 32 hexadecimal digits


@dataclass(frozen=True, slots=True)
class Attribute:
    """A message attribute as SQS knows it: a name, a type, text or (for Binary) bytes."""

    name: str
    type: str
    value: str | bytes


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A notification that waits in the queue.

    `body` is exactly what is to be posted, `channel` the one that delivers it. `queue_id` and `handle` are SQS's,
    `receives` counts how often it was received, this time included; `sent_at` is when it was put into the queue.
    `problem` says in words why a message is none of ours. An alarm has no destination of its own; `skipped` is
    the reason, one word, why it is acknowledged without being posted.
    """

    queue_id: str
    handle: str
    receives: int
    body: str
    attributes: tuple[Attribute, ...] = ()
    id: str = ""
    destination: str = ""
    run_id: str = ""
    channel: str = ""
    sent_at: datetime | None = None
    problem: str | None = None
    is_alarm: bool = False
    skipped: str = ""

    @property
    def aside(self) -> str:
        """What the poller says beside the message; empty where it says nothing, as an older version."""
        return next((str(one.value) for one in self.attributes if one.name == ASIDE), "")

    @property
    def only_shows(self) -> bool:
        """Whether nobody is to hear of it: it only changes what a destination shows of the run."""
        return SILENT in self.aside

    @property
    def is_test(self) -> bool:
        """Whether somebody sent it to see whether it arrives (`testmo-notifier send-test`)."""
        return self.id.startswith(TEST_PREFIX)


LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Pace:
    """What we keep per destination, shared by all invocations; `pacing` says how it is used.

    Nobody posts before `next_slot`. `line_end` is the last place in the line. `failures`
    counts the posts that failed in a row, those that were throttled included; one message that fails again and again
    counts once. `failed` are the ids of the messages that failed last, the latest at the end.
    """

    next_slot: datetime = LONG_AGO
    line_end: datetime = LONG_AGO
    failures: int = 0
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message was delivered: when, and in which form."""

    at: datetime
    text_only: bool
