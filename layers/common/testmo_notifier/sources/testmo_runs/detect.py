"""Which rows are new failing results, and the checkpoint after them (rules 1, 2, 4, 6 and 14). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from testmo_notifier.model import Checkpoint, Expands, Result, ResultsPage, Resume
from testmo_notifier.notices.text import short_note

# A row without a date may come back with every read, so it is remembered as long as its run.
FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
MAX_OLDER: Final = 20_000  # some 60 KB; what falls out is announced again if all that came after it is deleted
FROM_THE_BEGINNING: Final = Resume(bound=None, page=1, total=None)


@dataclass(frozen=True, slots=True)
class Watch:
    """What counts as failing: a watched status, and, where ids are given, one of these people. 0 is unassigned."""

    status_ids: tuple[int, ...]
    created_by_ids: tuple[int, ...] = ()
    assignee_ids: tuple[int, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Changes whenever what is watched changes; kept in every checkpoint."""
        lists = (self.status_ids, self.created_by_ids, self.assignee_ids)
        return "/".join(",".join(map(str, sorted(ids))) for ids in lists)

    @classmethod
    def parse(cls, fingerprint: str) -> Watch:
        """The watch of a fingerprint."""
        lists = [tuple(int(key) for key in part.split(",") if key) for part in fingerprint.split("/")]
        return cls(*lists)

    def has_unknown(self, counters: Mapping[int, int], failing: Mapping[int, object]) -> bool:
        """Whether counters show more failing tests than are known. They know nothing of people, so filters end it."""
        if self.created_by_ids or self.assignee_ids:
            return False
        return sum(counters.get(status, 0) for status in self.status_ids) > len(failing)

    def is_failing(self, result: Result) -> bool:
        """Whether to announce a row. What a row does not say is taken as watched: better one message too many."""
        if result.is_deleted:
            return False
        if result.status_id is not None and result.status_id not in self.status_ids:
            return False
        if self.created_by_ids and result.created_by is not None and result.created_by not in self.created_by_ids:
            return False
        if result.assignee_id is None and any(problem.startswith("assignee_id") for problem in result.problems):
            return True
        return not self.assignee_ids or (result.assignee_id or 0) in self.assignee_ids


@dataclass(frozen=True, slots=True)
class Swept:
    """How a sweep ended. `resume` says where to go on, `replaces` that it saw every failing test at once.

    `began_at` is Testmo's clock when it began, None where it did not come to its end.
    """

    resume: Resume | None = None
    replaces: bool = False
    problem: str | None = None
    began_at: datetime | None = None


def first_checkpoint(run_id: int, project_id: int, start: datetime, watch: Watch) -> Checkpoint:
    """The checkpoint of a run at first sight: nothing before `start` will ever be announced.

    The first sweep takes over what is failing already, so that a later one knows what is new.
    """
    return Checkpoint(
        run_id=run_id,
        project_id=project_id,
        cursor=start,
        floor=start,
        watching=watch.fingerprint,
        sweep=FROM_THE_BEGINNING,
        silent_before=start,
    )


class Detector:
    """Goes through the rows of one read, in their order, and keeps what the next checkpoint needs.

    After a change of what is watched, rows from before it (`ceased`, Testmo's clock at the last poll under the old
    settings) are judged by the old settings as well, and what only the new ones match is taken over silently. Without
    that, a status that is watched from today on would bring up all its old rows.
    """

    def __init__(self, checkpoint: Checkpoint, watch: Watch, ceased: datetime | None = None) -> None:
        self._before = checkpoint
        self._watch = watch
        self._ceased = ceased
        self._watched_before = watch if checkpoint.watching == watch.fingerprint else Watch.parse(checkpoint.watching)
        self._seen = dict(checkpoint.seen)
        self._failing = dict(checkpoint.failing)
        self._older = dict(checkpoint.older)
        self._time = checkpoint.floor  # of the row before, for one without a date of its own
        self._newest = checkpoint.cursor
        self._swept: dict[int, tuple[int, int]] = {}
        self._held: dict[int, tuple[Result, Expands]] = {}
        self.malformed = 0
        self.misread = ""  # the first of them, and what could not be understood of it

    def new_failing(self, results: Iterable[Result]) -> list[Result]:
        """The rows that are failing and were not handled before, in this read or an earlier one."""
        return [new for result in results for new in self._read(result)]

    def sweep(self, page: ResultsPage) -> list[Result]:
        """The rows of a sweep (each test's latest, if it is failing) that were never announced as they are now."""
        return [new for result in page.results for new in self._sweep(result, page.expands)]

    def held_back(self) -> list[tuple[Result, Expands]]:
        """What remains of a sweep at its end: tests of which no row is the one that was announced."""
        found: list[tuple[Result, Expands]] = []
        for result, expands in self._held.values():
            found += [(new, expands) for new in self._found_by_sweep(result)]
            self._swept[slot_of(result)] = state_of(result)
        return found

    def is_unexplained(self, counters: Mapping[int, int]) -> bool:
        """Whether a run's counters, taken before the read, show more failing tests than we know of."""
        return self._watch.has_unknown(counters, self._failing)

    def has_nothing_to_take_over(self, counters: Mapping[int, int]) -> bool:
        """Whether the first sweep of a run can be spared, because nothing in it was failing."""
        return self._before.silent_before is not None and not any(
            counters.get(status) for status in self._watch.status_ids
        )

    def _read(self, result: Result) -> Iterator[Result]:
        self._time = result.created_at or self._time
        self._newest = max(self._newest, self._time)
        is_old = result.created_at is not None and result.created_at < self._before.floor
        if is_old or not self._watch.is_failing(result):
            return
        if self._is_news(result):
            announced = self._announce(result)
            if self._was_watched(result, self._time):
                yield announced

    def _sweep(self, result: Result, expands: Expands) -> Iterator[Result]:
        slot = slot_of(result)
        if slot in self._swept or result.is_latest is False or not self._watch.is_failing(result):
            return
        if slot in self._failing and self._failing[slot][0] != result.key:
            # Another row than the announced one. The announced one may follow: a case with steps has several
            # latest rows. If it does not, the test failed anew without our seeing it.
            self._held[slot] = (replace(result, note=short_note(result.note)), expands)
            return
        self._swept[slot] = state_of(result)
        self._held.pop(slot, None)
        yield from self._found_by_sweep(result)

    def _found_by_sweep(self, result: Result) -> Iterator[Result]:
        if (self._is_news(result) or self._has_come_back(result)) and not self._is_silent(result):
            yield self._announce(result)
        self._keep(result)

    def _known_status(self, result: Result) -> int | None:
        """The status under which a row was announced or taken over, None if it never was, or long ago."""
        key, status = self._failing.get(slot_of(result), (None, None))
        if key == result.key:
            return status
        status = self._older.get(result.key)
        return ~status if status is not None and status < 0 else status

    def _is_news(self, result: Result) -> bool:
        known = self._known_status(result)
        return result.key not in self._seen if known is None else known != (result.status_id or 0)

    def _has_come_back(self, result: Result) -> bool:
        """Whether a row is failing again after a sweep that did not find it failing.

        If nobody ever edited it, a later result of its test was deleted, and there is nothing new about it.
        """
        return self._older.get(result.key, 0) < 0 and result.updated_at is not None

    def _announce(self, result: Result) -> Result:
        previous = None if self._has_come_back(result) else self._known_status(result)
        self._seen[result.key] = result.created_at or FOREVER
        self._keep(result)
        self.malformed += bool(result.problems)
        if result.problems and not self.misread:
            self.misread = f"{result.id or 'one without an id'} ({', '.join(result.problems)})"
        return result if previous is None else replace(result, previous_status_id=previous)

    def _keep(self, result: Result) -> None:
        """A row is its test's latest failing one; the one before it is remembered for when this one is deleted."""
        slot = slot_of(result)
        if slot in self._failing:
            key, status = self._failing[slot]
            self._older[key] = status
        self._failing[slot] = state_of(result)
        self._older.pop(result.key, None)

    def _was_watched(self, result: Result, time: datetime | None) -> bool:
        if time is not None and self._ceased is not None and time >= self._ceased:
            return True
        return self._watched_before.is_failing(result)

    def _is_silent(self, result: Result) -> bool:
        if not self._was_watched(result, result.created_at):
            return True
        if self._known_status(result) is not None:
            return False
        before = self._before.silent_before
        return before is not None and (result.created_at is None or result.created_at < before)

    def finished(
        self,
        *,
        overlap: timedelta,
        counters: Mapping[int, int],
        began_at: datetime,
        closed_at: datetime | None,
        swept: Swept,
    ) -> Checkpoint:
        """The checkpoint after a complete read. `counters` are the run's as they were before it."""
        cursor = self._cursor(began_at)
        floor = max(self._before.floor, cursor - overlap)
        if swept.replaces:
            gone = (known for slot, known in self._failing.items() if slot not in self._swept)
            self._older |= {key: ~status for key, status in gone}
        return replace(
            self._before,
            cursor=cursor,
            floor=floor,
            seen={key: time for key, time in self._seen.items() if time >= floor},
            failing=self._swept if swept.replaces else self._failing,
            older=self._newest_older(),
            counters=dict(counters),
            resume=None,
            watching=self._before.watching if swept.resume else self._watch.fingerprint,
            sweep=swept.resume,
            swept=self._before.swept if swept.resume else "",
            silent_before=self._before.silent_before if swept.resume else None,
            read_at=began_at,
            closed_at=closed_at,
            gone_at=None,
        )

    def interrupted(self, *, began_at: datetime, resume: Resume, swept: Swept) -> Checkpoint:
        """The checkpoint after a part of a read; floor and counters wait for the rest."""
        was_swept = self._before.sweep is not None and swept.resume is None
        return replace(
            self._before,
            cursor=self._cursor(began_at),
            seen=self._seen,
            failing=self._failing,
            older=self._newest_older(),
            resume=resume,
            sweep=swept.resume,
            swept=self._watch.fingerprint if was_swept else self._before.swept,
            gone_at=None,
        )

    def _newest_older(self) -> dict[int, int]:
        return {key: self._older[key] for key in sorted(self._older)[-MAX_OLDER:]}

    def _cursor(self, began_at: datetime) -> datetime:
        # The window must not move past rows that are still to come: neither by a row dated ahead of Testmo's own
        # clock, nor by one saved after the read began, when others may have become visible on pages already read.
        return max(self._before.cursor, min(self._newest, began_at))


def slot_of(result: Result) -> int:
    """Where `failing` keeps a row: under its test, or by itself where it names none."""
    return result.test_id if result.test_id is not None else -1 - abs(result.key)


def state_of(result: Result) -> tuple[int, int]:
    """What `failing` keeps of a row."""
    return result.key, result.status_id or 0
