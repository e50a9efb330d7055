"""An incoming webhook on this machine: takes what Slack would take, answers what Slack would answer, shows it.

`POST` on the webhook's path receives, `POST /api/…` is the Web API for bots, `GET /` is a page for people, `GET
/messages.json` one for programs. `local` adds the mail and the events it captures. Listens on loopback only, and
answers only those who call it by a name of loopback: a web page elsewhere that points its own name at 127.0.0.1 reads
nothing here.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from tools.inbox.entries import MAX_ENTRIES, Entries
from tools.inbox.workspace import API_PATH, Posted, Workspace
from tools.lib import stamps
from tools.lib.addresses import EMAIL_ADDRESS, SENDER
from tools.simulator.answers import Answer
from tools.simulator.loopback import LoopbackServer, Received, Reply

WEBHOOK_PATH: Final = "/services/T0000LOCAL/B0000LOCAL/inbox"
NAMES: Final = ("127.0.0.1", "localhost")
OF_A_BOT: Final = "xoxb-local"  # any is good here
CHANGES: Final = ("chat.postMessage", "chat.update", "chat.delete")  # calls after which a message is another
WAIT_SECONDS: Final = 20.0  # how long the page's question stays open; less than any proxy's or browser's patience
MAX_BODY_BYTES: Final = 1_000_000  # far more than Slack takes
MAX_DIGITS: Final = 15  # of a number JavaScript counts exactly
PAGE: Final = Path(__file__).with_name("page")
KINDS: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES: Final = {"/": "inbox.html"} | {
    f"/{name}": name
    for name in (
        *("inbox.css", "messages.css", "inbox.js", "list.js", "readers.js", "channel.js", "slack.js", "mrkdwn.js"),
        *("richtext.js", "dates.js", "dom.js", "icon.svg"),
    )
}
# Messages may come from anybody: no script but ours runs, nothing is loaded from elsewhere, no HTML is ever parsed
# from text (trusted types), and no other page may hold ours in a frame.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A Slack message that arrived, and the name of the webhook or bot that took it.

    `place` is where a bot put it: `in a thread`, `edited`; empty in the channel itself.
    """

    payload: dict[str, object]
    at: datetime
    webhook: str = ""
    place: str = ""


class Inbox:
    """Receives on 127.0.0.1; `arrived` is called for each posted message, in the thread that received it."""

    def __init__(
        self,
        port: int,
        *,
        arrived: Callable[[Message], None] = lambda _: None,
        now: Callable[[], datetime] = stamps.utc_now,
    ) -> None:
        self.messages: deque[Message] = deque(maxlen=MAX_ENTRIES)
        self.entries = Entries()
        self.workspace = Workspace()
        self._bots: dict[str, str] = {}  # by channel
        self._telling = Lock()
        self._arrived = arrived
        self._now = now
        self._server = LoopbackServer(port, handle=self._handle, now=now)
        self._hosts = {f"{name}:{urlsplit(self.url).port}" for name in NAMES}

    @property
    def url(self) -> str:
        """The page for people."""
        return self._server.url

    @property
    def web_api(self) -> str:
        """The address of the Web API: `api_url` in a secret."""
        return self._server.url + API_PATH.rstrip("/")

    @property
    def webhook(self) -> str:
        """The address to post to."""
        return self._server.url + WEBHOOK_PATH

    def webhook_of(self, name: str) -> str:
        """The address of one of several webhooks: each has a name of its own."""
        return f"{self.webhook}/{name}"

    def bot_of(self, name: str) -> dict[str, str]:
        """A bot in a channel of its own, as a secret has it: each name has one."""
        channel = f"C{len(self._bots):08}"
        self._bots[channel] = name
        return {"token": OF_A_BOT, "channel": channel, "api_url": self.web_api}

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.entries.close()
        self._server.stop()

    def show(self, channel: str, body: str, *, subject: str = "", to: str = EMAIL_ADDRESS) -> None:
        """Show what was published: a message of Slack, a mail (it has a subject), or what programs read."""
        if channel == "slack":
            self.show_slack(json.loads(body))
        elif subject:
            self.show_mail(subject=subject, sender=SENDER, to=to, body=body)
        else:
            self.show_event(body)

    def show_slack(self, payload: Mapping[str, object]) -> None:
        """Show a message, be it posted here or handed over for somebody else's Slack."""
        self.entries.put("slack", self._now(), {"payload": payload})

    def show_mail(self, *, subject: str, sender: str, to: str, body: str) -> None:
        """Show a mail."""
        self.entries.put("email", self._now(), {"subject": subject, "sender": sender, "to": to, "body": body})

    def show_event(self, body: str) -> None:
        """Show a JSON event."""
        self.entries.put("event", self._now(), {"body": body})

    def _handle(self, received: Received) -> Reply:
        if received.host not in self._hosts:
            return Reply(_plain("This is an inbox on 127.0.0.1, and nobody else.", HTTPStatus.MISDIRECTED_REQUEST))
        path, _, query = received.target.partition("?")
        if received.method == "POST" and path.startswith(API_PATH):
            return Reply(self._call(path.removeprefix(API_PATH), query, received))
        if received.method == "POST":
            return Reply(self._receive(path, received.body))
        if received.method not in ("GET", "HEAD"):
            return Reply(_plain("Only GET and POST.", HTTPStatus.METHOD_NOT_ALLOWED))
        return Reply(self._answer(path, query))

    def _answer(self, path: str, query: str) -> Answer:
        if path in FILES:
            file = PAGE / FILES[path]
            return _shown(file.read_bytes(), KINDS[file.suffix])
        if path == "/entries":
            return self._entries(query)
        if path == "/messages.json":
            return _json([message.payload for message in list(self.messages)])
        return _plain("Not here.", HTTPStatus.NOT_FOUND)

    def _receive(self, path: str, body: bytes) -> Answer:
        webhook = re.fullmatch(rf"{WEBHOOK_PATH}(?:/([\w-]+))?", path)
        if webhook is None:
            return _plain("no_service", HTTPStatus.NOT_FOUND)
        try:
            payload = json.loads(body, parse_constant=_no_number) if len(body) <= MAX_BODY_BYTES else None
        except (ValueError, RecursionError):
            payload = None
        if not isinstance(payload, dict):
            return _plain("invalid_payload", HTTPStatus.BAD_REQUEST)
        if not payload.get("text"):
            return _plain("no_text", HTTPStatus.BAD_REQUEST)
        message = Message(payload, self._now(), webhook[1] or "")
        self.messages.append(message)
        self.show_slack(payload)
        self._arrived(message)
        return _plain("ok", HTTPStatus.OK)

    def _call(self, method: str, query: str, received: Received) -> Answer:
        """A bot's call. What it posted, edited or deleted is shown as it is then."""
        with self._telling:  # no older state of a message is shown over a newer one
            answer = self.workspace.handle(method, query, received.authorization, received.body)
            told = json.loads(answer.body)
            if not told["ok"] or method not in CHANGES:
                return answer
            posted = self.workspace.posted(told["channel"], told["ts"])
            self._show_posted(posted)
        if method == "chat.delete":
            return answer
        place = "edited" if method == "chat.update" else "in a thread" if posted.thread_ts else ""
        message = Message(json.loads(received.body), self._now(), self._bots.get(posted.channel, posted.channel), place)
        self.messages.append(message)
        self._arrived(message)
        return answer

    def _show_posted(self, posted: Posted) -> None:
        """Show a bot's message as it is now: where it stands, and what became of it."""
        post = {
            "channel": posted.channel,
            "name": self._bots.get(posted.channel, posted.channel),
            "ts": posted.ts,
            "thread_ts": posted.thread_ts,
            "is_broadcast": posted.is_broadcast,
            "is_edited": bool(posted.before),
            "is_deleted": posted.is_deleted,
        }
        content = {"payload": posted.payload, "post": post}
        self.entries.put("slack", self._now(), content, f"{posted.channel} {posted.ts}")

    def _entries(self, query: str) -> Answer:
        """What arrived or changed after a number; `wait` keeps the question open until something does.

        A page that knows another `session` has numbers of another inbox, and is answered at once. `now` is this
        side's clock, by which the page says "today".
        """
        asked = parse_qs(query, keep_blank_values=True)
        after = asked.get("after", ["0"])[0]
        number = int(after) if after.isdecimal() and len(after) <= MAX_DIGITS else 0
        is_ours = asked.get("session") in (None, [self.entries.session])
        found = self.entries.after(number, seconds=WAIT_SECONDS if "wait" in asked and is_ours else 0.0)
        shown = [entry.as_json() for entry in found]
        return _json({"session": self.entries.session, "now": self._now().isoformat(), "entries": shown})


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _json(value: object) -> Answer:
    return _shown(json.dumps(value, ensure_ascii=False).encode(errors="replace"), "application/json")


def _plain(text: str, status: HTTPStatus) -> Answer:
    return _shown(text.encode(), "text/plain", status)


def _shown(body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    charset = "" if kind == "application/json" else "; charset=utf-8"
    return Answer(status, body, {"Content-Type": kind + charset, **HEADERS})
