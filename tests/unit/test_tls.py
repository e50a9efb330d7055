"""HTTPS against a real server on loopback: whom TLS trusts, and that this is read once.

The certificates of tests/support/tls were made once, for localhost alone; the key of their issuer was thrown away.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread

import pytest

from testmo_notifier.adapters.http import new_pool, send
from testmo_notifier.errors import Unreadable

TLS = Path(__file__).parents[1] / "support" / "tls"
WORKERS = 4


class Hello(BaseHTTPRequestHandler):
    """Says hello, and keeps the connection open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Counts connections; one that ends in the middle of the handshake is the other side's decision."""

    daemon_threads = True
    connections = 0

    def process_request(self, request: object, client_address: object) -> None:
        self.connections += 1
        super().process_request(request, client_address)  # type: ignore[arg-type]  # handed on as it came

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    with Server(("127.0.0.1", 0), Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine trusts the tests' issuer, as an engineer's machine trusts that of a company's proxy."""
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "ca.pem"))


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """Each time that the certificates of this machine are read."""
    read: list[ssl.SSLContext] = []
    really = ssl.SSLContext.load_default_certs

    def load(context: ssl.SSLContext, *purpose: ssl.Purpose) -> None:
        read.append(context)
        really(context, *purpose)

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", load)
    return read


@pytest.mark.usefixtures("trusted")
def test_whom_tls_trusts_is_read_once_for_all_connections_of_all_polls(
    server: Server, readings: list[ssl.SSLContext]
) -> None:
    """Reading a hundred certificates for each of four connections was most of a quiet poll's processor time."""
    pool = new_pool({})
    together = Barrier(WORKERS)

    def ask(_: int) -> bytes:
        together.wait()
        return send(pool, "GET", f"https://localhost:{server.server_port}/", headers={}).body

    with ThreadPoolExecutor(WORKERS) as workers:
        for _ in ("a poll", "the next one"):
            assert set(workers.map(ask, range(WORKERS))) == {b"hello"}
            pool.clear()  # as between two invocations

    assert server.connections > WORKERS  # the second poll had new ones
    assert len(readings) == 1


def test_nothing_is_read_before_the_first_https_request(readings: list[ssl.SSLContext]) -> None:
    new_pool({"https": "http://127.0.0.1:1"})
    assert readings == []


def test_an_issuer_that_this_machine_does_not_know_is_refused(server: Server) -> None:
    with pytest.raises(Unreadable, match="its issuer is not known here"):
        send(new_pool({}), "GET", f"https://localhost:{server.server_port}/", headers={})


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host_is_refused(server: Server) -> None:
    """It is made out to localhost, not to the number."""
    with pytest.raises(Unreadable, match="the TLS certificate or handshake was not accepted"):
        send(new_pool({}), "GET", f"https://127.0.0.1:{server.server_port}/", headers={})
