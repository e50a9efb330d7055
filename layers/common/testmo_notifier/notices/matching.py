"""Which routes take a finding: what they may ask about, what they match and leave out, what nobody else took. Pure.

A route is asked about facts: of the run (`project, run, milestone, configuration, tag`) and of the result (`status,
assignee, tester, issue, test, folder`). What is not known matches nothing, so it excludes nothing and reaches the
routes that catch all. The order of the routes never matters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from functools import cache
from typing import Final

from testmo_notifier.lean import dataclass
from testmo_notifier.model import STATUS_NAMES, Expands, Result, Run
from testmo_notifier.notices.named import folder_of
from testmo_notifier.text.cleaning import printable

RUN_KEYS: Final = ("project", "run", "milestone", "configuration", "tag")
RESULT_KEYS: Final = ("status", "assignee", "tester", "issue", "test", "folder")
KEYS: Final = (*RUN_KEYS, *RESULT_KEYS)
LASTING_KEYS: Final = (*RUN_KEYS, "test", "folder")  # whoever saves the next result of a test, and with what
UNASSIGNED: Final = 0  # as Testmo's own filters have it


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a finding has: a person, a status, a tag. The id or the name may be unknown."""

    id: int | None = None
    name: str | None = None


Facts = Mapping[str, tuple[Fact, ...]]  # a key that is not there is not known; an empty tuple is known to be none
Wanted = Mapping[str, tuple[int | str, ...]]  # by key: ids, or names in which only * and ? are special


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a route or a silence selects. Every key of `match` must hold; any key of `exclude` suffices."""

    match: Wanted = field(default_factory=dict)
    exclude: Wanted = field(default_factory=dict)

    def refusal(self, facts: Facts) -> str | None:
        """The key that keeps a finding out, with its table, like `match.run`; None for one that is selected."""
        for key, wanted in self.match.items():
            if not holds(wanted, facts.get(key, ())):
                return f"match.{key}"
        for key, wanted in self.exclude.items():
            if holds(wanted, facts.get(key, ())):
                return f"exclude.{key}"
        return None

    @property
    def keys(self) -> frozenset[str]:
        """What it asks about."""
        return frozenset((*self.match, *self.exclude))

    def only(self, keys: Collection[str]) -> Matcher:
        """The same, that asks about nothing else."""
        tables = ({name: one for name, one in table.items() if name in keys} for table in (self.match, self.exclude))
        return Matcher(*tables)

    @property
    def is_everything(self) -> bool:
        """Whether there is nothing it would not select."""
        return not self.match and not self.exclude


def holds(wanted: Iterable[int | str], facts: Iterable[Fact]) -> bool:
    """Whether any of the facts is any of what is wanted."""
    known = list(facts)
    return any(is_wanted(one, fact) for one in wanted for fact in known)


def is_wanted(wanted: int | str, fact: Fact) -> bool:
    """Whether a fact has this id, or a name of this form."""
    if isinstance(wanted, int):
        return fact.id == wanted
    return fact.name is not None and pattern(wanted).fullmatch(plain(fact.name)) is not None


def plain(name: str) -> str:
    """A name as it is compared: as messages show it, so that one that is copied from there is the same.

    Capitals, spaces, how an accent is written and what cannot be seen make no difference.
    """
    name = name if name.isprintable() else printable(name)
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


@cache
def pattern(wanted: str) -> re.Pattern[str]:
    """A name with `*` and `?`, to be compared with a plain name.

    What stands between two stars is looked for once, at its first place: no name, however long, takes long to compare.
    """
    pieces = re.split(r"\*+", plain(wanted))
    begin, *others = ("".join("." if char == "?" else re.escape(char) for char in piece) for piece in pieces)
    between = "".join(f"(?>.*?{piece})" for piece in others[:-1])
    return re.compile(begin + between + "".join(f".*{piece}" for piece in others[-1:]), re.DOTALL)


def run_facts(run: Run, project_name: str) -> Facts:
    """What routes may ask about a run."""
    return {
        "project": (Fact(run.project_id, project_name or None),),
        "run": (Fact(run.id, run.name),),
        "milestone": optional_fact(run.milestone_id, run.milestone),
        "configuration": optional_fact(run.configuration_id, run.configuration),
        "tag": tuple(Fact(None, tag) for tag in run.tags),
    }


def result_facts(result: Result, expands: Expands, case: Facts) -> Facts:
    """What routes may ask about a result. `case` says what is known of its case: its name, and its folder."""
    unread = {problem.field for problem in result.problems}
    assignee = result.assignee_id
    people = expands.users
    return {
        "status": optional_fact(result.status_id, status_word(result, expands)),
        "tester": optional_fact(result.created_by, people.get(result.created_by or 0)),
        "issue": tuple(Fact(one, getattr(expands.issues.get(one), "display_id", None)) for one in result.issue_ids),
        "assignee": () if "assignee_id" in unread else (Fact(assignee or UNASSIGNED, people.get(assignee or 0)),),
        **case,
    }


def case_facts(case_id: int, name: str | None, folder: str | None) -> Facts:
    """What is known of a case, its folder as it is kept."""
    folder_id, folder_name = folder_of(folder)
    return {
        "test": (Fact(case_id, name),),
        **({"folder": (Fact(folder_id, folder_name),)} if folder_id is not None else {}),
    }


def status_word(result: Result, expands: Expands) -> str | None:
    """A status as the instance calls it, else as Testmo does."""
    return expands.statuses.get(result.status_id or 0) or STATUS_NAMES.get(result.status_id or 0)


def optional_fact(key: int | None, name: str | None) -> tuple[Fact, ...]:
    """A thing that may be absent."""
    return (Fact(key, name),) if key is not None or name else ()


def raw(result: Result, key: str) -> object:
    """What of a row decides about a fact."""
    fields = {
        "status": result.status_id,
        "assignee": (result.assignee_id, any(problem.field == "assignee_id" for problem in result.problems)),
        "tester": result.created_by,
        "issue": result.issue_ids,
        "test": result.case_id,
        "folder": result.case_id,
    }
    return fields[key]
