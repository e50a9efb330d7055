"""Rule 20: random routes with random options and silences against random histories. What was found is told in the end.

The event is never held and gets everything (`test_promise` checks that); here every other destination is measured by
it: each failing result that its routes take stands in just one of its messages, or is counted as passed since.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from testmo_notifier.model import FAILING, FOLDED, PASSED_SINCE, RECOVERED, Digest, Notification, Silence
from testmo_notifier.notices.calm import Calm, Window
from testmo_notifier.notices.routes import BY_DEFAULT, Options, Route, Routes, destinations
from tests.flow.power import Wire
from tests.model.history import History, Minute, Switches
from tests.model.pages import short_pages
from tests.model.test_promise import BULK, DELETE, EDIT, RUNS, SAVE
from tests.model.test_routes import NAMES, ROUTES, Listening, Plain, wanted
from tests.support.factories import START
from tests.support.fakes import FakeMailboxes
from tests.support.memory import MemoryTopic
from tests.support.story import BUILT_IN_TEXTS, PASSED, Story, one_worker, playing

MAIL, REST = "email:c", "slack:rest"
PEOPLE = (*NAMES, REST)


def window(begins: float, ends: float) -> Window:
    """Quiet from so many minutes after the beginning until so many."""
    first, last = ((START + timedelta(minutes=minutes)).time() for minutes in (begins, ends))
    return Window(first, last)


def times(*minutes: float) -> tuple[Any, ...]:
    """So many minutes after the beginning, by the clock."""
    return tuple(sorted((START + timedelta(minutes=one)).time() for one in minutes))


CALM = st.builds(
    Calm,
    at_most_every=st.sampled_from([None, None, timedelta(minutes=5), timedelta(minutes=50)]),
    digest_at=st.sampled_from([(), (), times(6, 20), times(200, 700)]),
    quiet=st.sampled_from([(), (), (window(2, 9),), (window(-60, 90),), (window(4, 5), window(30, 600))]),
    quiet_except=st.sampled_from([(), (), ("blocked",), (3,)]),
    fold=st.sampled_from([None, None, 1, 2]),
)
ALL_CALM = st.fixed_dictionaries({}, optional=dict.fromkeys(PEOPLE, CALM))
MATCHES: list[dict[str, tuple[int | str, ...]]] = [
    {"status": ("blocked",)},
    {"run": ("Run 1", "Beds")},
    {"status": (3,)},
]
SILENCE = st.tuples(st.just("silence"), st.sampled_from(MATCHES), st.sampled_from([3, 40, 300]))
AGAIN: st.SearchStrategy[tuple[Any, ...]] = st.tuples(
    st.just("save"), st.integers(0, 1), st.integers(1, 3), st.sampled_from([3, 3, 5, PASSED]), st.just({})
)
WIDE = ROUTES.map(lambda routes: [Plain({}, {}, (MAIL, "slack:a")), *routes])  # everything is held at two of them
ACTIONS = st.one_of(
    *[AGAIN] * 8,
    SAVE,
    BULK,
    EDIT,
    DELETE,
    *(st.tuples(st.just(name), RUNS) for name in ("close", "reopen", "delete run")),
    SILENCE,
    SILENCE,
    st.just(("end silences",)),
    st.tuples(st.just("options"), ALL_CALM),
    st.tuples(st.just("refuse"), st.sets(st.sampled_from(PEOPLE), max_size=3)),
    st.tuples(st.just("refuse"), st.just(frozenset())),
    st.just(("lose", True)),  # nobody can know of a mailbox that is lost and back between two looks
)
FATES = st.one_of(
    *[st.just(("well",))] * 4,
    st.just(("not at all",)),
    st.tuples(st.just("killed"), st.integers(0, 60)),
    st.tuples(st.just("twice"), st.integers(0, 60), st.sampled_from([0, 40])),
)
MINUTES = st.tuples(st.lists(ACTIONS, min_size=2, max_size=5), st.sampled_from([30, 60, 60, 60, 60, 400, 4000]), FATES)


class Mailing(MemoryTopic):
    """A topic that knows whether anybody got a mail."""

    def __init__(self, boxes: FakeMailboxes) -> None:
        super().__init__()
        self.boxes = boxes
        self.nobody_got: set[int] = set()

    def publish(self, notification: Notification) -> None:
        super().publish(notification)
        if notification.destination in self.boxes.now_lost:
            self.nobody_got.add(len(self.notifications) - 1)


class Calming(History):
    """A history in which people want to hear less."""

    def __init__(self, story: Story, routes: list[Plain], recovered: bool) -> None:  # noqa: FBT001 - drawn
        self.boxes = FakeMailboxes(routed=[MAIL])
        self.topic = story.topic = Mailing(self.boxes)
        self.listening = story.renderer = Listening(BUILT_IN_TEXTS)  # type: ignore[assignment]
        story.pool = Wire(story)  # type: ignore[assignment]  # it has what is used
        notify = BY_DEFAULT | ({RECOVERED} if recovered else set())
        made = [one.route(number) for number, one in enumerate(routes, 1)]
        self.routes = tuple(Route(r.destinations, r.name, r.matcher, r.catch_all, notify) for r in made)
        self.plain = routes
        names = destinations(Routes(self.routes), ("slack", "email", "event"))
        self.boxes.routed = [one for one in names if one == MAIL]
        story.settings |= {"destinations": names, "mailboxes": self.boxes}
        story.settings["routes"] = Routes(self.routes)
        self.silences, self.was_lost = 0, False
        super().__init__(story, Switches())

    def _options(self, calm: dict[str, Calm]) -> None:
        self.story.settings["routes"] = Routes(self.routes, {name: Options(calm=one) for name, one in calm.items()})

    def _silence(self, match: dict[str, tuple[int | str, ...]], minutes: int) -> None:
        self.silences += 1
        now = self.story.time
        until = now + timedelta(minutes=minutes)
        self.story.store.put_silence(Silence(f"s{self.silences}", until, "Ada", "a deploy", now, match))

    def _end_silences(self) -> None:
        self.story.store.items.get("CONTROL", {}).pop("silences", None)

    def _refuse(self, names: Iterable[str]) -> None:
        self.story.topic.refused = set(names)

    def _lose(self, is_lost: bool) -> None:  # noqa: FBT001 - drawn
        self.boxes.now_lost = {MAIL} if is_lost else set()
        self.was_lost = self.was_lost or is_lost

    def settle(self) -> None:
        self._refuse(())
        self.story.wait(40)
        for _ in range(16):  # whoever is lost is looked for, and told instead
            self.story.wait(600)
            self.poll("well")
        self._lose(is_lost=False)
        super().settle()
        for _ in range(26):
            self.story.wait(3600)
            self.poll("well")

    def check(self) -> None:
        announced = self._announced()
        missing = [saved.row.id for saved in self.team.saved if saved.must and saved.row.id not in announced]
        assert missing == [], "never announced"
        assert (self.story.store.pending(), self.story.store.held_until(None)) == ([], ([], []))
        self.check_told()

    def check_told(self) -> None:
        """Each destination was told what its routes take, once."""
        got, tests, expected = self._got(), {}, {name: Counter[int]() for name in PEOPLE}
        for digest in got["event"].values():
            for result in digest.results:
                key = result.id or 0
                tests[key] = result.test_id
                here = wanted(self.plain, digest, result)
                for name in PEOPLE if result.previous_status else here:  # who knows the one status is told of the other
                    expected[name][key] += name in here
        for name in PEOPLE:
            mine = [*got[name].values()]
            told, may = Counter(key for digest in mine for key in failing_keys(digest)), expected[name]
            assert all(map(is_exact, mine))
            if name == MAIL and self.was_lost:  # of what nobody got there, others are told, or were anyway
                everything = [one.to for one in self.plain if not (one.match or one.exclude or one.catch_all)]
                others = {REST, *(other for to in everything for other in to)} - {MAIL}
                mine += [digest for other in others for digest in got[other].values()]
            known = {key for digest in mine for key in failing_keys(digest)}
            known |= {one.id or 0 for digest in mine for one in digest.results if one.reason == PASSED_SINCE}
            untold = {key for key, times in may.items() if times} - known
            since = sum(digest.passed_since for digest in mine)
            assert len({tests[key] for key in untold}) <= since, f"lost for {name}: {untold}"
            assert all(map(self._has_passed, untold)), f"{name} was not told of {untold}"
            if name == MAIL or not self.was_lost:
                assert told.keys() <= may.keys(), f"not for {name}"
                doubled = {key: times for key, times in told.items() if times > max(1, may[key])}
                assert not doubled, f"{name} was told twice: {doubled}"

    def _got(self) -> dict[str, dict[str, Digest]]:
        """What reached somebody: for each destination, once for each id."""
        outgoing = {(one.destination, one.id): one.digest for one in self.listening.outgoing}
        got: dict[str, dict[str, Digest]] = defaultdict(dict)
        for number, sent in enumerate(self.topic.notifications):
            if number not in self.topic.nobody_got:
                got[sent.destination][sent.id] = outgoing[sent.destination, sent.id]
        return got

    def _has_passed(self, key: int) -> bool:
        saved = next((saved for saved in self.team.saved if saved.row.id == key), None)
        return saved is None or any(
            other.row.test_id == saved.row.test_id and other.row.status_id == PASSED for other in self.team.saved
        )


def failing_keys(digest: Digest) -> frozenset[int]:
    """The keys of failing results that a message is about; those of passes are other ones."""
    if digest.about == FOLDED:
        return frozenset[int]().union(*(part.keys for part in digest.parts))
    passes = frozenset[int]().union(*(part.keys for part in digest.parts))
    return digest.keys - passes if digest.about == FAILING else frozenset()


def is_exact(digest: Digest) -> bool:
    """Whether a message counts what it is about."""
    if digest.about == FOLDED:
        return digest.total == sum(part.total for part in digest.parts) == sum(digest.counts.values())
    return digest.about != FAILING or digest.total == len(failing_keys(digest)) == sum(digest.counts.values())


@pytest.fixture(autouse=True)
def few_rows_at_a_time() -> Iterator[None]:
    """Several pages without hundreds of rows."""
    with short_pages():
        yield


def play_calmly(routes: list[Plain], minutes: list[Minute], calm: dict[str, Calm], *, recovered: bool) -> None:
    """A whole history, and what came of it."""
    with playing(executor=one_worker) as story:
        history = Calming(story, routes, recovered)
        history.act("options", calm)
        for actions, seconds, fate in minutes:
            for action in actions:
                history.act(*action)
            history.poll(*fate)
            story.wait(seconds)
        history.settle()
        history.check()


@settings(
    max_examples=35,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(WIDE | ROUTES, ALL_CALM, st.lists(MINUTES, min_size=4, max_size=9), st.booleans())
def test_each_destination_is_told_exactly_what_its_routes_take_however_long_it_is_held(
    routes: list[Plain],
    calm: dict[str, Calm],
    minutes: list[Minute],
    recovered: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    play_calmly(routes, minutes, calm, recovered=recovered)


EVERYTHING = [Plain({}, {}, (MAIL, "slack:a")), Plain({}, {}, (REST,), catch_all=True)]
NIGHT = {"slack:a": Calm(quiet=(window(-60, 90),))}
WELL = ("well",)
HISTORIES: dict[str, list[Minute]] = {
    "a mailbox that is lost before the next look at it": [
        ([("save", 0, 3, 3, {})], 60, WELL),
        ([("lose", True), ("save", 0, 4, 3, {})], 60, WELL),
    ],
    "one of two tests passes in the quiet": [
        ([("save", 0, 3, 3, {}), ("save", 0, 4, 3, {})], 60, WELL),
        ([("save", 0, 3, PASSED, {})], 60, WELL),
    ],
    "a silence ends in the quiet": [
        ([("silence", {"status": ("blocked",)}, 3), ("save", 0, 3, 5, {}), ("save", 0, 4, 3, {})], 60, WELL),
        ([("save", 0, 3, 3, {}), ("edit", 1, 5)], 60, WELL),
        ([], 400, WELL),
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_that_needs_what_is_held(name: str) -> None:
    play_calmly(EVERYTHING, HISTORIES[name], NIGHT, recovered=False)
