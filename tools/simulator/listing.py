"""What all endpoints share: the request as they see it, lists in order and in pages, expands, and the look-ups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Protocol, TypeVar
from zlib import crc32

from tools.simulator import answers, views
from tools.simulator.answers import Answer, Json, Refused
from tools.simulator.model import Project, Result, Run
from tools.simulator.query import OneOf, Paging, Query, Sort
from tools.simulator.switches import Switches
from tools.simulator.world import World


class _Row(Protocol):
    @property
    def id(self) -> int: ...


_AnyRow = TypeVar("_AnyRow", bound=_Row)
_Anything = TypeVar("_Anything")
Sources = Mapping[str, Callable[[], list[Json]]]  # what an expand shows, by its name, in the documentation's order


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, as an endpoint sees it. `number` counts requests; shuffled ties depend on it."""

    world: World
    switches: Switches
    query: Query
    number: int


def project_of(ask: Ask, project_id: int) -> Project:
    """The project; the request ends with 404 if there is none, with 403 if it is hidden."""
    project = ask.world.projects.get(project_id)
    if project is None:
        raise Refused(answers.no_such("project", project_id))
    if project.is_hidden:
        raise Refused(answers.forbidden())
    return project


def run_of(ask: Ask, run_id: int) -> Run:
    """The run; the request ends with 404 if there is none, with 403 if its project is hidden."""
    run = ask.world.runs.get(run_id)
    if run is None:
        raise Refused(answers.no_such("run", run_id))
    project_of(ask, run.project_id)
    return run


def ordered(ask: Ask, rows: Iterable[_AnyRow], sort: Sort) -> list[_AnyRow]:
    """Sort by the field; rows without a value come first going up, last going down; ties by the switch."""

    def tie(row: _AnyRow) -> int:
        match ask.switches.ties:
            case "ascending":
                return row.id
            case "descending":
                return -row.id
            case "shuffled":
                return crc32(f"{ask.switches.seed}:{ask.number}:{row.id}".encode())

    in_tie_order = sorted(rows, key=tie)
    # Both sorts are stable, also in reverse, so rows with an equal field keep their order by tie.
    return sorted(
        in_tie_order,
        key=lambda row: (getattr(row, sort.field) is not None, getattr(row, sort.field)),
        reverse=sort.descending,
    )


def visible_results(ask: Ask, run: Run) -> list[Result]:
    """The rows of a run that exist for the world outside; a late row is not there before its moment."""
    now = ask.world.now()
    return [row for row in ask.world.results_of(run) if row.visible_from <= now]


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, and the frame to show them in."""

    number: int
    per_page: int
    total: int

    def answer(self, rows: Iterable[Json], *, expands: Mapping[str, list[Json]] | None = None) -> Answer:
        """The envelope. An empty list has no page numbers; endpoints without expands have no such key."""
        last = -(-self.total // self.per_page)
        frame: Json = {
            "page": self.number if self.total else None,
            "prev_page": self.number - 1 if self.total and self.number > 1 else None,
            "next_page": self.number + 1 if self.number < last else None,
            "last_page": last if self.total else None,
            "per_page": self.per_page,
            "total": self.total,
            "result": list(rows),
        }
        return answers.as_json(frame if expands is None else {**frame, "expands": as_expands(expands)})


def cut(rows: Sequence[_Anything], paging: Paging) -> tuple[list[_Anything], Page]:
    """The rows of the page asked for; none past the last page."""
    start = (paging.page - 1) * paging.per_page
    page = Page(paging.page, paging.per_page, len(rows))
    return list(rows[start : start + paging.per_page]), page


def listed(  # noqa: PLR0913 - all that a list can be asked by
    ask: Ask,
    rows: Iterable[_AnyRow],
    shown: Callable[[_AnyRow], Json],
    expands: Callable[[Ask, Sequence[_AnyRow]], Sources] | None = None,
    *,
    sort: Sequence[str] = (),
    periods: Sequence[str] = (),
    ids: Sequence[str] = (),
    flags: Sequence[str] = (),
    words: Sequence[str] = (),
    computed: Mapping[str, Callable[[_AnyRow], Any]] = MappingProxyType({}),
) -> Answer:
    """A page of the rows that every filter lets through.

    A filter has the name of the field that it asks about, a period without its `_at`; `computed` are those of no field.
    """
    query, paging = ask.query, ask.query.paging()
    order = query.sort(*sort) if sort else None
    filters: list[tuple[str, Callable[[Any], bool]]] = [
        *((f"{name}_at", query.period(name).holds) for name in periods),
        *((name, asked.holds) for name in ids if (asked := query.ids(name)).allowed is not None),
        *((name, OneOf(None if (flag := query.flag(name)) is None else (flag,)).holds) for name in flags),
        *((name, query.words(name).holds_any) for name in words),
    ]
    expanded = query.expands(*expands(ask, ())) if expands else ()
    query.check()
    found = list(rows)
    for name, holds in filters:
        value = computed.get(name) or attrgetter(name)
        found = [row for row in found if holds(value(row))]
    some, page = cut(ordered(ask, found, order) if order else found, paging)
    return page.answer(map(shown, some), expands=chosen(expanded, expands(ask, some)) if expands else None)


def single(
    ask: Ask,
    row: _AnyRow,
    shown: Callable[[_AnyRow], Json],
    expands: Callable[[Ask, Sequence[_AnyRow]], Sources],
) -> Answer:
    """One object in its wrapping."""
    asked = ask.query.expands(*expands(ask, ()))
    ask.query.check()
    return answers.as_json({"result": shown(row), "expands": as_expands(chosen(asked, expands(ask, [row])))})


def as_expands(expands: Mapping[str, list[Json]]) -> object:
    """An object of lists; with nothing in any of them PHP's empty array, which JSON shows as a list."""
    return dict(expands) if any(expands.values()) else []


def chosen(asked: Sequence[str], sources: Sources) -> dict[str, list[Json]]:
    """The expands that were asked for; the others are not even looked up."""
    return {name: sources[name]() for name in asked}


def users_by_id(ask: Ask, ids: Iterable[int | None]) -> list[Json]:
    """Each user once; nobody who was forgotten."""
    known = (ask.world.users[id_] for id_ in sorted({id_ for id_ in ids if id_ is not None}))
    return [views.named(user) for user in known if not user.is_forgotten]


def issues_by_id(ask: Ask, ids: Iterable[int]) -> list[Json]:
    """Each ticket once."""
    return [views.issue(ask.world.issues[id_]) for id_ in sorted(set(ids))]
