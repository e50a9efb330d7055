"""Runs in a child, with nothing but the standard library and a bundle: loads a function as Lambda does and calls it.

    python -I -S -B driver.py '{"path": [...], "app": "/…/app.py"}'

Each line on standard input is a command, each line out an answer. What the function prints (logs, metrics) goes to a
file and comes with the answer. The function's clock is ours: its `Machine` has it, and in 1.0.0 `app.datetime` and
`app.time` are replaced, which is all that its handlers look at.

Modes of the clock: `virtual` stands still but for sleeps and a millisecond a look; `scaled` runs so many times as
fast as the real one.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import random
import resource
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

LOOK = timedelta(milliseconds=1)
TIMEOUT_SECONDS = 60.0


class Clock:
    """The time in the function."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.lock = threading.Lock()
        self.begin(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))

    def begin(self, at: datetime) -> None:
        """An invocation begins."""
        self.started, self.at, self.looks, self.slept = at, at, 0, 0.0
        self.real = time.perf_counter()

    def now(self, _zone: object = None) -> datetime:
        """What `datetime.now(UTC)` says there."""
        with self.lock:
            self.looks += 1
            if self.scale:
                return self.started + timedelta(seconds=(time.perf_counter() - self.real) * self.scale)
            self.at += LOOK
            return self.at

    def sleep(self, seconds: float) -> None:
        """What `time.sleep` does there."""
        with self.lock:
            self.slept += seconds
            self.at += timedelta(seconds=seconds)
        if self.scale:
            time.sleep(seconds / self.scale)

    def seconds_left(self) -> float:
        """Of the invocation."""
        with self.lock:
            now = (
                (time.perf_counter() - self.real) * self.scale
                if self.scale
                else (self.at - self.started).total_seconds()
            )
            return TIMEOUT_SECONDS - now


class Time:
    """The module `time` with another sleep."""

    def __init__(self, clock: Clock) -> None:
        self.sleep = clock.sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class Context:
    """The part of Lambda's context that is used."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"

    def __init__(self, clock: Clock, request_id: str) -> None:
        self._clock = clock
        self.aws_request_id = request_id

    def get_remaining_time_in_millis(self) -> int:
        """How long the invocation may still run."""
        return int(self._clock.seconds_left() * 1000)


def peak_bytes() -> int:
    """The most memory this process ever had. `ru_maxrss` would begin with what its parent had when it forked."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib would be measured, too
            line = next(one for one in status if one.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def load(path: str) -> Any:
    """app.py, as Lambda loads it."""
    spec = importlib.util.spec_from_file_location("app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["app"] = module
    spec.loader.exec_module(module)
    return module


def move_clock(app: Any, clock: Clock) -> None:
    """Let a function go by our clock."""

    class Now(datetime):
        """`datetime`, at our time."""

        now = staticmethod(clock.now)  # type: ignore[assignment]  # one argument is all that is given

    if hasattr(app, "Machine"):
        app.Machine = functools.partial(app.Machine, now=clock.now, sleep=clock.sleep)
    else:
        app.datetime, app.time = Now, Time(clock)


def published_at(clock: Clock) -> list[float]:
    """Grows by the seconds of the invocation at which each message is handed to SNS, in the order of handing over."""
    seconds: list[float] = []
    client = sys.modules.get("botocore.client")  # not in every baseline
    if client is not None:
        call = client.BaseClient._make_api_call  # noqa: SLF001 - the one way of every version

        def noted(self: object, operation: str, asked: dict[str, Any]) -> object:
            messages = {"Publish": 1, "PublishBatch": len(asked.get("PublishBatchRequestEntries", ()))}
            seconds.extend([TIMEOUT_SECONDS - clock.seconds_left()] * messages.get(operation, 0))
            return call(self, operation, asked)

        client.BaseClient._make_api_call = noted  # noqa: SLF001
    return seconds


class Invoker:
    """The loaded function."""

    def __init__(self, settings: dict[str, Any], log: int) -> None:
        self.log = log
        self.clock = Clock(settings.get("scale", 0.0))
        self.begun = cpu_and_wall()
        sys.path[:0] = settings["path"]
        sys.path += settings.get("site", [])
        self.app = load(settings["app"])
        if settings.get("clock", True):
            move_clock(self.app, self.clock)
        self.published = published_at(self.clock)
        random.seed(settings.get("seed", 7))

    def call(self, command: dict[str, Any]) -> dict[str, Any]:
        """One invocation, measured."""
        at = datetime.fromisoformat(command["now"])
        before_log = os.fstat(self.log).st_size
        self.clock.begin(at)
        self.published.clear()
        before = cpu_and_wall()
        try:
            answer: dict[str, Any] = {"result": self.app.handler(command["event"], Context(self.clock, command["id"]))}
        except Exception as exc:  # noqa: BLE001 - the bench shows it
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        after = cpu_and_wall()
        sys.stdout.flush()
        return {
            **answer,
            "cpu": after[0] - before[0],
            "wall": after[1] - before[1],
            "cold_cpu": after[0] - self.begun[0],
            "cold_wall": after[1] - self.begun[1],
            "peak": peak_bytes(),
            "looks": self.clock.looks,
            "seconds": TIMEOUT_SECONDS - self.clock.seconds_left(),
            "published": self.published,
            "log": self.printed(before_log),
        }

    def printed(self, since: int) -> str:
        """What the invocation printed."""
        return os.pread(self.log, os.fstat(self.log).st_size - since, since).decode(errors="replace")


def cpu_and_wall() -> tuple[float, float]:
    """Seconds of the processor and of the clock."""
    return time.process_time(), time.perf_counter()


def main() -> None:
    """Answer commands until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        invoker: Invoker | None = None
        for line in sys.stdin:
            command = json.loads(line)
            try:
                if invoker is None:
                    invoker = Invoker(json.loads(sys.argv[1]), log.fileno())
                answer = invoker.call(command)
            except Exception as exc:  # noqa: BLE001 - the bench shows it
                answer = {"error": f"{type(exc).__name__}: {exc}"}
            answers.write(json.dumps(answer, default=str) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
