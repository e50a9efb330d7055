"""TCP from one address to the same port of another, so that a container's loopback leads to this machine's.

    python relay.py 127.0.0.1 172.17.0.1 PORT ...

A container has a loopback of its own. One relay inside passes what is sent to 127.0.0.1 on to the bridge's address,
one on this machine passes it on to its own 127.0.0.1: the simulator, the embedded AWS and the inbox keep listening on
loopback alone, the functions keep refusing plain http anywhere else, and an address means the same on both sides.

Standard library only: this very file runs inside the image.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from ipaddress import IPv4Network, ip_address
from socketserver import BaseRequestHandler, ThreadingTCPServer

CONNECT_SECONDS = 5.0
CHUNK_BYTES = 65_536


class Relay(ThreadingTCPServer):
    """Listens once it is made; as a context manager it serves inside. Only `network`, if given, may connect."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, listen: str, target: str, port: int, *, network: IPv4Network | None = None) -> None:
        self.target = (target, port)
        self._network = network
        super().__init__((listen, port), _Pump)

    def verify_request(self, request: object, client_address: object) -> bool:
        """Whether this client may pass; a bridge's address can be reached from other places than its containers."""
        del request
        if self._network is None or not isinstance(client_address, tuple):
            return True
        return ip_address(client_address[0]) in self._network

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> Relay:  # noqa: PYI034 - the container's Python may be older than `Self`
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Pump(BaseRequestHandler):
    """One connection: copies in both directions until both sides have said everything."""

    server: Relay

    def handle(self) -> None:
        near: socket.socket = self.request
        with suppress(OSError), socket.create_connection(self.server.target, CONNECT_SECONDS) as far:
            far.settimeout(None)
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def main(listen: str, target: str, *ports: str) -> None:
    """Come back when every port listens; a child of this process goes on serving."""
    relays = [Relay(listen, target, int(port)) for port in ports]
    if os.fork():
        return
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - whoever reads our output must not wait for this child
        for stream in range(3):
            os.dup2(nothing.fileno(), stream)
    for relay in relays:
        relay.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
