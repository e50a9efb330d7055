"""A workspace of Slack as bots see it: what `chat.postMessage`, `chat.update` and a few others answer.

Messages, threads and edits are kept in memory. What a person in Slack would do (delete, lock, archive, invite) is done
by methods here, and `answer_next` lets one call end as Slack may end it. Everything that real Slack was seen to do and
that a client may trip over is done here, too: a reply to a deleted message is taken and lacks `thread_ts`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qs

from tools.simulator.answers import Answer

API_PATH: Final = "/api/"
FIRST_TS: Final = 1_795_424_400
MAX_TEXT: Final = 40_000
MAX_BLOCKS: Final = 50
SCOPES: Final = "chat:write,channels:read"
WHOLE: Final = ("text", "blocks", "attachments")


@dataclass(slots=True)
class Posted:
    """A message as it is now; `before` are its earlier forms."""

    ts: str
    channel: str
    payload: dict[str, Any]
    thread_ts: str = ""
    is_broadcast: bool = False
    is_deleted: bool = False
    before: list[dict[str, Any]] = field(default_factory=list)


class Workspace:
    """Knows any bot token but those in `refused` (token → Slack's word); channels are there when they are named.

    The bot is in them, unless `channels` says otherwise: `is_missing`, `is_archived`, `is_member`, `is_private`.
    """

    def __init__(self) -> None:
        self.messages: list[Posted] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.channels: dict[str, dict[str, bool]] = {}
        self.locked: set[str] = set()
        self.scopes = SCOPES
        self.refused: dict[str, str] = {}
        self._next: list[tuple[str, Answer]] = []
        self._lock = Lock()

    # What people do

    def answer_next(self, method: str, word: str, *, status: int = 200, retry_after: int | None = None) -> None:
        """Answer the next call of a method with an error."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._next.append((method, no(word, status=status, headers=headers)))

    def delete(self, ts: str) -> None:
        """Delete a message."""
        next(one for one in self.messages if one.ts == ts).is_deleted = True

    def posted(self, channel: str, ts: str) -> Posted:
        """A message as it is now."""
        return next(one for one in self.messages if (one.ts, one.channel) == (ts, channel))

    def parents(self, channel: str = "") -> list[Posted]:
        """What stands in the channel itself and is not deleted, oldest first."""
        return [
            one for one in self.messages if not one.thread_ts and not one.is_deleted and channel in ("", one.channel)
        ]

    def replies(self, ts: str = "") -> list[Posted]:
        """What stands in a thread, or in any."""
        return [one for one in self.messages if one.thread_ts and ts in ("", one.thread_ts)]

    # What Slack does

    def handle(self, method: str, query: str, authorization: str | None, body: bytes) -> Answer:
        """Answer one call."""
        with self._lock:
            try:
                values = json.loads(body) if body else {}
            except ValueError:
                return no("invalid_json")
            if not isinstance(values, dict):
                return no("json_not_object")
            values |= {name: given[-1] for name, given in parse_qs(query).items()}
            self.calls.append((method, values))
            for index, (wanted, answer) in enumerate(self._next):
                if wanted == method:
                    del self._next[index]
                    return answer
            token = (authorization or "").removeprefix("Bearer ")
            if not token.startswith("xoxb-"):
                return no("invalid_auth" if token else "not_authed")
            if token in self.refused:
                return no(self.refused[token])
            return self._answer(method, values)

    def _answer(self, method: str, values: Mapping[str, Any]) -> Answer:
        if method == "auth.test":
            return yes({"user_id": "U0000BOT", "bot_id": "B0000BOT"}, {"X-OAuth-Scopes": self.scopes})
        channel = str(values.get("channel", ""))
        about = self.channels.get(channel, {})
        if about.get("is_missing") or not channel:
            return no("channel_not_found")
        if method == "conversations.info":
            return self._info(channel, about)
        act = {"chat.postMessage": self._post, "chat.update": self._update, "chat.delete": self._delete}.get(method)
        if act is None:
            return no("unknown_method")
        wrong = None if method == "chat.delete" else wrong_form(values)
        return self._closed(about) or wrong or act(channel, values)

    def _info(self, channel: str, about: Mapping[str, bool]) -> Answer:
        told = {"is_archived": False, "is_member": True, "is_private": False, **about}
        needed = "groups:read" if told["is_private"] else "channels:read"
        return yes({"channel": {"id": channel, **told}}) if needed in self.scopes.split(",") else no("missing_scope")

    def _closed(self, about: Mapping[str, bool]) -> Answer | None:
        """Why the bot may do nothing there."""
        if "chat:write" not in self.scopes.split(","):
            return no("missing_scope")
        if about.get("is_archived"):
            return no("is_archived")
        return no("not_in_channel") if about.get("is_member") is False else None

    def _post(self, channel: str, values: Mapping[str, Any]) -> Answer:
        ts = f"{FIRST_TS + len(self.messages)}.000100"
        wanted = str(values.get("thread_ts", ""))
        if wanted in self.locked:
            return no("restricted_action_thread_locked")
        parent = self._find(channel, wanted)
        thread = wanted if parent and not parent.is_deleted else ""
        made = Posted(ts, channel, whole(values), thread, bool(thread) and values.get("reply_broadcast") is True)
        self.messages.append(made)
        message = {**made.payload, "ts": ts, **({"thread_ts": thread} if thread else {})}
        return yes({"channel": channel, "ts": ts, "message": message})

    def _delete(self, channel: str, values: Mapping[str, Any]) -> Answer:
        found = self._find(channel, values.get("ts"))
        if found is None or found.is_deleted:
            return no("message_not_found")
        found.is_deleted = True
        return yes({"channel": channel, "ts": found.ts})

    def _update(self, channel: str, values: Mapping[str, Any]) -> Answer:
        found = self._find(channel, values.get("ts"))
        if found is None or found.is_deleted:
            return no("message_not_found")
        found.before.append(found.payload)
        # What an edit leaves out is kept or dropped, each differently: a client has to send it all.
        found.payload = {"text": values.get("text", ""), **{n: values[n] for n in WHOLE[1:] if n in values}}
        return yes({"channel": channel, "ts": found.ts, "text": values.get("text", "")})

    def _find(self, channel: str, ts: object) -> Posted | None:
        return next((one for one in self.messages if (one.ts, one.channel) == (ts, channel)), None)


def whole(values: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a message that are shown."""
    return {name: values[name] for name in WHOLE if name in values}


def wrong_form(values: Mapping[str, Any]) -> Answer | None:
    """What Slack has against a message's form."""
    blocks, text = values.get("blocks") or [], values.get("text") or ""
    if not text and not blocks and not values.get("attachments"):
        return no("no_text")
    if len(text) > MAX_TEXT:
        return no("msg_too_long")
    is_wrong = len(blocks) > MAX_BLOCKS or any(not isinstance(one, dict) or "type" not in one for one in blocks)
    return no("invalid_blocks") if is_wrong else None


def yes(values: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with `ok`."""
    return answer({"ok": True, **values}, headers=headers)


def no(word: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer without, which comes with 200 all the same."""
    return answer({"ok": False, "error": word}, status=status, headers=headers)


def answer(value: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """JSON as Slack sends it."""
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})
