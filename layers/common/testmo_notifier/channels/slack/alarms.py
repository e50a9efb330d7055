"""CloudWatch's alarms as Slack messages: what `OpsTopic` brings into the Slack queue, raw. Pure.

An alarm *about* Slack (dead letters, waiting messages, a webhook that is gone, the function itself) is not posted: the
Slack that it speaks of is what would have to take it, and what waits or is parked would only become more. Mail tells
it. Nor is the OK posted that CloudWatch says of every alarm of a new stack: nothing was wrong before.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from testmo_notifier.channels.slack.answers import read_json
from testmo_notifier.lean import dataclass
from testmo_notifier.model import QueuedMessage

ID_CHARS: Final = 32  # of a hash: the same alarm has the same id
FOR_ALARMS: Final = ("ops", "default")  # names in the secret, the better one first
# CloudFormation's `<stack>-<logical id>-<random>`; our logical ids of alarms end in Alarm.
NAME: Final = re.compile(r"(?P<stack>.+)-(?P<name>[A-Za-z0-9]+Alarm)-[A-Za-z0-9]+")
ABOUT_SLACK: Final = frozenset(
    {
        *("DestinationGoneAlarm", "SlackDeadLettersAlarm", "SlackErrorsAlarm", "SlackLateAlarm"),
        *("SlackQueueAgeAlarm", "SlackSlowAlarm", "SlackThrottlesAlarm"),
    }
)
RUNBOOK: Final = re.compile(r'\s*Runbook: (\S+), "([^"]+)"\.\s*$')


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One change of an alarm's state, as CloudWatch publishes it. `stack` is empty where the name tells of none."""

    id: str
    name: str
    stack: str
    words: str
    state: str
    before: str
    changed_at: str

    @property
    def skipped(self) -> str:
        """Why it is not posted, as one word; empty where it is. Alarms that are none of this app's always are."""
        if self.stack and self.name in ABOUT_SLACK:
            return "about_slack"
        is_first = (self.before, self.state) == ("INSUFFICIENT_DATA", "OK")
        return "nothing_was_wrong" if self.stack and is_first else ""


def as_message(message: QueuedMessage) -> QueuedMessage | None:
    """What is to be posted of an alarm, whose destination is not known yet; None for what is none."""
    alarm = read_alarm(message.body)
    if alarm is None:
        return None
    body = json.dumps({"text": text_of(alarm), "unfurl_links": False, "unfurl_media": False}, ensure_ascii=False)
    return replace(message, id=alarm.id, body=body, problem=None, is_alarm=True, skipped=alarm.skipped)


def read_alarm(body: str) -> Alarm | None:
    """An alarm out of CloudWatch's JSON; None for anything else.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
    """
    told = read_json(body)
    given = {name: value for name, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}
    if not all(given.get(name) for name in ("AlarmName", "NewStateValue", "StateChangeTime")):
        return None
    whole, state, changed_at = given["AlarmName"], given["NewStateValue"], given["StateChangeTime"]
    whose = given.get("AlarmArn") or "/".join((given.get("AWSAccountId", ""), given.get("Region", ""), whole))
    found = NAME.fullmatch(whole)
    return Alarm(
        id=hashlib.sha256(json.dumps([whose, state, changed_at]).encode()).hexdigest()[:ID_CHARS],
        name=found["name"] if found else whole,
        stack=found["stack"] if found else "",
        words=given.get("AlarmDescription") or given.get("NewStateReason", ""),
        state=state,
        before=given.get("OldStateValue", ""),
        changed_at=changed_at,
    )


def in_order(names: Collection[str]) -> list[str]:
    """The destinations in the order in which alarms try them: `ops`, `default`, then whichever there is."""
    return [name for name in dict.fromkeys((*FOR_ALARMS, *names)) if name in names]


def text_of(alarm: Alarm) -> str:
    """What Slack shows of an alarm. Whatever the alarm says is shown as it is and pings nobody."""
    runbook = RUNBOOK.search(alarm.words)
    words = " ".join(RUNBOOK.sub("", alarm.words).split())
    whose = f" of stack {alarm.stack}" if alarm.stack else ""
    lines = [f"{symbol(alarm.state)} {alarm.state}: `{escape(alarm.name)}`{escape(whose)}"]
    if alarm.state == "OK":
        lines.append(f"It is over. It said: {escape(words)}" if words else "It is over.")
    else:
        lines += [escape(words)] if words else []
        lines += [f"What to do: {escape(runbook[1])}, “{escape(runbook[2])}”"] if runbook else []
    lines.append(since(alarm.changed_at))
    return "\n".join(lines)


def symbol(state: str) -> str:
    """Never alone: the word stands beside it."""
    return {"ALARM": "✖", "OK": "✔"}.get(state, "?")


def since(changed_at: str) -> str:
    """When the state changed, in each reader's own zone."""
    try:
        moment = datetime.fromisoformat(changed_at).astimezone(UTC)
    except (ValueError, OverflowError):
        return f"since {escape(changed_at)}"
    return f"since <!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{moment:%Y-%m-%d %H:%M} UTC>"


def escape(text: str) -> str:
    """Slack's escaping: these three and no others."""
    return html.escape(text, quote=False)
