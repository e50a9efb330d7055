"""`issues.toml`, read and checked: per tracker a pattern that can only ever lead to the host it names. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from testmo_notifier.config import is_loopback, shorten
from testmo_notifier.errors import ConfigurationError
from testmo_notifier.notices.issue_links import PLACEHOLDER, PLACEHOLDERS, IssueLinks
from testmo_notifier.settings.places import read_file

TRACKERS: Final = {"custom": 1, "github": 2, "gitlab": 3, "jira": 4}  # Testmo's numbers of `type` in expands.issues
HINT: Final = 'give a pattern like "https://example.atlassian.net/browse/{display_id}"'


def parse_issue_links(text: str, where: str = "issues.toml") -> IssueLinks:
    """The links in a file; raises `ConfigurationError` with everything that is wrong with it, by line."""
    content, place, problems = read_file(text, where, ("links",), "only [links] is known")
    entries = content.get("links", {})
    if not isinstance(entries, dict):
        problems.append(place.problem("links is not a table: write [links] and a line per tracker", key="links"))
        entries = {}
    patterns: dict[int, str] = {}
    for key, value in entries.items():
        try:
            number = tracker_number(key)
            if number in patterns:
                raise ValueError("names a tracker that has a pattern already: keep one of them")
            patterns[number] = link_pattern(value)
        except ValueError as exc:
            problems.append(place.problem(f"links.{shorten(key)} {exc}", r"\[[ \t]*links", key=key))
    if problems:
        raise ConfigurationError(problems)
    return IssueLinks(patterns)


def tracker_number(key: str) -> int:
    """A tracker by name, or by the number that Testmo gives it."""
    if key in TRACKERS:
        return TRACKERS[key]
    if re.fullmatch(r"[1-9]\d{0,8}", key, re.ASCII):
        return int(key)
    raise ValueError(f"is no tracker: use {', '.join(sorted(TRACKERS))}, or the number Testmo gives it")


def link_pattern(value: object) -> str:
    """A pattern that can only ever lead to the host it names."""
    if not isinstance(value, str):
        raise ValueError(f"is not text: {HINT}")  # noqa: TRY004 - one kind of error per setting
    names = PLACEHOLDER.findall(value)
    unknown = [name for name in names if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"has the unknown placeholder {{{shorten(unknown[0])}}}: known are {known}")
    bare = PLACEHOLDER.sub("x", value)
    if not re.fullmatch(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", bare):
        raise ValueError(f"holds a character that no address has (a space, a brace, an umlaut?): {HINT}")
    try:
        parts, host = urlsplit(bare), urlsplit(value.partition("{")[0])
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine or not parts.hostname or "@" in parts.netloc:
        raise ValueError(f"is not an address: {HINT}")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError(f"is not an https address: {HINT}")
    if host.netloc != parts.netloc:
        raise ValueError(f"has a placeholder in its host, so that anybody's text could choose where it leads: {HINT}")
    if not names:
        raise ValueError(f"has no placeholder, so that every issue would lead to the same page: {HINT}")
    return value
