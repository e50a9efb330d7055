"""What one poll did: the answer of the function, the summary log line, and the line `local` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, field
from datetime import datetime
from typing import Final, Literal

from testmo_notifier.lean import dataclass
from testmo_notifier.model import FINISHED, RECOVERED
from testmo_notifier.notices.story import numbered
from testmo_notifier.polling import troubles
from testmo_notifier.sources.testmo_runs.projects import Discovery
from testmo_notifier.sources.testmo_runs.reading import Reading

MAX_PROBLEMS: Final = 20  # that the answer and the log line of a poll name
Status = Literal["ok", "partial", "waiting", "busy"]


@dataclass(slots=True)
class Report:
    """Counts of one poll; docs/metrics.md says what each is in the log.

    `looked`: Testmo's projects were seen, so that something was watched. `busy` and `waiting` last until `retry_at`.
    `turns_left` are runs that have not moved, whose turn came and for which no request was left. `invisible` counts
    what should be there and is not shown, as far as this poll asked for it, `hidden` whatever Testmo refuses to the
    token's user. `unsubscribed` counts addresses of the parameters that get no mail, `unheard` other mail destinations
    of the routes that nobody gets; `unlisted`: AWS did not tell who is subscribed. `over` names metrics of troubles
    that ended. `sweeps` counts the runs that were swept by why, `held` the digests that are told later by why.
    """

    status: Status = "ok"
    problems: list[str] = field(default_factory=list)
    runs_open: int = 0
    runs_read: int = 0
    runs_left: int = 0
    results: int = 0
    new_failing: int = 0
    digests: int = 0
    recovered: int = 0
    finished: int = 0
    published: int = 0
    pending: int = 0
    malformed: int = 0
    swept: int = 0
    sweeps: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    looked: bool = False
    lag_seconds: float = 0.0
    turns_left: int = 0
    oldest_turn_seconds: float = 0.0
    skew_seconds: float = 0.0
    throttled: bool = False
    invisible: int = 0
    hidden: int = 0
    settings_problems: int = 0
    template_errors: int = 0
    unsubscribed: int = 0
    unheard: int = 0
    unlisted: bool = False
    over: tuple[str, ...] = ()
    retry_at: datetime | None = None

    def unfinished(self, problem: str) -> None:
        """Something is left for the next poll."""
        self.status = "partial"
        self.problems.append(problem)

    def paused(self, until: datetime) -> None:
        """Testmo asked for a pause that is not over."""
        self.status, self.retry_at, self.throttled = "waiting", until, True
        self.problems.append(f"Testmo asked for a pause until {until.isoformat(timespec='seconds')}")

    def drained(self, until: datetime) -> None:
        """Somebody is preparing a rollback: what waits was handed over, and nothing is read."""
        self.status, self.retry_at = "waiting", until
        self.problems.append(f"drained: nothing is read until {until.isoformat(timespec='seconds')}")

    def discovered(self, found: Discovery, asked_at: datetime) -> None:
        """Add what the discovery found; `asked_at` is our clock when it began."""
        self.looked, self.runs_open = True, len(found.runs)
        self.skew_seconds = (asked_at - found.began_at).total_seconds()
        self.invisible, self.settings_problems = found.invisible, found.settings_problems
        self.problems += found.problems
        self.hidden = found.hidden_projects
        if not found.complete:
            self.status = "partial"

    def left(self, reason: str, runs: int = 1) -> None:
        """Runs are left for the next poll; the reason is the same for all of them, so it is said once."""
        self.runs_left += runs
        self.status = "partial" if runs else self.status
        if runs and reason not in self.problems:
            self.problems.append(reason)

    def count(self, reading: Reading) -> None:
        """Add one run that was read and written."""
        self.runs_read += 1
        self.results += reading.rows
        self.malformed += reading.malformed
        self.swept += reading.found_by_sweep
        if reading.why_swept is not None:
            self.sweeps = dict(Counter(self.sweeps) + Counter([reading.why_swept.value]))
        if reading.problem is not None:
            self.unfinished(reading.problem)
        if reading.malformed:
            run = reading.checkpoint.run_id
            told = f"{numbered(reading.malformed, 'result')} told as far as Testmo's answer could be understood"
            self.problems.append(f"run {run}: {told}; the first is {reading.misread}")
        self.new_failing += reading.new_failing
        self.digests += reading.new_failing > 0
        well = [one.digest for one in reading.outgoing if one.digest.about == RECOVERED]
        self.recovered += len(frozenset().union(*(digest.keys for digest in well)))
        self.finished += any(one.digest.about == FINISHED for one in reading.outgoing)
        if reading.checkpoint.is_half_read:
            self.runs_left += 1
            self.unfinished(f"run {reading.checkpoint.run_id} has more results: the next poll reads on")

    def count_held(self, causes: Iterable[str]) -> None:
        """Add what is told later; a silence counts without its name."""
        self.held = dict(Counter(self.held) + Counter(cause.partition(":")[0] for cause in causes))

    def troubles(self, *, token_refused: bool) -> list[str]:
        """The metrics of the troubles that this poll met."""
        counts = {
            "Invisible": self.invisible,
            "SettingsProblems": self.settings_problems,
            "Unsubscribed": self.without_mail,
            troubles.TOKEN: token_refused,
        }
        return [name for name, number in counts.items() if number]

    @property
    def without_mail(self) -> int:
        """How many get no mail, as far as anybody knows; that nobody knows it is one more."""
        return self.unsubscribed + self.unheard + self.unlisted

    @property
    def words(self) -> str:
        """One line for people."""
        if self.status in ("busy", "waiting"):
            return self.problems[0] if self.problems else self.status
        runs = numbered(self.digests, "run")
        news = "nothing could be read" if self.runs_left and not self.runs_read else "nothing new"
        if self.new_failing:
            news = f"{numbered(self.new_failing, 'new failing result')} in {runs}"
        good = [
            f"{numbered(self.recovered, 'test')} passed again" if self.recovered else "",
            f"{numbered(self.finished, 'run')} finished" if self.finished else "",
        ]
        if any(good) and news == "nothing new":
            news = ""
        late = numbered(max(1, round(self.oldest_turn_seconds / 60)), "minute")
        parts = [
            news,
            *good,
            f"{numbered(self.published, 'message')} published" if self.published else "",
            f"{self.pending} waiting to be published" if self.pending else "",
            f"read {self.runs_read} of {numbered(self.runs_open, 'run')}",
            f"{self.runs_left} left for the next poll" if self.runs_left else "",
            f"{numbered(self.turns_left, 'turn')} late by up to {late}" if self.turns_left else "",
            f"{self.hidden} hidden" if self.hidden else "",
            numbered(self.requests, "request"),
        ]
        return ", ".join(filter(None, parts))

    def to_json(self) -> dict[str, object]:
        """The same as JSON, with at most `MAX_PROBLEMS` problems, and without tables that are empty."""
        shown = self.problems[:MAX_PROBLEMS]
        more = len(self.problems) - len(shown)
        return {
            **{name: value for name, value in asdict(self).items() if value != {}},
            "problems": [*shown, f"and {more} more problems"] if more else shown,
            "retry_at": self.retry_at.isoformat() if self.retry_at else None,
            "words": self.words,
        }
