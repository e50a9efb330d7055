"""The settings of both functions, read from the environment and checked all together.

Nothing here makes a request. A wrong setting becomes a sentence: the variable, what is wrong, the next step;
`ConfigurationError` carries all of them at once. Values that are secrets are checked here too, and never quoted.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from testmo_notifier.channels.registry import CHANNELS, queued
from testmo_notifier.errors import ConfigurationError, Problem, WrongValue
from testmo_notifier.lean import dataclass

STATUS: Final = r"[1-9]|1[0-9]|2[0-5]|[^\s,;0-9][^,;]{0,79}"  # an id, or a name; template.yaml has the same
MAX_STATUS_ID: Final = 25  # "up to 25 total statuses", https://docs.testmo.com/api/reference/results
MAX_OVERLAP_SECONDS: Final = 86_400  # a day: OverlapSeconds
MAX_STALENESS_MINUTES: Final = 1_440  # a day: MaxStalenessMinutes
MAX_BACKFILL_HOURS: Final = 720  # thirty days: BackfillHours
MIN_REQUESTS_PER_MINUTE: Final = 5  # fewer could not even list the projects and read one run
MAX_REQUESTS_PER_MINUTE: Final = 6_000  # a hundred a second: RequestsPerMinute
BOM: Final = "\ufeff"
QUOTES: Final = frozenset("\"'`<>{}\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f")
# Beside the zones on some machines, and on a Mac the zones in any case.
OF_ONE_MACHINE: Final = r"Factory|(?:.*/)?[a-z].*|[A-Z]{3,}/.*|(?:Etc/)?[A-Z][a-z]{2}"

SET_IT: Final = "give it a value"

T = TypeVar("T")
Settings = Mapping[str, tuple[Callable[[str], object], str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollerSettings:
    """What the poller is told. An empty tuple of ids means all of them.

    `alert_status_ids` holds names too, where only Testmo knows the id.
    """

    testmo_url: str
    testmo_secret_arn: str
    table_name: str
    topic_arn: str
    channels: tuple[str, ...]
    project_ids: tuple[int, ...]
    run_ids: tuple[int, ...]
    alert_status_ids: tuple[int | str, ...]
    created_by_ids: tuple[int, ...]
    assignee_ids: tuple[int, ...]
    overlap_seconds: int
    max_staleness_minutes: int
    backfill_hours: int
    requests_per_minute: int
    time_zone: tzinfo
    heartbeat_secret_arn: str
    email_address: str
    ops_email_address: str
    ops_topic_arn: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> PollerSettings:
        """Read the poller's settings; raises `ConfigurationError` with every problem there is."""
        env = VariableReader(environ)
        settings = env.read_all({**OF_THE_POLLER, **WATCHED})
        env.raise_problems()
        return cls(**settings)  # type: ignore[arg-type]  # each value was parsed by its own parser just above


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """What the function that delivers the queue is told. `secret_arns` has the channels of this stack."""

    secret_arns: Mapping[str, str]
    table_name: str
    queue_url: str
    dead_letter_queue_url: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> DeliverySettings:
        """Read the settings of delivery; raises `ConfigurationError` with every problem there is."""
        env = VariableReader(environ)
        settings = {"secret_arns": read_secret_arns(env), **env.read_all(OF_DELIVERY)}
        env.raise_problems()
        return cls(**settings)  # type: ignore[arg-type]  # the same


class VariableReader:
    """Reads variables one by one and collects what is wrong instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []

    def read(self, name: str, parse: Callable[[str], T], *, default: str | None = None) -> T | None:
        """The parsed value; None after a problem. An empty variable counts as one that is not set."""
        raw = bare(self._environ.get(name, ""))
        if not raw:
            if default is None:
                self.problems.append(Problem(f"{name} is not set", SET_IT))
                return None
            raw = default
        try:
            return parse(raw)
        except WrongValue as exc:
            self.problems.append(exc.problem.of(name))
            return None

    def read_all(self, settings: Settings) -> dict[str, object]:
        """The parsed values, by the names of their fields."""
        return {name.lower(): self.read(name, parse, default=default) for name, (parse, default) in settings.items()}

    def raise_problems(self) -> None:
        """Raise everything that was wrong so far, if anything was."""
        if self.problems:
            raise ConfigurationError(self.problems)


def read_secret_arns(env: VariableReader) -> dict[str, str]:
    """The secrets of the channels that the queue delivers; a stack has one of them at least."""
    arns = {channel.name: env.read(channel.secret_variable, str.strip, default=" ") for channel in queued()}
    found = {name: arn for name, arn in arns.items() if arn}
    if not found:
        names = " or ".join(channel.secret_variable for channel in queued())
        env.problems.append(Problem(f"{names} is not set", SET_IT))
    return found


def whole(least: int, most: int, unit: str) -> Callable[[str], int]:
    """A parser of a whole number between two bounds, both allowed."""

    def parse(raw: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,12}", raw, re.ASCII) or not least <= int(raw) <= most:
            raise WrongValue(f"is {shorten(raw)!r}", f"give a whole number of {unit} from {least} to {most}")
        return int(raw)

    return parse


def ids(what: str, *, least: int = 1) -> Callable[[str], tuple[int, ...]]:
    """A parser of a comma-separated list of ids, doubles dropped; a lone comma is the empty list."""

    def parse(raw: str) -> tuple[int, ...]:
        parts = [part.strip() for part in raw.split(",")] if raw != "," else []
        bad = [part for part in parts if not re.fullmatch(r"\d{1,18}", part, re.ASCII) or int(part) < least]
        if bad:
            held = ", ".join(repr(shorten(part)) for part in bad[:5])
            raise WrongValue(f"holds {held}", f"give {what} as whole numbers with commas between, like 3,7")
        return tuple(dict.fromkeys(int(part) for part in parts))

    return parse


def status_ids(raw: str) -> tuple[int | str, ...]:
    """Watched statuses: ids, and those names that only Testmo can turn into ids (its own defaults are known here)."""
    from testmo_notifier.model import STATUS_NAMES  # noqa: PLC0415 - the Slack function starts without

    parts = [part.strip() for part in raw.split(",")] if raw != "," else []
    known = {name.casefold(): number for number, name in STATUS_NAMES.items()}
    bad = [part for part in parts if not is_status(part)]
    if bad or not parts:
        raise WrongValue(
            f"holds {', '.join(repr(shorten(part)) for part in bad[:5]) or 'nothing'}",
            f"give ids from 1 to {MAX_STATUS_ID} or names with commas between, like 3,5 or Failed,Blocked,Needs info",
        )
    statuses = [int(part) if part.isdecimal() else known.get(" ".join(part.split()).casefold(), part) for part in parts]
    return tuple(dict.fromkeys(statuses))


def is_status(part: str) -> bool:
    """Whether it is an id, in any digits, or may be a name."""
    is_one = re.fullmatch(STATUS, part) is not None and part.isprintable()
    return is_one and (not part.isdecimal() or 1 <= int(part) <= MAX_STATUS_ID)


def channels(raw: str) -> tuple[str, ...]:
    """The channels this stack can reach."""
    parsed = tuple(part.strip() for part in raw.split(",") if part.strip())
    unknown = [part for part in parsed if part not in CHANNELS]
    if unknown or not parsed:
        raise WrongValue(f"is {shorten(raw)!r}", f"give {listed(list(CHANNELS))} with commas between")
    return parsed


def listed(names: list[str]) -> str:
    """`slack, email and event`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def time_zone(raw: str) -> tzinfo:
    """An IANA time zone, as every machine has it."""
    if raw == "UTC":
        return UTC  # as Python has it by itself
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - the Slack function starts without, and a stack without another zone

    try:
        if re.fullmatch(OF_ONE_MACHINE, raw):
            raise KeyError(raw)
        return ZoneInfo(raw)
    except (OSError, ValueError, KeyError) as exc:  # no such zone is a KeyError, a bad key a ValueError or OSError
        raise WrongValue(f"is {shorten(raw)!r}", "give an IANA time zone like Europe/Berlin") from exc


def testmo_url(raw: str) -> str:
    """The instance's origin, without a slash at the end: `https://<instance>.testmo.net`."""
    return origin(raw, "give your instance's address alone, like https://example.testmo.net")


def origin(raw: str, hint: str) -> str:
    """A bare https origin; http on loopback only, where nothing leaves the machine. Never quotes the address."""
    parts = split_url(raw, hint)
    if parts.path not in ("", "/") or parts.query or parts.fragment or "?" in raw or "#" in raw:
        raise WrongValue("has a path or a query", hint)
    return f"{parts.scheme}://{parts.netloc}".lower()


def split_url(raw: str, hint: str) -> SplitResult:
    """Take an address apart; refuses what could carry a secret elsewhere or in clear text."""
    if " " in raw or "\\" in raw or not raw.isprintable():  # as no other blank is
        raise WrongValue("holds a space or a control character", hint)
    if not QUOTES.isdisjoint(raw):
        raise WrongValue("holds quotes or brackets, which are no part of an address", hint)
    try:
        parts = urlsplit(raw)
        parts.port  # noqa: B018 - a bad one raises when it is asked for
    except ValueError as exc:  # a bad port or a broken IPv6 literal; the text could quote a secret
        raise WrongValue("is not an address", hint) from exc
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise WrongValue("is not an https address", hint)
    if parts.username is not None or parts.password is not None:
        raise WrongValue("holds a user name or password", hint)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise WrongValue("is not https (http is for this machine only, 127.0.0.1 or localhost)", hint)
    if parts.scheme == "https" and is_private(parts.hostname):
        raise WrongValue("is a private address", hint)
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host name can only mean this machine."""
    address = ip(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def is_private(host: str) -> bool:
    """Whether a host is an address literal inside somebody's network (credentials endpoints live there)."""
    address = ip(host)
    return address is not None and not address.is_global and not address.is_loopback


def ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The host as an address literal, None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def testmo_token(secret: str) -> str:
    """The token inside Testmo's secret: a plain string or `{"token": "…"}`. Never quotes the secret."""
    text = bare(secret)
    if text.startswith("{"):
        value = json_object(text).get("token")
        text = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(r"[!#-&(-~]+", text):  # printable ASCII without spaces and quotes
        raise WrongValue("is not a Testmo token", 'store the token alone, without quotes, or {"token": "…"}')
    if re.match(r"xox|\w+=[^=]|\w+://|[<\[]", text):  # what is not for Testmo is not sent there
        looks = "an address, a Slack token, or a line of another file"
        raise WrongValue(f"is not a Testmo token: it looks like {looks}", "store the token alone")
    return text


def heartbeat_url(secret: str) -> str:
    """The address of a dead man's switch (healthchecks.io and its like). Never quotes the secret."""
    text = bare(secret)
    split_url(text, "store the address that the service gives for a check, like https://hc-ping.com/…")
    return text


def usable(read: Callable[[str], tuple[dict[str, str], list[Problem]]]) -> Callable[[str], dict[str, str]]:
    """A parser of a secret's good addresses: a wrong one must not silence the others. `WrongValue` without any."""

    def parse(secret: str) -> dict[str, str]:
        addresses, problems = read(secret)
        if not addresses:
            raise WrongValue.of(problems or [Problem("holds no address", "store one")])
        return addresses

    return parse


def bare(text: str) -> str:
    """A text without blanks around it, and without the mark that Windows' editors put before it."""
    return text.strip().removeprefix(BOM).strip()


def json_object(text: str) -> dict[str, object]:
    """A JSON object; the error never quotes the text, which is a secret."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise WrongValue("starts like a JSON object and is none", "check quotes and commas")
    return value


def shorten(raw: str) -> str:
    """A value short enough to be quoted in an error."""
    return raw if len(raw) <= 40 else raw[:39] + "…"  # noqa: PLR2004 - a line's worth


# By variable: what reads it, and what stands for it where it is not set; without that it must be.
OF_DELIVERY: Final[Settings] = {
    "TABLE_NAME": (str, None),
    "QUEUE_URL": (str, None),
    "DEAD_LETTER_QUEUE_URL": (str, None),
}
OF_THE_POLLER: Final[Settings] = {
    "TESTMO_URL": (testmo_url, None),
    "TESTMO_SECRET_ARN": (str, None),
    "TABLE_NAME": (str, None),
    "TOPIC_ARN": (str, None),
    "CHANNELS": (channels, None),
    "TIME_ZONE": (time_zone, "UTC"),
    "HEARTBEAT_SECRET_ARN": (str.strip, " "),
    "EMAIL_ADDRESS": (str.strip, " "),
    "OPS_EMAIL_ADDRESS": (str.strip, " "),
    "OPS_TOPIC_ARN": (str.strip, " "),
}
# What to watch; `testmo-notifier local` takes the same ones under the same names.
WATCHED: Final[Settings] = {
    "PROJECT_IDS": (ids("project ids"), ","),
    "RUN_IDS": (ids("run ids"), ","),
    "ALERT_STATUS_IDS": (status_ids, "3,5"),
    "CREATED_BY_IDS": (ids("user ids"), ","),
    "ASSIGNEE_IDS": (ids("user ids (0 is unassigned)", least=0), ","),
    "OVERLAP_SECONDS": (whole(0, MAX_OVERLAP_SECONDS, "seconds"), "300"),
    "MAX_STALENESS_MINUTES": (whole(0, MAX_STALENESS_MINUTES, "minutes"), "5"),
    "BACKFILL_HOURS": (whole(0, MAX_BACKFILL_HOURS, "hours"), "0"),
    "REQUESTS_PER_MINUTE": (whole(MIN_REQUESTS_PER_MINUTE, MAX_REQUESTS_PER_MINUTE, "requests"), "120"),
}
