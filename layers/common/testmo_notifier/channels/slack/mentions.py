"""Whom a Slack message calls. Pure.

Slack tells nobody who is named in an attachment alone, so the call stands in the message's text and in a block at the
top. Only `people.toml` can say who is called: a name that somebody has in Testmo is text, whatever is in it.
https://docs.slack.dev/messaging/formatting-message-text#mentioning-users
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from testmo_notifier.channels.slack.notation import LIVE
from testmo_notifier.model import Mention
from testmo_notifier.settings.people import People
from testmo_notifier.text.shortening import fitting, one_line

MAX_CALLED: Final = 20  # of one message: who calls more than that calls a group
MAX_NAMES_CHARS: Final = 200  # of all who are named only
NAME_CHARS: Final = 40  # of one who is named and cannot be called
MEMBER: Final = re.compile(r"[UW][A-Z0-9]{1,30}")
GROUP: Final = re.compile(r"S[A-Z0-9]{1,30}")
CALL: Final = re.compile(rf"{LIVE['<']}[{LIVE['@']}{LIVE['!']}](?!date)[^{LIVE['<']}{LIVE['>']}\n]+{LIVE['>']}")
EVERYBODY: Final = ("here", "channel")  # where people.toml says so for a group


def called(mentions: Iterable[Mention], people: People) -> str:
    """`For @Grace, @payments-oncall, Alan Turing` in the notation of templates, each once; empty for nobody."""
    calls: list[str] = []
    names: list[str] = []
    for mention in mentions:
        call = live(people.slack_id(mention) or "", is_group=mention.is_group)
        if call:
            calls.append(call)
        elif name := one_line(mention.name, NAME_CHARS):
            names.append(name)
    calls, names = list(dict.fromkeys(calls)), list(dict.fromkeys(names))
    shown = [*calls[:MAX_CALLED], *fitting(names, MAX_NAMES_CHARS)]
    more = len(calls) + len(names) - len(shown)
    return f"For {', '.join(shown)}{f' and {more} more' if more else ''}" if shown else ""


def calls_in(written: str) -> list[str]:
    """Whom a template's own words call; what was typed calls nobody."""
    return CALL.findall(written)


def live(slack_id: str, *, is_group: bool) -> str:
    """What calls a member, a user group or everybody; empty for what is none of these."""
    if MEMBER.fullmatch(slack_id):
        return f"{LIVE['<']}{LIVE['@']}{slack_id}{LIVE['>']}"
    if GROUP.fullmatch(slack_id):
        return f"{LIVE['<']}{LIVE['!']}subteam^{slack_id}{LIVE['>']}"
    if is_group and slack_id in EVERYBODY:
        return f"{LIVE['<']}{LIVE['!']}{slack_id}{LIVE['>']}"
    return ""
