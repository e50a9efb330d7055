"""One message at a time and webhook, however many invocations there are, and a pause while a webhook is in trouble.

Every webhook has a gate and a line, and so has every channel of bots (`gate_of`), or whatever else a channel posts to;
what is said of webhooks here holds for all. The gate (`next_slot`) alone allows a post: taking a slot moves it on by
the spacing that the channel declares, a second for Slack's, and only a message that will be posted in it takes one. Who
finds the gate shut for longer than it may wait in the function goes to the end of the line and comes back one spacing
after the message before it (`line_end`). Who takes a slot says how many follow in its
batch, and the line begins behind those: so no second is left unused. The line is a forecast: who returns and finds the
gate shut after all goes to its end again.

What a failed post does, and whether the webhook is sick or one message that it chokes on, docs/promise.md says (Slack
delivery). Messages wait by how often they were received, but no longer than the failures in a row explain: a long wait
in a healthy line must not look like a long outage. A time-out is the webhook's in any case: it costs ten seconds that
others wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.channels.channel import A_SECOND
from testmo_notifier.lean import dataclass
from testmo_notifier.model import Pace

# Of two invocations at one webhook the first waits here, the second (almost two seconds behind) sends its messages to
# the line: so one works while the other looks for messages to other webhooks.
PATIENCE: Final = timedelta(seconds=1.2)
# Who comes back from the line waits here rather than going to its end again because a newcomer was faster.
PATIENCE_IN_LINE: Final = timedelta(seconds=2.5)
# SQS counts whole seconds and `hide` rounds up: who came back on time would be late, and its slot wasted.
EARLY: Final = timedelta(seconds=1)
# In trouble who failed tries again first, and a probe takes its time: sooner one would only find the gate shut.
HEAD_OF_LINE: Final = timedelta(seconds=5)
FIRST_BACKOFF_SECONDS: Final = 5.0  # the first wait after a failure; each further one is twice as long
MAX_BACKOFF_SECONDS: Final = 900.0  # the longest of these, of one message
MAX_PAUSE_SECONDS: Final = 60.0  # the longest that the failures of some messages hold up all others of their webhook
PROBE: Final = timedelta(seconds=15)  # longer than a post can take (3 s to connect, 10 s to answer)
MAX_FAILED: Final = 20  # ids that are remembered: more messages than these do not fail for reasons of their own


@dataclass(frozen=True, slots=True)
class Slot:
    """When a message may be posted (it must be, then), or when it should come back. `failures` is the pace's."""

    at: datetime
    granted: bool
    failures: int


def gate_of(destination: str, addresses: Mapping[str, str], place: Callable[[str], str]) -> str:
    """Under which name the pace of a destination is kept: the first of all that lead to the same place."""
    channel, _, name = destination.partition(":")
    if name not in addresses:
        return destination
    here = place(addresses[name])
    return f"{channel}:{min(one for one, address in addresses.items() if place(address) == here)}"


def take_slot(
    pace: Pace,
    now: datetime,
    message_id: str = "",
    *,
    receives: int,
    patience: timedelta = PATIENCE,
    more: int = 0,
    spacing: timedelta = A_SECOND,
) -> tuple[Pace, Slot]:
    """Take the webhook's next slot, or a place in the line when the slot is further away than `patience`.

    A negative patience takes no slot, not even one that is free. Nor does who failed last, in trouble, while others
    wait. `more` messages to the same webhook follow in the batch: the line begins behind them.
    """
    slot = max(pace.next_slot, now)
    is_behind = failed_last(pace, message_id) and pace.line_end > now
    if slot - now <= patience and not is_behind:
        if pace.failures:
            return replace(pace, next_slot=slot + PROBE), Slot(slot, granted=True, failures=pace.failures)
        line_end = max(pace.line_end, slot + more * spacing) if more else pace.line_end
        return replace(pace, next_slot=slot + spacing, line_end=line_end), Slot(slot, granted=True, failures=0)
    head = HEAD_OF_LINE if pace.failures else timedelta()
    place = max(slot + head, pace.line_end + spacing)
    wait = timedelta(seconds=backoff_seconds(min(receives, pace.failures)))
    back = place if pace.failures else place - EARLY
    return replace(pace, line_end=place), Slot(max(back, now + wait), granted=False, failures=pace.failures)


def after_failure(
    pace: Pace,
    now: datetime,
    message_id: str = "",
    *,
    receives: int,
    answered: bool = True,
    spacing: timedelta = A_SECOND,
) -> tuple[Pace, Slot]:
    """Shut the gate after a post that failed for a passing reason; says when the message comes back.

    The gate stays open for others when the message failed before and others got through since.
    """
    comeback = now + timedelta(seconds=backoff_seconds(receives))
    others = tuple(one for one in pace.failed if one != message_id)
    failed = (*others, message_id)[-MAX_FAILED:] if message_id else others
    if answered and not pace.failures and message_id in pace.failed:
        at = max(comeback, pace.line_end + spacing)
        return replace(pace, failed=failed), Slot(at, granted=False, failures=0)
    failures = pace.failures if answered and failed_last(pace, message_id) else pace.failures + 1
    pause = timedelta(seconds=min(backoff_seconds(failures), MAX_PAUSE_SECONDS))
    shut = replace(pace, next_slot=max(pace.next_slot, now + pause), failures=failures, failed=failed)
    return shut, Slot(max(shut.next_slot, comeback), granted=False, failures=failures)


def failed_last(pace: Pace, message_id: str) -> bool:
    """Whether there is trouble, and this message was the last that met it."""
    return pace.failures > 0 and pace.failed[-1:] == (message_id,)


def after_throttle(pace: Pace, now: datetime, *, receives: int, retry_after_seconds: float) -> tuple[Pace, Slot]:
    """Shut the gate for as long as we were asked; from the second time in a row on, messages wait longer, too."""
    shut = replace(
        pace,
        next_slot=max(pace.next_slot, now + timedelta(seconds=retry_after_seconds)),
        failures=pace.failures + 1,
    )
    comeback = now + timedelta(seconds=backoff_seconds(min(receives, pace.failures)))
    return shut, Slot(max(shut.next_slot, comeback), granted=False, failures=shut.failures)


def after_answer(pace: Pace, now: datetime, spacing: timedelta = A_SECOND) -> tuple[Pace, Slot]:
    """The trouble is over, a probe was answered: open the gate. What waits comes back by itself."""
    slot = now + spacing
    return replace(pace, next_slot=slot, failures=0), Slot(slot, granted=False, failures=0)


def backoff_seconds(times: int) -> float:
    """0, 5, 10, 20 … 900 seconds."""
    return min(FIRST_BACKOFF_SECONDS * 2 ** (min(times, 20) - 1), MAX_BACKOFF_SECONDS) if times > 0 else 0.0
