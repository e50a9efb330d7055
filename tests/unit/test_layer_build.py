"""The layer's makefile, with the programs of a path replaced: which Python it takes, and what it says without any."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.template import ROOT

COMMON = ROOT / "layers" / "common"
NEEDED = ("make", "sh", "mkdir", "cp", "rm", "find", "test", "env")
INSTALLS = """#!/bin/sh
for word; do last=$word; done
while [ $# -gt 0 ]; do [ "$1" = --target ] && target=$2; shift; done
[ -z "$target" ] || mkdir -p "$target/botocore/data" "$target/boto3/data" "$target/by-$(basename "$(dirname "$0")")"
"""
WITHOUT_PIP = "#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n"


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def build(tmp_path: Path, *folders: str) -> subprocess.CompletedProcess[str]:
    """Run the makefile with these folders alone on the path, behind the programs that every machine has."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (*NEEDED, "basename", "dirname"):
        (tools / name).symlink_to(shutil.which(name) or name)
    path = ":".join(str(tmp_path / folder) for folder in (*folders, "tools"))
    artefacts = tmp_path / "artefacts"
    return subprocess.run(  # noqa: S603 - our own
        [str(tools / "make"), "-C", str(COMMON), "build-CommonLayer", f"ARTIFACTS_DIR={artefacts}"],
        env={"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def installed_by(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "artefacts" / "python").glob("by-*")]


@pytest.mark.parametrize("order", [["bare", "whole"], ["whole", "bare"]])
def test_a_python_without_pip_on_the_path_hides_none_that_has_it(tmp_path: Path, order: list[str]) -> None:
    """An environment that uv made has no pip, and whoever activates it has its Python first on the path."""
    program(tmp_path / "bare", "python3", WITHOUT_PIP)
    program(tmp_path / "whole", "python3", INSTALLS)
    done = build(tmp_path, *order)
    assert done.returncode == 0, done.stderr
    assert installed_by(tmp_path) == ["by-whole"]


def test_uv_is_preferred(tmp_path: Path) -> None:
    program(tmp_path / "whole", "python3", INSTALLS)
    program(tmp_path / "fast", "uv", INSTALLS)
    assert build(tmp_path, "whole", "fast").returncode == 0
    assert installed_by(tmp_path) == ["by-fast"]


def test_without_any_it_says_what_to_install(tmp_path: Path) -> None:
    program(tmp_path / "bare", "python3", WITHOUT_PIP)
    done = build(tmp_path, "bare")
    assert done.returncode != 0
    assert "uv or a Python with pip is needed on the PATH; make setup puts uv into .venv-sam/bin" in done.stderr


def test_the_environment_of_sam_has_uv_for_whoever_activates_it() -> None:
    """`. .venv-sam/bin/activate && sam build` is what people type; pip is not in there."""
    assert (ROOT / ".venv-sam" / "bin" / "uv").exists()
