"""`status`: what the notifier watches and how far it is, out of its own state. Asks Testmo nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from testmo_notifier.errors import ConfigurationError
from testmo_notifier.model import CASES, FOLDERS, Checkpoint
from tools.lib import sqs
from tools.lib.stamps import utc_now
from tools.lib.version import compared, version
from tools.ops import held, records, schedule, silence, wiring
from tools.ops.account import Account
from tools.ops.advice import CORRECT_THEM
from tools.ops.exit_status import FINE, Desk
from tools.ops.held import Keeping
from tools.ops.records import State
from tools.ops.times import age, counted, iso

SHOWN: Final = 40  # runs; --json has all of them
SHOWN_PROJECTS: Final = 5


def status(desk: Desk) -> int:
    """Tell it."""
    account = desk.account
    now = utc_now()
    state = records.state(account, desk.progress.note)
    queues = {"to_slack": sqs.depth(account.sqs, account.stack.slack_queue)}
    queues |= {f"dead_{name}": sqs.depth(account.sqs, url) for name, url in account.stack.dead_letter_queues.items()}
    planned = schedule.read(account)
    unread = unread_cases(account, state)
    keeping = held.read(account, state.control)
    blind = {key: not_yet(projects) for key, projects in unread.items()}
    desk.out.heading(
        f"{account.stack.name}: {account.stack.status}",
        {
            "Version": compared(account.stack.version, version()),
            "Schedule": f"{schedule.timing(planned)}, {planned['State'].lower()}",
            "Last poll": ago(state.control.looked.polled_at, now),
            "Last complete look at Testmo": ago(state.control.looked.discovered_at, now),
            "Lease": f"{state.lease.holder} until {iso(state.lease.until)}" if state.lease else "free",
            "Throttled": throttle(state.control.budget.not_before, now),
            "Drained": drained(state.control.budget.draining_until, now),
            "Left undone": undone(state, now),
            "Late turns": late_turns(state, now),
            "Hidden": ", ".join(f"{what} since {iso(since)}" for what, since in hidden(state).items()) or "nothing",
            "Outboxes": outboxes(state),
            "Held": keeping.summary,
            **({"Routes": "; ".join(f"by {key}: {words}" for key, words in blind.items())} if blind else {}),
            "Queues": ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in queues.items()),
        },
    )
    show_runs(desk, state, now)
    show_held(desk, keeping, now)
    for words in state.control.health.wrong_files or ():
        desk.out.problem(words)
        desk.out.note(f"→ {CORRECT_THEM}")
    for name, why in state.unreadable.items():
        desk.out.problem(f"the item {name} cannot be understood ({why}): `testmo-notifier doctor` says what to do")
    told = {"queues": queues, "schedule": planned["State"], "cases_unread": unread}
    desk.answer({**as_json(desk, state, now), **told, **held.as_json(keeping, now)})
    return FINE


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago."""
    return f"{age(now - moment)} ago ({iso(moment)})" if moment else "never"


def throttle(not_before: datetime | None, now: datetime) -> str:
    """Whether Testmo asked for a pause."""
    return f"by Testmo until {iso(not_before)}" if not_before and not_before > now else "no"


def drained(until: datetime | None, now: datetime) -> str:
    """Whether somebody prepares a way back."""
    return f"nothing is read until {iso(until)}, then by itself again" if until and until > now else "no"


def undone(state: State, now: datetime) -> str:
    """The runs that were due and not read, each with the time since."""
    since = state.control.left.undone_since
    words = [
        f"run {run}" + (f" for {age(now - since[run])}" if run in since else "")
        for run in sorted(state.control.left.undone)
    ]
    return ", ".join(words) or "nothing"


def late_turns(state: State, now: datetime) -> str:
    """The runs that have not moved, whose turn came and for which no request was left."""
    turns = state.control.left.turns
    if not turns:
        return "none"
    return f"{counted(len(turns), 'run')}, the oldest for {age(now - min(turns.values()))}"


def hidden(state: State) -> Mapping[str, datetime]:
    """What Testmo does not let the token's user see, and since when it was last refused."""
    projects = {f"project {p.project_id}": p.gone_at for p in records.hidden_projects(state) if p.gone_at}
    return projects | {f"run {run_id}": since for run_id, since in sorted(state.control.looked.hidden_runs.items())}


def unread_cases(account: Account, state: State) -> dict[str, list[int]]:
    """The projects in which routes by test or by folder do not act yet, because their cases were not read once."""
    try:
        asked = wiring.routes().asked
    except ConfigurationError:  # `check` says what is wrong with them
        return {}
    store = records.store(account)
    watched = [project_id for project_id, project in state.projects.items() if project.open_runs]
    found = {
        key: [project_id for project_id in watched if not store.case_progress(project_id, of).completed_at]
        for key, of in (("test", CASES), ("folder", FOLDERS))
        if key in asked
    }
    return {key: projects for key, projects in found.items() if projects}


def not_yet(projects: Sequence[int]) -> str:
    """What that means for a reader."""
    named = ", ".join(map(str, projects[:SHOWN_PROJECTS])) + (" and more" if len(projects) > SHOWN_PROJECTS else "")
    return f"cases of project {named} are still being read, until then the catch-all gets what is not known"


def outboxes(state: State) -> str:
    """What still waits to be published."""
    waiting = state.outboxes
    messages = sum(len(checkpoint.outbox) for checkpoint in waiting)
    return f"{counted(messages, 'message')} of {counted(len(waiting), 'run')} to be published" if waiting else "empty"


def watched(state: State) -> dict[int, str]:
    """The runs that are looked at, and whether each is open or closing."""
    found = {run_id: "open" for project in state.projects.values() for run_id in project.open_runs}
    return found | {run_id: "closing" for project in state.projects.values() for run_id in project.closing}


def show_runs(desk: Desk, state: State, now: datetime) -> None:
    """The runs, those with something special first."""
    runs = watched(state)
    desk.out.heading(f"{counted(len(runs), 'run')} of {counted(len(state.projects), 'project')} watched", {})
    ranked = sorted(runs, key=lambda key: (not remarks(state.checkpoints.get(key), state), key))
    for run_id in ranked[:SHOWN]:
        checkpoint = state.checkpoints.get(run_id)
        if checkpoint is None:
            desk.out.note(f"run {run_id}  {runs[run_id]}  not read yet")
            continue
        special = ", ".join(remarks(checkpoint, state))
        desk.out.note(
            f"run {run_id}  {runs[run_id]}  project {checkpoint.project_id}  read {ago(checkpoint.read_at, now)}  "
            f"cursor {iso(checkpoint.cursor)}  {len(checkpoint.failing)} failing" + (f"  {special}" if special else "")
        )
    if len(ranked) > SHOWN:
        desk.out.note(f"and {len(ranked) - SHOWN} more: --json has all of them")


def show_held(desk: Desk, keeping: Keeping, now: datetime) -> None:
    """Who silenced what, and what is held for whom."""
    if silence.lines(keeping, now) or silence.strangers(keeping, now):
        desk.out.gap()
        desk.out.heading("Silences", {})
        silence.tell(desk, keeping, now)
    groups = held.groups(keeping.held)
    if groups:
        desk.out.gap()
        desk.out.heading("Held on purpose", {})
    for group in groups:
        oldest = age(now - group.since)
        desk.out.note(f"{group.destination}  {group.words(keeping)}  the oldest for {oldest}")


def remarks(checkpoint: Checkpoint | None, state: State) -> list[str]:
    """What is special about a run."""
    if checkpoint is None:
        return ["not read yet"]
    found = [f"{counted(len(checkpoint.outbox), 'message')} to be published"] if checkpoint.outbox else []
    found += ["read half"] if checkpoint.resume else []
    found += ["sweep due"] if checkpoint.sweep else []
    if checkpoint.run_id in state.control.looked.hidden_runs:
        found += [f"hidden since {iso(state.control.looked.hidden_runs[checkpoint.run_id])}"]
    elif checkpoint.gone_at:
        found += [f"deleted, as Testmo said {iso(checkpoint.gone_at)}"]
    found += ["left undone"] if checkpoint.run_id in state.control.left.undone else []
    return found + ([f"rewound {checkpoint.rewound}"] if checkpoint.rewound else [])


def as_json(desk: Desk, state: State, now: datetime) -> Mapping[str, object]:
    """The same for machines. `lag_seconds` is the time since the last poll."""
    control, runs = state.control, watched(state)
    polled = control.looked.polled_at
    return {
        "ok": True,
        "stack": desk.account.stack.name,
        "version": desk.account.stack.version,
        "command_version": version(),
        "installed_at": iso(control.looked.installed_at),
        "polled_at": iso(polled),
        "lag_seconds": round((now - polled).total_seconds(), 1) if polled else None,
        "discovered_at": iso(control.looked.discovered_at),
        "not_before": iso(control.budget.not_before),
        "draining_until": iso(control.budget.draining_until),
        "lease": {"holder": state.lease.holder, "until": iso(state.lease.until)} if state.lease else None,
        "undone": sorted(control.left.undone),
        "turns": {str(run_id): iso(since) for run_id, since in sorted(control.left.turns.items())},
        "unswept": sorted(control.left.unswept),
        "hidden": {what: iso(since) for what, since in hidden(state).items()},
        "unreadable": dict(state.unreadable),
        "wrong_files": list(state.control.health.wrong_files or ()),
        "projects": [
            {"id": p.project_id, "watched_since": iso(p.watched_since), "gone_at": iso(p.gone_at)}
            for p in state.projects.values()
        ],
        "outboxes": [
            {"run_id": c.run_id, "destination": out.destination, "notification": out.id, "results": out.digest.total}
            for c in state.outboxes
            for out in c.outbox
        ],
        "runs": [run_json(run_id, runs.get(run_id, "done"), state) for run_id in sorted({*runs, *state.checkpoints})],
    }


def run_json(run_id: int, kind: str, state: State) -> Mapping[str, object]:
    """One run for machines."""
    checkpoint = state.checkpoints.get(run_id)
    if checkpoint is None:
        return {"id": run_id, "state": kind}
    return {
        "id": run_id,
        "state": kind,
        "project_id": checkpoint.project_id,
        "cursor": iso(checkpoint.cursor),
        "floor": iso(checkpoint.floor),
        "read_at": iso(checkpoint.read_at),
        "failing": len(checkpoint.failing),
        "remarks": remarks(checkpoint, state),
        "version": checkpoint.version,
    }
