"""`testmo-notifier check`: everything a team edits, checked before it is deployed, with all problems at once.

The files of the settings layer, and the settings in the environment as far as there are any. Nothing is asked of
anybody: it runs in CI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import testmo_notifier_settings
from testmo_notifier.channels.slack.secret import webhook_url
from testmo_notifier.config import Reader, read_watch_settings, testmo_token, testmo_url, time_zone
from testmo_notifier.errors import ConfigurationError
from testmo_notifier.notices.issue_links import parse_issue_links
from testmo_notifier.notices.routes_file import parse_routes
from tools.settings import check_templates
from tools.settings.problems import Problem

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


def settings_folder() -> Path:
    """Where the settings layer is."""
    return Path(str(files(testmo_notifier_settings)))


def problems(folder: Path, environ: Mapping[str, str]) -> list[Problem]:
    """Everything that is wrong, file by file, in the order of the lines."""
    found = [problem for name, parse in FILES.items() for problem in file_problems(folder / name, parse)]
    found += check_templates.problems(folder / "templates", check_templates.routed(folder / "routes.toml"))
    return [*dict.fromkeys(found), *(Problem("environment", None, words) for words in environment_problems(environ))]


def file_problems(path: Path, parse: Callable[[str, str], object]) -> Iterator[Problem]:
    """What is wrong with one of the files."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        yield Problem.of(path, None, "is missing: the poller does not start without it")
        return
    except (OSError, UnicodeDecodeError) as exc:
        yield Problem.of(path, None, f"cannot be read as UTF-8 text: {exc}")
        return
    try:
        parse(text, path.name)
    except ConfigurationError as exc:
        for problem in sorted(exc.problems, key=lambda one: one.line):
            yield Problem.of(path, problem.line, problem.text)


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
