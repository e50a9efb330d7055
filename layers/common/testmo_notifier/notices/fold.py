"""Several runs in one message. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from testmo_notifier import model
from testmo_notifier.notices.digest import MAX_MENTIONS, counts_in_order, hash_of
from testmo_notifier.notices.merge import frame_of, held_since, joined, sections_of, this_poll_last
from testmo_notifier.notices.named import rank
from testmo_notifier.notices.standings import standings_at_the_end, standings_of
from testmo_notifier.text.shortening import clip

MAX_FOLDED_NAMED: Final = 300  # results of all runs, from which causes are found; they are lean and much alike
MAX_FOLDED_BYTES: Final = 90_000  # of their texts
MAX_NOTE_CHARS: Final = 200  # of a note in these: causes are compared by it


def folded(destination: str, held: Sequence[model.Held]) -> model.Outgoing:
    """One message about what is held of several runs, 45 at most: by cause, with exact counts for each run.

    It has a part for each run, that with most failing results first, which counts what failed there. What passed again
    in that run, and that it is over, are parts of the part. The keys of all of it are the part's.
    """
    runs: dict[int, model.Held] = {}
    for one in this_poll_last(held):
        runs[one.run_id] = joined(runs[one.run_id], one) if one.run_id in runs else one
    told = {run: sections_of(one) for run, one in runs.items()}
    parts = [part_of(runs[run], [one.digest for one in some]) for run, some in told.items() if some]
    parts.sort(key=lambda part: (-part.total, -part.passed_since, part.run_id))
    digest = whole((kind for one in runs.values() for kind in one.kinds), with_room(parts))
    ids = sorted(one.id for some in told.values() for one in some)
    return model.Outgoing(hash_of([destination, model.FOLDED, *ids]), destination, digest)


def part_of(held: model.Held, told: Sequence[model.Digest]) -> model.Digest:
    """All that is told of one run, as one digest, with what a place that shows how the run is has to know of it."""
    by = {digest.about: digest for digest in told}
    if model.FINISHED in by:
        by[model.FINISHED] = replace(by[model.FINISHED], standings=standings_at_the_end(by[model.FINISHED].results))
    others = [by[about] for about in (model.RECOVERED, model.FINISHED) if about in by]
    rest = [replace(one, results=(), keys=frozenset()) for one in others]
    failing = by.get(model.FAILING) or replace(frame_of(held.frame, ()), held_since=held_since(held))
    keys = frozenset[int]().union(*(digest.keys for digest in told))
    parts = tuple(replace(one, omitted=one.total) for one in rest)
    return replace(failing, keys=keys, parts=parts, standings=standings_of(held), order=held.order)


def with_room(parts: Sequence[model.Digest]) -> tuple[model.Digest, ...]:
    """The same, with details of failing results, one of every run in turn, as long as there is room."""
    lean = [[lean_of(one) for one in part.results if one.reason != model.PASSED_SINCE] for part in parts]
    in_turn = [(index, one) for row in zip_longest(*lean) for index, one in enumerate(row) if one]
    named: list[list[model.NamedResult]] = [[] for _ in parts]
    room = MAX_FOLDED_BYTES
    for index, one in in_turn[:MAX_FOLDED_NAMED]:
        room -= text_bytes(one)
        if room < 0:
            break
        named[index].append(one)
    return tuple(
        replace(part, results=tuple(some), omitted=part.total - len(some))
        for part, some in zip(parts, named, strict=True)
    )


def lean_of(result: model.NamedResult) -> model.NamedResult:
    """What a message about many runs can tell of a result."""
    return replace(
        result,
        note=clip(result.note, MAX_NOTE_CHARS),
        issues=(),
        elapsed_us=None,
        updated_at=None,
        updated_by=None,
        updated_by_name=None,
        since=None,
    )


def text_bytes(result: model.NamedResult) -> int:
    """The texts of a result; what else is stored of it looks the same in all."""
    texts = (result.case_name, result.status, result.created_by_name, result.assignee, result.note, result.url)
    return sum(len(text.encode()) for text in texts if text)


def whole(kinds: Iterable[model.Kind], parts: tuple[model.Digest, ...]) -> model.Digest:
    """The message about all parts. It is about a project where they all are."""
    ranks = {kind.status: rank(kind.status_id) for kind in kinds}
    counts = Counter[tuple[int, str]]()
    for part in parts:
        counts.update({(ranks[status], status): n for status, n in part.counts.items()})
    every = [one for part in parts for one in (part, *part.parts)]
    reasons = {reason for part in parts for reason in (*part.reasons, *(one.about for one in part.parts))}
    projects = {(part.project_id, part.project_name) for part in parts}
    project_id, project_name = projects.pop() if len(projects) == 1 else (0, "")
    return model.Digest(
        run_id=0,
        run_name="",
        run_url="",
        project_id=project_id,
        project_name=project_name,
        milestone=None,
        configuration=None,
        counters=model.Counters(),
        total=sum(part.total for part in parts),
        omitted=sum(part.omitted for part in parts),
        counts=counts_in_order(counts),
        results=(),
        about=model.FOLDED,
        routes=tuple(dict.fromkeys(route for one in every for route in one.routes)),
        mentions=tuple(dict.fromkeys(mention for part in parts for mention in part.mentions))[:MAX_MENTIONS],
        reasons=tuple(reason for reason in model.REASONS if reason in reasons),
        held_since=min((part.held_since for part in parts if part.held_since), default=None),
        passed_since=sum(part.passed_since for part in parts),
        parts=parts,
    )
