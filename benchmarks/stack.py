"""One version of the product between a Testmo, an AWS and a Slack on loopback, on a clock that we turn."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import botocore
import trustme

from benchmarks.bundles import Bundle, Function, Python
from benchmarks.fakes.aws import Aws, Published, Usage
from benchmarks.fakes.testmo import ManyTestmo
from benchmarks.fakes.web import Web
from tools.lib.processes import ROOT

DRIVER: Final = Path(__file__).with_name("driver.py")
START: Final = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET: Final = "arn:aws:secretsmanager:us-east-1:000000000000:secret:{}-AbCdEf"
MINUTE: Final = timedelta(minutes=1)
PLENTY: Final = 6_000  # the highest RequestsPerMinute
FEW: Final = 50  # runs that any budget takes in
EVERYWHERE: Final = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "POWERTOOLS_METRICS_NAMESPACE": "TestmoNotifier",
    "POWERTOOLS_SERVICE_NAME": "bench-poller",
    "TABLE_NAME": "state",
    "TZ": ":UTC",
    "PATH": "/usr/bin:/bin",
}


class BenchFailed(Exception):
    """What is measured did not work at all; says what it printed."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation, measured. `seconds` are those of the function's own clock.

    `published` says in which of them each message was handed to SNS.
    """

    result: Any
    cpu: float
    wall: float
    cold_cpu: float
    cold_wall: float
    peak: int
    seconds: float
    published: list[float]
    log: str
    looks: int


@dataclass(frozen=True, slots=True)
class Polled:
    """One poll and what it did outside."""

    run: Invocation
    requests: list[str]
    usage: Usage
    published: list[Published]

    @property
    def report(self) -> Mapping[str, Any]:
        """The poller's own summary."""
        summary: Mapping[str, Any] = self.run.result
        return summary

    def count(self, ending: str) -> int:
        """How many requests ended like that."""
        return sum(path.endswith(ending) for path in self.requests)

    @property
    def lists(self) -> int:
        """Requests for lists of projects and open runs: what no poll can do without."""
        return self.count("/projects") + sum(
            path.startswith("/projects/") and path.endswith("/runs") for path in self.requests
        )


class Child:
    """A function in a process of its own."""

    def __init__(
        self, python: Python, bundle: Bundle, function: Function, environment: Mapping[str, str], **settings: object
    ) -> None:
        given = {
            "path": bundle.imports(function),
            "site": [str(one) for one in bundle.site],
            "app": str(bundle.functions[function] / "app.py"),
            **settings,
        }
        self._calls = 0
        self._process = subprocess.Popen(  # noqa: S603 - our own
            [python.path, "-I", "-S", "-B", str(DRIVER), json.dumps(given)],
            env={**EVERYWHERE, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def call(self, event: object, now: datetime, *, fails: bool = False) -> Invocation:
        """One invocation; raises `BenchFailed` where the function does, unless it may."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._calls += 1
        command = {"event": event, "now": now.isoformat(), "id": f"{id(self):x}-{self._calls}"}
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise BenchFailed("the child ended; its last words are on standard error")
        answer = json.loads(line)
        if ("error" in answer and not fails) or "cpu" not in answer:
            raise BenchFailed(f"{answer['error']}\n{answer.get('log', '')[-2_000:]}")
        answer.setdefault("result", answer.pop("error", None))
        return Invocation(**answer)


@dataclass
class Stack:
    """A poller with everything around it. `minutes` pass between two polls."""

    bundle: Bundle
    python: Python
    variables: Mapping[str, str] = field(default_factory=dict)
    tls: bool = False
    scale: float = 0.0
    stride: int = 1

    def __post_init__(self) -> None:
        self.now = START
        self.testmo = ManyTestmo(lambda: self.now, stride=self.stride)
        self.aws = Aws({SECRET.format("testmo"): "token"})
        self._exit = ExitStack()
        self._child: Child | None = None

    def __enter__(self) -> Self:
        server, bundle = certificate() if self.tls else (None, None)
        self._testmo_web = self._exit.enter_context(Web(self.testmo.answer, server))
        self._aws_web = self._exit.enter_context(Web(self.aws.answer))
        self._trust = {} if bundle is None else {"SSL_CERT_FILE": bundle}
        return self

    def __exit__(self, *_: object) -> None:
        self.restart()
        self._exit.close()

    def restart(self) -> None:
        """The next poll is a cold start."""
        if self._child is not None:
            self._child.__exit__()
            self._child = None

    def poll(self, *, after: timedelta = MINUTE, fails: bool = False, **variables: str) -> Polled:
        """Let time pass, then poll once. Other variables than the last poll's mean a cold start."""
        self.now += after
        changed = {**self.variables, **variables}
        if changed != self.variables:
            self.variables = changed
            self.restart()
        if self._child is None:
            self._child = Child(self.python, self.bundle, "PollerFunction", self._environment(), scale=self.scale)
        seen = len(self.aws.published)
        self.aws.used()
        self.testmo.taken()
        run = self._child.call({}, self.now, fails=fails)
        if run.looks == 0:
            raise BenchFailed("the poller did not look at our clock: benchmarks/driver.py has to follow app.py")
        return Polled(run, self.testmo.taken(), self.aws.used(), self.aws.published[seen:])

    def settle(
        self,
        *,
        idle: timedelta = timedelta(0),
        polls: int = 40,
        budget: str | None = None,
        every: timedelta = 2 * MINUTE,
    ) -> None:
        """Take everything in with a large budget, then wait and take turns until nothing is left. The budget stays.

        After `idle`, every run's turn has come once: what follows is a day like any other.
        """
        before = budget or self.variables.get("REQUESTS_PER_MINUTE", "120")
        much = str(PLENTY) if len(self.testmo.runs) > FEW else before  # another budget is another process
        latency, self.testmo.latency_seconds = self.testmo.latency_seconds, 0.0
        for wait in (MINUTE, idle):
            self.poll(after=wait + MINUTE, REQUESTS_PER_MINUTE=much)
            for _ in range(polls):
                polled = self.poll(after=every, REQUESTS_PER_MINUTE=much)
                if not polled.report["runs_left"] and polled.report["status"] == "ok":
                    break
            else:
                raise BenchFailed(f"does not settle: {polled.report}")
        self.testmo.latency_seconds = latency
        self.poll(after=2 * MINUTE, REQUESTS_PER_MINUTE=before)

    def _environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self._aws_web.url,
            "TESTMO_URL": self._testmo_web.url,
            "TESTMO_SECRET_ARN": SECRET.format("testmo"),
            "TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:notifications",
            "CHANNELS": "slack,email,event",
            **self._trust,
            **self.variables,
        }

    @property
    def testmo_url(self) -> str:
        """Where the Testmo listens."""
        return self._testmo_web.url


@contextmanager
def stack(bundle: Bundle, python: Python, **given: Any) -> Iterator[Stack]:
    """A stack that is up."""
    with Stack(bundle, python, **given) as up:
        yield up


@cache
def certificate() -> tuple[ssl.SSLContext, str]:
    """A server's side of TLS, and a file of trusted certificates with ours among the usual ones.

    The usual ones matter: to load them is most of what a context costs.
    """
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    known = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
    path = ROOT / ".local" / "bench" / "trusted.pem"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(known + authority.cert_pem.bytes())
    return context, str(path)
