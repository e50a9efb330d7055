"""The maps are complete: `testmo_notifier/__init__.py` has every module, docs/architecture.md every package."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import testmo_notifier
from tests.support.template import ROOT

PRODUCT: Final = ROOT / "layers" / "common" / "testmo_notifier"
LINE: Final = re.compile(r"( *)([a-z_0-9/]+(?:\.py|/)) +(\S.*)")
ARCHITECTURE: Final = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def on_the_map() -> list[str]:
    """Packages end with a slash; an indented module stands in the one above it."""
    found, package = [], ""
    for line in (testmo_notifier.__doc__ or "").splitlines()[2:]:
        if match := LINE.fullmatch(line):
            indented, name = match[1], match[2]
            found.append(package + name if indented else name)
            package = package if indented else name
        else:
            assert not line.strip(), f"layers/common/testmo_notifier/__init__.py: not a line of the map: {line}"
    return found


def packages_in(top: Path) -> set[str]:
    """The folders with code in and below `top`, `top` itself left out."""
    return {f"{path.parent.relative_to(top)}/" for path in top.rglob("*.py")} - {"./"}


def test_every_room_and_every_module_has_a_line_of_the_map_and_no_line_leads_nowhere() -> None:
    modules = {str(path.relative_to(PRODUCT)) for path in PRODUCT.rglob("*.py") if path.name != "__init__.py"}
    assert sorted(on_the_map()) == sorted(modules | packages_in(PRODUCT))


def test_every_room_says_in_its_own_file_what_it_is_for() -> None:
    silent = [
        package
        for package in packages_in(PRODUCT)
        if not ast.get_docstring(ast.parse((PRODUCT / package / "__init__.py").read_text("utf-8")))
    ]
    assert silent == []


def test_the_architecture_page_has_every_room_of_product_and_tools() -> None:
    told = set(re.findall(r"^\| `([^`]+/)` \|", ARCHITECTURE, re.MULTILINE))
    product = {f"testmo_notifier/{package}" for package in packages_in(PRODUCT)}
    tools = {f"tools/{package}" for package in packages_in(ROOT / "tools") if package.count("/") == 1}
    functions = {f"functions/{package}" for package in packages_in(ROOT / "functions")}
    lanes = {f"tests/{package}" for package in packages_in(ROOT / "tests") if package.count("/") == 1}
    assert sorted(told) == sorted(product | tools | functions | lanes | {"layers/settings/"})


def test_the_architecture_page_names_only_modules_that_exist() -> None:
    """Modules of the product by their place on the map, all others by their place in the repository."""
    named = set(re.findall(r"`([\w./]+\.py)(?::\w+)?`", ARCHITECTURE))
    lost = sorted(name for name in named if not (PRODUCT / name).is_file() and not (ROOT / name).is_file())
    assert named
    assert lost == [], "docs/architecture.md names modules that have moved"


def test_the_architecture_page_names_only_functions_that_exist() -> None:
    """`adapters/store.py:clear` is a function, a method or a class of that module."""
    for name, member in re.findall(r"`([\w./]+\.py):(\w+)`", ARCHITECTURE):
        path = PRODUCT / name if (PRODUCT / name).is_file() else ROOT / name
        tree = ast.walk(ast.parse(path.read_text("utf-8")))
        defined = {node.name for node in tree if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert member in defined, f"docs/architecture.md: {name} has no {member}"
