"""What a function takes from nothing to the end of its first call, as shipped: no bytecode but what the bundle has.

It is processor time, because Lambda gives a small function a small share of a processor, and that is what it waits for.
A floor imports and makes what its function needs for that call, from the same packages, each module from a file of its
own. What a call leaves to a later one does not count there, so a first poll that tells a failure, and needs nearly all
there is, stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from benchmarks.bench import BASELINES, Bench, Outcome, at_most, pairs
from benchmarks.bundles import Bundle, Function, with_bytecode
from benchmarks.fakes.aws import Aws
from benchmarks.fakes.web import Web
from benchmarks.stack import PLENTY, SECRET, START, Child, Stack, stack

FUNCTIONS: Final[tuple[tuple[Function, str, str, float, float], ...]] = (
    ("PollerFunction", "the poller, which finds another one at work", "floor_poller", 1.10, 0.40),
    ("SlackFunction", "the Slack function, with an empty batch", "floor_slack", 1.10, 0.43),
)
BUSY: Final = {
    "pk": {"S": "CONTROL"},
    "sk": {"S": "POLLER"},
    "lease_holder": {"S": "another"},
    "lease_until": {"S": "9999-01-01T00:00:00.000+00:00"},
}


def measure(bench: Bench) -> Iterator[Outcome]:
    """Each function against the floor and against 1.0."""
    count = 1 if bench.quick else 15
    aws = Aws({SECRET.format("testmo"): "token"})
    aws.items["CONTROL", "POLLER"] = BUSY
    floor_packages = bench.now if bench.quick else with_bytecode(bench.now, bench.python)
    with Web(aws.answer) as web:
        environment = {
            "AWS_ENDPOINT_URL": web.url,
            "TESTMO_URL": "https://example.testmo.net",
            "TESTMO_SECRET_ARN": SECRET.format("testmo"),
            "SLACK_SECRET_ARN": SECRET.format("slack"),
            "TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:notifications",
            "QUEUE_URL": f"{web.url}/000000000000/slack",
            "DEAD_LETTER_QUEUE_URL": f"{web.url}/000000000000/dead",
            "CHANNELS": "slack,email,event",
        }
        for function, case, folder, of_floor, of_old in FUNCTIONS:
            bench.say(case)
            floor = replace(floor_packages, functions={function: BASELINES / folder})

            def cold(bundle: Bundle, function: Function = function) -> float:
                return _cold(bench, bundle, function, environment)

            against_floor = pairs(lambda: cold(floor), lambda: cold(bench.now), count)  # noqa: B023 - called here
            against_old = pairs(lambda: cold(bench.old), lambda: cold(bench.now), count)
            base, told = against_floor.told()
            yield Outcome(
                f"{case}, against its floor",
                f"floor: {base}",
                told,
                f"≤ {of_floor:.2f} ×",
                at_most(against_floor.ratio, of_floor),
            )
            base, told = against_old.told()
            yield Outcome(
                f"{case}, against 1.0.0",
                f"1.0.0: {base}",
                told,
                f"≤ {of_old:.2f} ×",
                at_most(against_old.ratio, of_old),
            )
    yield _with_news(bench, count)


def _with_news(bench: Bench, count: int) -> Outcome:
    """A first poll that does nearly everything; the stacks have polled before."""
    case = "the poller, which finds a failure and tells it"
    bench.say(case)
    variables = {"REQUESTS_PER_MINUTE": str(PLENTY)}
    with (
        stack(bench.old, bench.python, variables=variables) as old,
        stack(bench.now, bench.python, variables=variables) as now,
    ):
        for up in (old, now):
            up.testmo.add_project(3)
            up.settle(budget=str(PLENTY))
        base, told = pairs(lambda: _telling(old), lambda: _telling(now), count).told()
    return Outcome(f"{case}, against 1.0.0", f"1.0.0: {base}", told)


def _telling(up: Stack) -> float:
    up.testmo.save(up.testmo.projects[1][0])
    up.restart()
    polled = up.poll(after=timedelta(minutes=2))
    if polled.report["new_failing"] != 1:
        raise AssertionError(f"one failure expected: {polled.report}")
    return polled.run.cold_cpu


def _cold(bench: Bench, bundle: Bundle, function: Function, environment: Mapping[str, str]) -> float:
    with Child(bench.python, bundle, function, environment, clock=False) as child:
        return child.call({"Records": []}, START).cold_cpu
