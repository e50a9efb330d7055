"""What `check` has to say: one remark, and what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

LEADS_NOWHERE: Final = "is a link that leads nowhere: nothing reads it"


@dataclass(frozen=True, slots=True)
class Remark:
    """What is wrong, and where: a file and a line, or `environment` without one.

    A warning is about what works all the same, if not as it was meant.
    """

    file: str
    line: int | None
    words: str
    is_warning: bool = False

    @classmethod
    def of(cls, path: Path, line: int | None, words: str, *, is_warning: bool = False) -> Remark:
        """About a file, whose path is as short as it can be clicked."""
        here = Path.cwd()
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        return cls(str(shown), line, f"warning: {words}" if is_warning else words, is_warning)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words}" if self.line else f"{self.file}: {self.words}"
