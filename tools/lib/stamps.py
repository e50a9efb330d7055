"""Moments as Testmo writes and reads them. Inside the simulator a moment is an aware UTC datetime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    """The real time; the default of every injectable clock here."""
    return datetime.now(UTC)


def to_millisecond(moment: datetime) -> datetime:
    """The same moment in UTC without what a result cannot store: everything below a millisecond."""
    moment = moment.astimezone(UTC)
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def iso(moment: datetime | None) -> str | None:
    """`2025-02-07T09:39:21.211Z`: results, runs, projects, milestones, users."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def sql(moment: datetime | None) -> str | None:
    """`2026-07-29 15:52:59.210008`: cases only; no zone is named, it is UTC."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def parse(text: str) -> datetime:
    """Read ISO 8601; what names no zone is taken as UTC.

    Raises:
        ValueError: the text is not a date.
    """
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError(f"{text} is out of range in UTC") from exc
