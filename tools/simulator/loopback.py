"""HTTP on loopback: reads requests, hands them to a function, writes its reply, well or badly.

Standard library only. An answer leaves in one write, so that nothing waits for a delayed acknowledgement.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Literal

from tools.simulator.answers import Answer

HOST = "127.0.0.1"
Delivery = Literal["whole", "truncated", "cut", "reset"]
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with 0 seconds: close() sends RST instead of FIN
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and how it goes over the wire.

    "truncated" announces the whole body and sends half of it, "cut" is a well-formed answer with half the body,
    "reset" sends nothing but a reset.
    """

    answer: Answer
    delivery: Delivery = "whole"


@dataclass(frozen=True, slots=True)
class Received:
    """What came over the wire; `target` is the path with its query, `host` the name the client knows us by."""

    method: str
    target: str
    authorization: str | None
    body: bytes
    host: str | None = None


class LoopbackServer(ThreadingHTTPServer):
    """Serves on 127.0.0.1 only, a thread for each connection; `stop` leaves neither sockets nor threads behind."""

    request_queue_size = 64

    def __init__(self, port: int, *, handle: Callable[[Received], Reply], now: Callable[[], datetime]) -> None:
        self.handle = handle
        self.now = now
        self._workers: dict[socket.socket, Thread] = {}
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens; the port is the real one if 0 was asked for."""
        return f"http://{HOST}:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._acceptor = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        self._acceptor.start()

    def stop(self) -> None:
        """Stop accepting, hang up on everybody, wait for the threads."""
        self.shutdown()
        self._acceptor.join(_STOP_SECONDS)
        for connection, worker in list(self._workers.items()):
            _hang_up(connection)
            worker.join(_STOP_SECONDS)
        self.server_close()

    def server_bind(self) -> None:
        """Bind without asking the resolver for our own name, which may be slow and leaves the machine."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Start a thread for the connection and remember both."""
        if isinstance(request, socket.socket):
            worker = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
            self._workers[request] = worker
            worker.start()

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close the connection and forget it."""
        super().shutdown_request(request)
        if isinstance(request, socket.socket):
            self._workers.pop(request, None)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """A client that went away is no error; anything else is reported as the standard library does."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Writes replies; the methods of HTTP all lead to the same place."""

    server: LoopbackServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered: the head and the body leave together

    def _exchange(self) -> None:
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdigit() else b""
        received = Received(self.command, self.path, self.headers.get("Authorization"), body, self.headers.get("Host"))
        self._write(self.server.handle(received))

    # The base class looks methods up by these names.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _exchange  # noqa: N815 -- its names

    def _write(self, reply: Reply) -> None:
        if reply.delivery == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.connection.close()
            self.close_connection = True
            return
        body = reply.answer.body
        sent = body if reply.delivery == "whole" else body[: len(body) // 2]
        announced = len(sent) if reply.delivery == "cut" else len(body)
        self.send_response(reply.answer.status)
        for name, value in reply.answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)
        if reply.delivery == "truncated":
            self.close_connection = True

    def version_string(self) -> str:
        """Of the `Server` header."""
        return "testmo-simulator"

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Of the `Date` header: the world's clock, not the machine's."""
        del timestamp
        return format_datetime(self.server.now(), usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the base class's
        """Silence: the simulator records requests itself."""


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
