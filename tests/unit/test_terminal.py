"""What the command prints on a screen, and in a file."""

from __future__ import annotations

import io

from rich.console import Console

from tools.terminal import Terminal


def test_what_is_being_done_vanishes_from_a_screen_when_it_is_done() -> None:
    printed = io.StringIO()
    terminal = Terminal(Console(file=printed, force_terminal=True, width=80))
    with terminal.passing("looking at: Mail"):
        pass
    terminal.note("found")
    before, _, after = printed.getvalue().rpartition("\x1b[2K")  # the line is erased
    assert "looking at: Mail" in before
    assert "looking at" not in after
    assert "found" in after


def test_what_is_being_done_is_a_line_like_any_other_in_a_file() -> None:
    printed = io.StringIO()
    with Terminal(Console(file=printed)).passing("looking at: Mail"):
        pass
    assert printed.getvalue() == "  looking at: Mail\n"
