"""Rules 6 and 7, decision by decision: since when things are watched, and when closed runs are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from testmo_notifier.errors import (
    Invisible,
    LostRace,
    NotifierError,
    OutOfBudget,
    PollFailed,
    RequestRejected,
    Unreadable,
)
from testmo_notifier.model import Control, Listed, Looked, Project, ProjectState, Run, Scope
from testmo_notifier.sources.testmo_runs.discovery import discover, first_state, is_active
from testmo_notifier.sources.testmo_runs.projects import (
    Discovery,
    Lookout,
    has_closed_unseen,
    pages_of,
    with_closing_time,
)
from testmo_notifier.sources.testmo_runs.worker_pool import WorkerPool
from tests.support.executors import AtOnce
from tests.support.factories import START, at, make_project, make_run
from tests.support.memory import MemoryStore

HOUR = 3_600.0
DAY = 86_400.0
OVERLAP = timedelta(seconds=300)
NOW = at(DAY)
ALONE = WorkerPool(AtOnce(), 1, lambda: None)


@pytest.mark.parametrize(
    ("created_at", "watched_since"),
    [
        (None, at(10)),
        (at(-1), at(10)),  # older than we are: from now on
        (at(0), at(10)),
        (at(1), at(0)),  # not from before we came, however long the overlap
        (at(400), at(100)),
    ],
)
def test_a_project_is_watched_from_its_creation_if_it_was_made_after_installation(
    created_at: datetime | None, watched_since: datetime
) -> None:
    began_at = at(10) if created_at is None or created_at < at(100) else at(500)

    state = first_state(make_project(created_at=created_at), START, began_at, margin=OVERLAP)

    assert state == ProjectState(3, watched_since)


def test_a_project_dated_ahead_of_testmos_own_clock_is_watched_from_now_on() -> None:
    assert first_state(make_project(created_at=at(900)), START, at(10), margin=OVERLAP).watched_since == at(10)


@pytest.mark.parametrize(
    ("project", "active"),
    [
        ({}, True),
        ({"is_completed": True}, False),
        ({"is_completed": True, "completed_at": at(99)}, False),
        ({"is_completed": True, "completed_at": at(100)}, True),
    ],
)
def test_a_project_is_looked_into_until_it_is_completed_and_a_little_longer(
    project: dict[str, Any], *, active: bool
) -> None:
    assert is_active(make_project(**project), at(100)) is active


@pytest.mark.parametrize(
    ("found", "oldest"),
    [
        ({"complete": True}, NOW),
        ({"complete": False}, at(50)),  # looked into alone, or else at the last complete discovery
        ({"complete": False, "known": {3: ProjectState(3, START, looked_at=at(90))}}, at(90)),
        ({"complete": False, "known": {3: ProjectState(3, START, gone_at=at(1))}}, NOW),  # said by name, not by age
        ({"complete": False, "known": {}, "has_strays": True}, at(50)),  # nobody knows which these are
        ({"complete": False, "states": {3: ProjectState(3, START, looked_at=at(95))}}, at(95)),
    ],
)
def test_the_project_that_waits_longest_says_how_far_discovery_is_behind(
    found: dict[str, Any], oldest: datetime
) -> None:
    discovery = Discovery(**{"began_at": NOW, "known": {3: ProjectState(3, START)}, **found})

    assert discovery.oldest_look(at(50)) == oldest


def test_before_the_first_complete_discovery_a_project_waits_since_it_is_watched() -> None:
    discovery = Discovery(NOW, known={3: ProjectState(3, at(7))}, complete=False, has_strays=True)

    assert discovery.oldest_look(None) == at(7)


@pytest.mark.parametrize(
    ("count", "known", "closed", "unseen"),
    [
        (None, 4, [], False),
        (4, 4, [], False),
        (5, 4, [at(60)], False),
        (6, 4, [at(60)], True),
        (5, 4, [at(59)], True),  # closed before we looked last: not the one that is counted
        (5, 4, [None], False),
        (1, None, [], True),
    ],
)
def test_more_runs_were_closed_than_the_list_shows(
    count: int | None, known: int | None, closed: list[datetime | None], *, unseen: bool
) -> None:
    project, state = make_project(run_closed_count=count), ProjectState(3, START, run_closed_count=known)
    runs = [make_run(n, closed_at=moment) for n, moment in enumerate(closed)]

    assert has_closed_unseen(project, state, runs, at(60)) is unseen


@pytest.mark.parametrize(("told", "kept", "moment"), [(at(1), at(2), at(1)), (None, at(2), at(2)), (None, None, at(3))])
def test_a_closed_run_has_a_closing_time_even_where_testmo_leaves_it_out(
    told: datetime | None, kept: datetime | None, moment: datetime
) -> None:
    state = ProjectState(3, START, closing={12: kept} if kept else {})

    run = with_closing_time(make_run(closed_at=told), state, at(3))

    assert (run.is_closed, run.closed_at) == (True, moment)


class Lists:
    """A Testmo that has runs; remembers from when on closed ones were asked for."""

    def __init__(
        self,
        opened: list[Run] | None = None,
        closed: list[Run] | None = None,
        *,
        alone: Mapping[int, Any] | None = None,
    ) -> None:
        self.opened, self.closed, self.alone = opened or [], closed or [], alone or {}
        self.closed_after: list[datetime] = []
        self.fails: dict[int, NotifierError] = {}
        self.closed_fails: NotifierError | None = None
        self.looked_into: list[int] = []

    def open_runs(self, project_id: int, _pool: Executor | None = None) -> Listed[Run]:
        self.looked_into.append(project_id)
        if project_id in self.fails:
            raise self.fails[project_id]
        return Listed(self.opened)

    def closed_runs(self, _project_id: int, moment: datetime) -> Listed[Run]:
        self.closed_after.append(moment)
        if self.closed_fails is not None:
            raise self.closed_fails
        return Listed(self.closed)

    def run(self, run_id: int) -> Run:
        found = self.alone.get(run_id, Invisible("404", status=404))
        if isinstance(found, NotifierError):
            raise found
        assert isinstance(found, Run)
        return found


def look(
    testmo: Lists,
    *states: ProjectState,
    project: dict[str, Any] | None = None,
    control: Looked | None = None,
    hourly: bool = False,
    half_spent: bool = False,
    run_ids: tuple[int, ...] = (),
) -> Discovery:
    found = Discovery(NOW, known={state.project_id: state for state in states})
    Lookout(
        testmo=testmo,  # type: ignore[arg-type]
        control=control or Looked(discovered_at=at(DAY - 60), closed_checked_at=at(DAY - 60), polled_at=at(DAY - 60)),
        scope=Scope((), run_ids, OVERLAP, timedelta(0)),
        found=found,
        hourly=hourly,
        now=NOW,
        pool=ALONE,
        has_room=lambda _: not half_spent,
    ).look_around([make_project(state.project_id, **{"run_closed_count": 4, **(project or {})}) for state in states])
    return found


QUIET: dict[str, Any] = {"watched_since": START, "run_closed_count": 4}


@pytest.mark.parametrize(
    ("state", "given", "closed_after"),
    [
        ({}, {}, []),
        ({}, {"project": {"run_closed_count": None}}, [at(DAY - 360)]),
        ({"run_closed_count": 3}, {}, [at(DAY - 360), START - OVERLAP]),  # more than the list shows: look further back
        ({"open_runs": frozenset({99})}, {}, [at(DAY - 360)]),  # left the list of open runs
        ({"closing": {99: at(DAY - 900)}}, {}, [at(DAY - 1_200)]),  # not done with
        ({"gone_at": at(DAY - HOUR)}, {}, [at(DAY - 360)]),
        ({}, {"hourly": True}, [at(-360)]),  # a day back from the last look
        ({}, {"control": Looked(discovered_at=at(DAY - 60))}, []),
        ({}, {"run_ids": (7,)}, [at(DAY - 360), START - OVERLAP]),  # RunIds named others before
        (
            {"looked_at": at(DAY - 7_200)},
            {"control": Looked(discovered_at=at(DAY - 9_000), closed_checked_at=at(DAY - 60))},
            [at(-7_500)],  # it was left out when closed runs were looked at last
        ),
    ],
)
def test_closed_runs_are_asked_for_when_there_is_a_reason_and_from_when_on(
    state: dict[str, Any], given: dict[str, Any], closed_after: list[datetime]
) -> None:
    testmo = Lists()

    look(testmo, ProjectState(3, **{**QUIET, **state}), **given)

    assert testmo.closed_after == closed_after


def test_a_run_that_was_opened_is_no_reason_to_ask_for_closed_ones() -> None:
    testmo = Lists([make_run(12), make_run(13)])

    look(testmo, ProjectState(3, **QUIET, open_runs=frozenset({12})))

    assert testmo.closed_after == []


@pytest.mark.parametrize(
    ("created_at", "start"),
    [
        (at(DAY - 900), at(DAY - 1_200)),  # one overlap before its creation
        (at(100), START),  # but never before its project was watched
        (None, START),
        (at(DAY + 900), NOW),  # nor later than Testmo's clock
    ],
)
def test_a_run_is_watched_from_one_overlap_before_its_creation(created_at: datetime | None, start: datetime) -> None:
    found = look(Lists([make_run(12, created_at=created_at)]), ProjectState(3, **QUIET))

    assert [(watched.run.id, watched.project_name, watched.start) for watched in found.runs] == [(12, "Shop", start)]


@pytest.mark.parametrize(
    ("count", "hourly", "asked"), [(0, False, []), (0, True, [3]), (1, False, [3]), (None, False, [3])]
)
def test_that_nothing_is_open_is_believed_until_the_hour_is_over(
    count: int | None, asked: list[int], *, hourly: bool
) -> None:
    testmo = Lists()

    look(testmo, ProjectState(3, **QUIET), project={"run_active_count": count}, hourly=hourly)

    assert testmo.looked_into == asked


@pytest.mark.parametrize(("runs", "requests"), [(None, 1), (0, 0), (1, 1), (100, 1), (101, 2), (250, 3)])
def test_a_list_of_open_runs_takes_a_request_for_each_hundred(runs: int | None, requests: int) -> None:
    assert pages_of(make_project(run_active_count=runs)) == requests


def test_a_run_in_no_list_is_looked_for_by_itself_and_kept_while_nobody_knows() -> None:
    closed = make_run(21, is_closed=True, closed_at=at(DAY - 100))
    testmo = Lists(alone={20: make_run(20), 21: closed, 22: Unreadable("500"), 23: RequestRejected("422")})

    found = look(testmo, ProjectState(3, **QUIET, open_runs=frozenset({20, 21, 22, 23, 24})))

    assert sorted(watched.run.id for watched in found.runs) == [20, 21]
    assert found.states[3].open_runs == {20, 22, 23}
    assert (found.complete, found.left, found.settings_problems) == (False, 2, 1)
    assert found.problems == [
        "run 22 could not be looked at: 500",
        "run 23 could not be looked at: 422",
        "run 24 is gone: 404",
    ]
    assert found.states[3].looked_at is None, "it was not looked into to the end"


@pytest.mark.parametrize(("error", "settings"), [(Unreadable("500"), 0), (RequestRejected("422"), 1)])
def test_open_runs_are_watched_though_the_closed_ones_cannot_be_listed(error: NotifierError, settings: int) -> None:
    testmo = Lists([make_run(12)])
    testmo.closed_fails = error
    state = ProjectState(3, START, run_closed_count=3, open_runs=frozenset({20}), closing={21: at(9)}, gone_at=START)

    found = look(testmo, state)

    assert [watched.run.id for watched in found.runs] == [12]
    assert found.states[3] == replace(state, open_runs=frozenset({12, 20}), gone_at=None), (
        "the rest is looked for later"
    )
    assert (found.left, found.settings_problems) == (1, settings)
    assert found.problems[0].startswith("the closed runs of project 3 (Shop): ")


def test_a_run_that_closes_between_two_lists_is_closed() -> None:
    testmo = Lists([make_run(12)], [make_run(12, is_closed=True, closed_at=at(DAY - 1))])

    found = look(testmo, ProjectState(3, **{**QUIET, "run_closed_count": 3}))

    assert [(watched.run.id, watched.run.is_closed) for watched in found.runs] == [(12, True)]
    assert (found.states[3].open_runs, found.states[3].run_closed_count) == (frozenset(), 4)
    assert found.states[3].looked_at == NOW


@pytest.mark.parametrize(
    ("error", "complete", "left", "invisible", "looked_into"),
    [
        (Invisible("403", status=403), True, 0, 1, [3, 4]),
        (Unreadable("500"), False, 1, 0, [3, 4]),
        (RequestRejected("422"), False, 1, 0, [3, 4]),
        (OutOfBudget("used up"), False, 1, 0, [3]),  # nothing more may be asked
    ],
)
def test_a_project_that_cannot_be_looked_into_holds_up_no_other(
    error: NotifierError, *, complete: bool, left: int, invisible: int, looked_into: list[int]
) -> None:
    testmo = Lists()
    testmo.fails[3] = error

    found = look(testmo, ProjectState(3, **QUIET), ProjectState(4, **QUIET))

    assert testmo.looked_into == looked_into
    assert (found.complete, found.left, found.invisible) == (complete, left, invisible)
    assert (3 in found.states) is (invisible == 1)
    assert "project 3" in found.problems[0]


@pytest.mark.parametrize(("gone_for", "looked_into"), [(HOUR - 1, []), (HOUR, [3])])
def test_a_hidden_project_is_tried_again_after_an_hour(gone_for: float, looked_into: list[int]) -> None:
    testmo = Lists()

    found = look(testmo, ProjectState(3, **QUIET, gone_at=at(DAY - gone_for)))

    assert testmo.looked_into == looked_into
    assert (found.problems == []) is (looked_into == [3])


def test_the_project_that_waits_longest_is_looked_into_first_and_one_in_every_poll() -> None:
    testmo = Lists()
    control = Looked(polled_at=NOW)
    states = [
        ProjectState(3, **QUIET, looked_at=at(9)),
        ProjectState(4, **QUIET),
        ProjectState(5, **QUIET, looked_at=at(8)),
    ]

    found = look(testmo, *states, control=control, half_spent=True)
    assert testmo.looked_into == [4]
    (said,) = found.problems
    assert said.startswith("2 of 3 projects were left for the next poll, the other requests are kept")
    assert not found.complete

    testmo.looked_into.clear()
    look(testmo, *states, control=control)
    assert testmo.looked_into == [4, 5, 3]


def test_a_project_nobody_knows_yet_is_left_alone() -> None:
    found = Discovery(NOW)
    project: Project = make_project(3)
    Lookout(
        testmo=Lists(),  # type: ignore[arg-type]
        control=Looked(),
        scope=Scope((), (), OVERLAP, timedelta(0)),
        found=found,
        hourly=False,
        now=NOW,
        pool=ALONE,
        has_room=lambda _: True,
    ).look_around([project])

    assert (found.states, found.runs) == ({}, [])


class Instance(Lists):
    """A Testmo with projects as well."""

    def __init__(self, *projects: Project, strays: tuple[str, ...] = (), **given: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(**given)
        self.listed = Listed(projects, strays)

    def projects(self) -> tuple[Listed[Project], datetime | None]:
        return self.listed, NOW


def discovered(
    testmo: Instance,
    *,
    store: MemoryStore | None = None,
    control: Looked | None = None,
    project_ids: tuple[int, ...] = (),
    run_ids: tuple[int, ...] = (),
    installed: Callable[[datetime], None] = lambda _: None,
) -> Discovery:
    return discover(
        testmo,  # type: ignore[arg-type]
        store or MemoryStore(),
        Control(control or Looked(installed_at=START, discovered_at=at(DAY - 60), closed_checked_at=at(DAY - 60))),
        Scope(project_ids, run_ids, OVERLAP, timedelta(0)),
        now=NOW,
        installed=installed,
        pool=ALONE,
        has_room=lambda _: True,
        shuffle=lambda _: None,
    )


@pytest.mark.parametrize(
    ("checked_at", "hourly"), [(None, True), (at(DAY - HOUR), True), (at(DAY - HOUR + 1), False), (NOW, False)]
)
def test_closed_runs_are_looked_at_once_an_hour_whatever_the_counts_say(
    checked_at: datetime | None, *, hourly: bool
) -> None:
    control = Looked(installed_at=START, discovered_at=at(DAY - 60), closed_checked_at=checked_at)

    assert discovered(Instance(make_project()), control=control).checked_closed is hourly


@pytest.mark.parametrize(("known", "kept"), [(None, [NOW]), (START, [])])
def test_the_moment_of_installation_is_kept_once(known: datetime | None, kept: list[datetime]) -> None:
    moments: list[datetime] = []

    discovered(Instance(make_project()), control=Looked(installed_at=known), installed=moments.append)

    assert moments == kept


def test_some_of_the_project_ids_that_are_not_visible_are_named_and_the_others_watched() -> None:
    testmo = Instance(make_project(3), make_project(4))

    found = discovered(testmo, project_ids=(4, 9))

    assert (testmo.looked_into, found.invisible) == ([4], 1)
    assert found.problems == ["project 9 of ProjectIds is not visible to the token's user"]


def test_a_poll_whose_project_ids_are_all_invisible_fails_in_words() -> None:
    with pytest.raises(PollFailed, match=r"project 9 of ProjectIds is not visible.*correct ProjectIds") as caught:
        discovered(Instance(make_project(3)), project_ids=(9,))

    assert caught.value.reason == "configuration"


def test_an_instance_without_projects_is_no_failure() -> None:
    found = discovered(Instance())

    assert (found.complete, found.runs, found.problems, found.invisible) == (True, [], [], 0)


@pytest.mark.parametrize(("project_ids", "invisible"), [((), 1), ((3,), 0)])
def test_a_project_that_is_listed_no_more_is_named(project_ids: tuple[int, ...], invisible: int) -> None:
    control = Looked(installed_at=START, projects=frozenset({3, 8}))

    found = discovered(Instance(make_project(3)), control=control, project_ids=project_ids)

    assert found.invisible == invisible
    assert any(problem.startswith("project 8 is listed no more") for problem in found.problems) is (invisible == 1)
    assert found.listed == {3}


@pytest.mark.parametrize(
    ("completed_at", "looked_into"), [(at(DAY - 60 - HOUR - 300), [3]), (at(DAY - 61 - HOUR - 300), [])]
)
def test_a_project_completed_within_the_last_hour_is_still_looked_into(
    completed_at: datetime, looked_into: list[int]
) -> None:
    testmo = Instance(make_project(is_completed=True, completed_at=completed_at))

    discovered(testmo)

    assert testmo.looked_into == looked_into


def test_a_project_that_somebody_else_wrote_first_leaves_the_discovery_incomplete() -> None:
    class Raced(MemoryStore):
        def commit_project(self, state: ProjectState) -> ProjectState:
            raise LostRace(f"PROJECT#{state.project_id} was written by another poller meanwhile")

    found = discovered(Instance(make_project()), store=Raced())

    assert (found.complete, found.known) == (False, {})
    assert found.problems == ["project 3 (Shop): PROJECT#3 was written by another poller meanwhile"]


def test_a_project_that_cannot_be_understood_is_left_and_one_that_is_alone_fails_the_poll() -> None:
    found = discovered(Instance(make_project(), strays=("a project has no usable id",)))

    assert (found.complete, found.left, found.has_strays) == (False, 1, True)
    with pytest.raises(PollFailed, match="a project cannot be watched: a project has no usable id"):
        discovered(Instance(strays=("a project has no usable id",)))


def test_a_project_that_is_listed_twice_is_looked_into_once() -> None:
    testmo = Instance(make_project(3), make_project(3))

    discovered(testmo)

    assert testmo.looked_into == [3]


def test_only_the_runs_of_run_ids_are_watched_and_the_missing_ones_are_named_once_an_hour() -> None:
    testmo = Instance(
        make_project(),
        opened=[make_run(12), make_run(13)],
        alone={21: make_run(21, project_id=9), 22: make_run(22), 23: Unreadable("500")},
    )
    control = Looked(installed_at=START, polled_at=at(DAY - 60), run_ids=frozenset({12, 20, 21, 22, 23}))

    hourly = discovered(testmo, control=control, run_ids=(12, 20, 21, 22, 23))
    soon = discovered(testmo, control=replace(control, closed_checked_at=NOW), run_ids=(12, 20, 21, 22, 23))

    assert [watched.run.id for watched in hourly.runs] == [watched.run.id for watched in soon.runs] == [12]
    assert hourly.problems == [
        "run 20 of RunIds is gone: 404",
        "run 21 of RunIds is in project 9, which is not watched",
        "run 23 of RunIds could not be looked at: 500",
    ]
    assert (hourly.complete, hourly.checked_closed) == (False, False), "run 23 is asked for again in the next poll"
    assert (hourly.invisible, hourly.settings_problems, soon.problems) == (1, 1, [])


def test_a_hidden_run_of_run_ids_is_hidden_between_two_hourly_looks_too_and_until_it_is_shown() -> None:
    hidden = Instance(make_project(), alone={20: Invisible("403", status=403)})
    shown = Instance(make_project(), alone={20: make_run(20)})
    control = Looked(installed_at=START, run_ids=frozenset({20}), hidden_runs={20: at(9)})

    tried = discovered(hidden, control=control, run_ids=(20,))
    between = discovered(hidden, control=replace(control, closed_checked_at=NOW), run_ids=(20,))
    again = discovered(shown, control=control, run_ids=(20,))

    assert (tried.hidden_runs, tried.refused, tried.invisible) == ({20}, {20}, 1)
    assert (between.hidden_runs, between.refused, between.invisible, between.problems) == ({20}, set(), 0, [])
    assert (again.hidden_runs, again.problems) == (set(), [])


def test_nothing_more_is_asked_about_run_ids_once_testmo_wants_a_pause() -> None:
    testmo = Instance(make_project(), alone={20: OutOfBudget("used up"), 21: OutOfBudget("used up")})

    found = discovered(testmo, control=Looked(installed_at=START), run_ids=(20, 21))

    assert found.problems == ["run 20 of RunIds could not be looked at: used up"]
    assert (found.complete, found.checked_closed) == (False, False)


@pytest.mark.parametrize(
    ("error", "said", "hidden", "complete", "kept"),
    [
        (Invisible("403", status=403), "project 8 is listed no more: 403; it is tried again in an hour", 1, True, True),
        (Invisible("404", status=404), "project 8 is listed no more: 404", 0, True, False),
        (Unreadable("500"), "project 8 is listed no more: 500", 0, False, True),
        (OutOfBudget("used up"), "project 8 is listed no more: used up", 0, False, True),
        (None, "project 8 is listed no more: deleted, or hidden from the token's user", 0, True, False),
    ],
)
def test_a_project_that_is_listed_no_more_is_kept_while_it_may_be_hidden(
    error: NotifierError | None, said: str, hidden: int, *, complete: bool, kept: bool
) -> None:
    testmo, store = Instance(make_project(3)), MemoryStore()
    store.commit_project(ProjectState(8, **QUIET))
    if error:
        testmo.fails[8] = error

    found = discovered(testmo, store=store, control=Looked(installed_at=START, projects=frozenset({3, 8})))

    assert found.problems == [said]
    assert (found.hidden_projects, found.complete, 8 in found.listed) == (hidden, complete, kept)


def test_what_became_of_one_such_project_keeps_nobody_from_asking_about_another() -> None:
    testmo, store = Instance(make_project(3)), MemoryStore()
    for number, error in ((7, Unreadable("500")), (8, Invisible("404", status=404)), (9, Unreadable("500"))):
        store.commit_project(ProjectState(number, **QUIET))
        testmo.fails[number] = error

    found = discovered(testmo, store=store, control=Looked(installed_at=START, projects=frozenset({3, 7, 8, 9})))

    assert found.listed == {3, 7, 9}


@pytest.mark.parametrize(("minutes", "asked"), [(59, []), (60, [8])])
def test_a_project_that_is_hidden_is_asked_for_again_after_an_hour(minutes: int, asked: list[int]) -> None:
    testmo, store = Instance(make_project(3)), MemoryStore()
    testmo.fails[8] = Invisible("403", status=403)
    store.commit_project(ProjectState(8, **QUIET, gone_at=NOW - timedelta(minutes=minutes)))

    found = discovered(testmo, store=store, control=Looked(installed_at=START, projects=frozenset({3, 8})))

    assert [project for project in testmo.looked_into if project == 8] == asked
    assert found.hidden_projects == 1


def test_without_run_ids_every_run_is_watched() -> None:
    found = discovered(Instance(make_project(), opened=[make_run(12), make_run(13)]))

    assert [watched.run.id for watched in found.runs] == [12, 13]
