"""Fixtures for everybody: the fake Slack, and an AWS of one's own on loopback (MiniStack)."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from testmo_notifier.channels import registry
from testmo_notifier.channels.channel import Channel
from tests.support.fakes import FakeSlack
from tests.support.toy import TOY
from tools.local import build
from tools.local.build import Build

ROOT = Path(__file__).parents[1]
MINISTACK = ROOT / ".venv-ministack" / "bin" / "ministack"
START_SECONDS = 60
# What takes long and shares an embedded AWS or a browser stays together in one process, and begins first.
LANES = ("stack/ops", "stack", "crash", "integration", "artefact", "inbox")


@pytest.hookimpl(trylast=True)  # after pytest-randomly
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say what `make test`, which runs as many processes as there are processors, may not take apart."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(lane_of(item)))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: [*LANES, lane_of(item)].index(lane_of(item)))


def lane_of(item: pytest.Item) -> str:
    """The lane of a test, or its file."""
    folder = item.path.parent.relative_to(ROOT / "tests").as_posix()
    return folder if folder in LANES else item.path.as_posix()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        yield fake


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Channel:
    """One more channel, by a line in the registry."""
    monkeypatch.setitem(registry.CHANNELS, TOY.name, TOY)
    return TOY


@pytest.fixture(scope="session")
def built() -> Build:
    """What `sam build` makes of these very sources."""
    if not build.SAM.exists():
        pytest.skip(f"SAM CLI is not installed ({build.SAM} is missing): run `make setup`")
    return build.build()


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The address of an embedded AWS, started once; a test wants `clean_aws`, which empties it first."""
    if not MINISTACK.exists():
        pytest.skip(f"the embedded AWS is not installed ({MINISTACK} is missing): run `make setup`")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        # Nothing of our own environment: MiniStack hands it on to the functions it runs.
        environment = {
            "PATH": f"{MINISTACK.parent}:/usr/bin:/bin",
            "HOME": home,
            "TMPDIR": home,
            "TZ": ":UTC",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LAMBDA_EXECUTOR": "local",
            "STATE_DIR": f"{home}/state",
        }
        log_path = Path(home) / "ministack.log"
        with (
            log_path.open("wb") as log,
            subprocess.Popen([MINISTACK], env=environment, stdout=log, stderr=log, cwd=home) as process,  # noqa: S603 - our own
        ):
            try:
                address = f"http://127.0.0.1:{port}"
                wait_until_up(address, process, log_path)
                yield address
            finally:
                process.terminate()
                process.wait(timeout=30)


@pytest.fixture
def clean_aws(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty embedded AWS that boto3 uses by itself in this test."""
    reset(aws)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return aws


def wait_until_up(address: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
    """Wait for the first answer; says what the log says if there is none."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            reset(address)
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the embedded AWS did not start:\n{log_path.read_text(errors='replace')[-2_000:]}")
            time.sleep(0.05)
        else:
            return


def reset(address: str) -> None:
    """Empty the embedded AWS."""
    request = urllib.request.Request(f"{address}/_ministack/reset", method="POST")  # noqa: S310 - our own loopback address
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
        answer.read()
