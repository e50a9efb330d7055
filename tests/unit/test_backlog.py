"""Rules 7 and 8: what a poll leaves for later ones, and what it keeps of projects."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

from testmo_notifier.model import Control, Left, Looked, ProjectState, WatchedRun
from testmo_notifier.polling.backlog import Backlog
from testmo_notifier.polling.marks import Marks
from testmo_notifier.polling.remember import keep_projects
from testmo_notifier.polling.setup import Setup
from testmo_notifier.sources.testmo_runs.projects import Discovery
from tests.support.factories import START, at, make_run

SHOP = 3  # the project of `make_run`


def test_a_run_that_moved_while_it_waited_for_its_turn_counts_as_late_until_it_is_read() -> None:
    looked = Looked(polled_at=START, marks_at=START, marks_epoch="1")
    backlog = Backlog(Control(looked, left=Left(turns={12: at(0)})), started=at(60))
    moved = WatchedRun(make_run(12), "Shop", START)

    backlog.chosen(Discovery(at(60), runs=[moved]), moved=[moved], turns=[])
    backlog.left(12)  # no request was left for it

    assert (backlog.undone, backlog.turns) == ({12}, {})


def test_turns_and_marks_that_an_older_version_knew_nothing_of_are_forgotten() -> None:
    """It polled last, and read those runs: their marks speak of what they were."""
    looked = Looked(polled_at=at(60), marks_at=START, marks_epoch="1")
    control = Control(looked, left=Left(turns={12: at(0)}))

    assert Backlog(control, started=at(120)).turns == {}
    assert Marks.of_poll(looked, at(120)) != Marks("1")
    assert Marks.of_poll(replace(looked, marks_at=at(60)), at(120)) == Marks("1")


def test_a_closed_run_is_waited_for_unless_it_is_gone_or_nobody_looked_into_its_project() -> None:
    kept: list[ProjectState] = []
    closed = [
        make_run(run_id, is_closed=True, closed_at=at(50), project_id=project_id)
        for run_id, project_id in ((12, SHOP), (13, SHOP), (14, 9))
    ]
    state = ProjectState(SHOP, START, open_runs=frozenset({12, 13}))
    found = Discovery(
        at(60), runs=[WatchedRun(run, "Shop", START) for run in closed], known={SHOP: state}, states={SHOP: state}
    )
    parts = SimpleNamespace(
        store=SimpleNamespace(commit_project=kept.append), scope=SimpleNamespace(overlap=at(300) - at(0))
    )

    keep_projects(cast("Setup", parts), found, {}, deleted={12}, ceased={})

    (after,) = kept
    assert (after.project_id, set(after.open_runs), dict(after.closing)) == (SHOP, {13}, {13: at(50)})
