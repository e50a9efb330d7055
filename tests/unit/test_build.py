"""When the code is built again, and when not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.local import build


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with something in each place that is deployed, and something in one that is not."""
    for name in ("template.yaml", "functions/poller/app.py", "layers/common/Makefile", "tools/cli.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    return tmp_path


def edit(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text("something else")


@pytest.mark.parametrize(
    "change",
    [
        edit("template.yaml"),
        edit("functions/poller/app.py"),
        edit("layers/common/Makefile"),
        edit("layers/common/new.py"),
        lambda root: (root / "functions/poller/app.py").unlink(),
        lambda root: (root / "functions/poller/app.py").rename(root / "functions/poller/main.py"),
        lambda root: (root / "layers/common/Makefile").chmod(0o755),
    ],
)
def test_a_change_of_what_is_deployed_is_another_build(root: Path, change: Callable[[Path], object]) -> None:
    before = build.fingerprint(root)
    change(root)
    assert build.fingerprint(root) != before


@pytest.mark.parametrize(
    "litter",
    [
        "functions/poller/__pycache__/app.cpython-311.pyc",
        "layers/common/stray.pyc",
        "layers/common/.DS_Store",
        "functions/.idea/x.xml",
        "tools/cli.py",
        "README.md",
    ],
)
def test_what_is_not_deployed_does_not_matter(root: Path, litter: str) -> None:
    before = build.fingerprint(root)
    (root / litter).parent.mkdir(parents=True, exist_ok=True)
    (root / litter).write_text("litter")
    assert build.fingerprint(root) == before


def test_contents_cannot_move_between_files_unnoticed(root: Path) -> None:
    (root / "functions/a").write_text("12")
    (root / "functions/b").write_text("3")
    before = build.fingerprint(root)
    (root / "functions/a").write_text("1")
    (root / "functions/b").write_text("23")
    assert build.fingerprint(root) != before
