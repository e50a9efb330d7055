"""`testmo-notifier check`: everything a team edits, checked before it is deployed, with all problems at once.

The files of the settings layer, and the settings in the environment as far as there are any. Nothing is asked of
anybody: it runs in CI.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import testmo_notifier_settings
from testmo_notifier.channels.slack.secret import webhook_url
from testmo_notifier.config import Reader, read_watch_settings, testmo_token, testmo_url, time_zone
from testmo_notifier.errors import ConfigurationError
from testmo_notifier.notices.issue_links import line_of, parse_issue_links
from testmo_notifier.notices.routing import parse_routes
from tools.settings import check_templates

VARIABLES: Final[Mapping[str, Callable[[str], object]]] = {
    "TESTMO_URL": testmo_url,
    "TESTMO_TOKEN": testmo_token,
    "SLACK_WEBHOOK_URL": webhook_url,
    "TIME_ZONE": time_zone,
}
FILES: Final[Mapping[str, Callable[[str, str], object]]] = {
    "routes.toml": parse_routes,
    "issues.toml": parse_issue_links,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where: a file and a line, or `environment` without one."""

    file: str
    line: int | None
    words: str

    @property
    def is_warning(self) -> bool:
        """Whether it works all the same, if not as it was meant."""
        return self.words.startswith(check_templates.WARNING)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words}" if self.line else f"{self.file}: {self.words}"


def settings_folder() -> Path:
    """Where the settings layer is."""
    return Path(str(files(testmo_notifier_settings)))


def problems(folder: Path, environ: Mapping[str, str]) -> list[Problem]:
    """Everything that is wrong, file by file, in the order of the lines."""
    found = [problem for name, parse in FILES.items() for problem in file_problems(folder / name, parse)]
    for where, line, words in check_templates.problems(folder / "templates"):
        found.append(Problem(shown(where), line, words))
    return [*dict.fromkeys(found), *(Problem("environment", None, words) for words in environment_problems(environ))]


def file_problems(path: Path, parse: Callable[[str, str], object]) -> Iterator[Problem]:
    """What is wrong with one of the files."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        yield Problem(shown(path), None, "is missing: the poller does not start without it")
        return
    except (OSError, UnicodeDecodeError) as exc:
        yield Problem(shown(path), None, f"cannot be read as UTF-8 text: {exc}")
        return
    try:
        parse(text, path.name)
    except ConfigurationError as exc:
        located = [located_problem(path, text, words) for words in exc.problems]
        yield from sorted(located, key=lambda problem: problem.line or 0)


def located_problem(path: Path, text: str, words: str) -> Problem:
    """A problem with the line it is about: named in its words, or found by the key or the route they name."""
    told = re.match(rf"{re.escape(path.name)}(?::(?P<line>\d+))?:? ", words)
    rest = words[told.end() :] if told else words
    if told and told["line"]:
        return Problem(shown(path), int(told["line"]), rest)
    if at := re.search(r"\(at line (\d+)", rest):
        return Problem(shown(path), int(at[1]), rest)
    if "(at end of document)" in rest:
        return Problem(shown(path), len(text.splitlines()), rest)
    line = 1
    if route := re.match(r"route (\d+)", rest):
        tables = list(re.finditer(r"^[ \t]*\[\[[ \t]*routes", text, re.MULTILINE))
        number = int(route[1])
        start = tables[number - 1].start() if number <= len(tables) else 0
        quoted = re.search(r"'([^']+)'", rest)
        inside = text.find(quoted[1], start) if quoted else -1
        line = text.count("\n", 0, max(start, inside)) + 1
    elif key := re.search(r"key '([^']+)'", rest):
        line = line_of(text, key[1])
    return Problem(shown(path), line, rest)


def environment_problems(environ: Mapping[str, str]) -> list[str]:
    """What is wrong with the settings in the environment; what is not set has a default, or is not checked."""
    env = Reader(environ)
    for name, parse in VARIABLES.items():
        if environ.get(name, "").strip():
            env.read(name, parse)
    read_watch_settings(env)
    return env.problems


def verdict(folder: Path, found: list[Problem]) -> str:
    """The last word."""
    wrong = [problem for problem in found if not problem.is_warning]
    if wrong:
        return "1 problem" if len(wrong) == 1 else f"{len(wrong)} problems"
    own = len(list((folder / "templates").rglob("*.j2")))
    return f"{', '.join(FILES)} and {own or 'no'} {'template' if own == 1 else 'templates'} of your own are fine"


def shown(path: Path) -> str:
    """A path as short as it can be clicked."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
