"""A small HTTP(S) server for fakes: a thread a connection, kept alive, and as little work as possible."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: `target` is path and query, `headers` have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """One answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class Web:
    """Answers with what a function says, on a free port of this machine, over TLS where there is a context."""

    def __init__(self, answer: Callable[[Asked], Said], tls: ssl.SSLContext | None = None) -> None:
        class Connection(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def setup(self) -> None:
                if tls is not None:
                    self.request = tls.wrap_socket(self.request, server_side=True)
                super().setup()

            def handle(self) -> None:
                try:
                    while asked := _read(self.rfile.readline, self.rfile.read):
                        said = answer(asked)
                        self.wfile.write(_head(said) + said.body)
                except OSError:
                    return  # the other side left, as it may

            def finish(self) -> None:
                with suppress(OSError):  # what was not sent is of no use any more
                    super().finish()
                self.request.close()  # the server knows only the socket below TLS

        self._server = _Server(("127.0.0.1", 0), Connection, bind_and_activate=True)
        self._scheme = "http" if tls is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        host = "127.0.0.1" if self._scheme == "http" else "localhost"
        return f"{self._scheme}://{host}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _read(line: Callable[[], bytes], read: Callable[[int], bytes]) -> Asked | None:
    """The next request of a connection, None at its end."""
    first = line()
    if not first.strip():
        return None
    method, target, _ = first.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (raw := line().decode("latin-1").strip()) != "":
        name, _, value = raw.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(method, target, headers, read(int(headers.get("content-length", "0"))))


def _head(said: Said) -> bytes:
    lines = [f"HTTP/1.1 {said.status} -", f"Content-Length: {len(said.body)}"]
    lines += [f"{name}: {value}" for name, value in said.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
