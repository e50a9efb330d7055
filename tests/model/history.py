"""One random history: what testers, Testmo, the network, an engineer and two pollers do, and what must come of it.

The oracle is a plain list of what was saved. It says of each result whether it *must* be announced; whether it *may*
be; and how often, at most. It knows nothing of cursors, sweeps and pages.
"""
# ruff: noqa: ANN401 -- hypothesis makes tuples of any kind, and they are handed through

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from testmo_notifier.errors import NotifierError
from testmo_notifier.model import Sent
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.flow.power import Power, powered_poll
from tests.support.memory import WithoutLease
from tests.support.story import FAILED, START, Story
from tools.simulator import StatusId
from tools.simulator.model import Project, Result, Run

TESTS = 40  # of a run: more than two pages of fifteen
NOTHING: Mapping[str, int] = {}
NEVER_HIDDEN = timedelta(seconds=50)  # so much less than the overlap, a late row is found by any read


@dataclass
class Saved:
    """One result that was saved, and what the promise says of it."""

    row: Result
    run: Run
    must: bool
    edits: int = 0

    @property
    def lateness(self) -> timedelta:
        """How much later than its own date it can be seen."""
        return self.row.visible_from - self.row.created_at


@dataclass
class Switches:
    """How this Testmo answers, where nobody promises anything, and whether leases work."""

    bounds: str = "inclusive"
    precision: str = "millisecond"
    ties: str = "ascending"
    lists_deleted: bool = True
    leases: bool = True


@dataclass
class Team:
    """The projects, runs and results of a history."""

    runs: list[Run] = field(default_factory=list)
    saved: list[Saved] = field(default_factory=list)
    deletions: Counter[int] = field(default_factory=Counter)  # by test
    ever_failing: set[int] = field(default_factory=set)


class History:
    """Plays one random history. Actions are methods; `settle` lets everything come right, `check` asks the oracle."""

    def __init__(self, story: Story, switches: Switches) -> None:
        self.story = story
        to = story.testmo.switches
        to.bounds, to.precision = switches.bounds, switches.precision  # type: ignore[assignment]  # each is one of its literals
        to.ties, to.lists_deleted = switches.ties, switches.lists_deleted  # type: ignore[assignment]  # the same
        if not switches.leases:
            story.store = WithoutLease()
        self.switches = switches
        self.team = Team()
        self.doubles_allowed = False
        self.watch_is_settled = True
        self.least_overlap = self.overlap
        self.garden = story.world.add_project("Garden")
        story.world.hide_project(self.garden)
        self.team.runs = [story.add_run(f"Run {n}", TESTS) for n in range(2)]
        self.team.runs.append(story.add_run("Beds", TESTS, project=self.garden))
        old = [story.save(run, number, status) for run in self.team.runs for number, status in ((1, FAILED), (2, 4))]
        self.before = {row.id for row in old}
        story.wait(5)
        story.poll()
        story.wait(1)

    @property
    def overlap(self) -> timedelta:
        overlap: timedelta = self.story.settings["scope"].overlap
        return overlap

    @property
    def watched(self) -> tuple[int, ...]:
        ids: tuple[int, ...] = self.story.settings["watch"].status_ids
        return ids

    def act(self, name: str, *about: Any) -> None:
        """One thing that somebody does."""
        getattr(self, "_" + name.replace(" ", "_"))(*about)

    # What testers do

    def _save(self, which: int, number: int, status: StatusId, about: Mapping[str, int] = NOTHING) -> None:
        late, skew = about.get("late", 0), about.get("skew", 0)
        run = self._run(which)
        if run is None or run.closed_at is not None:
            return
        now = self.story.time
        row = self.story.save(
            run,
            number,
            status,
            created_at=self.story.world.stamp() + timedelta(seconds=skew),
            visible_from=now + timedelta(seconds=late),
        )
        for saved in self.team.saved:
            # What is later than the overlap, or edited, is found by a sweep, and that sees only a test's latest row.
            if saved.row.test_id == row.test_id and (saved.edits or self._is_late(saved)):
                saved.must = False
        saved = Saved(row, run, must=status in self.watched and self._is_known(run.project_id))
        first = max(run.created_at, START + timedelta(seconds=10))
        if skew < 0 and (self._is_late(saved) or row.created_at < first):
            saved.must = False  # its own date says that it is older than what we watch
        self.team.saved.append(saved)
        self._note_failing(saved)

    def _bulk(self, which: int, status: StatusId, tests: int) -> None:
        for number in range(1, tests + 1):
            self._save(which, number, status)

    def _edit(self, back: int, status: StatusId) -> None:
        saved = self._row(back)
        if saved is None:
            return
        was_watched = saved.row.status_id in self.watched
        saved.edits += 1
        self.story.world.edit_result(saved.row, status=status)
        if status not in self.watched:
            saved.must = False  # edited away, perhaps before anybody saw it
        elif not was_watched:
            saved.must = (
                self.watch_is_settled
                and self._is_latest(saved)
                and not self._is_over(saved.run)
                and self._was_taken_over(saved.run)
            )
        self._note_failing(saved)

    def _note(self, back: int) -> None:
        saved = self._row(back)
        if saved is not None:
            saved.edits += 1
            self.story.world.edit_result(saved.row, note="<p>more about it</p>")

    def _delete(self, back: int, hard: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        saved = self._row(back)
        if saved is not None:
            self.team.saved.remove(saved)
            self.team.deletions[saved.row.test_id] += 1
            self.story.world.delete_result(saved.row, hard=hard)

    def _open(self, in_garden: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        project = self.garden if in_garden else self.story.shop
        self.team.runs.append(self.story.add_run(f"Run {len(self.team.runs)}", TESTS, project=project))

    def _close(self, which: int) -> None:
        run = self._run(which)
        if run is None or run.closed_at is not None:
            return
        self.story.world.close_run(run)
        for saved in self.team.saved:
            if saved.run is run and saved.row.visible_from >= self.story.time + self.least_overlap:
                saved.must = False  # a closed run is not read for ever

    def _reopen(self, which: int) -> None:
        run = self._run(which)
        if run is not None and run.closed_at is not None:
            self.story.world.reopen_run(run)

    def _delete_run(self, which: int) -> None:
        run = self._run(which)
        if run is not None:
            self.team.runs.remove(run)
            self.story.world.delete_run(run)
            self.team.saved = [saved for saved in self.team.saved if saved.run is not run]

    # What Testmo and its network do

    def _fault(self, name: str, path: str, times: int) -> None:
        self.story.testmo.faults.add(name, path=path, times=times)

    def _between_pages(self, page: int, *actions: tuple[Any, ...]) -> None:
        self.story.before_page(page, lambda: self._all(actions), times=1)

    def _hide(self, project: int) -> None:
        self.story.world.hide_project(self._project(project))

    def _show(self, project: int) -> None:
        self.story.world.show_project(self._project(project))

    # What the engineer does

    def _watch(self, *statuses: int) -> None:
        for saved in self.team.saved:
            if saved.row.status_id not in statuses or saved.row.status_id not in self.watched:
                saved.must = False  # not watched all the time
        self.story.settings["watch"] = Watch(statuses)
        self.watch_is_settled = False  # until every run was read with it: an old row edited meanwhile is an old row
        for saved in self.team.saved:
            self._note_failing(saved)

    def _set_overlap(self, seconds: int) -> None:
        self.story.settings["scope"] = self.story.scope(overlap=timedelta(seconds=seconds))
        self.least_overlap = min(self.least_overlap, self.overlap)
        for saved in self.team.saved:
            if saved.lateness and not self._is_latest(saved):
                saved.must = False

    def _set_budget(self, requests: int) -> None:
        self.story.settings["requests_per_minute"] = requests

    def _set_staleness(self, minutes: int) -> None:
        self.story.settings["staleness"] = timedelta(minutes=minutes)

    # What becomes of a poll

    def poll(self, fate: str, *about: Any) -> None:
        """One poll, if it comes to that; a failed one says so, and the next one goes on."""
        with suppress(NotifierError):
            getattr(self, "_poll_" + fate.replace(" ", "_"))(*about)

    def _poll_well(self, skew: int = 0) -> None:
        summary = self.story.poll(now=lambda: self.story.time + timedelta(seconds=skew))
        self.watch_is_settled = self.watch_is_settled or summary.status == "ok"

    def _poll_not_at_all(self) -> None:
        """The schedule, or AWS, left one out."""

    def _poll_killed(self, at: int) -> None:
        self.doubles_allowed = True
        powered_poll(self.story, Power(at))

    def _poll_twice(self, at: int, pause: int) -> None:
        """A second poller does a whole poll in the middle of this one, which stalled so long."""
        self.doubles_allowed = self.doubles_allowed or pause > 0 or not self.switches.leases
        powered_poll(self.story, Power(at, strike=lambda: self._second_poll(pause)))

    def _second_poll(self, pause: int) -> None:
        first = self.story.store
        self.story.wait(pause)
        with suppress(NotifierError):
            powered_poll(self.story, Power())
        self.story.store = first

    def _poll_cut_short(self, looks: int) -> None:
        """The invocation's time is over after so many looks at the clock."""
        left = iter([60.0] * looks)
        self.story.poll(seconds_left=lambda: next(left, 14.0))

    def settle(self) -> None:
        """Everything works again, and some hours pass."""
        self.story.testmo.faults.clear()
        for project in (0, 1):
            self._show(project)
        self._set_budget(120)
        for seconds in [60] * 14 + [3600, 60, 3600, 60, 3600, 60, 60, 60]:
            self.story.wait(seconds)
            self.poll("well")

    def check(self) -> None:
        """Nothing is lost, nothing is made up, nothing comes up again and again."""
        announced = self._announced()
        missing = [saved.row.id for saved in self.team.saved if saved.must and saved.row.id not in announced]
        assert missing == [], "never announced"
        assert not announced.keys() & self.before, "old results announced"
        assert announced.keys() <= self.team.ever_failing, "announced without being new and failing"
        assert self.story.store.pending() == []
        ids = [key for sent in self._told() for key in sent.notifications.values()]
        assert len(ids) == len(set(ids)), "two messages with one id: Slack would get only the first"
        if not self.doubles_allowed:
            doubled = [
                (saved.row.id, announced[saved.row.id])
                for saved in self.team.saved
                if announced[saved.row.id] > 1 + saved.edits + self.team.deletions[saved.row.test_id]
            ]
            assert doubled == [], "announced more than once"

    # What the oracle knows

    def _told(self) -> list[Sent]:
        return [sent for run_id in self.story.store.told for sent in self.story.store.sent(run_id)]

    def _announced(self) -> Counter[int]:
        """How often each result was named in an event, or counted in its total."""
        keys = {key: sent.keys for sent in self._told() for key in sent.notifications.values()}
        for event in self.story.events:
            assert event["total"] == len(keys[event["id"]])
            assert {result["id"] for result in event["results"]} <= keys[event["id"]]
        return Counter(key for event in self.story.events for key in keys[event["id"]])

    def _all(self, actions: Iterable[tuple[Any, ...]]) -> None:
        for action in actions:
            self.act(*action)

    def _run(self, which: int) -> Run | None:
        return self.team.runs[which] if which < len(self.team.runs) else None

    def _row(self, back: int) -> Saved | None:
        return self.team.saved[-1 - back] if back < len(self.team.saved) else None

    def _project(self, which: int) -> Project:
        return (self.story.shop, self.garden)[which]

    def _note_failing(self, saved: Saved) -> None:
        if saved.row.status_id in self.watched:
            self.team.ever_failing.add(saved.row.id)

    def _is_known(self, project_id: int) -> bool:
        return bool(self.story.store.projects([project_id]))

    def _was_taken_over(self, run: Run) -> bool:
        """Whether what was failing in a run before we came is known by now: an edit before that looks like it."""
        checkpoint = self.story.store.checkpoints([run.id]).get(run.id)
        return checkpoint is not None and checkpoint.silent_before is None

    def _is_over(self, run: Run) -> bool:
        return run.closed_at is not None and self.story.time >= run.closed_at + self.least_overlap

    def _is_latest(self, saved: Saved) -> bool:
        rows = [
            r for r in self.story.world.results_of(saved.run) if r.test_id == saved.row.test_id and not r.deleted_at
        ]
        return max(rows, key=lambda r: (r.created_at, r.id)).id == saved.row.id

    def _is_late(self, saved: Saved) -> bool:
        return saved.lateness > max(timedelta(0), self.least_overlap - NEVER_HIDDEN)


Minute = tuple[
    list[tuple[Any, ...]], int, tuple[Any, ...]
]  # what happens in it, how long it is, what its poll comes to


def play(story: Story, minutes: Iterable[Minute], switches: Switches, ask: Callable[[History], None]) -> None:
    """A whole history, and then `ask` what came of it."""
    history = History(story, switches)
    for actions, seconds, fate in minutes:
        for action in actions:
            history.act(*action)
        history.poll(*fate)
        story.wait(seconds)
    history.settle()
    ask(history)
