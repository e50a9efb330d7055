"""What a bot's one message of a run says: how what was told adds up, and how it is shown. Pure.

It claims no more than it knows. A test counts as failed from when that was told here until it was told here that it
passed; of results that no message named only the number is known, and the headline says "at least". How many of these
are still failing, only the run's counters tell: no more than are open there beside those that are named.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from testmo_notifier.channels.slack import blocks
from testmo_notifier.channels.slack.blocks import AMBER, GREEN, MAX_CHARS, RED, utf16_units
from testmo_notifier.text.shortening import fitting

State = Mapping[str, Any]
Test = list[Any]  # the order of the message, what is known, symbol, status, name, address

FAILING, RECOVERED, FINISHED = "failing", "recovered", "finished"  # what a message is about, see `model.Digest`
NEW: Final = "new"
READING: Final = 1_000  # of the orders of what one reading tells, see `handover.ORDERS_PER_VERSION`
NEW_LINE: Final = "\n"
OPEN: Final = "Open the run"
RANKS: Final = {"✖": 0, "⊘": 1}  # the order of statuses in a headline; others come last
FAILED, PASSED, OVER = range(3)  # what is known of a test
MAX_KEPT: Final = 200  # tests that are kept of a run: 300 kilobytes at most
MAX_NAMED: Final = 40  # tests that a bot's message of the run names; ten fewer each time while it is too long
MAX_SEEN: Final = 50  # ids of messages that were added, so that none is added twice
MAX_IN_TEXT: Final = 20  # of these in the text that notifications show
# Slack refuses an edit with more than 4,000, https://docs.slack.dev/reference/methods/chat.update
MAX_TEXT_CHARS: Final = 3_900
NAMELESS: Final = "…"  # the name of a test of which only the number is known: it is counted, and not named
NOBODY: Final = ["", "", NAMELESS, ""]


def added(state: State, entry: State, message_id: str) -> State:
    """A state with one message more, whatever the order in which messages come; the same one changes nothing."""
    if message_id in state.get("seen", ()):
        return state
    # What is silent about all that was told of a run holds what was told in its own form, one after the other.
    for one in (entry, *({**entry, "silent": False, **more} for more in entry.get("also", ()))):
        state = merged(state, one)
    seen = [*state.get("seen", ()), message_id][-MAX_SEEN:]
    return {**state, "seen": seen, "changes": state.get("changes", 0) + 1}


def merged(state: State, entry: State) -> State:
    """How a run is, with what one message tells."""
    order, about = entry["order"], entry["about"]
    tests = dict(state.get("tests", {}))
    if entry.get("silent"):
        tests = tests | over_in_silence(tests, entry)
        entry = {**entry, "tests": {key: tests[key][2:] for key in map(str, entry["passed"])}}
    passed = entry["tests"] if about == RECOVERED else entry.get("passed", ())  # 1.2 did not say it
    for key, test in entry["tests"].items():
        before = tests.get(key, [-1, OVER, *test])
        now = [order, PASSED if key in passed else FAILED, *test]
        tests[key] = named_as(before, now) if before[0] < order else named_as(now, before)
    closed = state.get("closed", [-1, []])
    if about == FINISHED and order > closed[0] and not entry["unnamed"]:
        closed = [order, list(entry["tests"])]
    tests = {key: at_the_end(key, test, *closed) for key, test in tests.items()}
    ranked = sorted(tests.items(), key=lambda pair: rank(pair[1]))
    dropped = sum(test[1] == FAILED for _, test in ranked[MAX_KEPT:])
    more = (entry["unnamed"] if about == FAILING else 0) + dropped
    unnamed, latest = state.get("unnamed", [0, -1])
    is_latest = order >= state.get("order", -1)
    return {
        **state,
        **({name: entry[name] for name in ("order", "about", "news")} if is_latest else {}),
        "run": run_of(state, entry),
        # Of what was held, order is when it was found; what it says of silences is as it is told.
        **({"silenced": entry.get("silenced", [])} if is_latest or entry.get("is_held") else {}),
        "tests": dict(ranked[:MAX_KEPT]),
        "closed": closed,
        "unnamed": [unnamed + more, max(latest, order)] if more else [unnamed, latest],
        **({"passed_unnamed": True} if about == RECOVERED and entry["unnamed"] else {}),
    }


def run_of(state: State, entry: State) -> State:
    """The run as the later of both has it. One reading has the same counters for all that it tells."""
    earlier, later = sorted((state, entry), key=lambda one: one.get("order", -1))
    run: State = later["run"]
    before: State = earlier.get("run", {})
    is_one_reading = earlier.get("order", -1) // READING == later["order"] // READING
    if is_one_reading and "open" in run and "open" in before:
        return {**run, "open": max(run["open"], before["open"])}
    return run


def over_in_silence(tests: Mapping[str, Test], entry: State) -> dict[str, Test]:
    """Of what passed in silence those of which it was never told here that they failed: an older message may do so yet.

    Many of them are named nowhere.
    """
    named = {**dict.fromkeys(map(str, entry["passed"]), NOBODY), **entry["tests"]}
    found = {key: tests.get(key, [-1, OVER, *test]) for key, test in named.items()}
    return {key: [max(test[0], entry["order"]), *test[1:]] for key, test in found.items() if test[1] == OVER}


def named_as(other: Test, test: Test) -> Test:
    """A test, by the name under which another message told it where this one has none."""
    return [*test[:4], *other[4:]] if test[4] == NAMELESS else test


def rank(test: Test) -> tuple[int, bool, int]:
    """Which are kept: failing ones first, those with a name before the rest, then the latest."""
    return test[1], test[4] == NAMELESS, -test[0]


def at_the_end(key: str, test: Test, order: int, failing: Sequence[str]) -> Test:
    """A test as it was when the run was closed, unless it was told later."""
    return [test[0], OVER, *test[2:]] if test[:2] < [order, PASSED] and key not in failing else test


def shown(state: State) -> dict[str, object]:
    """The whole message: how the run is, as far as it was told here."""
    tests = list(state["tests"].values())
    failed = [test for test in tests if test[1] == FAILED]
    passed = sum(test[1] == PASSED for test in tests)
    sizes = (message(state, failed, passed, most) for most in range(MAX_NAMED, 0, -10))
    fitting = (one for one in sizes if utf16_units(json.dumps(one, ensure_ascii=False)) <= MAX_CHARS)
    return next(fitting, None) or message(state, failed, passed, 0)


def message(state: State, failed: Sequence[Test], passed: int, most: int) -> dict[str, object]:
    """The same, with so many names at most."""
    run, named = state["run"], [test for test in failed if test[4] != NAMELESS][:most]
    told = state["unnamed"][0] if state["unnamed"][1] > state["closed"][0] else 0  # at the end all are named
    left = max(0, run.get("open", told + len(failed)) - len(failed))
    unnamed = min(told, left) if passed or state.get("passed_unnamed") else told
    count = count_of(failed, unnamed)
    headline = f"{count}: {run['name']}"
    least = "at least " if state.get("passed_unnamed") else ""
    facts = [run["project"], *run["details"], f"{least}{passed} passed again" if passed else ""]
    summary = " · ".join(filter(None, [*facts, state["news"] if state["about"] == FINISHED else ""]))
    kept_back, until_when = silenced(state)
    details: list[dict[str, object]] = []
    for _, _, mark, _, name, url in named:
        details += [text(f"{NEW_LINE if details else ''}{mark} "), link(url, name)]
    about = "about " if unnamed < told else ""  # somebody may have deleted results
    others = f"{about}{results(unnamed)} not named here" if unnamed else ""
    rest = [f"{len(failed) - len(named)} more" if len(failed) > len(named) else "", others]
    if any(rest):
        more = f"and {' and '.join(filter(None, rest))} in "
        details += [text(f"{NEW_LINE if details else ''}{more}"), link(run["url"], "Testmo")]
    lines = [headline, f"{summary}{kept_back}", *(f"{mark} {name}" for _, _, mark, _, name, _ in named[:MAX_IN_TEXT])]
    attachment = {
        "color": color(failed, unnamed),
        "fallback": count,
        "blocks": [rich(details or [text("All failures that were told here have passed since, or are over.")])],
    }
    return {
        "text": as_text(lines),
        "blocks": [blocks.header(headline), rich([link(run["url"], OPEN), text(f" · {summary}"), *until_when])],
        "attachments": [attachment],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def as_text(lines: Sequence[str]) -> str:
    """What notifications say: as many of the lines as there is room for."""
    written = map(blocks.fallback, lines)
    return NEW_LINE.join(fitting(written, MAX_TEXT_CHARS, lambda line: utf16_units(line) + len(NEW_LINE)))


def silenced(state: State) -> tuple[str, list[dict[str, object]]]:
    """What is kept back of the run, as words and as parts of a block, in which the time is in each reader's zone."""
    words, parts = "", list[dict[str, object]]()
    for n, author, until in state.get("silenced", ()):
        at = datetime.fromisoformat(until)
        said, fallback = f" · {n} silenced by {author} until ", f"{at:%Y-%m-%d %H:%M} UTC"
        words += said + fallback
        date = {"timestamp": int(at.timestamp()), "format": blocks.DATE_FORMAT, "fallback": fallback}
        parts += [text(said), {"type": "date", **date}]
    return words, parts


def count_of(failed: Sequence[Test], unnamed: int) -> str:
    """How many tests are failing, by status, as far as that is known."""
    marks = {test[3]: test[2] for test in failed}
    counts = Counter(test[3] for test in sorted(failed, key=lambda test: RANKS.get(test[2], len(RANKS))))
    words = " · ".join(f"{marks[status]} {n} {status}" for status, n in counts.items())
    if unnamed:
        return f"at least {words}" if failed else f"✖ {results(unnamed)} failed"
    return words or "✔ nothing told here is still failing"


def results(unnamed: int) -> str:
    """What was told and not named."""
    return f"{unnamed} {'result' if unnamed == 1 else 'results'}"


def color(failed: Sequence[Test], unnamed: int) -> str:
    """What a reader sees before a word is read."""
    if not failed:
        return RED if unnamed else GREEN
    return AMBER if {test[2] for test in failed} == {"⊘"} and not unnamed else RED


def rich(elements: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """A block whose text Slack does not read for marks: what was typed stands there as it is."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


def text(words: str) -> dict[str, object]:
    """Text in it."""
    return {"type": "text", "text": words}


def link(url: str, words: str) -> dict[str, object]:
    """A link in it."""
    return {"type": "link", "url": url, "text": words}
