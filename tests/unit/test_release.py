"""`make release`: what a version deployed, kept for the test that upgrades from it."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

from tests.support.template import ROOT
from tools.lib.version import version
from tools.maintain import release


def test_the_same_sources_make_the_same_release() -> None:
    assert release.pack() == release.pack()


@pytest.mark.parametrize("packed", sorted(release.RELEASES.glob("*.tar.gz")), ids=lambda path: path.name)
def test_a_release_has_what_a_deploy_needs_and_no_trace_of_who_packed_it(packed: Path) -> None:
    with tarfile.open(packed) as archive:
        members = archive.getmembers()
    names = [member.name for member in members]
    assert names == sorted(names)
    assert {"template.yaml", "samconfig.toml", "functions/poller/app.py", "layers/common/Makefile"} <= set(names)
    assert {name.partition("/")[0] for name in names} == set(release.DEPLOYABLE)
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname, one.mode) for one in members} == {
        (0, 0, 0, "", "", 0o644)
    }
    assert not [name for name in names if "__pycache__" in name or "/." in name]
    assert packed.read_bytes()[4:8] == bytes(4), "no time in the compression's head either"


def test_a_release_is_packed_without_litter_and_unpacked_as_it_was(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for name, content in {
        "template.yaml": "T", "samconfig.toml": "S", "functions/a/app.py": "A", "layers/l/x.txt": "L",
        "layers/l/__pycache__/x.pyc": "-", "functions/.DS_Store": "-", "README.md": "-",
    }.items():  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    packed = tmp_path / "1.0.0.tar.gz"
    packed.write_bytes(release.pack(root))
    release.unpack(packed, tmp_path / "again")
    files = [path for path in (tmp_path / "again").rglob("*") if path.is_file()]
    found = {path.relative_to(tmp_path / "again").as_posix(): path.read_text() for path in files}
    assert found == {"template.yaml": "T", "samconfig.toml": "S", "functions/a/app.py": "A", "layers/l/x.txt": "L"}


def test_what_was_tagged_is_not_packed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "_is_tagged", lambda _root, tag: tag == f"v{version()}")
    with pytest.raises(release.AlreadyReleased, match="raise the version"):
        release.keep(releases=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_version_has_its_entry_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## \[{re.escape(version())}\] - \d{{4}}-\d{{2}}-\d{{2}}$", changelog, re.MULTILINE)
