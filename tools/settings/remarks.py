"""What `check` has to say: one remark, and what it is about."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from testmo_notifier.errors import Problem

LEADS_NOWHERE: Final = "is a link that leads nowhere, so that nothing reads it"
TAKE_IT_OUT: Final = "take it out, or put a file there"


@dataclass(frozen=True, slots=True)
class Remark:
    """What is wrong, where, and what to do: a file and a line, or `environment` without one.

    A warning is about what works all the same, if not as it was meant. Where its text says enough it has no next step.
    """

    file: str
    line: int | None
    text: str
    next_step: str = ""
    is_warning: bool = False

    @classmethod
    def of(cls, path: Path, line: int | None, text: str, next_step: str) -> Remark:
        """A problem of a file, whose path is as short as it can be clicked."""
        return cls(shown(path), line, text, next_step)

    @classmethod
    def warning(cls, path: Path, line: int | None, text: str) -> Remark:
        """A warning about a file."""
        return cls(shown(path), line, f"warning: {text}", is_warning=True)

    @property
    def words(self) -> str:
        """The sentence without its place."""
        return Problem(self.text, self.next_step) if self.next_step else self.text

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {**asdict(self), "words": self.words}

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words}" if self.line else f"{self.file}: {self.words}"


def shown(path: Path) -> str:
    """A path from here, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
