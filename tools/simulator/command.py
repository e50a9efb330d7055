"""`testmo-notifier simulator`: the simulator alone, until it is stopped."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from threading import Event, current_thread, main_thread

from tools.simulator.control import PREFIX
from tools.simulator.scenarios import load
from tools.simulator.simulator import Simulator

STEP_SECONDS = 20.0  # time enough to see what a step did before the next one


def serve(
    port: int,
    scenario: str = "default",
    *,
    step_seconds: float | None = STEP_SECONDS,
    write: Callable[[str], object] | None = None,
    stopped: Event | None = None,
) -> None:
    """Serve a scenario until SIGINT or SIGTERM, then close cleanly.

    Args:
        port: where to listen on 127.0.0.1; 0 takes any free port.
        scenario: its name, see `SCENARIOS`.
        step_seconds: how long to wait before each step of a story; None plays none, curl may.
        write: takes each line for the reader; standard output when left out.
        stopped: ends the serving when set; signals set it too, if this is the main thread.

    Raises:
        ValueError: there is no such scenario.
        OSError: the port is taken.
    """
    say = write or _say
    stop = stopped or Event()
    with Simulator(scenario=load(scenario), port=port) as simulator:
        previous = {number: signal.signal(number, lambda *_: stop.set()) for number in _signals()}
        try:
            say(introduction(simulator))
            _play(simulator, step_seconds, say, stop)
            stop.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    say("Stopped.")


def introduction(simulator: Simulator) -> str:
    """What it is, where it listens, and what to try first."""
    scenario = simulator.scenario
    head = f"{scenario.title}: {scenario.description}\n\n" if scenario else ""
    header = f'-H "Authorization: Bearer {simulator.token}"'
    return (
        f"{head}url    {simulator.url}\ntoken  {simulator.token}\n\n"
        f"curl -s {header} '{simulator.url}/api/v1/projects'\n"
        f"curl -s {header} '{simulator.url}/api/v1/runs/1/results?status_id=3,5&expands=issues,statuses,users'\n"
        f"curl -s {simulator.url}{PREFIX}                     # where the story stands\n"
        f"curl -s -X POST {simulator.url}{PREFIX}/advance     # play its next step\n\n"
        "Stop with Ctrl-C."
    )


def _play(simulator: Simulator, step_seconds: float | None, say: Callable[[str], object], stop: Event) -> None:
    if step_seconds is None or simulator.scenario is None or not simulator.scenario.steps:
        return
    while not stop.wait(step_seconds):
        narration = simulator.advance()
        if narration is None:
            say("The story is over; the API goes on answering.")
            return
        say(narration)


def _signals() -> tuple[signal.Signals, ...]:
    """Those to stop on; only the main thread may say what a signal does."""
    return (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
