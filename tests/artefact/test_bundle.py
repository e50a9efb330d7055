"""What is in the bundle, and what is not."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.artefact.conftest import Bundle
from tests.artefact.rie import Rie, run_python

REQUIREMENTS = Path(__file__).parents[2] / "layers" / "common" / "requirements.txt"
MAX_ZIPPED_BYTES = 8_000_000  # cold starts unpack it; Lambda's own limit is 50 MB (measured with bytecode: 7 MB)
MAX_UNZIPPED_BYTES = 20_000_000  # Lambda's own limit for function and layers is 250 MB (measured with bytecode: 19 MB)
FUNCTIONS = ("PollerFunction", "SlackFunction")
# What is not the bundle's: AWS's runtime client with what it needs itself.
RUNTIME = {"awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"}

# Says where every module came from that a handler's module has imported.
PROBE = """
import sys, sysconfig
def handler(_event, _context):
    import app
    import aws_lambda_powertools, boto3, jinja2, urllib3
    origins = {name: module.__file__ for name, module in sys.modules.items() if getattr(module, "__file__", None)}
    return {"stdlib": sysconfig.get_path("stdlib"), "origins": origins}
"""
# What importing must not do. It runs before the import of a function's app.py.
BEFORE_IMPORT = """
import os, sys, threading
FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.fork")
def watch(event, args):
    writes = event == "open" and isinstance(args[1], str) and not args[1].startswith("r")
    if writes or event in FORBIDDEN:
        raise AssertionError(f"importing does {event} {args}")
sys.addaudithook(watch)
before = dict(os.environ)
import app
assert dict(os.environ) == before, "importing changed the environment"
assert threading.active_count() == 1, "importing started a thread"
"""


@pytest.fixture(scope="session")
def common(bundles: Mapping[str, Bundle]) -> Path:
    """The layer with our package and what it needs."""
    (layer,) = [layer for layer in bundles["PollerFunction"].layers if (layer / "python" / "testmo_notifier").is_dir()]
    return layer / "python"


def test_the_layer_holds_the_pinned_packages_and_nothing_else(common: Path) -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE))
    found = [re.fullmatch(r"(.+)-(.+)\.dist-info", path.name) for path in common.glob("*.dist-info")]
    assert {(normalised(match[1]), match[2]) for match in found if match} == {
        (normalised(name), version) for name, version in pinned.items()
    }
    listed = {name for info in common.glob("*.dist-info/RECORD") for name in top_level_names(info)}
    assert {path.name for path in common.iterdir()} - listed - {"__pycache__"} == {"testmo_notifier"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_in_a_bundle_is_compiled_for_one_architecture_or_left_over(
    bundles: Mapping[str, Bundle], function: str
) -> None:
    litter = re.compile(r"\.(so|so\..*|pyd|dylib|(?<!\.cpython-313\.)pyc|orig|lock)$|/(tests?|bin|\.[^/]+)(/|$)")
    assert [path for path in files(bundles[function]) if litter.search(f"/{path}")] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bundle_stays_small(bundles: Mapping[str, Bundle], function: str) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files(bundles[function]).items():
            archive.write(path, name)
        assert sum(info.file_size for info in archive.infolist()) < MAX_UNZIPPED_BYTES
    assert memory.tell() < MAX_ZIPPED_BYTES


@pytest.mark.parametrize("function", FUNCTIONS)
def test_importing_a_function_needs_no_environment_and_has_no_effect(
    bundles: Mapping[str, Bundle], function: str
) -> None:
    done = run_python(BEFORE_IMPORT, bundles[function].path, environ={})
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_everything_a_function_imports_comes_from_its_bundle_or_from_python(
    bundles: Mapping[str, Bundle], bytecode: Path, function: str, tmp_path: Path
) -> None:
    """Otherwise all the other tests here would prove nothing."""
    (tmp_path / "probe.py").write_text(PROBE)
    bundle = bundles[function]
    with Rie(
        bundle.folder, bundle.layers, {}, bytecode=bytecode, handler="probe.handler", extra_path=[tmp_path]
    ) as rie:
        answer = rie.invoke({}).json
    origins = {name: Path(file) for name, file in answer["origins"].items()}

    def of_bundle(file: Path) -> bool:
        return any(file.is_relative_to(folder) for folder in bundle.path)

    def of_python(file: Path) -> bool:
        return file.is_relative_to(answer["stdlib"]) and "site-packages" not in file.parts

    for name in ("app", "aws_lambda_powertools", "boto3", "botocore", "jinja2", "testmo_notifier", "urllib3"):
        assert of_bundle(origins[name]), f"{name} comes from {origins[name]}"
    foreign = {name.partition(".")[0] for name, file in origins.items() if not of_bundle(file) and not of_python(file)}
    assert foreign <= RUNTIME | {"probe", "__main__", "__mp_main__"}


def files(bundle: Bundle) -> dict[str, Path]:
    """Every file of a bundle by its path in it."""
    return {
        f"{folder.name}/{path.relative_to(folder)}": path
        for folder in (bundle.folder, *bundle.layers)
        for path in folder.rglob("*")
        if path.is_file()
    }


def normalised(name: str) -> str:
    """A distribution's name as https://packaging.python.org/en/latest/specifications/name-normalization/ wants it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def top_level_names(record: Path) -> set[str]:
    """The files and folders that a distribution's RECORD lists, by the first part of their paths."""
    return {line.partition(",")[0].split("/")[0] for line in record.read_text().splitlines()}
