"""The soak's Slack: webhooks and bots that throttle, break and hang up, and what became of the bots' messages."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from testmo_notifier.adapters import held as holding
from testmo_notifier.adapters import items
from testmo_notifier.channels.slack import run_message
from testmo_notifier.model import Sent
from tools.inbox.workspace import API_PATH, Posted, Workspace, no
from tools.lib.stamps import utc_now
from tools.simulator.answers import Answer
from tools.simulator.loopback import LoopbackServer, Received, Reply
from tools.simulator.model import Result

BOTS: Final = {"slack:payments": "C0000PAYMENTS", "slack:default": "C0000DEFAULT"}
NIGHT: Final = "slack:night"  # a webhook that hears nothing at first, and then of many runs at once
QUIET: Final = timedelta(minutes=4)
ROUTES: Final = """
[[routes]]
name = "payments"
match = { project = "Project 1" }
to = ["slack:payments", "slack:web", "slack:night", "email:default"]
notify = ["new", "again", "changed", "recovered"]

[[routes]]
name = "the rest"
catch_all = true
to = ["slack:default", "slack:web", "slack:night", "email:default"]
notify = ["new", "again", "changed", "recovered"]

[[routes]]
name = "ends"
notify = ["finished"]
to = ["slack:payments", "slack:default"]
"""
OPTIONS: Final = """
[destinations."slack:night"]
fold = 2
quiet = {{ from = "{begins:%H:%M}", to = "{ends:%H:%M}" }}
"""


def routes(now: datetime) -> str:
    """The file, with a night that begins now."""
    return ROUTES + OPTIONS.format(begins=now, ends=now + QUIET)


NO_ANSWER: Final = Reply(Answer(200, b""), "reset")
PAUSE: Final = {"Retry-After": "2"}


class FlakySlack:
    """Throttles, breaks or hangs up before it takes something; once in a while `kill` is called when it just has."""

    def __init__(self, chance: random.Random, kill: Callable[[], None]) -> None:
        self.taken: list[str] = []  # the texts of what came by the webhook
        self.workspace = Workspace()
        self.faults: Counter[str] = Counter()
        self.is_flaky = True
        self._chance, self._kill = chance, kill
        self.server = LoopbackServer(0, handle=self._handle, now=utc_now)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Take posts inside."""
        self.server.start()
        try:
            yield
        finally:
            self.server.stop()

    @property
    def secret(self) -> str:
        """What to store of it."""
        bots = {name.partition(":")[2]: {"channel": channel} for name, channel in BOTS.items()}
        shared = {"token": "xoxb-soak", "api_url": self.server.url + API_PATH.rstrip("/")}
        webhooks = {name: f"{self.server.url}/services/T000/B000/{name}" for name in ("web", "night")}
        return json.dumps({**shared, **bots, **webhooks})

    def delete_a_parent(self) -> None:
        """Somebody in Slack does it."""
        if parents := self.workspace.parents():
            self.workspace.delete(self._chance.choice(parents).ts)
            self.faults["parents deleted"] += 1

    def _handle(self, received: Received) -> Reply:
        path, _, query = received.target.partition("?")
        is_bot = path.startswith(API_PATH)
        method = path.removeprefix(API_PATH)
        fate = self._chance.random() if self.is_flaky else 1.0
        if fault := self._fault(fate, is_edit=method == "chat.update"):
            return fault
        if not is_bot:
            self.taken.append(json.loads(received.body)["text"])
            return Reply(Answer(200, b"ok"))
        reply = Reply(self.workspace.handle(method, query, received.authorization, received.body))
        if self.is_flaky and self._chance.random() < 0.03:  # noqa: PLR2004 - three calls in a hundred
            self.faults["killed between Slack's answer and the record"] += 1
            self._kill()
            return NO_ANSWER
        return reply

    def _fault(self, fate: float, *, is_edit: bool) -> Reply | None:
        for below, name, reply in (
            (0.05, "hung up", NO_ANSWER),
            (0.10, "throttled", Reply(no("ratelimited", status=429, headers=PAUSE))),
            (0.15, "broken", Reply(Answer(503, b"sorry"))),
            (0.35 if is_edit else 0.0, "edits throttled", Reply(no("ratelimited", headers=PAUSE))),
        ):
            if fate < below:
                self.faults[name] += 1
                return reply
        return None


@dataclass(frozen=True, slots=True)
class BotsLedger:
    """What the bots were told and what stands in Slack; `read_bots` makes it.

    lost: notifications that were handed over and have no record, or no message. doubled: messages beyond the first of
    the same. extra: parents that were made anew beyond those that were deleted. behind: parents that do not show all
    that was told. unfinished: runs that were closed without being told so.
    """

    told: int
    parents: int
    replies: int
    edits: int
    lost: int
    doubled: int
    extra: int
    behind: tuple[str, ...]
    unfinished: tuple[int, ...]

    def is_good(self, kills: int) -> bool:
        """Whether all was told, once but for the kills in the moment that nobody can bridge."""
        return not (self.lost or self.behind or self.unfinished) and self.doubled + self.extra <= kills


def read_bots(
    table: Sequence[Mapping[str, Any]], posted: Sequence[Posted], *, closed: set[int], deleted: int
) -> BotsLedger:
    """The ledger of the bots from the whole table and all that was posted; so many parents were deleted."""
    told, kept = set(handed_over(table)), dict(states(table))
    delivered = {
        (item["pk"]["S"].removeprefix("DELIVERY#"), json.loads(item["data"]["S"])["id"])
        for item in table
        if item["pk"]["S"].startswith("DELIVERY#") and item["status"]["S"] == "COMPLETED"
    }
    news: dict[tuple[str, str], list[Posted]] = {}
    for one in posted:
        if run_message.OPEN not in first_form(one):
            news.setdefault((one.channel, first_form(one)), []).append(one)
    unseen = sum(
        max(0, sum(to == name for to, _ in delivered & told) - sum(channel == where for where, _ in news))
        for name, channel in BOTS.items()
    )
    parents = [one for one in posted if not one.thread_ts]
    finished = {run for (name, run), state in kept.items() if name == "slack:default" and state["closed"][0] >= 0}
    return BotsLedger(
        told=len(told),
        parents=len(parents),
        replies=len(posted) - len(parents),
        edits=sum(len(one.before) for one in posted),
        lost=len(told - delivered) + unseen,
        doubled=sum(copies(same) - 1 for same in news.values()),
        extra=max(0, len(posted) - sum(map(len, news.values())) - deleted),
        behind=tuple(f"{name} run {run}" for (name, run), state in kept.items() if is_behind(state, posted)),
        unfinished=tuple(sorted(closed - finished)),
    )


def handed_over(table: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Every notification that was published for a bot: destination and id."""
    for sent in records(table):
        yield from ((name, id_) for name, id_ in sent.notifications.items() if name in BOTS)


class Tellings:
    """When a destination was told of each run, and which results by name."""

    def __init__(self, destination: str, table: Sequence[Mapping[str, Any]]) -> None:
        self.keys: set[int] = set()
        self._of_runs: dict[int, list[datetime]] = {}
        self._read: dict[int, datetime] = {}  # each result, when programs were told of it: in the poll that read it
        for sent in records(table):
            if "event" in sent.notifications:
                self._read |= {key: min(sent.at, self._read.get(key, sent.at)) for key in sent.keys}
            if destination in sent.notifications:
                self.keys |= sent.keys
                self._of_runs.setdefault(sent.run_id, []).append(sent.at)

    def told_of(self, row: Result) -> datetime:
        """When it was told of a result, or of its run what it counted that among; when that was read, if never."""
        read = self._read.get(row.id, row.created_at)
        return min((at for at in self._of_runs.get(row.run_id, ()) if at >= read), default=read)

    def story_of(self, row: Result, passes: Iterable[tuple[datetime, int, int]]) -> str:
        """What there is to know of a result that it should have been told of."""
        passed = ", ".join(f"{key} at {at:%T}" for at, test_id, key in passes if test_id == row.test_id) or "never"
        told = ", ".join(f"{at:%T}" for at in sorted(self._of_runs.get(row.run_id, ()))) or "never"
        read = f"{self._read[row.id]:%T}" if row.id in self._read else "never"
        edited = f", edited {row.updated_at:%T}" if row.updated_at else ""
        of_test = f"saved {row.created_at:%T}{edited}, read {read}; its test passed {passed}"
        return f"result {row.id}: {of_test}; its run was told of {told}"


def records(table: Iterable[Mapping[str, Any]]) -> Iterator[Sent]:
    """What is kept of everything that was published."""
    for item in table:
        if item["sk"]["S"].startswith(items.SENT):
            yield from items.sent_from(item)


def is_held(item: Mapping[str, Any]) -> bool:
    """Whether an item is something that waits for the end of the night."""
    return bool(item["sk"]["S"].startswith(f"{holding.HELD}{NIGHT}#"))


def states(table: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, int], Mapping[str, Any]]]:
    """What bots keep, by destination and run."""
    for item in table:
        name, run = item["pk"]["S"].removeprefix("DESTINATION#"), item["sk"]["S"].removeprefix("RUN#")
        if name in BOTS and run.isdigit():
            yield (name, int(run)), json.loads(item["state"]["S"])


def first_form(posted: Posted) -> str:
    """A message as it was posted."""
    return json.dumps([*posted.before, posted.payload][0])


def copies(same: Sequence[Posted]) -> int:
    """How often one message can be read: what became a parent shows it no more, if it stands in a thread, too."""
    in_thread = [one for one in same if one.thread_ts]
    alone = [one for one in same if not one.thread_ts and not one.is_deleted and not (in_thread and one.before)]
    return max(1, len(in_thread) + len(alone))


def is_behind(state: Mapping[str, Any], posted: Sequence[Posted]) -> bool:
    """Whether a parent does not show all that was told, in its newest form, though somebody could see it."""
    if "ts" not in state:
        return False  # there is none: what passed is kept for the one that the run's next news makes
    parent = next(one for one in posted if (one.channel, one.ts) == (state["channel"], state["ts"]))
    is_as_it_was_posted = bool(state["made_by"]) and state["changes"] == 1
    is_newest = is_as_it_was_posted or parent.payload["text"] == run_message.shown(state)["text"]
    return not parent.is_deleted and (state["shown"] < state["changes"] or not is_newest)
