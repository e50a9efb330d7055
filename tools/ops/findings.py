"""What `doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `mend` is the next step; empty where there is nothing to do."""

    area: str
    ok: bool
    words: str
    mend: str = ""


def good(area: str, words: str, mend: str = "") -> Finding:
    """All is well."""
    return Finding(area, ok=True, words=words, mend=mend)


def bad(area: str, words: str, mend: str) -> Finding:
    """Something is wrong, and this mends it."""
    return Finding(area, ok=False, words=words, mend=mend)
