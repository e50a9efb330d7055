"""Slack's Web API with a bot's token: one call, and what its answer means.

It says no with 200 and `{"ok": false, "error": "…"}`. The word decides:

- A word that asks for a pause: `answers` has that.
- A word of `GONE`: nothing can be posted there until somebody has done something; the message is parked.
- A word of `PARENT_GONE`: that message cannot be edited, or answered, any more; another one takes its place.
- A word of `NO_THREADS`: the channel or the thread takes no replies; the news goes to the channel itself.
- A word of `REFUSED`, or one that nobody listed: this form is refused. Once as text, then parked.
- A word of `PASSING`, 5xx, 3xx, a page that is no JSON: try again.

https://docs.slack.dev/reference/methods/chat.postMessage, …/chat.update
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from testmo_notifier.channels.slack.answers import OK, SERVER_ERROR, TOO_LARGE, post_json, read_json, refusal
from testmo_notifier.errors import DeliveryDelayed, DestinationGone, PayloadRefused, Undelivered
from testmo_notifier.lean import dataclass

if TYPE_CHECKING:
    import urllib3

    from testmo_notifier.adapters.http import Answer
    from testmo_notifier.channels.slack.secret import Bot

POST, UPDATE = "chat.postMessage", "chat.update"
MAX_ANSWER_BYTES: Final = 1_048_576  # the answer to a post holds the message
SCOPE: Final = "chat:write"

GONE: Final = frozenset(
    {
        *("access_denied", "account_inactive", "channel_not_found", "ekm_access_denied"),
        *("enterprise_is_restricted", "invalid_auth", "is_archived", "missing_scope", "no_permission"),
        *("not_allowed_token_type", "not_authed", "not_in_channel", "org_login_required", "restricted_action"),
        *("restricted_action_read_only_channel", "restricted_action_thread_only_channel", "team_access_not_granted"),
        *("team_not_found", "token_expired", "token_revoked", "two_factor_setup_required"),
    }
)
PARENT_GONE: Final = frozenset(
    {*("cannot_reply_to_message", "cant_update_message", "edit_window_closed", "message_not_found"), "thread_not_found"}
)
NO_THREADS: Final = frozenset(
    {"restricted_action_non_threadable_channel", "restricted_action_thread_locked", "thread_locked"}
)
PASSING: Final = frozenset(
    {
        *("external_channel_migrating", "fatal_error", "internal_error", "message_limit_exceeded", "request_timeout"),
        *("rollup_error", "service_unavailable", "team_added_to_org", "update_failed"),
    }
)


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands. `ts` is empty, and `is_reply` None, where Slack did not say it."""

    channel: str
    ts: str
    is_reply: bool | None


def posted(said: Mapping[str, Any], bot: Bot) -> Posted:
    """What a yes says of a message; whatever else it holds, it is a yes, and nothing is posted twice for it."""
    channel, ts, message = (said.get(name) for name in ("channel", "ts", "message"))
    return Posted(
        channel=channel if isinstance(channel, str) and channel else bot.channel,
        ts=ts if isinstance(ts, str) else "",
        is_reply=bool(message.get("thread_ts")) if isinstance(message, dict) and message else None,
    )


def call(
    pool: urllib3.PoolManager, bot: Bot, method: str, values: Mapping[str, object], *, now: datetime
) -> dict[str, Any]:
    """Call one method. Returns Slack's answer if it said yes, raises an `Undelivered` otherwise."""
    return accepted(ask(pool, bot, method, values), now)


def ask(pool: urllib3.PoolManager, bot: Bot, method: str, values: Mapping[str, object]) -> Answer:
    """The answer, whatever it says. The token stands in a header alone."""
    token = {"Authorization": f"Bearer {bot.token}"}
    return post_json(pool, f"{bot.api_url}/{method}", json.dumps(values), token, max_bytes=MAX_ANSWER_BYTES)


def accepted(answer: Answer, now: datetime) -> dict[str, Any]:
    """What Slack said with its yes; raises what its no means."""
    said = read_json(answer.body)
    is_slack = isinstance(said, dict) and isinstance(said.get("ok"), bool)
    if answer.status == OK and is_slack and said["ok"]:
        return dict(said)
    error = said.get("error") if is_slack and not said["ok"] else None
    word = error if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,64}", error) else ""
    raise judge(answer, word, now)


def judge(answer: Answer, word: str, now: datetime) -> Undelivered:
    """What a no means; `word` is Slack's own, empty where it gave none."""
    kind: type[Undelivered] = DeliveryDelayed
    if word in GONE:
        kind = DestinationGone
    elif answer.status == TOO_LARGE or (word and word not in PASSING and answer.status < SERVER_ERROR):
        kind = PayloadRefused
    return refusal(answer, word, kind, now)


def message(bot: Bot, payload: str) -> dict[str, object]:
    """A payload as a bot's message: every part, those that are empty too, for an edit keeps or drops what is left out.

    Text is taken as it is (`parse`), nobody is called whose name merely stands there.
    """
    whole = {"text": "", "blocks": [], "attachments": [], **json.loads(payload)}
    return {**whole, "channel": bot.channel, "parse": "none", "link_names": False}


def probe(pool: urllib3.PoolManager, bot: Bot, *, now: datetime) -> str:
    """Whether token, scopes and channel are right, without a post; raises an `Undelivered` if not."""
    answer = ask(pool, bot, "auth.test", {})
    accepted(answer, now)
    scopes = {scope.strip() for scope in answer.headers.get("x-oauth-scopes", "").split(",")} - {""}
    if scopes and SCOPE not in scopes:
        raise DestinationGone(f"the token is valid and lacks the scope {SCOPE}", reason="missing_scope")
    try:
        found = call(pool, bot, f"conversations.info?channel={bot.channel}", {}, now=now).get("channel")
    except DestinationGone as exc:
        if exc.reason != "missing_scope":
            raise
        needed = "channels:read, for a private one groups:read"
        return f"is alive; whether it is in its channel is not known (give the app {needed}, to see)"
    found = found if isinstance(found, dict) else {}
    if found.get("is_archived"):
        raise DestinationGone("the token is valid, the channel is archived", reason="is_archived")
    is_private = found.get("is_private", False)
    if found.get("is_member") is False and (is_private or "chat:write.public" not in scopes):
        raise DestinationGone("the token is valid, the bot is not in its channel", reason="not_in_channel")
    return "is alive and may post in its channel"
