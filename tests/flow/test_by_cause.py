"""Rule 20: many runs in one message are told by cause, by folder, too; no message waits for a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.channels.render import Renderer
from testmo_notifier.poll import poll
from tests.flow.test_routes import follow
from tests.support.story import BLOCKED, Story, playing
from tools.lib.blocks import as_text
from tools.simulator.model import Case, Run

PLAIN = '[[routes]]\nto = ["slack:default"]\n'
FOLD = PLAIN + '[destinations."slack:default"]\nfold = 1\n'


@pytest.fixture
def story() -> Iterator[Story]:
    with playing() as story:
        story.settings |= {"requests_per_minute": 200}
        yield story


def in_folder(story: Story, name: str, *cases: str) -> list[Case]:
    """Cases in a folder of their own."""
    folder = story.world.add_folder(story.shop, name)
    return [story.world.add_case(story.shop, case, folder=folder) for case in cases]


def runs(story: Story, cases: list[Case], number: int = 3) -> list[Run]:
    """So many runs of these cases."""
    return [story.world.add_run(story.shop, f"Nightly {n}", cases=cases) for n in range(1, number + 1)]


def fail_everywhere(story: Story, among: list[Run], status: int = 3) -> None:
    """Every test of each run fails, each run has a tester of its own."""
    for run in among:
        tester = story.world.add_user(f"Tester of {run.name}")
        for test in story.world.tests_of(run):
            story.world.save_result(test, status, by=tester)


def last_message(story: Story) -> list[str]:
    """The last one in Slack, line by line."""
    return as_text(json.loads(story.channel("slack")[-1])).split("\n")


def case_lists(story: Story) -> list[str | None]:
    """What was asked for with each page of cases."""
    return [request.query.get("expands") for request in story.requests("/projects/*/cases")]


def test_tests_of_a_folder_that_fail_in_many_runs_are_one_line_whoever_tested(story: Story) -> None:
    follow(story, FOLD)
    cases = in_folder(story, "Payment", "Pay by card", "Pay by invoice") + in_folder(story, "Search", "Find a book")
    among = runs(story, cases)
    story.poll()
    fail_everywhere(story, among)
    story.wait_and_poll()

    lines = last_message(story)
    assert lines[0] == "✖ 9 failed in 3 runs: Shop"
    assert "▌ ✖ Failed   6 tests in 3 runs: folder Payment" in lines
    assert "▌ ✖ Failed   3 tests in 3 runs: folder Search" in lines
    assert len(story.channel("slack")) == 1


@pytest.mark.parametrize(
    ("option", "asked"),
    [
        ("", [None]),
        ("lines = 5", [None]),
        ('at_most_every = "15m"', [None]),
        ("fold = 3", [None, "folders"]),
        ('digest_at = ["09:00"]', [None, "folders"]),
        ('quiet = { days = "sun" }', [None, "folders"]),
    ],
)
def test_folders_are_read_only_where_a_message_may_be_about_several_runs(
    story: Story, option: str, asked: list[str | None]
) -> None:
    follow(story, PLAIN + f'[destinations."slack:default"]\n{option}\n')
    story.save(story.add_run())
    story.wait_and_poll(3)
    assert case_lists(story) == asked


def test_a_quiet_poll_asks_for_no_folder_again(story: Story) -> None:
    follow(story, FOLD)
    runs(story, in_folder(story, "Payment", "Pay"))
    story.poll()
    story.wait_and_poll(30)
    assert case_lists(story) == [None, "folders"]
    story.wait_and_poll(every=86_400)
    assert case_lists(story) == [None, "folders"] * 2


def test_the_folder_of_a_new_case_is_asked_for_before_many_runs_are_told(story: Story) -> None:
    follow(story, FOLD)
    story.add_run_and_poll()
    story.wait()
    among = runs(story, in_folder(story, "Payment", "Pay by card"))
    fail_everywhere(story, among)
    before = len(case_lists(story))
    story.wait_and_poll()

    assert case_lists(story)[before:] == [None, "folders"]
    assert "▌ ✖ Failed   3 tests in 3 runs: folder Payment" in last_message(story)


def test_what_is_found_in_the_quiet_has_its_folder_when_that_ends(story: Story) -> None:
    follow(story, PLAIN + '[destinations."slack:default"]\nquiet = { from = "09:00", to = "10:00" }\n')
    story.add_run_and_poll()
    story.wait()
    for case in in_folder(story, "Payment", "Pay by card", "Pay by invoice"):
        fail_everywhere(story, runs(story, [case], 1), BLOCKED)
    story.wait_and_poll(3)
    assert story.channel("slack") == []
    story.testmo.faults.add("503", path="/projects/*/cases", times=None)
    story.wait_and_poll(60)
    lines = last_message(story)
    place = lines.index("▌ ⊘ Blocked   2 tests in 2 runs: folder Payment")
    assert "Pay by card" in lines[place + 2]
    assert "Pay by invoice" in lines[place + 2]


def test_what_is_held_when_somebody_drains_is_told_by_cause_all_the_same(story: Story) -> None:
    follow(story, PLAIN + '[destinations."slack:default"]\nquiet = { from = "09:00", to = "10:00" }\n')
    among = runs(story, in_folder(story, "Payment", "Pay by card"), 2)
    story.poll()
    fail_everywhere(story, among)
    story.wait_and_poll()
    story.wait()
    poll(story.setup(), drain=True)
    assert "▌ ✖ Failed   2 tests in 2 runs: folder Payment" in last_message(story)


def test_no_message_waits_for_a_folder_that_cannot_be_read(story: Story) -> None:
    follow(story, FOLD)
    among = runs(story, in_folder(story, "Payment", "Pay by card", "Pay by invoice"))
    story.testmo.faults.add("503", path="/projects/*/cases", times=None)
    story.poll()
    fail_everywhere(story, among)
    story.wait_and_poll()

    lines = last_message(story)
    assert lines[0] == "✖ 6 failed in 3 runs: Shop"
    assert "▌ ✖ Failed   2 tests in 1 run: saved by Tester of Nightly 1" in lines
    assert "folder" not in "\n".join(lines)


def test_who_is_told_of_each_run_at_once_waits_for_names_and_for_no_folder(story: Story) -> None:
    follow(story, FOLD + '[[routes]]\nto = ["slack:at-once"]\n')
    among = runs(story, in_folder(story, "Payment", "Pay by card"))
    fail_everywhere(story, among)
    published: list[int] = []
    story.spoil = lambda path, _: published.append(len(story.topic.notifications)) if "/cases" in path else None
    story.settings |= {"scope": story.scope(backfill=timedelta(days=1))}
    story.poll()

    names, folders = published
    assert (names, folders) == (0, 6)  # three runs, for the destination and for programs
    assert [n.destination for n in story.topic.notifications].count("slack:default") == 1


def test_programs_and_templates_get_the_folder_where_it_is_known(story: Story, tmp_path: Path) -> None:
    (tmp_path / "slack_result.j2").write_text("{{ result.name }} in {{ result.folder or 'no folder' }}")
    story.renderer = Renderer(ZoneInfo("UTC"), tmp_path)
    cases = in_folder(story, "Payment & <more>", "Pay by card")
    for text in (PLAIN, FOLD):
        follow(story, text)
        story.poll()
        [run] = runs(story, cases, 1)
        fail_everywhere(story, [run])
        story.wait_and_poll(2)

    plain, known = (event["results"][0] for event in story.events)
    assert "folder" not in plain
    assert "folder_id" not in plain
    assert (known["folder_id"], known["folder"]) == (cases[0].folder_id, "Payment & <more>")
    without, with_folder = story.channel("slack")
    assert "Pay by card in no folder" in without
    assert "Pay by card in Payment &amp; &lt;more&gt;" in with_folder
