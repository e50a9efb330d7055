"""Real results of a run as one digest, for `preview --run`: reads Testmo, writes nothing anywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.config import WATCHED, VariableReader, testmo_token, testmo_url
from testmo_notifier.errors import PollFailed
from testmo_notifier.model import Digest, Expands, Result, ResultsQuery
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.polling.case_names import Known, with_names
from testmo_notifier.polling.statuses import completed, learn
from testmo_notifier.sources.testmo_runs.watch import Watch
from tools.lib.testmo import connected
from tools.settings.samples import Sample

MAX_RESULT_PAGES: Final = 3
MAX_CASE_PAGES: Final = 10  # of 100 cases; what is not among them is shown by its number


@dataclass(frozen=True, slots=True)
class Access:
    """What is needed to read an instance, and what is looked for in it."""

    url: str
    token: str
    statuses: tuple[int | str, ...]
    requests_per_minute: int

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Access:
        """Read the environment; raises `ConfigurationError`."""
        env = VariableReader(environ)
        url, token = env.read("TESTMO_URL", testmo_url), env.read("TESTMO_TOKEN", testmo_token)
        watch = env.read_all(WATCHED)
        env.raise_problems()
        statuses, limit = watch["alert_status_ids"], watch["requests_per_minute"]
        assert url and token and isinstance(statuses, tuple) and isinstance(limit, int)  # noqa: S101, PT018 - checked above
        return cls(url, token, statuses, limit)

    def connect(self) -> Testmo:
        """The instance, behind its rate limit."""
        return connected(self.url, self.token, self.requests_per_minute)


def runs(access: Access, run_ids: Sequence[int]) -> dict[str, Sample]:
    """The latest failing results of each run; raises `NotifierError` when one cannot be read."""
    testmo = access.connect()
    projects = {project.id: project.name for project in testmo.projects()[0]}
    return {f"run {run_id}": read(testmo, access, run_id, projects) for run_id in run_ids}


def read(testmo: Testmo, access: Access, run_id: int, projects: Mapping[int, str]) -> Sample:
    """One run as a sample."""
    run = testmo.run(run_id)
    watch = watched(testmo, access, run.project_id)
    builder = DigestBuilder(access.url, run, projects.get(run.project_id, f"Project {run.project_id}"))
    for results, expands in failing(testmo, run.id, watch, pages=MAX_RESULT_PAGES):
        builder.add(results, expands)
    if not builder.total:
        raise PollFailed(f"run {run.id} ({run.name}) has no failing result to show", reason="configuration")
    return Sample(f"{run.name}, as if all of it were new", named(testmo, builder.build()))


def failing(
    testmo: Testmo, run_id: int, watch: Watch, *, pages: int, latest: bool = True
) -> Iterator[tuple[list[Result], Expands]]:
    """Failing results of a run, the newest first, page by page: the latest of each test, or all there are."""
    page: int | None = 1
    while page is not None and page <= pages:
        query = ResultsQuery(
            page=page,
            sort="run_results:created_at",
            order="desc",
            status_id=watch.status_ids,
            created_by=watch.created_by_ids,
            assignee_id=watch.assignee_ids,
            get_latest_result=True if latest else None,
        )
        answer = testmo.results(run_id, query)
        yield [result for result in answer.results if watch.is_failing(result)], answer.expands
        page = answer.next_page if answer.results else None


def watched(testmo: Testmo, access: Access, project_id: int) -> Watch:
    """What counts as failing, names of statuses included."""
    names = [status for status in access.statuses if isinstance(status, str)]
    watch = Watch(tuple(status for status in access.statuses if isinstance(status, int)))
    if not names:
        return watch
    return completed(watch, names, learn(testmo, names, {}, [project_id]), has_runs=True)[0]


def named(testmo: Testmo, digest: Digest) -> Digest:
    """The digest with the names of its cases."""
    missing = {result.case_id for result in digest.results if result.case_id is not None}
    return with_names(digest, {digest.project_id: Known(case_names(testmo, digest.project_id, missing), {})})


def case_names(
    testmo: Testmo, project_id: int, missing: Collection[int], *, in_folders: bool = False
) -> dict[int, str]:
    """The names of cases, or the folders that they are in, as far as a few requests tell them."""
    names: dict[int, str] = {}
    page: int | None = 1
    while page is not None and page <= MAX_CASE_PAGES and not set(missing) <= names.keys():
        answer = testmo.cases(project_id, page=page, created_after=None, in_folders=in_folders)
        names |= answer.names
        page = answer.next_page
    return names
