"""The packages of tools/: each tells what is in it, and no two modules need each other."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.template import ROOT

TOOLS = ROOT / "tools"
PACKAGES = sorted(
    path.parent for path in TOOLS.rglob("__init__.py") if path.parent.name not in ("endpoints", "sam_local")
)
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in TOOLS.rglob("*.py")}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ROOT)))
def test_a_package_tells_of_each_of_its_modules(package: Path) -> None:
    told = set(re.findall(r"\w+", ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or ""))
    inside = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    assert inside - {"__init__"} <= told


def imported(path: Path) -> set[str]:
    """Our modules that a module imports at its top, for types too."""
    tree = ast.parse(path.read_text("utf-8"))
    late = {id(node) for outer in ast.walk(tree) if isinstance(outer, ast.FunctionDef) for node in ast.walk(outer)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in late:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)} & MODULES.keys()
    return found


def test_no_two_tools_import_each_other_not_even_for_types() -> None:
    order = TopologicalSorter({name: imported(path) for name, path in MODULES.items()}).static_order()
    assert "tools.simulator.simulator" in tuple(order)
