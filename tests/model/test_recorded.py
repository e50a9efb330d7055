"""A change of the structure changes nothing else: histories recorded before it come out the same after it.

Compared are the requests to Testmo, the stored items and what was published. When one differs, print the history with
both versions (`python -m tests.model.recorded SEED`) and compare the lines.
"""

from __future__ import annotations

import json

import pytest

from tests.model.recorded import GOLDEN, SEEDS, digest


@pytest.mark.parametrize("seed", SEEDS)
def test_a_recorded_history_comes_out_the_same(seed: int) -> None:
    assert digest(seed) == json.loads(GOLDEN.read_text("utf-8"))[str(seed)]
