"""What one poll says of itself."""

from __future__ import annotations

import json

import pytest

from testmo_notifier.polling.report import Report
from tests.support.factories import START


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (Report(runs_open=3, runs_read=1, requests=4), "nothing new, read 1 of 3 runs, 4 requests"),
        (
            Report(new_failing=1, digests=1, published=3, runs_open=1, runs_read=1, requests=1),
            "1 new failing result in 1 run, 3 messages published, read 1 of 1 run, 1 request",
        ),
        (
            Report(
                status="partial",
                new_failing=4,
                digests=2,
                pending=1,
                runs_open=9,
                runs_read=2,
                runs_left=7,
                requests=12,
            ),
            (
                "4 new failing results in 2 runs, 1 waiting to be published, read 2 of 9 runs, "
                "7 left for the next poll, 12 requests"
            ),
        ),
        (Report(status="busy", problems=["another poller is at work"]), "another poller is at work"),
    ],
)
def test_a_poll_is_one_line_for_people(summary: Report, words: str) -> None:
    assert summary.words == words


def test_the_answer_is_json_and_never_endless() -> None:
    summary = Report(problems=[f"problem {n}" for n in range(50)], retry_at=START)

    answer = json.loads(json.dumps(summary.to_json()))

    assert len(answer["problems"]) == 21
    assert answer["problems"][-1] == "and 30 more problems"
    assert answer["retry_at"] == "2026-11-23T09:00:00+00:00"


def test_a_poll_that_did_nothing_counts_nothing() -> None:
    answer = Report().to_json()

    assert {name for name, value in answer.items() if value not in (0, False, None, [], ())} == {"status", "words"}
    assert answer["status"] == "ok"


@pytest.mark.parametrize(("number", "shown"), [(20, 20), (21, 21), (50, 21)])
def test_twenty_problems_are_shown_and_how_many_more_there_are(number: int, shown: int) -> None:
    problems = Report(problems=[f"problem {n}" for n in range(number)]).to_json()["problems"]

    assert isinstance(problems, list)
    assert (len(problems), problems[19]) == (shown, "problem 19")


def test_the_same_reason_is_said_once_however_many_runs_are_left() -> None:
    summary = Report()
    summary.left("the 120 requests that a minute may take are used up")
    summary.left("the 120 requests that a minute may take are used up")

    assert (summary.status, summary.runs_left, len(summary.problems)) == ("partial", 2, 1)
