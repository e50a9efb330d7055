"""What the containers are made from: AWS's own image of the runtime, or one made of this machine's Python."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.lib import processes
from tools.local.build import SAM
from tools.local.sam_local.engine import Engine, EngineFailed

RUNTIME: Final = "python3.13"  # template.yaml's; a test compares them
LOCK: Final = processes.ROOT / "tools" / "requirements" / "rie.txt"
UV: Final = processes.ROOT / ".venv" / "bin" / "uv"
NAME: Final = "testmo-notifier/lambda-python"
PROGRAMS: Final = ("sh", "mv", "chmod", "cp", "rm")  # what SAM CLI runs when it adds the layers
NOT_NEEDED: Final = {"site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip"}
WHO: Final = """
import json, os, sys, sysconfig
version = "%d.%d" % sys.version_info[:2]
print(json.dumps([os.path.realpath(sys.executable), sysconfig.get_path("stdlib"), version]))
"""
# SAM CLI knows which image it would take.
WHICH: Final = f"""
from samcli.local.docker.lambda_image import LambdaImage, Runtime
print(LambdaImage._INVOKE_REPO_PREFIX + "/" + Runtime.get_image_name_tag("{RUNTIME}", "x86_64"))
"""
# As in AWS's image: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
ENVIRONMENT: Final = {
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LANG": "C.UTF-8",
    "TZ": ":UTC",
    "PATH": "/var/lang/bin:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib",
}
BOOTSTRAP: Final = """#!/bin/sh
export PYTHONPATH=/var/task:/opt/python:/var/runtime
exec python3 -m awslambdaric "$_HANDLER"
"""
# Before the runtime starts, the container's loopback is joined to this machine's.
JOINED_BOOTSTRAP: Final = """#!/bin/sh
set -- /var/lang/bin/python3.[0-9]*
"$1" /var/runtime/relay.py 127.0.0.1 {gateway} {ports} || exit 1
exec /var/runtime/bootstrap-of-lambda
"""
JOINED: Final = """FROM {base}
COPY relay.py /var/runtime/relay.py
RUN mv /var/runtime/bootstrap /var/runtime/bootstrap-of-lambda
COPY bootstrap /var/runtime/bootstrap
"""


@dataclass(frozen=True, slots=True)
class Python:
    """A Python of this machine."""

    executable: Path
    stdlib: Path
    version: str

    @classmethod
    def find(cls) -> Python:
        """The runtime's version if this machine has it, else the one that runs this."""
        found = cls._look_at(RUNTIME) or cls._look_at(sys.executable)
        if found is None:
            raise EngineFailed(f"{sys.executable} does not run.")
        return found

    @classmethod
    def _look_at(cls, command: str) -> Python | None:
        path = shutil.which(command)
        if path is None:
            return None
        asked = subprocess.run([path, "-I", "-c", WHO], capture_output=True, check=False)  # noqa: S603 - a Python
        if asked.returncode:  # such as pyenv's stand-ins for versions that are not chosen
            return None
        executable, stdlib, version = json.loads(asked.stdout)
        return cls(Path(executable), Path(stdlib), version)


def base_image(engine: Engine, say: Callable[[str], None]) -> str:
    """AWS's image where it is there or can be had, else our own."""
    of_aws = _name_of_aws_image()
    if engine.run("image", "inspect", of_aws).status == 0:
        return of_aws
    say(f"asking for {of_aws}")
    if engine.run("pull", "--quiet", of_aws).status == 0:
        return of_aws
    python = Python.find()
    source = f"{python}{LOCK.read_text()}{Path(__file__).read_text()}"
    own = f"{NAME}:{python.version}-{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    if engine.run("image", "inspect", own).status:
        say(f"it cannot be had: making one of {python.executable}")
        with tempfile.TemporaryDirectory(prefix="testmo-notifier-image-") as folder:
            _pack(Path(folder), python)
            changes = [f"ENV {' '.join(f'{name}={value}' for name, value in ENVIRONMENT.items())}", "WORKDIR /var/task"]
            engine.demand("import", *(f"--change={change}" for change in changes), f"{folder}/root.tar", own)
    return own


def joined_image(engine: Engine, base: str, ports: Iterable[int]) -> str:
    """The base image with these ports of its loopback joined to this machine's."""
    name = f"{NAME}:joined"
    with tempfile.TemporaryDirectory(prefix="testmo-notifier-image-") as folder:
        context = Path(folder)
        shutil.copy(Path(__file__).with_name("relay.py"), context)
        bootstrap = context / "bootstrap"
        bootstrap.write_text(JOINED_BOOTSTRAP.format(gateway=engine.gateway, ports=" ".join(map(str, ports))))
        bootstrap.chmod(0o755)
        (context / "Dockerfile").write_text(JOINED.format(base=base))
        engine.demand("build", "--quiet", "--tag", name, folder)
    return name


def _name_of_aws_image() -> str:
    asked = processes.run([str(SAM.with_name("python")), "-c", WHICH], env=os.environ)
    if asked.status:
        raise EngineFailed(f"SAM CLI does not tell which image it takes:\n{asked.tail(3)}")
    return asked.output.split()[-1]


def _pack(folder: Path, python: Python) -> None:
    """Write root.tar: Python, its libraries, AWS's runtime client, and the handful of programs SAM CLI calls."""
    client = folder / "runtime"
    install = [str(UV), "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--no-config"]
    install += ["--python", str(python.executable), "--target", str(client), "--requirement", str(LOCK)]
    finished = processes.run(install, env=os.environ)
    if finished.status:
        raise EngineFailed(f"AWS's runtime client cannot be installed:\n{finished.tail(5)}")
    (client / "bootstrap").write_text(BOOTSTRAP)
    (client / "bootstrap").chmod(0o755)
    programs = {name: Path(found).resolve() for name in PROGRAMS if (found := shutil.which(name))}
    extensions = [*python.stdlib.rglob("*.so"), *client.rglob("*.so")]
    with tarfile.open(folder / "root.tar", "w") as tar:
        for name in ("tmp", "opt", "var/task", "var/rapid", "etc"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(python.executable, f"var/lang/bin/python{python.version}")
        tar.addfile(_link("var/lang/bin/python3", f"python{python.version}"))
        tar.add(python.stdlib, f"var/lang/lib/python{python.version}", filter=_needed)
        tar.add(client, "var/runtime")
        for name, program in programs.items():
            tar.add(program, f"bin/{name}")
        for name, library in _libraries([python.executable, *programs.values(), *extensions]).items():
            tar.add(library, name)


def _link(name: str, target: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = Path(entry.name).name
    if name in NOT_NEEDED or name.startswith("config-") or name.endswith(".a"):
        return None
    return entry


def _libraries(programs: Iterable[Path]) -> dict[str, Path]:
    """The shared libraries these need, by their place in the image; the loader itself stays where it is."""
    command = ["ldd", *map(str, programs)]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own list
    return libraries_of(asked.stdout)


def libraries_of(told: str) -> dict[str, Path]:
    """What `ldd` says of one or more programs."""
    found = {}
    for line in told.splitlines():
        if match := re.fullmatch(r"\s+(\S+) => (/\S+) \(0x\w+\)", line):
            found[f"lib/{match[1]}"] = Path(match[2]).resolve()
        elif match := re.fullmatch(r"\s+(?:\S+ => )?/(\S+) \(0x\w+\)", line):
            found[match[1]] = Path("/", match[1]).resolve()
    return found
