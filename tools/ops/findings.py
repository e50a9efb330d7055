"""What `doctor` finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `next_step` is empty where there is nothing to do."""

    area: str
    ok: bool
    words: str
    next_step: str = ""


def good(area: str, words: str, next_step: str = "") -> Finding:
    """All is well."""
    return Finding(area, ok=True, words=words, next_step=next_step)


def bad(area: str, words: str, next_step: str) -> Finding:
    """Something is wrong, and this fixes it."""
    return Finding(area, ok=False, words=words, next_step=next_step)


def as_json(answer: DataclassInstance) -> dict[str, object]:
    """For machines: `next_step` under its first name, `mend`, as well, because scripts read that."""
    told = asdict(answer)
    return told | {"mend": told["next_step"]}
