"""A team's TOML files: what one holds, and where in it something stands, also in one that is no TOML. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from typing import Any, Final

from testmo_notifier.config import BOM
from testmo_notifier.errors import ConfigurationError, Problem

# What stands in a file by mistake: the rest of an address is a webhook's secret, and these tokens begin like this.
GIVES_AWAY: Final = r"(https?://[^\s/'\"]*|\bxox[a-z]-|\btestmo_api_)[^\s'\"…]+…?"
CHECK_SAYS: Final = "`testmo-notifier check` says what to write instead"
TEXT_OR_COMMENT: Final = re.compile(r'"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*')


def without_comments(text: str) -> str:
    """The same text, every character in its place, with blanks for its comments."""
    return TEXT_OR_COMMENT.sub(lambda found: " " * len(found[0]) if found[0].startswith("#") else found[0], text)


def without_secrets(words: str) -> str:
    """What may be printed and logged of words that quote a file."""
    return re.sub(GIVES_AWAY, r"\1…", words, flags=re.IGNORECASE)


class Place:
    """Where in the file something stands: a table, found by its number among its like, and a key in it."""

    def __init__(self, text: str, where: str) -> None:
        self._text, self._where = without_comments(text), where
        self._begins: dict[str, list[int]] = {}  # where the tables of a kind do, found once: a file may be all wrong

    def problem(self, text: str, next_step: str, table: str = "", number: int = 1, key: object = None) -> Problem:
        """A problem with its `line`. Its text may quote the file, its next step does not."""
        line = self.line(table, number, key)
        return Problem(without_secrets(text), next_step, file=self._where, line=line)

    def line(self, table: str, number: int = 1, key: object = None) -> int:
        """The line of a key in a table (in the whole file without one), else of the table, else 1."""
        start, end = self._table(table, number) if table else (0, len(self._text))
        name = re.escape(key) if isinstance(key, str) and key.strip() else "(?!)"
        forms = (rf"^[ \t]*\[*[ \t]*[\"']?{name}[\"']?[ \t]*[=.\]]", rf"(?<![\w-]){name}(?![\w-])")
        found = (re.compile(form, re.MULTILINE).search(self._text, start, end) for form in forms)
        at = next(filter(None, found), None)
        return self._text.count("\n", 0, at.start() if at else start) + 1

    def _table(self, head: str, number: int) -> tuple[int, int]:
        """From where to where it goes."""
        if head not in self._begins:
            found = re.finditer(rf"^[ \t]*{head}", self._text, re.MULTILINE)
            self._begins[head] = [table.start() for table in found]
        begins = self._begins[head]
        if len(begins) < number:
            return 0, len(self._text)
        following = re.compile(r"^[ \t]*\[", re.MULTILINE).search(self._text, begins[number - 1] + len("[["))
        return begins[number - 1], following.start() if following else len(self._text)


def read_toml(text: str, file: str) -> dict[str, Any]:
    """What a TOML file holds; raises `ConfigurationError` with the line that is wrong."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as exc:  # a number of thousands of digits is no TOMLDecodeError
        at = re.search(r"\(at line (\d+)", str(exc))  # Python tells the line in words only, and the last one as "end"
        line = int(at[1]) if at else len(text.splitlines())
        raise ConfigurationError([Problem(f"is not TOML: {in_words(exc)}", CHECK_SAYS, file=file, line=line)]) from exc


def in_words(exc: Exception) -> str:
    """What Python says of a file that is no TOML, without what only its programmers know."""
    if isinstance(exc, tomllib.TOMLDecodeError):  # that a table is there twice it says with its name as Python's tuple
        return re.sub(r"\('.*?\)", lambda found: ".".join(re.findall("'(.*?)'", found[0])), str(exc))
    return "it is nested too deeply" if isinstance(exc, RecursionError) else "a number has too many digits"


def read_file(
    text: str, where: str, tables: Collection[str], next_step: str
) -> tuple[dict[str, Any], Place, list[Problem]]:
    """What a file holds, where that stands, and keys nobody knows: `next_step` says what is known. The same error."""
    text = text.removeprefix(BOM)
    content, place = read_toml(text, where), Place(text, where)
    strange = [key for key in content if key not in tables]
    return content, place, [place.problem(f"unknown key {key!r}", next_step, key=key) for key in strange]
