"""Which rows are new failing results (rules 2, 6 and 14). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from testmo_notifier.model import Checkpoint, Result
from testmo_notifier.sources.testmo_runs.known import Known
from testmo_notifier.sources.testmo_runs.watch import Watch
from testmo_notifier.sources.testmo_runs.window import Window


class Detector:
    """Goes through the rows of one run, in their order, and keeps in `window` and `known` what was handled.

    After a change of what is watched, rows from before it (`ceased`, Testmo's clock at the last poll under the old
    settings) are judged by the old settings as well, and what only the new ones match is taken over silently. Without
    that, a status that is watched from today on would bring up all its old rows.

    Nothing can have been failing before we came, or before the change, in a run that was made (`created_at`) since,
    whatever its dates say: results that are imported keep their own.
    """

    def __init__(
        self, checkpoint: Checkpoint, watch: Watch, ceased: datetime | None = None, created_at: datetime | None = None
    ) -> None:
        before = checkpoint.silent_before
        self._silent_before = None if before and created_at and created_at > before else before
        self.ceased = ceased
        self._is_later = ceased is not None and created_at is not None and created_at >= ceased
        self._watched_before = watch if checkpoint.watching == watch.fingerprint else Watch.parse(checkpoint.watching)
        self.watch = watch
        self.window = Window(checkpoint)
        self.known = Known(checkpoint)
        self.malformed = 0
        self.misread = ""  # the first of them, and what could not be understood of it

    def new_failing(self, results: Iterable[Result]) -> list[Result]:
        """The rows of a read that are failing and were not handled before, in this read or an earlier one."""
        return [new for result in results if (new := self._read(result)) is not None]

    def found_by_sweep(self, result: Result) -> Iterator[Result]:
        """A test's latest failing row, if it was never announced as it is now."""
        known = self.known.status_of(result)
        if (self._is_news(result, known) or self.known.has_come_back(result)) and not self._is_old(result, known):
            yield self._announce(result, known)
        self.known.keep(result)

    def _read(self, result: Result) -> Result | None:
        self.window.reach(result)
        if not self.watch.is_failing(result) or (self.window.is_below(result) and not self._was_missed(result)):
            return None
        known = self.known.status_of(result)
        if not self._is_news(result, known):
            return None
        announced = self._announce(result, known)
        return announced if self._was_watched(result, self.window.time) else None

    def _is_news(self, result: Result, known: int | None) -> bool:
        return result.key not in self.window.seen if known is None else known != (result.status_id or 0)

    def _announce(self, result: Result, known: int | None) -> Result:
        previous = None if known is None or self.known.has_come_back(result) else known
        self.window.add_seen(result)
        self.known.keep(result)
        self.malformed += bool(result.problems)
        if result.problems and not self.misread:
            self.misread = f"{result.id or 'one without an id'} ({', '.join(map(str, result.problems))})"
        return result if previous is None else result._replace(previous_status_id=previous)

    def _was_missed(self, result: Result) -> bool:
        # A name came to mean another status, and that was noticed when the window had left this row behind.
        after = self.ceased is not None and result.created_at is not None and result.created_at >= self.ceased
        return after and not self._watched_before.is_failing(result)

    def _was_watched(self, result: Result, time: datetime | None) -> bool:
        if self._watched_before is self.watch or self._is_later:
            return True
        if time is not None and self.ceased is not None and time >= self.ceased:
            return True
        return self._watched_before.is_failing(result)

    def _is_old(self, result: Result, known: int | None) -> bool:
        # Rule 6: only what is watched since a moment ago matches it.
        if not self._was_watched(result, result.created_at):
            return True
        # Rule 5: it was told under another status.
        if known is not None:
            return False
        # Rule 6: it was failing before the run was watched.
        before = self._silent_before
        return before is not None and (result.created_at is None or result.created_at < before)
