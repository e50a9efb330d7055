"""Who a person in Testmo is in Slack: `people.toml`, read and checked. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Final

from testmo_notifier.config import shorten
from testmo_notifier.errors import ConfigurationError, Problem
from testmo_notifier.lean import dataclass
from testmo_notifier.model import Mention, User
from testmo_notifier.notices.matching import plain
from testmo_notifier.settings.places import Place, read_file

FILE: Final = "people.toml"
TABLES: Final = ("people", "groups")
EVERYBODY: Final = ("here", "channel")  # what a group may be, and only where the file names it
MEMBER: Final = r"[UW][A-Z0-9]{6,20}"
USER_GROUP: Final = r"S[A-Z0-9]{6,20}"
EXAMPLES: Final = {
    "people": '"U012AB3CD", which Slack shows in the profile of a member (⋮, Copy member ID)',
    "groups": '"S012AB3CD", which stands at the end of the address of a user group in Slack, or "here" or "channel"',
}


@dataclass(frozen=True, slots=True)
class People:
    """Slack members by Testmo's id and by name without case, user groups by the names that routes give them.

    A name may be an email address. Whose it is only Testmo's users tell: `found` grows when they are learnt.
    """

    by_id: Mapping[int, str] = field(default_factory=dict)
    by_name: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    found: dict[int, str] = field(default_factory=dict, compare=False)

    @property
    def has_emails(self) -> bool:
        """Whether somebody has to be found by an address."""
        return any("@" in name for name in self.by_name)

    def learn(self, users: Iterable[User]) -> None:
        """Find those whom the file names by their address, and nobody else by it any more."""
        by_address = {user.id: self.by_name.get(plain(user.email)) for user in users if user.email}
        self.found.clear()
        self.found.update({id_: slack for id_, slack in by_address.items() if slack})

    def slack_id(self, mention: Mention) -> str | None:
        """The member or user group to call; None for somebody who has no entry, and appears by name."""
        if mention.is_group:
            return self.groups.get(plain(mention.name))
        by_id = mention.id is not None and (self.by_id.get(mention.id) or self.found.get(mention.id))
        return by_id or self.by_name.get(plain(mention.name))


def parse_people(text: str, where: str = FILE) -> People:
    """The entries in a file; raises `ConfigurationError` with everything that is wrong with it, each with its line."""
    content, place, problems = read_file(text, where, TABLES, "use [people] or [groups]")
    people, wrong = read_table(content, "people", place)
    groups, more = read_table(content, "groups", place)
    if problems := [*problems, *wrong, *more]:
        raise ConfigurationError(problems)
    by_id = {key: slack for key, slack in people.items() if isinstance(key, int)}
    by_name = {key: slack for key, slack in people.items() if isinstance(key, str)}
    return People(by_id, by_name, {str(key): slack for key, slack in groups.items()})


def read_table(content: Mapping[str, object], table: str, place: Place) -> tuple[dict[int | str, str], list[Problem]]:
    """One table by its keys as they are compared, and what is wrong with it."""
    entries = content.get(table, {})
    if not isinstance(entries, dict):
        return {}, [place.problem(f"{table} is no table", f"write [{table}] and a line for each", key=table)]
    found: dict[int | str, str] = {}
    problems: list[Problem] = []
    for key, value in entries.items():
        told = f"{table}.{shorten(key)}"

        def wrong(text: str, next_step: str, key: str = key, told: str = told) -> None:
            problems.append(place.problem(f"{told} {text}", next_step, rf"\[[ \t]*{table}[ \t]*\]", key=key))

        name = entry_key(key, table)
        if not key.strip():
            wrong("has no name", "put one before the =")
        elif name in found:
            wrong("is there already (capitals and spaces make no difference)", "keep one of them")
        found[name] = slack_id(value, table, wrong)
    return found, problems


def entry_key(key: str, table: str) -> int | str:
    """Somebody's Testmo id, or a name as it is compared. Groups have names alone."""
    is_id = table == "people" and re.fullmatch(r"\d{1,18}", key.strip(), re.ASCII)
    return int(key) if is_id else plain(key)


def slack_id(value: object, table: str, wrong: Callable[[str, str], None]) -> str:
    """An id of the kind that belongs into a table; it is `wrong` otherwise."""
    if isinstance(value, dict):
        wrong("is no text", f"put a name with a dot in quotes, and the id, too, like {EXAMPLES[table]}")
        return ""
    if not isinstance(value, str):
        wrong(f"is {shorten(repr(value))}", f"give {EXAMPLES[table]}")
        return ""
    form = MEMBER if table == "people" else f"{USER_GROUP}|{'|'.join(EVERYBODY)}"
    if re.fullmatch(form, value):
        return value
    if table == "people" and re.fullmatch(USER_GROUP, value):
        wrong(f"is {value!r}, a user group", "move it to [groups]; a route mentions it as group:<name>")
    elif table == "groups" and re.fullmatch(MEMBER, value):
        wrong(f"is {value!r}, a member", "move it to [people]")
    else:
        wrong(f"is {shorten(value)!r}", f"give {EXAMPLES[table]}")
    return ""
