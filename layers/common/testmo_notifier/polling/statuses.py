"""Statuses that are watched by name: which ids Testmo knows them by.

No call lists the statuses of an instance, but lists of runs can carry them. What was learned is kept, because a
watch that lost a status for one poll would take over its results as old ones: silently, never to be announced. So
a known name needs no answer, and an unknown one keeps the poll from reading until Testmo has answered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from testmo_notifier.errors import Invisible, PollFailed, RequestRejected, Unreadable
from testmo_notifier.lean import dataclass
from testmo_notifier.model import Watching
from testmo_notifier.notices.matching import plain
from testmo_notifier.polling.setup import Poll, Setup
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.watch import Watch

if TYPE_CHECKING:
    from testmo_notifier.ports import Testmo

MAX_ASKED: Final = 5  # projects in one poll; statuses are the instance's, so the first with a run mostly knows all
SHOWN_NAMES: Final = 25  # of statuses, in the words about one that nobody knows
MAX_CEASED: Final = 20  # settings of the past that are remembered, for runs that were not read since

Learned = Mapping[str, tuple[int, ...]]  # names as `plain` writes them; two statuses may share one


@dataclass(slots=True)
class Names:
    """What is known of the watched names after asking. `others` are the names Testmo does have.

    `untold` are those known before of which nobody can say what they mean now: a project did not tell its names.
    """

    learned: dict[str, tuple[int, ...]]
    others: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    untold: Collection[str] = ()


def find_watch(setup: Setup, this: Poll, found: Discovery) -> Watch:
    """Complete the watch with the ids of the statuses that are watched by name, and keep since when it is this one.

    They are asked for at first sight, while one is unknown, and hourly.
    """
    lease, report, wanted, before = this.lease, this.report, setup.status_names, this.lease.control.watching
    names = Names(dict(before.statuses), untold=before.untold_since.keys())
    if wanted and (found.checked_closed or not all(plain(name) in names.learned for name in wanted)):
        lease.renew()
        projects = dict.fromkeys([*(watched.run.project_id for watched in found.runs), *found.known])
        names = learn(this.testmo, wanted, names.learned, projects)
    watch, problems = completed(setup.watch, wanted, names, has_runs=bool(found.runs))
    asked_at = lease.control.looked.closed_checked_at
    told_at = {name: at for name in before.statuses if (at := before.untold_since.get(name, asked_at))}
    kept = with_watch(before, watch, names.learned, told_at)
    untold = {plain(name) for name in wanted}.intersection(names.untold)
    untold_since = {name: at for name, at in told_at.items() if name in untold}
    lease.control = replace(lease.control, watching=replace(kept, watched_at=found.began_at, untold_since=untold_since))
    report.problems += [*names.problems, *problems]
    report.settings_problems += len(problems)
    return watch


def learn(testmo: Testmo, wanted: Iterable[str], learned: Learned, project_ids: Iterable[int]) -> Names:
    """Ask for the ids of names, a project after the other until all are known.

    Raises `PollFailed` when nobody answers and a name is still unknown, `StopReading` when nothing may be asked.
    """
    names = Names({plain(name): learned[plain(name)] for name in wanted if plain(name) in learned})
    answered: dict[str, tuple[int, ...]] = {}
    told: dict[int, str] = {}
    unread: list[str] = []
    for project_id in list(project_ids)[:MAX_ASKED]:
        try:
            told |= testmo.statuses(project_id)
        except Unreadable as exc:
            unread.append(f"the names of statuses could not be read: {exc}")
            continue
        except (Invisible, RequestRejected) as exc:
            names.problems.append(f"project {project_id} does not tell the names of statuses: {exc}")
            continue
        answered = {plain(name): () for name in told.values()}
        for status_id, name in sorted(told.items()):
            answered[plain(name)] += (status_id,)
        if all(plain(name) in answered for name in wanted):
            break
    missing = [name for name in wanted if plain(name) not in answered and plain(name) not in names.learned]
    if missing and unread:
        raise PollFailed(f"{unread[0]}; until they are, nobody knows which results to announce", reason="unreadable")
    names.problems += unread
    names.untold = names.learned.keys() - answered.keys() if names.problems else ()
    names.learned |= {plain(name): answered[plain(name)] for name in wanted if plain(name) in answered}
    names.others = [told[status_id] for status_id in sorted(told)]
    return names


def completed(watch: Watch, wanted: Iterable[str], names: Names, *, has_runs: bool) -> tuple[Watch, list[str]]:
    """The watch with the ids of its names, and what to say of those that nobody knows.

    Raises `PollFailed` when there are runs and no status at all to look for.
    """
    unknown = [name for name in wanted if plain(name) not in names.learned]
    ids = dict.fromkeys((*watch.status_ids, *(id_ for name in wanted for id_ in names.learned.get(plain(name), ()))))
    listed = ", ".join(names.others[:SHOWN_NAMES]) or "none so far: it shows them with its first run"
    problems = [
        f"AlertStatusIds: no status of this Testmo is called {name!r}, so it is not watched; it has {listed}. "
        "Correct the name, or give the id"
        for name in unknown
    ]
    if not ids and has_runs:
        raise PollFailed("; ".join(problems), reason="configuration")
    return replace(watch, status_ids=tuple(ids)), problems


def with_watch(kept: Watching, watch: Watch, learned: Learned, told_at: Mapping[str, datetime]) -> Watching:
    """Keep what is watched, and of what was watched before, when that ended: results from then on are new ones.

    It ended with the last poll that watched it. Where a name has come to mean another status, nobody knows since when,
    and it ended when Testmo last told that name (`told_at`).
    """
    ceased = dict(kept.ceased)
    if kept.watching and kept.watched_at and kept.watching != watch.fingerprint:
        moved = [name for name, ids in kept.statuses.items() if learned.get(name, ids) != ids]
        ceased[kept.watching] = min((told_at[name] for name in moved if name in told_at), default=kept.watched_at)
    ceased.pop(watch.fingerprint, None)
    latest = sorted(ceased, key=ceased.__getitem__)[-MAX_CEASED:]
    return replace(
        kept, watching=watch.fingerprint, ceased={watch: ceased[watch] for watch in latest}, statuses=learned
    )
