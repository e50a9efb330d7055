"""A digest as mail. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from testmo_notifier.channels.channel import Rendering
from testmo_notifier.channels.notation import plain_environment
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import FOLDED, Digest
from testmo_notifier.notices.view import Limits
from testmo_notifier.text.cleaning import printable
from testmo_notifier.text.shortening import clip

MAX_SUBJECT_CHARS: Final = 99  # SNS wants fewer than 100, https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MAX_EMAIL_BYTES: Final = 240_000  # SNS takes 256 KiB with attributes; 50 results of hostile notes are about half of it
EMAIL_LIMITS: Final = Limits(results=50, name_chars=200, note_chars=500)  # of a mail about one run
SEVERAL_LIMITS: Final = Limits(results=30, tests=45, runs=45, name_chars=200, note_chars=200)  # of one about several
SUBJECT, BODY = "email_subject.j2", "email_body.j2"


def mail(renderer: Renderer, digest: Digest) -> tuple[str, str]:
    """Subject and body of a mail."""
    lines = renderer.lines or EMAIL_LIMITS.results
    limits = replace(EMAIL_LIMITS, results=lines, tests=lines)
    if digest.about == FOLDED:
        limits = replace(SEVERAL_LIMITS, results=min(lines, SEVERAL_LIMITS.results))
    view = renderer.view(digest, limits, with_links=True)
    body, *also = (renderer.text(BODY, one) for one in (view, *view.also))
    rest = "".join(f"\n\n\n{one}" for one in also)
    if len(body.encode()) + len(rest.encode()) > MAX_EMAIL_BYTES:
        rest = "".join(f"\n\n{one.news}" for one in view.also)
    return mail_subject(renderer.text(SUBJECT, view)), f"{body}{rest}\n"


def mail_subject(text: str) -> str:
    """A subject that SNS takes: UTF-8 on one line without control characters, fewer than 100 characters."""
    return clip(" ".join(printable(text).split()), MAX_SUBJECT_CHARS)


def weighed(name: str, text: str) -> tuple[str, int]:
    """A body in bytes, and what is left of a subject: where that is nothing, another template is tried."""
    return (text, len(text.encode())) if name == BODY else (mail_subject(text), len(text))


RENDERING: Final = Rendering(
    message=lambda renderer, outgoing: mail(renderer, outgoing.digest),
    max_weight={SUBJECT: 100_000, BODY: MAX_EMAIL_BYTES},  # a subject is clipped afterwards
    environment=plain_environment,
    weighed=weighed,
)
