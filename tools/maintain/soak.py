"""`make soak`: some minutes of everything going wrong on the real stack, and then the ledger.

The real template on the embedded AWS polls a simulated Testmo while results are saved, edited and deleted, Testmo and
Slack fail in every way they know, and workers are killed in the middle of their work. At the end everything works
again for a while, and what was saved is compared with what was announced.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tools.lib import sqs
from tools.lib.aws import Aws
from tools.lib.stamps import utc_now
from tools.lib.terminal import Terminal
from tools.local import build, poller, stack
from tools.local.captures import Captures
from tools.local.ministack import MiniStack
from tools.maintain.soak_slack import NIGHT, BotsLedger, FlakySlack, Tellings, is_held, read_bots, routes
from tools.simulator import Simulator, StatusId, World
from tools.simulator.model import Result, Run

PROJECTS: Final = 2
RUNS: Final = 4
TESTS: Final = 60
WATCHED: Final = (StatusId.FAILED, StatusId.BLOCKED)
STATUSES: Final = (StatusId.FAILED, StatusId.FAILED, StatusId.BLOCKED, StatusId.PASSED, StatusId.PASSED)
TESTMO_FAULTS: Final = ("500", "502", "login-page", "truncated", "cut-json", "reset", "redirect")
EDITABLE: Final = 20  # the newest rows: older edits wait for the next sweep, and a soak is too short for that
SETTLE_SECONDS: Final = 1_000.0  # what failed again and again waits for 900 s before it is tried again
SLACK_FUNCTION: Final = "SlackFunction"
OVERLAP_SECONDS: Final = 5  # a soak is too short for the default


@dataclass(slots=True)
class Ledger:
    """What was saved, announced and delivered."""

    saved: dict[int, Result] = field(default_factory=dict)
    passes: list[tuple[datetime, int, int]] = field(default_factory=list)  # when a test passed, by which row of it
    excused: set[int] = field(default_factory=set)
    mails: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    polls: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    kills_of_slack: int = 0  # of its function: each may have been between Slack's answer and our record
    faults: int = 0

    def announced(self) -> Counter[tuple[int, int]]:
        """How often each result was named in an event under each status; counted ones beyond the cap are not in it."""
        return Counter((r["id"], r["status_id"]) for event in self.events for r in event["results"])

    def counted(self) -> int:
        """How many results events counted without naming them: those beyond the 50 most urgent of a digest."""
        return sum(event["omitted"] for event in self.events)

    def lost(self) -> list[int]:
        """Failing results that no event names, where they are more than the events counted beside the named ones."""
        unnamed = sorted(self.failing() - {key for key, _ in self.announced()})
        return unnamed if len(unnamed) > self.counted() else []

    def failing(self) -> set[int]:
        """The failing results that have to be told."""
        return {key for key, row in self.saved.items() if row.status_id in WATCHED} - self.excused

    def passed(self, row: Result, at: datetime) -> None:
        """A row says that its test passed. It may be edited again, so that it does not say so in the end."""
        self.passes.append((at, row.test_id, row.id))

    def counted_as_passed(self, webhook: Tellings) -> set[int]:
        """The failing results whose test passed before a webhook that folds was told: it counts those."""
        return {
            key
            for key in self.failing()
            for at, test_id, passed in self.passes
            if test_id == self.saved[key].test_id and key < passed and at < webhook.told_of(self.saved[key])
        }

    def doubled(self) -> int:
        """Announcements beyond the first of the same result and status."""
        return sum(n - 1 for n in self.announced().values())


class Soak:
    """One soak: so many polls with random faults, then the settling and the ledger."""

    def __init__(self, terminal: Terminal, *, polls: int, seed: int) -> None:
        self.terminal = terminal
        self.polls = polls
        self.chance = random.Random(seed)  # noqa: S311 - faults, not secrets
        self.world = World()
        self.simulator = Simulator(self.world)
        self.slack = FlakySlack(self.chance, lambda: self._kill(workers_of(self.ministack.pid, SLACK_FUNCTION)))
        self.ledger = Ledger()
        self.projects = [self.world.add_project(f"Project {number + 1}") for number in range(PROJECTS)]
        self.cases = {
            project.id: [self.world.add_case(project, f"Case {n + 1}") for n in range(TESTS)]
            for project in self.projects
        }
        self.closed: set[int] = set()
        self.untold: set[int] = set()  # failing results of which the destination with a night was not told
        self.runs = [self._new_run(self.projects[number % PROJECTS].id) for number in range(RUNS)]

    def play(self) -> bool:
        """Play it all; True if nothing was lost and everything was delivered."""
        with self.simulator, self.slack.serving(), MiniStack() as self.ministack, TemporaryDirectory() as folder:
            begun = utc_now()
            (Path(folder) / "routes.toml").write_text(routes(begun))
            self.aws: Aws = self.ministack.aws
            self.stack = stack.deploy(
                self.aws,
                build.with_settings(build.build(), Path(folder)),
                {
                    "TestmoUrl": self.simulator.url,
                    "TestmoSecretArn": stack.make_secret(self.aws, "testmo", self.simulator.token),
                    "SlackSecretArn": stack.make_secret(self.aws, "slack", self.slack.secret),
                    "EmailAddress": "qa@example.com",
                    "PollScheduleState": "DISABLED",
                    "RequestsPerMinute": "6000",
                    "MaxStalenessMinutes": "0",
                    "OverlapSeconds": str(OVERLAP_SECONDS),
                },
            )
            self.captures = Captures(self.aws, self.stack)
            self.captures.prepare()
            self._poll()
            for number in range(1, self.polls + 1):
                self._testers_work()
                self._something_breaks()
                self._poll_and_perhaps_be_killed()
                if number % 25 == 0:
                    self.terminal.note(f"{number} of {self.polls} polls, {len(self.ledger.saved)} results saved")
            left = self._settle()
            table = list(self._table())
        posted, deleted = self.slack.workspace.messages, self.slack.faults["parents deleted"]
        night = Tellings(NIGHT, table)
        self.untold = self.ledger.failing() - self.ledger.counted_as_passed(night) - night.keys
        for key in sorted(self.untold):
            self.terminal.note(night.story_of(self.ledger.saved[key], self.ledger.passes))
        return self._report(left, read_bots(table, posted, closed=self.closed, deleted=deleted))

    def _new_run(self, project_id: int) -> Run:
        project = next(one for one in self.projects if one.id == project_id)
        return self.world.add_run(project, f"Run {len(self.world.runs) + 1}", cases=self.cases[project_id])

    def _testers_work(self) -> None:
        for _ in range(self.chance.randrange(4)):
            run = self.chance.choice(self.runs)
            if self.chance.random() < 0.03:  # noqa: PLR2004 - one run in thirty is done, and another begins
                self.world.close_run(run)
                self.closed.add(run.id)
                self.runs[self.runs.index(run)] = self._new_run(run.project_id)
                continue
            tests = self.world.tests_of(run)
            stamp = self.world.stamp()
            for test in self.chance.sample(tests, self.chance.choice([1, 1, 1, 5])):
                row = self.world.save_result(test, self.chance.choice(STATUSES), created_at=stamp)
                for older in self.ledger.saved.values():
                    if older.test_id == row.test_id and older.updated_at is not None:
                        self.ledger.excused.add(older.id)  # edited, and not the test's latest any more: out of reach
                self.ledger.saved[row.id] = row
                if row.status_id == StatusId.PASSED:
                    self.ledger.passed(row, stamp)
        newest = list(self.ledger.saved.values())[-EDITABLE:]
        rows = [row for row in newest if row.run_id not in self.closed]  # those were read for the last time
        if rows and self.chance.random() < 0.2:  # noqa: PLR2004 - one poll in five
            row = self.chance.choice(rows)
            before, after = row.status_id, self.chance.choice(STATUSES)
            latest = max(r.id for r in self.ledger.saved.values() if r.test_id == row.test_id)
            self.world.edit_result(row, status=after)
            if after == StatusId.PASSED:
                self.ledger.passed(row, self.world.stamp())
            if (before in WATCHED and after not in WATCHED) or latest != row.id:
                self.ledger.excused.add(row.id)  # edited away before it may have been seen, or out of reach

    def _something_breaks(self) -> None:
        if self.chance.random() < 0.3:  # noqa: PLR2004 - three polls in ten
            self.ledger.faults += 1
            path = self.chance.choice(["*", "/runs/*/results", "/projects", "/projects/*/runs"])
            self.simulator.faults.add(self.chance.choice(TESTMO_FAULTS), path=path, times=self.chance.choice([1, 2]))
        if self.chance.random() < 0.03:  # noqa: PLR2004 - one poll in thirty
            self.slack.delete_a_parent()

    def _poll_and_perhaps_be_killed(self) -> None:
        killer: threading.Timer | None = None
        if self.chance.random() < 0.1:  # noqa: PLR2004 - one poll in ten
            killer = threading.Timer(self.chance.uniform(0.0, 0.3), self._kill_a_worker)
            killer.start()
        self._poll()
        if killer is not None:
            killer.join()

    def _kill_a_worker(self) -> None:
        if workers := list(workers_of(self.ministack.pid)):
            self._kill([self.chance.choice(workers)])

    def _kill(self, workers: Iterable[int]) -> None:
        of_slack = set(workers_of(self.ministack.pid, SLACK_FUNCTION))
        for worker in workers:
            self.ledger.kills += 1
            self.ledger.kills_of_slack += worker in of_slack
            with suppress(ProcessLookupError):  # it ended by itself
                os.kill(worker, signal.SIGKILL)

    def _poll(self) -> str:
        try:
            status = poller.poll(self.aws, self.stack.poller).status
        except poller.PollFailed:
            status = "failed"
        if status == "busy":  # a killed poller's lease; in the field the next minute's poll finds it over
            time.sleep(2)
        self.ledger.polls[status] += 1
        self.captures.drain("event", lambda event: self.ledger.events.append(json.loads(event.body)))
        self.captures.drain("email", lambda _: setattr(self.ledger, "mails", self.ledger.mails + 1))
        return status

    def _settle(self) -> list[str]:
        """Let everything work again until nothing moves; what is still under way after all."""
        self.simulator.faults.clear()
        self.slack.is_flaky = False
        time.sleep(OVERLAP_SECONDS + 1)  # then runs that were closed are read for the last time
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(1)
            is_over = self._poll() == "ok" and not self.ledger.lost()
            if is_over and not self._left():
                return []
        return self._left()

    def _left(self) -> list[str]:
        """The messages in each queue, with what is known of dead letters, and what is held."""
        found = [f"{item['sk']['S']} of {item['pk']['S']}" for item in self._table() if is_held(item)]
        if n := sqs.depth(self.aws.sqs, self.stack.slack_queue):
            found.append(f"{n} in Slack's queue")
        for name, url in self.stack.dead_letter_queues.items():
            for letter in sqs.looked_at(self.aws.sqs, url, limit=sqs.BATCH) if sqs.depth(self.aws.sqs, url) else ():
                said = {key: value.get("StringValue") for key, value in letter.get("MessageAttributes", {}).items()}
                found.append(f"in {name}: {said.get('destination')}, {said.get('parked_because')}")
        return found

    def _table(self) -> Iterator[Mapping[str, Any]]:
        for page in self.aws.dynamodb.get_paginator("scan").paginate(TableName=self.stack.table, ConsistentRead=True):
            yield from page["Items"]

    def _report(self, left: Sequence[str], bots: BotsLedger) -> bool:
        ledger, faults = self.ledger, self.slack.faults
        failing = sum(row.status_id in WATCHED for row in ledger.saved.values())
        lost = ledger.lost()
        facts = {
            "polls": ", ".join(f"{n} {status}" for status, n in sorted(ledger.polls.items())),
            "kills": f"{ledger.kills} workers killed, {ledger.faults} faults of Testmo",
            "saved": f"{len(ledger.saved)} results, {failing} of them failing at the end",
            "announced": f"{len({key for key, _ in ledger.announced()})} results by name and {ledger.counted()} in the "
            f"exact totals of {len(ledger.events)} events",
            "delivered": f"{len(self.slack.taken)} posts to Slack's webhook, {ledger.mails} mails",
            "Slack's": ", ".join(f"{n} {name}" for name, n in sorted(faults.items())),
            "bots": f"{bots.told} messages: {bots.parents} in channels, {bots.replies} replies, {bots.edits} edits",
            "runs": f"{len(self.closed)} closed, {len(bots.unfinished)} of them not told so",
            "of bots": f"{bots.lost} lost, {bots.doubled} told twice, {bots.extra} parents too many "
            f"({ledger.kills_of_slack} kills allow as many), {len(bots.behind)} parents behind",
            "a night": f"{len(self.untold)} results not told when it was over",
            "doubled": f"{ledger.doubled()} announcements",
            "under way": "; ".join(left) or "nothing",
            "lost": str(len(lost)),
        }
        self.terminal.heading("The ledger", facts)
        if lost:
            self.terminal.verdict(f"lost: {lost}", is_ok=False)
        elif not bots.is_good(ledger.kills_of_slack):
            self.terminal.verdict(f"the bots: {bots}", is_ok=False)
        elif self.untold:
            self.terminal.verdict(f"not told after the night: {sorted(self.untold)}", is_ok=False)
        elif left:
            self.terminal.verdict(f"nothing was lost, but something is still under way: {'; '.join(left)}", is_ok=False)
        else:
            self.terminal.verdict("nothing was lost, everything was delivered", is_ok=True)
        return not lost and not self.untold and not left and bots.is_good(ledger.kills_of_slack)


def workers_of(root: int, function: str = "") -> Iterator[int]:
    """The processes below `root` that run a function, or that one (Linux)."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue  # it ended while we looked
    for process in parents:
        ancestor = process
        while ancestor in parents and ancestor != root:
            ancestor = parents[ancestor]
        if ancestor == root and process != root:
            try:
                command = Path(f"/proc/{process}/cmdline").read_bytes()
            except OSError:
                continue
            if b"_worker.py" in command and function.encode() in command:
                yield process
