"""`issues.toml`, read and checked: per tracker a pattern that can only ever lead to the host it names. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from testmo_notifier.config import is_loopback, shorten
from testmo_notifier.errors import ConfigurationError, WrongValue
from testmo_notifier.notices.issue_links import PLACEHOLDER, PLACEHOLDERS, IssueLinks
from testmo_notifier.settings.places import read_file

TRACKERS: Final = {"custom": 1, "github": 2, "gitlab": 3, "jira": 4}  # Testmo's numbers of `type` in expands.issues
HINT: Final = 'give a pattern like "https://example.atlassian.net/browse/{display_id}"'


def parse_issue_links(text: str, where: str = "issues.toml") -> IssueLinks:
    """The links in a file; raises `ConfigurationError` with everything that is wrong with it, by line."""
    content, place, problems = read_file(text, where, ("links",), "use [links]")
    entries = content.get("links", {})
    if not isinstance(entries, dict):
        problems.append(place.problem("links is not a table", "write [links] and a line per tracker", key="links"))
        entries = {}
    patterns: dict[int, str] = {}
    for key, value in entries.items():
        try:
            number = tracker_number(key)
            if number in patterns:
                raise WrongValue("names a tracker that has a pattern already", "keep one of them")
            patterns[number] = link_pattern(value)
        except WrongValue as exc:
            text, next_step = f"links.{shorten(key)} {exc.problem.text}", exc.problem.next_step
            problems.append(place.problem(text, next_step, r"\[[ \t]*links", key=key))
    if problems:
        raise ConfigurationError(problems)
    return IssueLinks(patterns)


def tracker_number(key: str) -> int:
    """A tracker by name, or by the number that Testmo gives it."""
    if key in TRACKERS:
        return TRACKERS[key]
    if re.fullmatch(r"[1-9]\d{0,8}", key, re.ASCII):
        return int(key)
    raise WrongValue("is no tracker", f"use {', '.join(sorted(TRACKERS))}, or the number Testmo gives it")


def link_pattern(value: object) -> str:
    """A pattern that can only ever lead to the host it names."""
    if not isinstance(value, str):
        raise WrongValue("is not text", HINT)
    names = PLACEHOLDER.findall(value)
    unknown = [name for name in names if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise WrongValue(f"has the unknown placeholder {{{shorten(unknown[0])}}}", f"use one of {known}")
    bare = PLACEHOLDER.sub("x", value)
    if not re.fullmatch(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", bare):
        raise WrongValue("holds a character that no address has (a space, a brace, an umlaut?)", HINT)
    try:
        parts, host = urlsplit(bare), urlsplit(value.partition("{")[0])
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine or not parts.hostname or "@" in parts.netloc:
        raise WrongValue("is not an address", HINT)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise WrongValue("is not an https address", HINT)
    if host.netloc != parts.netloc:
        raise WrongValue("has a placeholder in its host, so that anybody's text could choose where it leads", HINT)
    if not names:
        raise WrongValue("has no placeholder, so that every issue would lead to the same page", HINT)
    return value
