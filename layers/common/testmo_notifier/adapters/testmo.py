"""The Testmo API, read only. One method does HTTP; the others name an endpoint each.

https://docs.testmo.com/api says what there is. What an answer means is said by `testmo_answers`, what a row says by
`testmo_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from testmo_notifier.adapters import testmo_rows as rows
from testmo_notifier.adapters.http import Answer, send, server_date
from testmo_notifier.adapters.testmo_answers import asked_for_a_pause, checked
from testmo_notifier.errors import Invisible, RequestRejected, TokenRefused, TooHeavy, Unreadable
from testmo_notifier.lean import dataclass
from testmo_notifier.model import (
    MAX_PER_PAGE,
    NOTHING,
    CasesPage,
    Expands,
    Failing,
    Listed,
    Project,
    ResultsPage,
    ResultsQuery,
    Run,
    User,
)
from testmo_notifier.version import VERSION

if TYPE_CHECKING:
    import urllib3

    from testmo_notifier.ports import RateLimit

SIZES: Final = (MAX_PER_PAGE, 50, 25, 15)  # all that Testmo takes, docs.testmo.com, pagination
MAX_PAGES: Final = 2_000  # a list that goes on after 200,000 rows is a loop
USER_AGENT: Final = f"testmo-notifier/{VERSION}"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of any list, before its rows are read; `is_full` if it has room for no more."""

    rows: list[object]
    expands: object
    next_page: int | None
    last_page: int | None
    total: int | None
    server_date: datetime | None
    is_full: bool


class Testmo:
    """Reads one instance. `url` is its origin; every request passes `rate_limit` first.

    `token` gives the token as it was some minutes ago, with `fresh=True` as it is now.
    """

    def __init__(
        self,
        rate_limit: RateLimit,
        *,
        url: str,
        token: Callable[..., str],
        pool: urllib3.PoolManager,
        now: Callable[[], datetime],
    ) -> None:
        self._base = f"{url}/api/v1"
        self._token = token
        self._pool = pool
        self._rate_limit = rate_limit
        self._now = now
        self._knows_statuses = True
        self._sizes: dict[str, tuple[int, ...]] = {}  # of lists whose rows are heavy, for as long as this poll

    def user(self) -> str:
        """The name of the token's user; raises `TokenRefused` where even that is forbidden."""
        try:
            body, _ = self._get("/user", {})
        except Invisible as exc:
            if exc.status == 404:  # noqa: PLR2004 - an HTTP status; every Testmo has a /user
                raise RequestRejected("/user is not there (404): is TestmoUrl a Testmo instance?") from exc
            refused = TokenRefused(
                "Testmo accepts the token and lets its user do nothing (403 on /user): give the user a role"
            )
            self._rate_limit.close(refused)  # as with 401: the poll fails, and its alarm says so
            raise refused from exc
        return rows.as_name(body.get("name")) or "a user without a name"

    def projects(self) -> tuple[Listed[Project], datetime | None]:
        """Every project the token can see, and Testmo's clock when the first page was made."""
        return self._list(
            "/projects", {"sort": "projects:created_at", "order": "asc"}, lambda row, _: rows.project(row)
        )

    def open_runs(self, project_id: int, pool: Executor | None = None) -> Listed[Run]:
        """The open runs of a project, oldest first; workers of `pool` may ask for several pages at a time.

        Where runs open or close meanwhile, one may slip from a page that is still to come into one that was read, or
        the other way round. So it may in any order of asking, and whoever knew it looks for it (rule 7).
        """
        return self._runs(project_id, {"is_closed": "0", "sort": "runs:created_at"}, pool)

    def closed_runs(self, project_id: int, closed_after: datetime) -> Listed[Run]:
        """The runs of a project that were closed after a moment, in the order of closing."""
        moment = timestamp(closed_after)
        return self._runs(project_id, {"is_closed": "1", "closed_after": moment, "sort": "runs:closed_at"})

    def run(self, run_id: int) -> Run:
        """One run; raises `Invisible` when it is gone."""
        path = f"/runs/{run_id}"
        body, _ = self._get(path, {"expands": "configs,milestones"})
        try:
            return rows.run(body.get("result"), body.get("expands"))
        except ValueError as exc:
            raise Unreadable(f"{path} answered with something unknown: {exc}") from exc

    def statuses(self, project_id: int) -> dict[int, str]:
        """The names of statuses, as far as the newest runs of a project carry them: no call lists them."""
        return dict(rows.expands(self._statuses(project_id)).statuses)

    def passed_statuses(self, project_id: int) -> dict[int, bool]:
        """Which of these count as passed, as far as Testmo says it."""
        return rows.passed_statuses(self._statuses(project_id))

    def users(self) -> Listed[User]:
        """Everybody who may log in, with addresses; raises `Invisible` where the token is of no site administrator."""
        return self._users("/users")

    def project_users(self, project_id: int) -> Listed[User]:
        """Who works in a project, by id and name. Any token that may see the project may ask."""
        return self._users(f"/projects/{project_id}/users")

    def cases(
        self, project_id: int, *, page: int, created_after: datetime | None, in_folders: bool = False
    ) -> CasesPage:
        """One page of a project's cases, oldest first; with the folders that they are in instead of their names."""
        path = f"/projects/{project_id}/cases"
        query = {
            "page": str(page),
            "per_page": str(MAX_PER_PAGE),
            "sort": "repository_cases:created_at",
            "order": "asc",
            **({"expands": "folders"} if in_folders else {}),
        }
        if created_after is not None:
            query["created_after"] = timestamp(created_after)
        answer = self._page(path, query)
        names = {key: name for key, name, _ in rows.named(answer.rows)}
        return CasesPage(
            names=rows.folders(answer.rows, answer.expands) if in_folders else names,
            newest=max(filter(None, map(rows.created_at, answer.rows)), default=None),
            next_page=answer.next_page if answer.rows and answer.next_page != page else None,
        )

    def results(self, run_id: int, query: ResultsQuery, told: Failing = NOTHING, /) -> ResultsPage:
        """One page of a run's results. An instance that does not know the expand `statuses` is asked without.

        A latest row that is its test's in `told` is not looked at any closer (`ResultsPage.as_told`).
        """
        if not self._knows_statuses:
            query = replace(query, expands=tuple(name for name in query.expands if name != "statuses"))
        try:
            page = self._page(f"/runs/{run_id}/results", results_parameters(query))
        except RequestRejected as exc:
            if "expands" not in exc.fields or "statuses" not in query.expands:
                raise
            self._knows_statuses = False
            return self.results(run_id, query, told)
        number = query.page or 1
        # What a sweep lacks the next one has; and nobody says how Testmo counts the latest rows.
        is_lost = not page.rows and (page.total or 0) > (number - 1) * MAX_PER_PAGE and not query.get_latest_result
        if is_lost:
            words = f"/runs/{run_id}/results says that it has {page.total} rows and gave none of page {number}"
            raise Unreadable(words)
        as_told, others = rows.told_apart(page.rows, told) if told else ({}, page.rows)
        return ResultsPage(
            results=tuple(map(rows.result, others)),
            expands=rows.expands(page.expands) if others else Expands(),  # there is nobody to name
            next_page=page.next_page,
            total=page.total,
            server_date=page.server_date,
            as_told=as_told,
        )

    def _runs(self, project_id: int, query: Mapping[str, str], pool: Executor | None = None) -> Listed[Run]:
        query = {**query, "order": "asc", "expands": "configs,milestones"}
        return self._list(f"/projects/{project_id}/runs", query, partial(rows.run, project_id=project_id), pool)[0]

    def _users(self, path: str) -> Listed[User]:
        found, _ = self._list(path, {}, lambda row, _: rows.user(row))
        return Listed([user for user in found if user is not None], found.strays)

    def _statuses(self, project_id: int) -> object:
        return self._page(f"/projects/{project_id}/runs", {"per_page": "15", "expands": "statuses"}).expands

    def _list(
        self,
        path: str,
        query: Mapping[str, str],
        read: Callable[[object, object], T],
        pool: Executor | None = None,
    ) -> tuple[Listed[T], datetime | None]:
        found: list[T] = []
        strays: list[str] = []
        pages: list[Page] = []
        for page in self._pages(path, query, pool):
            pages.append(page)
            for row in page.rows:
                try:
                    found.append(read(row, page.expands))
                except ValueError as exc:  # it must not hide the others
                    strays.append(f"{path} holds something unknown: {exc}")
        first_date = next(filter(None, (page.server_date for page in pages)), None)
        return Listed(found, [*strays, *missing(path, pages)]), first_date

    def _pages(self, path: str, query: Mapping[str, str], pool: Executor | None) -> Iterator[Page]:
        """The pages of a list in their order. The first says how many there are, `next_page` whether more came."""

        def ask(number: int) -> Page:
            return self._page(path, {**query, "page": str(number), "per_page": str(MAX_PER_PAGE)})

        page = ask(1)
        yield page
        ahead = range(2, pages_said(page) + 1) if pool else range(0)
        if pool and ahead:
            for page in together(pool, [partial(ask, number) for number in ahead]):
                yield page
        visited = {1, *ahead}
        while page.rows and page.next_page is not None and page.next_page not in visited:
            visited.add(page.next_page)
            if len(visited) > MAX_PAGES:
                raise Unreadable(f"{path} goes on after {MAX_PAGES} pages: Testmo's paging does not end")
            page = ask(page.next_page)
            yield page

    def _page(self, path: str, query: Mapping[str, str]) -> Page:
        """One page; of a hundred rows that are too heavy at once, as many smaller pages as hold them."""
        for size in self._sizes.get(path, SIZES) if query.get("per_page") == str(MAX_PER_PAGE) else ():
            try:
                return self._parts(path, query, size)
            except TooHeavy:
                if size == SIZES[-1]:
                    raise
                self._sizes[path] = SIZES[SIZES.index(size) + 1 :]
        return self._one_page(path, query)

    def _parts(self, path: str, query: Mapping[str, str], size: int) -> Page:
        """The same hundred rows, in pages of `size`: whoever counts pages of a hundred notices nothing.

        A page of fifteen may begin in the hundred before and end in the one after; those rows are left out.
        """
        if size == MAX_PER_PAGE:
            return self._one_page(path, query)
        number = int(query.get("page", "1"))
        begin, end = (number - 1) * MAX_PER_PAGE, number * MAX_PER_PAGE
        parts: list[Page] = []
        found: list[object] = []
        for part_number in range(begin // size + 1, (end - 1) // size + 2):
            part = self._one_page(path, {**query, "page": str(part_number), "per_page": str(size)})
            if parts and (part.total or 0) < (parts[-1].total or 0):
                raise Unreadable(f"{path} lost rows while it was read in parts: others may have changed places")
            parts.append(part)
            first = (part_number - 1) * size
            found += part.rows[max(0, begin - first) : end - first]
            if part.next_page is None or not part.rows:
                break
        has_more = part.next_page is not None or first + len(part.rows) > end
        return replace(
            parts[0],
            rows=found,
            expands=merged(part.expands for part in parts),
            next_page=number + 1 if has_more else None,
            last_page=None,  # counted in pages of a hundred, nobody says it
            total=part.total,
            is_full=len(found) >= MAX_PER_PAGE,
        )

    def _one_page(self, path: str, query: Mapping[str, str]) -> Page:
        body, answer = self._get(path, query)
        result = rows.as_list(body.get("result"))
        if result is None:
            raise Unreadable(f"{path} answered without a list of results")
        said = (rows.as_int(body.get(name)) or 0 for name in ("next_page", "page", "last_page"))
        next_page, page, last_page = (number if number > 0 else None for number in said)  # pages are counted from 1
        if page is not None and page == last_page:
            next_page = None  # either sign ends a list, docs.testmo.com, pagination
        elif next_page is None and page is not None and last_page is not None and page < last_page:
            next_page = page + 1  # one of the two is wrong, and a page too many costs less than one too few
        total = rows.as_int(body.get("total"))
        number, size = int(query.get("page", "1")), rows.as_int(body.get("per_page")) or MAX_PER_PAGE
        is_full = len(result) >= size > 0
        if is_full and (next_page or 0) <= number and (total or 0) > number * size:
            next_page = number + 1  # the end, or a page that was read, is no sign for that many rows
        return Page(result, body.get("expands"), next_page, last_page, total, server_date(answer), is_full)

    def _get(self, path: str, query: Mapping[str, str]) -> tuple[Mapping[str, object], Answer]:
        """The one way to Testmo: pass the rate limit, send, and turn every answer into JSON or an error."""
        answer, token = self._ask(path, query, self._token())
        if answer.status == 401:  # noqa: PLR2004 - an HTTP status; a rotated token is worth one more question
            fresh = self._token(fresh=True)
            if fresh != token:
                answer, token = self._ask(path, query, fresh)
        throttled = asked_for_a_pause(path, answer, self._now())
        if throttled is not None:
            self._rate_limit.close(throttled)
            raise throttled
        try:
            return checked(path, answer, token), answer
        except TokenRefused as exc:
            self._rate_limit.close(exc)
            raise

    def _ask(self, path: str, query: Mapping[str, str], token: str) -> tuple[Answer, str]:
        headers = {
            "Accept": "application/json",  # without it Testmo redirects a refused request to its login page
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {token}",
            "User-Agent": USER_AGENT,
        }
        with self._rate_limit.request() as seconds:
            try:
                url = self._base + path
                answer = send(self._pool, "GET", url, headers=headers, fields=query, read_seconds=seconds, light=True)
            except Unreadable as exc:
                raise type(exc)(f"{path} could not be read: {exc}") from exc
        self._rate_limit.answered(well=answer.status < 500 and answer.status != 429)  # noqa: PLR2004 - HTTP statuses
        return answer, token


def together(pool: Executor, jobs: Sequence[Callable[[], T]]) -> Iterator[T]:
    """What comes of jobs, in their order; the pool does them, and the caller those that nobody has begun.

    So nobody ever waits for a place in the pool, not even a caller who has one of its places.
    """
    futures = [pool.submit(job) for job in jobs]
    try:
        for future, job in zip(futures, jobs, strict=True):
            yield job() if future.cancel() else future.result()
    finally:
        for future in futures:
            future.cancel()


def missing(path: str, pages: Sequence[Page]) -> Iterator[str]:
    """What to say of a list whose pages do not hold all that it says there is; what is missing would be unwatched.

    A list may be shorter than it says, if not all of it may be seen. Then its pages still end before they are full.
    """
    there = [str(row.get("id")) if isinstance(row, dict) else str(row) for page in pages for row in page.rows]
    total = min((page.total for page in pages if page.total is not None), default=0)  # it may shrink meanwhile
    given = len(set(there))
    if given < total and (given < len(there) or pages[-1].is_full):
        yield f"{path} says that it has {total} rows and gave {given}: its pages do not go on as they should"


def pages_said(page: Page) -> int:
    """How many pages a list has, by both things that its first page says of that; 1 where they disagree."""
    by_total = -(-(page.total or 0) // MAX_PER_PAGE)
    return by_total if page.next_page == 2 and by_total == page.last_page and by_total <= MAX_PAGES else 1  # noqa: PLR2004


def merged(expands: Iterable[object]) -> dict[str, list[object]]:
    """The expands of several pages as those of one."""
    found: dict[str, list[object]] = {}
    for page in expands:
        for name, group in page.items() if isinstance(page, dict) else ():
            found.setdefault(name, []).extend(rows.as_list(group) or ())
    return found


def results_parameters(query: ResultsQuery) -> dict[str, str]:
    """The query string of a `ResultsQuery`, in Testmo's own forms: `Z` dates, comma lists, 1 and 0."""
    values = {
        "page": query.page,
        "per_page": query.per_page,
        "sort": query.sort,
        "order": query.order,
        "created_after": query.created_after and timestamp(query.created_after),
        "created_by": ",".join(map(str, query.created_by)) or None,
        "assignee_id": ",".join(map(str, query.assignee_id)) or None,
        "status_id": ",".join(map(str, query.status_id)) or None,
        "get_latest_result": None if query.get_latest_result is None else int(query.get_latest_result),
        "expands": ",".join(query.expands) or None,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def timestamp(moment: datetime) -> str:
    """`2023-02-15T00:00:00.000Z`, the form of Testmo's own examples; finer digits are cut, never rounded up."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
