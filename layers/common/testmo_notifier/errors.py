"""What can go wrong, sorted by what to do about it.

NotifierError
├── ConfigurationError   stop, and fix the settings; carries every problem at once
├── LeaseTaken           another poller is at work; carries when its lease ends
├── StopReading          stop asking Testmo in this poll, keep what was handled, go on at a later one
│   ├── TokenRefused     Testmo does not accept the token (401 anywhere, 403 on /user): the poll fails
│   ├── Throttled        429, or a 503 that says how long; carries the seconds to wait
│   ├── OutOfRoom        one run has more news than a message and its item can hold; other runs are read all the same
│   ├── OutOfBudget      `RequestsPerMinute` is used up
│   └── OutOfTime        the invocation would be cut off in the middle of another request
├── Invisible            skip this project or run, keep its checkpoint: hidden (403, each poll says so) or deleted (404)
├── RequestRejected      400, 405, 422: our bug or a bad setting; names the parameter; nothing moves
├── Unreadable           5xx, HTML, truncated JSON, a reset: nothing moves, try again at the next poll. So is a 401, 403
│   │                    or 404 that Testmo did not say itself: a proxy's page decides about no token, right or run
│   └── TooHeavy         too much at once: ask for fewer rows
├── LostRace             another poller wrote this item first, and its write stands; or the table takes no more just now
├── TooLarge             DynamoDB takes no item of this size: nothing moves for this run, and every poll says so
│   └── Unwritable       nor one with this in it; where a race can be lost, it is taken as lost
├── Unlisted             AWS does not tell who is subscribed to a topic: the poll says so and goes on
├── Unpublished          SNS did not take a message; it stays in its outbox for the next poll
├── PollFailed           nothing could be watched in this poll; says why and what to do, and its kind as one word
└── Undelivered          a channel did not take a message; carries the reason as one word
    ├── DestinationGone  the address is no more: parked at once, somebody must fix it
    ├── PayloadRefused   it dislikes our message: send the plainer form once
    └── DeliveryDelayed  not now: back to the queue; carries the seconds to wait

A message names the thing and the next step. It never holds a token, a webhook URL or an unbounded body.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self

NO_TABLE: Final = "table_unavailable"  # the reason of a message for which the table gave no answer
OURS: Final = frozenset({"in_progress", "table_contended", NO_TABLE})  # reasons that are no destination's
NO_ANSWER: Final = "no_answer"  # the reason of a message for which its address could not be reached
FORBIDDEN: Final = 403  # the status of an `Invisible` that is hidden; of one that was deleted it is 404


class NotifierError(Exception):
    """The root of everything this package raises on purpose."""


class Problem(str):
    """What is wrong and what to do about it, as a sentence for people. Its parts stand beside it: nobody parses it.

    `text` is what is wrong, and `next_step` what to do, without the place: `file` and `line` (0: the whole file), or
    `secret`, the ARN of the secret that holds a wrong value.
    """

    __slots__ = ("file", "line", "next_step", "secret", "text")
    text: str
    next_step: str
    file: str
    line: int
    secret: str

    def __new__(  # noqa: D102
        cls, text: str, next_step: str, *, file: str = "", line: int = 0, secret: str = ""
    ) -> Self:
        place = f"{file}:{line}: " if line else f"{file} " if file else ""
        self = super().__new__(cls, f"{place}{text}{';' if ': ' in text else ':'} {next_step}")
        self.text, self.next_step, self.file, self.line, self.secret = text, next_step, file, line, secret
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, object]]:  # `asdict` copies what a report holds
        return (self.text, self.next_step), {"file": self.file, "line": self.line, "secret": self.secret}

    def of(self, owner: str, *, secret: str = "") -> Problem:
        """The same, told of what the value belongs to."""
        return Problem(f"{owner} {self.text}", self.next_step, secret=secret)


class WrongValue(ValueError):
    """A value cannot be used. Whoever knows which one it is makes a `ConfigurationError` of it."""

    def __init__(self, text: str, next_step: str) -> None:
        self.problem = Problem(text, next_step)
        super().__init__(self.problem)

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> Self:
        """One value with several problems; the same step is said once."""
        next_steps = dict.fromkeys(one.next_step for one in problems)
        return cls("; ".join(one.text for one in problems), "; ".join(next_steps))


class ConfigurationError(NotifierError):
    """One or more settings are wrong or missing; `problems` lists all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        head = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"{head} in the configuration:\n" + "\n".join(f"- {p}" for p in self.problems))


class LeaseTaken(NotifierError):
    """Another poller is at work. `until` is when its lease ends by itself."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(f"another poller is at work, its lease ends at {until.isoformat(timespec='seconds')}")


class StopReading(NotifierError):
    """Ask Testmo for nothing more in this poll; what was handled so far stays handled."""


class TokenRefused(StopReading):
    """Testmo does not accept the token, or its user may do nothing at all."""


class Throttled(StopReading):
    """Testmo answered 429, or 503 with a time to come back."""

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class OutOfBudget(StopReading):
    """The requests that `RequestsPerMinute` allows are used up."""


class OutOfTime(StopReading):
    """Too little time is left in this invocation for another request."""


class OutOfRoom(StopReading):
    """A run has more news than one message, and the item that commits it, can hold: the next poll reads on."""


class Invisible(NotifierError):
    """Testmo says that the token's user may not see a project or run (`status` 403), or that it is gone (404)."""

    def __init__(self, message: str, *, status: int) -> None:
        self.status = status
        super().__init__(message)


class RequestRejected(NotifierError):
    """Testmo did not like the request itself (400, 405, 422). `fields` are the parameters it named."""

    def __init__(self, message: str, *, fields: Sequence[str] = ()) -> None:
        self.fields = tuple(fields)
        super().__init__(message)


class Unreadable(NotifierError):
    """No usable answer (5xx, HTML, truncated JSON, no connection). Passing, as far as anybody can tell."""


class TooHeavy(Unreadable):
    """An answer that is too large to hold, or that was still coming when its time was over."""


class LostRace(NotifierError):
    """A write lost against another poller, or against too many writes at once. Whoever reads next sees what stands."""


class Undelivered(NotifierError):
    """A message was not delivered. `reason` is one word for logs and attributes: the channel's own, or one of ours."""

    def __init__(self, message: str, *, reason: str) -> None:
        self.reason = reason
        super().__init__(message)


class TooLarge(NotifierError):
    """An item is larger than the 400 KB that DynamoDB takes."""


class Unwritable(TooLarge, LostRace):
    """DynamoDB refuses an item for what is in it, whoever writes it: one run keeps no other from being told."""


class Unlisted(NotifierError):
    """AWS does not tell who is subscribed to a topic."""


class Unpublished(NotifierError):
    """SNS did not take a message."""


PollFailure = Literal["forbidden", "unreadable", "configuration"]


class PollFailed(NotifierError):
    """Nothing could be watched in this poll; `reason` is the kind of trouble."""

    def __init__(self, message: str, *, reason: PollFailure) -> None:
        self.reason: PollFailure = reason
        super().__init__(message)


class DestinationGone(Undelivered):
    """Permanent: the address, or what is behind it, is no more, or was never configured."""


class PayloadRefused(Undelivered):
    """Permanent: the channel refused the message as such (its form or its size), or it is none of ours."""


class DeliveryDelayed(Undelivered):
    """Passing: not now. `retry_after_seconds` is None where nobody named a time."""

    def __init__(self, message: str, *, reason: str, retry_after_seconds: float | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message, reason=reason)


def unexpected(exc: Exception) -> str:
    """An error that nobody thought of, by type and place; its words could quote anything."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"unexpected {type(exc).__name__} at {Path(frame.filename).name}:{frame.lineno}, please report it"
