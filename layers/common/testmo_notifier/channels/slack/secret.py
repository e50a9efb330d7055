"""Slack's secret: its webhooks by the names of destinations. No sentence quotes an address, which is a credential."""

from __future__ import annotations

import re
from typing import Final

from testmo_notifier.channels.channel import NAME
from testmo_notifier.config import bare, is_loopback, json_object, split_url

SLACK_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
DEFAULT_DESTINATION: Final = "default"


def webhook_url(raw: str) -> str:
    """One Slack incoming webhook. The whole address is a credential: no error quotes any of it."""
    hint = "give the address that Slack shows for the incoming webhook, https://hooks.slack.com/services/…"
    parts = split_url(raw, hint)
    if is_loopback(parts.hostname or ""):
        return raw
    if parts.hostname not in SLACK_HOSTS or parts.port not in (None, 443):
        raise ValueError(f"is not an address of Slack's webhook host ({' or '.join(SLACK_HOSTS)}): {hint}")
    if not re.fullmatch(r"/services/[A-Za-z0-9/_-]+", parts.path) or parts.query or parts.fragment:
        raise ValueError(f"is not an incoming webhook (workflow triggers speak another language): {hint}")
    return raw


def read_webhooks(secret: str) -> tuple[dict[str, str], list[str]]:
    """The good webhooks of a secret, and what is wrong with the others. No sentence quotes an address."""
    text = bare(secret)
    pairs = json_object(text) if text.startswith("{") else {DEFAULT_DESTINATION: text}
    problems = []
    webhooks: dict[str, str] = {}
    for number, (name, value) in enumerate(pairs.items(), start=1):
        if not re.fullmatch(NAME, name):  # not quoted: it may be the address, swapped
            problems.append(f"entry {number} is not named like a destination (small letters, digits, - and _)")
            continue
        try:
            webhooks[name] = webhook_url(value.strip() if isinstance(value, str) else "")
        except ValueError as exc:
            problems.append(f"slack:{name} {exc}")
    return webhooks, problems
