"""A container engine: the one that is there, or one of our own for as long as this takes (Linux and root only)."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

from tools.lib import processes

PACKAGES: Final = ("docker.io",)  # Debian's and Ubuntu's
KEPT: Final = processes.ROOT / ".local" / "containers"  # images of our own engine, for the next time
START_SECONDS: Final = 60.0
BRIDGE: Final = "docker0"
INSTEAD: Final = "`make test` runs the built functions without containers."


class NoEngine(Exception):
    """There is no container engine and none can be started; says why and what to do."""


class EngineFailed(Exception):
    """The engine refused something; ends with its words."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A Docker that answers at `address`; `gateway` is this machine as its containers see it."""

    what: str
    address: str
    gateway: IPv4Address
    network: IPv4Network

    def run(self, *arguments: str) -> processes.Finished:
        """Run a `docker` command to its end."""
        return _docker(self.address, *arguments)

    def demand(self, *arguments: str) -> str:
        """Run a `docker` command that must succeed; returns what it printed."""
        finished = self.run(*arguments)
        if finished.status:
            raise EngineFailed(f"`docker {arguments[0]}` failed:\n{finished.tail(10)}")
        return finished.output


def find_or_start(resources: ExitStack, say: Callable[[str], None]) -> Engine:
    """The engine of this machine, else one of our own that ends with `resources`; raises `NoEngine`."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        machine = f"{platform.system()} on {platform.machine()}"
        raise NoEngine(f"This needs Linux on x86_64, and this is {machine}. {INSTEAD}")
    found = _find()
    if found is None and os.geteuid() != 0:
        raise NoEngine(f"No container engine answers (`docker info`), and only root may start one. {INSTEAD}")
    if found is None and not shutil.which("dockerd"):
        _install(say)
        found = _find()  # where packages start their services
    return _describe("Docker of this machine", found) if found else _start(resources)


def _find() -> str | None:
    """The address of an engine that answers: the one `docker` itself would talk to."""
    if not shutil.which("docker"):
        return None
    told = processes.run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], env=os.environ)
    address = os.environ.get("DOCKER_HOST") or told.output.strip()
    return address if _answers(address) else None


def _install(say: Callable[[str], None]) -> None:
    if not shutil.which("apt-get"):
        raise NoEngine(f"There is no container engine; install Docker. {INSTEAD}")
    say(f"installing {' '.join(PACKAGES)} with apt-get")
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *PACKAGES]
    for command in (["apt-get", "update", "--quiet"], install):
        finished = processes.run(command, env=quietly)
    if finished.status or not shutil.which("dockerd"):
        raise NoEngine(
            f"There is no container engine, and apt-get could not install one:\n{finished.tail(5)}\n{INSTEAD}"
        )


def _start(resources: ExitStack) -> Engine:
    """A daemon that touches neither firewall nor routing: its containers reach this machine and nothing else."""
    KEPT.mkdir(parents=True, exist_ok=True)
    lock = resources.enter_context((KEPT / "lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NoEngine("Another `make sam-local` is under way in this folder.") from None
    scratch = Path(tempfile.mkdtemp(prefix="testmo-notifier-docker-"))  # a socket's path must be short
    address = f"unix://{scratch}/docker.sock"
    if not Path("/sys/class/net", BRIDGE).exists():
        resources.callback(_remove_bridge)
    command = [
        "dockerd", "--host", address, "--data-root", str(KEPT / "data"), "--exec-root", str(scratch / "exec"),
        "--pidfile", str(scratch / "pid"), "--iptables=false", "--ip-forward=false", "--ip-masq=false",
    ]  # fmt: skip
    log = scratch / "dockerd.log"
    with log.open("wb") as output:
        process = processes.start(command, env=os.environ, output=output, scratch=scratch)
    resources.callback(processes.end, process)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            words = processes.Finished(0, log.read_text(errors="replace") if log.exists() else "").tail(5)
            raise NoEngine(f"A container engine cannot be started here:\n{words}\n{INSTEAD}")
        time.sleep(0.1)
    resources.callback(_docker, address, "image", "prune", "--force")  # SAM CLI leaves one behind at each invocation
    return _describe("a Docker of our own", address)


def _answers(address: str) -> bool:
    return _docker(address, "version", "--format", "{{.Server.Version}}").status == 0


def _describe(what: str, address: str) -> Engine:
    found = _docker(address, "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}")
    try:
        ipam = json.loads(found.output)
        network = IPv4Network(ipam["Subnet"])
        gateway = IPv4Address(ipam.get("Gateway") or network[1])  # absent until the daemon's second start
    except (ValueError, KeyError, TypeError):
        raise NoEngine(f"This container engine has no bridge network:\n{found.tail(3)}\n{INSTEAD}") from None
    with socket.socket() as probe:
        try:
            probe.bind((str(gateway), 0))
        except OSError:  # Docker Desktop and rootless engines keep their bridge to themselves
            raise NoEngine(f"This engine's bridge ({gateway}) is not an address of this machine. {INSTEAD}") from None
    return Engine(what, address, gateway, network)


def _docker(address: str, *arguments: str) -> processes.Finished:
    return processes.run(["docker", "--host", address, *arguments], env=os.environ)


def _remove_bridge() -> None:
    """What a stopped daemon leaves behind."""
    program = shutil.which("ip")
    if program:
        processes.run([program, "link", "delete", BRIDGE], env=os.environ)
