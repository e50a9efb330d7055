"""What `testmo-notifier local` is told, by its environment and flags: read and checked before anything starts.

All problems are found at once, and none of them quotes a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.channels.slack.secret import webhook_url
from testmo_notifier.config import (
    WATCHED,
    VariableReader,
    is_loopback,
    origin,
    split_url,
    testmo_token,
    testmo_url,
    time_zone,
    whole,
)
from testmo_notifier.errors import ConfigurationError, Problem, WrongValue
from testmo_notifier.settings.team import ISSUES, PEOPLE, ROUTES, TEMPLATES
from tools.lib.aws import Aws
from tools.local.build import SAM
from tools.local.ministack import PROGRAM as MINISTACK
from tools.settings.check import slack_secret
from tools.simulator.scenarios import SCENARIOS

DEFAULT_SCENARIO: Final = "release-day"
DEFAULT_INTERVAL_SECONDS: Final = 60.0
DEFAULT_INBOX_PORT: Final = 8377
MAX_INTERVAL_SECONDS: Final = 86_400
MAX_POLLS: Final = 1_000_000

TEAM_FILES: Final = (ROUTES, PEOPLE, ISSUES)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The flags as they were typed, None where they were not."""

    polls: str | None = None
    interval: str | None = None
    emails: str | None = None
    events: str | None = None
    inbox_port: str | None = None
    scenario: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to do. `testmo` is None for the simulator, `slack_secret` for our own inbox, `aws` for the embedded one.

    `slack_from` is the variable that the secret is from. `folder` has settings of the team's own, None is this
    checkout's. `polls` is None for "until stopped". `ends_with_story` is set where a scenario was asked for by name.
    `inbox_port` is None where any free port will do if the usual one is taken. With `bots` our own Slack has these.
    """

    testmo: Testmo | None
    slack_secret: str | None = field(repr=False)
    slack_from: str
    folder: Path | None
    aws: Aws | None
    parameters: Mapping[str, str]
    polls: int | None
    interval_seconds: float
    emails: Path | None
    events: Path | None
    inbox_port: int | None
    scenario: str
    ends_with_story: bool
    bots: bool = False


@dataclass(frozen=True, slots=True)
class Testmo:
    """A Testmo instance and the token for it."""

    url: str
    token: str = field(repr=False)


def read(environ: Mapping[str, str], flags: Flags, *, bots: bool = False) -> Settings:
    """Read everything; raises `ConfigurationError` with every problem there is."""
    env = VariableReader(environ)
    given = _spelled(flags)
    told = VariableReader(given)
    webhook = _optional(env, environ, "SLACK_WEBHOOK_URL", webhook_url)
    secret = _optional(env, environ, "SLACK_SECRET", slack_secret)
    settings = Settings(
        testmo=_testmo(env, environ),
        slack_secret=secret or webhook,
        slack_from="SLACK_SECRET" if secret else "SLACK_WEBHOOK_URL",
        folder=_optional(env, environ, "SETTINGS_DIR", _settings_folder),
        aws=_aws(env, environ),
        parameters=_parameters(env),
        polls=_optional(told, given, "--polls", whole(1, MAX_POLLS, "polls")),
        interval_seconds=told.read("--interval", _interval, default=str(DEFAULT_INTERVAL_SECONDS)) or 0.0,
        emails=_optional(told, given, "--emails", _folder),
        events=_optional(told, given, "--events", _folder),
        inbox_port=_optional(told, given, "--inbox-port", whole(0, 65_535, "a port")),
        scenario=told.read("--scenario", _scenario, default=DEFAULT_SCENARIO) or DEFAULT_SCENARIO,
        bots=bots,
        ends_with_story=flags.scenario is not None and flags.polls is None,
    )
    problems = [*env.problems, *told.problems, *_proxy_problems()]
    if environ.get("SLACK_SECRET") and environ.get("SLACK_WEBHOOK_URL"):
        problems.append(Problem("SLACK_SECRET and SLACK_WEBHOOK_URL are both set", "leave out one of them"))
    if bots and settings.slack_secret:
        next_step = "leave it out, or unset SLACK_SECRET and SLACK_WEBHOOK_URL"
        problems.append(Problem("--bots are the inbox's own", next_step))
    if flags.scenario is not None and environ.get("TESTMO_URL"):
        next_step = "leave it out, or unset TESTMO_URL and TESTMO_TOKEN"
        problems.append(Problem("--scenario is a story of the simulator", next_step))
    problems += [Problem(f"{tool} is not installed", "run `make setup`") for tool in _missing_tools(settings)]
    if problems:
        raise ConfigurationError(problems)
    return settings


def _spelled(flags: Flags) -> dict[str, str]:
    """Flags by the names people know; one that was typed without a value is a space, which is no value."""
    typed: dict[str, str | None] = asdict(flags)
    return {f"--{name.replace('_', '-')}": value or " " for name, value in typed.items() if value is not None}


def _optional(env: VariableReader, given: Mapping[str, str], name: str, parse: Callable[[str], T]) -> T | None:
    """A value that may be left out; in the environment, empty counts as left out."""
    return env.read(name, parse) if given.get(name) else None


def _testmo(env: VariableReader, environ: Mapping[str, str]) -> Testmo | None:
    if not environ.get("TESTMO_URL") and not environ.get("TESTMO_TOKEN"):
        return None
    url = env.read("TESTMO_URL", _testmo_url)
    token = env.read("TESTMO_TOKEN", testmo_token)
    return Testmo(url, token) if url and token else None


def _testmo_url(raw: str) -> str:
    """The instance's address; where it is wrong in several ways, all of them are said."""
    try:
        return testmo_url(raw)
    except WrongValue as exc:
        wrong = dict.fromkeys((exc.problem.text, *_one_by_one(raw)))
        raise WrongValue(", ".join(wrong), exc.problem.next_step) from None


def _one_by_one(raw: str) -> Iterator[str]:
    """What is wrong with the parts of an address, each looked at as if the others were right."""
    try:
        parts = urlsplit(raw.strip("\"'<>"))
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return
    user, at, _ = parts.netloc.rpartition("@")
    host = f"[{host}]" if ":" in host else host
    rest = urlunsplit(("", "", parts.path, parts.query, parts.fragment))
    right = "example.testmo.net"
    for alone in (f"{parts.scheme}://{host}{port}", f"https://{user}{at}{right}", f"https://{right}{rest}"):
        try:
            testmo_url(alone)
        except WrongValue as exc:
            yield exc.problem.text


def _settings_folder(raw: str) -> Path:
    """A folder with some of what a team edits; what is wrong with the files is told when they are at work."""
    folder = Path(raw).expanduser()
    try:
        if not folder.is_dir():
            next_step = f"give one with any of {', '.join(TEAM_FILES)}, {TEMPLATES}/"
            raise WrongValue(f"is {raw!r}, which is no folder", next_step)
        for path in (folder / name for name in TEAM_FILES):
            if path.exists():
                path.read_bytes()
        if (folder / TEMPLATES).exists():
            list((folder / TEMPLATES).iterdir())
    except OSError as exc:
        text = f"holds {Path(exc.filename).name}, which cannot be read ({exc.strerror})"
        raise WrongValue(text, "take it out, or let it be read") from exc
    return folder


def _aws(env: VariableReader, environ: Mapping[str, str]) -> Aws | None:
    endpoint = _optional(env, environ, "AWS_ENDPOINT_URL", _endpoint)
    return Aws.from_env(endpoint, environ) if endpoint else None


def _endpoint(raw: str) -> str:
    """An emulator on this machine; never AWS itself, where `sam deploy` is the way and secrets are not ours to make."""
    hint = "give an emulator's address on this machine, like http://127.0.0.1:4566"
    if not is_loopback(split_url(raw, hint).hostname or ""):
        raise WrongValue("is not on this machine", hint)
    return origin(raw, hint)


def _parameters(env: VariableReader) -> dict[str, str]:
    watch = env.read_all(WATCHED)
    zone = env.read("TIME_ZONE", time_zone, default="UTC")
    return {parameter(name): _text(value) for name, value in watch.items()} | {"TimeZone": str(zone)}


def parameter(name: str) -> str:
    """The template's name of a setting: `ProjectIds` for `project_ids`."""
    return name.title().replace("_", "")


def _text(value: object) -> str:
    return ",".join(str(id_) for id_ in value) if isinstance(value, tuple) else str(value)


def _interval(raw: str) -> float:
    try:
        seconds = float(raw)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_INTERVAL_SECONDS:
        raise WrongValue(f"is {raw!r}", f"give seconds from 0 to {MAX_INTERVAL_SECONDS}")
    return seconds


def _folder(raw: str) -> Path:
    """A folder that is there, or can be made."""
    path = Path(raw)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise WrongValue(f"is {raw!r}, which cannot be a folder ({exc.strerror})", "give another one") from exc
    return path


def _scenario(raw: str) -> str:
    if raw not in SCENARIOS:
        raise WrongValue(f"is {raw!r}", f"give one of {', '.join(SCENARIOS)}")
    return raw


def _proxy_problems() -> tuple[Problem, ...]:
    """What is wrong with the proxies that the functions would use."""
    try:
        new_pool()
    except ConfigurationError as exc:
        return exc.problems
    return ()


def _missing_tools(settings: Settings) -> list[str]:
    needed = {"SAM CLI": SAM} | ({} if settings.aws else {"the embedded AWS": MINISTACK})
    return [tool for tool, path in needed.items() if not path.exists()]
