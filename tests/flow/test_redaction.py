"""SECURITY.md: the token is in no log line, metric, error, item of the state or message, whatever Testmo answers."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import pytest

from testmo_notifier.errors import NotifierError
from tests.support.alarms import Operation
from tests.support.story import Story
from tools.simulator.faults import DESCRIPTIONS

PATHS = ["*", "/user", "/projects", "/projects/*/runs", "/runs/*", "/runs/*/results", "/projects/*/cases"]


def everything(story: Story, caplog: pytest.LogCaptureFixture) -> str:
    """Poll through first sight, news and a quiet minute; everything that came of it as one text."""
    run = story.add_run()
    said: list[str] = []
    operation = Operation(story)
    for turn in range(4):
        operation.polls(1)
        try:
            story.wait()
            said.append(json.dumps(story.poll().to_json()))
        except NotifierError as exc:
            said += [repr(exc), "".join(traceback.format_exception(exc))]
        story.save(run, turn + 1)
    said += [
        operation.printed,
        repr(story.store.items),
        repr(story.store.told),
        repr(story.topic.notifications),
        caplog.text,
    ]
    return "\n".join(said)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fault", [name for name in DESCRIPTIONS if name != "slow"])
def test_the_token_is_nowhere_whatever_goes_wrong(
    story: Story, caplog: pytest.LogCaptureFixture, fault: str, path: str
) -> None:
    caplog.set_level(logging.DEBUG)  # as if somebody had set POWERTOOLS_LOG_LEVEL=DEBUG
    story.testmo.faults.add(fault, path=path, times=None)
    said = everything(story, caplog)
    assert said.count('"message":"poll') == 4
    assert story.token.token not in said
    assert "Bearer" not in said


def test_a_testmo_that_repeats_the_token_is_not_quoted(story: Story, caplog: pytest.LogCaptureFixture) -> None:
    """A proxy or a debug page may show the request it got."""

    def repeat(_path: str, body: dict[str, Any]) -> None:
        body["result"] = f"you sent Bearer {story.token.token}"

    story.spoil = repeat
    assert story.token.token not in everything(story, caplog)


def test_a_run_that_fails_on_a_bug_is_told_by_type_and_place_and_not_by_what_it_held(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    def break_it(path: str, _body: dict[str, Any]) -> None:
        if path.endswith("/results"):
            raise RuntimeError(f"sent {story.token.token}")

    story.spoil = break_it
    said = everything(story, caplog)
    assert "unexpected RuntimeError at test_redaction.py" in said
    assert story.token.token not in said


def test_a_poll_that_fails_on_a_bug_says_type_and_place_and_not_what_it_held(story: Story) -> None:
    def broken() -> float:
        raise RuntimeError(f"sent {story.token.token}")

    operation = Operation(story)
    story.add_run()
    operation.polls(1, seconds_left=broken)
    (line,) = [json.loads(line) for line in operation.printed.splitlines() if '"poll failed"' in line]
    assert (line["error"], line["reason"]) == ("RuntimeError", "error")
    assert line["where"][-1].endswith(" broken")
    assert story.token.token not in operation.printed
