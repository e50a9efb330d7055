"""What `testmo-notifier route` explains: the findings of a sample, or of a real run. Reads Testmo, writes nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.errors import PollFailed
from testmo_notifier.model import FINISHED, Digest, Expands, NamedResult, Result, Run
from testmo_notifier.notices.matching import Facts, case_facts
from testmo_notifier.sources.testmo_runs.watch import Watch
from tools.settings import preview_run
from tools.settings.preview_run import Access
from tools.settings.route import Finding

NO_RESULT: Final = Result(key=0, id=None, test_id=None, case_id=None, status_id=None)
MAX_PAGES: Final = 3  # of the failing results that a run has now
MAX_PAGES_TO_SEARCH: Final = 50  # of all that it ever had, for one of them


def of_digest(digest: Digest) -> list[Finding]:
    """The findings that a digest names, as the rows were that it was made of; the end of a run is one."""
    run = Run(
        id=digest.run_id,
        project_id=digest.project_id,
        name=digest.run_name,
        is_closed=False,
        created_at=None,
        closed_at=None,
        counters=digest.counters,
        milestone=digest.milestone,
        configuration=digest.configuration,
    )
    rest = [finding for part in digest.parts for finding in of_digest(part)]
    if digest.about == FINISHED:
        return [Finding(run, digest.project_name, NO_RESULT, Expands(), {}, FINISHED), *rest]
    return [
        Finding(
            run, digest.project_name, row_of(one), expands_of(one), case_of(one.case_id, one.case_name), digest.about
        )
        for one in digest.results
    ] + rest


def row_of(named: NamedResult) -> Result:
    """What routes ask about a result, as a row."""
    return Result(
        key=named.id or 0,
        id=named.id,
        test_id=named.test_id,
        case_id=named.case_id,
        status_id=named.status_id,
        assignee_id=named.assignee_id,
        issue_ids=tuple(issue.id for issue in named.issues),
        created_by=named.created_by,
    )


def expands_of(named: NamedResult) -> Expands:
    """The names in it, by their ids."""
    people = ((named.created_by, named.created_by_name), (named.assignee_id, named.assignee))
    return Expands(
        users={key: name for key, name in people if key is not None and name},
        issues={issue.id: issue for issue in named.issues},
        statuses={} if named.status_id is None else {named.status_id: named.status},
    )


def case_of(case_id: int | None, name: str | None, folder: str | None = None) -> Facts:
    """What is known of a case; nothing where a result has none."""
    return {} if case_id is None else case_facts(case_id, name, folder)


def of_run(
    access: Access, run_id: int, result_ids: Collection[int] = (), *, with_folders: bool = False
) -> list[Finding]:
    """The failing results that a run has now, or those that are asked for; raises `NotifierError`."""
    testmo = access.connect()
    projects = {project.id: project.name for project in testmo.projects()[0]}
    run = testmo.run(run_id)
    watch = preview_run.watched(testmo, access, run.project_id)
    rows = searched(testmo, run, watch, frozenset(result_ids)) if result_ids else failing_now(testmo, run, watch)
    cases = {result.case_id for result, _ in rows if result.case_id is not None}
    names = preview_run.case_names(testmo, run.project_id, cases)
    folders = preview_run.case_names(testmo, run.project_id, cases, in_folders=True) if with_folders else {}
    project = projects.get(run.project_id, f"Project {run.project_id}")
    return [
        Finding(
            run,
            project,
            result,
            expands,
            case_of(result.case_id, names.get(result.case_id or 0), folders.get(result.case_id or 0)),
        )
        for result, expands in rows
    ]


def failing_now(testmo: Testmo, run: Run, watch: Watch) -> list[tuple[Result, Expands]]:
    """The latest failing results of a run."""
    pages = preview_run.failing(testmo, run.id, watch, pages=MAX_PAGES)
    found = [(result, expands) for results, expands in pages for result in results]
    if not found:
        words = f"run {run.id} ({run.name}) has no failing result now: name one with --result, or try --sample"
        raise PollFailed(words, reason="configuration")
    return found


def searched(testmo: Testmo, run: Run, watch: Watch, wanted: frozenset[int]) -> list[tuple[Result, Expands]]:
    """Some results of a run by their ids, as long as they are in a watched status."""
    found: dict[int, tuple[Result, Expands]] = {}
    for results, expands in preview_run.failing(testmo, run.id, watch, pages=MAX_PAGES_TO_SEARCH, latest=False):
        found |= {result.id: (result, expands) for result in results if result.id in wanted}
        if len(found) == len(wanted):
            break
    missing = ", ".join(map(str, sorted(wanted - found.keys())))
    if missing:
        words = f"run {run.id} ({run.name}) has no failing result {missing}: its status is not watched, or it is gone"
        raise PollFailed(words, reason="configuration")
    return list(found.values())
