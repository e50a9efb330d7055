"""Imports without a look for garbage: they make none, and looking for it takes a tenth of a cold start."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Import in this, or make what lasts. It stays, and is never looked through again."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
