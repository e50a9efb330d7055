"""Puts the bytecode of all modules of the built layer into one file, from which `importing.py` takes it.

    python3 pack.py LAYER

What is needed before that file is open keeps its own, and so does what a layer that traces functions imports before.
"""

from __future__ import annotations

import marshal
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

PACKAGE = "testmo_notifier"
BEFORE = (PACKAGE, f"{PACKAGE}.importing")
TRACED = ("botocore", "dateutil", "jmespath", "six", "urllib3")
HEAD = 16  # bytes of a .pyc before its code: Python's magic number, flags, and what would tell whether it is stale


def pack(layer: Path) -> bytes:
    """Python's magic number, the index's size in 4 bytes, the index, the code of all modules.

    The index has by name where a module's source is, and from which byte of the file its code goes, and how many.
    """
    compiled = {path: source_of(path) for path in sorted(layer.rglob("*.pyc"))}
    codes = {name_of(source.relative_to(layer)): path.read_bytes()[HEAD:] for path, source in compiled.items()}
    sources = [str(source.relative_to(layer)) for source in compiled.values()]

    def index(start: int) -> bytes:
        places = {}
        for (name, code), source in zip(codes.items(), sources, strict=True):
            places[name] = (source, start, len(code))
            start += len(code)
        return marshal.dumps(places, 2)  # without references, so that every number takes the same room

    head = len(MAGIC_NUMBER) + 4
    size = len(index(0))
    return MAGIC_NUMBER + size.to_bytes(4) + index(head + size) + b"".join(codes.values())


def source_of(compiled: Path) -> Path:
    """Which file `__pycache__/name.cpython-313.pyc` was made of."""
    return compiled.parents[1] / f"{compiled.name.partition('.')[0]}.py"


def name_of(source: Path) -> str:
    """The module's, by its source's path in the layer."""
    parts = source.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    LAYER = Path(sys.argv[1])
    (LAYER / PACKAGE / "bytecode.pack").write_bytes(pack(LAYER))
    for path in [*LAYER.rglob("*.pyc")]:
        name = name_of(source_of(path).relative_to(LAYER))
        if name not in BEFORE and name.partition(".")[0] not in TRACED:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
