"""The stage for one play after the other, on one embedded AWS, with clocks that the story moves."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures import wait as real_wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Semaphore
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.shared import user_agent
from aws_lambda_powertools.utilities.idempotency import base as idempotency
from aws_lambda_powertools.utilities.idempotency.persistence import base, datarecord, dynamodb
from aws_lambda_powertools.utilities.parameters import base as parameters
from urllib3 import HTTPConnectionPool

from functions.poller import app as poller
from functions.slack import app as slack_function
from testmo_notifier.adapters.machine import Machine, new_client
from testmo_notifier.channels.render import Renderer
from testmo_notifier.polling import reader
from testmo_notifier.sources.testmo_runs import worker_pool
from testmo_notifier.wiring import poller as wiring
from tests.conftest import reset
from tests.crash.cloud import Clients, Cloud
from tests.crash.network import Network, Strike
from tests.crash.stage import Stage
from tests.support.fakes import FakeSlack
from tests.support.story import BUILT_IN_TEXTS, Story, playing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testmo_notifier.settings.team import Team
    from tests.crash.stage import Play


class OneAfterTheOther(ThreadPoolExecutor):
    """One worker, which reads the next run only while the poll waits for it: calls come in the same order each time."""

    def __init__(self, _workers: int) -> None:
        super().__init__(1)
        self.turn = Semaphore(0)

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:  # type: ignore[override]  # noqa: ANN401 - as the poll calls it
        def in_turn() -> object:
            self.turn.acquire()
            return work(*args)

        return super().submit(in_turn)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the base class's
        self.turn.release(100)  # whoever still waits finds the poll over
        super().shutdown(wait, cancel_futures=cancel_futures)


@pytest.fixture
def one_worker(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Executor]:
    """Makes pools of one worker, whose turn it is when the poll waits for it."""
    pools: list[OneAfterTheOther] = []

    def executor(workers: int) -> OneAfterTheOther:
        pools.append(OneAfterTheOther(workers))
        return pools[-1]

    def one_more(really: Callable[..., Any]) -> Callable[..., Any]:
        def wait(*args: Any) -> Any:  # noqa: ANN401 - whatever the poll waits for
            pools[-1].turn.release()
            return really(*args)

        return wait

    monkeypatch.setattr(worker_pool, "wait", one_more(real_wait))
    monkeypatch.setattr(reader, "taken", one_more(reader.taken))
    return executor


def move_clocks(monkeypatch: pytest.MonkeyPatch, story: Callable[[], Story]) -> None:
    """Let what Powertools keeps for both functions go by the time of the story."""

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:  # noqa: ANN401 - no type of its own, as any datetime will do
            time = story().time
            return time.astimezone(tz) if tz else time.astimezone().replace(tzinfo=None)

    for module in (idempotency, base, datarecord, dynamodb):
        monkeypatch.setattr(module, "dt", SimpleNamespace(**{**vars(dt), "datetime": Clock}))
    monkeypatch.setattr(parameters, "datetime", Clock)


def machine_of(stage: Stage, clients: Clients, executor: Callable[[int], Executor]) -> Machine:
    """What both functions run on in a play. Each process has the same clients, which remember nothing."""
    return Machine(
        environ=stage.environ,
        client=partial(getattr, clients),
        now=lambda: stage.story.time,
        sleep=stage.story.wait,
        thread_time=lambda: 0.0,
        shuffle=lambda _: None,
        executor=executor,
    )


def texts_of(team: Team, *_: object) -> Renderer:
    """The built-in texts, compiled once for all plays, that call the people of this one."""
    texts = BUILT_IN_TEXTS.for_one_poll()
    texts.people = team.people
    return texts


@pytest.fixture
def play(
    clean_aws: str, one_worker: Callable[[int], Executor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Play:
    """Sets the stage anew: an empty AWS, Slack and Testmo, new processes, and a network that strikes once."""
    stages: list[Stage] = []
    names = ("dynamodb", "sns", "sqs", "secretsmanager")
    clients = Clients(*map(new_client, names))
    move_clocks(monkeypatch, lambda: stages[-1].story)
    monkeypatch.setattr(user_agent, "register_feature_to_client", lambda **_: None)  # each would add one more header
    monkeypatch.setattr(Renderer, "of", texts_of)
    layer = SimpleNamespace(__file__=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(wiring, "testmo_notifier_settings", layer)
    for app in (poller, slack_function):
        monkeypatch.setattr(app, "Machine", lambda: machine_of(stages[-1], clients, one_worker))
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"crash-{uuid.uuid4()}")  # a logger of its own
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "TestmoNotifier")
    output = io.StringIO()
    send = HTTPConnectionPool.urlopen

    def urlopen(pool: HTTPConnectionPool, method: str, url: str, **options: Any) -> Any:  # noqa: ANN401 - urllib3's own
        return stages[-1].network.urlopen(partial(send, pool), pool.port or 0, method, url, **options)

    @contextmanager
    def play(
        strike: Strike | None = None, *, webhooks: tuple[str, ...], settings: Mapping[str, str]
    ) -> Iterator[Stage]:
        reset(clean_aws)
        for name, text in settings.items():
            (tmp_path / name).write_text(text)
        with playing() as story, FakeSlack() as slack:
            stage = Stage(story, slack, Cloud(clients), Network(strike), output)
            stages[:] = [stage]
            # It writes head and body apart; Nagle would have the body wait 40 ms for the head to be acknowledged.
            slack._server.RequestHandlerClass.disable_nagle_algorithm = True  # type: ignore[attr-defined]
            with monkeypatch.context() as patch:
                patch.setattr(HTTPConnectionPool, "urlopen", urlopen)
                stage.set_up(webhooks)
                try:
                    yield stage
                finally:
                    stage.forget_processes()

    return play
