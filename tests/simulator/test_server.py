from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest
import urllib3

from tools.simulator import Simulator, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.conftest import Client, Clock, Shop


def test_every_answer_has_the_date_of_the_worlds_clock(client: Client, clock: Clock) -> None:
    clock.advance(days=1, seconds=7)

    assert client.ask("/user").headers["Date"] == "Tue, 03 Mar 2026 09:00:07 GMT"
    assert client.send("GET", "/api/v1/nothing").headers["Date"] == "Tue, 03 Mar 2026 09:00:07 GMT"


def test_head_answers_like_get_without_the_body(client: Client) -> None:
    get = client.ask("/user")
    host, port = client.simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        request = "HEAD /api/v1/user HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n"
        connection.sendall(request.format(client.simulator.token).encode())
        with connection.makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(get.data)}".encode() in head
    assert b"Content-Type: application/json" in head
    assert body == b""


def test_it_listens_on_loopback_only(simulator: Simulator) -> None:
    assert simulator.url.startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_an_error_at_once(simulator: Simulator) -> None:
    port = int(simulator.url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"):
        Simulator(port=port)


def test_stopping_closes_idle_connections_and_ends_every_thread(
    shop: Shop, connect: Callable[[Simulator], Client]
) -> None:
    before = set(threading.enumerate())
    with Simulator(shop.world) as simulator:
        connect(simulator).get("/user")
        port = int(simulator.url.rpartition(":")[2])

    assert set(threading.enumerate()) == before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_stopping_does_not_wait_for_a_slow_answer(shop: Shop, connect: Callable[[Simulator], Client]) -> None:
    """Its client gets the answer or a closed connection, but nobody waits an hour."""
    before = set(threading.enumerate())
    simulator = Simulator(shop.world)
    arrived = threading.Event()
    simulator.faults.before_page(1, arrived.set, path="/user")
    simulator.faults.add("slow", seconds=3600)
    client = connect(simulator)

    def ask() -> None:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            client.ask("/user")

    simulator.start()
    asker = threading.Thread(target=ask)
    asker.start()
    assert arrived.wait(10)
    simulator.stop()
    asker.join(10)

    assert set(threading.enumerate()) == before


def test_many_clients_read_while_the_world_changes(shop: Shop, connect: Callable[[Simulator], Client]) -> None:
    totals: list[int] = []
    with Simulator(shop.world) as simulator:
        client = connect(simulator)

        def read() -> None:
            for _ in range(10):
                page = client.get("/runs/1/results")
                assert page["total"] == len(page["result"])
                totals.append(page["total"])

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for _ in range(50):
            shop.save()
        for reader in readers:
            reader.join(30)

        assert len(totals) == 40
        assert client.get("/runs/1/results")["total"] == 50


def test_the_link_in_a_notification_leads_to_a_page_that_marks_the_test(client: Client, shop: Shop) -> None:
    shop.save(1, note="<script>alert(1)</script>")

    page = client.send("GET", "/runs/view/1?test_id=2").data.decode()

    assert "<h1>Release 4.2</h1>" in page
    assert '<tr style="background:#ffd"><td>Search</td><td>Failed</td>' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>" not in page
    assert client.send("GET", "/runs/view/9").status == 404


def test_an_empty_world_needs_no_setting_up(connect: Callable[[Simulator], Client]) -> None:
    with Simulator(World()) as simulator:
        assert connect(simulator).get("/projects")["total"] == 0
