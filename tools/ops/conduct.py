"""How every command ends: its exit status, and an error as a sentence instead of a traceback.

0: all is well, or done. 1: something is wrong, or was not done. 2: it was called wrongly, or a setting is wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from rich.console import Console

from testmo_notifier.errors import ConfigurationError, NotifierError
from tools.blocks import printable
from tools.ops.account import Account, NoStack
from tools.terminal import Terminal

FINE: Final = 0
WRONG: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells expect


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
            sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def conduct(
    command: Callable[[Desk], int],
    *,
    stack_name: str | None,
    region: str | None,
    profile: str | None,
    as_json: bool,
) -> int:
    """Run a command to its exit status; nothing that can be expected ends in a traceback."""
    progress = Terminal(Console(stderr=True, highlight=False))
    try:
        account = Account.choose(stack_name=stack_name, region=region, profile=profile)
        return command(Desk(account, Terminal(Console(highlight=False, quiet=as_json)), progress, as_json))
    except KeyboardInterrupt:
        return fail("stopped; it is safe to run it again", INTERRUPTED, progress, as_json=as_json)
    except (ConfigurationError, WrongUsage) as exc:
        return fail(str(exc), USAGE, progress, as_json=as_json)
    except (NoCredentialsError, PartialCredentialsError, NoRegionError, ProfileNotFound) as exc:
        words = f"{exc}: give --profile and --region, or set AWS_PROFILE and AWS_REGION"
        return fail(words, USAGE, progress, as_json=as_json)
    except (NoStack, NotDone, NotifierError) as exc:
        return fail(str(exc), WRONG, progress, as_json=as_json)
    except (BotoCoreError, ClientError, OSError) as exc:
        return fail(reason(exc), WRONG, progress, as_json=as_json)


def fail(words: str, status: int, progress: Terminal, *, as_json: bool) -> int:
    """Say why it ended."""
    if as_json:
        sys.stdout.write(json.dumps({"ok": False, "error": words}, ensure_ascii=False) + "\n")
    else:
        for line in printable(words).splitlines():
            progress.verdict(line, is_ok=False)
    return status


def reason(exc: Exception) -> str:
    """An error of AWS's in a line, with the step that helps where it is a right that is missing."""
    words = " ".join(str(exc).split())
    if isinstance(exc, ClientError) and "AccessDenied" in exc.response["Error"]["Code"]:
        return f"{words}: these credentials may not do that; docs/commands.md lists the rights each command needs"
    return words
