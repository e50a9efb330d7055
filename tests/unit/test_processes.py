"""Children that end with their starter, whatever happens to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.stack.waiting import until
from tools.lib import processes

FAMILY = "sleep 600 & echo started; wait"  # a parent and its child
# Puts a family on the leash, and then waits to be killed.
STARTER = f"""
import os, sys, time
from pathlib import Path
from tools.lib import processes
processes.start(["sh", "-c", "{FAMILY}"], env=os.environ, output=sys.stdout.buffer, scratch=Path(sys.argv[1]))
time.sleep(600)
"""


class Pipe:
    """A pipe that ends when nobody who could write to it is left: the surest sign that a whole family is gone."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        self.text = b""
        self.is_over = False

    def look(self) -> bytes:
        try:
            piece = os.read(self.read_end, 4096)
        except BlockingIOError:
            return self.text
        self.text += piece
        self.is_over = self.is_over or not piece
        return self.text

    def has_ended(self) -> bool:
        self.look()
        return self.is_over

    def close(self) -> None:
        os.close(self.read_end)


def test_a_command_leaves_its_output_and_status() -> None:
    finished = processes.run(["sh", "-c", "echo out; echo err >&2; exit 3"], env=os.environ)
    assert (finished.status, sorted(finished.output.split())) == (3, ["err", "out"])


def test_a_command_that_a_signal_ended_has_the_status_a_shell_would_say() -> None:
    assert processes.run(["sh", "-c", "kill -TERM $$"], env=os.environ).status == 128 + 15


def test_the_tail_is_the_end_of_the_output() -> None:
    assert processes.Finished(1, "a\nb\nc\n").tail(2) == "b\nc"


def test_letting_go_of_the_leash_ends_the_whole_family_and_its_files(tmp_path: Path) -> None:
    scratch, pipe = tmp_path / "scratch", Pipe()
    scratch.mkdir()
    with os.fdopen(pipe.write_end, "wb") as output:
        process = processes.start(["sh", "-c", FAMILY], env=os.environ, output=output, scratch=scratch)
    until(pipe.look, "the family")
    processes.end(process)
    until(pipe.has_ended, "the end of the family")
    assert not scratch.exists()
    pipe.close()


def test_a_starter_that_is_killed_takes_the_whole_family_along(tmp_path: Path) -> None:
    """`kill -9` runs no handler: only the system can tell, by closing the pipe that is the leash."""
    scratch, pipe = tmp_path / "scratch", Pipe()
    scratch.mkdir()
    command = [sys.executable, "-c", STARTER, str(scratch)]
    with subprocess.Popen(command, cwd=processes.ROOT, stdout=pipe.write_end) as starter:  # noqa: S603 - our own command
        os.close(pipe.write_end)
        until(pipe.look, "the family")
        starter.kill()
    until(pipe.has_ended, "the end of the family")
    until(lambda: not scratch.exists(), "the removal of its files")
    pipe.close()
