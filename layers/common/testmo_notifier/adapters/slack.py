"""One post to a Slack incoming webhook, and what its answer means.

Slack says what is wrong in the body (`no_service`), and public sources disagree about which status goes with which
word: the word decides first, the status second. Anything not listed is passing, because a message that is tried again
is a nuisance and a message that is given up is lost.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from testmo_notifier.adapters.http import READ_SECONDS, Answer, retry_after_seconds, send
from testmo_notifier.errors import DeliveryDelayed, DestinationGone, PayloadRefused, Undelivered, Unreadable

if TYPE_CHECKING:
    import urllib3

MAX_ANSWER_BYTES: Final = 4_096  # an answer is one word; nobody needs the rest of an error page
RETRY_AFTER_SECONDS: Final = 30.0  # for a 429 that does not say how long
OK: Final = 200
THROTTLED: Final = 429

# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
GONE: Final = frozenset(
    {
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "invalid_token",
        "no_active_hooks",
        "no_service",
        "no_service_id",
        "no_team",
        "posting_to_general_channel_denied",
        "team_disabled",
        "user_not_found",
    }
)
GONE_STATUSES: Final = (404, 410)
REFUSED: Final = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_payload",
        "msg_blocks_too_long",
        "no_text",
        "too_many_attachments",
    }
)


def post(
    pool: urllib3.PoolManager, url: str, payload: str, *, now: datetime, read_seconds: float = READ_SECONDS
) -> None:
    """Post one message. Returns only if Slack took it (200 and `ok`), raises an `Undelivered` otherwise."""
    try:
        answer = send(
            pool,
            "POST",
            url,
            headers={"Content-Type": "application/json; charset=utf-8"},
            body=payload.encode(),
            read_seconds=read_seconds,
            max_bytes=MAX_ANSWER_BYTES,
            cut=True,
        )
    except Unreadable as exc:
        raise DeliveryDelayed(f"Slack could not be reached: {exc}", reason="no_answer") from exc
    problem = judge(answer, now)
    if problem is not None:
        raise problem


def judge(answer: Answer, now: datetime) -> Undelivered | None:
    """What an answer means; None if the message was delivered."""
    body = answer.body.strip()
    if answer.status == OK and body == b"ok":
        return None
    reason = error_word(body) or f"http_{answer.status}"
    words = f"Slack answered {answer.status} ({reason})"
    if answer.status == THROTTLED:
        seconds = retry_after_seconds(answer, now)
        return DeliveryDelayed(
            words, reason="throttled", retry_after_seconds=RETRY_AFTER_SECONDS if seconds is None else seconds
        )
    if reason in REFUSED:
        return PayloadRefused(words, reason=reason)
    if reason in GONE or answer.status in GONE_STATUSES:
        return DestinationGone(words, reason=reason)
    return DeliveryDelayed(words, reason=reason)


def error_word(body: bytes) -> str | None:
    """Slack's word for an error; None for anything that does not look like one, which then is quoted nowhere."""
    return body.decode("ascii") if re.fullmatch(rb"[a-z_]{1,64}", body) and body != b"ok" else None
