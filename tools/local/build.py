"""`sam build`, once per state of the sources: the result is kept under `.local/builds/<hash of the sources>`."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from testmo_notifier.settings.team import ISSUES, PEOPLE, ROUTES, TEMPLATES
from tools.lib import processes
from tools.lib.aws import Aws

SAM: Final = processes.ROOT / ".venv-sam" / "bin" / "sam"
SOURCES: Final = ("template.yaml", "functions", "layers")
BUILDER: Final = processes.ROOT / "tools" / "requirements" / "sam.txt"  # another SAM may build otherwise
KEEP_SECONDS: Final = 7 * 24 * 3600
SETTINGS: Final = Path("sources", "layers", "settings")  # SAM builds nothing of it, and deploys it from there
PACKAGE: Final = Path("python", "testmo_notifier_settings")


class BuildFailed(Exception):
    """`sam build` said no; ends with what it printed last."""


@dataclass(frozen=True, slots=True)
class Build:
    """A built template, ready for `sam deploy`. `is_new` is False where an earlier build was good enough."""

    fingerprint: str
    template: Path
    is_new: bool

    @property
    def settings(self) -> Path:
        """The settings that are deployed with it: a folder like the settings layer's package."""
        own = self.template.parent.with_name(f"settings-{self.fingerprint.rpartition('-')[2]}")
        return (own if own.is_dir() else self.template.parents[1] / SETTINGS) / PACKAGE

    def parameters(self) -> dict[str, str]:
        """Every parameter of the template with its default; empty where it has none."""
        described: Mapping[str, Mapping[str, object]] = yaml.safe_load(self.template.read_text())["Parameters"]
        return {name: str(parameter.get("Default", "")) for name, parameter in described.items()}


def build(root: Path = processes.ROOT, builds: Path | None = None) -> Build:
    """Build what is in `root`, or find the build of the very same sources.

    Works on a copy of the sources, so that an edit during the build cannot end up under the wrong hash, and moves
    the result into place in one step: any number of commands may build at the same time.
    """
    builds = builds or root / ".local" / "builds"
    kept = builds / fingerprint(root)
    if kept.is_dir():
        with suppress(OSError):  # it only says that somebody used it; a read-only folder is good enough here
            os.utime(kept)
        return Build(kept.name, kept / "built" / "template.yaml", is_new=False)
    builds.mkdir(parents=True, exist_ok=True)
    _forget_old(builds)
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=builds))
    try:
        _copy_sources(root, work / "sources")
        kept = builds / fingerprint(work / "sources")
        _sam_build(work)
        try:
            work.rename(kept)
        except OSError:  # another command built the same in the meantime
            if not kept.is_dir():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Build(kept.name, kept / "built" / "template.yaml", is_new=True)


def with_settings(built: Build, folder: Path) -> Build:
    """The same build with a team's own settings: what `folder` lacks is the settings layer's."""
    work = Path(tempfile.mkdtemp(prefix=".settings-", dir=built.template.parents[1]))
    try:
        layer = work / "settings"
        shutil.copytree(built.template.parents[1] / SETTINGS, layer)
        for name in (ROUTES, PEOPLE, ISSUES):
            if (folder / name).exists():
                shutil.copyfile(folder / name, layer / PACKAGE / name)
        if (folder / TEMPLATES).is_dir():
            shutil.rmtree(layer / PACKAGE / TEMPLATES)
            shutil.copytree(folder / TEMPLATES, layer / PACKAGE / TEMPLATES, copy_function=shutil.copyfile)
        ours = hashed(layer)
        made = Build(
            f"{built.fingerprint}-{ours}", built.template.with_name(f"template-{ours}.yaml"), is_new=built.is_new
        )
        with suppress(OSError):  # these very settings were there before
            layer.rename(built.template.parent.with_name(f"settings-{ours}"))
        text = built.template.read_text("utf-8")
        (work / "template.yaml").write_text(text.replace(f"../{SETTINGS}\n", f"../settings-{ours}\n"), "utf-8")
        (work / "template.yaml").rename(made.template)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return made


def fingerprint(root: Path) -> str:
    """A hash of everything the build depends on: names, contents, what may be executed, SAM's version."""
    return hashed(root, SOURCES, BUILDER.read_bytes())


def hashed(root: Path, names: Iterable[str] = (".",), before: bytes = b"") -> str:
    """A hash of what is in a folder: names, contents, what may be executed."""
    digest = hashlib.sha256(before)
    for path in _source_files(root, names):
        content = path.read_bytes()
        executable = os.access(path, os.X_OK)
        digest.update(f"\0{path.relative_to(root)}\0{executable}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _source_files(root: Path, names: Iterable[str] = SOURCES) -> Iterator[Path]:
    for name in names:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and not _is_litter(path.relative_to(root)):
                yield path


def _is_litter(path: Path) -> bool:
    """What editors and Python leave lying about; it must not change a build."""
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts) or path.suffix == ".pyc"


def _copy_sources(root: Path, target: Path) -> None:
    for path in _source_files(root):
        copy = target / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


def _sam_build(work: Path) -> None:
    command = [str(SAM), "build", "--template-file", str(work / "sources" / "template.yaml")]
    command += ["--base-dir", str(work / "sources"), "--build-dir", str(work / "built"), "--no-cached"]
    environ = Aws("http://127.0.0.1:9").environ()  # nothing is asked there; SAM only wants a Region
    uv = processes.ROOT / ".venv" / "bin"  # the layer's makefile looks for it on the path
    finished = processes.run(command, env=environ | {"PATH": f"{SAM.parent}:{uv}:{environ['PATH']}"})
    if finished.status:
        raise BuildFailed(f"`sam build` failed:\n{finished.tail()}")


def _forget_old(builds: Path) -> None:
    """Remove builds and left-overs that nobody used for a week."""
    for folder in builds.iterdir():
        if folder.stat().st_mtime < time.time() - KEEP_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
