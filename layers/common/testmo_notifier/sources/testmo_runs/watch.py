"""What is watched: which results count as failing, and how settings are compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from testmo_notifier.lean import dataclass
from testmo_notifier.model import Result


@dataclass(frozen=True)
class Watch:
    """What counts as failing: a watched status, and, where ids are given, one of these people. 0 is unassigned."""

    status_ids: tuple[int, ...]
    created_by_ids: tuple[int, ...] = ()
    assignee_ids: tuple[int, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever what is watched changes; kept in every checkpoint."""
        lists = (self.status_ids, self.created_by_ids, self.assignee_ids)
        return "/".join(",".join(map(str, sorted(ids))) for ids in lists)

    @classmethod
    def parse(cls, fingerprint: str) -> Watch:
        """The watch of a fingerprint."""
        lists = [tuple(int(key) for key in part.split(",") if key) for part in fingerprint.split("/")]
        return cls(*lists)

    def shows_failing(self, counters: Mapping[int, int]) -> bool:
        """Whether a run's counters show a failing test, whoever it is of."""
        return any(counters.get(status) for status in self.status_ids)

    def has_unknown(self, counters: Mapping[int, int], failing: Mapping[int, object]) -> bool:
        """Whether a run's counters show more failing tests than are known."""
        if self.created_by_ids or self.assignee_ids:
            return False  # counters know nothing of people, so they explain nothing where people are filtered by
        return sum(counters.get(status, 0) for status in self.status_ids) > len(failing)

    def is_failing(self, result: Result) -> bool:
        """Whether to announce a row. What a row does not say is taken as watched: better one message too many."""
        if result.is_deleted:
            return False
        if result.status_id is not None and result.status_id not in self.status_ids:
            return False
        if self.created_by_ids and result.created_by is not None and result.created_by not in self.created_by_ids:
            return False
        if not self.assignee_ids or (result.assignee_id or 0) in self.assignee_ids:
            return True
        return result.assignee_id is None and any(problem.field == "assignee_id" for problem in result.problems)
