"""The embedded AWS: MiniStack on a free port of this machine, gone when the command is gone."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from tools.lib import processes
from tools.lib.aws import Aws, proxies

PROGRAM = processes.ROOT / ".venv-ministack" / "bin" / "ministack"
START_SECONDS = 30.0  # it takes less than one; a busy machine may need a few
POLL_SECONDS = 0.05


class NotUp(Exception):
    """The embedded AWS did not start; says what it printed last."""


class MiniStack:
    """One embedded AWS with an empty account. As a context manager it is up inside and gone afterwards.

    It enforces the functions' roles and the queues' policies (`AUTH=true`), so that what works here has the
    permissions it needs. Functions inherit its environment: therefore it gets none of ours but the proxies.
    """

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch = Path()

    @property
    def aws(self) -> Aws:
        """How to reach it."""
        return Aws(f"http://127.0.0.1:{self.port}")

    @property
    def pid(self) -> int:
        """The process whose descendants the functions' workers are."""
        if self._process is None:
            raise NotUp("The embedded AWS was not started.")
        return self._process.pid

    def start(self) -> None:
        """Start it and come back at once; `wait` says when it is up."""
        self.port = _free_port()
        self._scratch = Path(tempfile.mkdtemp(prefix="testmo-notifier-aws-"))
        with self._log.open("wb") as log:
            self._process = processes.start([str(PROGRAM)], env=self._environment(), output=log, scratch=self._scratch)

    def wait(self) -> None:
        """Come back when it answers; raises `NotUp` if it ended or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise NotUp(f"The embedded AWS ended while starting:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise NotUp(f"The embedded AWS is not up after {START_SECONDS:.0f} s:\n{self.last_words()}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End it, its functions' workers included, and remove what it kept."""
        if self._process is not None:
            processes.end(self._process)
            self._process = None
            shutil.rmtree(self._scratch, ignore_errors=True)

    def last_words(self, lines: int = 10) -> str:
        """The end of its log: what it did, and what the functions' workers died of."""
        try:
            return processes.Finished(0, self._log.read_text(errors="replace")).tail(lines)
        except OSError:
            return "(it printed nothing)"

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _log(self) -> Path:
        return self._scratch / "ministack.log"

    def _environment(self) -> dict[str, str]:
        temporary = self._scratch / "tmp"
        temporary.mkdir()
        return proxies() | {
            "PATH": f"{PROGRAM.parent}:/usr/bin:/bin",
            "HOME": str(self._scratch),
            "TMPDIR": str(temporary),
            "STATE_DIR": str(self._scratch / "state"),
            "TZ": ":UTC",  # as in Lambda
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "AUTH": "true",
            "LAMBDA_EXECUTOR": "local",
        }

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()


def _free_port() -> int:
    """A port nobody listens on now. Somebody could take it before MiniStack does; then that says so and ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
