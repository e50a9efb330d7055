"""`testmo-notifier people`: who works in Testmo, who has no entry, and lines to paste."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from testmo_notifier.settings.people import parse_people
from tests.support.story import Story, playing
from tools.cli import main
from tools.ops import people as command

ENTRIES = '[people]\n2 = "U0000000ADA"\n"grace hopper" = "U00000GRACE"\n"alan.turing@example.com" = "U0000ALAN"\n'


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    with playing() as story:
        for name in ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger\x1b[31m Dijkstra"):
            story.world.add_user(name)
        monkeypatch.setattr(command, "text_of", lambda _: ENTRIES)
        yield story


def people(story: Story, *flags: str, **environ: str) -> Result:
    given = {"TESTMO_URL": story.testmo.url, "TESTMO_TOKEN": story.testmo.token, "AWS_ENDPOINT_URL": ""}
    return CliRunner().invoke(main, ["people", "--from-environment", *flags], env={**given, **environ})


def test_a_testmo_in_the_environment_is_asked_as_long_as_no_stack_is_named(story: Story) -> None:
    given = {"TESTMO_URL": story.testmo.url, "TESTMO_TOKEN": story.testmo.token, "AWS_ENDPOINT_URL": ""}
    assert "4 users" in CliRunner().invoke(main, ["people"], env=given).stdout
    named = CliRunner().invoke(main, ["people", "--region", "no where"], env=given)
    assert (named.exit_code, "4 users" in named.stdout) == (2, False)


def answered(story: Story) -> dict[str, Any]:
    result = people(story, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_everybody_is_listed_with_an_entry_or_a_line_to_paste(story: Story) -> None:
    result = people(story)
    assert result.exit_code == 0
    said = result.stdout
    assert "4 users: all users of this Testmo" in said
    assert "2  Ada Lovelace  ada.lovelace@example.com  U0000000ADA" in said
    assert "4  Alan Turing  alan.turing@example.com  U0000ALAN" in said
    assert "3 of 4 users have an entry in people.toml" in said
    assert "\x1b[31m" not in said
    (line,) = [line for line in said.splitlines() if line.strip().startswith("5 = ")]
    filled = line.replace("U…", "U000EDSGER")
    assert parse_people(f"[people]\n{filled}\n").by_id == {5: "U000EDSGER"}


def test_a_token_that_may_not_list_users_sees_those_of_its_projects(story: Story) -> None:
    story.world.viewer.is_admin = False
    told = answered(story)
    assert told["where"] == "the users of Shop"
    slack = {one["name"].partition(" ")[0]: one["slack"] for one in told["people"]}
    assert slack["Ada"] == "U0000000ADA"
    assert slack["Grace"] == "U00000GRACE"
    assert slack["Alan"] is None, "without addresses nobody knows whose that one is"
    assert told["strangers"] == ["alan.turing@example.com"]


def test_where_projects_tell_no_users_either_the_latest_results_do(story: Story) -> None:
    story.world.viewer.is_admin = False
    story.testmo.faults.add("403", path=f"/projects/{story.shop.id}/users", times=None)
    ada, grace = (story.world.users[number] for number in (2, 3))
    run = story.add_run()
    story.save(run, 1, by=ada, assignee=grace)
    story.save(run, 2, by=ada)
    told = answered(story)
    assert told["where"] == "those whom the latest results in Shop name"
    assert [one["name"] for one in told["people"]] == ["Ada Lovelace", "Grace Hopper"]
    assert told["missing"] == []


def test_a_wrong_file_or_token_is_a_sentence(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = people(story, TESTMO_TOKEN="another")
    assert (refused.exit_code, "refuses the token" in refused.stderr) == (1, True)
    monkeypatch.setattr(command, "text_of", lambda _: "[people]\nAda = 5\n")
    wrong = people(story)
    assert (wrong.exit_code, "people.toml:2: people.Ada is 5: give" in wrong.stderr) == (2, True)


def test_users_of_one_name_are_said_to_need_an_entry_each_by_their_ids(story: Story) -> None:
    """One entry would call one of them for all."""
    story.world.add_user("Grace  Hopper")
    said = "people.toml has one entry for Grace Hopper, and 2 users are called so"
    assert f"{said}: give each a line with its id (3, 6) instead" in people(story).stdout

    story.world.add_user("Ada Lovelace")
    assert "one entry for Ada" not in people(story).stdout, "that is an entry of one of them alone"
