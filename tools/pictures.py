"""`testmo-notifier pictures`: the README's pictures, taken from the inbox page, which draws what the renderer writes.

The messages are those of the scenario `release-day` at a fixed time. Next to the pictures lies a fingerprint of what
they were made from: nothing is written while it still holds, and a test fails when it does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tools.captures import SENDER
from tools.chromium import Chromium
from tools.environment import EMAIL_ADDRESS
from tools.inbox.receiver import FILES, PAGE, Inbox
from tools.rehearsal import Sent, rehearse

SCENARIO: Final = "release-day"
START: Final = datetime(2026, 11, 23, 14, 1, tzinfo=UTC)  # the first failure is saved at 14:03
FINGERPRINT: Final = "made-from.sha256"
WIDTH, HEIGHT, SCALE = 1160, 1000, 2


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: which message is chosen, and which part of the page is shown, from one element to another.

    `entry` counts what arrived from 1; `margin` is left around the elements.
    """

    name: str
    entry: int
    first: str
    last: str
    margin: int
    is_dark: bool = False


SLACK: Final = (10, "#channel .message:nth-of-type(1)", "#channel .message:nth-of-type(2)", 0)
PICTURES: Final = (
    Picture("slack.png", *SLACK),
    Picture("slack-dark.png", *SLACK, is_dark=True),
    Picture("mail.png", 5, ".mail", ".mail", 24),
    Picture("inbox.png", 4, "body", "body", 0),
)


def make(folder: Path) -> bool:
    """Take every picture; False if those in the folder are up to date."""
    sent = messages()
    wanted = fingerprint(sent)
    if all((folder / picture.name).exists() for picture in PICTURES) and recorded(folder) == wanted:
        return False
    time = START
    with Inbox(0, now=lambda: time) as inbox:
        for one in sent:
            time = one.at
            show(inbox, one)
        taken = take(inbox.url, len(sent))
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in taken.items():
        (folder / name).write_bytes(image)
    (folder / FINGERPRINT).write_text(wanted + "\n")
    return True


def messages() -> list[Sent]:
    """What the pictures show."""
    return rehearse(SCENARIO, start=START)


def fingerprint(sent: Sequence[Sent]) -> str:
    """Changes when a message or the page does."""
    made_from = hashlib.sha256()
    for one in sent:
        words = [one.at.isoformat(), one.notification.destination, one.notification.subject, one.notification.message]
        made_from.update(json.dumps(words).encode())
    for name, _ in FILES.values():
        made_from.update((PAGE / name).read_bytes())
    made_from.update(repr(PICTURES).encode())
    return made_from.hexdigest()


def recorded(folder: Path) -> str:
    """The fingerprint of the pictures that are there, empty if there are none."""
    path = folder / FINGERPRINT
    return path.read_text().strip() if path.exists() else ""


def show(inbox: Inbox, sent: Sent) -> None:
    """Let the inbox receive a message."""
    notification = sent.notification
    if notification.channel == "slack":
        inbox.show_slack(json.loads(notification.message))
    elif notification.channel == "email":
        inbox.show_mail(
            subject=notification.subject, sender=SENDER, to=EMAIL_ADDRESS, body=notification.message
        )
    else:
        inbox.show_event(notification.message)


def take(url: str, count: int) -> dict[str, bytes]:
    """The pictures by file name."""
    taken = {}
    with Chromium(width=WIDTH, height=HEIGHT, scale=SCALE) as browser:
        browser.go(url)
        browser.until(f"document.querySelectorAll('#list li').length === {count}")
        for picture in PICTURES:
            browser.dark(picture.is_dark)
            browser.ask(f"document.querySelector('#list a[href=\"#{picture.entry}\"]').click()")
            browser.ask("document.activeElement.blur()")
            browser.until("[...document.images].every(image => image.complete)")
            left, top, right, bottom = browser.ask(
                f"""(() => {{
                    const first = document.querySelector({json.dumps(picture.first)}).getBoundingClientRect();
                    const last = document.querySelector({json.dumps(picture.last)}).getBoundingClientRect();
                    return [first.left, first.top, last.right, last.bottom];
                }})()"""
            )
            margin = picture.margin
            taken[picture.name] = browser.picture(
                x=left - margin, y=top - margin, width=right - left + 2 * margin, height=bottom - top + 2 * margin
            )
    return taken
