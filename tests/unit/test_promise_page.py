"""docs/promise.md is the rulebook: every rule that is cited stands there, and what it says of code and tests is so."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.support.template import ROOT
from tools.maintain.mutants import mutants

PRODUCT: Final = ROOT / "layers" / "common" / "testmo_notifier"
PAGE: Final = (ROOT / "docs" / "promise.md").read_text("utf-8")
PROMISES: Final = {
    (re.match(r"Rule (\d+):", title) or re.match(r"(.+)", title) or [""])[1]: text
    for title, text in re.findall(r"^###? (.+)\n((?:(?!^##).*\n)+)", PAGE, re.MULTILINE)
    if "- **Kept by**" in text
}
SECTIONS: Final = {
    "SECURITY.md": "What must not be said",
    "runbook.md": "It cannot stop without somebody being told",
}  # of rules that are cited by a page's name
MUTANTS: Final = Counter(SECTIONS.get(m.rule, m.rule) for m in mutants())
CITING: Final = (
    "layers",
    "functions",
    "tools",
    "tests",
    "docs",
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "template.yaml",
    "Makefile",
)
TEXTS: Final = (".py", ".toml", ".md", ".yaml", ".j2", ".html", ".js")
THIS: Final = Path(__file__).resolve()


def texts() -> Iterator[tuple[str, str]]:
    """Everything that may cite a rule, as people read it: a line break inside a sentence is a space."""
    for name in CITING:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and (path.suffix in TEXTS or path == top) and path != THIS:
                yield str(path.relative_to(ROOT)), re.sub(r"\n[ #]*", " ", path.read_text("utf-8"))


def line(promise: str, name: str) -> str:
    found = re.search(rf"^- \*\*{name}\*\* (.+)$", PROMISES[promise], re.MULTILINE)
    assert found, f"docs/promise.md: {promise} has no line that begins with **{name}**"
    return found[1]


def quoted(promise: str, name: str) -> list[str]:
    return re.findall(r"`([^`]+)`", line(promise, name))


def test_the_twenty_one_rules_are_there_in_order() -> None:
    assert [name for name in PROMISES if name.isdecimal()] == [str(number) for number in range(1, 22)]


def test_every_rule_that_is_cited_is_written() -> None:
    cited = {
        (number, file)
        for file, text in texts()
        for numbers in re.findall(r"\b[Rr]ules? (\d+(?:(?:, | and | or )\d+)*)", text)
        for number in re.findall(r"\d+", numbers)
    }

    assert sorted((number, file) for number, file in cited if number not in PROMISES) == []
    assert {number for number, _ in cited} >= {str(number) for number in range(1, 22)}


def test_no_page_is_cited_that_is_not_in_the_repository() -> None:
    """The design that the rules came from is not: what is promised today stands in docs/promise.md."""
    assert [file for file, text in texts() if re.search(r"\bDESIGN\b", text)] == []


@pytest.mark.parametrize("promise", PROMISES)
def test_what_keeps_a_promise_exists(promise: str) -> None:
    for name in quoted(promise, "Kept by"):
        assert is_there(name), f"docs/promise.md, {promise}: nothing that testmo_notifier defines is called {name}"


def is_there(name: str) -> bool:
    """A module of the package, whichever package it is in, or what one defines, like `window.Window.finished`.

    What a module merely imports is not there: a reader would look for it in vain.
    """
    parts = name.split(".")
    return any(
        defines(ast.parse(path.read_text("utf-8")), parts[length:])
        for length in range(len(parts), 0, -1)
        for path in modules_called(parts[:length])
    )


def defines(node: ast.Module | ast.stmt, names: Sequence[str]) -> bool:
    """Whether a module or a class has this, down to the last name."""
    return not names or any(names[0] in names_of(one) and defines(one, names[1:]) for one in getattr(node, "body", []))


def names_of(node: ast.stmt) -> set[str]:
    """What a statement defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Assign(targets=targets):
            return {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return set()


def modules_called(parts: Sequence[str]) -> list[Path]:
    """The files of the modules whose dotted name is this or ends with it."""
    files = {
        path: path.parent if path.name == "__init__.py" else path.with_suffix("") for path in PRODUCT.rglob("*.py")
    }
    return [path for path, module in files.items() if list(module.parts[-len(parts) :]) == list(parts)]


@pytest.mark.parametrize("name", ["window.Window.finished", "adapters.testmo", "turns.is_turn"])
@pytest.mark.parametrize("suffix", ["", "x"])
def test_a_name_that_is_misspelt_is_not_there(name: str, suffix: str) -> None:
    assert is_there(name + suffix) is (suffix == "")


@pytest.mark.parametrize("name", ["due.is_turn", "detect.Watch", "detect.Watch.is_failing"])
def test_what_a_module_merely_imports_is_not_there(name: str) -> None:
    assert not is_there(name)


@pytest.mark.parametrize("promise", PROMISES)
def test_its_tests_exist_and_are_those_that_the_planned_breakages_rely_on(promise: str) -> None:
    tests = set(quoted(promise, "Tests"))
    relied_on = {file for m in mutants() if SECTIONS.get(m.rule, m.rule) == promise for file in m.tests}

    assert sorted(file for file in tests if not (ROOT / file).is_file()) == []
    assert relied_on - tests == set()


def test_every_test_file_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))

    assert sorted(file for file in named if not (ROOT / file).is_file()) == []


def test_the_numbers_of_planned_breakages_are_right() -> None:
    assert {promise: int(line(promise, "Planned breakages")) for promise in PROMISES} == dict(MUTANTS)
