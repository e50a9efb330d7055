from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.story import Story, playing


@pytest.fixture
def story() -> Iterator[Story]:
    with playing() as story:
        yield story
