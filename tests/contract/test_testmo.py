"""Rule 9: the Testmo adapter against the simulator over real HTTP: what is asked, what every bad answer becomes.

And how little of a bad answer is quoted (SECURITY.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.adapters import testmo as adapter
from testmo_notifier.adapters.http import new_pool, send
from testmo_notifier.errors import (
    Invisible,
    NotifierError,
    OutOfBudget,
    RequestRejected,
    StopReading,
    Throttled,
    TokenRefused,
    Unreadable,
)
from testmo_notifier.model import ResultsQuery, User
from testmo_notifier.version import VERSION
from tools.simulator import Simulator, StatusId, World
from tools.simulator.model import Project, Run

START = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)


@dataclass
class NoRateLimit:
    """Lets everything through until it is closed; counts."""

    entered: int = 0
    closed_by: StopReading | None = None
    well: list[bool] = field(default_factory=list)

    @contextmanager
    def request(self) -> Iterator[float]:
        if self.closed_by is not None:
            raise self.closed_by
        self.entered += 1
        yield 10.0

    def answered(self, *, well: bool) -> None:
        self.well.append(well)

    def close(self, reason: StopReading) -> None:
        self.closed_by = reason


@dataclass
class Token:
    """A token that may have been rotated meanwhile."""

    now: str
    fresh: str
    refreshed: int = 0

    def __call__(self, *, fresh: bool = False) -> str:
        self.refreshed += fresh
        self.now = self.fresh if fresh else self.now
        return self.now


@dataclass
class Bench:
    """A simulator with one project and one run, and an adapter that reads it."""

    world: World
    simulator: Simulator
    project: Project
    run: Run
    token: Token
    rate_limit: NoRateLimit = field(default_factory=NoRateLimit)

    def testmo(self, url: str | None = None) -> adapter.Testmo:
        return adapter.Testmo(
            url=url or self.simulator.url,
            token=self.token,
            pool=new_pool(),
            rate_limit=self.rate_limit,
            now=lambda: START,
        )

    def asked(self) -> dict[str, str]:
        """The query of the last request."""
        return dict(self.simulator.requests[-1].query)

    def save(self, count: int) -> list[int]:
        tests = self.world.tests_of(self.run)
        return [self.world.save_result(tests[n % len(tests)], StatusId.FAILED).id for n in range(count)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    world = World(now=lambda: START)
    project = world.add_project("Shop")
    run = world.add_run(project, "Release 4.2", cases=[world.add_case(project, f"Case {n}") for n in range(3)])
    with Simulator(world) as simulator:
        yield Bench(world, simulator, project, run, Token(simulator.token, simulator.token))


def test_every_parameter_of_results_that_is_in_use_arrives_as_documented(bench: Bench) -> None:
    bench.testmo().results(
        bench.run.id,
        ResultsQuery(
            page=2,
            per_page=25,
            sort="run_results:created_at",
            order="asc",
            created_after=datetime(2026, 11, 23, 10, 59, 59, 999_999, tzinfo=ZoneInfo("Europe/Berlin")),
            created_by=(7, 8),
            assignee_id=(0, 9),
            status_id=(3, 5),
            get_latest_result=True,
            expands=("users", "issues", "statuses"),
        ),
    )

    assert bench.simulator.requests[-1].path == f"/api/v1/runs/{bench.run.id}/results"
    assert bench.asked() == {
        "page": "2",
        "per_page": "25",
        "sort": "run_results:created_at",
        "order": "asc",
        "created_after": "2026-11-23T09:59:59.999Z",
        "created_by": "7,8",
        "assignee_id": "0,9",
        "status_id": "3,5",
        "get_latest_result": "1",
        "expands": "users,issues,statuses",
    }


def test_what_is_not_said_is_not_asked(bench: Bench) -> None:
    bench.testmo().results(bench.run.id, ResultsQuery())
    assert bench.asked() == {"per_page": "100", "expands": "users,issues,statuses"}

    bench.testmo().results(bench.run.id, ResultsQuery(per_page=None, expands=(), get_latest_result=False))
    assert bench.asked() == {"get_latest_result": "0"}


def test_lists_are_asked_for_oldest_first_with_everything_a_message_needs(bench: Bench) -> None:
    testmo = bench.testmo()

    testmo.open_runs(bench.project.id)
    assert bench.asked() == {
        "is_closed": "0",
        "sort": "runs:created_at",
        "order": "asc",
        "expands": "configs,milestones",
        "page": "1",
        "per_page": "100",
    }
    testmo.closed_runs(bench.project.id, START)
    assert bench.asked() == {
        "is_closed": "1",
        "closed_after": "2026-11-23T09:00:00.000Z",
        "sort": "runs:closed_at",
        "order": "asc",
        "expands": "configs,milestones",
        "page": "1",
        "per_page": "100",
    }
    testmo.projects()
    assert bench.asked() == {"sort": "projects:created_at", "order": "asc", "page": "1", "per_page": "100"}


def test_a_page_of_results_is_read_with_its_expands_and_its_date(bench: Bench) -> None:
    first, *_ = bench.save(101)

    page = bench.testmo().results(bench.run.id, ResultsQuery(page=1, order="asc"))

    assert len(page.results) == 100
    assert (page.results[0].id, page.next_page, page.total, page.server_date) == (first, 2, 101, START)
    assert page.expands.statuses[3] == "Failed"


def test_a_list_is_read_to_its_last_page(bench: Bench) -> None:
    runs = [bench.run, *(bench.world.add_run(bench.project, f"Run {n}") for n in range(149))]

    assert sorted(run.id for run in bench.testmo().open_runs(bench.project.id)) == sorted(run.id for run in runs)
    assert bench.rate_limit.entered == 2


# What each answer becomes, and the words that say what to do.
BAD = [
    ("401", TokenRefused, "Testmo refuses the token .*Make a new one .*store it in the secret"),
    ("403", Invisible, "/results is not visible to the token's user .403.: Testmo says 'This action is unauthorized.'"),
    ("404", Invisible, "/results is not there .404.: deleted, or not visible"),
    ("404-route", RequestRejected, "is not known at this address .404.: is TestmoUrl a Testmo instance"),
    ("405", RequestRejected, "/results was rejected .405.: Testmo says"),
    ("422", RequestRejected, "/results was rejected .422. because of per_page: Testmo says 'The selected page rows"),
    ("429", Throttled, "Testmo asked for fewer requests .429 on /runs"),
    ("500", Unreadable, "/results answered with 500: Testmo says 'Server Error'"),
    ("502", Unreadable, "/results answered with 502$"),
    ("503", Unreadable, "/results answered with 503$"),
    ("login-page", Unreadable, "/results answered with HTML instead of JSON"),
    ("redirect", Unreadable, "/results answered with a redirect .302.: is TestmoUrl your instance's own address"),
    ("truncated", Unreadable, "/results could not be read: the answer broke off"),
    ("cut-json", Unreadable, "/results answered with no complete JSON"),
    ("reset", Unreadable, "/results could not be read: the answer broke off"),
    ("401-page", Unreadable, "/results answered with 401, but not in Testmo's words .a proxy, a firewall, a bot check"),
    ("403-page", Unreadable, "/results answered with 403, but not in Testmo's words"),
    ("403-json", Unreadable, "/results answered with 403, but not in Testmo's words"),
    ("403-list", Unreadable, "/results answered with 403, but not in Testmo's words"),
    ("404-page", Unreadable, "/results answered with 404, but not in Testmo's words"),
    ("404-empty", Unreadable, "/results answered with 404, but not in Testmo's words"),
]


@pytest.mark.parametrize(("fault", "error", "words"), BAD, ids=[fault for fault, _, _ in BAD])
def test_every_bad_answer_becomes_the_error_that_says_what_to_do(
    bench: Bench, fault: str, error: type[NotifierError], words: str
) -> None:
    bench.save(3)
    bench.simulator.faults.add(fault)

    with pytest.raises(NotifierError, match=words) as caught:
        bench.testmo().results(bench.run.id, ResultsQuery())

    assert type(caught.value) is error
    assert bench.simulator.token not in str(caught.value)
    assert bench.simulator.url not in str(caught.value)
    assert len(bench.simulator.requests) == 1  # nothing was tried twice, no redirect was followed


@pytest.mark.parametrize("fault", ["500", "502", "login-page", "truncated", "cut-json", "reset", "422", "403"])
def test_a_bad_answer_spoils_no_later_one(bench: Bench, fault: str) -> None:
    ids = bench.save(2)
    testmo = bench.testmo()
    bench.simulator.faults.add(fault)

    with pytest.raises(NotifierError):
        testmo.results(bench.run.id, ResultsQuery())

    assert sorted(row.id or 0 for row in testmo.results(bench.run.id, ResultsQuery()).results) == ids


@pytest.mark.parametrize(("retry_after", "seconds"), [(7, 7.0), (None, 60.0), (0, 0.0), (999_999, 3600.0)])
def test_429_closes_the_rate_limit_for_as_long_as_testmo_says_or_a_minute(
    bench: Bench, retry_after: int | None, seconds: float
) -> None:
    testmo = bench.testmo()
    bench.simulator.faults.add("429", retry_after=retry_after)

    with pytest.raises(Throttled) as caught:
        testmo.projects()
    assert caught.value.retry_after_seconds == seconds
    assert bench.rate_limit.closed_by is caught.value
    with pytest.raises(Throttled):
        testmo.projects()
    assert len(bench.simulator.requests) == 1


def test_a_503_that_says_how_long_is_obeyed_like_a_429(bench: Bench) -> None:
    bench.simulator.faults.add("503", retry_after=99_999_999)

    with pytest.raises(Throttled, match=r"Testmo asked for a pause \(503 on /projects\)") as caught:
        bench.testmo().projects()
    assert caught.value.retry_after_seconds == 3600
    assert bench.rate_limit.closed_by is caught.value


@pytest.mark.parametrize("fault", ["401", "403"])
def test_a_token_that_may_do_nothing_at_all_ends_all_asking(bench: Bench, fault: str) -> None:
    bench.simulator.faults.add(fault, path="/user")

    with pytest.raises(TokenRefused):
        bench.testmo().user()

    assert isinstance(bench.rate_limit.closed_by, TokenRefused)


def test_the_tokens_user_has_a_name(bench: Bench) -> None:
    assert bench.testmo().user() != "a user without a name"


def test_a_rotated_token_is_read_again_once_and_used_from_then_on(bench: Bench) -> None:
    bench.token = Token("testmo_api_old", bench.simulator.token)
    testmo = bench.testmo()

    testmo.projects()
    testmo.projects()

    assert [record.status for record in bench.simulator.requests] == [401, 200, 200]
    assert (bench.token.refreshed, bench.rate_limit.entered) == (1, 3)


def test_a_token_that_did_not_change_is_not_tried_again(bench: Bench) -> None:
    bench.token = Token("testmo_api_old", "testmo_api_old")

    with pytest.raises(TokenRefused) as caught:
        bench.testmo().projects()

    assert len(bench.simulator.requests) == 1
    assert "testmo_api_old" not in str(caught.value)


def test_a_rotated_token_that_is_wrong_too_is_refused(bench: Bench) -> None:
    bench.token = Token("testmo_api_old", "testmo_api_new")

    with pytest.raises(TokenRefused) as caught:
        bench.testmo().projects()

    assert [record.status for record in bench.simulator.requests] == [401, 401]
    assert "testmo_api" not in str(caught.value)


def test_an_instance_without_the_expand_statuses_is_asked_without_it_from_then_on(bench: Bench) -> None:
    ids = bench.save(1)
    bench.simulator.faults.add("no-statuses", times=None)
    testmo = bench.testmo()

    for _ in range(2):
        page = testmo.results(bench.run.id, ResultsQuery())
        assert [row.id for row in page.results] == ids
        assert page.expands.statuses == {}

    assert [record.query["expands"] for record in bench.simulator.requests] == [
        "users,issues,statuses",
        "users,issues",
        "users,issues",
    ]


def test_every_request_passes_the_rate_limit(bench: Bench) -> None:
    bench.rate_limit.close(OutOfBudget("used up"))

    with pytest.raises(OutOfBudget):
        bench.testmo().projects()

    assert bench.simulator.requests == []


def test_an_answer_that_does_not_come_in_time_is_unreadable(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "send", lambda *a, **k: send(*a, **{**k, "read_seconds": 0.05}))
    bench.simulator.faults.add("slow", seconds=30)

    with pytest.raises(Unreadable, match="/projects could not be read: no answer came in time"):
        bench.testmo().projects()


class Scripted(ThreadingHTTPServer):
    """Says the given bodies one after the other, the last one for ever; keeps the requests."""

    def __init__(self, *answers: tuple[int, object]) -> None:
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                script.asked.append(self.path)
                script.heads.append(dict(self.headers))
                status, body = answers[min(len(script.asked), len(answers)) - 1]
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Not on the test's output."""

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


def a_page(rows: int = 1, **frame: object) -> dict[str, object]:
    return {
        "page": 1,
        "next_page": None,
        "last_page": 1,
        "total": rows,
        "result": [{"id": 1, "name": "Shop"}] * rows,
    } | frame


def test_the_request_says_who_asks_and_what_for(bench: Bench) -> None:
    with Scripted((200, a_page())) as server:
        bench.testmo(server.url).projects()

    assert server.heads[0]["Accept"] == "application/json"
    assert server.heads[0]["Authorization"] == f"Bearer {bench.simulator.token}"
    assert server.heads[0]["Accept-Encoding"] == "gzip"
    assert server.heads[0]["User-Agent"] == f"testmo-notifier/{VERSION}"


@pytest.mark.parametrize(
    ("pages", "requests"),
    [
        ([a_page(next_page=2, last_page=2), a_page(page=2, next_page=1, last_page=9)], 2),  # a number that repeats
        ([a_page(next_page=1, last_page=9)], 1),  # itself
        ([a_page(next_page=2, last_page=9), a_page(0, page=2, next_page=3, last_page=9)], 2),  # an empty page
        ([a_page(next_page=2, last_page=1)], 1),  # page == last_page is an end too
        ([a_page(0, page=None, last_page=None)], 1),  # the empty list has no page numbers
        ([a_page(next_page="2", last_page="2"), a_page(page="2", last_page="2")], 2),  # numbers as text
        ([a_page(next_page=0, last_page=None)], 1),  # no page at all
        ([a_page(next_page=None, page=-1, last_page=1)], 1),  # nor is that one, and the one after it is none
        ([a_page(next_page=-1, last_page=2), a_page(page=2, next_page=0, last_page=2)], 2),
    ],
)
def test_paging_ends(bench: Bench, pages: list[dict[str, object]], requests: int) -> None:
    with Scripted(*((200, page) for page in pages)) as server:
        bench.testmo(server.url).projects()

    assert len(server.asked) == requests


def test_a_list_that_goes_on_for_ever_is_unreadable(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "MAX_PAGES", 3)
    pages = [(200, a_page(page=n, next_page=n + 1, last_page=99)) for n in range(1, 9)]

    with Scripted(*pages) as server, pytest.raises(Unreadable, match="/projects goes on after 3 pages"):
        bench.testmo(server.url).projects()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, [], "no complete JSON"),
        (200, b"", "no complete JSON"),
        (200, b"  <!DOCTYPE html>", "HTML instead of JSON"),
        (200, b"\xff\xfe", "no complete JSON"),
        (200, b"[" * 200_000, "no complete JSON"),
        (200, b'{"result": ' + b"9" * 10_000 + b"}", "answered without a list of results"),
        (200, {"message": "ok"}, "answered without a list of results"),
        (200, {"result": {"id": 1}}, "answered without a list of results"),
        (204, b"", "answered with 204"),
        (418, {"message": "short and stout"}, "answered with 418: Testmo says 'short and stout'"),
        (599, {"message": ["not text"]}, "answered with 599$"),
        (301, b"", "a redirect .301."),
    ],
)
def test_what_cannot_be_understood_is_unreadable(bench: Bench, status: int, body: object, words: str) -> None:
    with Scripted((status, body)) as server, pytest.raises(Unreadable, match=words):
        bench.testmo(server.url).projects()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"test_id": ' + "9" * 5_000, "is not a number"),
        ('"test_id": -' + "9" * 30, "is not a number"),
        ('"test_id": 1e400', "is not a number"),
        ('"test_id": NaN', "is not a number"),
        ('"test_id": 8, "note": "a tab\tand\nlines"', ""),
    ],
)
def test_what_one_row_holds_hides_no_other(bench: Bench, value: str, problem: str) -> None:
    rows = '{"id": 9007199254740993}, {"id": 2, ' + value + "}"
    body = '{"page": 1, "next_page": null, "last_page": 1, "total": 2, "result": [' + rows + "]}"
    with Scripted((200, body.encode())) as server:
        first, second = bench.testmo(server.url).results(1, ResultsQuery()).results

    assert (first.id, second.id) == (9007199254740993, 2)
    said = [one.text for one in second.problems if one.field == "test_id"]
    assert said == ([problem] if problem else [])


CALLS: dict[str, Callable[[adapter.Testmo], object]] = {
    "/user": lambda testmo: testmo.user(),
    "/projects": lambda testmo: testmo.projects(),
    "open runs": lambda testmo: testmo.open_runs(7),
    "closed runs": lambda testmo: testmo.closed_runs(7, START),
    "/runs/9": lambda testmo: testmo.run(9),
    "statuses": lambda testmo: testmo.statuses(7),
    "passed statuses": lambda testmo: testmo.passed_statuses(7),
    "cases": lambda testmo: testmo.cases(7, page=1, created_after=None),
    "results": lambda testmo: testmo.results(9, ResultsQuery()),
}
STRANGERS: dict[str, object] = {
    "page": b"<!DOCTYPE html><title>Just a moment...</title>",
    "empty": b"",
    "object": {"error": "forbidden", "Message": "none of Testmo's"},
    "list": [{"message": "none of Testmo's"}],
    "text": "message",
    "cut": b'{"message": "Unauthen',
}


@pytest.mark.parametrize("body", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_whoever_does_not_speak_as_testmo_decides_about_nothing(
    bench: Bench, call: Callable[[adapter.Testmo], object], status: int, body: object
) -> None:
    with Scripted((status, body)) as server, pytest.raises(Unreadable, match=f"answered with {status}, but not in Tes"):
        call(bench.testmo(server.url))

    assert bench.rate_limit.closed_by is None


@pytest.mark.parametrize("message", ["", None, "Unauthenticated.", ["not text"]])
@pytest.mark.parametrize(("status", "error"), [(401, TokenRefused), (403, Invisible), (404, Invisible)])
@pytest.mark.parametrize("call", [call for name, call in CALLS.items() if name != "/user"])
def test_an_object_with_a_message_is_testmos_own_whatever_it_says(
    bench: Bench, call: Callable[[adapter.Testmo], object], status: int, error: type[NotifierError], message: object
) -> None:
    with Scripted((status, {"message": message})) as server, pytest.raises(error):
        call(bench.testmo(server.url))


def test_a_row_that_cannot_be_understood_hides_no_other(bench: Bench) -> None:
    body = a_page() | {"result": [{"name": "no id"}, {"id": 4, "name": "Garden"}, "text", None]}
    with Scripted((200, body)) as server:
        projects, _ = bench.testmo(server.url).projects()

    assert [project.id for project in projects] == [4]
    assert projects.strays == (
        "/projects holds something unknown: a project has no usable id",
        "/projects holds something unknown: a project is not an object",
        "/projects holds something unknown: a project is not an object",
    )


@pytest.mark.parametrize(("is_sweep", "total", "is_read"), [(False, 9, False), (False, 0, True), (True, 9, True)])
def test_new_results_that_are_counted_and_not_given_could_not_be_read_but_nobody_says_how_the_latest_are_counted(
    bench: Bench,
    is_sweep: bool,  # noqa: FBT001 - the case
    total: int,
    is_read: bool,  # noqa: FBT001 - the case
) -> None:
    with Scripted((200, a_page() | {"result": [], "total": total})) as server:
        query = ResultsQuery(page=1, get_latest_result=True if is_sweep else None)
        with nullcontext() if is_read else pytest.raises(Unreadable, match="9 rows and gave none of page 1"):
            assert bench.testmo(server.url).results(1, query).results == ()


def test_a_list_may_come_as_an_object_whose_keys_are_numbers(bench: Bench) -> None:
    """PHP writes a list so from which something was taken out, or that is kept by id."""
    row = {"id": 7, "test_id": 1, "case_id": 1, "status_id": 3, "created_by": 8, "issues": {"1": 54}}
    expands = {"users": {"8": {"id": 8, "name": "Ada"}}, "issues": {"54": {"id": 54, "display_id": "SHOP-1"}}}
    with Scripted((200, a_page() | {"result": {"0": row, "2": {**row, "id": 9}}, "expands": expands})) as server:
        page = bench.testmo(server.url).results(1, ResultsQuery())

    assert [result.id for result in page.results] == [7, 9]
    assert page.results[0].issue_ids == (54,)
    assert page.expands.users == {8: "Ada"}
    assert page.expands.issues[54].display_id == "SHOP-1"


def test_a_name_that_a_library_took_for_a_number_is_a_name(bench: Bench) -> None:
    with Scripted((200, a_page() | {"result": [{"id": 1, "name": 2024}, {"id": 2, "name": True}]})) as server:
        projects, _ = bench.testmo(server.url).projects()

    assert [project.name for project in projects] == ["2024", "Project 2"]


@pytest.mark.parametrize("next_page", [None, True, "2"])
def test_a_list_goes_on_until_its_last_page_though_the_next_is_not_named(bench: Bench, next_page: object) -> None:
    first, last = ({"id": n, "name": f"Project {n}"} for n in (1, 2))
    pages = [
        (200, a_page(page=1, last_page=2) | {"next_page": next_page, "result": [first]}),
        (200, a_page(page=2, last_page=2) | {"next_page": None, "result": [last]}),
    ]
    with Scripted(*pages) as server:
        assert [project.id for project in bench.testmo(server.url).projects()[0]] == [1, 2]


def test_an_address_that_is_no_testmo_is_told_as_such(bench: Bench) -> None:
    with Scripted((404, {"message": "Not found"})) as server, pytest.raises(RequestRejected, match="is TestmoUrl a"):
        bench.testmo(server.url).user()


def test_half_a_character_in_a_name_is_no_trouble(bench: Bench) -> None:
    body = b'{"page": 1, "last_page": 1, "next_page": null, "result": [{"id": 1, "name": "x\\ud83dy"}]}'
    with Scripted((200, body)) as server:
        cases = bench.testmo(server.url).cases(7, page=1, created_after=None)

    assert cases.names == {1: "x?y"}


@pytest.mark.parametrize(
    ("page", "answer", "next_page"),
    [
        (1, a_page(page=1, next_page=2, last_page=3), 2),
        (2, a_page(page=2, next_page=3, last_page=3), 3),
        (1, a_page(page=1, next_page=None, last_page=3), 2),  # the very next one, though it is not named
        (3, a_page(page=3, next_page=None, last_page=3), None),
        (2, a_page(page=2, next_page=2, last_page=3), None),  # would be asked for again and again
        (2, a_page(0, page=2, next_page=3, last_page=3), None),
    ],
)
def test_the_list_of_cases_is_read_on_behind_every_page_but_the_last(
    bench: Bench, page: int, answer: dict[str, object], next_page: int | None
) -> None:
    with Scripted((200, answer)) as server:
        assert bench.testmo(server.url).cases(7, page=page, created_after=None).next_page == next_page


def test_a_run_belongs_to_the_project_it_was_listed_for(bench: Bench) -> None:
    with Scripted((200, a_page() | {"result": [{"id": 9, "name": "Run", "project_id": None}]})) as server:
        (run,) = bench.testmo(server.url).open_runs(7)

    assert (run.id, run.project_id) == (9, 7)


@pytest.mark.parametrize("status", [200, 400, 403, 404, 405, 418, 422, 500])
def test_what_testmo_says_is_quoted_short_in_one_line_and_without_the_token(bench: Bench, status: int) -> None:
    token = bench.simulator.token
    said = f"Bad {token}\n\x1b[31m" + "very " * 10_000
    body = {"message": said, "errors": {f"{token}{n}\n" + "x" * 900: ["bad"] for n in range(500)}}

    with Scripted((status, body)) as server, pytest.raises(NotifierError) as caught:
        bench.testmo(server.url).projects()

    assert token not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 1_000


def test_users_are_told_to_site_administrators_with_addresses_and_to_others_by_project_and_name(bench: Bench) -> None:
    ada, grace = bench.world.add_user("Ada Lovelace"), bench.world.add_user("Grace Hopper")
    bench.world.forget_user(grace)
    bench.world.add_user("Robot", is_api=True)
    testmo = bench.testmo()

    assert testmo.users() == [User(ada.id, "Ada Lovelace", "ada.lovelace@example.com")]
    assert User(ada.id, "Ada Lovelace") in testmo.project_users(bench.project.id)
    bench.world.viewer.is_admin = False
    with pytest.raises(Invisible, match="/users is not visible to the token's user"):
        testmo.users()
    assert User(ada.id, "Ada Lovelace") in testmo.project_users(bench.project.id)


def test_a_list_of_users_goes_on_over_its_pages(bench: Bench) -> None:
    everybody = [bench.world.add_user(f"User {number}").id for number in range(101)]

    assert [user.id for user in bench.testmo().users()] == everybody
