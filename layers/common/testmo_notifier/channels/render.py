"""A digest as a Slack message, as mail and as a JSON event. Pure: templates and values in, texts out.

Templates write the words, this module builds the JSON and keeps the limits: Slack refuses a message that is too
large as a whole, SNS a subject with a line break. A template that breaks, or that does not end, never loses a message:
the built-in text goes out instead, and `problems` names template and line.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from copy import copy
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jinja2.exceptions import TemplateSyntaxError

from testmo_notifier.channels.bounds import Bounds, TemplateStopped
from testmo_notifier.channels.notation import plain_environment, slack_environment, without_marks
from testmo_notifier.channels.slack import blocks as slack_blocks
from testmo_notifier.errors import Problem
from testmo_notifier.model import Digest, NamedResult, Notification, Outgoing, plain
from testmo_notifier.notices.context import MessageView, ResultView
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.text import clip, one_line, printable
from testmo_notifier.notices.view import NO_LINKS, Limits, message_view

BUILT_IN: Final = Path(__file__).parents[1] / "templates"
EVENT_SCHEMA: Final = 1
MAX_SECTION_CHARS: Final = 3_000  # https://docs.slack.dev/reference/block-kit/blocks/section-block
MAX_SLACK_CHARS: Final = 12_000  # of the whole payload; Slack's own limit is unpublished, seen at about 13,200
MAX_SLACK_TEXT_CHARS: Final = 3_900  # Slack recommends at most 4,000 and may cut what is longer anywhere
MAX_SUBJECT_CHARS: Final = 99  # SNS wants fewer than 100, https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MAX_EMAIL_BYTES: Final = 240_000  # SNS takes 256 KiB with attributes; 50 results of hostile notes are about half of it
EMAIL_LIMITS: Final = Limits(results=50, name_chars=200, note_chars=500)

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

# What must hold for a rendered text by template (email in bytes); one that breaks it is as good as a broken template.
MAX_WEIGHT: Final = {
    "slack_header.j2": 100_000,  # clipped afterwards
    "slack_summary.j2": MAX_SECTION_CHARS,
    "slack_result.j2": MAX_SECTION_CHARS,
    "slack_more.j2": MAX_SECTION_CHARS,
    "slack_text.j2": MAX_SLACK_TEXT_CHARS,
    "email_subject.j2": 100_000,  # clipped afterwards
    "email_body.j2": MAX_EMAIL_BYTES,
}


class Renderer:
    """Renders digests. `overrides` is a folder of a team's own templates; `problems` fills when one breaks."""

    def __init__(
        self,
        time_zone: tzinfo,
        overrides: Path | None = None,
        links: IssueLinks = NO_LINKS,
        clock: Callable[[], float] = lambda: 0.0,  # in seconds; without one a team's templates have steps alone
    ) -> None:
        self.problems: list[Problem] = []
        self._links = links
        self._overrides = overrides
        self._bounds = Bounds(clock)
        self._stopped: dict[str, Problem] = {}  # what did not end, and how that was told: it is not tried again
        built_in = FileSystemLoader(BUILT_IN)
        self._built_in = Environments(ChoiceLoader([built_in]), time_zone)
        # A team's template may say {% extends "built_in/email_body.j2" %} and change one block of it.
        own = [FileSystemLoader(overrides, encoding="utf-8-sig")] if overrides else []
        loader = ChoiceLoader([*own, built_in, PrefixLoader({"built_in": built_in})])
        self._own = Environments(loader, time_zone, self._bounds)

    def for_one_poll(self) -> Renderer:
        """The same, with its templates as they are compiled by now, that knows of no problem yet."""
        fresh = copy(self)
        fresh.problems, fresh._stopped = [], {}  # noqa: SLF001 - its own
        return fresh

    def notification(self, outgoing: Outgoing) -> Notification:
        """One digest for one destination."""
        channel = outgoing.destination.partition(":")[0]
        subject = ""
        if channel == "slack":
            message = compact(self.slack(outgoing.digest))
        elif channel == "email":
            subject, message = self.email(outgoing.digest)
        else:
            message = json.dumps(event(outgoing, self._links), ensure_ascii=False)
        return Notification(
            id=outgoing.id,
            destination=outgoing.destination,
            channel=channel,
            subject=subject,
            message=message,
            run_id=outgoing.digest.run_id,
            project_id=outgoing.digest.project_id,
            statuses=tuple(outgoing.digest.counts),
        )

    def slack(self, digest: Digest) -> dict[str, object]:
        """The payload of a Slack webhook: blocks, and a text for notifications and screen readers."""
        self._bounds.begin()
        texts: list[str] = []
        for few in TEXT_LIMITS:
            texts.append(slack_blocks.fallback(self._render("slack_text.j2", self._view(digest, few))))
            for limits in SLACK_LIMITS if utf16_units(texts[-1]) <= MAX_SLACK_TEXT_CHARS else ():
                blocks = self._blocks(self._view(digest, limits, self._links))
                payload = with_text(texts[-1]) | {"blocks": blocks}
                if utf16_units(compact(payload)) <= MAX_SLACK_CHARS:
                    return payload
        size = f"gave over {MAX_SLACK_CHARS} characters in all: the text goes out alone"
        self.problems.append(Problem(f"slack_result.j2 {size}", text=size, file="slack_result.j2"))
        return with_text(next((text for text in texts if utf16_units(text) <= MAX_SLACK_TEXT_CHARS), texts[-1]))

    def email(self, digest: Digest) -> tuple[str, str]:
        """Subject and body of a mail."""
        self._bounds.begin()
        view = self._view(digest, EMAIL_LIMITS, self._links)
        return mail_subject(self._render("email_subject.j2", view)), self._render("email_body.j2", view) + "\n"

    def _view(self, digest: Digest, limits: Limits, links: IssueLinks = NO_LINKS) -> MessageView:
        return without_marks(message_view(digest, limits, links))

    def _blocks(self, view: MessageView) -> list[dict[str, object]]:
        return [
            slack_blocks.header(self._render("slack_header.j2", view)),
            slack_blocks.context(self._render("slack_summary.j2", view)),
            {"type": "divider"},
            *[slack_blocks.section(self._render("slack_result.j2", view, result)) for result in view.results],
            slack_blocks.context(self._render("slack_more.j2", view)),
        ]

    def _render(self, name: str, view: MessageView, result: ResultView | None = None) -> str:
        """A text by the team's template, else by the built-in one, else without any."""
        for environments in self._environments(name):
            try:
                self._bounds.renew()
                template = environments.of(name).get_template(name)
                text = template.render(message=view, result=result).strip("\n")
                words, length = weighed(name, text)
            except Exception as exc:  # noqa: BLE001 - a template can raise whatever Python can, and must lose nothing
                self.problems.append(template_problem(name, exc))
                if isinstance(exc, TemplateStopped):
                    self._stopped[name] = self.problems[-1]
                    self._bounds.begin()  # the others have their own time
                continue
            if words.strip() and length <= MAX_WEIGHT[name]:
                return text
            size = f"gave {length} characters, more than {MAX_WEIGHT[name]}" if words.strip() else "gave no text"
            self.problems.append(Problem(f"{name} {size}", text=size, file=name))
        return last_resort(view, result)

    def _environments(self, name: str) -> Iterator[Environments]:
        """The team's, if it has a template of this name that is worth a try; then the one that is always there."""
        if self._overrides and (self._overrides / name).is_file():
            if name in self._stopped:
                self.problems.append(self._stopped[name])
            else:
                yield self._own
        yield self._built_in


class Environments:
    """One for each notation."""

    def __init__(self, loader: BaseLoader, time_zone: tzinfo, bounds: Bounds | None = None) -> None:
        self._slack = slack_environment(loader, time_zone, bounds)
        self._plain = plain_environment(loader, time_zone, bounds)

    def of(self, name: str) -> Environment:
        """The one that a template of this name is written for."""
        return self._slack if name.startswith("slack_") else self._plain


def with_text(text: str) -> dict[str, object]:
    """A payload without blocks."""
    return {"text": text, "unfurl_links": False, "unfurl_media": False}


def weighed(name: str, text: str) -> tuple[str, int]:
    """What a reader gets to see of a text, and how much it is: a mail in bytes, others as Slack counts."""
    if len(text) > 10 * MAX_WEIGHT[name]:  # far too much, and not worth the reading
        return text, len(text)
    if name.startswith("email_"):
        return text, len(text.encode()) if name == "email_body.j2" else utf16_units(text)
    return slack_blocks.shown(text), utf16_units(slack_blocks.as_mrkdwn(text))


def template_problem(name: str, exc: Exception) -> Problem:
    """Template, line and what is wrong."""
    line = exc.lineno if isinstance(exc, TemplateSyntaxError) else None
    for frame in traceback.extract_tb(exc.__traceback__):
        if frame.filename.endswith(".j2"):
            name, line = Path(frame.filename).name, frame.lineno
    kind, text = type(exc).__name__, one_line(str(exc), 200)
    words = f"{name}, line {line or '?'}: {kind}: {text}"
    return Problem(words, text=text, file=name, line=line or 1, kind=kind)


def last_resort(view: MessageView, result: ResultView | None) -> str:
    """What goes out when even a built-in template breaks."""
    if result is not None:
        return f"{result.symbol} {result.status}: {result.name}"
    counts = ", ".join(f"{count.n} {count.word}" for count in view.counts)
    return f"{counts}: {view.run.name}"


def event(outgoing: Outgoing, links: IssueLinks = NO_LINKS) -> dict[str, object]:
    """The JSON event: the same facts for machines. Its schema is docs/event.schema.json."""
    digest = outgoing.digest
    return {
        "schema": EVENT_SCHEMA,
        "id": outgoing.id,
        "run": {
            "id": digest.run_id,
            "name": digest.run_name,
            "project_id": digest.project_id,
            "project": digest.project_name,
            "url": digest.run_url,
            "milestone": digest.milestone,
            "configuration": digest.configuration,
            "tests": digest.counters.total,
            "completed": digest.counters.completed,
            "passed": digest.counters.success,
        },
        "total": digest.total,
        "omitted": digest.omitted,
        "counts": dict(digest.counts),
        "results": [event_result(result, links) for result in digest.results],
    }


def event_result(result: NamedResult, links: IssueLinks) -> dict[str, object]:
    """One result of an event: times as ISO text, issues by their tracker's key, and where each of them leads."""
    return {
        **plain(result),
        "created_at": iso(result.created_at),
        "updated_at": iso(result.updated_at),
        "issues": [issue.display_id for issue in result.issues],
        "issue_urls": [links.url(issue) or None for issue in result.issues],
    }


def compact(payload: object) -> str:
    """JSON without a blank between its parts: rich text has many of them."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def utf16_units(text: str) -> int:
    """The length of a text as Slack counts it: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def iso(moment: datetime | None) -> str | None:
    """`2026-11-23T14:03:00.000Z`."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z" if moment else None


def mail_subject(text: str) -> str:
    """A subject that SNS takes: UTF-8 on one line without control characters, fewer than 100 characters."""
    return clip(" ".join(printable(text).split()), MAX_SUBJECT_CHARS)
