"""How far the passing results of a run were read (`Passing`), as attributes of its checkpoint."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from testmo_notifier.adapters.compact import pack_ids, pack_pairs, unpack_ids, unpack_pairs
from testmo_notifier.adapters.outbox import named_result_from
from testmo_notifier.model import Look, Passing, RecoveryGroup, Resume, plain


def pack_passing(passing: Passing | None) -> dict[str, Any]:
    """Its sets by themselves, which may have no room in the item, and the rest; nothing where it is not asked."""
    if passing is None:
        return {}
    look = passing.look
    rest = {
        "cursor": passing.cursor,
        "resume": passing.resume and asdict(passing.resume),
        "looked_at": passing.looked_at,
        "short_by": passing.short_by,
        "look_first": passing.look_first,
        "look": look and {"resume": asdict(look.resume), "ways": [group_values(group) for group in look.groups]},
    }
    sets: dict[str, Any] = {"awaited": {"B": pack_ids(passing.due)}} if passing.due else {}
    if look is not None:
        sets |= {"looking": {"B": pack_ids(look.tests)}, "passed": {"B": pack_pairs(look.passed)}}
    content = zlib.compress(json.dumps(rest, default=datetime.isoformat, ensure_ascii=False).encode())
    return {**sets, "passing": {"B": content}}


def unpack_passing(item: Mapping[str, Any]) -> Passing | None:
    """The inverse of `pack_passing`."""
    if "passing" not in item:
        return None
    raw = json.loads(zlib.decompress(item["passing"]["B"]))
    due, tests = (unpack_ids(item[name]["B"]) if name in item else frozenset() for name in ("awaited", "looking"))
    look = None
    if raw["look"]:
        passed = unpack_pairs(item["passed"]["B"]) if "passed" in item else {}
        look = Look(resume_from(raw["look"]["resume"]), tests, passed, tuple(map(group_from, raw["look"]["ways"])))
    return Passing(
        cursor=datetime.fromisoformat(raw["cursor"]),
        resume=raw["resume"] and resume_from(raw["resume"]),
        looked_at=raw["looked_at"] and datetime.fromisoformat(raw["looked_at"]),
        due=due,
        look=look,
        short_by=raw["short_by"],
        look_first=raw["look_first"],
    )


def group_values(group: RecoveryGroup) -> dict[str, Any]:
    """A group of recoveries, as JSON knows it."""
    named = [plain(result) for result in group.named]
    values = {"destinations": sorted(group.destinations), "status": group.status, "named": named}
    return values | ({"held_at": sorted(group.held_at)} if group.held_at else {})


def group_from(raw: Mapping[str, Any]) -> RecoveryGroup:
    """The inverse of `group_values`."""
    destinations, held_at = (frozenset(raw.get(name, ())) for name in ("destinations", "held_at"))
    return RecoveryGroup(destinations, raw["status"], tuple(map(named_result_from, raw["named"])), held_at)


def resume_from(raw: Mapping[str, Any]) -> Resume:
    """A place to go on, out of its JSON."""
    bound, began_at = (raw.get(time) and datetime.fromisoformat(raw[time]) for time in ("bound", "began_at"))
    return Resume(bound, raw["page"], raw["total"], began_at, raw.get("watching", ""))
