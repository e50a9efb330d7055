"""What a poll says of itself: its status, its words, wrong files (docs/runbook.md), and never a secret."""

from __future__ import annotations

import json

import pytest

from testmo_notifier.adapters import items
from tests.support.story import Story


def test_a_quiet_poll_is_ok_in_few_words(story: Story) -> None:
    story.add_run_and_poll()
    summary = story.wait_and_poll()

    assert (summary.status, summary.problems) == ("ok", [])
    assert summary.words == "nothing new, read 0 of 1 run, 2 requests"


def test_a_poll_with_news_says_how_much(story: Story) -> None:
    runs = [story.add_run(f"Run {n}") for n in range(2)]
    story.poll()
    story.wait()
    story.save(runs[0], 1)
    story.save(runs[0], 2)
    story.save(runs[1], 1)
    summary = story.poll()

    assert summary.status == "ok"
    assert (summary.new_failing, summary.digests, summary.published, summary.results) == (3, 2, 6, 3)
    assert summary.words.startswith("3 new failing results in 2 runs, 6 messages published, read 2 of 2 runs, ")


def test_a_poll_that_leaves_runs_says_so_once(story: Story) -> None:
    story.settings["requests_per_minute"] = 6
    for n in range(20):
        story.add_run(f"Run {n}")
    summary = story.poll()

    assert summary.status == "partial"
    assert summary.problems == ["the 6 requests that a minute may take are used up"]
    assert summary.runs_left == 20 - summary.runs_read


def test_a_poll_in_which_a_run_could_not_be_read_is_partial_and_names_it(story: Story) -> None:
    run = story.add_run("Nightly")
    story.testmo.faults.add("500", path="/runs/*/results")
    summary = story.poll()

    assert summary.status == "partial"
    assert summary.problems[0].startswith(f"run {run.id} (Nightly): /runs/{run.id}/results answered with 500")


def test_a_poll_that_cannot_publish_says_what_waits(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    story.save(run)
    story.topic.refused = {"event"}

    assert "1 waiting to be published" in story.poll().words


@pytest.mark.parametrize("fault", ["401", "403", "404", "404-route", "422", "429", "500", "login-page", "reset"])
@pytest.mark.parametrize("path", ["/projects/*/runs", "/runs/*/results"])
def test_no_summary_ever_holds_the_token(story: Story, fault: str, path: str) -> None:
    story.add_run()
    story.testmo.faults.add(fault, path=path, times=None)
    try:
        said = json.dumps(story.poll().to_json())
    except Exception as exc:  # noqa: BLE001 - whatever is raised is logged
        said = repr(exc)

    assert story.token.token not in said


def kept(story: Story) -> tuple[str, ...] | None:
    """What is known of wrong files when nobody polls."""
    return items.control_from(story.store.items["CONTROL"]).health.wrong_files


def test_every_poll_says_which_file_of_the_team_is_wrong_and_counts_it_for_the_alarm(story: Story) -> None:
    said = "routes.toml:3: route 1 has after = 0; until this is corrected and deployed, everything goes to slack:a"
    story.settings["wrong_files"] = (said,)
    story.add_run_and_poll()
    quiet = story.wait_and_poll()
    story.testmo.faults.add("429", path="/projects")
    throttled = story.wait_and_poll()
    waiting = story.wait_and_poll(every=1)
    for report in (quiet, throttled, waiting):
        assert (report.problems[0], report.settings_problems, report.over) == (said, 1, ())
    assert (quiet.status, waiting.status) == ("ok", "waiting")
    assert kept(story) == (said,), "for `status` and `doctor`"
    story.settings["wrong_files"] = ()
    assert story.wait_and_poll(every=4000).over == ()
    assert kept(story) is None
    assert story.wait_and_poll(every=4300).over == ("SettingsProblems",)
