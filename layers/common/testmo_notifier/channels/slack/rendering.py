"""A digest as a Slack message. Pure.

Slack refuses a message that is too large as a whole, so the first try that fits is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Final

from testmo_notifier.channels.channel import Rendering
from testmo_notifier.channels.notation import without_marks
from testmo_notifier.channels.render import SHORTEN_IT, Renderer
from testmo_notifier.channels.slack import blocks as slack_blocks
from testmo_notifier.channels.slack.blocks import MAX_CHARS, MAX_SECTION_CHARS, utf16_units
from testmo_notifier.channels.slack.mentions import called, calls_in
from testmo_notifier.channels.slack.notation import DATE, escape, slack_environment
from testmo_notifier.channels.slack.run_entry import aside
from testmo_notifier.errors import Problem
from testmo_notifier.lean import dataclass
from testmo_notifier.model import FAILING, FINISHED, FOLDED, Digest
from testmo_notifier.notices.context import MessageView, PartView
from testmo_notifier.notices.several import said_of_rest, since_then
from testmo_notifier.notices.story import news
from testmo_notifier.notices.view import BLOCKED, PASSED, SYMBOLS, Limits, count, run_view

MAX_TESTS_CHARS: Final = 9_000  # of fifty tests in one line; rich text takes them where a section does not
MAX_SLACK_TEXT_CHARS: Final = 3_900  # Slack recommends at most 4,000 and may cut what is longer anywhere

GROWTH: Final = len("&amp;")  # what a character becomes at most
DATE_UNITS: Final = len(f"<!date^^{slack_blocks.DATE_FORMAT}|>")  # and what comes with a date

MIN_NAMED: Final = 20  # results that every message names, whatever is in them
MAX_LINE_BLOCKS: Final = 45  # lines that are a block each: Slack takes 50. Where room is short, lines share some

BLOCKS_A_PART: Final = 3  # beside its lines: what it is about, the totals of a run, how many are not named
RUNS_A_BLOCK: Final = 9  # of a message about several runs

# The first with which a message fits is sent: marks take more room than letters. Each names 20 results.
TEXT_LIMITS: Final = (
    Limits(results=20, tests=20, name_chars=60, note_chars=0, details=False),
    Limits(results=20, tests=20, name_chars=40, note_chars=0, details=False, since=False),
    Limits(results=20, tests=20, name_chars=20, note_chars=0, details=False, story=False),
)

# From generous to bare: the first that fits is sent. The last one always names 20 results.
SLACK_LIMITS: Final = (
    Limits(results=30, tests=50, name_chars=150, note_chars=300),
    Limits(results=30, tests=30, name_chars=150, note_chars=300, since=False),
    Limits(results=30, tests=30, name_chars=150, note_chars=120, since=False),
    Limits(results=20, tests=20, name_chars=120, note_chars=300),
    Limits(results=20, tests=20, name_chars=120, note_chars=100),
    Limits(results=20, tests=20, name_chars=100, note_chars=0),
    Limits(results=20, tests=20, name_chars=100, note_chars=0, issue_links=False),
    Limits(results=20, tests=20, name_chars=60, note_chars=0, details=False, story=False),
)

# The same of messages about several runs.
SEVERAL_TEXT_LIMITS: Final = (
    Limits(results=8, tests=3, runs=15, name_chars=60, note_chars=0, details=False, story=False),
    Limits(results=4, tests=1, runs=6, name_chars=40, note_chars=0, details=False, story=False),
    Limits(results=1, tests=1, runs=1, name_chars=20, note_chars=0, details=False, story=False),
)
# From generous to bare: the first that fits is sent, and if none does, the text alone.
SEVERAL_LIMITS: Final = (
    Limits(results=12, tests=8, runs=45, name_chars=80, note_chars=200, alike=RUNS_A_BLOCK),
    Limits(results=10, tests=5, runs=45, alike=RUNS_A_BLOCK, name_chars=60, note_chars=0),
    Limits(results=8, tests=3, runs=45, alike=RUNS_A_BLOCK, name_chars=40, note_chars=0, details=False, story=False),
    Limits(results=5, tests=3, runs=25, alike=RUNS_A_BLOCK, name_chars=40, note_chars=0, details=False, story=False),
    Limits(results=3, tests=1, runs=8, alike=RUNS_A_BLOCK, name_chars=20, note_chars=0, details=False, story=False),
)


def slack_payload(renderer: Renderer, digest: Digest) -> dict[str, object]:
    """The payload of a Slack webhook: blocks, and a text for notifications and screen readers.

    The attachment has the details, because only attachments have a colour; what is in blocks of an attachment alone
    would be shown twice.
    """
    if digest.is_silent:
        return with_text(slack_blocks.fallback(in_a_line(digest)))
    calls = called(digest.mentions, renderer.people) if digest.about in (FAILING, FOLDED) else ""
    texts: list[str] = []
    in_text, in_blocks = limits_of(renderer, digest)
    for few in in_text:
        texts.append(text_of(renderer, digest, few, calls))
        for limits in in_blocks if utf16_units(texts[-1]) <= MAX_SLACK_TEXT_CHARS else ():
            limits = replace(limits, fold=folds(renderer, digest))  # noqa: PLW2901 - the same, as this team has it
            view = renderer.view(digest, limits, with_links=True)
            lines = sum(len(one.lines) + BLOCKS_A_PART for one in view.also) + len(view.lines)
            for has_own_blocks in dict.fromkeys(lines <= most for most in (MAX_LINE_BLOCKS, MIN_NAMED)):
                if made := Draft(renderer, view, calls, has_own_blocks).payload(texts[-1]):
                    return made
    size = f"gave over {MAX_CHARS} characters in all, so that the text goes out alone"
    renderer.problems.append(Problem(size, SHORTEN_IT, file="slack_result.j2"))
    return with_text(next((text for text in texts if utf16_units(text) <= MAX_SLACK_TEXT_CHARS), texts[-1]))


def in_a_line(digest: Digest) -> str:
    """What nobody is to hear of, in words, for whoever finds it in a queue."""
    run = without_marks(run_view(digest))
    counts = [f"{n} {count(status, 0, n).word}" for status, n in digest.counts.items() if digest.about == FAILING]
    said = [*counts, since_then(digest), *said_of_rest([digest])] if digest.about == FAILING else [news(digest, None)]
    return f"{', '.join(filter(None, said))}: {run.name}"


def limits_of(renderer: Renderer, digest: Digest) -> tuple[Iterable[Limits], Iterable[Limits]]:
    """How much of a digest its text and its blocks show, from generous to bare."""
    if digest.about == FOLDED:
        return at_most(SEVERAL_TEXT_LIMITS, renderer.lines), at_most(SEVERAL_LIMITS, renderer.lines)
    return tries(TEXT_LIMITS, renderer.lines and min(renderer.lines, MIN_NAMED)), tries(SLACK_LIMITS, renderer.lines)


def tries(every: Sequence[Limits], lines: int | None) -> Iterable[Limits]:
    """The limits in their order, with as many tests as a destination asks for; should that be too much, with fewer."""
    if lines is None:
        return every
    asked = [replace(limits, results=lines, tests=lines) for limits in every]
    return dict.fromkeys((*asked, replace(asked[-1], results=min(lines, MIN_NAMED), tests=min(lines, MIN_NAMED))))


def at_most(every: Sequence[Limits], lines: int | None) -> Sequence[Limits]:
    """The limits in their order, with no more causes than a destination asks for lines."""
    return [replace(limits, results=min(lines, limits.results)) for limits in every] if lines else every


def folds(renderer: Renderer, digest: Digest) -> bool:
    """Whether equal notes share a line: not where a team words each result itself, and not such a line."""
    own = [renderer.has_own(name, digest.about) for name in ("slack_result.j2", "slack_tests.j2")]
    return own != [True, False]


def text_of(renderer: Renderer, digest: Digest, limits: Limits, calls: str) -> str:
    """What notifications say, and whom they call: behind the first line, which says what it is about."""
    view = renderer.view(digest, limits)
    text, *also = (slack_blocks.fallback(renderer.text("slack_text.j2", one)) for one in (view, *view.also))
    first, _, rest = text.partition("\n")
    return "\n".join(filter(None, (first, slack_blocks.fallback(calls), rest, *also)))


@dataclass(frozen=True, slots=True)
class Draft:
    """One try: a view with whom the message calls, and whether each line has a block of its own."""

    renderer: Renderer
    view: MessageView
    calls: str
    has_own_blocks: bool
    unheard: list[str] = field(default_factory=list)  # whom a team's own templates call where Slack tells nobody

    def top(self) -> Iterator[slack_blocks.Block]:
        """What is to be seen first."""
        yield slack_blocks.header(self.renderer.text("slack_header.j2", self.view))
        yield slack_blocks.context(self.renderer.text("slack_summary.j2", self.view))
        if self.calls:
            yield slack_blocks.section(self.calls)

    def details(self, top: object) -> Iterator[slack_blocks.Block]:
        """From the first line to the last: how many are not named, or whatever a team says there.

        Where the top has no link to the run, because it is a team's own, the last line has it.
        """
        view, text = self.view, self.renderer.text
        yield from self.lines(view)
        more, is_own = self.renderer.own_text("slack_more.j2", view)
        if view.more or view.parts or is_own or compact(escape(view.run.url)).strip('"') not in compact(top):
            self.unheard.extend(calls_in(more))
            yield slack_blocks.context(more)
        for one in view.also:
            yield slack_blocks.section(slack_blocks.bold(text("slack_header.j2", one)))
            yield from self.lines(one)
            if one.more and one.lines:
                yield slack_blocks.context(text("slack_more.j2", one))
        for some in by_blocks(view.parts):
            written = "\n".join(text("slack_run.j2", view, part) for part in some)
            self.unheard.extend(calls_in(written))
            yield slack_blocks.section(written)

    def lines(self, view: MessageView) -> Iterator[slack_blocks.Block]:
        """Those of one digest; of the end of a run its totals first."""
        text = self.renderer.text
        if view.about == FINISHED:
            yield slack_blocks.section(text("slack_totals.j2", view))
        lines = (text("slack_tests.j2" if line.tests else "slack_result.j2", view, line) for line in view.lines)
        for written in lines if self.has_own_blocks else together(lines):
            self.unheard.extend(calls_in(written))
            yield slack_blocks.section(written)

    def payload(self, text: str) -> dict[str, object] | None:
        """The whole, or None: what comes behind the first block without room is not even rendered."""
        top: list[slack_blocks.Block] = []
        details: list[slack_blocks.Block] = []
        attachment = {"color": color(self.view), "fallback": fallback(self.view), "blocks": details}
        made = with_text(text) | {"blocks": top, "attachments": [attachment]}
        room = MAX_CHARS - utf16_units(compact(made))
        for kept, blocks in ((top, self.top()), (details, self.details(top))):
            for block in blocks:
                room -= utf16_units(compact(block)) + (1 if kept else 0)  # a comma
                if room < 0:
                    return None
                kept.append(block)
        if calls := " ".join(dict.fromkeys(self.unheard)):
            top.append(slack_blocks.section(calls))
        return made if utf16_units(compact(made)) <= MAX_CHARS else None


def together(written: Iterable[str]) -> Iterator[str]:
    """Lines in as few blocks as will do; what costs the room of rich text costs it alone."""
    kept = ""
    for line in written:
        both = f"{kept}\n\n{line}" if kept else line
        if slack_blocks.is_risky(both) or utf16_units(slack_blocks.as_mrkdwn(both)) > MAX_SECTION_CHARS:
            yield from filter(None, [kept])
            kept = line
        else:
            kept = both
    yield from filter(None, [kept])


def by_blocks(parts: Iterable[PartView]) -> Iterator[list[PartView]]:
    """The lines of runs, as many in a block as it has room for."""
    block: list[PartView] = []
    for part in parts:
        if block and sum(1 + len(one.others) for one in (*block, part)) > RUNS_A_BLOCK:
            yield block
            block = []
        block.append(part)
    yield from filter(None, [block])


def color(view: MessageView) -> str:
    """What a reader sees before a word is read; never alone, the words say it too."""
    if view.symbol == SYMBOLS[PASSED]:
        return slack_blocks.GREEN
    is_blocked = view.about in (FAILING, FOLDED) and {count.symbol for count in view.counts} == {SYMBOLS[BLOCKED]}
    return slack_blocks.AMBER if is_blocked else slack_blocks.RED


def fallback(view: MessageView) -> str:
    """What stands for the details where a client draws none."""
    return view.news or ", ".join(f"{count.n} {count.word}" for count in view.counts)


def with_text(text: str) -> dict[str, object]:
    """A payload without blocks."""
    return {"text": text, "unfurl_links": False, "unfurl_media": False}


def compact(payload: object) -> str:
    """JSON without a blank between its parts: rich text has many of them."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def weighed(name: str, text: str) -> tuple[str, int]:
    """What is shown, and its length as Slack counts it; of a short text in which there is something to see, a guess."""
    most = GROWTH * utf16_units(text) + DATE_UNITS * text.count(DATE)
    if most <= RENDERING.max_weight[name] and slack_blocks.SEEN.search(text):
        return text, most
    return slack_blocks.shown(text), utf16_units(slack_blocks.as_mrkdwn(text))


RENDERING: Final = Rendering(
    message=lambda renderer, outgoing: ("", compact(slack_payload(renderer, outgoing.digest))),
    max_weight={
        "slack_header.j2": 100_000,  # clipped afterwards
        "slack_summary.j2": MAX_SECTION_CHARS,
        "slack_result.j2": MAX_SECTION_CHARS,
        "slack_tests.j2": MAX_TESTS_CHARS,
        "slack_totals.j2": MAX_SECTION_CHARS,
        "slack_run.j2": MAX_SECTION_CHARS,
        "slack_more.j2": MAX_SECTION_CHARS,
        "slack_text.j2": MAX_SLACK_TEXT_CHARS,
    },
    versatile=frozenset({"slack_tests.j2", "slack_totals.j2", "slack_run.j2"}),
    environment=slack_environment,
    weighed=weighed,
    aside=aside,
)
