"""How functions import: from one file where the build made it, and without a look for garbage."""

from __future__ import annotations

import gc
import marshal
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import MAGIC_NUMBER, spec_from_file_location
from types import CodeType
from typing import Any, BinaryIO


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import in this. All modules out of one file, instead of five hundred, save a tenth of a cold start."""
    if pack := Pack.of(os.path.dirname(__file__)):  # noqa: PTH120 - nothing is imported yet, and pathlib is large
        # Stays, as some modules are imported late, and stands behind the hooks of whoever traces the function.
        sys.meta_path.insert(sys.meta_path.index(PathFinder), pack)
    with uncollected():
        yield


@contextmanager
def uncollected() -> Iterator[None]:
    """Make what lasts in this. A look for garbage finds none there; what was made is never looked through again."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


class Pack:
    """Finds the modules of the layer whose bytecode is in `bytecode.pack`, which `pack.py` writes."""

    def __init__(self, file: BinaryIO, layer: str, places: Mapping[str, tuple[str, int, int]]) -> None:
        self._file, self._layer, self._places = file, layer, places  # the file stays open

    @classmethod
    def of(cls, package: str) -> Pack | None:
        """That of the layer with this package; None where the build made none, or for another Python."""
        try:
            file = open(os.path.join(package, "bytecode.pack"), "rb")  # noqa: PTH118, PTH123, SIM115 - see above
        except FileNotFoundError:
            return None
        if file.read(len(MAGIC_NUMBER)) != MAGIC_NUMBER:
            file.close()
            return None
        places = loaded(file.read(int.from_bytes(file.read(4))))
        return cls(file, os.path.dirname(package), places)  # noqa: PTH120 - see above

    def find_spec(self, name: str, path: Collection[str] | None = None, _target: object = None) -> ModuleSpec | None:
        """As the standard library would find it in the layer.

        None for what is not of it, or in a package that another layer had imported before: that goes on there.
        """
        package = f"{self._layer}/{name.rpartition('.')[0].replace('.', '/')}"
        if name not in self._places or (path is not None and package not in path):
            return None
        source, start, size = self._places[name]
        file = f"{self._layer}/{source}"
        return spec_from_file_location(name, file, loader=Packed(name, file, self._file.fileno(), start, size))


class Packed(SourceFileLoader):
    """Loads as the standard library does; only the bytecode comes from elsewhere."""

    def __init__(self, name: str, path: str, file: int, start: int, size: int) -> None:
        super().__init__(name, path)
        self._place = (file, size, start)

    def get_code(self, _name: str) -> CodeType:
        """The bytecode, from its place in the file. Any thread may ask."""
        code: CodeType = loaded(os.pread(*self._place))
        return code


def loaded(content: bytes) -> Any:  # noqa: ANN401 - bytecode, or the index
    """What the build wrote: as trusted as the sources beside it."""
    return marshal.loads(content)  # noqa: S302  # nosec B302
