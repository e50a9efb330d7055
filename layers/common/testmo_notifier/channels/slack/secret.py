"""Slack's secret: webhooks and bots by the names of destinations. No sentence quotes an address or a token.

An address is text: that of a webhook, or a bot as the JSON that `bot_of` reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Final

from testmo_notifier.channels.channel import NAME
from testmo_notifier.config import bare, is_loopback, json_object, split_url
from testmo_notifier.errors import Problem, WrongValue
from testmo_notifier.lean import dataclass

SLACK_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
DEFAULT_DESTINATION: Final = "default"
API_URL: Final = "https://slack.com/api"
OF_BOTS: Final = ("token", "api_url")  # beside the names, for all the bots that have none of their own
OF_A_BOT: Final = r"xoxb-[A-Za-z0-9-]{1,250}"  # a token
CHANNEL: Final = r"[CGD][A-Z0-9]{2,20}"


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot in a channel: what it posts it can edit, and answer in a thread."""

    token: str = field(repr=False)
    channel: str
    api_url: str = API_URL

    def as_address(self) -> str:
        """As one text, like the address of a webhook."""
        return json.dumps(asdict(self), sort_keys=True)


def bot_of(address: str) -> Bot | None:
    """The bot that an address is; None for a webhook."""
    return Bot(**json.loads(address)) if address.startswith("{") else None


def webhook_url(raw: str) -> str:
    """One Slack incoming webhook. The whole address is a credential: no error quotes any of it."""
    if raw.startswith("xox"):
        raise WrongValue(
            "is a token alone", 'give a bot by name, like {"default": {"token": "xoxb-…", "channel": "C…"}}'
        )
    hint = "give the address that Slack shows for the incoming webhook, https://hooks.slack.com/services/…"
    parts = split_url(raw, hint)
    if is_loopback(parts.hostname or ""):
        return raw
    if parts.hostname not in SLACK_HOSTS or parts.port not in (None, 443):
        raise WrongValue(f"is not an address of Slack's webhook host ({' or '.join(SLACK_HOSTS)})", hint)
    if not re.fullmatch(r"/services/[A-Za-z0-9/_-]+", parts.path) or parts.query or parts.fragment:
        raise WrongValue("is not an incoming webhook (workflow triggers speak another language)", hint)
    return raw


def bot(entry: Mapping[str, object], shared: Mapping[str, object]) -> Bot:
    """One bot, by its own values and those for all; no error quotes any."""
    if entry.keys() - {"channel", *OF_BOTS}:  # not quoted: it may be anything, swapped
        raise WrongValue('holds something else than "token", "channel" and "api_url"', "take it out")
    values = {**shared, **entry}
    token, channel, api_url = (text_in(values, name) for name in ("token", "channel", "api_url"))
    if not re.fullmatch(OF_A_BOT, token):
        hint = 'give the "Bot User OAuth Token" of the app, "token": "xoxb-…", without token rotation'
        raise WrongValue("has a token that is no bot's" if token else "has no bot token", hint)
    if not re.fullmatch(CHANNEL, channel):
        hint = 'give its id, "channel": "C…", from the end of "View channel details" in Slack'
        raise WrongValue("has a channel that is no id" if channel else "has no channel", hint)
    return Bot(token, channel, web_api(api_url) if "api_url" in values else API_URL)


def text_in(values: Mapping[str, object], name: str) -> str:
    """A text without blanks around it; nothing for what is none."""
    value = values.get(name)
    return value.strip() if isinstance(value, str) else ""


def web_api(raw: str) -> str:
    """The address of a Web API: Slack's own, or another for tests."""
    try:
        parts = split_url(raw, f'leave "api_url" out for Slack ({API_URL})')
    except WrongValue as exc:
        raise WrongValue(f'has an "api_url" that {exc.problem.text}', exc.problem.next_step) from None
    if parts.query or parts.fragment:
        raise WrongValue('has an "api_url" with a query', "give it without")
    return raw.rstrip("/")


def read_addresses(secret: str) -> tuple[dict[str, str], list[Problem]]:
    """The good addresses of a secret, and what is wrong with the others. No sentence quotes one."""
    text = bare(secret)
    pairs = json_object(text) if text.startswith("{") else {DEFAULT_DESTINATION: text}
    has_bots = any(isinstance(value, dict) for value in pairs.values())
    shared = {name: pairs[name] for name in OF_BOTS if name in pairs} if has_bots else {}
    problems = [Problem(f"has {name} twice, and the last one counts", "keep one of them") for name in repeated(text)]
    addresses: dict[str, str] = {}
    for number, (name, value) in enumerate(pairs.items(), start=1):
        if name in shared:
            continue
        if not re.fullmatch(NAME, name):  # not quoted: it may be the address, swapped
            like = "name it in small letters, digits, - and _"
            problems.append(Problem(f"entry {number} is not named like a destination", like))
            continue
        try:
            if isinstance(value, dict):
                addresses[name] = bot(value, shared).as_address()
            else:
                addresses[name] = webhook_url(value.strip() if isinstance(value, str) else "")
        except WrongValue as exc:
            problems.append(exc.problem.of(f"slack:{name}"))
    return addresses, problems


def repeated(text: str) -> list[str]:
    """What stands twice in an object of the secret, by name where that is one: JSON itself says nothing of it."""
    found: list[str] = []

    def notice(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        found.extend(name for name in dict.fromkeys(names) if names.count(name) > 1)
        return dict(pairs)

    if text.startswith("{"):
        json.loads(text, object_pairs_hook=notice)
    return [repr(name) if re.fullmatch(NAME, name) or name in OF_BOTS else "an entry" for name in found]
