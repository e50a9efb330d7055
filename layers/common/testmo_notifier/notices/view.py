"""A digest as templates see it (`context`). Pure.

Everything is ready to print: names are on one line, numbers are counted, several rows of one test are one result, and
tests that failed with the same note are one line. A template formats these and computes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from testmo_notifier import model
from testmo_notifier.lean import dataclass
from testmo_notifier.notices.context import Count, Linked, MessageView, ResultView, RunView, TestView
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.story import held, news, numbered, silenced, story
from testmo_notifier.text.notes import without_addresses
from testmo_notifier.text.shortening import clip, one_line

UNTESTED, PASSED, FAILED, BLOCKED = 1, 2, 3, 5  # Testmo's default ids of these statuses
SYMBOLS: Final = {PASSED: "✔", FAILED: "✖", BLOCKED: "⊘"}  # by id: an instance may call them what it likes
OTHER_SYMBOL: Final = "●"
MAX_HOURS: Final = 1_000  # that a test took; more is another unit, or a clock that went wrong
HAS_PASSED: Final = ", passed since"  # behind the status of what was held until its test passed: who and when are its
SHOWN_ISSUES: Final = 3  # issues that a line names
PERSON_CHARS: Final = 40  # of a person's name in a line
FIRST_PERSON_CHARS: Final = 25  # where others follow
NO_LINKS: Final = IssueLinks()
Rows = list[model.NamedResult]  # of one test, the most urgent one first


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a digest a message shows: lines, characters of a name and of a note, links to issues.

    Of several tests in one line each is named, `tests` in all the lines at most. A message about several runs names so
    many `runs`, and in each line so many of them as it has `tests`.
    """

    results: int
    name_chars: int
    note_chars: int
    details: bool = True
    issue_links: bool = True
    tests: int = 50
    story: bool = True
    since: bool = True  # as a part of the story
    fold: bool = True
    runs: int = 0
    alike: int = 1  # runs that share a line, where the same is said of them
    each: bool = True  # whether tests are there by themselves, too


def message_view(digest: model.Digest, limits: Limits, links: IssueLinks = NO_LINKS) -> MessageView:
    """A digest as templates see it; what else is told of its run has the lines that are left, and no test twice."""
    made, named = section_view(digest, limits, links)
    said = {test_key(row) for rows in named for row in still_failing(rows)}
    lines, tests = limits.results - len(made.lines), limits.tests - len(named)
    also: list[MessageView] = []
    for part in digest.parts:
        one, named = section_view(part, replace(limits, results=lines, tests=tests), links, said)
        also.append(replace(one, is_part=True))
        lines, tests = lines - len(one.lines), tests - len(named)
    if not also:
        return made
    facts = tuple(one.news for one in also)
    is_failing = any(one.symbol != SYMBOLS[PASSED] for one in (made, *also))
    return replace(
        made,
        run=replace(made.run, details=(*made.run.details, *facts)) if not made.news else made.run,
        news=made.news and ", ".join((made.news, *(fact[:1].lower() + fact[1:] for fact in facts))),
        symbol=SYMBOLS[FAILED if is_failing else PASSED],
        also=tuple(also),
    )


def section_view(
    digest: model.Digest, limits: Limits, links: IssueLinks, said: Collection[object] = ()
) -> tuple[MessageView, list[Rows]]:
    """One of these, and the tests that it names; those that are `said` above are not named anew."""
    links = links if limits.issue_links else NO_LINKS
    if digest.about != model.FAILING:  # what passed, or failed some time ago: only that it did
        limits = replace(limits, note_chars=0, fold=limits.fold and digest.about != model.RECOVERED)
        digest = replace(digest, results=tuple(replace(row, reason=digest.about) for row in digest.results))
    tests = one_line_a_test(digest.results)
    above = [rows for rows in tests if test_key(rows[0]) in said]
    lines, named = in_lines((rows for rows in tests if test_key(rows[0]) not in said), limits)
    ids_named = set(map(id, named))
    ids = status_ids(digest.results)
    run = run_view(digest)
    view = MessageView(
        run=run,
        counts=counts(digest.counts, ids),
        total=digest.total,
        results=tuple(result_view(rows, limits, links) for rows in named) if limits.each else (),
        more=digest.total - sum(map(len, map(still_failing, (*named, *above)))),
        rest=rest_phrase(digest, (*named, *above)),
        about=digest.about,
        lines=tuple(line_view(line, ids_named, digest.run_url, limits, links) for line in lines),
        totals=totals(digest),
        mentions=called(digest),
        symbol=SYMBOLS[FAILED if digest.about != model.RECOVERED and digest.total else PASSED],
        news=news(digest, run.pass_rate),
        held=held(digest),
        silenced=silenced(digest),
        in_runs=of_tests(digest),
    )
    return view, named


def status_ids(results: Iterable[model.NamedResult]) -> dict[str, int]:
    """The ids of statuses by name. Of two that share one, the most urgent gives the symbol; it is the first."""
    ids = {name: status_id for status_id, name in model.STATUS_NAMES.items()}
    for result in reversed(list(results)):
        if result.status_id is not None:
            ids[result.status] = result.status_id
    return ids


def called(digest: model.Digest) -> tuple[str, ...]:
    """Whom a message calls, by name."""
    return tuple(dict.fromkeys(filter(None, (one_line(one.name, PERSON_CHARS) for one in digest.mentions))))


def rest_phrase(digest: model.Digest, named: Iterable[Rows]) -> str:
    """What no line shows: by status where there are several, of how many tests where the headline says that, too."""
    named = list(named)
    shown = Counter(result.status for rows in named for result in still_failing(rows))
    left = {status: n - shown[status] for status, n in digest.counts.items() if n > shown[status]}
    words = [f"{n} {count(status, 0, n).word}" for status, n in left.items()] if len(digest.counts) > 1 else []
    tests = tests_of(digest.results) - {test_key(rows[0]) for rows in named}
    words += [f"of {numbered(len(tests), 'test')}"] if of_tests(digest) and 0 < len(tests) < sum(left.values()) else []
    return ", ".join(words)


def still_failing(rows: Iterable[model.NamedResult]) -> Rows:
    """Those that `total` counts."""
    return [row for row in rows if row.reason != model.PASSED_SINCE]


def tests_of(results: Iterable[model.NamedResult]) -> frozenset[object]:
    """The tests that are failing."""
    return frozenset(map(test_key, still_failing(results)))


def of_tests(digest: model.Digest) -> str:
    """Of how many tests the failing results are, where some share one: known where none is left out."""
    tests = len(tests_of(digest.results))
    is_known = digest.about == model.FAILING and not digest.omitted
    return f" ({numbered(tests, 'test')})" if is_known and tests < digest.total else ""


def run_view(digest: model.Digest) -> RunView:
    """The run of a digest."""
    done, total = digest.counters.completed, digest.counters.total
    pass_rate = percent(digest.counters.success, done)
    then = " by then" if digest.held_since and digest.about != model.FINISHED else ""  # as it was found
    progress = f"{done} of {total} done{then}" if total else ""
    details = (
        f"milestone {digest.milestone}" if digest.milestone else "",
        digest.configuration or "",
        f"{progress}, {pass_rate}% passed" if progress and pass_rate is not None else progress,
    )
    return RunView(
        id=digest.run_id,
        name=digest.run_name,
        url=digest.run_url,
        project=digest.project_name,
        milestone=digest.milestone,
        configuration=digest.configuration,
        total=total,
        done=done,
        pass_rate=pass_rate,
        details=tuple(filter(None, details)),
    )


def totals(digest: model.Digest) -> tuple[Count, ...]:
    """The tests of the run by status: what passed and failed first, what nobody tested last."""
    known = {**model.STATUS_NAMES, **dict(digest.status_names)}
    names = {**known, **{row.status_id: row.status for row in digest.results if row.status_id is not None}}
    ranks = {PASSED: 0, FAILED: 1, BLOCKED: 2, UNTESTED: 1_000}
    ordered = sorted(digest.counters.by_status.items(), key=lambda pair: ranks.get(pair[0], pair[0]))
    return tuple(count(names.get(status_id, f"Status {status_id}"), status_id, n) for status_id, n in ordered if n)


def one_line_a_test(results: tuple[model.NamedResult, ...]) -> list[Rows]:
    """The rows of each test together, tests in the order of their most urgent row; rows without a test stay alone.

    What was re-tested since comes last of them: a line tells a test as it is by now.
    """
    order: dict[object, int] = {}
    by_now = sorted(results, key=is_outdated)
    places = {id(result): index for index, result in enumerate(results)}
    for result in by_now:
        order.setdefault(test_key(result), places[id(result)])
    ordered = sorted(by_now, key=lambda result: order[test_key(result)])
    return [list(rows) for _, rows in groupby(ordered, key=test_key)]


def is_outdated(result: model.NamedResult) -> bool:
    """Whether the test was re-tested since."""
    return result.is_latest is False


def test_key(result: model.NamedResult) -> object:
    """What rows of one test have in common."""
    return result.test_id if result.test_id is not None else id(result)


def in_lines(tests: Iterable[Rows], limits: Limits) -> tuple[list[list[Rows]], list[Rows]]:
    """The lines there is room for, and the tests that they name. Tests with the same to say share a line."""
    lines: dict[object, list[Rows]] = {}
    named: list[Rows] = []
    for rows in tests:
        key = line_key(rows[0]) if limits.fold and rows[0].note else id(rows)
        has_room = len(named) < limits.tests
        if key in lines or (has_room and len(lines) < limits.results):
            lines.setdefault(key, []).append(rows)
            named += [rows] if has_room else []
    return list(lines.values()), named


def line_key(result: model.NamedResult) -> object:
    """What tests of one line have in common: all that the line says, but for people, issues, times and addresses."""
    return (
        result.status,
        without_addresses(result.note),
        result.reason,
        result.streak,
        result.previous_status,
        is_outdated(result),
    )


def line_view(line: list[Rows], named: Collection[int], url: str, limits: Limits, links: IssueLinks) -> ResultView:
    """One test, or several with the same note; `named` are the ids of those that are named, `url` is the run's."""
    if len(line) == 1:
        return result_view(line[0], limits, links)
    rows = [row for rows in line for row in rows]
    note = common_note([one[0] for one in line])
    first, *others = note.split("\n")
    whole = replace(
        as_one(rows),
        case_name=f"{len(line)} tests: {first}",
        url=url,
        note=note if len(first) > limits.name_chars else "\n".join(others),
        issues=tuple(dict.fromkeys(issue for row in rows for issue in row.issues)),
        since=min((row.since for row in rows if row.since and row.since != row.created_at), default=None),
        elapsed_us=None,
    )
    tests = tuple(TestView(clip(test_name(one[0]), limits.name_chars), one[0].url) for one in line if id(one) in named)
    return replace(result_view([whole], limits, links), rows=len(rows), tests=tests)


def common_note(rows: Sequence[model.NamedResult]) -> str:
    """The note of all of them, without the addresses in which they differ."""
    note = rows[0].note
    return note if all(row.note == note for row in rows) else without_addresses(note)


def as_one(rows: Sequence[model.NamedResult]) -> model.NamedResult:
    """Several tests as the first of them: saved when the last of them was, by whoever did, in the folder of all."""
    return replace(
        rows[0],
        created_at=max((row.created_at for row in rows if row.created_at), default=None),
        created_by_name=people(row.created_by_name for row in rows),
        assignee=people(row.assignee for row in rows),
        folder=rows[0].folder if len({row.folder_id for row in rows}) == 1 else None,
    )


def people(names: Iterable[str | None]) -> str | None:
    """`Ada, Grace`, or `Ada and 3 others`; None for nobody."""
    found = list(dict.fromkeys(filter(None, names)))
    whole = ", ".join(found)
    if len(found) < 2 or len(whole) <= PERSON_CHARS:  # noqa: PLR2004 - two are several
        return whole or None
    others = "1 other" if len(found) == 2 else f"{len(found) - 1} others"  # noqa: PLR2004
    return f"{clip(found[0], FIRST_PERSON_CHARS)} and {others}"


def result_view(rows: Sequence[model.NamedResult], limits: Limits, links: IssueLinks) -> ResultView:
    """The rows of one test as one line, told by the most urgent of them."""
    result = rows[0]
    took = duration(result.elapsed_us) if result.elapsed_us else ""
    issues = tuple(Linked((issue.display_id, links.url(issue))) for issue in result.issues)
    told = story(result if limits.since else replace(result, since=None)) if limits.story else Linked()
    details = (
        told,
        f"was {result.previous_status}" if result.previous_status else "",
        f"took {took}" if took else "",
        f"assigned to {clip(result.assignee, PERSON_CHARS)}" if result.assignee else "",
        first_of(issues),
        f"{len(rows)} results" if len(rows) > 1 else "",
        "since re-tested" if is_outdated(result) else "",
    )
    has_passed = result.reason == model.PASSED_SINCE
    return ResultView(
        name=clip(test_name(result), limits.name_chars),
        url=result.url,
        status=f"{result.status}{HAS_PASSED}" if has_passed else result.status,
        symbol=SYMBOLS.get(PASSED if has_passed else result.status_id or 0, OTHER_SYMBOL),
        who=clip(result.created_by_name or "somebody", PERSON_CHARS),
        at=result.created_at,
        took=took,
        assignee=result.assignee or "",
        issues=issues if limits.details else (),
        note=tuple(clip(result.note, limits.note_chars).split("\n")) if result.note and limits.note_chars else (),
        rows=len(rows),
        is_outdated=is_outdated(result),
        details=tuple(filter(None, details)) if limits.details else (),
        reason=reason_of(result),
        streak=result.streak,
        since=result.since,
        story=told,
        folder=clip(result.folder or "", limits.name_chars),
    )


def reason_of(result: model.NamedResult) -> str:
    """Why a result is told; a test that had passed in between failed anew."""
    if result.reason == model.PASSED_BETWEEN:
        return model.CHANGED if result.previous_status else model.NEW
    return result.reason or model.NEW


def first_of(issues: tuple[Linked, ...]) -> Linked:
    """The first few issues as one phrase."""
    others = len(issues) - SHOWN_ISSUES
    parts = [part for issue in issues[:SHOWN_ISSUES] for part in ((", ", ""), *issue.parts)]
    return Linked(*parts[1:], *([(f" and {others} more", "")] if others > 0 else []))


def test_name(result: model.NamedResult) -> str:
    """The case's name, or its number as Testmo shows it."""
    if result.case_name:
        return result.case_name
    return f"C-{result.case_id}" if result.case_id is not None else "A test without a case"


def counts(by_status: Mapping[str, int], ids: Mapping[str, int]) -> tuple[Count, ...]:
    """How many of which status, `ids` by name."""
    return tuple(count(status, ids.get(status, 0), n) for status, n in by_status.items())


def count(status: str, status_id: int, n: int) -> Count:
    """A count in words; Testmo's own statuses are plain words, an instance's own keep their spelling."""
    word = status.lower() if status in model.STATUS_NAMES.values() else status
    return Count(status=status, word=word, symbol=SYMBOLS.get(status_id, OTHER_SYMBOL), n=n)


def percent(part: int, whole: int) -> int | None:
    """Whole percent, rounded down so that 100 means all of them."""
    return part * 100 // whole if whole > 0 else None


def duration(microseconds: int) -> str:
    """`45 s`, `4 min`, `1 h 5 min`; nothing for what no test takes."""
    seconds = microseconds // 1_000_000
    minutes, hours = seconds // 60 % 60, seconds // 3600
    if seconds <= 0 or hours >= MAX_HOURS:
        return ""
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"
