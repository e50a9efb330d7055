"""What a bot's one message of a run (`run_message`) learns of a digest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from itertools import islice
from typing import Final

from testmo_notifier.channels.notation import without_marks
from testmo_notifier.channels.slack.run_message import NAMELESS
from testmo_notifier.model import FAILING, FOLDED, PASSED_SINCE, RECOVERED, Digest
from testmo_notifier.notices.standings import MAX_FAILING
from testmo_notifier.notices.standings import PASSED as WELL
from testmo_notifier.notices.story import news
from testmo_notifier.notices.view import UNTESTED, count, run_view, test_name
from testmo_notifier.text.shortening import clip, one_line

MAX_NAMED: Final = 50  # tests with their names
UNNAMED: Final = "?"  # Slack takes no link without words
NAME_CHARS: Final = 100  # of a test's name, in what is kept for a bot's message of the run
STATUS_CHARS: Final = 40  # and an author's


def aside(digest: Digest, reasons: Sequence[str]) -> dict[str, object]:
    """What a bot needs to keep one message of the run, see `run_message`; nothing for what is about several runs."""
    if digest.about == FOLDED:
        return {}
    entry = entry_of(digest, reasons)
    parts = [entry_of(one, ()) for one in digest.parts]
    if not digest.is_silent:
        return {**entry, "also": also(parts)} if parts else entry
    if digest.about == RECOVERED:
        return {**entry, "silent": True, "passed": keys_of(digest.keys)}
    first = [entry] if digest.total or digest.passed_since else []
    return {
        **entry,
        "silent": True,
        "about": RECOVERED,
        "tests": {},
        "unnamed": 0,
        "is_held": True,  # what it says of silences is as it is now
        "passed": keys_of(test for one in digest.standings if one.status == WELL for test in one.tests),
        "also": also(one for one in (*first, *parts) if one["about"] != RECOVERED),  # 1.3 leaves it aside
    }


def also(entries: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """What a message says beside its own, for the one message of its run."""
    said = ("about", "news", "tests", "passed", "unnamed")
    return [{name: one[name] for name in said} for one in entries]


def keys_of(tests: Iterable[int]) -> list[int | str]:
    """Tests, as `entry_of` names them."""
    return [test if test >= 0 else f"result {-1 - test}" for test in sorted(tests)]


def entry_of(digest: Digest, reasons: Sequence[str]) -> dict[str, object]:
    """One digest, for a bot's message of the run."""
    run = without_marks(run_view(digest))
    tests: dict[str, list[str]] = {}
    passed: set[str] = set()
    keys = [str(row.test_id) if row.test_id is not None else f"result {row.id}" for row in digest.results]
    for key, row in zip(keys, digest.results, strict=True):  # of several rows of a test the most urgent, the first
        status, name = count(row.status, row.status_id or 0, 1), clip(test_name(row), NAME_CHARS)
        words = without_marks((status.symbol, clip(status.word, STATUS_CHARS), name, row.url))
        if key not in tests and row.reason == PASSED_SINCE:
            passed.add(key)
        tests.setdefault(key, [word if word.strip() else UNNAMED for word in words])
    named = dict(islice(tests.items(), MAX_NAMED))
    unnamed = digest.omitted + len(tests) - len(named)
    if digest.passed_since:  # some of these may be left out, too, and nobody counts them as failing
        unnamed = max(0, digest.total - sum(key in named and key not in passed for key in keys))
    if digest.standings:
        others = nameless(digest)
        named = others | named
        is_whole = digest.about == FAILING and len(others) < MAX_FAILING  # several of its results may be of one test
        unnamed = 0 if is_whole else max(0, digest.total - len(named))
    return {
        "about": digest.about,
        "reasons": list(reasons),
        "run": {
            "name": run.name,
            "url": run.url,
            "project": run.project,
            "details": list(run.details),
            **open_in(digest),
        },
        "news": news(digest, run.pass_rate),
        "tests": named,
        "passed": [key for key in named if key in passed],
        "unnamed": unnamed,
        "silenced": [
            [
                one.n,
                one_line(without_marks(one.author), STATUS_CHARS) or "somebody",
                one.until.astimezone(UTC).isoformat(),
            ]
            for one in digest.silenced
        ],
        **({"is_held": True} if digest.held_since else {}),
    }


def open_in(digest: Digest) -> dict[str, int]:
    """How many tests of the run were tested and have not passed, by its counters; nothing where there are none.

    They are older than the results: what it tells is failing may be more.
    """
    counters, told = digest.counters, digest.total if digest.about == FAILING else 0
    tested = sum(n for status, n in counters.by_status.items() if status != UNTESTED)
    return {"open": max(told, tested - counters.success)} if counters.by_status else {}


def nameless(part: Digest) -> dict[str, list[str]]:
    """The tests of which it is known how they are, whoever is named."""
    found: dict[str, list[str]] = {}
    for one in part.standings:
        status = without_marks(count(one.status, one.status_id, 1))
        words = [status.symbol, clip(status.word, STATUS_CHARS), NAMELESS, part.run_url]
        found |= {str(key): words for key in keys_of(one.tests)} if one.status != WELL else {}
    return found
