"""The people and the test cases of a small online shop, which the scenarios share."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tools.simulator.model import Case, Project, Test, User
from tools.simulator.world import World

CASES: Final = Path(__file__).with_suffix(".toml")  # their names by folder


@dataclass(frozen=True, slots=True)
class Team:
    """Who tests at the shop. The robot is an API user that saves the results of scripts."""

    ada: User
    grace: User
    alan: User
    katherine: User
    robot: User


def add_team(world: World) -> Team:
    """The usual five; they get the ids 2 to 6 in a new world."""
    return Team(
        world.add_user("Ada Lovelace"),
        world.add_user("Grace Hopper"),
        world.add_user("Alan Turing"),
        world.add_user("Katherine Johnson"),
        world.add_user("Nightly Robot", is_api=True),
    )


def add_cases(world: World, project: Project, *, created_at: datetime) -> list[Case]:
    """The 100 cases of the shop in their folders."""
    cases = []
    for folder_name, names in tomllib.loads(CASES.read_text("utf-8")).items():
        folder = world.add_folder(project, folder_name)
        cases += [world.add_case(project, name, folder=folder, created_at=created_at) for name in names]
    return cases


def tests_by_case(world: World, tests: list[Test]) -> dict[str, Test]:
    """Case name → test, to find the one a story is about."""
    return {world.cases[test.case_id].name: test for test in tests}
