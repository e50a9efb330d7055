"""The promise against random histories: whatever testers, Testmo, the network and a killed poller do.

The oracle is a plain list of what was saved. A failing result must be announced unless it was deleted, alone or with
its run, or edited away before it was seen; nothing that was never failing, or was there before us, may be; and
nothing twice without a crash.
"""
# ruff: noqa: ANN401, FBT001 -- hypothesis makes tuples of any kind, and they are handed through

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from testmo_notifier.errors import NotifierError
from tests.story import BLOCKED, FAILED, PASSED, Story, playing
from tools.simulator import StatusId
from tools.simulator.model import Result, Run

TESTS = 4
WATCHED = (FAILED, BLOCKED)
FAULTS = ("429", "500", "502", "login-page", "truncated", "cut-json", "reset", "redirect")
STATUSES = st.sampled_from([FAILED, FAILED, BLOCKED, PASSED, StatusId.RETEST])
RUNS = st.integers(0, 2)
ROWS = st.integers(0, 5)  # counted from the newest

ACTIONS = st.one_of(
    st.tuples(st.just("save"), RUNS, st.integers(1, TESTS), STATUSES, st.sampled_from([0, 0, 0, 90, 200, 1000, 5000])),
    st.tuples(st.just("bulk"), RUNS, STATUSES),
    st.tuples(st.just("edit"), ROWS, STATUSES),
    st.tuples(st.just("note"), ROWS),
    st.tuples(st.just("delete"), ROWS, st.booleans()),
    st.tuples(st.just("open")),
    st.tuples(st.just("close"), RUNS),
    st.tuples(st.just("reopen"), RUNS),
    st.tuples(st.just("delete run"), RUNS),
    st.tuples(
        st.just("fault"),
        st.sampled_from(FAULTS),
        st.sampled_from(["*", "/runs/*", "/projects", "/projects/*/runs", "/projects/*/cases"]),
        st.integers(1, 4),
    ),
    st.tuples(st.just("between pages"), ROWS),
)
POLLS = st.one_of(
    st.just(("poll",)),
    st.just(("poll",)),
    st.just(("no poll",)),
    st.tuples(st.just("killed"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("skewed"), st.integers(-100, 100)),
)
MINUTES = st.tuples(st.lists(ACTIONS, max_size=4), st.sampled_from([1, 30, 60, 60, 60, 400, 4000]), POLLS)
HISTORIES = st.lists(MINUTES, min_size=1, max_size=9)
PLAIN = ("inclusive", "millisecond", "ascending", True)
SWITCHES = st.tuples(
    st.sampled_from(["inclusive", "exclusive"]),
    st.sampled_from(["millisecond", "second"]),
    st.sampled_from(["ascending", "descending", "shuffled"]),
    st.booleans(),
)


class Killed(BaseException):
    """The invocation is cut off: nothing may catch it."""


@dataclass
class Saved:
    """One result that was saved, and what the promise says of it."""

    row: Result
    run: Run
    was_failing: set[int] = field(default_factory=set)
    covered: bool = True
    edited: bool = False


class History:
    """Plays one random history."""

    def __init__(self, story: Story, switches: tuple[Any, ...]) -> None:
        self.story = story
        to = story.testmo.switches
        to.bounds, to.precision, to.ties, to.lists_deleted = switches
        self.saved: list[Saved] = []
        self.crashed = False
        self.tests_with_deletions: set[int] = set()
        self.ever_failing: set[int] = set()
        self.runs = [story.add_run(f"Run {n}", TESTS) for n in range(2)]
        self.before = {story.save(self.runs[0], number, FAILED).id for number in (1, 2)}
        story.wait(5)
        story.poll()
        story.wait(1)

    def act(self, name: str, *about: Any) -> None:
        getattr(self, "_" + name.replace(" ", "_"))(*about)

    def _save(self, which: int, number: int, status: StatusId, late: int, **details: Any) -> None:
        run = self._run(which)
        if run is None or run.closed_at is not None:
            return
        if late:
            details["visible_from"] = self.story.time + timedelta(seconds=late)
        row = self.story.save(run, number, status, **details)
        for saved in self.saved:
            # Beyond the overlap only a test's latest row can be found: what was edited before it is out of reach.
            if saved.row.test_id == row.test_id and (saved.edited or self._is_later_than_overlap(saved)):
                saved.covered = False
        self.saved.append(Saved(row, run, {status} if status in WATCHED else set(), covered=True))
        if status in WATCHED:
            self.ever_failing.add(row.id)

    def _bulk(self, which: int, status: StatusId) -> None:
        stamp = self.story.world.stamp()
        for number in range(1, TESTS + 1):
            self._save(which, number, status, 0, created_at=stamp)

    def _edit(self, back: int, status: StatusId) -> None:
        saved = self._row(back)
        if saved is None:
            return
        if saved.row.status_id in WATCHED and status not in WATCHED:
            saved.covered = False  # edited away, perhaps before anybody saw it
        elif status in WATCHED and saved.row.status_id not in WATCHED:
            saved.covered = self._is_latest(saved)
        saved.edited = True
        self.story.world.edit_result(saved.row, status=status)
        if status in WATCHED:
            saved.was_failing.add(status)
            self.ever_failing.add(saved.row.id)

    def _note(self, back: int) -> None:
        saved = self._row(back)
        if saved is not None:
            self.story.world.edit_result(saved.row, note="<p>more about it</p>")

    def _delete(self, back: int, hard: bool) -> None:
        saved = self._row(back)
        if saved is not None:
            self.saved.remove(saved)
            self.tests_with_deletions.add(saved.row.test_id)
            self.story.world.delete_result(saved.row, hard=hard)

    def _open(self) -> None:
        self.runs.append(self.story.add_run(f"Run {len(self.runs)}", TESTS))

    def _close(self, which: int) -> None:
        run = self._run(which)
        if run is not None and run.closed_at is None:
            self.story.world.close_run(run)

    def _reopen(self, which: int) -> None:
        run = self._run(which)
        if run is not None and run.closed_at is not None:
            self.story.world.reopen_run(run)

    def _delete_run(self, which: int) -> None:
        run = self._run(which)
        if run is not None and len(self.runs) > 1:
            self.runs.remove(run)
            self.story.world.delete_run(run)
            self.saved = [saved for saved in self.saved if saved.run is not run]

    def _fault(self, name: str, path: str, times: int) -> None:
        self.story.testmo.faults.add(name, path=path, times=times)

    def _between_pages(self, back: int) -> None:
        self.story.before_page(1, lambda: self._delete(back, hard=True), times=1)

    def poll(self, fate: str, *about: Any) -> None:
        if fate == "no poll":
            return
        if fate == "killed":
            self._poll_and_be_killed(*about)
            return
        offset = timedelta(seconds=about[0] if about else 0)
        try:
            self.story.poll(now=lambda: self.story.time + offset)
        except NotifierError:
            return  # a failed poll says so; the next one goes on

    def _poll_and_be_killed(self, writes: int, after: bool) -> None:
        self.crashed = True
        store, put = self.story.store, self.story.store._put
        left = [writes]

        def dying_put(key: str, version: int, item: dict[str, Any]) -> None:
            left[0] -= 1
            if left[0] < 0 and not after:
                raise Killed
            put(key, version, item)
            if left[0] < 0:
                raise Killed

        store._put = dying_put  # type: ignore[method-assign]  # for this one poll
        with suppress(Killed, NotifierError):
            self.story.poll()
        store._put = put  # type: ignore[method-assign]  # as it was

    def settle(self) -> None:
        """Everything works again, and some hours pass."""
        self.story.testmo.faults.clear()
        for seconds in [60] * 14 + [3600, 60, 3600, 60, 3600, 60]:
            self.story.wait(seconds)
            self.poll("poll")

    def check(self) -> None:
        announced = Counter((r["id"], r["status_id"]) for event in self.story.events for r in event["results"])
        ids = {key for key, _ in announced}
        must = [saved.row.id for saved in self.saved if saved.covered and saved.row.status_id in WATCHED]
        assert sorted(set(must) - ids) == [], "never announced"
        assert not ids & self.before, "old results announced"
        assert ids <= self.ever_failing, "announced without being new and failing"
        if not self.crashed:
            doubled = [
                (saved.row.id, status, n)
                for saved in self.saved
                for status in WATCHED
                if (n := announced[saved.row.id, status]) > 1
                and saved.row.test_id not in self.tests_with_deletions
                and not saved.edited
            ]
            assert doubled == [], "announced more than once"

    def _run(self, which: int) -> Run | None:
        return self.runs[which] if which < len(self.runs) else None

    def _row(self, back: int) -> Saved | None:
        return self.saved[-1 - back] if back < len(self.saved) else None

    def _is_latest(self, saved: Saved) -> bool:
        rows = [
            r for r in self.story.world.results_of(saved.run) if r.test_id == saved.row.test_id and not r.deleted_at
        ]
        return max(rows, key=lambda r: (r.created_at, r.id)).id == saved.row.id

    def _is_later_than_overlap(self, saved: Saved) -> bool:
        return saved.row.visible_from - saved.row.created_at > timedelta(seconds=250)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(HISTORIES, SWITCHES)
# An old result edited to Failed long after the overlap: only the sweep finds it.
@example(
    [
        ([("save", 0, 3, PASSED, 0)], 4000, ("poll",)),
        ([("save", 0, 4, FAILED, 0)], 4000, ("poll",)),
        ([("edit", 1, FAILED)], 60, ("poll",)),
    ],
    PLAIN,
)
# A run that is opened, fails and closes between two polls.
@example([([("open",), ("save", 2, 1, FAILED, 0), ("close", 2)], 60, ("poll",))], PLAIN)
# The result after an old one is deleted: the old one is the latest again, and still nothing new.
@example(
    [
        ([("save", 0, 1, FAILED, 0), ("save", 0, 1, FAILED, 0)], 1, ("poll",)),
        ([("delete", 1, True), ("delete", 0, True)], 4000, ("poll",)),
    ],
    PLAIN,
)
def test_every_new_failing_result_is_announced_and_nothing_else(
    minutes: list[tuple[list[tuple[Any, ...]], int, tuple[Any, ...]]], switches: tuple[Any, ...]
) -> None:
    with playing() as story:
        history = History(story, switches)
        for actions, seconds, fate in minutes:
            for action in actions:
                history.act(*action)
            history.poll(*fate)
            story.wait(seconds)
        history.settle()
        history.check()
