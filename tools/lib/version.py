"""Which version this checkout is. pyproject.toml says it; the layer and the template repeat it, and a test compares."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tools.lib.processes import ROOT


def version(root: Path = ROOT) -> str:
    """The version in pyproject.toml."""
    found: str = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return found


def compared(running: str | None, ours: str) -> str:
    """What a stack runs (None: it does not say), and what this checkout is where that is something else."""
    told = running or "1.0.0 (its output Version is missing)"
    return told if running == ours else f"{told}; this command is {ours}"
