"""The API without the network: a request goes in, an answer comes out.

The order of the checks is Laravel's: route (404), method (405), token (401), object (404), right (403) and
values (422).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from itertools import count
from urllib.parse import parse_qsl

from tools.simulator import answers
from tools.simulator.answers import Answer, Refused
from tools.simulator.endpoints import people, planning, projects, runs
from tools.simulator.listing import Ask
from tools.simulator.query import Query
from tools.simulator.switches import Switches
from tools.simulator.world import World

BASE_PATH = "/api/v1"
TOKEN = "testmo_api_simulator"  # noqa: S105 -- not a secret: the simulator prints it

# Every path the simulator knows; `#` stands for an id, which the function gets as its second argument.
ROUTES: Mapping[str, Callable[..., Answer]] = {
    "/user": people.current_user,
    "/users": people.users,
    "/users/#": people.user,
    "/projects": projects.projects,
    "/projects/#": projects.project,
    "/projects/#/users": people.project_users,
    "/projects/#/runs": runs.project_runs,
    "/projects/#/cases": runs.project_cases,
    "/projects/#/folders": planning.project_folders,
    "/projects/#/milestones": planning.project_milestones,
    "/projects/#/configs": planning.project_configs,
    "/milestones/#": planning.milestone,
    "/runs/#": runs.run,
    "/runs/#/results": runs.run_results,
}
_ID = re.compile(r"(?<=/)[0-9]{1,18}(?=/|$)")


@dataclass(frozen=True, slots=True)
class Request:
    """What the API looks at. `path` has no query; of a name given twice the last value counts."""

    method: str
    path: str
    query: Mapping[str, str]
    authorization: str | None

    @classmethod
    def parse(cls, method: str, target: str, authorization: str | None) -> Request:
        """Read the request line of HTTP."""
        path, _, query = target.partition("?")
        return cls(method, path, dict(parse_qsl(query, keep_blank_values=True)), authorization)


class Api:
    """One instance of Testmo: a world, how it behaves where that is unknown, and one valid token."""

    def __init__(self, world: World, switches: Switches, *, token: str = TOKEN) -> None:
        self.world = world
        self.switches = switches
        self.token = token
        self._numbers = count(1)

    def answer(self, request: Request) -> Answer:
        """Answer one request; the world stands still meanwhile."""
        with self.world.lock:
            try:
                return self._route(request)
            except Refused as refused:
                return refused.answer

    def _route(self, request: Request) -> Answer:
        under_base = request.path.removeprefix(BASE_PATH)
        endpoint = ROUTES.get(_ID.sub("#", under_base))
        if endpoint is None or under_base == request.path or "#" in request.path:
            return answers.no_such_route(request.path)
        if request.method not in ("GET", "HEAD"):
            return answers.wrong_method(request.method, request.path)
        if not compare_digest((request.authorization or "").encode(), f"Bearer {self.token}".encode()):
            return answers.unauthenticated()
        ask = Ask(self.world, self.switches, Query(request.query, self.switches), next(self._numbers))
        return endpoint(ask, *(int(id_) for id_ in _ID.findall(under_base)))
