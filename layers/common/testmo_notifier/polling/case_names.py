"""Names for cases, and their folders. Results carry only a case id, and no call reads a single case.

So the list of a project's cases is paged once, a few pages a poll, then only for what is new, and once a day again for
what was renamed or moved. Everything here is a courtesy: it spends what the results left of the budget, and whatever
goes wrong, the message goes out with `C-<id>` instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from testmo_notifier.errors import NotifierError, StopReading
from testmo_notifier.lean import dataclass
from testmo_notifier.model import CASES, FOLDERS, CaseProgress, CasesPage, Digest, NamedResult
from testmo_notifier.notices.named import MAX_FOLDER_CHARS, MAX_NAME_CHARS, folder_of, optional_line
from testmo_notifier.text.shortening import one_line

if TYPE_CHECKING:
    from testmo_notifier.ports import Store, Testmo

REFRESH_AFTER: Final = timedelta(days=1)  # after which a list of cases is read anew: cases are renamed
MAX_PAGES: Final = 20  # in one poll; the 13,700 cases of a large project take seven polls
MARGIN: Final = timedelta(seconds=1)  # by which the bound of a list is further back: it may be exclusive
Completed = dict[tuple[str, int], datetime]  # when the names (or folders) of a project were complete


@dataclass(slots=True, eq=False)
class CaseNames:
    """The names of cases: from the table, and a little of them from Testmo in every poll.

    `kept` says what they are: the names, or the folders that the cases are in. Where `folders` are read, too, a digest
    is given both. `completed` lasts as long as the process: of a project in it nothing is read before it is due.
    """

    testmo: Testmo
    store: Store
    now: datetime
    has_room: Callable[[], bool]
    kept: str = CASES
    folders: CaseNames | None = None
    completed: Completed = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _pages: int = 0
    _known: dict[int, dict[int, str | None]] = field(default_factory=dict)  # by project, what was looked up by now
    _noted: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def name(self, digest: Digest) -> Digest:
        """The digest with every name that is known by now, and so each of its parts; each project is looked up once."""
        wanted: defaultdict[int, set[int]] = defaultdict(set)
        for one in (digest, *digest.parts):
            wanted[one.project_id] |= cases_of(one)
        known: dict[int, Known] = {}
        for project_id, cases in wanted.items():
            if cases:
                folders = self.folders._look_up(project_id, cases) if self.folders else {}  # noqa: SLF001 - its like
                known[project_id] = Known(self._look_up(project_id, cases), folders)
        parts = tuple(with_names(part, known) for part in digest.parts)
        return replace(with_names(digest, known), parts=parts)

    def _look_up(self, project_id: int, case_ids: Collection[int]) -> dict[int, str]:
        """What the table has of cases. What it gave before is not read again: many runs have the same ones."""
        known = self._known.setdefault(project_id, {})
        if new := [case_id for case_id in case_ids if case_id not in known]:
            known |= dict.fromkeys(new) | self.store.case_names(project_id, new, self.kept)
        return {case_id: name for case_id in case_ids if (name := known.get(case_id))}

    def note(self, digest: Digest) -> None:
        """What is told later, maybe before Testmo is asked again: its cases are `unknown` until they are learnt."""
        if cases := cases_of(digest):
            self._noted[digest.project_id] |= cases

    def unknown(self) -> Iterator[int]:
        """The projects with a noted case of which nothing is known yet."""
        for project_id, case_ids in self._noted.items():
            if len(self._look_up(project_id, case_ids)) < len(case_ids):
                yield project_id

    def of(self, project_id: int, case_ids: Collection[int]) -> dict[int, str]:
        """What is known of cases now; what is not is asked for first. Called by many workers."""
        known = self._look_up(project_id, case_ids)
        if len(known) < len(case_ids):
            with self._lock:
                self.learn([project_id], [])
            known = self._look_up(project_id, case_ids)
        return known

    def learn(self, urgent: Iterable[int], others: Iterable[int]) -> None:
        """Page on through the cases of projects, those with an unnamed result first.

        Stops at the first thing that goes wrong and says so: the next poll goes on where this one stopped.
        """
        urgent = list(dict.fromkeys(urgent))
        try:
            for project_id in [*urgent, *(other for other in others if other not in urgent)]:
                self._learn_project(project_id, has_unknown=project_id in urgent)
        except StopReading:
            return  # why is said where results are read
        except NotifierError as exc:
            self.problems.append(f"case names are not complete yet: {exc}")

    def _learn_project(self, project_id: int, *, has_unknown: bool) -> None:
        completed_at = self.completed.get((self.kept, project_id))
        if completed_at and not has_unknown and self.now - completed_at < REFRESH_AFTER:
            return
        progress = self.store.case_progress(project_id, self.kept)
        if progress.completed_at:
            self.completed[self.kept, project_id] = progress.completed_at
            if self.now - progress.completed_at >= REFRESH_AFTER:
                progress = CaseProgress(newest=progress.newest, next_page=1)
        while not progress.completed_at and self._may_ask():
            page = self._page(project_id, progress.next_page, None)
            self._save(project_id, page.names)
            newest = max(filter(None, (progress.newest, page.newest)), default=None)
            done = self.now if page.next_page is None else None
            progress = CaseProgress(newest=newest, next_page=page.next_page or 1, completed_at=done)
            self.store.save_case_progress(project_id, progress, self.kept)
            has_unknown = False
        if has_unknown and progress.completed_at:
            self._learn_new(project_id, progress)

    def _learn_new(self, project_id: int, progress: CaseProgress) -> None:
        newest = progress.newest
        number: int | None = 1
        while number is not None and self._may_ask():
            after = progress.newest - MARGIN if progress.newest else None
            page = self._page(project_id, number, after)
            self._save(project_id, page.names)
            newest = max(filter(None, (newest, page.newest)), default=None)
            number = page.next_page
        if number is None and newest != progress.newest:
            self.store.save_case_progress(project_id, replace(progress, newest=newest), self.kept)

    def _save(self, project_id: int, names: Mapping[int, str]) -> None:
        short = {case_id: one_line(name, MAX_NAME_CHARS) for case_id, name in names.items()}
        self.store.save_case_names(project_id, {case_id: name for case_id, name in short.items() if name}, self.kept)
        self._known.pop(project_id, None)

    def _page(self, project_id: int, number: int, created_after: datetime | None) -> CasesPage:
        folders = {"in_folders": True} if self.kept == FOLDERS else {}
        return self.testmo.cases(project_id, page=number, created_after=created_after, **folders)

    def _may_ask(self) -> bool:
        self._pages += 1
        return self._pages <= MAX_PAGES and self.has_room()


class Known(NamedTuple):
    """What is known of some cases of a project."""

    names: Mapping[int, str]
    folders: Mapping[int, str]


NOTHING: Final = Known({}, {})


def cases_of(digest: Digest) -> set[int]:
    """The cases that a digest names, those of its parts left out."""
    return {result.case_id for result in digest.results if result.case_id is not None}


def with_names(digest: Digest, known: Mapping[int, Known]) -> Digest:
    """A digest with what is known, by project, of the cases that it names."""
    names, folders = known.get(digest.project_id, NOTHING)
    return replace(digest, results=tuple(with_name(result, names, folders) for result in digest.results))


def with_name(result: NamedResult, names: Mapping[int, str], folders: Mapping[int, str]) -> NamedResult:
    """A result with the name of its case, and its folder, as far as these are known."""
    name, (folder_id, folder) = names.get(result.case_id or 0, ""), folder_of(folders.get(result.case_id or 0))
    return replace(
        result,
        case_name=one_line(name, MAX_NAME_CHARS) or None,
        folder_id=folder_id,
        folder=optional_line(folder, MAX_FOLDER_CHARS),
    )


def has_unnamed(digest: Digest) -> bool:
    """Whether a result of a digest has a case without a known name."""
    unnamed = any(result.case_id is not None and result.case_name is None for result in digest.results)
    return unnamed or any(map(has_unnamed, digest.parts))
