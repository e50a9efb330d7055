"""`doctor`: what is wrong, and how to fix it. Every check stands alone: one that cannot look says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.errors import ConfigurationError, NotifierError
from tools.ops import check_held, check_routes, check_testmo, check_ways, check_work
from tools.ops.advice import correct, wrong
from tools.ops.aws_errors import explain
from tools.ops.exit_status import FINE, WRONG, Desk, NotDone
from tools.ops.findings import Finding, bad
from tools.ops.times import counted

Check = Callable[[Desk], Iterable[Finding]]

DEPLOY: Final = "then deploy again: sam build && sam deploy"
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("Stack", check_work.stack),
    ("Functions", check_work.functions),
    ("Testmo", check_testmo.testmo),
    ("Polls", check_work.polls),
    ("Log", check_work.log),
    ("Outboxes", check_work.outboxes),
    ("Held", check_held.held_back),
    ("Routes", check_routes.routes),
    ("Routes", check_routes.each_route),
    ("Channels", check_ways.queued_channels),
    ("Mail", check_ways.mail),
    ("Queues", check_ways.queues),
    ("Alarms", check_work.alarms),
)


def doctor(desk: Desk) -> int:
    """Look at everything; wrong if anything is."""
    _ = desk.account.stack  # without a stack there is nothing to look at
    findings: list[Finding] = []
    known: set[tuple[str, str]] = set()
    for area, check in CHECKS:
        with desk.progress.passing(f"looking at: {area}"):
            found = examine(area, check, desk)
        for finding in found:
            cause = finding.words, finding.next_step  # one may be in the way of many checks
            if finding.ok or cause not in known:
                findings.append(finding)
                words = f"{finding.area}: {finding.words}"
                desk.out.verdict(words, is_ok=finding.ok, next_step=finding.next_step)
            known.add(cause)
    to_fix = [finding for finding in findings if not finding.ok]
    words = f"{counted(len(to_fix), 'thing')} to fix" if to_fix else "all is well"
    desk.out.gap()
    desk.out.verdict(f"{desk.account.stack.name}: {words}", is_ok=not to_fix)
    desk.answer({"ok": not to_fix, "findings": [finding.as_json() for finding in findings]})
    return WRONG if to_fix else FINE


def examine(area: str, check: Check, desk: Desk) -> Sequence[Finding]:
    """What a check finds; what keeps it from looking is a finding, too."""
    found: list[Finding] = []
    try:
        found.extend(check(desk))
    except ConfigurationError as exc:
        for one in exc.problems:
            deploy = "" if one.secret else f"; {DEPLOY}"
            found.append(bad(area, wrong(one), f"{correct(one)}{deploy}"))
    except NotDone as exc:
        found.append(bad(area, str(exc), "sam build && sam deploy"))
    except NotifierError as exc:
        found.append(bad(area, str(exc), "try again in a minute; if it stays, see docs/runbook.md"))
    except (BotoCoreError, ClientError, OSError) as exc:
        words, step = explain(exc)
        found.append(bad(area, f"could not be looked at: {words}", step))
    return found
