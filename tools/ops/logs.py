"""What the functions' logs said last: the words behind an alarm, for whoever has no time to search for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tools.ops.account import Account

GROUP: Final = "AWS::Logs::LogGroup"
LOOK_BACK: Final = timedelta(minutes=20)
MAX_PAGES: Final = 20
WRONG: Final = ("invisible", "settings_problems", "template_errors", "malformed")  # counts of a poll's summary


@dataclass(frozen=True, slots=True)
class LastPoll:
    """How the last poll in the log ended. `failure` is empty for one that did not fail, `at` is the line's time.

    `is_wrong`: somebody has to fix something. A poll also says what is only worth knowing, like a deleted run.
    """

    at: datetime
    failure: str
    problems: tuple[str, ...]
    is_wrong: bool = True


@dataclass(frozen=True, slots=True)
class Crash:
    """An invocation that ended without a word of ours: the runtime's word for it."""

    at: datetime
    kind: str


Line = tuple[datetime, Mapping[str, Any]]


def lines(account: Account, group: str, now: datetime) -> Iterator[Line]:
    """The JSON lines of the last minutes, oldest first; nothing where the stack has no such log."""
    name = account.stack.resources.get(GROUP, {}).get(group)
    if not name:
        return
    pages = account.logs.get_paginator("filter_log_events").paginate(
        logGroupName=name, startTime=millis(now - LOOK_BACK), endTime=millis(now) + 1, PaginationConfig={}
    )
    events: list[Any] = []
    for number, page in enumerate(pages, start=1):
        events += page["events"]
        if number == MAX_PAGES:
            break
    for event in sorted(events, key=lambda one: int(one["timestamp"])):
        try:
            line = json.loads(event["message"])
        except ValueError:  # START, END and REPORT of an emulator
            continue
        if isinstance(line, dict):
            yield datetime.fromtimestamp(event["timestamp"] / 1000, UTC), line


def millis(moment: datetime) -> int:
    """As CloudWatch Logs counts."""
    return int(moment.timestamp() * 1000)


def last_poll(found: list[Line]) -> LastPoll | None:
    """The last poll that ended by itself; None where none did. One that another was in the way of says nothing."""
    last = None
    for at, line in found:
        match line:
            case {"message": "poll failed"}:
                words = str(line.get("words") or f"{line.get('error', 'an error')} at {inner(line.get('where'))}")
                last = LastPoll(at, words, ())
            case {"message": "poll", "status": str(status)} if status != "busy":
                problems = line.get("problems")
                told = tuple(map(str, problems)) if isinstance(problems, list) else ()
                last = LastPoll(at, "", told, status != "ok" or any(line.get(name) for name in WRONG))
    return last


def last_crash(found: list[Line]) -> Crash | None:
    """The last invocation that ended with an error of the runtime's, if none has ended well since."""
    last = None
    for at, line in found:
        kind = crash_of(line)
        if kind:
            last = Crash(at, kind)
        elif "end" in line or line.get("message") in ("poll", "poll failed"):
            last = None
    return last


def crash_of(line: Mapping[str, Any]) -> str:
    """The runtime's word for an invocation that it ended; empty for any other line."""
    match line:
        case {"type": "platform.report", "record": {"status": "timeout"}}:
            return "Task timed out"
        case {"type": "platform.report", "record": {"status": "error" | "failure", "errorType": str(kind)}}:
            return kind
        case {"errorType": str(kind)}:
            return kind
    return ""


def inner(where: object) -> str:
    """The innermost frame of an error."""
    return str(where[-1]) if isinstance(where, list) and where else "an unknown place"
