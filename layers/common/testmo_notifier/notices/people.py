"""Who a person in Testmo is in Slack: `people.toml`, read and checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from testmo_notifier.model import Mention


@dataclass(frozen=True, slots=True)
class People:
    """Slack members by Testmo's id and by name without case, user groups by the names that routes give them."""

    by_id: Mapping[int, str] = field(default_factory=dict)
    by_name: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    def slack_id(self, mention: Mention) -> str | None:
        """The member or user group to call; None for somebody who has no entry, and appears by name."""
        if mention.is_group:
            return self.groups.get(mention.name.casefold())
        by_id = self.by_id.get(mention.id) if mention.id is not None else None
        return by_id or self.by_name.get(mention.name.casefold())
