"""An incoming webhook on this machine: takes what Slack would take, answers what Slack would answer, shows it.

`POST` on the webhook's path receives, `GET /` is a page for people, `GET /messages.json` one for programs.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

from tools import blocks
from tools.simulator import stamps
from tools.simulator.answers import Answer, as_html, as_json
from tools.simulator.loopback import LoopbackServer, Received, Reply

WEBHOOK_PATH: Final = "/services/T0000LOCAL/B0000LOCAL/inbox"


@dataclass(frozen=True, slots=True)
class Message:
    """A Slack message that arrived."""

    payload: dict[str, object]
    at: datetime


class Inbox:
    """Receives on 127.0.0.1; `arrived` is called for each message, in the thread that received it."""

    def __init__(
        self,
        port: int,
        *,
        arrived: Callable[[Message], None] = lambda _: None,
        now: Callable[[], datetime] = stamps.utc_now,
    ) -> None:
        self.messages: list[Message] = []
        self._arrived = arrived
        self._now = now
        self._server = LoopbackServer(port, handle=self._handle, now=now)

    @property
    def url(self) -> str:
        """The page for people."""
        return self._server.url

    @property
    def webhook(self) -> str:
        """The address to post to."""
        return self._server.url + WEBHOOK_PATH

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop()

    def _handle(self, received: Received) -> Reply:
        path = received.target.partition("?")[0]
        if received.method == "POST":
            return Reply(self._receive(path, received.body))
        if path == "/messages.json":
            return Reply(as_json([message.payload for message in self.messages]))
        if path == "/":
            return Reply(as_html(self._page(), status=HTTPStatus.OK))
        return Reply(as_html("Not here.", status=HTTPStatus.NOT_FOUND))

    def _receive(self, path: str, body: bytes) -> Answer:
        if path != WEBHOOK_PATH:
            return _plain("no_service", HTTPStatus.NOT_FOUND)
        try:
            payload = json.loads(body)
        except ValueError:
            payload = None
        if not isinstance(payload, dict):
            return _plain("invalid_payload", HTTPStatus.BAD_REQUEST)
        if not payload.get("text"):
            return _plain("no_text", HTTPStatus.BAD_REQUEST)
        message = Message(payload, self._now())
        self.messages.append(message)
        self._arrived(message)
        return _plain("ok", HTTPStatus.OK)

    def _page(self) -> str:
        shown = "".join(
            f"<article><time>{message.at:%H:%M:%S}</time><pre>{html.escape(blocks.as_text(message.payload))}</pre></article>"
            for message in reversed(self.messages)
        )
        return (
            "<!doctype html><meta charset=utf-8><title>Inbox</title>"
            "<style>body{font:15px/1.5 system-ui;max-width:50rem;margin:2rem auto}pre{white-space:pre-wrap;"
            "font:inherit;border-left:4px solid #ccc;padding-left:1rem}time{color:#777}</style>"
            f"<h1>Inbox</h1>{shown or '<p>Nothing yet.</p>'}"
        )


def _plain(text: str, status: HTTPStatus) -> Answer:
    return Answer(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})
