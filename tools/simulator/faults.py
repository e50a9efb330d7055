"""What can go wrong on the way to Testmo, by name.

A fault applies to the paths its pattern fits, for so many requests or until it is removed. The first one that fits
a request decides; `slow` only delays, and a hook only acts, so after them the search goes on.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from threading import Lock

from tools.simulator import answers, pages
from tools.simulator.answers import Answer, as_html, as_json, error, invalid
from tools.simulator.api import BASE_PATH, Request
from tools.simulator.loopback import Reply

BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
BOT_CHECK = "<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
PROXY_LOGIN = "<html><head><title>401 Authorization Required</title></head><body>proxy</body></html>"
NOT_FOUND = "<html><head><title>404 Not Found</title></head><body><center>nginx</center></body></html>"
HEAVY_NOTE = '<p><img src="data:image/png;base64,' + "iVBORw0KGgo/" * 34_000 + '"></p>'  # about 400 kB
UNAVAILABLE = "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"


class Limiter:
    """Lets so many requests through in any window of that many seconds. What it refuses does not count."""

    def __init__(self, requests: int, per_seconds: int) -> None:
        if requests < 1:
            raise ValueError("a limit lets at least one request through")
        self._requests = requests
        self._window = timedelta(seconds=per_seconds)
        self._let_through: deque[datetime] = deque()

    def wait_for(self, now: datetime) -> int | None:
        """None if the request may pass now, else in how many whole seconds (at least 1) the next one may."""
        while self._let_through and self._let_through[0] <= now - self._window:
            self._let_through.popleft()
        if len(self._let_through) < self._requests:
            self._let_through.append(now)
            return None
        return max(1, math.ceil((self._let_through[0] + self._window - now).total_seconds()))


@dataclass(slots=True)
class Fault:
    """One fault in place. `times` is how many requests it still applies to; None is "always"."""

    name: str
    path: str
    times: int | None
    retry_after: int | None = None
    seconds: float = 0.0
    page: int | None = None
    action: Callable[[], object] | None = None

    def fits(self, request: Request) -> bool:
        """Whether the fault applies to this request."""
        path = request.path.removeprefix(BASE_PATH)
        if not fnmatchcase(path, self.path):
            return False
        if self.name == "no-statuses":
            return "statuses" in request.query.get("expands", "").split(",")
        return self.page is None or request.query.get("page", "1") == str(self.page)


class Faults:
    """The faults of one simulator; empty at the start."""

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._limiter: Limiter | None = None

    def add(
        self, name: str, *, path: str = "*", times: int | None = 1, retry_after: int | None = None, seconds: float = 0.0
    ) -> None:
        """Put a fault in place.

        Args:
            name: one of `DESCRIPTIONS`.
            path: a pattern for paths below /api/v1 such as `/runs/*/results`; `*` fits slashes too.
            times: for how many requests it applies; None for all of them until `clear`.
            retry_after: of "429" and "503", in seconds; None leaves the header out.
            seconds: of "slow".

        Raises:
            ValueError: there is no such fault.
        """
        if name not in DESCRIPTIONS:
            raise ValueError(f"no fault is called {name!r}; there are: {', '.join(DESCRIPTIONS)}")
        with self._lock:
            self._faults.append(Fault(name, path, times, retry_after, seconds))

    def before_page(
        self, page: int, action: Callable[[], object], *, path: str = "/runs/*/results", times: int | None = 1
    ) -> None:
        """Run the action when that page is asked for, before it is read: rows come and go between two pages."""
        with self._lock:
            self._faults.append(Fault("hook", path, times, page=page, action=action))

    def limit(self, requests: int, *, per_seconds: int = 60) -> None:
        """Answer 429 with Retry-After to whatever exceeds so many requests in any window of that length."""
        with self._lock:
            self._limiter = Limiter(requests, per_seconds)

    def clear(self) -> None:
        """Remove every fault, hook and limit."""
        with self._lock:
            self._faults.clear()
            self._limiter = None

    def in_place(self) -> list[dict[str, object]]:
        """What `add` put in place and is not used up, for people to look at."""
        with self._lock:
            return [{"name": fault.name, "path": fault.path, "times": fault.times} for fault in self._faults]

    def take(self, request: Request) -> list[Fault]:
        """The faults for this request in order, each used up by one: delays and hooks, then at most one more."""
        taken: list[Fault] = []
        with self._lock:
            wait = self._limiter.wait_for(self._now()) if self._limiter else None
            if wait is not None:
                return [Fault("429", "*", None, retry_after=wait)]
            for fault in self._faults:
                if not fault.fits(request):
                    continue
                taken.append(fault)
                fault.times = None if fault.times is None else fault.times - 1
                if fault.name not in ("slow", "hook"):
                    break
            self._faults = [fault for fault in self._faults if fault.times != 0]
        return taken


def with_heavy_notes(answer: Answer) -> Answer:
    """The same list with a picture in every note; anything else as it is."""
    body = json.loads(answer.body)
    rows = body.get("result")
    if not isinstance(rows, list):
        return answer
    heavy = [{**row, "note": HEAVY_NOTE + (row.get("note") or "")} for row in rows]
    return as_json({**body, "result": heavy}, status=answer.status)


# The faults that answer in the place of the API, some of them by the request and the fault's `retry_after`.
INSTEAD: Mapping[str, tuple[str, Answer | Callable[[Request, int | None], Answer]]] = {
    "401": ("the token is refused", answers.unauthenticated()),
    "403": ("the right is missing", answers.forbidden()),
    "404": ("the object does not exist", error(404, "The requested object does not exist.")),
    "404-route": ("the path does not exist", lambda request, _retry: answers.no_such_route(request.path)),
    "405": ("the method is not allowed", lambda request, _retry: answers.wrong_method(request.method, request.path)),
    "422": ("a value is refused (per_page)", invalid({"per_page": "The selected page rows is invalid."})),
    "401-page": ("somebody else's 401: the HTML of a proxy", as_html(PROXY_LOGIN, status=401)),
    "403-page": ("somebody else's 403: the HTML of a bot check", as_html(BOT_CHECK, status=403)),
    "403-json": (
        "somebody else's 403: a JSON object without `message`",
        as_json({"error": "blocked", "ray": "8f1"}, status=403),
    ),
    "403-list": ("somebody else's 403: a JSON list", as_json([{"message": "blocked"}], status=403)),
    "404-page": ("somebody else's 404: the HTML of a web server", as_html(NOT_FOUND, status=404)),
    "404-empty": ("somebody else's 404: no body", Answer(404, b"")),
    "429": (
        "too many requests; with `retry_after` (seconds) in the header, without it no header",
        lambda _request, retry: answers.too_many(retry),
    ),
    "500": ("a server error, as JSON", error(500, "Server Error")),
    "502": ("a bad gateway, as HTML", as_html(BAD_GATEWAY, status=502)),
    "503": (
        "maintenance, as HTML; `retry_after` as for 429",
        lambda _request, retry: as_html(UNAVAILABLE, status=503, headers=answers.retry_after(retry)),
    ),
    "login-page": ("200 with the HTML of the login page", as_html(pages.LOGIN_PAGE, status=200)),
    "redirect": ("302 to /auth/login", as_html("Redirecting", status=302, headers={"Location": "/auth/login"})),
    "no-statuses": (
        "422 whenever `expands` asks for statuses",
        invalid({"expands": "The selected expands is invalid."}),
    ),
}

# The faults that let the API answer and spoil its answer on the way.
SPOILED: Mapping[str, tuple[str, Callable[[Answer], Reply]]] = {
    "heavy-notes": (
        "every row of a list has a pasted picture of 400 kB before its note",
        lambda answer: Reply(with_heavy_notes(answer)),
    ),
    "truncated": ("the connection ends in the middle of the body", lambda answer: Reply(answer, "truncated")),
    "cut-json": ("a complete answer whose JSON ends in the middle", lambda answer: Reply(answer, "cut")),
    "reset": ("the connection is reset before any answer", lambda answer: Reply(answer, "reset")),
}
DESCRIPTIONS = {name: words for table in (INSTEAD, SPOILED) for name, (words, _) in table.items()}
DESCRIPTIONS["slow"] = "the answer comes after `seconds`"
