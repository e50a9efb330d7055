"""How templates write for a channel: an environment each, what they print, and the filters `link` and `when`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from jinja2 import BaseLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from testmo_notifier.context import Linked


class Fragment(str):
    """Text that is already in Slack's notation and must not be escaped again."""

    __slots__ = ()


def slack_environment(loader: BaseLoader, time_zone: tzinfo) -> ImmutableSandboxedEnvironment:
    """Templates that write mrkdwn: whatever they print is escaped, but for links and dates made by a filter."""
    environment = new_environment(loader, slack_text)
    # What a template composes of its own pieces ({{ super() }}, a macro, {% set %}) is escaped already.
    environment.concat = lambda pieces: Fragment("".join(pieces))  # type: ignore[method-assign]  # Jinja's own hook
    environment.filters["link"] = slack_link
    environment.filters["when"] = lambda moment: slack_date(moment, time_zone)
    return environment


def plain_environment(loader: BaseLoader, time_zone: tzinfo) -> ImmutableSandboxedEnvironment:
    """Templates that write plain text."""
    environment = new_environment(loader, plain_text)
    environment.filters["link"] = plain_link
    environment.filters["when"] = lambda moment: plain_date(moment, time_zone)
    return environment


def new_environment(loader: BaseLoader, finalize: Callable[[Any], str]) -> ImmutableSandboxedEnvironment:
    """What both have in common: a sandbox, and an error for every name that does not exist."""
    return ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=False,  # HTML's escapes are wrong in mrkdwn and in plain text; finalize escapes instead
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
        auto_reload=False,
    )


def escape(text: str) -> str:
    """Slack's escaping: these three and no others, https://docs.slack.dev/messaging/formatting-message-text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_text(value: object) -> str:
    """Whatever a template prints, in Slack's notation."""
    if isinstance(value, Linked):
        return "".join(slack_link(*part) for part in value.parts)
    return value if isinstance(value, Fragment) else escape(str(value))


def plain_text(value: object) -> str:
    """Whatever a template prints, as plain text."""
    return "".join(plain_link(*part) for part in value.parts) if isinstance(value, Linked) else str(value)


def slack_link(text: object, url: str) -> Fragment:
    """`<url|text>`; the label loses the one character that would end the address again. No address, no link."""
    label = escape(str(text))
    return Fragment(f"<{escape(url)}|{label.replace('|', '¦')}>" if url else label)


def plain_link(text: object, url: str) -> str:
    """`text (url)`, or the text alone where there is no address."""
    return f"{text} ({url})" if url else str(text)


def slack_date(moment: datetime, time_zone: tzinfo) -> Fragment:
    """A moment that Slack shows in the reader's own zone; others see it in `TimeZone`."""
    plain = plain_date(moment, time_zone)
    seconds = int(moment.timestamp())
    return Fragment(f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{plain}>" if seconds > 0 else escape(plain))


def plain_date(moment: datetime, time_zone: tzinfo) -> str:
    """`2026-11-23 15:03 CET`."""
    try:
        return moment.astimezone(time_zone).strftime("%Y-%m-%d %H:%M %Z")
    except (OverflowError, ValueError):  # the first and last days that Python knows have no other zone
        return moment.isoformat(sep=" ", timespec="minutes")
