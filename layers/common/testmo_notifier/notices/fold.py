"""Several runs in one message. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from testmo_notifier.model import Held, Outgoing


def folded(destination: str, held: Sequence[Held]) -> Outgoing:
    """One message about what is held of several runs, 45 at most: by cause, with exact counts for each run."""
    raise NotImplementedError
