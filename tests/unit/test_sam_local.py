"""`make sam-local`, as far as it can be tested without containers."""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.support.template import TEMPLATE
from tools.local.sam_local import engine, image
from tools.local.sam_local.engine import NoEngine
from tools.local.sam_local.invocation import InvocationFailed, judge
from tools.local.sam_local.relay import Relay

LOG = "START RequestId: 1 Version: $LATEST\nEND RequestId: 1\n"


def test_an_answer_is_the_last_line_of_the_output() -> None:
    assert judge(0, '\nsomething printed\n{"status": "ok"}\n', LOG) == {"status": "ok"}


@pytest.mark.parametrize(
    ("status", "output", "words"),
    [
        # Not even run: no such function, no image.
        (1, "", "`sam local invoke` failed:\nSTART"),
        # SAM CLI's exit status is 0 for all the others.
        (0, '{"errorMessage": "no", "errorType": "TokenRefused"}', "TokenRefused"),
        (0, "", "the function said nothing, as after a time-out"),
        (0, "Killed", "did not answer with JSON: Killed"),
        (0, "null", "the function failed: null"),
    ],
)
def test_everything_but_a_functions_answer_is_a_failure(status: int, output: str, words: str) -> None:
    with pytest.raises(InvocationFailed, match=words.replace("`", ".")):
        judge(status, output, LOG)


def test_the_image_is_of_the_templates_runtime() -> None:
    assert TEMPLATE["Globals"]["Function"]["Runtime"] == image.RUNTIME


def test_libraries_are_found_in_what_ldd_says() -> None:
    told = (
        "/usr/bin/python3.13:\n"
        "\tlinux-vdso.so.1 (0x00007ffc1)\n"
        "\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f1)\n"
        "\tlibnone.so.1 => not found\n"
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)\n"
        "/usr/bin/busybox:\n"
        "\tnot a dynamic executable\n"
    )
    assert set(image.libraries_of(told)) == {"lib/libm.so.6", "lib64/ld-linux-x86-64.so.2"}


def test_a_machine_of_another_kind_is_told_why_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    with ExitStack() as resources, pytest.raises(NoEngine, match=r"needs Linux on x86_64, and this is .* on arm64"):
        engine.find_or_start(resources, print)


def test_without_an_engine_and_without_root_the_reason_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    with ExitStack() as resources, pytest.raises(NoEngine, match=r"No container engine answers .* only root may start"):
        engine.find_or_start(resources, print)


@pytest.fixture
def far() -> Iterator[socket.socket]:
    """Somebody who listens at the other end."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        server.settimeout(10)
        yield server


needs_two_loopbacks = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a second loopback address")


@needs_two_loopbacks
def test_a_relay_passes_on_in_both_directions_and_hangs_up_when_all_is_said(far: socket.socket) -> None:
    port = far.getsockname()[1]
    with Relay("127.0.0.1", "127.0.0.2", port), socket.create_connection(("127.0.0.1", port), 10) as near:
        near.sendall(b"question")
        near.shutdown(socket.SHUT_WR)
        other, _ = far.accept()
        with other:
            assert other.makefile("rb").read() == b"question"
            other.sendall(b"answer")
        assert near.makefile("rb").read() == b"answer"


@needs_two_loopbacks
def test_a_relay_lets_in_its_own_network_only(far: socket.socket) -> None:
    port = far.getsockname()[1]
    bridge = IPv4Network("172.17.0.0/16")
    relay = Relay("127.0.0.1", "127.0.0.2", port, network=bridge)
    with relay, socket.create_connection(("127.0.0.1", port), 10) as near:
        assert near.recv(1) == b"", "hung up without a word"
