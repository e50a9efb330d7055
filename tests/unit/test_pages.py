"""What pages link to is there, and what they say of the template is so."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.support.template import PARAMETER, ROOT

PAGES: Final = sorted(
    path
    for top in (
        ROOT.glob("*.md"),
        *(ROOT.joinpath(name).rglob("*.md") for name in ("docs", "layers", "tools", "tests")),
    )
    for path in top
)
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE: Final = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
FOREIGN: Final = ("http://", "https://", "mailto:")


def prose(page: Path) -> str:
    """A page without its blocks and pieces of code, which hold what looks like links and headings."""
    return re.sub(r"`[^`\n]*`", lambda code: re.sub(r"[\[\]()]", "", code[0]), FENCE.sub("", page.read_text("utf-8")))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that GitHub makes of a page's headings."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#{1,6} (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return frozenset(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith(FOREIGN):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: {target.name} has no such heading"


def test_every_page_of_docs_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = [link.partition("#")[0] for link in LINK.findall(prose(page)) if not link.startswith(FOREIGN)]
        waiting += [(page.parent / link).resolve() for link in links if link]
    assert [str(page.relative_to(ROOT)) for page in ROOT.joinpath("docs").rglob("*.md") if page not in reached] == []


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 130


def test_the_page_of_parameters_has_each_with_its_default() -> None:
    page = (ROOT / "docs" / "parameters.md").read_text("utf-8")
    told = {name: default.strip("`") for name, default in re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", page, re.MULTILINE)}
    assert set(told) == set(PARAMETER)
    for name, parameter in PARAMETER.items():
        if parameter.get("Default", "") != "":
            assert told[name] == str(parameter["Default"]), name
        else:
            assert told[name] in {"required", "none", "all", "everybody", "AWS's keys", "EmailAddress"}, name


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_file_of_the_repository_that_a_page_names_exists(page: Path) -> None:
    """By their place in the repository, or a module of the product by its place on the map."""
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|toml|md|yaml|json|j2))(?::\w+)?`", page.read_text("utf-8"))
    places = (ROOT, ROOT / "layers" / "common" / "testmo_notifier")
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []
