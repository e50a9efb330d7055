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


@pytest.fixture
def kept(tmp_path: Path) -> build.Build:
    """What `sam build` left of a repository, as far as its settings go."""
    package = tmp_path / "kept" / build.SETTINGS / build.PACKAGE
    (package / "templates").mkdir(parents=True)
    for name in ("__init__.py", "routes.toml", "people.toml", "issues.toml", "templates/README.md"):
        (package / name).write_text(f"ours: {name}")
    (tmp_path / "kept" / "built").mkdir()
    template = tmp_path / "kept" / "built" / "template.yaml"
    layers = {"SettingsLayer": "../sources/layers/settings", "CommonLayer": "CommonLayer"}
    template.write_text("".join(f"{name}:\n  ContentUri: {uri}\n" for name, uri in layers.items()))
    return build.Build("0123", template, is_new=True)


def settings_of(built: build.Build) -> dict[str, str]:
    folder = built.settings
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_settings_of_ones_own_stand_in_for_those_of_the_checkout_as_far_as_there_are_any(
    kept: build.Build, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    (own / "templates" / "slack:payments").mkdir(parents=True)
    for name in ("routes.toml", "templates/slack_more.j2", "templates/slack:payments/slack_more.j2", "notes.txt"):
        (own / name).write_text(f"own: {name}")
    made = build.with_settings(kept, own)
    assert settings_of(made) == {
        "__init__.py": "ours: __init__.py",
        "routes.toml": "own: routes.toml",
        "people.toml": "ours: people.toml",
        "issues.toml": "ours: issues.toml",
        "templates/slack_more.j2": "own: templates/slack_more.j2",
        "templates/slack:payments/slack_more.j2": "own: templates/slack:payments/slack_more.j2",
    }
    uri = made.template.read_text().partition("ContentUri: ")[2].partition("\n")[0]
    assert (made.template.parent / uri / build.PACKAGE).resolve() == made.settings.resolve()
    assert "ContentUri: CommonLayer" in made.template.read_text()
    assert settings_of(kept)["routes.toml"] == "ours: routes.toml"


def test_the_same_settings_are_the_same_build_and_others_another_one(kept: build.Build, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    first = build.with_settings(kept, own)
    assert build.with_settings(kept, own).fingerprint == first.fingerprint
    (own / "people.toml").write_text("[people]")
    second = build.with_settings(kept, own)
    assert len({kept.fingerprint, first.fingerprint, second.fingerprint}) == 3
    assert settings_of(second)["people.toml"] == "[people]"
    assert settings_of(first)["people.toml"] == "ours: people.toml"
    assert sorted(path.name[:9] for path in kept.template.parents[1].iterdir()) == [
        *("built", "settings-", "settings-", "sources"),
    ]
