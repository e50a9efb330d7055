"""One poll: one invocation of PollerFunction, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from tools.lib.aws import INVOKE_SECONDS, Services
from tools.lib.stamps import parse


class PollFailed(Exception):
    """The invocation ended with an error, or with nothing; says so in words."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a poll did. `words` is one line for people.

    status: "ok"; "partial" (something could not be read or handed over, see `problems`); "waiting" (Testmo asked for
    a pause, or somebody drains: nothing was asked); "busy" (another poller is at it until `retry_at`, nothing done).
    pending: runs whose messages still wait to be handed over.
    hidden: runs and projects that Testmo does not let the token's user see.
    published: messages that it published.
    """

    status: str
    words: str
    problems: tuple[str, ...]
    pending: int
    retry_at: datetime | None
    hidden: int = 0
    published: int = 0

    @classmethod
    def parse(cls, answer: Mapping[str, object]) -> Summary:
        """Take over the function's answer."""
        problems, pending, retry_at = answer.get("problems"), answer.get("pending"), answer.get("retry_at")
        hidden, published = answer.get("hidden"), answer.get("published")
        return cls(
            status=str(answer["status"]),
            words=str(answer.get("words", "")),
            problems=tuple(map(str, problems)) if isinstance(problems, list) else (),
            pending=pending if isinstance(pending, int) else 0,
            retry_at=parse(retry_at) if isinstance(retry_at, str) else None,
            hidden=hidden if isinstance(hidden, int) else 0,
            published=published if isinstance(published, int) else 0,
        )


def poll(services: Services, function: str, event: Mapping[str, object] | None = None) -> Summary:
    """Invoke the poller once and wait for its answer; raises `PollFailed`."""
    try:
        answer = services.invoked.invoke(FunctionName=function, Payload=json.dumps(event or {}).encode())
        payload = answer["Payload"].read()
    except (BotoCoreError, ClientError) as exc:
        raise PollFailed(f"no answer from the function (it gets {INVOKE_SECONDS} s): {exc}") from exc
    if answer.get("FunctionError"):
        raise PollFailed(_error(payload))
    try:
        return Summary.parse(json.loads(payload))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise PollFailed(f"the function answered something else than a summary: {payload[:200]!r}") from exc


def _error(payload: bytes) -> str:
    """The message of what the function raised."""
    try:
        return str(json.loads(payload)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return payload.decode(errors="replace")[:500] or "the function said nothing"
