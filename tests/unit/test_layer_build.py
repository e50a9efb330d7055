"""The layer's makefile, with the programs of a path replaced: which Python it takes, and what it says without any."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
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
# A Python of another version than the runtime's: the makefile asks each for its version.
OTHER_VERSION = INSTALLS.replace("#!/bin/sh\n", '#!/bin/sh\ncase "$2" in *version_info*) exit 1;; esac\n')
# One of the runtime's version, which says what it is asked to do.
RUNTIME = '#!/bin/sh\n[ "$1" = -I ] && echo "runs: $*"\nexit 0\n'
NO_BYTECODE = "No Python 3.13 on the PATH, of uv or of pyenv: the layer goes without bytecode"
WITHOUT_PIP = "#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n"


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def build(tmp_path: Path, *folders: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the makefile with these folders alone on the path, behind the programs that every machine has."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (*NEEDED, "basename", "dirname"):
        (tools / name).symlink_to(shutil.which(name) or name)
    path = ":".join(str(tmp_path / folder) for folder in (*folders, "tools"))
    artefacts = tmp_path / "artefacts"
    return subprocess.run(  # noqa: S603 - our own
        [str(tools / "make"), "-C", str(COMMON), "build-CommonLayer", f"ARTIFACTS_DIR={artefacts}"],
        env={"PATH": path, **environ}, capture_output=True, text=True, check=False,
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


def test_without_a_python_of_the_runtimes_version_the_build_says_in_one_line_what_that_costs(tmp_path: Path) -> None:
    program(tmp_path / "whole", "python3", OTHER_VERSION)
    done = build(tmp_path, "whole")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("No Python")]
    assert line.startswith(NO_BYTECODE)
    assert "a cold start takes four times as long (`uv python install 3.13` brings one)" in line


def test_so_it_leaves_no_bytecode_of_an_earlier_build_there(tmp_path: Path) -> None:
    """Nothing compares it at run time: it would be yesterday's program."""
    program(tmp_path / "whole", "python3", OTHER_VERSION)
    stale = tmp_path / "artefacts" / "python" / "testmo_notifier" / "bytecode.pack"
    stale.parent.mkdir(parents=True)
    stale.touch()
    assert build(tmp_path, "whole").returncode == 0
    assert not stale.exists()


@pytest.mark.parametrize(
    ("folder", "name", "environ"),
    [
        ("path", "python3.13", {}),
        ("path", "python3", {}),  # an environment of that version
        ("pyenv/versions/3.13.9/bin", "python3", {"PYENV_ROOT": "pyenv"}),
        (".pyenv/versions/3.13.9/bin", "python3", {"HOME": ""}),
        ("uvs", "python3.13", {}),
    ],
    ids=["path", "environment", "pyenv", "pyenv-at-home", "uv"],
)
def test_a_python_of_the_runtimes_version_makes_the_bytecode_wherever_it_is(
    tmp_path: Path, folder: str, name: str, environ: dict[str, str]
) -> None:
    program(tmp_path / "whole", "python3", OTHER_VERSION)
    program(tmp_path / "whole", "python3.13", "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2; exit 127\n")
    program(tmp_path / folder, name, RUNTIME)
    find = f'[ "$1 $2 $3 $4" = "python find --managed-python 3.13" ] && echo {tmp_path / folder / name} && exit 0'
    program(tmp_path / "fast", "uv", INSTALLS.replace("\n", f"\n{find}\n", 1) if folder == "uvs" else INSTALLS)
    done = build(tmp_path, "whole", "path", "fast", **{key: str(tmp_path / at) for key, at in environ.items()})
    assert done.returncode == 0, done.stderr
    assert "No Python" not in done.stdout
    layer = tmp_path / "artefacts" / "python"
    mode = "--invalidation-mode unchecked-hash"
    assert [line for line in done.stdout.splitlines() if line.startswith("runs: ")] == [
        f"runs: -I -m compileall -q {mode} -s {layer} -p /opt/python {layer}",
        f"runs: -I pack.py {layer}",
    ]


def test_a_file_that_an_installer_linked_to_its_cache_is_trimmed_in_the_layer_alone(tmp_path: Path) -> None:
    """Uv makes hard links: a write in place would trim the end points of every program on this machine."""
    cached, layer = tmp_path / "cached.json", tmp_path / "layer"
    cached.write_text('{"partitions": [{"partition": "aws", "services": {"sns": {"endpoints": {}}, "s3": {}}}]}')
    for folder in ("botocore/data", "s3transfer", "urllib3/http2"):
        (layer / folder).mkdir(parents=True)
    for name in ("s3transfer/manager.py", "urllib3/http2/probe.py"):
        (layer / name).write_text("PROBE = 1\n")
    trimmed = layer / "botocore" / "data" / "endpoints.json"
    trimmed.hardlink_to(cached)
    before = cached.read_bytes()
    subprocess.run([sys.executable, str(COMMON / "trim.py"), str(layer), "sns", "sqs"], check=True)  # noqa: S603 - our own
    assert json.loads(trimmed.read_text()) == {
        "partitions": [{"partition": "aws", "services": {"sns": {"endpoints": {}}}}]
    }
    assert cached.read_bytes() == before


def test_the_environment_of_sam_has_uv_for_whoever_activates_it() -> None:
    """`. .venv-sam/bin/activate && sam build` is what people type; pip is not in there."""
    assert (ROOT / ".venv-sam" / "bin" / "uv").exists()
