"""Functions import without a look for garbage, and look for it ever after, whatever becomes of the imports."""

from __future__ import annotations

import gc

import pytest

from testmo_notifier.importing import uncollected


def test_nothing_is_collected_while_a_function_imports_and_what_it_imported_is_never_looked_through() -> None:
    assert gc.isenabled()
    kept = gc.get_freeze_count()

    with uncollected():
        assert not gc.isenabled()

    assert gc.isenabled()
    assert gc.get_freeze_count() > kept
    gc.unfreeze()


def test_an_import_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ModuleNotFoundError), uncollected():
        import nowhere  # type: ignore[import-not-found]  # noqa: F401, PLC0415

    assert gc.isenabled()
