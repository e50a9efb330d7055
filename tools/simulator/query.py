"""The parameters of one request: each endpoint asks for the ones it knows; whatever else was sent is ignored.

Complaints are collected, so that `check()` can refuse all bad values at once, as Laravel's validation does. An
empty value counts as not given.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tools.lib import stamps
from tools.simulator.answers import Refused, invalid
from tools.simulator.switches import Switches

PAGE_SIZES = (15, 25, 50, 100)
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
_PAGE = re.compile(r"-?[0-9]{1,9}")
_ID_LIST = re.compile(r"[0-9]{1,18}(,[0-9]{1,18})*")

_Choice = TypeVar("_Choice")


@dataclass(frozen=True, slots=True)
class OneOf:
    """A filter by a list of values; None lets everything pass."""

    allowed: Container[object] | None

    def holds(self, value: object) -> bool:
        """Whether a row with this value passes."""
        return self.allowed is None or value in self.allowed

    def holds_any(self, values: Iterable[object]) -> bool:
        """Whether a row with these values passes: one match is enough."""
        return self.allowed is None or any(value in self.allowed for value in values)


@dataclass(frozen=True, slots=True)
class Period:
    """A filter by date; a bound that is None does not bind. A row without a date passes only if neither binds."""

    after: datetime | None
    before: datetime | None
    switches: Switches

    def holds(self, moment: datetime | None) -> bool:
        """Whether a row with this date passes, by the rules of the switches."""
        if moment is None:
            return self.after is None and self.before is None
        value = self._cut(moment)
        after = None if self.after is None else self._cut(self.after)
        before = None if self.before is None else self._cut(self.before)
        if value in (after, before):
            return self.switches.bounds == "inclusive"
        return (after is None or value > after) and (before is None or value < before)

    def _cut(self, moment: datetime) -> datetime:
        if self.switches.precision == "second":
            return moment.replace(microsecond=0)
        return stamps.to_millisecond(moment)


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list, and how many rows a page has."""

    page: int
    per_page: int


@dataclass(frozen=True, slots=True)
class Sort:
    """The field to sort by, without the prefix of its endpoint ("created_at"), and the direction."""

    field: str
    descending: bool


class Query:
    """The query of one request, read and validated field by field."""

    def __init__(self, values: Mapping[str, str], switches: Switches) -> None:
        self._values = {name: value for name, value in values.items() if value != ""}
        self._switches = switches
        self._errors: dict[str, str] = {}

    def check(self) -> None:
        """End the request with 422 if a value was bad."""
        if self._errors:
            raise Refused(invalid(self._errors))

    def paging(self) -> Paging:
        """`per_page` (15, 25, 50, 100; its error calls it "page rows") and `page`, from 1."""
        sizes = {str(size): size for size in PAGE_SIZES}
        per_page = self._one_of("per_page", sizes, default=100, called="page rows")
        text = self._values.get("page", "1")
        if not _PAGE.fullmatch(text):
            self._errors["page"] = "The page must be an integer."
        elif int(text) < 1:
            self._errors["page"] = "The page must be at least 1."
        return Paging(1 if "page" in self._errors else int(text), per_page)

    def sort(self, *fields: str) -> Sort:
        """`sort` and `order`; the first field is the default, newest first."""
        name = self._one_of("sort", {field: field for field in fields}, default=fields[0])
        descending = self._one_of("order", {"asc": False, "desc": True}, default=True)
        return Sort(name.rpartition(":")[2], descending)

    def expands(self, *known: str) -> tuple[str, ...]:
        """The names asked for, in the order of the documentation."""
        asked = self._values.get("expands", "").split(",") if "expands" in self._values else []
        if not set(asked) <= set(known):
            self._errors["expands"] = "The selected expands is invalid."
        return tuple(name for name in known if name in asked)

    def flag(self, name: str) -> bool | None:
        """A boolean, written 1, 0, true or false; None if it was not given."""
        text = self._values.get(name)
        if text is not None and text not in _BOOLEANS:
            self._errors[name] = f"The {_spoken(name)} field must be true or false."
        return None if text is None else _BOOLEANS.get(text)

    def ids(self, name: str) -> OneOf:
        """A comma-separated list of ids."""
        text = self._values.get(name)
        if text is None:
            return OneOf(None)
        if not _ID_LIST.fullmatch(text):
            self._errors[name] = f"The {_spoken(name)} format is invalid."
            return OneOf(None)
        return OneOf(frozenset(int(part) for part in text.split(",")))

    def words(self, name: str) -> OneOf:
        """A comma-separated list of free words, such as tags."""
        text = self._values.get(name)
        return OneOf(None if text is None else frozenset(text.split(",")))

    def like(self, name: str) -> str:
        """A piece of text to be found in a name, in lower case; empty finds every name."""
        return self._values.get(name, "").lower()

    def period(self, prefix: str) -> Period:
        """The two bounds `<prefix>_after` and `<prefix>_before`."""
        return Period(self._moment(f"{prefix}_after"), self._moment(f"{prefix}_before"), self._switches)

    def _moment(self, name: str) -> datetime | None:
        if name not in self._values:
            return None
        try:
            return stamps.parse(self._values[name])
        except ValueError:
            self._errors[name] = f"The {_spoken(name)} is not a valid date."
            return None

    def _one_of(self, name: str, choices: Mapping[str, _Choice], *, default: _Choice, called: str = "") -> _Choice:
        text = self._values.get(name)
        if text is None:
            return default
        if text not in choices:
            self._errors[name] = f"The selected {called or name} is invalid."
        return choices.get(text, default)


def _spoken(name: str) -> str:
    return name.replace("_", " ")
