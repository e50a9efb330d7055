"""How every command ends: its exit status, and an error as a sentence instead of a traceback.

0: all is well, or done. 1: something is wrong, or was not done. 2: it was called wrongly, or a setting is wrong.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from click import ClickException
from rich.console import Console

from testmo_notifier.errors import ConfigurationError, NotifierError, Problem
from tools.lib.asked import INTERRUPTED, USAGE, is_interruption
from tools.lib.processes import ROOT
from tools.lib.saying import say_json
from tools.lib.terminal import Terminal
from tools.ops.account import Account, NoStack
from tools.ops.advice import correct, wrong
from tools.ops.aws_errors import NOT_SET_UP, explain, in_words

FINE: Final = 0
WRONG: Final = 1
BUG: Final = "this is a bug of ours, please report this line (it holds no secret)"


class WrongUsage(Exception):
    """What was asked for makes no sense; says what would."""


class NotDone(Exception):
    """What was asked for could not be done; says why and what to do."""


@dataclass(frozen=True)
class Desk:
    """What a command works at: an account, where to tell results (`out`) and progress (`progress`, on stderr)."""

    account: Account
    out: Terminal
    progress: Terminal
    as_json: bool

    def answer(self, content: Mapping[str, object]) -> None:
        """The machine's answer, if it was asked for."""
        if self.as_json:
            say_json(content)


def run_to_exit_status(
    called: Callable[[], Callable[[Desk], int]],
    *,
    stack_name: str | None,
    region: str | None,
    profile: str | None,
    as_json: bool,
) -> int:
    """Run what was called to its exit status; nothing that can be expected ends in a traceback.

    What is wrong with the call is said before anybody's account is looked at.
    """
    progress = Terminal(Console(stderr=True, highlight=False))
    try:
        command = called()
        account = Account.choose(stack_name=stack_name, region=region, profile=profile)
        return command(Desk(account, Terminal(Console(highlight=False, quiet=as_json)), progress, as_json))
    except ClickException:
        raise
    except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001 - a traceback helps nobody, and may quote a secret
        words, exit_status = ending(exc)
        return fail(words, exit_status, progress, as_json=as_json)


def ending(exc: BaseException) -> tuple[str, int]:
    """What is wrong and what helps, and the exit status."""
    if is_interruption(exc):
        return "stopped; it is safe to run it again", INTERRUPTED
    return said_of(exc), USAGE if isinstance(exc, (ConfigurationError, WrongUsage, *NOT_SET_UP)) else WRONG


def said_of(exc: BaseException) -> str:
    """An error as a sentence, with the next step."""
    match exc:
        case ConfigurationError():
            return "\n".join(with_next_step(problem) for problem in exc.problems)
        case NotifierError() if isinstance(exc.__cause__, BotoCoreError | ClientError):
            return f"{exc}: {explain(exc.__cause__)[1]}"
        case WrongUsage() | NoStack() | NotDone() | NotifierError():
            return str(exc)
        case BotoCoreError() | ClientError() | ResponseParserError() | OSError():
            return in_words(exc)
    return f"{BUG}: {type(exc).__name__} at {place(exc)}"


def fail(words: str, status: int, progress: Terminal, *, as_json: bool) -> int:
    """Say why it ended."""
    if as_json:
        say_json({"ok": False, "error": words})
    else:
        for line in words.splitlines():
            progress.verdict(line, is_ok=False)
    return status


def with_next_step(problem: Problem) -> str:
    """A wrong setting with the step that fixes it."""
    return f"{wrong(problem)}: {correct(problem)}"


def place(exc: BaseException) -> str:
    """Where in our code an error came up, without its words."""
    frames = traceback.extract_tb(exc.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(str(ROOT)) and "/.venv" not in frame.filename]
    return next((f"{one.filename.removeprefix(f'{ROOT}/')}:{one.lineno}" for one in reversed(ours)), "an unknown place")
