"""The world behind the API: who is there, what they planned, which results they saved.

An ordinary object: tests and stories change it directly, the API only reads it. Every change happens under one
lock, so a server may answer while a test changes things.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tools.lib import stamps
from tools.simulator.model import Issue, Result, Run, Test, User
from tools.simulator.scene import Scene


class World(Scene):
    """A scene in which people save, edit and delete results, and open and close runs."""

    def save_result(  # noqa: PLR0913 - everything but test and status has a default
        self,
        test: Test,
        status: int,
        *,
        note: str | None = None,
        elapsed_us: int | None = None,
        by: User | None = None,
        assignee: User | None = None,
        issues: Sequence[Issue] = (),
        created_at: datetime | None = None,
        visible_from: datetime | None = None,
        step: int = 0,
    ) -> Result:
        """Save a result of a test.

        Args:
            test: the test; it may have results already, this one becomes the latest unless its stamp is older.
            status: a status id, see `StatusId`.
            note: HTML, as the editor of Testmo writes it.
            elapsed_us: how long the test took, in microseconds.
            by: who saved it.
            assignee: who shall look into it; None is "unassigned".
            issues: linked tickets.
            created_at: the stamp, cut to milliseconds; now when left out. Equal stamps are normal.
            visible_from: the API lists the row from this moment on: a late commit. At once when left out.
            step: of a case with steps, the step that it is the result of; the whole test when left out.
        """
        with self.lock:
            created = stamps.to_millisecond(created_at or self.now())
            run = self.runs[test.run_id]
            result = Result(
                id=self._next(Result),
                run_id=run.id,
                project_id=run.project_id,
                test_id=test.id,
                case_id=test.case_id,
                status_id=status,
                created_at=created,
                created_by=self._id(by),
                visible_from=visible_from or min(created, self.now()),
                note=note,
                elapsed_us=elapsed_us,
                assignee_id=assignee.id if assignee else None,
                issues=tuple(issue.id for issue in issues),
                step=step,
            )
            self._results[run.id][result.id] = result
        return result

    def edit_result(
        self, result: Result, *, status: int | None = None, note: str | None = None, by: User | None = None
    ) -> None:
        """Change a saved result. Its `created_at` stays, so no filter of the API finds the change."""
        with self.lock:
            result.status_id = result.status_id if status is None else status
            result.note = result.note if note is None else note
            result.updated_at = self.stamp()
            result.updated_by = self._id(by)

    def delete_result(self, result: Result, *, hard: bool = False, by: User | None = None) -> None:
        """Delete a result: hard removes the row, soft leaves it in the lists with `deleted_at` set.

        Either way it counts no more, and the test's result before it becomes the latest again.
        """
        with self.lock:
            if hard:
                del self._results[result.run_id][result.id]
            else:
                result.deleted_at = self.stamp()
                result.deleted_by = self._id(by)

    def close_run(self, run: Run, *, by: User | None = None) -> None:
        """Close a run. It can still be read; its state becomes Done."""
        with self.lock:
            run.closed_at = self.stamp()
            run.closed_by = self._id(by)
            run.state_id = 10

    def reopen_run(self, run: Run, *, by: User | None = None) -> None:
        """Open a closed run again; its state becomes In progress."""
        with self.lock:
            run.closed_at = run.closed_by = None
            run.state_id = 7
            run.updated_at = self.stamp()
            run.updated_by = self._id(by)

    def delete_run(self, run: Run) -> None:
        """Delete a run with its tests and results: it answers 404 from now on."""
        with self.lock:
            del self.runs[run.id]
            self._results.pop(run.id, None)
            for test in self._tests_of_run.pop(run.id, []):
                del self.tests[test.id]

    def tests_of(self, run: Run) -> list[Test]:
        """The tests of a run, in the order they were added."""
        with self.lock:
            return list(self._tests_of_run[run.id])

    def results_of(self, run: Run) -> list[Result]:
        """Every row of a run in the order of saving, also the deleted and the not yet visible."""
        with self.lock:
            return list(self._results[run.id].values())
