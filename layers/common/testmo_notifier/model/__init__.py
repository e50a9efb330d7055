"""The nouns: frozen values without behaviour beyond what their fields say, a file per subject.

Timestamps are aware and UTC. `…_us` is microseconds, `…_seconds` seconds.

A file is imported when one of its nouns is first asked for: making thirty classes is a tenth of a cold start of the
Slack function, which needs four.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from testmo_notifier.model.digests import *
    from testmo_notifier.model.held import *
    from testmo_notifier.model.queue import *
    from testmo_notifier.model.state import *
    from testmo_notifier.model.testmo import *

FILES: Final = ("queue", "testmo", "digests", "held", "state")  # what a cold start may need alone is first


def __getattr__(name: str) -> object:
    """A noun, out of the first file that has it."""
    for file in FILES:
        found = vars(import_module(f"{__name__}.{file}"))
        if name in found:
            globals()[name] = found[name]
            return found[name]
    raise AttributeError(f"there is no {name} in the model")
