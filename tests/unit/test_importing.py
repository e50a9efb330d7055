"""Functions import from one file as they would from many, and look for garbage only when that is done."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from testmo_notifier.importing import Pack, quick_imports, uncollected
from tools.lib.processes import ROOT

COMMON = ROOT / "layers" / "common"
LEVELS = '"""Levels."""\nfrom pathlib import Path\nTEXT = Path(__file__).with_name("text.txt").read_text()\n'
FAILS = "def fail():\n    raise ValueError('the reason')  # a comment\n"
# Imports as a function does; says where each module came from, and what a traceback shows of it.
FUNCTION = """
import json, sys, traceback
class Hook:  # of a layer that traces functions: it hears of each import first, and leaves it to others
    heard = []
    def find_spec(self, name, *_):
        self.heard.append(name)
sys.meta_path.insert(0, Hook())
from testmo_notifier.importing import quick_imports
with quick_imports():
    import other
    from other.deep import levels
import other.fails
from importlib.resources import files
try:
    other.fails.fail()
except ValueError:
    seen = traceback.format_exc()
try:
    import other.nowhere
except ModuleNotFoundError as exc:
    missing = str(exc)
ours = ("other", "testmo_notifier")
print(json.dumps({
    "loaders": {name: type(it.__loader__).__name__ for name, it in sys.modules.items() if name.startswith(ours)},
    "files": [other.__file__, other.__spec__.origin, *other.__path__, levels.__file__],
    "documented": levels.__doc__, "text": levels.TEXT, "resource": files(other.deep).joinpath("text.txt").read_text(),
    "comment": "# a comment" in seen, "missing": missing,
    "heard": [name for name in Hook.heard if name.startswith("other")],
}))
"""

# A layer that traces functions has imported a package of its own before the function is: the same, of another version.
AFTER_ANOTHER = """
import json, sys
import other
from testmo_notifier.importing import quick_imports
with quick_imports():
    import other.deep.levels
    import other.fails
    import testmo_notifier.plain
print(json.dumps({name: it.__file__ for name, it in sys.modules.items() if name.startswith(("other", "testmo"))}))
"""


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A layer, built as the makefile does it: with a package beside ours."""
    layer = tmp_path / "layer"
    ours = layer / "testmo_notifier"
    ours.mkdir(parents=True)
    (ours / "__init__.py").touch()
    (ours / "importing.py").write_text((COMMON / "testmo_notifier" / "importing.py").read_text())
    (ours / "plain.py").touch()
    traced = layer / "urllib3" / "util"
    traced.mkdir(parents=True)
    (traced.parent / "__init__.py").touch()
    (traced / "url.py").touch()
    deep = layer / "other" / "deep"
    deep.mkdir(parents=True)
    (deep.parent / "__init__.py").touch()
    (deep.parent / "fails.py").write_text(FAILS)
    (deep / "__init__.py").touch()
    (deep / "levels.py").write_text(LEVELS)
    (deep / "text.txt").write_text("beside it")
    for command in (["-m", "compileall", "-q", str(layer)], [str(COMMON / "pack.py"), str(layer)]):
        subprocess.run([sys.executable, "-I", *command], check=True)  # noqa: S603 - our own
    return layer


def imported(*path: Path, function: str = FUNCTION) -> dict[str, object]:
    """What a function says that is imported from these folders."""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-S", "-B", "-c", f"import sys; sys.path[:0] = {[*map(str, path)]!r}\n{function}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_modules_come_out_of_the_pack_and_are_as_they_would_be_without_it(layer: Path) -> None:
    packed = imported(layer)
    (layer / "testmo_notifier" / "bytecode.pack").unlink()
    plain = imported(layer)

    late = dict.fromkeys(("other", "other.deep", "other.deep.levels", "other.fails"), "Packed")
    before = dict.fromkeys(("testmo_notifier", "testmo_notifier.importing"), "SourceFileLoader")
    assert packed.pop("loaders") == late | before
    assert plain.pop("loaders") == dict.fromkeys(late | before, "SourceFileLoader")
    assert packed == plain
    assert (packed["text"], packed["comment"]) == ("beside it", True)
    assert packed["missing"] == "No module named 'other.nowhere'"
    assert packed["heard"] == ["other", "other.deep", "other.deep.levels", "other.fails", "other.nowhere"]


def test_it_is_the_pack_that_is_loaded(layer: Path) -> None:
    (layer / "other" / "deep" / "levels.py").write_text("")  # nobody looks: the layer does not change

    assert imported(layer)["documented"] == "Levels."


def test_beside_the_pack_is_the_bytecode_of_what_may_be_imported_before_it_is_open(layer: Path) -> None:
    """A layer that traces functions imports botocore first: compiled each time, a cold start took 1.7 times as long."""
    kept = {str(path.relative_to(layer)).partition(".")[0] for path in layer.rglob("*.pyc")}

    assert kept == {
        *("testmo_notifier/__pycache__/__init__", "testmo_notifier/__pycache__/importing"),
        *("urllib3/__pycache__/__init__", "urllib3/util/__pycache__/url"),
    }
    assert len([*layer.rglob("__pycache__")]) == 3


def test_a_package_that_was_imported_from_elsewhere_goes_on_there(layer: Path, tmp_path: Path) -> None:
    """Half of one version and half of another would not even start: `botocore`, which a layer for X-Ray brings."""
    tracer = tmp_path / "tracer"
    shutil.copytree(layer / "other", tracer / "other")

    found = imported(tracer, layer, function=AFTER_ANOTHER)

    names = {"other", "other.deep", "other.deep.levels", "other.fails"}
    assert {name for name, file in found.items() if str(file).startswith(str(tracer))} == names
    assert found["testmo_notifier.plain"] == str(layer / "testmo_notifier" / "plain.py")


def test_the_pack_of_another_python_is_left_alone(layer: Path) -> None:
    pack = layer / "testmo_notifier" / "bytecode.pack"
    pack.write_bytes(bytes(len(MAGIC_NUMBER)) + pack.read_bytes()[len(MAGIC_NUMBER) :])

    assert Pack.of(str(pack.parent)) is None
    assert set(imported(layer)["loaders"].values()) == {"SourceFileLoader"}  # type: ignore[attr-defined]


def test_nothing_is_collected_while_a_function_imports_and_what_it_imported_is_never_looked_through() -> None:
    assert gc.isenabled()
    kept = gc.get_freeze_count()

    with quick_imports():
        assert not gc.isenabled()

    assert gc.isenabled()
    assert gc.get_freeze_count() > kept
    gc.unfreeze()


def test_an_import_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ModuleNotFoundError), uncollected():
        import nowhere  # type: ignore[import-not-found]  # noqa: F401, PLC0415

    assert gc.isenabled()
