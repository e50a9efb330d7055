"""What is told beside new failing results: that tests passed again, and that a run is over. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from testmo_notifier.model import Digest


def other_id(about: str, destination: str, digest: Digest, *, version: int, when: str = "") -> str:
    """A hash of what is told to whom, the results, and the version of the checkpoint that was read (rule 11)."""
    keys: Iterable[str] = map(str, sorted(digest.keys))
    parts = [about, destination, str(digest.run_id), when, *keys, str(version)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
