"""What `doctor` finds, and what became of each message of `send-test`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `next_step` is empty where there is nothing to do."""

    area: str
    ok: bool
    words: str
    next_step: str = ""

    def as_json(self, area: str = "area") -> dict[str, object]:
        """For machines: `next_step` under its first name, `mend`, as well, because scripts read that."""
        told = {area: self.area, "ok": self.ok, "words": self.words}
        return {**told, "next_step": self.next_step, "mend": self.next_step}


def good(area: str, words: str, next_step: str = "") -> Finding:
    """All is well."""
    return Finding(area, ok=True, words=words, next_step=next_step)


def bad(area: str, words: str, next_step: str) -> Finding:
    """Something is wrong, and this fixes it."""
    return Finding(area, ok=False, words=words, next_step=next_step)
