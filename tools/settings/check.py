"""`testmo-notifier check`: everything a team edits, checked before it is deployed, with all problems at once.

The files of the settings layer, and the settings in the environment as far as there are any. Nothing is asked of
anybody, so that it runs in CI; but where TESTMO_URL and TESTMO_TOKEN are set, Testmo is asked for the names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from testmo_notifier.channels.registry import queued
from testmo_notifier.channels.slack.secret import read_addresses, webhook_url
from testmo_notifier.config import WATCHED, VariableReader, testmo_token, testmo_url, time_zone
from testmo_notifier.errors import ConfigurationError, NotifierError, Problem, WrongValue
from testmo_notifier.settings.issues_file import parse_issue_links
from testmo_notifier.settings.people import parse_people
from testmo_notifier.settings.routes_file import parse_routes
from testmo_notifier.settings.team import ISSUES, MAY_BE_MISSING, PEOPLE, ROUTES, TEMPLATES, Team, text_of
from tools.ops.times import counted
from tools.settings import check_routes, check_templates
from tools.settings.check_routes import Watched, harmless
from tools.settings.remarks import LEADS_NOWHERE, TAKE_IT_OUT, Remark
from tools.settings.slips import next_step

T = TypeVar("T")


def slack_secret(raw: str) -> str:
    """A secret as the stack would have it, of which nothing is wrong. No sentence quotes an address."""
    addresses, problems = read_addresses(raw)
    if problems or not addresses:
        give = 'give {"default": "https://hooks.slack.com/…"}'
        raise WrongValue.of(problems or [Problem("holds no webhook", give)])
    return raw


STATUSES: Final = "ALERT_STATUS_IDS"
VARIABLES: Final[Mapping[str, Callable[[str], object]]] = {
    "TESTMO_URL": testmo_url,
    "TESTMO_TOKEN": testmo_token,
    "SLACK_WEBHOOK_URL": webhook_url,
    "SLACK_SECRET": slack_secret,
    "TIME_ZONE": time_zone,
}
FILES: Final[Mapping[str, Callable[[str, str], object]]] = {
    ROUTES: parse_routes,
    PEOPLE: parse_people,
    ISSUES: parse_issue_links,
}


def problems(folder: Path, environ: Mapping[str, str]) -> list[Remark]:
    """Everything that is wrong, file by file, in the order of the lines; then what is only to be thought of."""
    found = [problem for name, parse in FILES.items() for problem in file_problems(folder / name, parse)]
    found += check_templates.problems(folder / TEMPLATES, check_templates.routed(folder / "routes.toml"))
    wrong = [Remark("environment", None, one.text, one.next_step) for one in environment_problems(environ)]
    return [*dict.fromkeys(found), *wrong, *advice(folder, environ, is_wrong=bool(wrong))]


def read_team(place: Callable[[str], Path]) -> Team:
    """What a team edits, each of its files in its place; raises `ConfigurationError`."""
    return Team(
        parse_routes(text_of(place(ROUTES))),
        parse_issue_links(text_of(place(ISSUES))),
        place(TEMPLATES),
        parse_people(text_of(place(PEOPLE))),
    )


def file_problems(path: Path, parse: Callable[[str, str], object]) -> Iterator[Remark]:
    """What is wrong with one of the files."""
    if not path.exists():
        if path.is_symlink():
            yield Remark.of(path, None, LEADS_NOWHERE, TAKE_IT_OUT)
        elif path.name not in MAY_BE_MISSING:
            yield Remark.of(path, None, "is missing, so that the poller has to do without it", "put one there")
        return
    text = ""
    try:
        text = text_of(path)
        parse(text, path.name)
    except ConfigurationError as exc:
        for problem in sorted(exc.problems, key=lambda one: one.line):
            is_toml = exc.__cause__ is None
            step = problem.next_step if is_toml else next_step(text, problem.line, problem.text)
            yield Remark.of(path, problem.line or 1, problem.text, step)


def advice(folder: Path, environ: Mapping[str, str], *, is_wrong: bool) -> Iterator[Remark]:
    """What works as a file, and perhaps not as it was meant. What is wrong is to be corrected first."""
    try:
        routes_text, routes = read(folder / ROUTES, parse_routes)
        people_text, people = read(folder / PEOPLE, parse_people)
    except ConfigurationError:
        return
    watched = Watched() if is_wrong else watched_by(environ)
    for words in filter(None, (harmless(STATUSES, watched.statuses), "" if is_wrong else zone_words(environ))):
        yield Remark("environment", None, f"warning: {words}", is_warning=True)
    found = {ROUTES: check_routes.advice(routes_text, routes, people, watched)}
    for channel in queued():
        variable = f"{channel.name.upper()}_SECRET"
        if not is_wrong and (secret := environ.get(variable, "").strip()):
            names = channel.transport().read_secret(secret)[0]
            found[ROUTES] += check_routes.not_in_secret(routes_text, routes, channel, names, variable)
    slips = check_routes.misspelt(routes_text, routes, watched)
    if not is_wrong and environ.get("TESTMO_URL", "").strip() and environ.get("TESTMO_TOKEN", "").strip():
        from tools.settings import check_names, preview_run  # noqa: PLC0415 - nobody else waits for what speaks HTTP

        try:
            there = check_names.look(preview_run.Access.from_env(environ).connect())
        except NotifierError as exc:
            yield Remark("environment", None, f"warning: Testmo could not be asked for names: {exc}", is_warning=True)
        else:
            if words := harmless(STATUSES, watched.statuses, there.passed):
                yield Remark("environment", None, f"warning: {words}", is_warning=True)
            slips = check_names.about_routes(routes_text, routes, there)  # it knows its own statuses
            found[PEOPLE] = check_names.about_people(people_text, people, there)
    found[ROUTES] += slips
    for name, said in found.items():
        yield from (Remark.warning(folder / name, line, words) for line, words in sorted(said))


def read(path: Path, parse: Callable[[str], T]) -> tuple[str, T]:
    """A file's text, and what it says; raises `ConfigurationError`."""
    text = text_of(path)
    return text, parse(text)


def zone_words(environ: Mapping[str, str]) -> str:
    """What to think of the time zone."""
    zone = environ.get("TIME_ZONE", "").strip()
    trap = check_routes.zone_trap(zone)
    return trap and f"TIME_ZONE is {zone!r}, {trap}"


def watched_by(environ: Mapping[str, str]) -> Watched:
    """What the settings in the environment have a stack watch; without any, what it does by default."""
    settings = VariableReader(environ).read_all(WATCHED)
    names = ("alert_status_ids", "project_ids", "run_ids", "created_by_ids", "assignee_ids")
    return Watched(*(cast("tuple[Any, ...]", settings[name]) for name in names))


def environment_problems(environ: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the settings in the environment; what is not set has a default, or is not checked."""
    env = VariableReader(environ)
    for name, parse in VARIABLES.items():
        if environ.get(name, "").strip():
            env.read(name, parse)
    env.read_all(WATCHED)
    return env.problems


def verdict(folder: Path, found: list[Remark]) -> str:
    """The last word."""
    wrong = [problem for problem in found if not problem.is_warning]
    if wrong:
        return counted(len(wrong), "problem")
    own = len(list((folder / TEMPLATES).rglob("*.j2")))
    warnings = f", {counted(len(found), 'warning')}" if found else ""
    return (
        f"{', '.join(FILES)} and {own or 'no'} {'template' if own == 1 else 'templates'} of your own are fine{warnings}"
    )
