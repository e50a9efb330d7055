"""`make sam-local`."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack

from botocore.exceptions import BotoCoreError, ClientError

from tools.lib.asked import INTERRUPTED
from tools.lib.terminal import Terminal
from tools.local.build import BuildFailed
from tools.local.ministack import NotUp
from tools.local.sam_local.engine import EngineFailed, NoEngine
from tools.local.sam_local.flow import Unexpected, play
from tools.local.sam_local.invocation import InvocationFailed
from tools.local.stack import DeployFailed

FAILED = 1
CANNOT_RUN = 3  # this machine has no containers, which says nothing about the functions


def main() -> int:
    """0: the message arrived. 1: something failed. 3: there is no container engine here."""
    terminal = Terminal()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: everything that was started ends
    try:
        with ExitStack() as resources:
            play(terminal, resources)
    except NoEngine as exc:
        terminal.verdict(str(exc), is_ok=False)
        return CANNOT_RUN
    except (
        *(EngineFailed, InvocationFailed, Unexpected, BuildFailed, DeployFailed, NotUp),
        *(BotoCoreError, ClientError, OSError),
    ) as exc:
        terminal.verdict(str(exc), is_ok=False)
        return FAILED
    except KeyboardInterrupt:
        terminal.verdict("stopped", is_ok=False)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
