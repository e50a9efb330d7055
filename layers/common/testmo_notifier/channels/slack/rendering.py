"""A digest as a Slack message. Pure.

Slack refuses a message that is too large as a whole, so the first try that fits is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from testmo_notifier.channels.channel import Rendering
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack import blocks as slack_blocks
from testmo_notifier.channels.slack.blocks import DATE_FORMAT
from testmo_notifier.channels.slack.notation import DATE, slack_environment
from testmo_notifier.errors import Problem
from testmo_notifier.model import Digest
from testmo_notifier.notices.context import MessageView
from testmo_notifier.notices.view import Limits

MAX_SECTION_CHARS: Final = 3_000  # https://docs.slack.dev/reference/block-kit/blocks/section-block
MAX_SLACK_CHARS: Final = 12_000  # of the whole payload; Slack's own limit is unpublished, seen at about 13,200
MAX_SLACK_TEXT_CHARS: Final = 3_900  # Slack recommends at most 4,000 and may cut what is longer anywhere

GROWTH: Final = len("&amp;")  # what a character becomes at most
DATE_UNITS: Final = len(f"<!date^^{DATE_FORMAT}|>")  # and what comes with a date

NO_BLOCKS: Final[dict[str, object]] = {"blocks": []}

# The first with which a message fits is sent: marks take more room than letters. Each names 20 results.
TEXT_LIMITS: Final = tuple(Limits(results=20, name_chars=chars, note_chars=0, details=False) for chars in (60, 40, 20))

# From generous to bare: the first that fits is sent. The last one always names 20 results.
SLACK_LIMITS: Final = (
    Limits(results=30, name_chars=150, note_chars=300),
    Limits(results=30, name_chars=150, note_chars=120),
    Limits(results=20, name_chars=120, note_chars=300),
    Limits(results=20, name_chars=120, note_chars=100),
    Limits(results=20, name_chars=100, note_chars=0),
    Limits(results=20, name_chars=100, note_chars=0, issue_links=False),
    Limits(results=20, name_chars=60, note_chars=0, details=False),
)


def slack_payload(renderer: Renderer, digest: Digest) -> dict[str, object]:
    """The payload of a Slack webhook: blocks, and a text for notifications and screen readers."""
    texts: list[str] = []
    for few in TEXT_LIMITS:
        texts.append(slack_blocks.fallback(renderer.text("slack_text.j2", renderer.view(digest, few))))
        made = with_text(texts[-1])
        for limits in SLACK_LIMITS if utf16_units(texts[-1]) <= MAX_SLACK_TEXT_CHARS else ():
            view = renderer.view(digest, limits, with_links=True)
            if blocks := fitting(blocks_of(renderer, view), MAX_SLACK_CHARS - utf16_units(compact(made | NO_BLOCKS))):
                return made | {"blocks": blocks}
    size = f"gave over {MAX_SLACK_CHARS} characters in all: the text goes out alone"
    renderer.problems.append(Problem(f"slack_result.j2 {size}", text=size, file="slack_result.j2"))
    return with_text(next((text for text in texts if utf16_units(text) <= MAX_SLACK_TEXT_CHARS), texts[-1]))


def blocks_of(renderer: Renderer, view: MessageView) -> Iterator[slack_blocks.Block]:
    """From the header to the last line."""
    yield slack_blocks.header(renderer.text("slack_header.j2", view))
    yield slack_blocks.context(renderer.text("slack_summary.j2", view))
    yield {"type": "divider"}
    for result in view.results:
        yield slack_blocks.section(renderer.text("slack_result.j2", view, result))
    yield slack_blocks.context(renderer.text("slack_more.j2", view))


def fitting(blocks: Iterable[slack_blocks.Block], room: int) -> list[slack_blocks.Block]:
    """All of them, or none: what comes behind the first without room is not even rendered."""
    made: list[slack_blocks.Block] = []
    for block in blocks:
        room -= utf16_units(compact(block)) + (1 if made else 0)  # a comma
        if room < 0:
            return []
        made.append(block)
    return made


def with_text(text: str) -> dict[str, object]:
    """A payload without blocks."""
    return {"text": text, "unfurl_links": False, "unfurl_media": False}


def compact(payload: object) -> str:
    """JSON without a blank between its parts: rich text has many of them."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def utf16_units(text: str) -> int:
    """The length of a text as Slack counts it: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


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
        "slack_more.j2": MAX_SECTION_CHARS,
        "slack_text.j2": MAX_SLACK_TEXT_CHARS,
    },
    environment=slack_environment,
    weighed=weighed,
)
