"""A digest about several runs as templates see it: by cause, then run by run. Pure.

A cause is what named tests of one status have in common: their note; else the folder that they are in, or who saved
them. The counts of runs are exact, whatever is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Final, NamedTuple

from testmo_notifier.lean import dataclass
from testmo_notifier.model import FINISHED, RECOVERED, Digest, NamedResult
from testmo_notifier.notices import view
from testmo_notifier.notices.context import Linked, MessageView, PartView, ResultView, RunView, TestView
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.story import held, news, numbered, passed_since, silenced
from testmo_notifier.text.notes import without_addresses
from testmo_notifier.text.shortening import clip

PROJECTS: Final = 3  # that a headline names
PROJECT_CHARS: Final = 60  # of the name of each
FOLDER_WEIGHT: Final = 2  # one who has more than so many times as many tests comes before a folder


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """The rows of one test, and the run that they are of; `project` is the name of its own where there are several."""

    part: Digest
    rows: view.Rows
    project: str = ""

    @property
    def first(self) -> NamedResult:
        """The row that stands for it."""
        return self.rows[0]


class Bond(NamedTuple):
    """What tests of one status may have in common, in words."""

    status: str
    words: str
    ids: tuple[int | None, ...] = ()


class Cause(NamedTuple):
    """The tests of a line, and in words what binds them: nothing for a test alone."""

    tests: Sequence[Named]
    words: str = ""
    is_note: bool = False


def several_view(digest: Digest, limits: view.Limits, links: IssueLinks = view.NO_LINKS) -> MessageView:
    """A digest about several runs as templates see it."""
    links = links if limits.issue_links else view.NO_LINKS
    ids = view.status_ids(row for part in digest.parts for row in part.results)
    lines = causes(digest, limits.results)[: limits.results]
    shown = [one for line in lines for one in line.tests]
    failed = [part for part in digest.parts if part.total]
    runs = f" in {numbered(len(failed or digest.parts), 'run')}"
    well, over = said_of_rest(digest.parts)
    good = ", ".join(filter(None, (passed_since(digest.passed_since), well)))
    return MessageView(
        run=run_view(digest, (well, over) if digest.total else (), limits.name_chars),
        counts=view.counts(digest.counts, ids),
        total=digest.total,
        results=tuple(result_of(one, limits, links) for one in shown) if limits.each else (),
        more=digest.total - sum(len(one.rows) for one in shown),
        rest=view.rest_phrase(digest, [one.rows for one in shown]),
        about=digest.about,
        lines=tuple(line_view(line, limits, links) for line in lines),
        mentions=view.called(digest),
        symbol=view.SYMBOLS[view.FAILED if digest.total or any(map(still_failing, digest.parts)) else view.PASSED],
        news="" if digest.total else ", ".join(filter(None, (good and good + runs, over))),
        held=held(digest),
        silenced=silenced(digest),
        parts=part_views(digest, limits, ids),
        in_runs=runs,
    )


def causes(digest: Digest, most: int) -> list[Cause]:
    """The named tests, each in one line, those with the same cause together; that first which has most of them.

    What has a note that nobody else has stays alone with it, as long as there is room for so many lines.
    """
    is_several = len({part.project_id for part in digest.parts}) > 1
    tests = [
        Named(part, rows, part.project_name if is_several else "")
        for part in digest.parts
        for rows in view.one_line_a_test(part.results)
    ]
    notes: dict[Bond, list[Named]] = {}
    for one in tests:
        notes.setdefault(note_of(one), []).append(one)
    shared = {bond: some for bond, some in notes.items() if bond.words and len(some) > 1}
    noted = [Cause(some, view.common_note([one.first for one in some]), is_note=True) for some in shared.values()]
    others = [one for one in tests if note_of(one) not in shared]
    alone = [Cause([one]) for one in others if one.first.note]
    found = [*noted, *alone, *bound(one for one in others if not one.first.note)]
    if len(found) > most:
        found = [*noted, *bound(others)]
    places = {one: place for place, one in enumerate(tests)}
    return sorted(found, key=lambda cause: (-len(cause.tests), places[cause.tests[0]]))


def bound(tests: Iterable[Named]) -> Iterator[Cause]:
    """Tests in one folder, or of one tester, together, the largest group first; the rest alone.

    A folder says what is broken, so it comes first; not before a tester of more than twice as many all over the place.
    """
    left = {one: (folder_of(one), tester_of(one)) for one in tests}
    while True:
        folder, in_folder = largest(folder for folder, _ in left.values())
        tester, of_tester = largest(tester for _, tester in left.values())
        is_folder = in_folder > 1 and FOLDER_WEIGHT * in_folder >= of_tester
        bond, most = (folder, in_folder) if is_folder else (tester, of_tester)
        if bond is None or most == 1:
            yield from (Cause([one]) for one in left)
            return
        yield Cause([one for one, bonds in left.items() if bond in bonds], bond.words)
        left = {one: bonds for one, bonds in left.items() if bond not in bonds}


def largest(bonds: Iterable[Bond | None]) -> tuple[Bond | None, int]:
    """What binds most tests, of several the first, and how many these are."""
    return max(Counter(filter(None, bonds)).items(), key=itemgetter(1), default=(None, 0))


def note_of(test: Named) -> Bond:
    """What it says, as far as others may say the same."""
    return Bond(test.first.status, without_addresses(test.first.note))


def folder_of(test: Named) -> Bond | None:
    """Where its case is, if that is known."""
    first = test.first
    if first.folder_id is None:
        return None
    words = f"folder {first.folder or first.folder_id}" + (f" ({test.project})" if test.project else "")
    return Bond(first.status, words, (test.part.project_id, first.folder_id))


def tester_of(test: Named) -> Bond | None:
    """Who saved it, somebody where nobody is known. What has a note of its own says more than that."""
    who = test.first.created_by_name or "somebody"
    return None if test.first.note else Bond(test.first.status, f"saved by {who}", (test.first.created_by,))


def line_view(cause: Cause, limits: view.Limits, links: IssueLinks) -> ResultView:
    """One test and its run, or several with the same cause and their runs."""
    if len(cause.tests) == 1:
        return result_of(cause.tests[0], limits, links)
    line = cause.tests
    rows = [row for one in line for row in one.rows]
    runs = list({one.part.run_id: one.part for one in line}.values())
    words, _, others = cause.words.partition("\n")
    note = cause.words if len(words) > limits.name_chars else others
    whole = replace(
        view.as_one(rows),
        case_name=f"{len(line)} tests in {numbered(len(runs), 'run')}: {words}",
        note=note if cause.is_note else "",
        url=runs[0].run_url,
        previous_status=None,
        is_latest=None,
        reason="",
        streak=0,
    )
    return replace(view.result_view([whole], limits, links), rows=len(rows), tests=tuple(members(line, runs, limits)))


def members(line: Sequence[Named], runs: Sequence[Digest], limits: view.Limits) -> Iterator[TestView]:
    """What stands under one cause: its tests, if there is room for all; else its runs.

    The same case fails in several runs: then its name, by itself, says not which of them.
    """
    has_room = len(line) <= limits.tests
    names = Counter(view.test_name(one.rows[0]) for one in line)
    for one in line if has_room else ():
        name = clip(view.test_name(one.rows[0]), limits.name_chars)
        in_run = f" ({clip(one.part.run_name, limits.name_chars)})" if names[view.test_name(one.rows[0])] > 1 else ""
        yield TestView(f"{name}{in_run}", one.rows[0].url)
    for run in runs[: limits.tests] if not has_room else ():
        yield TestView(clip(run.run_name, limits.name_chars), run.run_url)
    if not has_room and len(runs) > limits.tests:
        yield TestView(numbered(len(runs) - limits.tests, "more run"), "")


def result_of(one: Named, limits: view.Limits, links: IssueLinks) -> ResultView:
    """One test, with its run."""
    made = view.result_view(one.rows, limits, links)
    run = Linked((clip(one.part.run_name, limits.name_chars), one.part.run_url))
    return replace(made, details=(run, *made.details))


def part_views(digest: Digest, limits: view.Limits, ids: dict[str, int]) -> tuple[PartView, ...]:
    """The runs there is room for, and the others together."""
    named, others = digest.parts[: limits.runs], digest.parts[limits.runs :]
    is_several = len({part.project_id for part in digest.parts}) > 1
    parts = list(alike([part_view(part, limits, ids, is_several=is_several) for part in named], limits.alike))
    if others:
        left = {status: sum(part.counts.get(status, 0) for part in others) for status in digest.counts}
        rest = view.counts({status: n for status, n in left.items() if n}, ids)
        symbol = view.SYMBOLS[view.FAILED if rest or any(map(still_failing, others)) else view.PASSED]
        said = tuple(filter(None, (since_then(*others), *said_of_rest(others))))
        parts.append(PartView(f"and {numbered(len(others), 'more run')}", "", "", rest, said, symbol))
    return tuple(parts)


def alike(parts: Iterable[PartView], most: int) -> Iterator[PartView]:
    """The same, but runs of which the same is to be said share a line, so many at most, in the place of the first."""
    lines: dict[object, list[list[PartView]]] = {}
    order: list[list[PartView]] = []
    for part in parts:
        same = lines.setdefault((part.project, part.counts, part.details, part.symbol), [])
        if not same or len(same[-1]) >= most:
            same.append([])
            order.append(same[-1])
        same[-1].append(part)
    for first, *others in order:
        yield replace(first, others=tuple(TestView(one.name, one.url) for one in others))


def part_view(part: Digest, limits: view.Limits, ids: dict[str, int], *, is_several: bool) -> PartView:
    """One run; of several projects it says which."""
    by = {one.about: one for one in part.parts}
    kept_back = sum(one.n for one in part.silenced)
    details = (
        since_then(part),
        f"{numbered(by[RECOVERED].total, 'test')} passed again" if RECOVERED in by else "",
        news(by[FINISHED], view.run_view(part).pass_rate).removeprefix("Run ") if FINISHED in by else "",
        f"{kept_back} silenced" if kept_back else "",
    )
    return PartView(
        name=clip(part.run_name, limits.name_chars),
        url=part.run_url,
        project=clip(part.project_name, limits.name_chars) if is_several else "",
        counts=view.counts(part.counts, ids),
        details=tuple(filter(None, details)),
        symbol=view.SYMBOLS[view.FAILED if part.total or still_failing(part) else view.PASSED],
    )


def since_then(*parts: Digest) -> str:
    """How many tests of runs failed and have passed since, as short as a line for each run has to be."""
    n = sum(part.passed_since for part in parts)
    return f"{n} passed since" if n else ""


def said_of_rest(parts: Sequence[Digest]) -> tuple[str, str]:
    """What there is to say of runs beside what failed: how many tests passed again, and how many runs are over."""
    rest = [one for part in parts for one in part.parts]
    well = sum(one.total for one in rest if one.about == RECOVERED)
    over = sum(one.about == FINISHED for one in rest)
    return f"{numbered(well, 'test')} passed again" if well else "", f"{numbered(over, 'run')} finished" if over else ""


def run_view(digest: Digest, details: Sequence[str], name_chars: int) -> RunView:
    """What stands in the place of a run: the projects, and how many runs there are."""
    projects = {part.project_id: part.project_name for part in digest.parts}
    names = [clip(name, min(name_chars, PROJECT_CHARS)) for name in projects.values()]
    shown = names if len(names) <= PROJECTS else names[: PROJECTS - 1]
    left = len(names) - len(shown)
    words = ", ".join(shown) + (f" and {left} more projects" if left else "")
    return RunView(
        id=digest.run_id,
        name=words,
        url="",
        project=f"{numbered(len(digest.parts), 'run')} in all, {numbered(len(projects), 'project')}",
        details=tuple(filter(None, details)),
    )


def still_failing(part: Digest) -> int:
    """How many tests of a run that was closed still fail."""
    return sum(one.total for one in part.parts if one.about == FINISHED)
