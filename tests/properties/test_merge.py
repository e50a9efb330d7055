"""Rule 20: what is held is told exactly, whatever happened meanwhile: nothing is lost, nothing is told twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.model import FAILING, FINISHED, PASSED_BETWEEN, PASSED_SINCE, RECOVERED, Held, Hold, Outgoing
from testmo_notifier.notices.fold import folded
from testmo_notifier.notices.merge import failing_in, joined, sections_of, told_of, with_failed, with_news, with_passed
from tests.support.factories import at
from tests.support.holding import failing_news, finished_news, recovered_news

Event = tuple[str, int, object, str]  # what happened, to which test, how, and what holds the news of it
CAUSES = ("quiet", "times", "silence:1")
TESTS = st.integers(1, 5)
STATUSES = st.sampled_from([(3, "Failed"), (5, "Blocked")])
FAIL = st.tuples(st.just("fail"), TESTS, STATUSES, st.sampled_from(CAUSES))
CHANGE = st.tuples(st.just("change"), TESTS, STATUSES, st.sampled_from(CAUSES))
PASS = st.tuples(st.just("pass"), TESTS, st.booleans(), st.sampled_from(CAUSES))
FINISH = st.tuples(st.just("finish"), st.just(0), st.just(None), st.sampled_from(CAUSES))
TELLS_ALL = st.sampled_from(["hear of it", "do not"])
EVENTS = st.lists(FAIL | FAIL | CHANGE | PASS | PASS | FINISH, max_size=25)


@dataclass
class Saved:
    """The oracle: a plain list of what was saved, read as somebody would who has all of it before him."""

    log: list[tuple[str, int, int, tuple[int, str]]] = field(default_factory=list)  # what, test, key, status

    def failures(self, test: int) -> dict[int, tuple[int, str]]:
        return {key: status for what, one, key, status in self.log if what == "fail" and one == test}

    def is_failing(self, test: int) -> bool:
        return next((what for what, one, *_ in reversed(self.log) if one == test), "") == "fail"

    def failing(self) -> dict[int, tuple[int, str]]:
        tests = {one for what, one, *_ in self.log if what == "fail"}
        return {key: status for one in tests if self.is_failing(one) for key, status in self.failures(one).items()}

    def passed_since(self) -> set[int]:
        return {one for what, one, *_ in self.log if what == "fail" and not self.is_failing(one)}

    def recovered(self) -> set[int]:
        """The last pass that somebody asked for, of every test of which nothing else is held."""
        last = {one: key for what, one, key, _ in self.log if what == "asked pass"}
        return {key for one, key in last.items() if not self.failures(one)}

    def between(self) -> set[int]:
        """Tests that failed, or of which a pass was held, then passed, and then failed."""
        found = set()
        for index, (what, test, *_) in enumerate(self.log):
            before = {one[0] for one in self.log[:index] if one[1] == test}
            held = what == "asked pass" or (what == "pass" and "fail" in before)
            if held and self.is_failing(test):
                found.add(test)
        return found


@dataclass
class World:
    """What is held of one run for one destination, for several causes, as a poll changes it."""

    tells_all: bool
    held: dict[str, Held] = field(default_factory=dict)
    saved: Saved = field(default_factory=Saved)
    cause_of: dict[int, str] = field(default_factory=dict)
    order: int = 0
    finished: bool = False

    def add(self, outgoing: Outgoing, cause: str) -> None:
        before = self.held.get(cause)
        hold = Hold(cause, at(3_600))
        after = with_news(before, outgoing, hold, now=at(self.order), order=self.order)
        if not after.is_empty:
            self.held[cause] = after

    def fail(self, test: int, key: int, status: tuple[int, str], cause: str) -> None:
        self.saved.log.append(("fail", test, key, status))
        self.cause_of[key] = cause
        if self.tells_all:
            others = [one for one in self.held if one != cause]
            self.held.update({one: with_failed(self.held[one], {test}, elsewhere={key}) for one in others})
        self.add(failing_news({key: test}, status, at(self.order)), cause)

    def play(self, what: str, test: int, more: object, cause: str) -> None:
        self.order += 1
        if what == "fail":
            self.fail(test, self.order, more, cause)  # type: ignore[arg-type]
        elif what == "change" and (known := self.saved.failures(test)):
            key = max(known)
            self.fail(test, key, more, cause if self.tells_all else self.cause_of[key])  # type: ignore[arg-type]
        elif what == "pass":
            self.saved.log.append(("asked pass" if more else "pass", test, self.order, (2, "Passed")))
            self.held = {one: with_passed(held, {test}) for one, held in self.held.items()}
            self.add(recovered_news({self.order: test}, at(self.order), routes=("team",) if more else ()), cause)
        elif what == "finish":
            self.finished = True
            self.add(finished_news(), cause)


def played(events: list[Event], *, tells_all: bool) -> World:
    world = World(tells_all)
    for event in events:
        world.play(*event)
    return world


@given(EVENTS, TELLS_ALL, st.permutations(CAUSES))
def test_what_is_held_for_several_causes_is_told_as_a_plain_list_of_it_has_it(
    events: list[Event], other_items: str, turn: list[str]
) -> None:
    world = played(events, tells_all=other_items == "hear of it")
    saved = world.saved
    held = [world.held[cause] for cause in turn if cause in world.held]
    told = {one.digest.about: one.digest for one in (sections_of(reduce(joined, held)) if held else ())}

    failing = saved.failing()
    assert set(told) == {
        *([FAILING] if failing or saved.passed_since() else []),
        *([RECOVERED] if saved.recovered() else []),
        *([FINISHED] if world.finished else []),
    }
    if digest := told.get(FAILING):
        assert digest.keys == set(failing)
        assert digest.total == len(failing)
        assert digest.counts == Counter(name for _, name in failing.values())
        assert digest.passed_since == len(saved.passed_since())
        shown = [one for one in digest.results if one.reason != PASSED_SINCE]
        assert {one.id: one.status for one in shown} == {key: name for key, (_, name) in failing.items()}
        assert len(shown) == digest.total - digest.omitted
        assert {one.test_id for one in digest.results if one.reason == PASSED_SINCE} == saved.passed_since()
        assert {one.test_id for one in shown if one.reason == PASSED_BETWEEN} == saved.between()
        assert [one.name for one in digest.mentions] == (["ada"] if failing else [])
    if digest := told.get(RECOVERED):
        assert digest.keys == saved.recovered()
        assert (digest.total, digest.counts) == (len(digest.keys), {"Passed": len(digest.keys)})
        assert digest.mentions == ()


@given(EVENTS)
def test_whatever_is_held_of_a_run_is_one_message_that_says_each_thing_once(events: list[Event]) -> None:
    world = played(events, tells_all=True)
    if not world.held:
        return
    held = reduce(joined, world.held.values())
    sections = [one.digest for one in sections_of(held)]
    told = [one.digest for one in told_of(held)]

    assert len(told) == min(1, len(sections))
    said = [one for digest in told for one in (digest, *digest.parts)]
    assert [(one.about, one.total, one.counts, one.passed_since, one.results) for one in said] == [
        (one.about, one.total, one.counts, one.passed_since, one.results) for one in sections
    ]
    assert [one.about for one in said] == [
        one for one in (FAILING, RECOVERED, FINISHED) if one in {s.about for s in said}
    ]
    for digest in told:
        assert sum(len(one.keys) for one in sections) == len(digest.keys)
        assert digest.mentions == (sections[0].mentions if digest.about == FAILING else ())


@given(EVENTS)
def test_told_cause_by_cause_nothing_is_lost_and_nothing_is_told_twice(events: list[Event]) -> None:
    world = played(events, tells_all=True)
    told = [one.digest for held in world.held.values() for one in sections_of(held) if one.digest.about == FAILING]
    keys = [key for digest in told for key in digest.keys]
    latest = {key: name for digest in told for key, name in ((one.id, one.status) for one in digest.results)}

    assert sorted(keys) == sorted(world.saved.failing())
    assert {key: latest[key] for key in keys} == {key: name for key, (_, name) in world.saved.failing().items()}
    failing = {test for held in world.held.values() for test in failing_in(held)}
    assert failing == {test for _, test, *_ in world.saved.log if world.saved.is_failing(test)}


@given(EVENTS, st.permutations(CAUSES))
def test_the_order_in_which_causes_end_changes_nothing_that_is_told(events: list[Event], turn: list[str]) -> None:
    world = played(events, tells_all=True)
    one_way = [world.held[cause] for cause in CAUSES if cause in world.held]
    other_way = [world.held[cause] for cause in turn if cause in world.held]
    if one_way:
        first, second = told_of(reduce(joined, one_way)), told_of(reduce(joined, other_way))
        assert [one.digest for one in first] == [one.digest for one in second]


@given(st.lists(st.tuples(st.integers(1, 4), EVENTS), max_size=6))
def test_runs_folded_into_one_message_count_what_each_would_have_told(
    stories: list[tuple[int, list[Event]]],
) -> None:
    held = []
    for run_id, events in stories:
        world = played(events, tells_all=True)
        if world.held:
            whole = reduce(joined, world.held.values())
            held.append(of_run(whole, run_id))
    if not held:
        return
    digest = folded("slack:payments", held).digest
    by_run: dict[int, Held] = {}
    for one in held:
        by_run[one.run_id] = joined(by_run[one.run_id], one) if one.run_id in by_run else one
    told = [one.digest for run in by_run.values() for one in sections_of(run)]
    failing = [one for one in told if one.about == FAILING]
    assert digest.total == sum(one.total for one in failing)
    assert sum(digest.counts.values()) == digest.total
    assert digest.passed_since == sum(one.passed_since for one in failing)
    assert {part.run_id for part in digest.parts} == {one.run_id for one in told}
    assert {part.run_id: part.keys for part in digest.parts} == {
        run: frozenset().union(*(one.keys for one in told if one.run_id == run)) for run in by_run
    }
    nested = [(part.run_id, one.about, one.total) for part in digest.parts for one in part.parts]
    assert sorted(nested) == sorted((one.run_id, one.about, one.total) for one in told if one.about != FAILING)


def of_run(held: Held, run_id: int) -> Held:
    end = replace(held.end, run_id=run_id) if held.end else None
    return replace(held, run_id=run_id, frame=replace(held.frame, run_id=run_id), end=end)
