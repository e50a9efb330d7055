"""What of a reading is told at once, and what is held: decided at commit, run by run. Pure.

What is told is true when it is told: so a recovery takes out of what is held what it is about, and a failure that
goes another way takes back what was held of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field, replace
from datetime import datetime
from typing import Final

from testmo_notifier import model
from testmo_notifier.lean import dataclass
from testmo_notifier.notices import merge
from testmo_notifier.notices.digest import hash_of
from testmo_notifier.notices.routes import is_for_people
from testmo_notifier.polling.circumstances import Circumstances

MAX_CHANGES: Final = 45  # of what is held of a run, in the one write: it has room for a hundred actions, two for each


@dataclass(slots=True, eq=False)
class HoldOrTell:
    """What is held of one run, while what a reading has to tell is divided: `held`, and what is told `at_once`.

    `causes` are why digests of this reading are held, one for each. `order` is that of its messages. With `adds` False
    nothing more is held: all of it is told at once, for one write had no room for it.
    """

    around: Circumstances
    run_id: int
    before: Iterable[model.Held]
    order: int
    now: datetime
    with_rows: Callable[[model.Outgoing], model.Outgoing]
    adds: bool = True
    held: dict[tuple[str, str], model.Held] = field(default_factory=dict)
    at_once: list[model.Outgoing] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.before = [one for one in self.before if model.is_known(one.cause)]
        self.held = {(one.destination, one.cause): one for one in self.before}

    def divide(self, outgoing: Iterable[model.Outgoing]) -> None:
        """Hold each, or have it told at once."""
        for one in outgoing:
            if one.digest.about == model.RECOVERED:
                self._recovered(one)
            else:
                self._news(one)
        self.at_once = [replace(one, digest=self._with_silenced(one)) for one in self.at_once]

    def open_again(self) -> None:
        """The run goes on: that it was over is held no more."""
        self.held = {key: replace(held, end=None, also=()) for key, held in self.held.items()}

    def changes(self) -> tuple[model.Change, ...]:
        """What is held, as it was and as it is to be."""
        before = {(one.destination, one.cause): one for one in self.before}
        pairs = [model.Change(before.get(key), one) for key, one in self.held.items()]
        return tuple(change for change in pairs if change.before != change.after)

    def _news(self, one: model.Outgoing) -> None:
        if not is_for_people(one.destination):
            self.at_once.append(one)
            return
        interval = self.held.get((one.destination, model.RATE))
        hold = self.around.hold_news(one, interval, run_id=self.run_id, now=self.now)
        whole = self._whole(one) if hold else one
        if hold is None or not self._keep(whole, hold):
            self._tell(one)
            return
        self.causes.append(hold.cause)
        if one.digest.about == model.FAILING:
            self._is_news_elsewhere(whole, hold.cause)

    def _keep(self, one: model.Outgoing, hold: model.Hold) -> bool:
        """Add it to what is held; not if that has no room for it."""
        key = (one.destination, hold.cause)
        if not self._has_room(key):
            return False
        merged = merge.with_news(self.held.get(key), self._whole(one), hold, now=self.now, order=self.order)
        if merge.is_full(merged):
            return False
        self.held[key] = merged
        return True

    def _tell(self, one: model.Outgoing) -> None:
        """Tell it at once; what is held of the same run says nothing else."""
        destination, calm = one.destination, self.around.holding.calm(one.destination)
        self.at_once.append(one)
        if one.digest.about == model.FAILING and any(name == destination for name, _ in self.held):
            self._is_news_elsewhere(one, "")
        if destination in self.around.copied:
            self._keep(one, model.Hold(model.MAILED, self.around.copies_due))
        interval = (destination, model.RATE)
        if calm.at_most_every and interval not in self.held and self._has_room(interval):
            due = self.now + calm.at_most_every
            frame = merge.frame_of(one.digest, ())
            self.held[interval] = model.Held(self.run_id, destination, model.RATE, due, self.now, frame)

    def _has_room(self, key: tuple[str, str]) -> bool:
        """Whether one write can hold this, too."""
        return self.adds and (key in self.held or len(self.held) < MAX_CHANGES)

    def _recovered(self, one: model.Outgoing) -> None:
        """Take out of what is held what passed, and tell the rest to those who ask.

        A bot's message of the run shows all that was told: what of it no reply names now, passes there in silence.
        """
        tests = {test for test, _ in one.rows.values()}
        known: frozenset[int] = frozenset()
        for key, held in self.held.items():
            if key[0] == one.destination:
                known |= merge.failing_in(held) & tests if key[1] != model.MAILED else known
                self.held[key] = merge.with_passed(held, tests)
        if not one.rows:
            self._news(one)
            return
        rest = {key: row for key, row in one.rows.items() if row[0] not in known}
        before = len(self.at_once)
        if rest and any(one.kinds[kind].routes for _, kind in rest.values()):
            asked = all(kind.routes for kind in one.kinds)
            self._news(one if asked and len(rest) == len(one.rows) else self._only(one, rest))
        named = {row.id for told in self.at_once[before:] for row in told.digest.results}
        if one.destination in self.around.holding.bots and not one.rows.keys() <= named:
            rows = tuple(replace(row, note="", issues=()) for row in one.digest.results)
            silent = replace(one.digest, results=rows, is_silent=True, keys=frozenset(tests))
            self.at_once.append(replace(one, id=hash_of([one.id, "silent"]), digest=silent, hold=None))

    def _only(self, one: model.Outgoing, rows: dict[int, tuple[int, int]]) -> model.Outgoing:
        """A digest of recoveries without those that are told in another way, or to nobody here."""
        alone = model.Hold("", self.now)
        kept = merge.with_news(None, replace(one, rows=rows), alone, now=self.now, order=self.order)
        told = merge.sections_of(replace(kept, version=self.order))[0]
        digest = replace(told.digest, held_since=None)
        return replace(told, digest=digest, rows=kept.rows, kinds=kept.kinds, hold=one.hold)

    def _is_news_elsewhere(self, one: model.Outgoing, cause: str) -> None:
        """What is held for other causes takes back what this says anew."""
        one = self._whole(one)
        tests = {test for test, _ in one.rows.values()}
        for key, held in self.held.items():
            if key[0] == one.destination and key[1] not in (cause, model.MAILED):
                self.held[key] = merge.with_failed(held, tests, elsewhere=one.rows.keys())

    def _whole(self, one: model.Outgoing) -> model.Outgoing:
        """With every result, which only what is held needs."""
        return one if one.rows or one.digest.about != model.FAILING else self.with_rows(one)

    def _with_silenced(self, one: model.Outgoing) -> model.Digest:
        """A digest that says what else of its run is silenced."""
        if not is_for_people(one.destination):
            return one.digest
        there = (held for (destination, _), held in self.held.items() if destination == one.destination)
        return replace(one.digest, silenced=merge.silenced_in(there, self.around.holding.silences_now))
