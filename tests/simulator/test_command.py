from __future__ import annotations

import os
import signal
from threading import Event

import pytest

from tools.simulator import serve


def test_it_tells_where_it_listens_and_plays_the_story_to_its_end() -> None:
    lines: list[str] = []
    stopped = Event()

    def write(line: str) -> None:
        lines.append(line)
        if "over" in line:
            stopped.set()

    serve(0, "hostile-text", step_seconds=0, write=write, stopped=stopped)

    assert lines[0].startswith("Hostile text: names and notes")
    assert "token  testmo_api_simulator" in lines[0]
    assert "/api/v1/projects" in lines[0]
    assert lines[1:] == [
        "Mallory saves five Failed results full of traps",
        "The story is over; the API goes on answering.",
        "Stopped.",
    ]


def test_a_story_is_left_to_curl_if_it_shall_not_play_itself() -> None:
    lines: list[str] = []
    stopped = Event()

    def write(line: str) -> None:
        lines.append(line)
        stopped.set()

    serve(0, "release-day", step_seconds=None, write=write, stopped=stopped)

    assert len(lines) == 2
    assert lines[1] == "Stopped."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_and_finds_its_old_handler_again(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    lines: list[str] = []

    def write(line: str) -> None:
        lines.append(line)
        if len(lines) == 1:
            os.kill(os.getpid(), number)

    serve(0, write=write)

    assert lines[-1] == "Stopped."
    assert signal.getsignal(number) is before


def test_an_unknown_scenario_is_refused_before_anything_is_served() -> None:
    with pytest.raises(ValueError, match="no scenario is called 'x'"):
        serve(0, "x")
