"""A bot's one message of a run, its thread, and what is kept of them.

The first message of a run is the parent. Each further one is a reply in its thread, and an edit of the parent to how
the run is then. Two records say what is done: that of the delivery (a reply is posted once) and `shown` here (the
parent shows so many `changes`); each is repeated alone.

Slack has no key by which a post is taken once. So `busy` is written before a parent is posted: who finds it comes back
later, and if whoever wrote it was killed, there is one parent too many at most. An edit is made under `busy`, too,
which outlives any request: no older state comes over a newer one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from testmo_notifier.channels.slack import run_message, web_api
from testmo_notifier.channels.slack.secret import Bot
from testmo_notifier.channels.slack.web_api import Posted
from testmo_notifier.errors import DeliveryDelayed, PayloadRefused
from testmo_notifier.lean import dataclass

if TYPE_CHECKING:
    import urllib3

    from testmo_notifier.channels.channel import ChangeState, Conversation
    from testmo_notifier.model import QueuedMessage

BUSY: Final = timedelta(seconds=45)  # longer than the three requests that one message may take
COME_BACK_SECONDS: Final = 5.0  # after which a message comes back whose run is in another invocation's hands
HASH_CHARS: Final = 16  # of a hash that tells one token and channel from another
OF_PARENT: Final = ("channel", "ts", "made_by", "busy")

State = Mapping[str, Any]
Call = Callable[[str, Mapping[str, object]], Posted]


def conversation(
    pool: urllib3.PoolManager, bot: Bot, message: QueuedMessage, change: ChangeState, *, now: Callable[[], datetime]
) -> Conversation:
    """How a bot tells a message."""

    def call(method: str, values: Mapping[str, object]) -> Posted:
        return web_api.posted(web_api.call(pool, bot, method, values, now=now()), bot)

    if message.is_test or not (message.aside and message.run_id):
        return Alone(bot, call, change, is_edited=message.is_test)
    return Thread(bot, message.id, json.loads(message.aside), change, call, now)


@dataclass(frozen=True, slots=True)
class Alone:
    """What is about no run, or about several, is posted and that is all.

    A test message is edited, too, for a bot has to be able to do both.
    """

    bot: Bot
    call: Call
    change: ChangeState
    is_edited: bool = False
    gate: str = ""

    def tell(self, payload: str) -> None:
        """Post. That there is a bot is known from now on: what is told next may be about a run."""
        self.change(lambda state: (state, None))
        values = web_api.message(self.bot, payload)
        answer = self.call(web_api.POST, values)
        if not self.is_edited:
            return
        words = f"{values['text']} (Posted, then edited.)"
        self.call(web_api.UPDATE, {**values, "channel": answer.channel, "ts": answer.ts, "text": words})

    def is_shown(self) -> bool:
        """There is nothing else."""
        return True

    def show(self) -> None:
        """The same."""


@dataclass(frozen=True, slots=True)
class Thread:
    """One message of one run."""

    bot: Bot
    message_id: str
    entry: State  # what this message tells of the run
    change: ChangeState
    call: Call
    now: Callable[[], datetime]

    @property
    def gate(self) -> str:
        """Edits are limited by token."""
        return f"slack edits {digest(self.bot.token)}"

    def tell(self, payload: str) -> None:
        """Post: as the parent, or as a reply to it; nothing where nobody is to hear of it."""
        if self._is_silent:
            self.change(self._merged)
            return
        state = self.change(self._joined)
        if state.get("made_by") == self.message_id:
            return
        if state.get("ts"):
            self._reply(payload, state, is_broadcast=self._is_news())
        else:
            answer = self.call(web_api.POST, web_api.message(self.bot, payload))
            self.change(partial(self._made, answer, made_by=self.message_id, shown=1))  # itself, and nothing before it

    def is_shown(self) -> bool:
        """Whether the parent shows what was told, by this message or by a later one."""
        state = self.change(lambda state: (state, state))
        is_in = self.message_id in state.get("seen", ()) and state.get("owner") == self._owner()
        return not is_in or not state.get("ts") or state["shown"] >= state["changes"]

    def show(self) -> None:
        """Edit the parent; post another where it cannot be edited any more."""
        state = self.change(self._busy)
        values = web_api.message(self.bot, json.dumps(run_message.shown(state)))
        try:
            self._edit(values, state)
        except PayloadRefused as exc:
            if exc.reason in web_api.PARENT_GONE:  # what nobody is to hear of leaves making another one to news
                self.change(partial(self._done, state["shown"])) if self._is_silent else self._make_anew(state)
                return
        self.change(partial(self._done, state["changes"]))

    def _edit(self, values: Mapping[str, object], parent: State) -> None:
        """Edit the parent, in a plainer form if the first one is refused."""
        self._in_some_form(web_api.UPDATE, {**values, "channel": parent["channel"], "ts": parent["ts"]})

    def _in_some_form(self, method: str, values: Mapping[str, object]) -> Posted:
        try:
            return self.call(method, values)
        except PayloadRefused as exc:
            if exc.reason in web_api.PARENT_GONE:
                raise
            return self.call(method, {**values, "blocks": [], "attachments": []})

    def _reply(self, payload: str, parent: State, *, is_broadcast: bool, is_last_try: bool = False) -> None:
        values = {**web_api.message(self.bot, payload), "channel": parent["channel"]}
        in_thread = {**values, "thread_ts": parent["ts"], "reply_broadcast": is_broadcast}
        try:
            answer = self.call(web_api.POST, in_thread)
        except PayloadRefused as exc:
            is_gone = exc.reason in web_api.PARENT_GONE
            if is_gone and not is_last_try:
                self._reply(payload, self._make_anew(self.change(self._busy)), is_broadcast=False, is_last_try=True)
            elif is_gone or exc.reason in web_api.NO_THREADS:
                self.call(web_api.POST, values)
            else:
                raise
            return
        if answer.ts and answer.is_reply is False and not is_last_try:
            self._take_its_place(payload, answer, parent)

    def _take_its_place(self, payload: str, answer: Posted, gone: State) -> None:
        """The parent was deleted, and what was to be a reply stands in the channel: it becomes the parent."""
        state = self.change(partial(self._succeeded, answer, gone))
        if state["ts"] != answer.ts:
            return  # somebody else made another parent meanwhile: this was told, in the channel
        self._edit(web_api.message(self.bot, json.dumps(run_message.shown(state))), state)
        self.change(partial(self._done, state["changes"]))
        self._reply(payload, state, is_broadcast=False, is_last_try=True)

    def _make_anew(self, state: State) -> State:
        """Another parent, which shows how the run is; as text, if need be, for news waits for it."""
        values = web_api.message(self.bot, json.dumps(run_message.shown(state)))
        answer = self._in_some_form(web_api.POST, values)
        made: State = self.change(partial(self._made, answer, made_by="", shown=state["changes"]))
        return made

    # What becomes of the state; pure

    def _joined(self, state: State) -> tuple[State, State]:
        """With this message in it; `busy`, where it has to make the parent."""
        state, _ = self._merged(state)
        return (state, state) if state.get("ts") else self._busy(state)

    def _merged(self, state: State) -> tuple[State, State]:
        """With this message in it."""
        if state.get("owner") != self._owner():
            state = {name: value for name, value in state.items() if name not in OF_PARENT}
            state = {**state, "owner": self._owner(), "shown": 0}
        state = run_message.added(state, self.entry, self.message_id)
        return state, state

    def _busy(self, state: State) -> tuple[State, State]:
        """In our hands; raises `DeliveryDelayed` while it is in another's."""
        if self._is_with_another(state):
            raise DeliveryDelayed(
                "another invocation is at this run's message",
                reason="in_progress",
                retry_after_seconds=COME_BACK_SECONDS,
            )
        taken = {**state, "busy": {"by": self.message_id, "until": (self.now() + BUSY).isoformat()}}
        return taken, taken

    def _is_with_another(self, state: State) -> bool:
        busy = state.get("busy")
        if not busy or busy["by"] == self.message_id:
            return False
        return datetime.fromisoformat(busy["until"]) > self.now()

    def _made(self, answer: Posted, state: State, *, made_by: str, shown: int) -> tuple[State, State]:
        """With a parent, unless the secret names another token or channel by now: that one has its own.

        Without a `ts` it was posted all the same, and is no parent.
        """
        place = {"channel": answer.channel, "ts": answer.ts}
        made = {**without_busy(state), **place, "made_by": made_by, "shown": shown}
        return (made if state.get("owner") == self._owner() else state), made

    def _succeeded(self, answer: Posted, gone: State, state: State) -> tuple[State, State]:
        """With what was posted as the parent, unless another takes, or took, the place of the one that is gone."""
        if state.get("ts") != gone["ts"] or self._is_with_another(state):
            return state, state
        made = {**self._busy(state)[0], "channel": answer.channel, "ts": answer.ts, "made_by": "", "shown": 0}
        return made, made

    def _done(self, changes: int, state: State) -> tuple[State, None]:
        """With a parent that shows so many changes; another owner's shows its own."""
        is_ours = state.get("owner") == self._owner()
        return ({**without_busy(state), "shown": max(state["shown"], changes)} if is_ours else state), None

    def _owner(self) -> str:
        """Whose the parent is: with another token or channel there is another."""
        return digest(f"{self.bot.token} {self.bot.channel}")

    @property
    def _is_silent(self) -> bool:
        return bool(self.entry.get("silent"))

    def _is_news(self) -> bool:
        reasons = self.entry["reasons"]
        return self.entry["about"] == run_message.FAILING and (not reasons or run_message.NEW in reasons)


def without_busy(state: State) -> State:
    """A state that nobody has in hand."""
    return {name: value for name, value in state.items() if name != "busy"}


def digest(text: str) -> str:
    """What tells one from another, and nothing of it."""
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARS]
