"""The simulator: a world behind an API on loopback, with faults on demand and a record of every request."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Self

from tools.simulator import control, pages
from tools.simulator.api import BASE_PATH, TOKEN, Api, Request
from tools.simulator.control import RecordedRequest
from tools.simulator.faults import INSTEAD, SPOILED, Fault, Faults
from tools.simulator.loopback import LoopbackServer, Received, Reply
from tools.simulator.story import Scenario
from tools.simulator.switches import Switches
from tools.simulator.world import World


class Simulator:
    """A Testmo on 127.0.0.1, served by threads of this process.

    Args:
        world: what it holds; the scenario's, or an empty one, when left out.
        scenario: a story to play with `advance()`.
        port: 0 takes any free port.
        switches: how it behaves where Testmo's behaviour is unknown.
        token: the one valid API token.
        sleep: how the fault "slow" waits, in seconds; the default really waits, but not beyond `stop()`.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        scenario: Scenario | None = None,
        port: int = 0,
        switches: Switches | None = None,
        token: str = TOKEN,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.scenario = scenario
        self.world: World = world or (scenario.world if scenario else World())
        self.switches: Switches = switches or Switches()
        self.token = token
        self.requests: list[RecordedRequest] = []
        self.faults = Faults(now=self.world.now)
        if scenario and scenario.requests_per_minute:
            self.faults.limit(scenario.requests_per_minute)
        self._api = Api(self.world, self.switches, token=token)
        self._stopping = Event()
        self._sleep = sleep or self._stopping.wait
        self._server = LoopbackServer(port, handle=self._handle, now=self.world.now)

    @property
    def url(self) -> str:
        """The instance's address without a path; the API is below `/api/v1`."""
        return self._server.url

    def start(self) -> None:
        """Begin to serve; the port is bound since the object was made."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving; every connection and thread is gone afterwards."""
        self._stopping.set()
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def advance(self) -> str | None:
        """Play the scenario's next step; its narration, or None if there is none left."""
        return self.scenario.advance() if self.scenario else None

    def _handle(self, received: Received) -> Reply:
        if received.target.startswith(control.PREFIX):
            return Reply(control.answer(self, received))
        if not received.target.startswith(BASE_PATH):
            return Reply(pages.answer(self.world, received.target))
        request = Request.parse(received.method, received.target, received.authorization)
        at = self.world.now()
        reply, fault = self._reply(request)
        status = 0 if reply.delivery == "reset" else reply.answer.status
        self.requests.append(RecordedRequest(request.method, request.path, request.query, status, at, fault))
        return reply

    def _reply(self, request: Request) -> tuple[Reply, str | None]:
        """The reply, and the name of the fault that decided it."""
        for fault in self.faults.take(request):
            if fault.name == "slow":
                self._sleep(fault.seconds)
            elif fault.action is not None:
                fault.action()
            else:
                return self._faulty(fault, request), fault.name
        return Reply(self._api.answer(request)), None

    def _faulty(self, fault: Fault, request: Request) -> Reply:
        if fault.name in SPOILED:
            return SPOILED[fault.name][1](self._api.answer(request))
        _, made = INSTEAD[fault.name]
        return Reply(made(request, fault.retry_after) if callable(made) else made)
