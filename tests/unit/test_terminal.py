"""What commands print: whatever they quote, it is only shown."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.text import Text

from tools.lib.saying import say, say_json
from tools.lib.terminal import Terminal
from tools.ops.exit_status import fail

HOSTILE = "Log\x1b[31min \x1b]0;title\x07fails \x9b2J\u202egnirts\x1b]8;;https://evil.example\x1b\\"
HARMLESS = "Login fails gnirts"


@pytest.mark.parametrize(
    "tell",
    [
        lambda terminal: terminal.heading(HOSTILE, {"Lease": HOSTILE}),
        lambda terminal: terminal.done(HOSTILE, 1.0),
        lambda terminal: terminal.story(HOSTILE),
        lambda terminal: terminal.poll(1, HOSTILE, 1.0, is_ok=True),
        lambda terminal: terminal.failed_poll(1, f"{HOSTILE}\n{HOSTILE}"),
        lambda terminal: terminal.problem(HOSTILE),
        lambda terminal: terminal.note(HOSTILE),
        lambda terminal: terminal.message(HOSTILE, [Text(HOSTILE.replace("\x07", "\x1b\\"), "bold")]),
        lambda terminal: terminal.verdict(HOSTILE, is_ok=False),
    ],
    ids=["heading", "done", "story", "poll", "failed_poll", "problem", "note", "message", "verdict"],
)
def test_nothing_that_is_quoted_steers_the_terminal(tell: Callable[[Terminal], None]) -> None:
    printed = io.StringIO()

    tell(Terminal(Console(file=printed, width=200, highlight=False)))

    assert HARMLESS in printed.getvalue()
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & {*printed.getvalue()}
    assert "title" not in printed.getvalue()


def test_styles_of_our_own_survive() -> None:
    printed = io.StringIO()
    console = Console(file=printed, width=200, force_terminal=True, color_system="standard")

    Terminal(console).message("Slack", [Text.assemble(("bold", "bold"), " plain \x1b[31mred")])

    assert "\x1b[1mbold\x1b[0m plain red" in printed.getvalue()
    assert "\x1b[31m" not in printed.getvalue()


def test_a_screen_without_a_width_shows_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some containers and editors export COLUMNS=0."""
    monkeypatch.setenv("COLUMNS", "0")
    printed = io.StringIO()

    Terminal(Console(file=printed, highlight=False)).verdict("3 problems", is_ok=False)

    assert printed.getvalue() == "✗ 3 problems\n"


def test_plain_lines_and_errors_are_only_shown(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    say(HOSTILE, error=True)
    fail(HOSTILE, 1, Terminal(Console(stderr=True, highlight=False)), as_json=False)

    printed = capsys.readouterr()
    assert printed.out == f"{HARMLESS}\n"
    assert printed.err == f"{HARMLESS}\n✗ {HARMLESS}\n"


def test_an_answer_for_programs_says_the_same_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"name": HOSTILE, "kept": "日本語 é 🇩🇪"})

    printed = capsys.readouterr().out
    assert json.loads(printed) == {"name": HOSTILE, "kept": "日本語 é 🇩🇪"}
    assert "日本語 é 🇩🇪" in printed
    assert all(char == "\n" or char.isprintable() for char in printed)


def test_an_answer_for_programs_says_the_same_where_an_old_terminal_lacks_its_signs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(stream, encoding="ascii", errors="replace", write_through=True))
    say_json({"project": "Größe", "kept": "日本語 ✖"})
    assert json.loads(stream.getvalue()) == {"project": "Größe", "kept": "日本語 ✖"}


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
