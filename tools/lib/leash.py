"""Runs a command that must not outlive the one who started it, however that one ends (`kill -9` included).

    python tools/lib/leash.py SCRATCH COMMAND [ARGUMENT ...]

The leash is standard input: a pipe that the starter holds open and that the system closes when the starter dies.
Then, or on SIGTERM, the command and everything in its process group gets SIGTERM, and SIGKILL five seconds later.
The folder SCRATCH, in which the command may leave what it likes, is removed at the end (`-` means none).
Works on Linux and macOS alike, and needs the standard library only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

PATIENCE_SECONDS = 5.0  # the embedded AWS needs one or two to stop its workers


def main(scratch: str, *command: str) -> int:
    """Run the command in a process group of its own; returns its exit status."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - that is its job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the starter, which decides when this ends
    signal.signal(signal.SIGTERM, lambda *_: _end(process))
    threading.Thread(target=_hold, args=(process,), daemon=True).start()
    status = process.wait()
    _signal_group(process, signal.SIGKILL)  # what the command left behind
    if scratch != "-":
        shutil.rmtree(scratch, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _hold(process: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process, signal.SIGTERM)
    killer = threading.Timer(PATIENCE_SECONDS, _signal_group, (process, signal.SIGKILL))
    killer.daemon = True
    killer.start()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone already; macOS says so by EPERM
        os.killpg(process.pid, number)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
