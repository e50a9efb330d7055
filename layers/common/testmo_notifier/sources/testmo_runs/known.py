"""What is known of failing tests: which results were announced, and which stood there before them (rule 5). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from testmo_notifier.model import Checkpoint, Failing, Result, Superseded

MAX_SUPERSEDED: Final = 20_000  # some 60 KB; what falls out is announced again if all that came after it is deleted


class Known:
    """The `failing` and `superseded` of a checkpoint, while a read adds to them, and which of them a sweep confirms."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.failing = dict(checkpoint.failing)
        self._superseded = dict(checkpoint.superseded)
        self._unconfirmed = None if checkpoint.unconfirmed is None else set(checkpoint.unconfirmed)

    def status_of(self, result: Result) -> int | None:
        """The status under which a row was announced or taken over, None if it never was, or long ago."""
        state = self.failing.get(result.test_key)
        if state is not None and state[0] == result.key:
            return state[1]
        before = self._superseded.get(result.key)
        return None if before is None else before.status

    def told_under(self, status_ids: Collection[int]) -> Failing:
        """Of each test what was announced under one of these statuses, where a row that is just so is no news."""
        return {
            test: told
            for test, told in self.failing.items()
            if told[1] in status_ids and told[0] not in self._superseded
        }

    def has_come_back(self, result: Result) -> bool:
        """Whether a row is failing again after a sweep that did not find it failing.

        If nobody ever edited it, a later result of its test was deleted, and there is nothing new about it; unless it
        was told that the test had recovered.
        """
        before = self._superseded.get(result.key)
        return before is not None and before.gone and (result.updated_at is not None or before.recovered)

    def is_another(self, result: Result) -> bool:
        """Whether another row of the same test was announced."""
        test = result.test_key
        return test in self.failing and self.failing[test][0] != result.key

    def keep(self, result: Result) -> None:
        """A row is its test's latest failing one; the one before it is remembered for when this one is deleted."""
        test, state = result.test_key, (result.key, result.status_id or 0)
        key, status = self.failing.get(test, state)
        if key != result.key:
            self._superseded[key] = Superseded(status)
        self.failing[test] = state
        self._superseded.pop(result.key, None)
        self.confirm((test,))

    def confirm(self, tests: Iterable[int]) -> None:
        """What was announced of these tests is there."""
        if self._unconfirmed is not None:
            self._unconfirmed.difference_update(tests)

    def sweep_begins(self) -> None:
        """From now on it is noted which tests a sweep finds, or a read announces meanwhile."""
        self._unconfirmed = set(self.failing)

    def kept_in(self, checkpoint: Checkpoint, *, saw_all: bool) -> Checkpoint:
        """A checkpoint that holds what is known now; what is confirmed, only while a sweep is under way.

        If that `saw_all`, in one poll or in several, what it did not find is gone.
        """
        for test in (self._unconfirmed or ()) if saw_all else ():
            if test in self.failing:
                key, status = self.failing.pop(test)
                self._superseded[key] = Superseded(status, gone=True)
        superseded = self._superseded
        if len(superseded) > MAX_SUPERSEDED:
            superseded = {key: superseded[key] for key in sorted(superseded)[-MAX_SUPERSEDED:]}
        goes_on = checkpoint.sweep is not None and checkpoint.sweep.page > 1 and self._unconfirmed is not None
        unconfirmed = frozenset(self._unconfirmed or ()) if goes_on else None
        return replace(checkpoint, failing=self.failing, superseded=superseded, unconfirmed=unconfirmed)
