"""How silences are stored: JSON texts by id, in a map of the control item. People's command writes them, polls read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from testmo_notifier.model import Silence

SILENCES: Final = "silences"  # the attribute
ID: Final = r"[0-9A-Za-z_-]{1,64}"
LONGEST: Final = timedelta(days=7)  # nobody forgets one for ever


def unpack_silences(packed: Mapping[str, Any]) -> tuple[tuple[Silence, ...], tuple[str, ...]]:
    """All of them by their end, and the ids of those that nobody understands."""
    found: list[Silence] = []
    unread: list[str] = []
    for key, text in packed.get("M", {}).items():
        try:
            found.append(unpack_silence(key, text["S"]))
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
            unread.append(key)  # of a later version, or written by hand
    return tuple(sorted(found, key=lambda one: (one.until, one.id))), tuple(sorted(unread))


def unpack_silence(key: str, text: str) -> Silence:
    """One out of its JSON, as `testmo-notifier silence` writes it (`tools/ops/silence_asked.py:pack_silence`)."""
    if not re.fullmatch(ID, key):  # its id is a part of keys
        raise ValueError(key)
    raw = json.loads(text)
    until, created_at = (datetime.fromisoformat(raw[name]) for name in ("until", "created_at"))
    (raw["author"] + raw["reason"]).encode()  # what has no UTF-8 could not be told
    if until.tzinfo is None or created_at.tzinfo is None or until - created_at > LONGEST:
        raise ValueError(key)
    tables = {name: table_from(raw.get(name, {})) for name in ("match", "exclude")}
    return Silence(key, until.astimezone(UTC), raw["author"], raw["reason"], created_at.astimezone(UTC), **tables)


def table_from(raw: Mapping[str, Any]) -> dict[str, tuple[int | str, ...]]:
    """Ids and names by key."""
    for values in raw.values():
        if not isinstance(values, list) or not values or not all(type(one) in (int, str) for one in values):
            raise TypeError
    return {key: tuple(values) for key, values in raw.items()}
