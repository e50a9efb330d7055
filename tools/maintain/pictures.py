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

from tools.inbox.receiver import FILES, PAGE, Inbox
from tools.lib.processes import ROOT
from tools.maintain.chromium import Chromium
from tools.settings.rehearsal import Sent, rehearse

FOLDER: Final = ROOT / "docs" / "pictures"
SCENARIO: Final = "release-day"
START: Final = datetime(2026, 11, 23, 14, 1, tzinfo=UTC)  # the first failure is saved at 14:03
FINGERPRINT: Final = "made-from.sha256"
EDGES: Final = """(() => {
    const found = [...document.querySelectorAll(%s)].map(element => element.getBoundingClientRect());
    return [found[0].left, found[0].top, found.at(-1).right, found.at(-1).bottom];
})()"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: how large the window is, which message is chosen, which elements are shown.

    `entry` counts what arrived from 1. Of several elements everything from the first to the last is shown, with
    `margins` at the sides, and above and below.
    """

    name: str
    window: tuple[int, int]
    entry: int
    elements: str
    margins: tuple[int, int] = (0, 0)
    scale: float = 1.75  # sharp on fine screens, and below 200 KB
    is_dark: bool = False


LAST_SLACK: Final = 13  # chosen, and thereby marked, out of the picture
FIRST_TWO: Final = "#channel .message:nth-of-type(-n + 2)"
PICTURES: Final = (
    Picture("slack.png", (1010, 1600), LAST_SLACK, FIRST_TWO, (0, 10)),
    Picture("slack-dark.png", (1010, 1600), LAST_SLACK, FIRST_TWO, (0, 10), is_dark=True),
    Picture("mail.png", (1010, 1000), 5, ".mail", (24, 24)),
    Picture("inbox.png", (1000, 540), LAST_SLACK, "body", scale=1.5),
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
            told = one.notification
            inbox.show(told.channel, told.message, subject=told.subject)
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
    for name in FILES.values():
        made_from.update((PAGE / name).read_bytes())
    made_from.update(repr(PICTURES).encode())
    return made_from.hexdigest()


def recorded(folder: Path) -> str:
    """The fingerprint of the pictures that are there, empty if there are none."""
    path = folder / FINGERPRINT
    return path.read_text().strip() if path.exists() else ""


def take(url: str, count: int) -> dict[str, bytes]:
    """The pictures by file name."""
    taken = {}
    with Chromium() as browser:
        for picture in PICTURES:
            browser.go(url, window=picture.window, scale=picture.scale, is_dark=picture.is_dark)
            browser.until(f"document.querySelectorAll('#list li').length === {count}")
            browser.ask(f"document.querySelector('#list a[href=\"#{picture.entry}\"]').click()")
            browser.ask("document.activeElement.blur()")
            browser.until("document.fonts.status === 'loaded' && [...document.images].every(image => image.complete)")
            left, top, right, bottom = browser.ask(EDGES % json.dumps(picture.elements))
            aside, above = picture.margins
            taken[picture.name] = browser.picture(
                x=left - aside, y=top - above, width=right - left + 2 * aside, height=bottom - top + 2 * above
            )
    return taken
