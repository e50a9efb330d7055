"""A token that was read once and does not change while a command runs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StaticToken:
    """Gives the same token whenever it is asked."""

    value: str = field(repr=False)

    def get(self) -> str:
        """The token."""
        return self.value

    refresh = get
