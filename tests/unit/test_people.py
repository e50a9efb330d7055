"""`people.toml`: who is who in Slack, and the words for what the file may not say."""

from __future__ import annotations

import pytest

from testmo_notifier.errors import ConfigurationError
from testmo_notifier.model import Mention
from testmo_notifier.settings.people import People, parse_people
from tests.support.problems import with_next_steps
from tools.lib.processes import SETTINGS

WHOLE = """\
[people]
"Grace Hopper" = "U012AB3CD"
12 = "W012AB3CE"
"ada@example.com" = "U012AB3CF"

[groups]
payments-oncall = "S012AB3CD"
"The  Whole team" = "here"
leads = "channel"
"""


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(ConfigurationError) as caught:
        parse_people(text)
    return [
        (problem.line, problem.removeprefix(f"{problem.file}:{problem.line}: "))
        for problem in with_next_steps(caught.value.problems)
    ]


@pytest.mark.parametrize(
    ("mention", "slack_id"),
    [
        (Mention("Grace Hopper", 7), "U012AB3CD"),
        (Mention("  grace   HOPPER "), "U012AB3CD"),
        (Mention("Whoever", 12), "W012AB3CE"),
        (Mention("Grace Hopper", 12), "W012AB3CE"),  # an id is surer than a name
        (Mention("12"), None),
        (Mention("Ada@Example.com"), "U012AB3CF"),
        (Mention("Ada Lovelace", 3), None),
        (Mention("Payments-Oncall", is_group=True), "S012AB3CD"),
        (Mention("the whole team", is_group=True), "here"),
        (Mention("leads", is_group=True), "channel"),
        (Mention("here", is_group=True), None),  # only where the file names it
        (Mention("Grace Hopper", is_group=True), None),
        (Mention("leads"), None),
    ],
)
def test_people_are_found_by_id_then_by_name_and_groups_among_groups(mention: Mention, slack_id: str | None) -> None:
    assert parse_people(WHOLE).slack_id(mention) == slack_id


def test_the_file_that_ships_has_nobody_and_its_examples_are_right() -> None:
    text = (SETTINGS / "people.toml").read_text("utf-8")
    assert parse_people(text) == People()
    examples = text.split("[people]\n")[1].replace("# ", "")
    assert parse_people(f"[people]\n{examples}") == People(
        {12: "U012AB3CE"},
        {"grace hopper": "U012AB3CD", "ada@example.com": "U012AB3CF"},
        {"payments-oncall": "S012AB3CD", "everybody": "here"},
    )


@pytest.mark.parametrize("text", ["", "\ufeff", "[people]\n", "[groups]\n", "# nobody yet\n"])
def test_a_file_without_entries_is_right(text: str) -> None:
    assert parse_people(text) == People()


def test_everything_that_is_wrong_is_said_at_once_with_its_line() -> None:
    text = """\
# "Grace Hopper" = "U012AB3CD"
[teams]
[people]
"Grace Hopper" = "U012AB3CD"
"grace  hopper" = "U012AB3CE"
007 = "U012AB3CD"
7 = "U012AB3CD"
ada.lovelace = "U012AB3CD"
Alan = 12
Edsger = "@edsger"
Kathleen = "u012ab3cd"
Barbara = "S012AB3CD"
" " = "U012AB3CD"
[groups]
oncall = "U012AB3CD"
all = "everyone"
12 = "S012AB3CD"
"""
    member = 'give "U012AB3CD", which Slack shows in the profile of a member (⋮, Copy member ID)'
    group = 'give "S012AB3CD", which stands at the end of the address of a user group in Slack, or "here" or "channel"'
    mentioned = "move it to [groups]; a route mentions it as group:<name>"
    assert problems(text) == [
        (2, "unknown key 'teams': use [people] or [groups]"),
        (5, "people.grace  hopper is there already (capitals and spaces make no difference): keep one of them"),
        (7, "people.7 is there already (capitals and spaces make no difference): keep one of them"),
        (8, f"people.ada is no text: put a name with a dot in quotes, and the id, too, like {member[5:]}"),
        (9, f"people.Alan is 12: {member}"),
        (10, f"people.Edsger is '@edsger': {member}"),
        (11, f"people.Kathleen is 'u012ab3cd': {member}"),
        (
            12,
            f"people.Barbara is 'S012AB3CD', a user group: {mentioned}",
        ),
        (3, "people.  has no name: put one before the ="),
        (15, "groups.oncall is 'U012AB3CD', a member: move it to [people]"),
        (16, f"groups.all is 'everyone': {group}"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[people]\n12 = 'U012AB3CD'\n12 = 'U012AB3CD'\n", 3, "is not TOML: Cannot overwrite a value"),
        ("[people]\nGrace Hopper = 'U012AB3CD'\n", 2, "is not TOML: "),
        ("people = ['U012AB3CD']\n", 1, "people is no table: write [people] and a line for each"),
        ("\n[[groups]]\n", 2, "groups is no table: write [groups] and a line for each"),
    ],
)
def test_a_file_that_is_no_list_of_people_is_told_by_line(text: str, line: int, words: str) -> None:
    ((at, said),) = problems(text)
    assert (at, said.startswith(words)) == (line, True), said


def test_what_is_secret_and_stands_in_the_file_by_mistake_is_not_repeated() -> None:
    told = problems('[people]\n"xoxb-1-hidden" = "https://hooks.slack.com/services/T0/B0/hidden"\n')
    assert "hidden" not in str(told)
    assert told[0][1].startswith("people.xoxb-… is 'https://hooks.slack.com…': give")


def test_a_problem_begins_with_file_and_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_people("[people]\nAlan = 12\n", "ours.toml")
    assert caught.value.problems[0].startswith("ours.toml:2: people.Alan is 12: give")
