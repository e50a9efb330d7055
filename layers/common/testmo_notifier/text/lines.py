"""Lines of text as they are written: begun, added to, and joined where several are the cells of one row. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from itertools import pairwise
from typing import Final

from testmo_notifier.lean import dataclass
from testmo_notifier.text.cleaning import tidy

MAX_INDENT: Final = 40  # of a line of which blanks are kept
CELL: Final = " | "


@dataclass(slots=True)
class Line:
    """One line: its margin and marker, and the pieces of its text."""

    prefix: str
    pieces: list[str] = field(default_factory=list)

    def words(self) -> str:
        """What there is to see of it, empty where there is nothing."""
        return tidy("".join(self.pieces))


class Lines:
    """The lines so far, and whether more of them are wanted."""

    def __init__(self, enough: int) -> None:
        self.is_open = False  # whether what comes next goes on with the last line
        self._enough = enough
        self._lines: list[Line] = []
        self._indent = ""  # of a line whose blanks are kept and that has no text yet
        self._chars = 0
        self._look_again_at = 2 * enough
        self._is_full = False

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def is_full(self) -> bool:
        """Whether there is more to show than anybody wants; looked at each time the text has doubled."""
        if self._chars >= self._look_again_at and not self._is_full:
            self._look_again_at = 2 * self._chars
            self._is_full = sum(map(len, self.shown())) > self._enough
        return self._is_full

    def shown(self) -> list[str]:
        """What there is to see."""
        return [line.prefix + words for line in self._lines if (words := line.words())]

    def end(self) -> None:
        """What comes next is on a line of its own."""
        self.is_open = False
        self._indent = ""

    def indent(self, run: str) -> None:
        """Keep the blanks before a line's text."""
        blanks = run[: len(run) - len(run.lstrip(" \t"))]
        self._indent += blanks[:MAX_INDENT].expandtabs(4)

    def begin(self, prefix: str) -> Line:
        """A new line."""
        self._lines.append(Line(prefix + self._indent[:MAX_INDENT]))
        self.is_open = True
        return self._lines[-1]

    def add(self, run: str) -> None:
        """More of the last line, whether or not the text goes on there."""
        self._lines[-1].pieces.append(run)
        self._chars += len(run)

    @property
    def pieces(self) -> int:
        """How many the line has on which the text goes on."""
        return len(self._lines[-1].pieces) if self.is_open else 0

    @property
    def place(self) -> tuple[int, int]:
        """Where the text goes on: the line, and the piece of it."""
        return len(self._lines) - self.is_open, self.pieces

    def since(self, place: tuple[int, int]) -> str:
        """The text from there on."""
        line, piece = place
        return " ".join("".join(one.pieces[piece * (not at) :]) for at, one in enumerate(self._lines[line:]))

    def rewrite(self, begins: int, how: Callable[[str], str]) -> None:
        """Put something in place of the last pieces of this line."""
        if self.is_open:
            pieces = self._lines[-1].pieces
            pieces[begins:] = [how("".join(pieces[begins:]))]

    def join(self, cells: list[int]) -> None:
        """Make one line of a row with several cells, which begin at these lines; a single one is layout, and stays."""
        if not cells:
            return
        seen: list[Line] = []
        texts = []
        for begin, end in pairwise([*cells, len(self._lines)]):
            shown = [(line, words) for line in self._lines[begin:end] if (words := line.words())]
            texts.append(" ".join(line.prefix.lstrip() + words for line, words in shown))
            seen += (line for line, _ in shown)
        if sum(map(bool, texts)) > 1:
            margin = seen[0].prefix[: len(seen[0].prefix) - len(seen[0].prefix.lstrip())]
            seen = [Line(margin, [CELL.join(texts).rstrip(CELL)])]
        self._lines[cells[0] :] = seen
        self.end()
