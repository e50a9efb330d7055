"""`doctor` at Testmo's side: the token, what it may see, and the clocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.config import PollerSettings
from testmo_notifier.errors import (
    Invisible,
    NotifierError,
    RequestRejected,
    StopReading,
    Throttled,
    TokenRefused,
    Unreadable,
)
from testmo_notifier.model import STATUS_NAMES, Project
from testmo_notifier.sources.testmo_runs.paging import results_query
from testmo_notifier.sources.testmo_runs.watch import Watch
from tools.lib.testmo import connected
from tools.ops import records, wiring
from tools.ops.account import Account
from tools.ops.advice import store
from tools.ops.exit_status import Desk
from tools.ops.findings import Finding, bad, good
from tools.settings.check_names import own_passed
from tools.settings.check_routes import harmless

AREA: Final = "Testmo"
MAX_SKEW_SECONDS: Final = 30.0
SHOWN: Final = 20
ASKED: Final = 5  # runs that were left undone
HOW_TO_RENEW: Final = "make a new API token in Testmo (profile, API access), then run this and paste it"


def testmo(desk: Desk) -> Iterable[Finding]:
    """The token and everything that needs it."""
    account = desk.account
    settings = account.settings
    token = account.token()
    yield good(AREA, "the Testmo secret holds a token")
    control = records.control(account)[0]
    asked = connected(settings.testmo_url, token, settings.requests_per_minute, control.budget.requests)
    try:
        yield good(AREA, f"the token belongs to {asked.user()}", "it dies with that account: prefer an API user")
        projects, date = asked.projects()
    except TokenRefused as exc:
        yield bad(AREA, str(exc), f"{HOW_TO_RENEW}: {store(settings.testmo_secret_arn)}")
        return
    except Throttled as exc:
        yield bad(AREA, str(exc), "wait for it to end; a lower RequestsPerMinute keeps it from coming back")
        return
    except Invisible as exc:
        yield bad(AREA, f"the token's user may not list projects: {exc}", "give the user a role that may read projects")
        return
    except NotifierError as exc:
        yield bad(AREA, f"{settings.testmo_url}: {exc}", "check TestmoUrl, and whether the instance is up")
        return
    yield from clocks(account, date)
    yield from scope(asked, account, projects)
    yield from statuses(asked, settings, projects)
    yield from undone(asked, sorted(control.left.undone)[:ASKED])


def undone(asked: Testmo, runs: Sequence[int]) -> Iterable[Finding]:
    """Whether Testmo can show the runs that the polls had to leave."""
    for run_id in runs:
        try:
            asked.results(run_id, results_query(Watch(()), None, 1))
        except StopReading:
            raise
        except NotifierError as exc:
            step = "open it in the browser; if it fails there too, tell Testmo's support its id. Other runs go on"
            yield bad(AREA, f"run {run_id} cannot be read: {exc}", step)


def clocks(account: Account, date: datetime | None) -> Iterable[Finding]:
    """Testmo's clock against AWS's: this machine's own may be wrong without any harm."""
    if date is None:
        yield good(AREA, "its answers carry no Date: clocks cannot be compared")
        return
    answer = account.sns.get_topic_attributes(TopicArn=account.stack.topic)["ResponseMetadata"]["HTTPHeaders"]
    ours = parsedate_to_datetime(answer["date"]) if "date" in answer else datetime.now(UTC)
    skew = (date - ours).total_seconds()
    words = f"its clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
    if abs(skew) <= MAX_SKEW_SECONDS:
        yield good(AREA, words)
    else:
        step = (
            "nothing is lost (cursors are Testmo's own times); tell Testmo's support, or correct this machine's clock"
        )
        yield bad(AREA, words, step)


def statuses(asked: Testmo, settings: PollerSettings, projects: Sequence[Project]) -> Iterable[Finding]:
    """Whether what is watched is a failure. It may be meant, so it is nothing wrong."""
    watched, step = settings.alert_status_ids, "correct AlertStatusIds, unless it is meant"
    if words := harmless("AlertStatusIds", watched):
        yield good(AREA, words, step)
    if all(one in STATUS_NAMES for one in watched):
        return
    for project in [project for project in projects if not project.is_completed][:1]:
        with suppress(Invisible, RequestRejected, Unreadable):
            own = own_passed(asked, project.id, asked.statuses(project.id))
            if words := harmless("AlertStatusIds", watched, own):
                yield good(AREA, words, step)


def scope(asked: Testmo, account: Account, projects: list[Project]) -> Iterable[Finding]:
    """What of ProjectIds and RunIds is there to watch."""
    settings = account.settings
    visible = {project.id: project for project in projects}
    watched = wiring.polled_projects(account, projects)
    names = ", ".join(f"{p.name} ({p.id})" for p in watched[:SHOWN])
    more = f" and {len(watched) - SHOWN} more" if len(watched) > SHOWN else ""
    if watched:
        yield good(AREA, f"{len(watched)} of {len(visible)} visible projects are watched: {names}{more}")
    else:
        yield bad(AREA, "no project is watched", "give the token's user access to one, or correct ProjectIds")
    for key in settings.project_ids:
        if key not in visible:
            step = f"give the token's user access to it, or take {key} out of ProjectIds"
            yield bad(AREA, f"project {key} of ProjectIds is not visible to the token's user", step)
    for run_id in settings.run_ids:
        try:
            run = asked.run(run_id)
        except Invisible as exc:
            yield bad(AREA, f"run {run_id} of RunIds is not visible: {exc}", f"take {run_id} out of RunIds")
        except StopReading:
            raise
        except NotifierError as exc:
            yield bad(AREA, f"run {run_id} of RunIds could not be looked at: {exc}", "try again in a minute")
        else:
            if run.project_id not in {project.id for project in watched}:
                step = f"add {run.project_id} to ProjectIds, or take {run_id} out of RunIds"
                yield bad(AREA, f"run {run_id} of RunIds is in project {run.project_id}, which is not watched", step)
