"""What is held, merged into one, and what is told of it in the end. Pure.

Only rows are counted, and each is there once: that is why a message is exact however often what it tells was merged.
Whether a test is failing, has passed since or had passed in between is a matter of the test; whom it calls and why it
is told is a matter of the kinds of its rows. All of it is reckoned when it is told, not while it is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Final

from testmo_notifier import model
from testmo_notifier.lean import dataclass
from testmo_notifier.notices.digest import MAX_MENTIONS, counts_in_order, hash_of
from testmo_notifier.notices.named import LONG_AGO, MAX_NAMED, fitting, rank

MAX_HELD_ROWS: Final = 20_000  # that an item holds before it is told
MAX_HELD_NAMED_BYTES: Final = 30_000  # of details: they are merged hundreds of times, and several items meet in one
WELL_BYTES: Final = 10_000  # of these for what passed again

Rows = dict[int, tuple[int, model.Kind]]  # by key: the test and the kind


def with_news(
    before: model.Held | None, outgoing: model.Outgoing, hold: model.Hold, *, now: datetime, order: int
) -> model.Held:
    """What is held, with a digest more: of failing results, of recoveries, or that the run is over.

    `before` may be empty (see `RATE`), or None. It is never due later than it was. It may be as empty afterwards: of
    recoveries that nobody asked for nothing is told.
    """
    digest = outgoing.digest
    held = before or model.Held(digest.run_id, outgoing.destination, hold.cause, hold.due, now, digest)
    if held.is_empty:
        held = replace(held, due=hold.due, since=now, frame=frame_of(digest, ()))
    new = Contents.of_rows(outgoing.rows, outgoing.kinds)
    contents = Contents.of(held).with_failing(new.failing).with_well(new.well)
    results = digest.results if digest.about != model.FINISHED else ()
    after = replace(
        contents.put_into(held, digest, [*results, *not_replaced(held, new.failing)]),
        due=min(held.due, hold.due),
        order=max(held.order, order),
    )
    if digest.about == model.FINISHED:
        after = replace(after, end=digest, also=tuple(other for kind in outgoing.kinds for other in kind.also))
    return before if before and after.is_empty else after


def failing_in(held: model.Held) -> frozenset[int]:
    """The tests of which it holds that they fail, and not that they have passed since."""
    about = [kind.about for kind in held.kinds]
    return frozenset(test for test, kind in held.rows.values() if about[kind] == model.FAILING) - held.passed


def silenced_in(held: Iterable[model.Held], silences: Iterable[model.Silence]) -> tuple[model.Silenced, ...]:
    """What these silences keep back, of what is held at one destination."""
    by_cause = {one.cause: one for one in silences}
    found = [(len(failing_in(one)), by_cause[one.cause]) for one in held if one.cause in by_cause]
    return tuple(model.Silenced(n, silence.author, silence.until) for n, silence in found if n)


def with_passed(held: model.Held, tests: Collection[int]) -> model.Held:
    """The same, when these tests have passed; those of which it does not hold that they fail are left aside."""
    passed = failing_in(held).intersection(tests)
    return replace(held, passed=held.passed | passed, between=held.between - passed) if passed else held


def with_failed(held: model.Held, tests: Collection[int], *, elsewhere: Collection[int] = ()) -> model.Held:
    """The same, when these tests failed anew and that is told elsewhere: nothing says any more that they are well.

    Of results whose keys are `elsewhere`, what they are now is told the same destination by another item or message.
    """
    contents = Contents.of(held)
    stale = contents.failing.keys() & frozenset(elsewhere)
    if not stale and not contents.well_again & frozenset(tests):
        return held
    failing = {key: row for key, row in contents.failing.items() if key not in stale}
    return contents.failing_again(tests).with_only(failing).put_into(held, held.frame, held.frame.results)


def untold(held: model.Held, other: str) -> model.Held:
    """What of it another destination was not told anyway, when it was found."""
    contents = Contents.of(held)
    failing = {key: row for key, row in contents.failing.items() if other not in row[1].also}
    well = {key: row for key, row in contents.well.items() if other not in row[1].also}
    rest = replace(held, end=None) if other in held.also else held
    if len(failing) == len(contents.failing) and len(well) == len(contents.well):
        return rest
    return replace(contents.with_only(failing), well=well).put_into(rest, held.frame, held.frame.results)


def joined(one: model.Held, other: model.Held) -> model.Held:
    """What is held for another cause, and what moves on to it; it stays `one` by cause and due time.

    A pass was marked in both: a test that failed in either, and of which that one knows no pass, failed after it.
    """
    older, newer = sorted((other, one), key=lambda held: held.order)
    first, second = Contents.of(older), Contents.of(newer)
    failing = failing_in(older) | failing_in(newer)
    passed = (older.passed | newer.passed) - failing
    rows, well = first.failing | second.failing, first.well | second.well
    ever_failed = tests_of(rows)
    last = {row[0]: key for key, row in sorted(well.items(), key=itemgetter(0))}  # of two passes of a test the later
    contents = Contents(
        failing=rows,
        well={key: well[key] for test, key in last.items() if test not in ever_failed},
        passed=passed,
        between=(older.between | newer.between | (first.well_again | second.well_again) & failing) - passed,
    )
    since = [held.since for held in (one, other) if not held.is_empty]  # of an empty one it has another meaning
    over = newer if newer.end else older
    return replace(
        contents.put_into(one, newer.frame, [*newer.frame.results, *not_replaced(older, second.failing)]),
        since=min(since, default=one.since),
        end=over.end,
        also=over.also,
        order=newer.order,
    )


def told_of(held: model.Held) -> tuple[model.Outgoing, ...]:
    """The message when it is told, none for nothing: about what is failing, and all else of it are its `parts`."""
    told = sections_of(held)
    if len(told) < 2:  # noqa: PLR2004 - nothing to join
        return told
    first, *rest = (one.digest for one in told)
    digest = replace(
        first,
        keys=first.keys.union(*(one.keys for one in rest)),
        routes=tuple(dict.fromkeys(route for one in (first, *rest) for route in one.routes)),
        parts=tuple(replace(one, held_since=None, silenced=()) for one in rest),  # that is said once
    )
    return (model.Outgoing(hash_of([one.id for one in told]), held.destination, digest),)


def sections_of(held: model.Held) -> tuple[model.Outgoing, ...]:
    """What is failing when it is told, what is well again, that the run is over, each by itself.

    Their ids are fixed: a hash of all that they tell, and of the version.
    """
    contents = Contents.of(held)
    made = []
    if contents.failing:
        made.append(outgoing_of(held, failing_digest(held, contents), contents.failing))
    if contents.well:
        made.append(outgoing_of(held, recovered_digest(held, contents), contents.well))
    if held.end:
        end = replace(held.end, held_since=held_since(held), silenced=held.frame.silenced)
        made.append(outgoing_of(held, end, {}))
    return tuple(made)


def is_full(held: model.Held) -> bool:
    """Whether it has no room for more, and has to be told now."""
    return len(held.rows) > MAX_HELD_ROWS


@dataclass(frozen=True, slots=True)
class Contents:
    """What is held, to reckon with: failing rows and recoveries apart, each with its kind."""

    failing: Rows
    well: Rows
    passed: frozenset[int] = frozenset()
    between: frozenset[int] = frozenset()

    @classmethod
    def of(cls, held: model.Held) -> Contents:
        """Those of one item."""
        return replace(cls.of_rows(held.rows, held.kinds), passed=held.passed, between=held.between)

    @classmethod
    def of_rows(cls, rows: Mapping[int, tuple[int, int]], kinds: tuple[model.Kind, ...]) -> Contents:
        """Rows alone, with their kinds in place of the numbers of these."""
        apart: dict[str, Rows] = {model.FAILING: {}, model.RECOVERED: {}}
        for key, (test, number) in rows.items():
            if kinds[number].about in apart:  # a later version may hold what is about something else
                apart[kinds[number].about][key] = (test, kinds[number])
        return cls(apart[model.FAILING], apart[model.RECOVERED])

    @property
    def well_again(self) -> frozenset[int]:
        """The tests of which it holds that they passed."""
        return tests_of(self.well) | self.passed

    def with_failing(self, rows: Rows) -> Contents:
        """The same, when these failed; a row that is known is as it is now."""
        again = self.failing_again(tests_of(rows))
        return replace(again, failing=again.failing | rows)

    def failing_again(self, tests: Collection[int]) -> Contents:
        """The same, when these are failing, whatever is held of them."""
        return replace(
            self,
            well={key: row for key, row in self.well.items() if row[0] not in tests},
            passed=self.passed.difference(tests),
            between=self.between | self.well_again.intersection(tests),
        )

    def with_well(self, rows: Rows) -> Contents:
        """The same, when these passed. What is held as failing is so no more; the rest is told if somebody asks."""
        failing = tests_of(self.failing)
        passed = tests_of(rows) & failing
        asked = {key: row for key, row in rows.items() if row[0] not in failing and row[1].routes}
        again = tests_of(asked)
        kept = {key: row for key, row in self.well.items() if row[0] not in again}
        return replace(self, well=kept | asked, passed=self.passed | passed, between=self.between - passed)

    def named(self, results: Iterable[model.NamedResult]) -> tuple[model.NamedResult, ...]:
        """The details that are kept of these results, each once, the latest come first: what fails before the rest."""
        once: dict[object, model.NamedResult] = {}
        for one in results:
            once.setdefault((one.reason == model.RECOVERED, one.id or (one.test_id, one.created_at)), one)
        newest_first = sorted(once.values(), key=lambda one: (one.created_at or LONG_AGO, one.id or 0), reverse=True)
        failing = [one for one in newest_first if one.reason != model.RECOVERED and is_in(one, self.failing)]
        failing.sort(key=lambda one: (test_key_of(one) in self.passed, rank(one.status_id)))
        well = [one for one in newest_first if one.reason == model.RECOVERED and is_in(one, self.well)]
        well = fitting(well[:MAX_NAMED], WELL_BYTES)
        room = MAX_HELD_NAMED_BYTES - sum(len(repr(model.plain(one)).encode()) for one in well)
        return (*fitting(failing[:MAX_NAMED], room), *well)

    def with_only(self, failing: Rows) -> Contents:
        """The same, of failing results only with these."""
        return replace(self, failing=failing, passed=self.passed & tests_of(failing))

    def put_into(self, held: model.Held, run: model.Digest, results: Iterable[model.NamedResult]) -> model.Held:
        """An item with these contents, and of a run and these results by name what belongs to them."""
        rows = self.failing | {key: row for key, row in self.well.items() if key not in self.failing}
        kinds = {id(kind): kind for _, kind in rows.values()}
        unique = tuple(dict.fromkeys(kinds.values()))
        numbers = {key: unique.index(kind) for key, kind in kinds.items()}
        packed = {key: (test, numbers[id(kind)]) for key, (test, kind) in rows.items()}
        frame = frame_of(run, self.named(results))
        return replace(held, frame=frame, rows=packed, kinds=unique, passed=self.passed, between=self.between)


def failing_digest(held: model.Held, contents: Contents) -> model.Digest:
    """What is failing when it is told, and how much of what was held has passed since: that calls nobody."""
    failing = {key: row for key, row in contents.failing.items() if row[0] not in contents.passed}
    kinds = kinds_of(failing)
    named = [one for one in held.frame.results if one.reason != model.RECOVERED]
    still = [
        replace(one, reason=model.PASSED_BETWEEN) if test_key_of(one) in contents.between else one
        for one in named
        if test_key_of(one) not in contents.passed
    ]
    since = [replace(one, reason=model.PASSED_SINCE) for one in named if test_key_of(one) in contents.passed]
    told_by = kinds or kinds_of(contents.failing)
    return replace(
        held.frame,
        about=model.FAILING,
        total=len(failing),
        omitted=len(failing) - len(still),
        counts=counts_of(failing),
        results=(*still, *since),
        keys=frozenset(failing),
        routes=tuple(dict.fromkeys(route for kind in told_by for route in kind.routes)),
        mentions=tuple(dict.fromkeys(mention for kind in kinds for mention in kind.mentions))[:MAX_MENTIONS],
        reasons=tuple(reason for reason in model.REASONS if reason in {kind.reason for kind in told_by}),
        held_since=held_since(held),
        passed_since=len(contents.passed),
    )


def recovered_digest(held: model.Held, contents: Contents) -> model.Digest:
    """What is well again."""
    named = tuple(one for one in held.frame.results if one.reason == model.RECOVERED)
    return replace(
        held.frame,
        about=model.RECOVERED,
        total=len(contents.well),
        omitted=len(contents.well) - len(named),
        counts=counts_of(contents.well),
        results=named,
        keys=frozenset(contents.well),
        routes=tuple(dict.fromkeys(route for kind in kinds_of(contents.well) for route in kind.routes)),
        held_since=held_since(held),
    )


def held_since(held: model.Held) -> datetime | None:
    """Since when somebody has not been told; what waits for the end of a poll, to be folded, was not held for them."""
    return None if held.cause == model.FOLD else held.since


def this_poll_last(held: Iterable[model.Held]) -> list[model.Held]:
    """In the order in which they are joined: what was held longer gives its name to the whole."""
    return sorted(held, key=lambda one: one.cause == model.FOLD)


def outgoing_of(held: model.Held, digest: model.Digest, rows: Rows) -> model.Outgoing:
    """A digest on its way. The same item, held anew and with the same in it, is told anew: by when it was held."""
    results = [f"{key}:{rows[key][1].status_id}" for key in sorted(rows)]
    passed = [f"passed {test}" for test in sorted(held.passed)]
    which = [held.cause, held.since.isoformat(), str(held.order), str(held.version)]
    parts = [held.destination, str(held.run_id), digest.about, *results, *passed, *which]
    return model.Outgoing(hash_of(parts), held.destination, digest)


def frame_of(digest: model.Digest, named: tuple[model.NamedResult, ...]) -> model.Digest:
    """The facts of a run, and some results by name; all else is reckoned when it is told."""
    return replace(
        digest,
        about=model.FAILING,
        total=0,
        omitted=0,
        counts={},
        results=named,
        keys=frozenset(),
        routes=(),
        mentions=(),
        reasons=(),
    )


def not_replaced(held: model.Held, failing: Rows) -> list[model.NamedResult]:
    """The details that are held, less those of failing results that came again as they are now."""
    return [one for one in held.frame.results if one.reason == model.RECOVERED or one.id not in failing]


def kinds_of(rows: Rows) -> list[model.Kind]:
    """The kinds of rows, each once."""
    return list({id(kind): kind for _, kind in rows.values()}.values())


def tests_of(rows: Rows) -> frozenset[int]:
    """The tests of rows."""
    return frozenset(test for test, _ in rows.values())


def counts_of(rows: Rows) -> dict[str, int]:
    """How many of which status, in the order of the message."""
    by_kind = Counter(id(kind) for _, kind in rows.values())
    counts: Counter[tuple[int, str]] = Counter()
    for kind in kinds_of(rows):
        counts[rank(kind.status_id), kind.status] += by_kind[id(kind)]
    return counts_in_order(counts)


def is_in(named: model.NamedResult, rows: Rows) -> bool:
    """Whether these are the details of one of these rows; one without an id is known by its test alone."""
    return named.id in rows if named.id is not None else test_key_of(named) in tests_of(rows) or named.test_id is None


def test_key_of(named: model.NamedResult) -> int:
    """Its test, as `Result.test_key` has it."""
    return named.test_id if named.test_id is not None else -1 - abs(named.id or 0)
