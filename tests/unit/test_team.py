"""The settings layer as a whole: hard at the desk, and at work no wrong file silences anybody (docs/runbook.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from testmo_notifier.errors import ConfigurationError
from testmo_notifier.model import Issue, Mention
from testmo_notifier.settings.team import Team
from tools.lib.processes import SETTINGS
from tools.ops import wiring
from tools.settings.check import read_team

ROUTES = '[[routes]]\nto = ["slack:default"]\n'
PEOPLE = '[people]\n12 = "U012AB3CD"\n'
ISSUES = '[links]\njira = "https://example.atlassian.net/browse/{display_id}"\n'
GRACE, SHOP = Mention("Grace Hopper", 12), Issue(71, "SHOP-123", 4)
CHANNELS = ("slack", "email", "event")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("routes.toml", ROUTES), ("people.toml", PEOPLE), ("issues.toml", ISSUES)):
        (tmp_path / name).write_text(text)
    return tmp_path


def goes_to(team: Team) -> list[str]:
    assert [route.is_for_all for route in team.routes.routes] == [True]
    return list(team.routes.routes[0].destinations)


def test_a_right_folder_is_read_alike_at_the_desk_and_at_work(folder: Path) -> None:
    team = read_team(folder.joinpath)
    assert team == Team.at_work(folder, CHANNELS)
    assert (goes_to(team), team.problems) == (["slack:default"], ())
    assert (team.people.slack_id(GRACE), team.links.url(SHOP)) == (
        "U012AB3CD",
        "https://example.atlassian.net/browse/SHOP-123",
    )


def test_a_folder_of_1_0_has_no_people_and_is_right(folder: Path) -> None:
    (folder / "people.toml").unlink()
    team = Team.at_work(folder, CHANNELS)
    assert (team.problems, team.people.slack_id(GRACE)) == ((), None)
    assert read_team(folder.joinpath) == team


def test_what_ships_is_right_on_every_stack() -> None:
    for channels in (CHANNELS, ("slack", "event"), ("email", "event")):
        assert Team.at_work(SETTINGS, channels).problems == ()


@pytest.mark.parametrize("name", ["routes.toml", "people.toml", "issues.toml"])
def test_at_the_desk_a_wrong_file_is_an_error(folder: Path, name: str) -> None:
    (folder / name).write_text("x")
    with pytest.raises(ConfigurationError, match=f"{name}:1: is not TOML"):
        read_team(folder.joinpath)


UNTIL = "; until this is corrected and deployed, "
CATCH_ALL = '[[routes]]\ncatch_all = true\nto = ["email:rest"]\n'


@pytest.mark.parametrize(
    ("content", "destinations", "problem"),
    [
        # Nothing that a TOML parser could read: what it names is found all the same.
        (
            b'[[routes]]\nto = ["slack:a", "email:b"\n',
            ["slack:a", "email:b"],
            "routes.toml:2: is not TOML: Unclosed array",
        ),
        # A route with an unknown key, beside one that catches all.
        (
            f'[[routes]]\nto = ["slack:a"]\ncolour = 1\n{CATCH_ALL}'.encode(),
            ["email:rest"],
            "routes.toml:3: route 1 has an unknown key 'colour': ",
        ),
        # Nothing catches all, so that something would be unrouted.
        (
            b'[[routes]]\nto = ["slack:a"]\nmatch = { run = "x" }\n',
            ["slack:a"],
            "routes.toml:1: some findings would go nowhere: ",
        ),
        (b"", ["slack:default", "email:default"], "routes.toml:1: has no [[routes]]: "),
        (
            b"PK\x03\n\xff\xfe",
            ["slack:default", "email:default"],
            "routes.toml:2: is not UTF-8 text: save it as UTF-8",
        ),
        (b'# \xfc\n[[routes]]\nto = ["slack:a"]\n', ["slack:a"], "routes.toml:1: is not UTF-8 text: save it as UTF-8"),
        (None, ["slack:default", "email:default"], "routes.toml is missing: put one there; "),
        (b'[[routes]]\nto = ["slack:a"]\nmatch = {}\n', ["slack:a"], ""),
    ],
)
def test_a_wrong_routes_file_silences_nobody_and_says_so(
    folder: Path, content: bytes | None, destinations: list[str], problem: str
) -> None:
    (folder / "routes.toml").unlink()
    if content is not None:
        (folder / "routes.toml").write_bytes(content)
    team = Team.at_work(folder, CHANNELS)
    assert goes_to(team) == destinations
    assert len(team.problems) == bool(problem)
    for said in team.problems:
        assert said.startswith(problem)
        assert said.endswith(f"{UNTIL}everything goes to {', '.join(destinations)}")
    assert team.people.slack_id(GRACE) == "U012AB3CD", "the other files are right"


def test_routes_that_reach_nobody_on_this_stack_are_wrong_at_work(folder: Path) -> None:
    team = Team.at_work(folder, ("email", "event"))
    assert goes_to(team) == ["email:default"]
    words = "routes.toml reaches nobody on this stack, which has email: add email:default"
    assert team.problems == (f"{words}{UNTIL}everything goes to email:default",)


def test_one_sentence_for_all_that_is_wrong_with_a_file(folder: Path) -> None:
    (folder / "routes.toml").write_text('[[routes]]\nto = ["slack:a"]\nafter = 0\ncolour = 1\nname = 5\n')
    (said,) = Team.at_work(folder, CHANNELS).problems
    assert said == (
        "routes.toml:3: route 1 has after = 0: give a whole number from 1 to 50 (and 2 more: `testmo-notifier check` "
        f"has them all){UNTIL}everything goes to slack:a"
    )


@pytest.mark.parametrize("content", [b"[people]\nAlan = 12\n", b"x", b"\xff", None])
def test_a_wrong_people_file_mentions_nobody_and_says_so(folder: Path, content: bytes | None) -> None:
    (folder / "people.toml").unlink()
    if content is None:
        (folder / "people.toml").mkdir()
    else:
        (folder / "people.toml").write_bytes(content)
    team = Team.at_work(folder, CHANNELS)
    (said,) = team.problems
    assert said.startswith(
        ("people.toml:1: ", "people.toml cannot be read (Is a directory)", "people.toml:2: people.Alan is 12: give")
    )
    assert said.endswith(f"{UNTIL}nobody is mentioned")
    assert team.people.slack_id(GRACE) is None
    assert (goes_to(team), team.links.url(SHOP)[:8]) == (["slack:default"], "https://")


def test_without_a_file_of_issue_links_there_are_none_and_nothing_is_wrong(folder: Path) -> None:
    (folder / "issues.toml").unlink()
    team = Team.at_work(folder, CHANNELS)
    assert (team.problems, team.links.url(SHOP)) == ((), "")


@pytest.mark.parametrize("content", ['[links]\njira = "x"\n', "x"])
def test_a_wrong_issues_file_makes_no_links_and_says_so(folder: Path, content: str) -> None:
    (folder / "issues.toml").write_text(content)
    team = Team.at_work(folder, CHANNELS)
    (said,) = team.problems
    assert said.startswith("issues.toml:")
    assert said.endswith(f"{UNTIL}no issue is a link")
    assert team.links.url(SHOP) == ""
    assert (goes_to(team), team.people.slack_id(GRACE)) == (["slack:default"], "U012AB3CD")


def test_all_three_may_be_wrong_at_once(folder: Path) -> None:
    for name in ("routes.toml", "people.toml", "issues.toml"):
        (folder / name).write_text("[[")
    team = Team.at_work(folder, CHANNELS)
    assert [said.partition(":")[0] for said in team.problems] == ["routes.toml", "issues.toml", "people.toml"]


def test_commands_read_the_settings_that_local_was_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SETTINGS_DIR", raising=False)
    assert wiring.team() == read_team(SETTINGS.joinpath)
    (folder / "issues.toml").unlink()
    monkeypatch.setenv("SETTINGS_DIR", str(folder))
    assert goes_to(wiring.team()) == ["slack:default"]
    assert (wiring.team().people.slack_id(GRACE), wiring.team().links.url(SHOP)) == ("U012AB3CD", "")
    monkeypatch.setenv("SETTINGS_DIR", str(folder / "routes.toml"))
    with pytest.raises(ConfigurationError, match=r"routes\.toml', which is no folder"):
        wiring.team()


def test_a_route_that_leads_nowhere_on_this_stack_takes_nothing_from_those_that_do(folder: Path) -> None:
    shop = '[[routes]]\nname = "shop"\nmatch = { project = "Shop" }\nto = ["email:shop"]\n'
    (folder / "routes.toml").write_text(f'{shop}[[routes]]\nname = "rest"\ncatch_all = true\nto = ["slack:default"]\n')
    for channels, names in ((CHANNELS, ["shop", "rest"]), (("slack", "event"), ["rest"])):
        team = Team.at_work(folder, channels)
        assert ([route.name for route in team.routes.routes], team.problems) == (names, ())
