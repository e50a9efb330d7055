"""What somebody asks `silence add` for, checked all at once. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from testmo_notifier.adapters.silences import LONGEST
from testmo_notifier.config import shorten
from testmo_notifier.errors import ConfigurationError, Problem
from testmo_notifier.model import Silence
from testmo_notifier.notices.matching import Matcher, Wanted
from testmo_notifier.notices.routes import Route
from testmo_notifier.settings.places import without_secrets
from testmo_notifier.settings.routes_file import wanted
from testmo_notifier.settings.values import quoted
from testmo_notifier.text.cleaning import printable, tidy
from tools.settings.check_routes import ALWAYS_KNOWN, Watched, never_matches, oddness

MAX_REASON_CHARS: Final = 200  # a message has to quote it
MAX_AUTHOR_CHARS: Final = 60
MAX_BYTES: Final = 2_000  # of one silence: every poll reads and writes the item that they are in
FOR_LIKE: Final = "give --for 30m, 2h or 1d12h"
EVERYTHING: Final = Problem(
    "it matches everything: nobody is told of any failing result of any run until it ends",
    "say what with --match project=Shop, say, or --yes if that is meant",
)
FURTHEST: Final = ("Etc/GMT+12", "Pacific/Kiritimati")  # what is over in both of these zones is over everywhere
UNTIL_LIKE: Final = "give --until 16:00 or --until 2026-11-27T16:00"


@dataclass(frozen=True, slots=True)
class Asked:
    """The flags as they were typed; `is_meant` is --yes."""

    duration: str | None = None
    until: str | None = None
    match: Sequence[str] = ()
    exclude: Sequence[str] = ()
    reason: str = ""
    author: str = ""
    is_meant: bool = False


def silence_of(asked: Asked, key: str, *, now: datetime, zone: tzinfo) -> Silence:
    """The silence that is meant; raises `ConfigurationError` with everything that is wrong with it."""
    problems: list[Problem] = []
    until = end_of(asked, now, zone, problems)
    match, exclude = (table(flag, getattr(asked, flag), problems) for flag in ("match", "exclude"))
    reason = line("--reason", asked.reason, "say what for, so that others know", MAX_REASON_CHARS, problems)
    author = line("--author", asked.author, "say who wants it", MAX_AUTHOR_CHARS, problems)
    silence = Silence(key, until, author, reason, now, match, exclude)
    if not problems:
        problems += unwise(silence, is_meant=asked.is_meant)
    if problems:
        raise ConfigurationError([Problem(without_secrets(one.text), one.next_step) for one in problems])
    return silence


def look_over(asked: Asked, now: datetime) -> None:
    """Raise `ConfigurationError` for what is wrong on any stack: nobody has to be asked for that."""
    asked = replace(asked, author=asked.author or "somebody")
    wrong: list[ConfigurationError] = []
    for zone in FURTHEST:
        try:
            silence_of(asked, "", now=now, zone=ZoneInfo(zone))
        except ConfigurationError as exc:
            wrong.append(exc)
    if len(wrong) == len(FURTHEST):
        raise wrong[0]


def unwise(silence: Silence, *, is_meant: bool) -> list[Problem]:
    """What is wrong with one that is well-formed."""
    never = never_matches(Route((), matcher=Matcher(silence.match, silence.exclude)), Watched())
    if never is not None:
        return [Problem(f"it {never[1]}", "correct --match and --exclude")]
    if len(pack_silence(silence).encode()) > MAX_BYTES:
        text = f"it names too much: {MAX_BYTES} bytes are the most"
        return [Problem(text, "use * in a name, or add two silences")]
    if is_everything(silence.match) and not is_meant:
        return [EVERYTHING]
    return []


def is_everything(match: Wanted) -> bool:
    """Whether nothing can be found that it does not select (leave out what it excludes)."""
    return all(
        key in ALWAYS_KNOWN and any(re.fullmatch(r"\?*\*[?*]*", str(one)) for one in match[key]) for key in match
    )


# ----- Its end -------------------------------------------------------------------------------------------------


def end_of(asked: Asked, now: datetime, zone: tzinfo, problems: list[Problem]) -> datetime:
    """When it is over."""
    if asked.duration is None and asked.until is None:
        problems.append(Problem("it has no end", f"{FOR_LIKE}, or --until 16:00"))
        return now
    if asked.duration is not None and asked.until is not None:
        problems.append(Problem("it has both --for and --until", "keep one"))
        return now
    if asked.duration is not None:
        flag, typed, like = "--for", asked.duration, FOR_LIKE
        lasts = duration_of(typed)
        until = now + lasts if lasts is not None else None
    else:
        flag, typed, like = "--until", asked.until or "", UNTIL_LIKE
        until = moment_of(typed, now, zone)
    if until is None:
        problems.append(Problem(f"{flag} is {quoted(typed)}", like))
    elif until <= now:
        problems.append(Problem(f"{flag} {shorten(typed)} is over already", like))
    elif until - now > LONGEST:
        next_step = f"give {LONGEST.days} days at most, then add another one"
        problems.append(Problem(f"{flag} {shorten(typed)} is too long", next_step))
    return until or now


def duration_of(typed: str) -> timedelta | None:
    """`30m`, `2h`, `1d12h`; None for what is no stretch of time."""
    found = re.fullmatch(r"(?:([0-9]{1,4})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?", typed.strip().casefold())
    if not found or not any(found.groups()):
        return None
    days, hours, minutes = (int(one or 0) for one in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def moment_of(typed: str, now: datetime, zone: tzinfo) -> datetime | None:
    """`16:00`, the next time that it is so late, or a date and time; without an offset in the zone of the stack."""
    clock = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", typed.strip())
    if clock:
        today = now.astimezone(zone).replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        days = (today, today + timedelta(days=1))
        times = (day.replace(fold=fold).astimezone(UTC) for day in days for fold in (0, 1))  # some come twice a day
        return next(one for one in times if one > now)
    try:
        moment = datetime.fromisoformat(typed.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# ----- What it matches -----------------------------------------------------------------------------------------


def table(flag: str, given: Sequence[str], problems: list[Problem]) -> dict[str, tuple[int | str, ...]]:
    """`key=value` as often as it was given, checked as in routes.toml."""
    raw: dict[str, list[int | str]] = {}
    for one in given:
        key, sign, value = one.partition("=")
        if not sign or not key.strip():
            problems.append(Problem(f"--{flag} {quoted(one)} is no key=value", f"give one like --{flag} project=Shop"))
            continue
        if value.lstrip().startswith(("~", "=")):  # Alertmanager's =~, and == by habit
            text = f"--{flag} {quoted(one)} is no key=value with one =, and * and ? alone are special"
            next_step = f"give --{flag} project=Shop*, and a name that begins like that in quotes"
            problems.append(Problem(text, next_step))
            continue
        if key.rstrip().endswith("!"):
            text = f"--{flag} {quoted(one)}: nothing is negated here"
            problems.append(Problem(text, "say what is left out with --exclude"))
            continue
        if odd := oddness(value_of(value.strip()), key.strip()) if value.strip()[:1] not in ("'", '"') else "":
            problems.append(Problem(f"--{flag} {quoted(one)}: {odd}", "if it is a name, put it in quotes"))
            continue
        raw.setdefault(key.strip(), []).append(value_of(printable(value).strip()))
    found = wanted(raw, lambda _, text, next_step: problems.append(Problem(f"--{flag} {text}", next_step)))
    return {key: tuple(dict.fromkeys(values)) for key, values in found.items()}


def value_of(typed: str) -> int | str:
    """A number is an id; in quotes it is a name."""
    in_quotes = re.fullmatch(r"(['\"])(.*)\1", typed, re.DOTALL)
    if in_quotes:
        return in_quotes[2]
    return int(typed) if re.fullmatch(r"[0-9]{1,18}", typed) else typed


def line(flag: str, typed: str, why: str, most: int, problems: list[Problem]) -> str:
    """A short text that has to be there."""
    words = tidy(typed)
    if not words:
        problems.append(Problem(f"it has no {flag.removeprefix('--')}", f"{why}, with {flag} TEXT"))
    elif len(words) > most:
        problems.append(Problem(f"{flag} has {len(words)} characters", f"{most} are the most"))
    return words


def pack_silence(silence: Silence) -> str:
    """One as it is stored: JSON, without its id."""
    raw = {"until": silence.until.isoformat(), "author": silence.author, "reason": silence.reason}
    tables = {name: dict(getattr(silence, name)) for name in ("match", "exclude") if getattr(silence, name)}
    return json.dumps({**raw, "created_at": silence.created_at.isoformat(), **tables}, ensure_ascii=False)
