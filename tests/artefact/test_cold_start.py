"""What a cold start need not do: compile, import what nothing uses, make a client twice. Structure, not time."""

from __future__ import annotations

import json
import marshal
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore
import pytest

from tests.artefact.conftest import VARIABLES, Bundle
from tests.artefact.rie import run_python
from tools.lib import processes

COMMON = processes.ROOT / "layers" / "common"
SERVICES = {"dynamodb", "secretsmanager", "sns", "sqs", "sts"}
FUNCTIONS = ("PollerFunction", "SlackFunction")

# What neither function has any use for in UTC, what the poller needs for its first message, and what the Slack function
# leaves to the poller.
NOBODY_NEEDS = (
    *("multiprocessing", "s3transfer.tasks", "importlib.metadata", "importlib.resources._common", "zipfile"),
    *("zoneinfo", "testmo_notifier.adapters.light"),
)
POLLER_DOES_WITHOUT = (
    *("jinja2", "testmo_notifier.channels.render", "testmo_notifier.channels.slack.rendering"),
    *("testmo_notifier.notices.view", "testmo_notifier.text.markup"),
)
SLACK_DOES_WITHOUT = (
    *POLLER_DOES_WITHOUT,
    *("tomllib", "testmo_notifier.sources", "testmo_notifier.poll", "testmo_notifier.polling"),
    "testmo_notifier.model.state",
    *("testmo_notifier.channels.slack.run_message", "testmo_notifier.channels.slack.thread", "testmo_notifier.text"),
)

# Everything up to the first invocation, and what it took.
COLD_START = """
import json, sys
import botocore.session
made, sessions = [], []
create, begin = botocore.session.Session.create_client, botocore.session.Session.__init__
def create_client(session, service, *args, **options):
    made.append(service)
    return create(session, service, *args, **options)
def initialise(session, *args, **options):
    sessions.append(session)
    begin(session, *args, **options)
botocore.session.Session.create_client = create_client
botocore.session.Session.__init__ = initialise
import app
app._service()
print(json.dumps({"modules": sorted(sys.modules), "clients": sorted(made), "sessions": len(sessions)}))
"""
AWS = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

# What is needed before the pack is open, and what a layer that traces functions imports before.
BEFORE = {
    "testmo_notifier/__pycache__/__init__.cpython-313.pyc",
    "testmo_notifier/__pycache__/importing.cpython-313.pyc",
}
TRACED = "import botocore.client, botocore.httpsession, urllib3.connectionpool"
# Says which modules of a folder have not the bytecode of their own source, in the pack or beside it.
INSPECT = """
import importlib.util, json, marshal, pathlib, sys
root = pathlib.Path(sys.argv[1])
content = (root / "testmo_notifier" / "bytecode.pack").read_bytes()
index = marshal.loads(content[8:8 + int.from_bytes(content[4:8])])
found = {source: content[start:start + size] for source, start, size in index.values()}
sources = {str(path.relative_to(root)): path for path in root.rglob("*.py")}
wrong = sorted(found.keys() ^ sources.keys())
def shown(code):
    sets_in_order = [sorted(one, key=repr) if isinstance(one, frozenset) else one for one in code.co_consts]
    constants = [shown(one) if hasattr(one, "co_code") else repr(one) for one in sets_in_order]
    return code.co_filename, code.co_code, code.co_names, constants
for name, path in sources.items():
    made = compile(path.read_bytes(), f"/opt/python/{name}", "exec", dont_inherit=True)
    if shown(marshal.loads(found[name])) != shown(made):
        wrong.append(name)
for path in root.rglob("*.pyc"):
    source = path.parents[1] / f"{path.name.partition('.')[0]}.py"
    if path.read_bytes()[16:] != found[str(source.relative_to(root))]:
        wrong.append(str(path))
print(json.dumps({"wrong": wrong, "sources": len(sources), "magic": content[:4] == importlib.util.MAGIC_NUMBER}))
"""
# Says which modules of a folder are made from what.
MADE_FROM = """
import json, sys
import app, jinja2
files = {name: module.__file__ for name, module in sys.modules.items() if getattr(module, "__file__", None)}
ours = [name for name, file in files.items() if file.startswith(sys.argv[1])]
print(json.dumps({name: type(sys.modules[name].__loader__).__name__ for name in ours}))
"""


@pytest.fixture(scope="session")
def runtime() -> str:
    """The Python that makes the layer's bytecode."""
    command = ["make", "--silent", "--directory", str(COMMON), "runtime"]
    python = subprocess.run(command, capture_output=True, text=True, check=True, env=build_environ()).stdout.strip()  # noqa: S603 - our own
    if not python:
        pytest.skip("no Python 3.13 on the PATH, of uv or of pyenv: the layer is built without bytecode")
    return python


@pytest.fixture(scope="session")
def layer(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer built now, with bytecode. What `built` found may be from before there was a Python 3.13."""
    del runtime
    return make_layer(COMMON, tmp_path_factory.mktemp("layer"))


def build_environ() -> dict[str, str]:
    return {**os.environ, "PATH": f"{processes.ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"}


def make_layer(sources: Path, artefacts: Path) -> Path:
    """Run the layer's makefile as `sam build` does."""
    command = ["make", "--silent", "--directory", str(sources), "build-CommonLayer", f"ARTIFACTS_DIR={artefacts}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=build_environ())  # noqa: S603 - our own
    assert done.returncode == 0, done.stderr
    return artefacts / "python"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cold_start(bundle: Bundle, function: str) -> dict[str, Any]:
    (layer,) = [path for path in bundle.path if (path / "tzdata").is_dir()]
    environ = {**VARIABLES[function], **AWS, "PYTHONTZPATH": str(layer / "tzdata" / "zoneinfo")}
    done = run_python(COLD_START, bundle.path, environ)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_cold_start_imports_nothing_that_its_function_has_no_use_for(
    bundles: Mapping[str, Bundle], function: str
) -> None:
    modules = cold_start(bundles[function], function)["modules"]
    unwanted = NOBODY_NEEDS + (SLACK_DOES_WITHOUT if function == "SlackFunction" else POLLER_DOES_WITHOUT)
    assert {"boto3", "urllib3", "aws_lambda_powertools", "app"} <= {*modules}
    assert [name for name in modules if name.startswith(tuple(f"{one}." for one in unwanted)) or name in unwanted] == []


@pytest.mark.parametrize(
    ("function", "clients"),
    [
        ("PollerFunction", ["dynamodb", "secretsmanager", "sns"]),
        ("SlackFunction", ["dynamodb", "secretsmanager", "sqs"]),
    ],
)
def test_no_client_is_made_twice_and_all_are_of_one_session(
    bundles: Mapping[str, Bundle], function: str, clients: list[str]
) -> None:
    found = cold_start(bundles[function], function)
    assert (found["clients"], found["sessions"]) == (clients, 1)


def test_the_end_points_of_the_services_we_use_are_botocores_own_and_no_others_are_there(
    bundles: Mapping[str, Bundle],
) -> None:
    (common,) = [path for path in bundles["SlackFunction"].path if (path / "botocore").is_dir()]
    data = Path("botocore", "data", "endpoints.json")
    whole = json.loads((Path(botocore.__file__).parents[1] / data).read_text())
    kept = json.loads((common / data).read_text())
    assert len(kept["partitions"]) == len(whole["partitions"]) > 1
    for trimmed, partition in zip(kept["partitions"], whole["partitions"], strict=True):
        services = {name: at for name, at in partition["services"].items() if name in SERVICES}
        assert trimmed == {**partition, "services": services}


def test_every_module_of_the_layer_has_the_bytecode_of_its_own_source_and_no_other_is_there(
    runtime: str, layer: Path
) -> None:
    """Nothing compares them at run time: stale bytecode would be yesterday's program."""
    done = subprocess.run([runtime, "-I", "-c", INSPECT, str(layer)], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    found = json.loads(done.stdout)
    assert (found["wrong"], found["magic"]) == ([], True)
    assert found["sources"] > 500


def test_what_is_imported_before_the_pack_is_open_is_not_compiled(runtime: str, layer: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own
        [runtime, "-v", "-s", "-P", "-B", "-c", TRACED], env={"PYTHONPATH": str(layer)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert f"# code object from '{layer}/botocore/" in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith(f"# code object from {layer}")] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_runtimes_python_takes_all_of_the_layer_from_the_pack(
    runtime: str, layer: Path, bundles: Mapping[str, Bundle], function: str
) -> None:
    """What is imported late, too. Of what is needed before, `-v` tells what it was made from."""
    path = [
        bundles[function].folder,
        layer,
        *(p for p in bundles[function].path if (p / "testmo_notifier_settings").is_dir()),
    ]
    done = subprocess.run(  # noqa: S603 - our own
        [runtime, "-v", "-s", "-P", "-B", "-c", MADE_FROM, str(layer)],
        env={"PYTHONPATH": ":".join(map(str, path))}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaders = json.loads(done.stdout)
    assert len(loaders) > 200
    assert {name for name, loader in loaders.items() if loader != "Packed"} == {
        "testmo_notifier",
        "testmo_notifier.importing",
    }
    made_from = [line.split("'")[1] for line in done.stderr.splitlines() if line.startswith("# code object from '")]
    assert {str(Path(name).relative_to(layer)) for name in made_from if name.startswith(str(layer))} == BEFORE


def test_an_unchanged_build_stays_the_same_to_the_last_bit(layer: Path, tmp_path: Path) -> None:
    """Elsewhere and at another time: else every `sam deploy` would update both functions."""
    shutil.copytree(COMMON, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("__pycache__"))
    for source in (tmp_path / "elsewhere").rglob("*.py"):
        os.utime(source, (1_000_000_000, 1_000_000_000))
    again = make_layer(tmp_path / "elsewhere", tmp_path / "artefacts")
    assert contents(again) == contents(layer)


def test_what_installed_the_packages_leaves_no_trace_of_where_it_was(bundles: Mapping[str, Bundle]) -> None:
    """`sam build` may take its Python from one environment today and from another tomorrow."""
    (common,) = [path for path in bundles["SlackFunction"].path if (path / "botocore").is_dir()]
    records = [record.read_text() for record in common.glob("*.dist-info/RECORD")]
    listed = [line.partition(",")[0] for record in records for line in record.splitlines()]
    assert len(listed) > 500
    assert [name for name in listed if not (common / name).exists()] == []


def test_a_changed_source_is_the_only_one_whose_bytecode_changes(layer: Path, tmp_path: Path) -> None:
    """Also where yesterday's bytecode of an editor or a test lies beside the source."""
    shutil.copytree(COMMON, tmp_path / "changed")
    changed = tmp_path / "changed" / "testmo_notifier" / "version.py"
    stale = changed.parent / "__pycache__" / "version.cpython-313.pyc"
    stale.parent.mkdir(exist_ok=True)
    shutil.copy(layer / "testmo_notifier" / "__pycache__" / "importing.cpython-313.pyc", stale)
    changed.write_text(changed.read_text() + "CHANGED = True\n")
    again = make_layer(tmp_path / "changed", tmp_path / "artefacts")
    before, after = contents(layer), contents(again)
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        "testmo_notifier/version.py",
        "testmo_notifier/bytecode.pack",
    }
    codes, new = codes_in(layer), codes_in(again)
    assert {name for name in codes | new if codes.get(name) != new.get(name)} == {"testmo_notifier.version"}


def codes_in(layer: Path) -> dict[str, bytes]:
    """The bytecode of each module in the pack."""
    pack = (layer / "testmo_notifier" / "bytecode.pack").read_bytes()
    index = marshal.loads(pack[8 : 8 + int.from_bytes(pack[4:8])])  # noqa: S302 - our own
    return {name: pack[start : start + size] for name, (_, start, size) in index.items()}
