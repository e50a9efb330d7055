from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tools.inbox.receiver import WEBHOOK_PATH, Inbox
from tools.maintain.chromium import Chromium, NoChromium

NOW = datetime(2026, 11, 23, 14, 3, tzinfo=UTC)

CHANNEL = "C012AB3CD"

Ask = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox(0, now=lambda: NOW) as inbox:
        yield inbox


@pytest.fixture
def ask(inbox: Inbox) -> Ask:
    """Ask the inbox over HTTP: status, headers, body."""
    return lambda *args, **kwargs: request(inbox.url, *args, **kwargs)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    try:
        browser = Chromium()
    except NoChromium as exc:
        pytest.skip(f"the page is not looked at: {exc}")
    with browser:
        yield browser


@pytest.fixture
def browser(chromium: Chromium, inbox: Inbox) -> Iterator[Chromium]:
    """A browser that shows the inbox, live, in English and UTC, by day."""
    chromium.go(inbox.url)
    chromium.until("document.getElementById('state').dataset.is === 'live'")
    yield chromium
    chromium.go("about:blank")


def request(
    url: str,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    host: str | None = None,
    token: str | None = None,
) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    given = {"Host": host, "Authorization": f"Bearer {token}" if token else None}
    try:
        connection.request(method, path, body, {name: value for name, value in given.items() if value})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def post(inbox: Inbox, payload: object) -> tuple[int, bytes]:
    status, _, body = request(inbox.url, WEBHOOK_PATH, method="POST", body=json.dumps(payload).encode())
    return status, body


def call(inbox: Inbox, method: str, **values: object) -> str:
    """A bot's call; the `ts` of the message, or Slack's word for what is wrong."""
    given = json.dumps({"channel": CHANNEL, **values}).encode()
    told = json.loads(request(inbox.url, f"/api/{method}", method="POST", body=given, token="xoxb-1")[2])
    return str(told["ts"] if told["ok"] else told["error"])


def section(text: str, *, kind: str = "mrkdwn", verbatim: bool = True) -> dict[str, Any]:
    """A payload with one section."""
    words = {"type": kind, "text": text} | ({"verbatim": verbatim} if kind == "mrkdwn" else {})
    return {"text": "x", "blocks": [{"type": "section", "text": words}]}


def arrived(browser: Chromium, count: int) -> None:
    browser.until(f"document.querySelectorAll('#list li').length === {count}")
