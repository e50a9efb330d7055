"""A built function as Lambda runs it: AWS's own runtime client and Runtime Interface Emulator, and the bundle's path.

Python sees the standard library, `awslambdaric` with what that needs, the function's folder and its layers: nothing
of the tests' environment. What is missing from the bundle is missing here.
"""

from __future__ import annotations

import http.client
import json
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from tools.lib import processes

SAM_VENV: Final = processes.ROOT / ".venv-sam"
RIE_PYTHON: Final = processes.ROOT / ".venv-rie" / "bin" / "python"
INVOKE_PATH: Final = "/2015-03-31/functions/function/invocations"
START_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 90.0  # beyond the longest time-out of a function


def program() -> Path:
    """The emulator inside SAM CLI's wheel."""
    return next(SAM_VENV.glob("lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"), Path("no RIE"))


def why_not() -> str | None:
    """Why built functions cannot run on this machine, in words; None if they can."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        machine = f"{platform.system()} on {platform.machine()}"
        return f"AWS's Runtime Interface Emulator is a Linux program for x86_64, and this is {machine}"
    missing = [path for path in (program(), RIE_PYTHON) if not path.exists()]
    return f"{missing[0]} is missing: run `make setup`" if missing else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invocation answered. After a time-out that is a sentence, not JSON."""

    body: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the function answers
        """The function's answer, or what it raised: an object with `errorType` and `errorMessage`."""
        return json.loads(self.body)


class Rie:
    """One function under one emulator; as a context manager it is up inside and gone afterwards.

    Calls are serialised: the emulator crashes when two arrive at once (as an execution environment gets one at a time).

    Args:
        folder: the built function.
        layers: its built layers; Lambda unpacks them all into /opt and puts /opt/python on the path.
        variables: the function's environment, and no more than that.
        timeout_seconds: as in the template; the emulator kills the runtime then.
        bytecode: where Python keeps what it compiles; the build itself stays as it is.
        handler: what is called, `module.function`.
        extra_path: further folders to import from, behind the bundle.
    """

    def __init__(
        self,
        folder: Path,
        layers: Sequence[Path],
        variables: Mapping[str, str],
        *,
        timeout_seconds: int = 60,
        bytecode: Path,
        handler: str = "app.handler",
        extra_path: Sequence[Path] = (),
    ) -> None:
        self._folder = folder
        self._path = [folder, *(layer / "python" for layer in layers), *extra_path]
        self._variables = dict(variables)
        self._bytecode = bytecode
        self._timeout_seconds = timeout_seconds
        self._handler = handler
        self._calls = Lock()

    def __enter__(self) -> Self:
        self._scratch = Path(tempfile.mkdtemp(prefix="testmo-notifier-rie-"))
        self._port, runtime_port = _free_ports()
        command = [
            str(program()), "--log-level", "error",
            "--runtime-interface-emulator-address", f"127.0.0.1:{self._port}",  # by default it listens everywhere
            "--runtime-api-address", f"127.0.0.1:{runtime_port}",
            # No packages of the user's (-s), no working directory on the path (-P).
            str(RIE_PYTHON), "-s", "-P", "-m", "awslambdaric", self._handler,
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = processes.start(command, env=self._environment(), output=log, scratch=self._scratch)
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def invoke(self, event: object) -> Answer:
        """Call the function and wait for its answer."""
        with self._calls:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
            try:
                connection.request("POST", INVOKE_PATH, json.dumps(event))
                return Answer(connection.getresponse().read().decode())
            finally:
                connection.close()

    @property
    def printed(self) -> str:
        """Everything the function and the emulator printed so far."""
        return self._log.read_text(errors="replace")

    @cached_property
    def _log(self) -> Path:
        return self._scratch / "rie.log"

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._scratch),
            "TMPDIR": str(self._scratch),
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(self._folder),
            "PYTHONPATH": ":".join(map(str, self._path)),
            "PYTHONPYCACHEPREFIX": str(self._bytecode),
            "AWS_LAMBDA_FUNCTION_NAME": self._folder.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self._timeout_seconds),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            **self._variables,
        }

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the Runtime Interface Emulator did not start:\n{self.printed[-2_000:]}")
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _stop(self) -> None:
        """End the emulator and, with its process group, the runtime it may have left behind."""
        processes.end(self._process)
        shutil.rmtree(self._scratch, ignore_errors=True)


def run_python(code: str, path: Sequence[Path], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a few lines in the environment of built functions, with nothing else around."""
    return subprocess.run(  # noqa: S603 - our own code
        [RIE_PYTHON, "-s", "-P", "-B", "-c", code], env={"PYTHONPATH": ":".join(map(str, path)), **environ},
        capture_output=True, text=True, check=False, timeout=START_SECONDS,
    )  # fmt: skip


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
