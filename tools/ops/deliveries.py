"""`deliveries`: did we tell them? What was published is kept for 30 days, and when the queue delivered it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.channels.registry import channel_of
from testmo_notifier.errors import NotifierError
from testmo_notifier.model import Sent
from testmo_notifier.notices.routes import is_for_people
from tools.ops import held, records, wiring
from tools.ops.account import Account
from tools.ops.aws_errors import in_words
from tools.ops.exit_status import FINE, WRONG, Desk, WrongUsage
from tools.ops.times import counted, iso
from tools.ops.why_not import why_not

SHOWN: Final = 200  # --json has all of them
ACCEPTED: Final = "accepted by SNS: that is all that can be known"
ON_ITS_WAY: Final = "published, not taken by {title} yet: see `status` for the queues, `redrive` for dead letters"
WAITING: Final = "waits in the outbox for the next poll"


@dataclass(frozen=True, slots=True)
class Told:
    """One notification to one destination. `at` is when it was published; None while it waits."""

    run_id: int
    destination: str
    notification: str
    results: int
    at: str | None
    is_told: bool
    words: str


def deliveries(desk: Desk, *, result: int | None, since: datetime | None, run: int | None) -> int:
    """Tell of one result, or of everything since a moment; wrong where somebody was not told (yet)."""
    if result is None and since is None and run is None:
        raise WrongUsage("say of what: --result ID, --since WHEN or --run ID")
    account = desk.account
    if run is None:
        published = records.all_sent(account, desk.progress.note)
    else:
        published = records.sent_of_run(account, run, desk.progress.problem)
    found = list(told(account, published, result=result, since=since))
    found += still_waiting(desk, result, run)
    found += held_back(desk, result, run)
    for one in found[:SHOWN]:
        when = one.at or "not published"
        head = f"{when}  run {one.run_id}  {one.destination}  {counted(one.results, 'result')}"
        desk.out.verdict(f"{head}: {one.words}", is_ok=one.is_told)
    if len(found) > SHOWN:
        desk.out.note(f"and {len(found) - SHOWN} more: --json has all of them")
    is_fine = all(one.is_told for one in found) and not (result is not None and not found)
    untold = {} if result is None else explained(desk, result, found, run)
    if not found:
        desk.out.verdict(nothing(result), is_ok=is_fine)
    for destination, why in untold.items():
        desk.out.note(f"not told to {destination}: {why}")
    answer: dict[str, object] = {"ok": is_fine, "deliveries": [asdict(one) for one in found]}
    desk.answer(answer if result is None else {**answer, "not_told": untold})
    return FINE if is_fine else WRONG


def explained(desk: Desk, result: int, found: Sequence[Told], run: int | None) -> dict[str, str]:
    """Why a result that the stack knows went to none of the other destinations; no reason to end with an error."""
    try:
        missing = [name for name in wiring.routed(desk.account.settings) if is_for_people(name)]
        missing = [name for name in missing if name not in {one.destination for one in found}]
        run = found[0].run_id if found else run or run_of(desk, result)
        return why_not(desk.account, run, result, missing) if missing and run is not None else {}
    except (NotifierError, BotoCoreError, ClientError) as exc:
        words = in_words(exc) if isinstance(exc, BotoCoreError | ClientError) else str(exc)
        desk.progress.problem(f"why it was told to nobody else cannot be said now: {words}")
        return {}


def run_of(desk: Desk, result: int) -> int | None:
    """The run whose checkpoint knows a result, if any does."""
    for run_id, checkpoint in records.state(desk.account, desk.progress.note).checkpoints.items():
        known = {key for key, _ in checkpoint.failing.values()}
        if result in known or result in checkpoint.seen or result in checkpoint.superseded:
            return run_id
    return None


def nothing(result: int | None) -> str:
    """Why there may be nothing to show."""
    if result is None:
        return "nothing was published in that time"
    return (
        f"no notification of the last 30 days is about result {result}: it is older, or was failing before its run was "
        "watched, or is not failing, or not watched (statuses, people, projects, runs), or not read yet"
    )


def told(account: Account, published: Iterable[Sent], *, result: int | None, since: datetime | None) -> Iterable[Told]:
    """What became of each notification."""
    for one in published:
        if (result is None or result in one.keys) and (since is None or one.at >= since):
            for destination, key in one.notifications.items():
                is_told, words = became_of(account, destination, key)
                yield Told(one.run_id, destination, key, len(one.keys), iso(one.at), is_told, words)


def became_of(account: Account, destination: str, key: str) -> tuple[bool, str]:
    """Whether somebody was told, and how we know."""
    channel = channel_of(destination)
    if channel is None or not channel.is_queued:
        return True, ACCEPTED
    delivery = records.delivery(account, destination, key)
    if delivery is None:
        return False, ON_ITS_WAY.format(title=channel.title)
    form = "" if delivery.form == "blocks" else ", as text alone"
    return True, f"{channel.title} took it at {delivery.at}{form}"


def still_waiting(desk: Desk, result: int | None, run: int | None) -> list[Told]:
    """What is committed and not published yet."""
    return [
        Told(checkpoint.run_id, out.destination, out.id, out.digest.total, None, is_told=False, words=WAITING)
        for checkpoint in records.store(desk.account).pending()
        for out, keys in records.waiting(checkpoint)
        if (run is None or run == checkpoint.run_id) and (result is None or result in keys)
    ]


def held_back(desk: Desk, result: int | None, run: int | None) -> list[Told]:
    """What is told later on purpose: until when, and why; and what was, and is on its way out."""
    keeping = held.read(desk.account, records.control(desk.account)[0])
    later = [
        Told(one.run_id, one.destination, "", len(one.rows), None, is_told=False, words=keeping.words(one))
        for one in keeping.held
        if (run is None or run == one.run_id) and (result is None or result in one.rows)
    ]
    return later + [
        Told(part.run_id, out.destination, out.id, part.total, None, is_told=False, words=WAITING)
        for envelope in keeping.envelopes
        for out in envelope.outbox
        for part in out.digest.by_run
        if (run is None or run == part.run_id) and (result is None or result in part.keys)
    ]
