"""What is measured: the functions as `sam build` makes them, now and in 1.0.0, and the Python that runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from tests.support.template import TEMPLATE
from tools.lib.processes import ROOT
from tools.local.build import build
from tools.maintain.release import RELEASES, unpack

RUNTIME: Final[str] = TEMPLATE["Globals"]["Function"]["Runtime"].removeprefix("python")
HERE: Final = ROOT / ".local" / "bench"
OLD: Final = "1.0.0"
Function = Literal["PollerFunction", "SlackFunction"]
FOLDERS: Final = {"PollerFunction": "poller", "SlackFunction": "slack"}


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter, and what to say of it."""

    path: str
    version: str

    @property
    def note(self) -> str:
        """Which Python it is, and whether it is the right one."""
        same = self.version.startswith(f"{RUNTIME}.")
        return f"Python {self.version}" + ("" if same else f" (no {RUNTIME} found, which the functions run on)")


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A version of both functions. `site` holds what the layer would, for sources that are not built."""

    name: str
    functions: dict[str, Path]
    path: tuple[Path, ...]
    site: tuple[Path, ...] = ()

    def imports(self, function: Function) -> list[str]:
        """What Lambda would import from."""
        return [str(self.functions[function]), *map(str, self.path)]


@cache
def runtime_python() -> Python:
    """The functions' own Python from the PATH, uv or pyenv, else the one of the tools."""
    for path in _candidates():
        version = _version(path)
        if version.startswith(f"{RUNTIME}."):
            return Python(path, version)
    return tools_python()


def tools_python() -> Python:
    """The Python that runs this; its version is as good as any for counts."""
    path = str(ROOT / ".venv" / "bin" / "python")
    return Python(path, _version(path))


def _candidates() -> Iterator[str]:
    for name in (f"python{RUNTIME}", "python3"):
        if found := shutil.which(name):
            yield found
    uv = ROOT / ".venv" / "bin" / "uv"
    if uv.exists():
        yield _said([str(uv), "python", "find", "--no-python-downloads", RUNTIME])
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from map(str, sorted(pyenv.glob(f"{RUNTIME}.*/bin/python3")))


def _version(path: str) -> str:
    return _said([path, "-c", "import platform; print(platform.python_version())"]) if path else ""


def _said(command: list[str]) -> str:
    """What a command prints; nothing if it cannot."""
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True, timeout=30).stdout.strip()  # noqa: S603 - interpreters
    except (OSError, subprocess.SubprocessError):
        return ""


def built(root: Path, name: str) -> Bundle:
    """What `sam build` makes of the sources below `root`."""
    made = build(root, HERE / "builds").template
    template: dict[str, Any] = yaml.safe_load(made.read_text())
    resources = template["Resources"]

    def folder(resource: str, key: str) -> Path:
        return Path(made.parent / resources[resource]["Properties"][key]).resolve()

    functions = {function: folder(function, "CodeUri") for function in FOLDERS}
    layers = [layer["Ref"] for layer in resources["PollerFunction"]["Properties"]["Layers"]]
    return Bundle(name, functions, tuple(folder(layer, "ContentUri") / "python" for layer in layers))


def from_sources(root: Path, name: str) -> Bundle:
    """The sources below `root` as they are, on the packages of the tools: nothing is built, nothing is as in Lambda."""
    functions = {function: root / "functions" / folder for function, folder in FOLDERS.items()}
    path = (root / "layers" / "common", root / "layers" / "settings" / "python")
    return Bundle(name, functions, path, (Path(sysconfig.get_path("purelib")),))


def old_sources() -> Path:
    """What 1.0.0 deployed, unpacked."""
    target = HERE / OLD
    if not target.is_dir():
        work = target.with_name(f".{OLD}-{os.getpid()}")
        unpack(RELEASES / f"{OLD}.tar.gz", work)
        try:
            work.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(work)
    return target


def with_bytecode(bundle: Bundle, python: Python) -> Bundle:
    """A copy of a bundle's packages with bytecode of that Python: what a floor imports from."""
    target = HERE / "floor" / f"{bundle.path[0].parents[2].name}-{python.version}"
    if not target.is_dir():
        work = target.with_name(f".{target.name}-{os.getpid()}")
        shutil.copytree(bundle.path[0], work)
        compile_all = [python.path, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(work)]
        subprocess.run(compile_all, check=True)  # noqa: S603 - our own
        work.rename(target)
    return Bundle(f"{bundle.name}, with bytecode", bundle.functions, (target,))
