"""Why a result was not told somewhere: the routes as they are now, and what its run's checkpoint knows of its test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from testmo_notifier.model import AGAIN, NEW, REASONS, Checkpoint, Told
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.matching import run_facts
from testmo_notifier.notices.routes import Route, Routes
from tools.ops import records, wiring
from tools.ops.account import Account
from tools.ops.wiring import title
from tools.settings import route_findings
from tools.settings.preview_run import Access
from tools.settings.route import Finding, choices

UNEXPLAINED: Final = (  # where nothing of today keeps it back
    "the routes of this checkout would tell it there: they were others then, or it was failing before its run was "
    "watched, or it was told more than 30 days ago; testmo-notifier rewind --run {run} --destination {destination}"
)
UNHEARD: Final = "it has no confirmed subscription: what it would get goes to the routes that catch all"


def why_not(account: Account, run_id: int, result: int, missing: Sequence[str]) -> dict[str, str]:
    """By destination, why nothing went there; asks Testmo for the result as it is now."""
    settings, routes = account.settings, wiring.routes()
    access = Access(settings.testmo_url, account.token(), settings.alert_status_ids, settings.requests_per_minute)
    with_folders = "folder" in routes.asked
    (finding,) = route_findings.of_run(access, run_id, [result], with_folders=with_folders)
    checkpoint = records.store(account).checkpoints([run_id]).get(run_id)
    mail = records.control(account)[0].health.mail
    found = dict(reasons(finding, routes, wiring.routed(settings), checkpoint, missing))
    return found | {name: UNHEARD for name in missing if mail and name in mail.lost}


def reasons(
    finding: Finding,
    routes: Routes,
    destinations: tuple[str, ...],
    checkpoint: Checkpoint | None,
    missing: Iterable[str],
) -> Iterable[tuple[str, str]]:
    """The same of a finding. What routes said then nobody knows: it is judged by what they say now."""
    audience = Audience(routes, destinations, run_facts(finding.run, finding.project))
    taken = audience.routings[audience.routing(finding.result, finding.expands, finding.case)].routes
    words = {one.route: one.words for one in choices(finding, audience, taken)}
    known = checkpoint.told.get(finding.result.test_key) if checkpoint else None
    for destination in missing:
        leading = [route for route in routes.routes if destination in route.destinations]
        ways = [route for route in leading if route in taken]
        if leading and not ways:
            yield destination, "; ".join(f"{title(route)} does not take it ({words[route.name]})" for route in leading)
        else:
            kept_back = [why for route in ways if (why := keeps_back(route, destination, known))]
            if ways and len(kept_back) == len(ways):
                yield destination, "; ".join(kept_back)
            else:
                yield destination, UNEXPLAINED.format(run=finding.run.id, destination=destination)


def keeps_back(route: Route, destination: str, known: Told | None) -> str:
    """Why a route that takes a result tells nothing of it; empty where it would."""
    asks = ", ".join(reason for reason in REASONS if reason in route.notify)
    if known is not None and destination in known.destinations:
        return "" if AGAIN in route.notify else f"{title(route)} asks for {asks}, and had told of this test before"
    if NEW not in route.notify:
        return f"{title(route)} asks for {asks} alone"
    if known is not None and 0 < known.streak < route.after:
        return f"{title(route)} waits for failure {route.after} in a row, and this is number {known.streak}"
    return ""
