"""From saving to Slack, end to end: the poller's polls and the Slack function's batches, on one virtual clock."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from datetime import timedelta

from benchmarks.bench import Bench, Outcome, at_most, percentile
from benchmarks.bundles import Bundle
from benchmarks.fakes.aws import Aws, Published
from benchmarks.fakes.web import Asked, Said, Web
from benchmarks.stack import SECRET, START, Child, stack

BATCH = 10  # BatchSize in template.yaml
GOALS = {1: 61, 5: 66, 50: 115}
MAX_POLLS = 10


def measure(bench: Bench) -> Iterator[Outcome]:
    """So many runs with one failure each, all saved in the same moment, which is any moment between two polls."""
    for messages, goal in {1: 61}.items() if bench.quick else GOALS.items():
        old, now = (_latency(bench, bundle, messages) for bundle in bench.both)
        yield Outcome(
            f"{messages} at once", f"1.0.0: {old:.0f} s", f"{now:.0f} s", f"≤ {goal} s", at_most(round(now), goal)
        )


def _latency(bench: Bench, bundle: Bundle, messages: int) -> float:
    """Seconds: how long saving waits for its poll (any of a minute's seconds), and from there to the last post."""
    bench.say(f"{bundle.name}: {messages} at once")
    with stack(bundle, bench.python) as up:
        watched = up.testmo.add_project(messages)
        up.settle()
        for run in watched:
            up.testmo.save(run)
        queue: list[tuple[float, int, Published]] = []
        for number in range(MAX_POLLS):
            polled = up.poll()
            for seconds, one in zip(polled.run.published, polled.published, strict=True):
                if one.channel == "slack":
                    heapq.heappush(queue, (60.0 * number + seconds, len(queue), one))
            if len(queue) >= messages:
                break
        last = _last_post(bench, bundle, queue)
    return percentile([second + last for second in range(61)], 0.99)


def _last_post(bench: Bench, bundle: Bundle, queue: list[tuple[float, int, Published]]) -> float:
    """Seconds from the first poll to the end of the batch that posts the last message."""
    arrived: list[bytes] = []

    def take(asked: Asked) -> Said:
        arrived.append(asked.body)
        return Said(b"ok")

    aws = Aws({})
    messages, now = len(queue), 0.0
    with Web(take) as slack, Web(aws.answer) as web:
        aws.secrets[SECRET.format("slack")] = json.dumps({"default": f"{slack.url}/services/T000/B000/abc"})
        environment = {
            "AWS_ENDPOINT_URL": web.url,
            "SLACK_SECRET_ARN": SECRET.format("slack"),
            "QUEUE_URL": f"{web.url}/000000000000/slack",
            "DEAD_LETTER_QUEUE_URL": f"{web.url}/000000000000/dead",
        }
        with Child(bench.python, bundle, "SlackFunction", environment) as child:
            while queue:
                now = max(now, queue[0][0])
                batch: list[tuple[float, int, Published]] = []
                while queue and queue[0][0] <= now and len(batch) < BATCH:
                    batch.append(heapq.heappop(queue))
                aws.hidden.clear()
                at = START + timedelta(seconds=now)
                run = child.call({"Records": [_record(number, one) for _, number, one in batch]}, at)
                now += run.seconds
                for failure in run.result["batchItemFailures"]:
                    number = int(failure["itemIdentifier"])
                    one = next(message for _, known, message in batch if known == number)
                    heapq.heappush(queue, (now + aws.hidden.get(f"handle {number}", 90), number, one))
    if len(arrived) != messages:
        raise AssertionError(f"{len(arrived)} posts for {messages} messages")
    return now


def _record(number: int, one: Published) -> dict[str, object]:
    attributes = {"channel": one.channel, "destination": one.destination, "id": one.id, "run_id": str(one.run_id)}
    return {
        "messageId": str(number),
        "receiptHandle": f"handle {number}",
        "body": one.message,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795435200000"},
        "messageAttributes": {name: {"dataType": "String", "stringValue": value} for name, value in attributes.items()},
        "eventSource": "aws:sqs",
    }
