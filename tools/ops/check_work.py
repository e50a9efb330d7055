"""`doctor` at the work itself: stack, functions, polls, what the log says, outboxes, alarms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from testmo_notifier.config import DeliverySettings, PollerSettings
from testmo_notifier.errors import ConfigurationError
from testmo_notifier.model import Control
from testmo_notifier.polling.mail import RUNBOOK as ADDRESSES
from tools.lib.stamps import utc_now
from tools.lib.version import compared, version
from tools.ops import logs, records, schedule
from tools.ops.account import IN_GOOD_ORDER, Account, deploy_step
from tools.ops.advice import CORRECT_THEM
from tools.ops.aws_errors import DELETED
from tools.ops.exit_status import Desk
from tools.ops.findings import Finding, bad, good
from tools.ops.times import age, counted

UNITS: Final = {"minute": 1, "hour": 60, "day": 1_440}
PATIENCE: Final = timedelta(minutes=5)
LATE_TURNS: Final = timedelta(hours=1)  # a turn an hour is what a quiet run is promised
STALE_OUTBOX: Final = timedelta(minutes=10)
ALARM: Final = "AWS::CloudWatch::Alarm"
MAX_NAMES: Final = 100  # of one DescribeAlarms
SHOWN: Final = 20
UPGRADE: Final = 'check out the version of the stack, or deploy this one: docs/deploy.md, "Upgrading"'
IN_ORDER: Final = ("Active", "Inactive", "Pending")  # inactive: nobody invoked it for weeks
IN_CHANGE: Final = ("Creating", "Enabling", "Updating")
WAIT: Final = "wait a minute, then run doctor again"
FUNCTION_FAILS: Final = 'see docs/runbook.md, "A function fails"'
FUNCTION_SLOW: Final = 'see docs/runbook.md, "A function needs too long"'


def stack(desk: Desk) -> Iterable[Finding]:
    """Whether the last deployment went through."""
    found = desk.account.stack
    words = f"{found.name} is {found.status}"
    if found.status in IN_GOOD_ORDER:
        yield good("Stack", words)
    else:
        yield bad("Stack", words, deploy_step(found.name, found.status))
    ours = version()
    step = "" if found.version == ours else UPGRADE
    yield good("Stack", f"it runs version {compared(found.version, ours)}", step)


def functions(desk: Desk) -> Iterable[Finding]:
    """Whether each is in order and has all it needs in its environment."""
    account = desk.account
    readers: dict[str, tuple[str, Callable[[Mapping[str, str]], object]]] = {
        "PollerFunction": (account.stack.poller, PollerSettings.from_env)
    }
    if account.stack.slack_function:
        readers["SlackFunction"] = account.stack.slack_function, DeliverySettings.from_env
    for logical, (name, read) in readers.items():
        found = account.functions.get_function_configuration(FunctionName=name)
        state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
        problems: list[str] = []
        try:
            read(found.get("Environment", {}).get("Variables", {}))
        except ConfigurationError as exc:
            problems += exc.problems
        if state not in IN_ORDER or update == "Failed":
            problems.append(f"it is {state}, its last update {update}: {found.get('LastUpdateStatusReason', '')}")
        modified = found.get("LastModified", "?")
        if problems:
            yield bad("Functions", f"{logical}: {'; '.join(problems)}", "correct the parameters and `sam deploy` again")
        elif state == "Pending" or update == "InProgress":
            words = f"{logical} is configured completely; AWS is still at work on its last change"
            yield good("Functions", words, WAIT)
        else:
            yield good("Functions", f"{logical} is configured completely, last changed {modified}")
    if account.stack.slack_function:
        yield from trigger(account, account.stack.slack_function)
    for logical, (name, _) in readers.items():
        yield from switched_off(account, logical, name)


def trigger(account: Account, slack_function: str) -> Iterable[Finding]:
    """What hands the queue's messages to its function."""
    mappings = account.functions.list_event_source_mappings(FunctionName=slack_function)["EventSourceMappings"]
    if not mappings:
        yield bad("Functions", "SlackFunction has lost its queue", DELETED)
    for one in mappings:
        state = one.get("State")
        if state in IN_CHANGE:
            yield good("Functions", "AWS is still at work on the last change of SlackFunction's trigger", WAIT)
        elif state != "Enabled":
            step = f"aws lambda update-event-source-mapping --uuid {one['UUID']} --enabled"
            yield bad("Functions", f"SlackFunction is not fed by its queue (its trigger is {state})", step)


def switched_off(account: Account, logical: str, name: str) -> Iterable[Finding]:
    """A reserved concurrency of nothing: how people stop a function in a hurry."""
    if account.functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions") == 0:
        step = f"aws lambda delete-function-concurrency --function-name {name}"
        yield bad("Functions", f"{logical} is switched off: its reserved concurrency is 0", step)


def polls(desk: Desk) -> Iterable[Finding]:
    """Whether somebody polls, and often enough."""
    account = desk.account
    control, lease = records.control(account)
    planned = schedule.read(account)
    now = utc_now()
    is_on = planned["State"] == "ENABLED"
    period = period_of(planned["ScheduleExpression"])
    words = f"the schedule is {planned['State'].lower()} ({schedule.timing(planned)})"
    if control.looked.polled_at is None:
        step = "wait two minutes after a deploy; then the poller's log says why" if is_on else "testmo-notifier resume"
        yield bad("Polls", f"{words}; it has never polled", step)
        return
    silence = now - control.looked.polled_at
    words += f"; the last poll was {age(silence)} ago"
    limit = 3 * period + PATIENCE if period else None
    if is_on and (limit is None or silence <= limit):
        yield good("Polls", words)
    elif is_on:
        yield bad("Polls", words, "the poller's log and its errors say why; `dry-run` shows what it would meet")
    elif account.stack.parameters.get(schedule.PARAMETER) == "DISABLED" and silence <= PATIENCE:
        yield good("Polls", f"{words}: somebody else polls")
    else:
        yield bad("Polls", words, "testmo-notifier resume; nothing was lost meanwhile, it is only late")
    yield from pauses(control, now)
    yield from left_undone(control, now)
    if lease and lease.until > now + PATIENCE:
        yield bad("Polls", f"the lease is held until {lease.until.isoformat()}", "correct this machine's clock")


def pauses(control: Control, now: datetime) -> Iterable[Finding]:
    """What keeps polls from reading, and which files they do without."""
    if control.budget.not_before and control.budget.not_before > now:
        step = "it goes on by itself; a lower RequestsPerMinute keeps it from coming back"
        until = control.budget.not_before.isoformat(timespec="seconds")
        yield bad("Polls", f"Testmo asked for a pause until {until}", step)
    yield from (bad("Polls", words, CORRECT_THEM) for words in control.health.wrong_files or ())
    if control.budget.draining_until and control.budget.draining_until > now:
        until = control.budget.draining_until.isoformat(timespec="seconds")
        words = f"somebody drains: nothing is read until {until}"
        yield bad("Polls", words, "deploy the older version now; to stay: testmo-notifier drain --cancel")


def left_undone(control: Control, now: datetime) -> Iterable[Finding]:
    """What polls have no requests left for."""
    late = now - min(control.left.turns.values(), default=now)
    if late > LATE_TURNS:
        words = f"{counted(len(control.left.turns), 'run')} wait for their turn, the oldest for {age(late)}"
        step = "what the counters hide is told that late: raise RequestsPerMinute, or name fewer ProjectIds"
        yield bad("Polls", words, step)
    if control.left.undone:
        step = "the next poll reads them first; if it stays so: raise RequestsPerMinute, or narrow ProjectIds"
        named = ", ".join(map(str, sorted(control.left.undone)[:SHOWN]))
        more = f" and {len(control.left.undone) - SHOWN} more" if len(control.left.undone) > SHOWN else ""
        since = min((control.left.undone_since.get(run, now) for run in control.left.undone), default=now)
        words = f"{counted(len(control.left.undone), 'run')} due and not read: {named}{more}"
        yield bad("Polls", f"{words}; the oldest for {age(now - since)}", step)


def period_of(expression: str) -> timedelta | None:
    """How often a rate(…) polls; None for cron, whose pauses are wanted."""
    found = re.fullmatch(r"rate\(([0-9]+) (minute|hour|day)s?\)", expression)
    return timedelta(minutes=int(found[1]) * UNITS[found[2]]) if found else None


def log(desk: Desk) -> Iterable[Finding]:
    """What the last poll said, and whether a function ends without a word."""
    account = desk.account
    now = utc_now()
    found = list(logs.lines(account, "PollerLogGroup", now))
    last = logs.last_poll(found)
    if last is None:
        yield good("Log", f"the poller's log has no poll of the last {logs.LOOK_BACK.total_seconds() / 60:.0f} minutes")
    elif last.failure:
        words = " ".join(last.failure.split())
        yield bad("Log", f"the last poll failed {age(now - last.at)} ago: {words}", FUNCTION_FAILS)
    else:
        for problem in (one for one in last.problems if ADDRESSES not in one):  # `mail` looks itself, and now
            words = f"the last poll, {age(now - last.at)} ago, said: {problem}"
            step = "fix that; the next poll says whether it is"
            yield bad("Log", words, step) if last.is_wrong else good("Log", words)
        if not last.problems:
            yield good("Log", "the last poll says that all is well")
    crashes = [("PollerFunction", None if last and last.failure else logs.last_crash(found))]
    if account.stack.slack_function:
        crashes.append(("SlackFunction", logs.last_crash(list(logs.lines(account, "SlackLogGroup", now)))))
    for function, crash in crashes:
        if crash:
            words = f"{function} was ended by {crash.kind} {age(now - crash.at)} ago"
            yield bad("Log", words, FUNCTION_SLOW if "timed out" in crash.kind else FUNCTION_FAILS)


def outboxes(desk: Desk) -> Iterable[Finding]:
    """What is committed and not published; what has become invisible."""
    state = records.state(desk.account, desk.progress.note)
    now = utc_now()
    for name, why in state.unreadable.items():
        step = (
            "it was written by hand or by another version: deploy the version that wrote it, or delete the item; a run "
            "is then read from its beginning once more, and may be announced twice"
        )
        yield bad("State", f"the item {name} of {desk.account.stack.table} cannot be understood ({why})", step)
    for checkpoint in state.outboxes:
        since = checkpoint.waiting_since or checkpoint.read_at or checkpoint.cursor
        words = f"run {checkpoint.run_id}: {counted(len(checkpoint.outbox), 'message')} still to be published"
        words += f", for {age(now - since)}"
        if now - since > STALE_OUTBOX:
            yield bad("Outboxes", words, "the next poll publishes them; the poller's log says what keeps it from that")
        else:
            yield good("Outboxes", words)
    if not state.outboxes:
        yield good("Outboxes", "everything found was published")
    for project in records.hidden_projects(state):
        step = "give the token's user access again, or take it out of ProjectIds"
        yield bad("Testmo", f"project {project.project_id} has become invisible", step)
    for run_id in sorted(state.control.looked.hidden_runs):
        step = "it is tried again every hour; give the token's user access"
        yield bad("Testmo", f"run {run_id} has become invisible", step)


def alarms(desk: Desk) -> Iterable[Finding]:
    """Those that ring."""
    names = desk.account.stack.physical(ALARM)
    if not names:
        yield good("Alarms", "this stack has none")
        return
    ringing = []
    for first in range(0, len(names), MAX_NAMES):
        answer = desk.account.cloudwatch.describe_alarms(AlarmNames=names[first : first + MAX_NAMES])
        ringing += [one for one in answer["MetricAlarms"] if one["StateValue"] == "ALARM"]
    for one in ringing:
        words = " ".join(one.get("AlarmDescription", "").split()) or one.get("StateReason", "")
        yield bad("Alarms", f"{one['AlarmName']} rings: {words}", "docs/runbook.md has that section")
    if not ringing:
        yield good("Alarms", f"{counted(len(names), 'alarm')}, none rings")
