"""Keeps what a version deployed: `tests/stack/releases/<version>.tar.gz`, for the test that upgrades from it.

The same sources make the same bytes: members sorted, without times, owners or litter. What was tagged is never packed
again: people run it, and the test has to upgrade from what they run.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.lib.processes import ROOT
from tools.lib.version import version

RELEASES: Final = ROOT / "tests" / "stack" / "releases"
DEPLOYABLE: Final = ("template.yaml", "samconfig.toml", "functions", "layers")


class AlreadyReleased(Exception):
    """This version has a tag; says what to do."""


def pack(root: Path = ROOT) -> bytes:
    """Everything that `sam build && sam deploy` needs, as a .tar.gz."""
    plain, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in _files(root):
            content = path.read_bytes()
            member = tarfile.TarInfo(path.relative_to(root).as_posix())
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as squeezed:
        squeezed.write(plain.getvalue())
    return packed.getvalue()


def unpack(packed: Path, target: Path) -> None:
    """The release as a folder to build from."""
    with tarfile.open(packed, "r:gz") as archive:
        archive.extractall(target, filter="data")


def keep(root: Path = ROOT, releases: Path = RELEASES) -> Path:
    """Write the release of this version; raises `AlreadyReleased` if it has a tag."""
    tag = f"v{version(root)}"
    if _is_tagged(root, tag):
        raise AlreadyReleased(f"{tag} is released: raise the version in pyproject.toml first")
    releases.mkdir(parents=True, exist_ok=True)
    path = releases / f"{version(root)}.tar.gz"
    path.write_bytes(pack(root))
    return path


def _files(root: Path) -> Iterator[Path]:
    found = (
        path for name in DEPLOYABLE for path in ([root / name] if (root / name).is_file() else _below(root / name))
    )
    yield from sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _below(folder: Path) -> Iterator[Path]:
    """The files of a folder, without what editors and Python leave lying about."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in parts):
            yield path


def _is_tagged(root: Path, tag: str) -> bool:
    asked = ["git", "-C", str(root), "tag", "--list", tag]
    return bool(subprocess.run(asked, capture_output=True, check=True).stdout.strip())  # noqa: S603 - git, by a fixed command


if __name__ == "__main__":
    try:
        kept = keep()
    except AlreadyReleased as exc:
        sys.exit(str(exc))
    print(f"{kept.relative_to(ROOT)}  {kept.stat().st_size // 1024} KB")  # noqa: T201 - what the command is for
