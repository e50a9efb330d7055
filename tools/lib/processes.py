"""Children that never outlive the command: started on a leash (`leash.py`)."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "layers" / "settings" / "python" / "testmo_notifier_settings"
LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended (None: it was ended, after so many seconds), and everything it printed."""

    status: int | None
    output: str

    def tail(self, lines: int = 25) -> str:
        """The end of what it printed, which is where tools say what went wrong."""
        return "\n".join(self.output.rstrip().splitlines()[-lines:])


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    output: IO[bytes],
    errors: IO[bytes] | None = None,
    scratch: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command that ends with this process; `scratch` is a folder to remove when it has ended.

    What it prints to standard error goes to `errors`, or to `output` as well.
    """
    leash = [sys.executable, str(LEASH), str(scratch or "-")]
    return subprocess.Popen(  # noqa: S603 - our own commands, no shell
        [*leash, *command], env=dict(env), stdin=subprocess.PIPE, stdout=output,
        stderr=errors or subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def end(process: subprocess.Popen[bytes], *, seconds: float = 10.0) -> None:
    """Let go of the leash and wait until the command is gone."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:  # the leash itself hangs; its command got SIGKILL before
        process.kill()
        process.wait()


def run(
    command: Sequence[str], *, env: Mapping[str, str], errors: IO[bytes] | None = None, seconds: float | None = None
) -> Finished:
    """Run a command to its end and keep what it prints; an exception (Ctrl-C) ends the command, too."""
    with tempfile.TemporaryFile() as output:
        process = start(command, env=env, output=output, errors=errors)
        try:
            status: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            end(process)
        output.seek(0)
        return Finished(status, output.read().decode(errors="replace"))
