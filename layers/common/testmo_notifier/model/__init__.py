"""The nouns: frozen values without behaviour beyond what their fields say, a file per subject.

Timestamps are aware and UTC. `…_us` is microseconds, `…_seconds` seconds.
"""

from __future__ import annotations

from testmo_notifier.model.digests import TEST_PREFIX, Digest, NamedResult, Notification, Outgoing, Sent, plain
from testmo_notifier.model.queue import LONG_AGO, Attribute, Pace, QueuedMessage, Receipt
from testmo_notifier.model.state import (
    Apart,
    CaseProgress,
    Checkpoint,
    Control,
    Mailbox,
    MailCheck,
    Pause,
    ProjectState,
    Resume,
    Superseded,
    Trouble,
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
)
from testmo_notifier.model.watching import Scope, WatchedRun

__all__ = [
    "LONG_AGO",
    "MAX_PER_PAGE",
    "STATUS_NAMES",
    "TEST_PREFIX",
    "YEARS",
    "Apart",
    "Attribute",
    "CaseProgress",
    "CasesPage",
    "Checkpoint",
    "Control",
    "Counters",
    "Digest",
    "Expands",
    "Issue",
    "Listed",
    "MailCheck",
    "Mailbox",
    "NamedResult",
    "Notification",
    "Outgoing",
    "Pace",
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
    "Superseded",
    "Trouble",
    "WatchedRun",
    "plain",
]
