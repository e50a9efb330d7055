"""A digest as a Slack message, as mail and as a JSON event. Pure: templates and values in, texts out.

Templates write the words, this module builds the JSON and keeps the limits: Slack refuses a message that is too
large as a whole, SNS a subject with a line break. Escaping is the last step and belongs to the channel. A template
that breaks never loses a message: the built-in text goes out instead, and `problems` names template and line.
"""

from __future__ import annotations

import json
import traceback
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jinja2.exceptions import TemplateSyntaxError

from testmo_notifier.context import MessageView, ResultView
from testmo_notifier.issues import IssueLinks
from testmo_notifier.model import Digest, NamedResult, Notification, Outgoing
from testmo_notifier.notation import escape, plain_environment, slack_environment
from testmo_notifier.text import clip, one_line
from testmo_notifier.view import NO_LINKS, Limits, message_view

BUILT_IN: Final = Path(__file__).parent / "templates"
EVENT_SCHEMA: Final = 1
MAX_HEADER_CHARS: Final = 150  # https://docs.slack.dev/reference/block-kit/blocks/header-block
MAX_SECTION_CHARS: Final = 3_000  # https://docs.slack.dev/reference/block-kit/blocks/section-block
MAX_SLACK_CHARS: Final = 12_000  # of the whole payload; Slack's own limit is unpublished, seen at about 13,200
MAX_SLACK_TEXT_CHARS: Final = 3_900  # Slack recommends at most 4,000 and may cut what is longer anywhere
MAX_SUBJECT_CHARS: Final = 99  # SNS wants fewer than 100, https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MAX_EMAIL_BYTES: Final = 240_000  # SNS takes 256 KiB with attributes; 50 results of hostile notes are about half of it
EMAIL_LIMITS: Final = Limits(results=50, name_chars=200, note_chars=500)
TEXT_LIMITS: Final = Limits(results=20, name_chars=60, note_chars=0, details=False)

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
    "slack_header.j2": 100_000,  # clipped afterwards, before it is escaped
    "slack_summary.j2": MAX_SECTION_CHARS,
    "slack_result.j2": MAX_SECTION_CHARS,
    "slack_more.j2": MAX_SECTION_CHARS,
    "slack_text.j2": MAX_SLACK_TEXT_CHARS,
    "email_subject.j2": 100_000,  # folded to ASCII and clipped afterwards
    "email_body.j2": MAX_EMAIL_BYTES,
}


class Renderer:
    """Renders digests. `overrides` is a folder of a team's own templates; `problems` fills when one breaks."""

    def __init__(self, time_zone: tzinfo, overrides: Path | None = None, links: IssueLinks = NO_LINKS) -> None:
        self.problems: list[str] = []
        self._links = links
        own = [FileSystemLoader(overrides, encoding="utf-8-sig")] if overrides else []
        built_in = FileSystemLoader(BUILT_IN)
        # A team's template may say {% extends "built_in/email_body.j2" %} and change one block of it.
        everything = ChoiceLoader([*own, built_in, PrefixLoader({"built_in": built_in})])
        self._slack = [slack_environment(loader, time_zone) for loader in (everything, built_in)]
        self._plain = [plain_environment(loader, time_zone) for loader in (everything, built_in)]

    def notification(self, outgoing: Outgoing) -> Notification:
        """One digest for one destination."""
        channel = outgoing.destination.partition(":")[0]
        subject = ""
        if channel == "slack":
            message = json.dumps(self.slack(outgoing.digest), ensure_ascii=False)
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
        text = self._render(self._slack, "slack_text.j2", message_view(digest, TEXT_LIMITS))
        bare = {"text": text, "unfurl_links": False, "unfurl_media": False}
        for limits in SLACK_LIMITS:
            payload = {**bare, "blocks": self._blocks(message_view(digest, limits, self._links))}
            if utf16_units(json.dumps(payload, ensure_ascii=False)) <= MAX_SLACK_CHARS:
                return payload
        self.problems.append(f"slack_result.j2 gave over {MAX_SLACK_CHARS} characters in all: the text goes out alone")
        return bare

    def email(self, digest: Digest) -> tuple[str, str]:
        """Subject and body of a mail."""
        view = message_view(digest, EMAIL_LIMITS, self._links)
        subject = self._render(self._plain, "email_subject.j2", view)
        return ascii_subject(subject, digest.run_id), self._render(self._plain, "email_body.j2", view) + "\n"

    def _blocks(self, view: MessageView) -> list[dict[str, object]]:
        header = escape(clip(" ".join(self._render(self._plain, "slack_header.j2", view).split()), MAX_HEADER_CHARS))
        lines = [self._render(self._slack, "slack_result.j2", view, result) for result in view.results]
        return [
            {"type": "header", "text": {"type": "plain_text", "text": header}},
            {"type": "context", "elements": [mrkdwn(self._render(self._slack, "slack_summary.j2", view))]},
            {"type": "divider"},
            *[section(line) for line in lines],
            {"type": "context", "elements": [mrkdwn(self._render(self._slack, "slack_more.j2", view))]},
        ]

    def _render(
        self,
        environments: Sequence[Environment],
        name: str,
        view: MessageView,
        result: ResultView | None = None,
    ) -> str:
        """A text by the team's template, else by the built-in one, else without any."""
        for environment in environments:
            try:
                text = environment.get_template(name).render(message=view, result=result).strip("\n")
                length = len(text.encode()) if name == "email_body.j2" else utf16_units(text)
            except Exception as exc:  # noqa: BLE001 - a template can raise whatever Python can, and must lose nothing
                self.problems.append(template_problem(name, exc))
                continue
            if text.strip() and length <= MAX_WEIGHT[name]:
                return text
            size = f"gave {length} characters, more than {MAX_WEIGHT[name]}" if text.strip() else "gave no text"
            self.problems.append(f"{name} {size}")
        return last_resort(view, result)


def template_problem(name: str, exc: Exception) -> str:
    """Template, line and what is wrong, in words."""
    line = exc.lineno if isinstance(exc, TemplateSyntaxError) else None
    for frame in traceback.extract_tb(exc.__traceback__):
        if frame.filename.endswith(".j2"):
            name, line = Path(frame.filename).name, frame.lineno
    return f"{name}, line {line or '?'}: {type(exc).__name__}: {one_line(str(exc), 200)}"


def last_resort(view: MessageView, result: ResultView | None) -> str:
    """What goes out when even a built-in template breaks."""
    if result is not None:
        return escape(f"{result.symbol} {result.status}: {result.name}")
    counts = ", ".join(f"{count.n} {count.word}" for count in view.counts)
    return escape(f"{counts}: {view.run.name}")


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
        **asdict(result),
        "created_at": iso(result.created_at),
        "updated_at": iso(result.updated_at),
        "issues": [issue.display_id for issue in result.issues],
        "issue_urls": [links.url(issue) or None for issue in result.issues],
    }


def utf16_units(text: str) -> int:
    """The length of a text as Slack counts it: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def iso(moment: datetime | None) -> str | None:
    """`2026-11-23T14:03:00.000Z`."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z" if moment else None


def mrkdwn(text: str) -> dict[str, object]:
    """A text object in which Slack looks for nothing by itself: no bare address, no @name, no #channel."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def section(text: str) -> dict[str, object]:
    """A block of text."""
    return {"type": "section", "text": mrkdwn(text)}


def ascii_subject(text: str, run_id: int) -> str:
    """A subject that SNS takes: ASCII on one line, fewer than 100 characters, accents folded."""
    folded = unicodedata.normalize("NFKD", " ".join(text.split())).encode("ascii", "ignore").decode()
    subject = " ".join("".join(char for char in folded if char.isprintable()).split())
    if subject.endswith(":"):  # nothing of the run's name is left, in Japanese say
        subject += f" run {run_id}"
    return subject if len(subject) <= MAX_SUBJECT_CHARS else subject[: MAX_SUBJECT_CHARS - 3].rstrip() + "..."
