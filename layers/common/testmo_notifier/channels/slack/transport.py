"""One post to a Slack incoming webhook, and what its answer means. A bot's posts are `web_api`'s.

docs/promise.md has the table (Slack delivery). Slack says what is wrong in the body (`no_service`, or
`{"ok": false, "error": "no_service"}`), and public sources disagree about which status goes with which word: the word
decides first, the status second; what asks for a pause comes before both.

A word that nobody listed, with a 4xx or as `"ok": false`, refuses the form: Slack has more words than its pages list.
At 404 and 410 the webhook is gone with any body: half a day of trying in silence would tell nobody. A proxy's bare
`forbidden` or `denied` is no word of Slack's, which all have an underscore (at 400 each is believed), nor is anything
at 407 and 408, which are between us and a proxy. Trying again is the answer wherever there is doubt: a message that is
tried again is a nuisance, one that is given up is lost.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from testmo_notifier.channels.channel import Transport
from testmo_notifier.channels.slack import web_api
from testmo_notifier.channels.slack.alarms import as_message, in_order
from testmo_notifier.channels.slack.answers import OK, THROTTLING, TOO_LARGE, post_json, read_json, refusal
from testmo_notifier.channels.slack.secret import bot_of, read_addresses
from testmo_notifier.errors import DeliveryDelayed, DestinationGone, PayloadRefused, Undelivered

if TYPE_CHECKING:
    import urllib3

    from testmo_notifier.adapters.http import Answer
    from testmo_notifier.channels.channel import ChangeState, Conversation
    from testmo_notifier.model import QueuedMessage

MAX_ANSWER_BYTES: Final = 65_536  # an answer is a word, or JSON around one; nobody needs the rest of an error page
BAD_REQUEST: Final = 400  # the status with which Slack refuses what was posted; its words decide
OF_PROXIES: Final = (407, 408)  # statuses that are a proxy's, whatever the answer says: try again

# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
GONE: Final = frozenset(
    {
        *("action_prohibited", "channel_is_archived", "channel_not_found", "invalid_token", "no_active_hooks"),
        *("no_service", "no_service_id", "no_team", "posting_to_general_channel_denied", "team_disabled"),
        "user_not_found",
    }
)
GONE_STATUSES: Final = (404, 410)  # statuses of a webhook that is gone, whatever the answer says
REFUSED: Final = frozenset(
    {
        *("invalid_attachments", "invalid_blocks", "invalid_blocks_format", "invalid_payload"),
        *("missing_text_or_fallback_or_attachments", "msg_blocks_too_long", "no_text", "too_many_attachments"),
    }
)
PASSING: Final = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "rollup_error", "server_error", "service_unavailable"}
)
KNOWN: Final = GONE | REFUSED | PASSING | THROTTLING
EMPTY_POST: Final = "{}"  # a live webhook dislikes it (`no_text`, or another word about its form) and shows nothing

POST_SPACING: Final = timedelta(seconds=1)  # what webhooks allow, https://docs.slack.dev/apis/web-api/rate-limits
EDIT_SPACING: Final = timedelta(seconds=1.25)  # of one token: "Tier 3", 50 a minute and some more


def post(pool: urllib3.PoolManager, address: str, payload: str, now: datetime) -> None:
    """Post one message. Returns only if Slack took it (200 and `ok`), raises an `Undelivered` otherwise."""
    if bot := bot_of(address):
        web_api.call(pool, bot, web_api.POST, web_api.message(bot, payload), now=now)
        return
    answer = post_json(pool, address, payload, {}, max_bytes=MAX_ANSWER_BYTES, cut=True)
    if problem := judge(answer, now):
        raise problem


def conversation(
    pool: urllib3.PoolManager, address: str, message: QueuedMessage, change: ChangeState, now: Callable[[], datetime]
) -> Conversation | None:
    """How a bot tells a message; None for a webhook."""
    bot = bot_of(address)
    if bot is None:
        return None
    from testmo_notifier.channels.slack import thread  # noqa: PLC0415 - it brings Jinja; webhooks start without

    return thread.conversation(pool, bot, message, change, now=now)


def judge(answer: Answer, now: datetime) -> Undelivered | None:
    """What an answer means; None if the message was delivered."""
    body = answer.body.removeprefix(codecs.BOM_UTF8).strip()
    told = read_json(body)
    if answer.status == OK and (body == b"ok" or (isinstance(told, dict) and told.get("ok") is True)):
        return None
    word, is_verdict = error_word(error_in(told), body, answer.status)
    kind: type[Undelivered] = DeliveryDelayed
    if word in REFUSED or answer.status == TOO_LARGE:
        kind = PayloadRefused
    elif word in GONE or answer.status in GONE_STATUSES:
        kind = DestinationGone
    elif is_verdict and word not in PASSING:
        kind = PayloadRefused
    return refusal(answer, word, kind, now)


def error_word(told: str | None, body: bytes, status: int) -> tuple[str, bool]:
    """Slack's word for an error, and whether it is Slack's verdict on what was posted, even if nobody listed the word.

    It is what JSON `told`, or the body. Empty for anything that looks like no word, which then is quoted nowhere.
    """
    word = told if told is not None else body.decode("ascii", "replace")
    if not re.fullmatch(r"[a-z_]{1,64}", word) or word == "ok":
        return "", False
    is_4xx = status // 100 == BAD_REQUEST // 100 and status not in OF_PROXIES
    if told is not None:
        return word, is_4xx or status == OK
    return word, is_4xx and (status == BAD_REQUEST or "_" in word)


def error_in(told: Any) -> str | None:  # noqa: ANN401 - whatever a stranger sends
    """`error` of `{"ok": false, "error": "…"}`, without `ok` a word that we know as Slack's; None for anything else."""
    error = told.get("error") if isinstance(told, dict) else None
    if not isinstance(error, str):
        return None
    return error if told.get("ok") is False or ("ok" not in told and error in KNOWN) else None


def probe(pool: urllib3.PoolManager, address: str, now: datetime) -> str:
    """Ask a webhook whether it lives, by a post that nobody sees; raises an `Undelivered` if it does not."""
    if bot := bot_of(address):
        return web_api.probe(pool, bot, now=now)
    try:
        post(pool, address, EMPTY_POST, now)
    except PayloadRefused as exc:
        if exc.reason in REFUSED:
            return "is alive"
        raise
    return "answers ok, even to an empty message"


def kind(address: str) -> str:
    """What an address is called."""
    return "bot" if bot_of(address) else "webhook"


def place(address: str) -> str:
    """A bot's channel, whatever its token; of a webhook nobody knows the channel."""
    bot = bot_of(address)
    return f"{bot.api_url} {bot.channel}" if bot else address


def problem(body: str) -> str | None:
    """Why a body is not a Slack payload."""
    payload = read_json(body)
    text = payload.get("text") if isinstance(payload, dict) else None
    return None if text and isinstance(text, str) else "the body is not a Slack payload (a JSON object with a text)"


def plainer(body: str) -> str:
    """A payload without its blocks."""
    payload = json.loads(body)
    return json.dumps({name: value for name, value in payload.items() if name not in ("blocks", "attachments")})


def test_message(text: str) -> str:
    """A payload that says nothing but this."""
    section = {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}
    return json.dumps({"text": text, "blocks": [section]})


TRANSPORT: Final = Transport(
    read_secret=read_addresses,
    post=post,
    probe=probe,
    problem=problem,
    test_message=test_message,
    kind=kind,
    place=place,
    plainer=plainer,
    alarm=as_message,
    for_alarms=in_order,
    conversation=conversation,
    post_spacing=POST_SPACING,
    edit_spacing=EDIT_SPACING,
)
