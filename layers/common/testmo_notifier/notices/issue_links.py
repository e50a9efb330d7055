"""Where linked issues lead. Pure.

Testmo gives an issue's key and no address. A team says per tracker how an address is made of what there is; what a
pattern asks for and an issue lacks makes no link, and the key is shown all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final
from urllib.parse import quote

from testmo_notifier.lean import dataclass
from testmo_notifier.model import Issue

MAX_URL_CHARS: Final = 200  # an event may hold 500 of them and SNS takes 256 KiB; Slack 12,000 characters in all
PLACEHOLDERS: Final = ("display_id", "number", "id", "external_project_key", "external_project_id")
PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class IssueLinks:
    """Patterns by tracker number."""

    patterns: Mapping[int, str] = field(default_factory=dict)

    def url(self, issue: Issue) -> str:
        """The address of an issue; empty where no pattern is for it, or its pattern cannot be filled."""
        pattern = self.patterns.get(issue.type or 0)
        values = {name: placeholder(issue, name) for name in PLACEHOLDERS}
        if pattern is None or not all(values[name] for name in PLACEHOLDER.findall(pattern)):
            return ""
        url = PLACEHOLDER.sub(lambda found: values[found[1]], pattern)
        return url if len(url) <= MAX_URL_CHARS else ""


def placeholder(issue: Issue, name: str) -> str:
    """What stands for a placeholder, ready for an address; empty where the issue lacks it."""
    if name == "number":
        digits = re.search(r"\d+$", issue.display_id, re.ASCII)
        return digits[0] if digits else ""
    value = getattr(issue, name)
    text = "" if value is None else str(value)
    if text.endswith("…") or text.strip("./") == "":  # cut short it is another issue's key; dots would walk away
        return ""
    # The project of GitHub and GitLab is a path (owner/repository); anything else with a slash is no path.
    return quote(text, safe="/" if name == "external_project_key" else "")
