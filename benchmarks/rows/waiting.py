"""How long news waits behind everything else, in polls: exact counts on virtual time."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from datetime import timedelta

from benchmarks.bench import Bench, Outcome, mid_and_max, percentile
from benchmarks.bundles import Bundle
from benchmarks.stack import Stack, stack

IDLE = timedelta(hours=25)  # after a quiet day, turns come by the hour
FAILURES = 20
MAX_POLLS = 150
STEP = 7919  # a prime: failures land all over the list


def runs(bench: Bench) -> Iterator[Outcome]:
    """One project with so many open runs."""
    for count in (30,) if bench.quick else (600, 1_000, 3_000, 5_000, 10_000):
        goal = 1 if count <= 5_000 else 2
        old = _waits(bench, bench.old, [count]) if count <= 3_000 else None
        now = _waits(bench, bench.now, [count])
        yield _told(f"{count:,} open runs", old, now, goal)


def projects(bench: Bench) -> Iterator[Outcome]:
    """Many projects with one run each."""
    count = 20 if bench.quick else 500
    sizes = [1] * count
    goal = -(-count // 100) + 1
    yield _told(
        f"{count:,} projects of one run", _waits(bench, bench.old, sizes), _waits(bench, bench.now, sizes), goal
    )


def busy(bench: Bench) -> Iterator[Outcome]:
    """So many runs with one new failing result each, every minute."""
    minutes = 3 if bench.quick else 40
    for each in (5,) if bench.quick else (30, 100):
        old, now = (_Busy(bench, bundle, each, minutes) for bundle in bench.both)
        case = f"{each} runs with news a minute"
        yield Outcome(
            f"{case}: events, polls until told (p50 / max), untold in the end",
            f"1.0.0: {old.events}",
            now.events,
            "1 / 1, 0 untold",
            now.untold == 0 and max(now.waits) <= 1,
        )
        bound = min(each, 55)
        yield Outcome(
            f"{case}: messages to Slack's queue a poll (it passes on 60 a minute)",
            f"1.0.0: {old.mean('slack'):.0f}",
            f"{now.mean('slack'):.0f}",
            f"≥ {bound}",
            now.mean("slack") >= bound,
        )
        yield Outcome(f"{case}: mails a poll", f"1.0.0: {old.mean('email'):.0f}", f"{now.mean('email'):.0f}")


def _told(case: str, old: list[int] | None, now: list[int], goal: int) -> Outcome:
    baseline = "not measured" if old is None else f"1.0.0: {mid_and_max(old)}"
    return Outcome(case, baseline, mid_and_max(now), f"≤ {goal}", max(now) <= goal)


def _waits(bench: Bench, bundle: Bundle, sizes: list[int]) -> list[int]:
    """How many polls each of some failures waited, one saved before each poll."""
    bench.say(f"{bundle.name}: {sum(sizes):,} runs in {len(sizes)} projects")
    with stack(bundle, bench.python) as up:
        everything = [run for size in sizes for run in up.testmo.add_project(size)]
        up.settle(idle=IDLE)
        saved: dict[int, int] = {}
        waits: list[int] = []
        for number in range(MAX_POLLS):
            if number < FAILURES:
                run = everything[number * STEP % len(everything)]
                up.testmo.save(run)
                saved.setdefault(run.id, number)
            told = [one.run_id for one in up.poll().published if one.channel == "event"]
            waits += [number + 1 - saved.pop(run_id) for run_id in told if run_id in saved]
            if number >= FAILURES and not saved:
                break
        return waits + [MAX_POLLS - number for number in saved.values()]


class _Busy:
    """Some minutes with news in many runs."""

    def __init__(self, bench: Bench, bundle: Bundle, each: int, minutes: int) -> None:
        bench.say(f"{bundle.name}: {each} runs with news a minute")
        self.waits: list[int] = []
        self.polls = minutes
        self.messages: Counter[str] = Counter()
        waiting: defaultdict[int, deque[int]] = defaultdict(deque)
        with stack(bundle, bench.python) as up:
            everything = up.testmo.add_project(2 * each)
            up.settle(idle=IDLE)
            for minute in range(minutes):
                for number in range(each):
                    run = everything[(minute * each + number) % len(everything)]
                    up.testmo.save(run)
                    waiting[run.id].append(minute)
                self._poll(up, minute, waiting)
        self.untold = sum(map(len, waiting.values()))

    def _poll(self, up: Stack, minute: int, waiting: defaultdict[int, deque[int]]) -> None:
        for one in up.poll().published:
            self.messages[one.channel] += 1
            if one.channel == "event":
                self.waits += [minute + 1 - waiting[one.run_id].popleft() for _ in range(one.total)]

    @property
    def events(self) -> str:
        """In words."""
        return f"{percentile(self.waits, 0.5)} / {max(self.waits)}, {self.untold:,} untold"

    def mean(self, channel: str) -> float:
        """Messages of a channel a poll."""
        return self.messages[channel] / self.polls
