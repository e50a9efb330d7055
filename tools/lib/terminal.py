"""What the command prints: lines that read well on a screen and in a file alike (no colours or motion there).

Everything that a command prints comes through here or `saying`: what it quotes may be anybody's words, and a terminal
obeys them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.text import Text

from testmo_notifier.text.cleaning import printable

BAR: Final = "  │ "
WIDTH: Final = 80  # of a screen that nobody knows the width of

Piece = tuple[str, str]  # text and its style


def harmless(piece: str | Piece | Text, console: Console) -> str | Piece | Text:
    """A piece of a line without anything that steers a terminal; styles stay.

    Whoever makes a `Text` of somebody's words makes them `printable` first: rich drops the ends of some sequences.
    """
    if isinstance(piece, str):
        return printable(piece)
    if isinstance(piece, Text):
        if printable(piece.plain) == piece.plain:
            return piece
        return Text.assemble(*((printable(part.text), part.style or "") for part in piece.render(console)))
    return printable(piece[0]), piece[1]


class Terminal:
    """Prints to a console. Times are shown in this machine's zone."""

    def __init__(self, console: Console | None = None, *, now: Callable[[], datetime] | None = None) -> None:
        self._console = console or Console(highlight=False)
        if self._console.width == 0:  # COLUMNS=0, with which rich prints nothing at all
            self._console.width = WIDTH
        self._now = now or (lambda: datetime.now(UTC))
        self._is_block = False  # whether what was printed last wants an empty line below

    def heading(self, title: str, facts: Mapping[str, str]) -> None:
        """What this is, and where to look."""
        self._print((title, "bold"))
        width = max(map(len, facts), default=0)
        for name, fact in facts.items():
            self._print((f"  {name:<{width}}  ", "dim"), fact)
        self._is_block = True

    def done(self, step: str, seconds: float) -> None:
        """A step of the set-up, with the time it took."""
        self._print(("✓ ", "green"), step, _took(seconds))

    @contextmanager
    def timed(self, step: str = "") -> Iterator[Callable[[str], None]]:
        """Tell how long a step took; what it was may be clear at its end only."""
        started, steps = time.monotonic(), [step]
        yield steps.append
        self.done(steps[-1], time.monotonic() - started)

    def gap(self) -> None:
        """Something else begins."""
        self._is_block = True

    def story(self, narration: str) -> None:
        """What happens in the simulator."""
        self._is_block = True
        self._print((f"▸ {narration}", "magenta"))

    def poll(self, number: int, words: str, seconds: float, *, is_ok: bool) -> None:
        """How a poll went."""
        told = words.replace("\n", " ")
        self._print(self._clock(), (f"poll {number}  ", "bold"), (told, "" if is_ok else "yellow"), _took(seconds))

    def failed_poll(self, number: int, error: str) -> None:
        """A poll that ended with an error."""
        head, *rest = error.splitlines() or [""]
        self._print(self._clock(), (f"poll {number}  ", "bold"), (f"failed: {head}", "red"))
        for line in rest:
            self._print((f"          {line}", "red"))

    def problem(self, words: str) -> None:
        """Something that went wrong without ending anything."""
        self._print((f"  ! {words}", "yellow"))

    @contextmanager
    def passing(self, words: str) -> Iterator[None]:
        """What is being done: on a screen only until it is done, in a file a line like any other."""
        if not self._console.is_terminal:
            self.note(words)
            yield
            return
        with self._console.status(Text(printable(words), "dim")):
            yield

    def note(self, words: str) -> None:
        """Progress, or something worth knowing."""
        self._print((f"  {words}", "dim"))

    def message(self, title: str, lines: Sequence[Text]) -> None:
        """A message as its reader would see it."""
        self._is_block = True
        self._print(self._clock(), (title, "bold cyan"))
        for line in lines:
            for row in self._wrap(line):
                self._print((BAR, "cyan"), row)
        self._is_block = True

    def verdict(self, words: str, *, is_ok: bool, next_step: str = "") -> None:
        """The last word, or one line of it, and what helps."""
        self._print(("✓ " if is_ok else "✗ ", "green" if is_ok else "red"), (words, "bold"))
        if next_step:
            self.note(f"→ {next_step}")

    def _clock(self) -> Piece:
        return f"{self._now().astimezone():%H:%M:%S}  ", "dim"

    def _wrap(self, line: Text) -> Sequence[Text]:
        """A long line in pieces on a screen; whole in a file, where somebody may search for it."""
        if not self._console.is_terminal or not line.plain:
            return [line]
        return list(line.wrap(self._console, max(20, self._console.width - len(BAR))))

    def _print(self, *pieces: str | Piece | Text) -> None:
        if self._is_block:
            self._is_block = False
            self._console.print()
        self._console.print(Text.assemble(*(harmless(piece, self._console) for piece in pieces)), soft_wrap=True)


def _took(seconds: float) -> Piece:
    return f"  {seconds:.1f} s", "dim"
