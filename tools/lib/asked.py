"""How the command is asked, and how it answers `--help`: groups by audience, examples, names that are looked up late.

Nothing here, nor in the files that declare commands, imports what a command needs to do its work: whoever asks for help
or completes a word with the Tab key should not wait for an AWS client.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final

import click

from testmo_notifier.errors import ConfigurationError, NotifierError
from tools.lib.saying import say

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
USAGE: Final = 2  # called wrongly, as shells know it
INTERRUPTED: Final = 130  # 128 + SIGINT, the same
MAX_CHARS: Final = 200  # of a line in the list; it is folded, not cut


class Command(click.Command):
    """A command whose help ends in examples, each what to type and what it is for."""

    def __init__(self, *args: Any, examples: Sequence[tuple[str, str]] = (), **given: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **given)
        self.examples = tuple(examples)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's
        """Run it. What we know to be wrong is said, and ends it."""
        try:
            return super().invoke(ctx)
        except NotifierError as exc:
            say(str(exc), error=True)
            ctx.exit(USAGE if isinstance(exc, ConfigurationError) else 1)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then whatever else is said at the end."""
        if self.examples:
            with formatter.section("Examples"):
                for typed, purpose in self.examples:
                    formatter.write_text(purpose)
                    formatter.write(f"{'':>{formatter.current_indent}}  $ {typed}\n")
        super().format_epilog(ctx, formatter)


class Family(Command, click.Group):
    """A command that consists of commands, each with a help of its own."""

    command_class = Command


def is_interruption(exc: BaseException) -> bool:
    """Whether it is Ctrl-C, or what Python 3.11 makes of it in the middle of making a class."""
    return isinstance(exc, KeyboardInterrupt) or isinstance(exc.__cause__, KeyboardInterrupt)


class Group(click.Group):
    """Commands, listed by who needs them; `audiences` is headings with their commands."""

    command_class = Command

    def __init__(self, *args: Any, audiences: Mapping[str, Sequence[str]], **given: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **given)
        self.audiences = audiences

    def main(self, *args: Any, **given: Any) -> Any:  # noqa: ANN401 - click's
        """Run a command, or show a help. What the system refuses, a full disk say, is told in its words."""
        try:
            return super().main(*args, **given)
        except OSError as exc:
            if exc.strerror is None:
                raise
            where = f" {exc.filename}" if exc.filename else ""
            say(f"The system refused to read or write{where}: {exc.strerror}", error=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's
        """Run a command. Ctrl-C ends it as shells expect, also while it is still being imported."""
        try:
            return super().invoke(ctx)
        except BaseException as exc:
            if not is_interruption(exc):
                raise
            say("stopped", error=True)
            ctx.exit(INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the help."""
        del ctx
        return [name for names in self.audiences.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One section for each audience."""
        del ctx
        widest = max(map(len, self.commands))
        for heading, names in self.audiences.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{n:<{widest}}", self.commands[n].get_short_help_str(MAX_CHARS)) for n in names])


class OneOf(click.ParamType):  # type: ignore[type-arg]  # only newer versions of click know one
    """One of some names that are imported from `where` only when somebody looks at them, or of some `more`.

    With `is_checked` False they are shown and completed, and whoever reads the value says what is wrong with it.
    """

    name = "choice"

    def __init__(self, where: str, *more: str, is_checked: bool = True) -> None:
        self._where, self._more = where, more
        self._is_checked = is_checked

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """All of them."""
        return self._choice.get_metavar(param, ctx)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's
        """The name as it was typed."""
        return self._choice.convert(value, param, ctx) if self._is_checked else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Those that begin so."""
        return self._choice.shell_complete(ctx, param, incomplete)

    @property
    def _choice(self) -> click.Choice[str]:
        return click.Choice([*self._more, *resolve_name(self._where)])
