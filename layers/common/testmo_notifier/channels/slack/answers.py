"""What webhooks and bots have in common: one post to Slack, and a no that may ask for a pause.

429, `ratelimited`, and a 503 that says how long: wait for that long. What else a no means, `transport` says of webhooks
and `web_api` of bots.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from testmo_notifier.adapters.http import Answer, retry_after_seconds, send
from testmo_notifier.errors import NO_ANSWER, DeliveryDelayed, Undelivered, Unreadable

if TYPE_CHECKING:
    import urllib3

RETRY_AFTER_SECONDS: Final = 30.0  # for a 429 that does not say how long
OK: Final = 200  # the status of a yes, and of most that Slack says no to
TOO_LARGE: Final = 413  # the status of what is refused for its size, whoever says so
THROTTLED: Final = 429  # the status that asks for fewer calls
SERVER_ERROR: Final = 500  # from this status on it is tried again, whatever the word
UNAVAILABLE: Final = 503  # a status that, with a Retry-After, asks for fewer calls, too
THROTTLING: Final = frozenset({"rate_limited", "ratelimited"})


def post_json(
    pool: urllib3.PoolManager, url: str, body: str, headers: Mapping[str, str], *, max_bytes: int, cut: bool = False
) -> Answer:
    """The answer to a post, of a bot or to a webhook; raises `DeliveryDelayed` where none came."""
    headers = {"Content-Type": "application/json; charset=utf-8", **headers}
    try:
        return send(pool, "POST", url, headers=headers, body=body.encode(), max_bytes=max_bytes, cut=cut)
    except Unreadable as exc:
        raise DeliveryDelayed(f"Slack could not be reached: {exc}", reason=NO_ANSWER) from exc


def read_json(body: bytes | str) -> Any:  # noqa: ANN401 - whatever a stranger sends
    """The value that a body is; None if it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def refusal(answer: Answer, word: str, kind: type[Undelivered], now: datetime) -> Undelivered:
    """A no of this kind, of a webhook or of a bot; unless Slack asks for fewer calls: that, and until when."""
    reason = word or f"http_{answer.status}"
    words = f"Slack answered {answer.status} ({reason})"
    seconds = retry_after_seconds(answer, now)
    asks_for_a_pause = answer.status == UNAVAILABLE and seconds is not None
    if answer.status == THROTTLED or word in THROTTLING or asks_for_a_pause:
        seconds = RETRY_AFTER_SECONDS if seconds is None else seconds
        return DeliveryDelayed(words, reason="throttled", retry_after_seconds=seconds)
    return kind(words, reason=reason)
