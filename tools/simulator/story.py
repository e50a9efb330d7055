"""A scenario: a world to begin with, and what happens in it, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tools.simulator.world import World


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: a sentence for the reader, and the change it makes."""

    narration: str
    play: Callable[[], object]


@dataclass(slots=True)
class Scenario:
    """A world and its story; a scenario without steps stands still.

    `requests_per_minute` is the limit its API enforces, None for no limit.
    """

    title: str
    description: str
    world: World
    steps: Sequence[Step] = ()
    requests_per_minute: int | None = None
    played: int = field(default=0, init=False)

    def advance(self) -> str | None:
        """Play the next step and return its narration; None when the story is over."""
        with self.world.lock:
            if self.played >= len(self.steps):
                return None
            step = self.steps[self.played]
            step.play()
            self.played += 1
            return step.narration
