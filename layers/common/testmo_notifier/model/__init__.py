"""The nouns: frozen values without behaviour beyond what their fields say, a file per subject.

Timestamps are aware and UTC. `…_us` is microseconds, `…_seconds` seconds.

A file is imported when one of its nouns is first asked for: making thirty classes is a tenth of a cold start of the
Slack function, which needs four.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from testmo_notifier.model.digests import (
        AGAIN,
        CHANGED,
        FAILING,
        FINISHED,
        FOLDED,
        NEW,
        PASSED_BETWEEN,
        PASSED_SINCE,
        REASONS,
        RECOVERED,
        Digest,
        Hold,
        Kind,
        Mention,
        NamedResult,
        Notification,
        Outgoing,
        Sent,
        Silenced,
        plain,
    )
    from testmo_notifier.model.held import (
        FOLD,
        MAILED,
        OUTBOX,
        QUIET,
        RATE,
        SILENCE,
        TIMES,
        UNREACHABLE,
        Change,
        Envelope,
        Held,
        HeldKey,
        Silence,
        is_known,
    )
    from testmo_notifier.model.queue import ASIDE, LONG_AGO, TEST_PREFIX, Attribute, Pace, QueuedMessage, Receipt
    from testmo_notifier.model.state import (
        CASES,
        FOLDERS,
        Apart,
        Asked,
        CaseProgress,
        Checkpoint,
        Control,
        Health,
        Left,
        Look,
        Looked,
        Mailbox,
        MailCheck,
        MarkOf,
        Passes,
        Passing,
        Pause,
        ProjectState,
        Resume,
        Superseded,
        Told,
        Trouble,
        Watching,
        Way,
        unmarked,
    )
    from testmo_notifier.model.testmo import (
        MAX_PER_PAGE,
        STATUS_NAMES,
        YEARS,
        CasesPage,
        Counters,
        Expands,
        Issue,
        Listed,
        Project,
        Result,
        ResultsPage,
        ResultsQuery,
        RowProblem,
        Run,
        User,
    )
    from testmo_notifier.model.watching import Scope, WatchedRun

__all__ = [
    "AGAIN",
    "ASIDE",
    "CASES",
    "CHANGED",
    "FAILING",
    "FINISHED",
    "FOLD",
    "FOLDED",
    "FOLDERS",
    "LONG_AGO",
    "MAILED",
    "MAX_PER_PAGE",
    "NEW",
    "OUTBOX",
    "PASSED_BETWEEN",
    "PASSED_SINCE",
    "QUIET",
    "RATE",
    "REASONS",
    "RECOVERED",
    "SILENCE",
    "STATUS_NAMES",
    "TEST_PREFIX",
    "TIMES",
    "UNREACHABLE",
    "YEARS",
    "Apart",
    "Asked",
    "Attribute",
    "CaseProgress",
    "CasesPage",
    "Change",
    "Checkpoint",
    "Control",
    "Counters",
    "Digest",
    "Envelope",
    "Expands",
    "Health",
    "Held",
    "HeldKey",
    "Hold",
    "Issue",
    "Kind",
    "Left",
    "Listed",
    "Look",
    "Looked",
    "MailCheck",
    "Mailbox",
    "MarkOf",
    "Mention",
    "NamedResult",
    "Notification",
    "Outgoing",
    "Pace",
    "Passes",
    "Passing",
    "Pause",
    "Project",
    "ProjectState",
    "QueuedMessage",
    "Receipt",
    "Result",
    "ResultsPage",
    "ResultsQuery",
    "Resume",
    "RowProblem",
    "Run",
    "Scope",
    "Sent",
    "Silence",
    "Silenced",
    "Superseded",
    "Told",
    "Trouble",
    "User",
    "WatchedRun",
    "Watching",
    "Way",
    "is_known",
    "plain",
    "unmarked",
]

MODULES: Final = (
    "queue",
    "watching",
    "testmo",
    "digests",
    "held",
    "state",
)  # what a cold start may need alone comes first


def __getattr__(name: str) -> object:
    """A noun, out of the first file that has it."""
    for module in MODULES if name in __all__ else ():
        found = vars(import_module(f"{__name__}.{module}"))
        if name in found:
            globals()[name] = found[name]
            return found[name]
    raise AttributeError(f"there is no {name} in the model")
